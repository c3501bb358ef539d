"""A bank's person at the desk: logs in, reads pages, sends the forms they hold."""

import re
import uuid
from typing import Any
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI

from tests.serving.client import Client
from tests.serving.test_pages import Page

HIDDEN = re.compile(r'<input type="hidden" name="(token|key)" value="([^"]+)"')


class Person:
    """Someone with a session; everything read is checked to be whole, light and without script of its own."""

    def __init__(self, app: FastAPI, key: str, language: str = "en") -> None:
        self.client = Client(app, Accept_Language=language, Accept="text/html")
        assert self.client.post("/login", data={"key": key, "next": "/desk"}).status_code == 303

    def read(self, path: str, status: int = 200) -> httpx.Response:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return check(answer)

    def send(self, shown: str, to: str, fields: dict[str, Any], **headers: str) -> httpx.Response:
        """Send a form of the page ``shown`` with what it hides."""
        hidden = dict(HIDDEN.findall(self.read(shown).text))
        body = urlencode(hidden | fields)
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://testserver"}
        answer = self.client.post(to, content=body, headers=kind | headers)
        return answer if answer.status_code == 303 else check(answer)

    def score(self, supplier: str, as_of: str, key: str, purpose: str = "portfolio_review") -> dict[str, Any]:
        """Ask for a score over the API."""
        asked = {"supplier_id": supplier, "as_of": as_of, "purpose": purpose}
        headers = {"X-API-Key": key, "Idempotency-Key": uuid.uuid4().hex}
        answer = Client(self.client.app, Accept_Language="en").post("/v1/scores", json=asked, headers=headers)
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told


def check(answer: httpx.Response) -> httpx.Response:
    """Every page of the desk: tags that close, under 150 kB with all it loads, nothing inline, labels, captions and scopes."""
    assert len(answer.content) < 84_000  # what it loads beside comes to 66 kB at most
    page = Page(answer.text)
    assert page.open == []
    assert not any(name in attributes for _, attributes in page.tags for name in ("style", "onclick", "onload", "onchange"))
    assert all((script.get("src") or "").startswith("/static/") for script in page.named("script"))
    if "<h1" in answer.text and answer.headers["content-type"].startswith("text/html") and "/desk" in answer.text:
        assert answer.text.count("<table") == answer.text.count("<caption")
        assert all("scope" in head for head in page.named("th"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = {label.get("for") for label in page.named("label")}
    for tag in ("input", "select", "textarea"):
        for field in page.named(tag):
            is_named = field.get("type") in ("hidden", "radio") or field.get("id") in labelled or "aria-label" in field
            assert is_named, field
    return answer


def text_of(html: str) -> str:
    """What a reader reads of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
