"""HEAD is GET without the body, wherever GET is answered."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI

from serving.access.keys import authenticate
from serving.access.sessions import COOKIE
from serving.store import Store
from tests.serving.client import Client


def call(app: FastAPI, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    """Call the application below any client, which would leave a body out by itself."""
    sent: list[dict[str, Any]] = []
    route, _, query = path.partition("?")
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": method, "path": route},
        **{"raw_path": route.encode(), "query_string": query.encode(), "root_path": "", "server": ("testserver", 80)},
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
    }

    asked = 0

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if asked > 1:  # the caller stays and says nothing more
            await asyncio.sleep(60)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    asyncio.run(app(scope, receive, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/docs", "/openapi.json", "/login", "/", "/static/page.css", "/no/such/page", "/v1/models/current"]
)
def test_head_is_get_without_the_body(app: FastAPI, path: str) -> None:
    status, headers, body = call(app, "GET", path)
    head = call(app, "HEAD", path)
    changing = {"x-request-id"}
    assert head[0] == status
    # A problem's text has the request's id, as long as any other.
    assert {k: v for k, v in head[1].items() if k not in changing} == {k: v for k, v in headers.items() if k not in changing}
    assert head[2] == b""
    assert body or status == 303


def test_head_of_a_report_is_answered(app: FastAPI, key: str, owner: Store, supplier: str) -> None:
    cookie = app.state.service.sessions.issue(authenticate(owner, key).prefix)
    status, headers, body = call(app, "HEAD", f"/report/{supplier}?lang=en", {"Cookie": f"{COOKIE}={cookie}"})
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 1000


def test_head_does_not_use_a_one_time_link_up(app: FastAPI, browser: Client, owner: Store, key: str) -> None:
    token = app.state.service.sessions.issue_link(authenticate(owner, key).prefix)
    status, headers, _ = call(app, "HEAD", f"/login?token={token}&next=/")
    assert status == 200
    assert "set-cookie" not in headers
    assert browser.get(f"/login?token={token}&next=/").status_code == 303


def test_where_there_is_no_get_there_is_no_head(app: FastAPI) -> None:
    assert call(app, "HEAD", "/v1/scores")[0] == 405
    assert call(app, "DELETE", "/healthz")[1]["allow"] == "GET, HEAD"
    assert call(app, "GET", "/v1/scores")[1]["allow"] == "POST"
