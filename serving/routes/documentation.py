"""The documentation: the API's description, as JSON and as a page that needs neither a script nor another host."""

import gzip
import json
from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from serving.access.caller import SCOPES_OF, TenantKind
from serving.http.openapi import PROBLEMS
from serving.http.problems import REFUSALS, language_of
from serving.pages import page
from serving.routes.pages import Lang

router = APIRouter(tags=["documentation"], include_in_schema=False)


@router.get("/openapi.json")
def openapi_json(request: Request) -> Response:
    """Return the description for tools."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
def docs(request: Request, lang: Lang = None) -> Response:
    """Show the description for people, with commands to paste."""
    schema = request.app.openapi()
    operations = [
        {"path": path, "method": method, "spec": schema["paths"][path][method], "problems": _by_status(problems)}
        for (path, method), problems in PROBLEMS.items()
        if path in schema["paths"]
    ]
    codes = sorted({(status, code) for status, code in REFUSALS.values()} | {problem for all_of in PROBLEMS.values() for problem in all_of})
    base = str(request.base_url).rstrip("/")
    answer = page(
        "docs.html.j2",
        language_of(request, lang),
        here="/docs?",
        schema=schema,
        operations=operations,
        codes=codes,
        base=base,
        pretty=pretty,
        key_of=key_of,
    )
    return _compressed(answer) if "gzip" in request.headers.get("accept-encoding", "") else answer


def _by_status(problems: Iterable[tuple[int, str]]) -> dict[str, list[str]]:
    """Return the codes of an operation's problems under each status."""
    found: dict[str, list[str]] = {}
    for status, code in problems:
        found.setdefault(str(status), []).append(code)
    return found


def _compressed(answer: Response) -> Response:
    """Return the page in a tenth of its bytes; there is nothing secret in it that its length could give away."""
    headers = {"Content-Language": answer.headers["content-language"], "Vary": answer.headers["vary"] + ", Accept-Encoding"}
    return Response(gzip.compress(bytes(answer.body), 6, mtime=0), 200, headers | {"Content-Encoding": "gzip"}, "text/html")


def key_of(operation: dict[str, Any]) -> str:
    """Return the name under which the commands know a key that may do this: the bank's, or where a bank may not, another's."""
    scopes = {scope for way in operation["security"] for named in way.values() for scope in named}
    for kind, name in ((TenantKind.BANK, "$LIANXIN_KEY"), (TenantKind.SUPPLIER, "$SUPPLIER_KEY")):
        if scopes <= SCOPES_OF[kind]:
            return name
    return "$OPERATOR_KEY"


def pretty(value: object) -> str:
    """Return JSON as people read it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
