"""Hostile names and texts have no effect: not in the database, not in an answer, not on a page, not in the log.

Every string the OpenAPI document lets in is tried: leaves of bodies, headers, parameters of paths and queries, and the pages' own. In the
gate each place gets five of the texts, the next place others; on demand all of them::

    pytest -m load tests/serving/reliability/test_hostile_texts.py
"""

import copy
import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import text

from serving.access.caller import SCOPES_OF, Scope, TenantKind
from serving.access.sessions import COOKIE
from serving.http.middleware import _REQUEST_ID
from serving.http.problems import PROBLEM_TYPE
from serving.store import Store
from tests.serving.client import Client
from tests.serving.world import World

PAGES = ("/report/{}", "/report?supplier_id={}", "/login?next={}", "/login?token={}", "/?lang={}", "/docs?lang={}", "/{}", "/static/{}")
KINDS = {TenantKind.BANK: "own", TenantKind.SUPPLIER: "supplier", TenantKind.OPERATOR: "operator"}
Send = Callable[[str], httpx.Response]


def full_width(payload: str) -> str:
    """Write visible ASCII as its full-width twins, which some databases and forms fold back."""
    return "".join(chr(ord(character) + 0xFEE0) if "!" <= character <= "~" else character for character in payload)


_BY_KIND = json.loads((Path(__file__).parent / "hostile.json").read_text("utf-8"))
_TWINS = [full_width(payload) for kind in ("sql", "html", "template", "formula") for payload in _BY_KIND[kind]]
PAYLOADS = tuple(dict.fromkeys([*(payload for kind in _BY_KIND.values() for payload in kind), *_TWINS]))
"""About two hundred: SQL, HTML, templates, CSV formulas, log lines, paths, and the full-width twins of the first four."""


def places(world: World) -> Iterator[tuple[str, Send]]:
    """Every place of the document that a text can be put into, with the way to put it there."""
    paths = Client(world.app).get("/openapi.json").json()["paths"]
    for path, methods in paths.items():
        for method, operation in methods.items():
            wanted = {Scope(scope) for way in operation.get("security", ()) for scopes in way.values() for scope in scopes}
            kind = next(kind for kind in KINDS if wanted <= SCOPES_OF[kind])
            client = Client(world.app, **{"Accept-Language": "en", **world.headers[KINDS[kind]]})
            yield from _of_operation(client, method.upper(), path, operation)


def _of_operation(client: Client, method: str, path: str, operation: Any) -> Iterator[tuple[str, Send]]:
    """The places of one operation."""
    media, content = next(iter(operation.get("requestBody", {"content": {"": {}}})["content"].items()))
    example = content.get("example", {})

    def send(
        *, body: Any = example, place: str = path, query: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        known = place.replace("{", "").replace("}", "")
        told = {name: value.encode() for name, value in ({"Idempotency-Key": uuid.uuid4().hex} | (headers or {})).items()}
        if media == "text/csv":
            told["Content-Type"] = media.encode()
        sent = {"content": body.encode()} if media == "text/csv" else {"data": body} if "form" in media else {"json": body} if media else {}
        return client.request(method, known, params=query, headers=told, **sent)

    name = f"{method} {path}"
    for leaf in _leaves(example):
        yield f"{name} body {'/'.join(leaf)}", lambda payload, leaf=leaf: send(body=_with(example, leaf, payload))  # type: ignore[misc]
    yield f"{name} header X-Request-Id", lambda payload: send(headers={"X-Request-Id": payload})
    for parameter in operation.get("parameters", ()):
        there = parameter["name"]
        put: dict[str, Send] = {
            "header": lambda payload, there=there: send(headers={there: payload}),  # type: ignore[misc]
            "query": lambda payload, there=there: send(query={there: payload}),  # type: ignore[misc]
            "path": lambda payload, there=there: send(place=path.replace(f"{{{there}}}", quote(payload, safe=""))),  # type: ignore[misc]
        }
        yield f"{name} {parameter['in']} {there}", put[parameter["in"]]


def _leaves(value: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The ways to all strings in a body; of a list, to those of its first item."""
    if isinstance(value, str):
        yield above
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*above, key))
    elif isinstance(value, list):
        for item in value[:1]:
            yield from _leaves(item, (*above, "0"))


def _with(value: Any, leaf: tuple[str, ...], payload: str) -> Any:
    """The body with another string at the leaf; a file with another cell in its first row."""
    if isinstance(value, str):
        cell = payload.replace('"', '""')
        return f'{value.splitlines()[0].split(",")[0]}\n"{cell}"\n'
    whole = copy.deepcopy(value)
    at = whole
    for key in leaf[:-1]:
        at = at[int(key) if isinstance(at, list) else key]
    at[int(leaf[-1]) if isinstance(at, list) else leaf[-1]] = payload
    return whole


def what_must_stay(owner: Store) -> list[Any]:
    """The tables, who may ask, and how many keys are live: nothing of it is for a request to change."""
    statements = (
        "SELECT relname, relrowsecurity FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1",
        "SELECT id, kind, name, tier, closed_at FROM tenants ORDER BY id",
        "SELECT id, digest, scopes, revoked_at, expires_at FROM api_keys ORDER BY id",
    )
    with owner.engine.connect() as connection:
        return [row for statement in statements for row in connection.execute(text(statement)).all()]


def refuse_effect(where: str, payload: str, answer: httpx.Response, seconds: float) -> None:
    """Fail where the answer shows that the text was taken for more than text."""
    assert answer.status_code < 500, (where, payload, answer.text)
    assert seconds < 8, (where, payload)
    assert "set-cookie" not in answer.headers, (where, payload)
    assert not {"\r", "\n"} & set("".join(answer.headers.values())), (where, payload)
    assert answer.headers["x-content-type-options"] == "nosniff"
    if answer.headers.get("content-type") == PROBLEM_TYPE and len(payload) > 3:
        assert payload not in answer.json().values(), (where, payload)
        assert json.dumps(payload)[1:-1] not in answer.text, (where, payload)
    if answer.headers.get("content-type", "").startswith("text/html") and set(payload) & set("<>\"'"):
        assert payload not in answer.text, (where, payload)
    if "location" in answer.headers:
        assert answer.headers["location"].startswith("/"), (where, payload)
        assert not answer.headers["location"].startswith("//"), (where, payload)


class Kept(logging.Handler):
    """Keeps the messages of the access log."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def log() -> Iterator[list[str]]:
    """The lines of the access log as they are written."""
    kept, logger = Kept(), logging.getLogger("lianxin.access")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(kept)
    logger.propagate = False
    yield kept.lines
    logger.removeHandler(kept)
    logger.setLevel(level)
    logger.propagate = True


def try_all(all_of: dict[str, Send], step: int, log: list[str]) -> int:
    """Put texts into each place, look at the answer and at the line of the log, and return how many were sent."""
    sent = 0
    for number, (where, send) in enumerate(all_of.items()):
        for payload in PAYLOADS[number % step :: step]:
            if where.endswith("X-Request-Id") and _REQUEST_ID.fullmatch(payload):  # kept, by its form, in answer and log
                continue
            log.clear()
            began = time.monotonic()
            try:
                answer = send(payload)
            except (httpx.InvalidURL, httpx.LocalProtocolError):  # no client can send it
                continue
            refuse_effect(where, payload, answer, time.monotonic() - began)
            assert [json.loads(line)["status"] for line in log] == [answer.status_code], (where, payload)
            assert not any("\n" in line or (len(payload) > 3 and payload in line) for line in log), (where, payload)
            sent += 1
    return sent


@pytest.mark.parametrize("step", [40, pytest.param(1, marks=pytest.mark.load)])
def test_hostile_texts_have_no_effect(world: World, owner: Store, say: Callable[[str], None], log: list[str], step: int) -> None:
    assert len(PAYLOADS) >= 180
    before = what_must_stay(owner)
    all_of = dict(places(world))
    browser = Client(world.app, Accept="text/html", Accept_Language="en")
    browser.cookies.set(COOKIE, world.app.state.service.sessions.issue(world.headers["own"]["X-API-Key"].split("_")[1]))
    for page in PAGES:
        all_of[f"page {page}"] = lambda payload, page=page: browser.get(page.format(quote(payload, safe="")))  # type: ignore[misc]
    sent = try_all(all_of, step, log)
    assert what_must_stay(owner) == before
    assert sent > 0.8 * len(all_of) * len(PAYLOADS) / step
    say(f"{len(PAYLOADS)} hostile texts, {len(all_of)} places, {sent} requests: no effect")
