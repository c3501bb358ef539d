"""What does every answer carry, whatever it is? A request id, the headers that keep a browser safe, and one line in the log.

HEAD is answered here for every page and operation that answers GET: the same, without the body.

Also the last net: a failure nobody foresaw is logged once and answered as a problem.
"""

import json
import logging
import re
import time
import uuid

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.http.problems import problem

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
log = logging.getLogger("lianxin.access")


class Envelope:
    """Outermost layer of the application."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        offered = request.headers.get("x-request-id", "")
        request_id = offered if _REQUEST_ID.fullmatch(offered) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        is_head = scope["method"] == "HEAD"
        scope["state"]["is_head"] = is_head
        inner = {**scope, "method": "GET"} if is_head else scope
        began, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.update(scope["state"].get("rate", {}))
                headers.setdefault("Cache-Control", "no-store")
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        try:
            await self.app(inner, receive, send_with_headers)
        except Exception:
            logging.getLogger("lianxin.service").exception("failure", extra={"request_id": request_id, "code": "internal"})
            if status:
                raise
            await problem(request, 500, "internal")(scope, receive, send_with_headers)
        finally:
            self._note(scope, status, time.perf_counter() - began, request_id)

    def _note(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        """Count the request and write one line of ids and figures; the route's pattern stands for the path."""
        scope["app"].state.service.metrics.request(scope["method"], scope["state"].get("route"), status, seconds)
        line = {
            "request_id": request_id,
            "method": scope["method"],
            "route": scope["state"].get("route"),
            "status": status,
            "ms": round(seconds * 1000, 2),
            "key": scope["state"].get("caller"),
        }
        log.info("%s", json.dumps(line))
