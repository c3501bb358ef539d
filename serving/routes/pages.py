"""Pages: the start, the login, and the way to a report."""

from dataclasses import replace
from typing import Annotated
from urllib.parse import parse_qs, quote, urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from serving.access.caller import Caller, TenantKind
from serving.access.forms import FORM
from serving.access.keys import authenticate, live_caller
from serving.access.sessions import COOKIE, local_path
from serving.http.body import read_bytes
from serving.http.problems import language_of
from serving.http.refusals import CrossSiteRefused, NotAuthenticated
from serving.pages import page
from serving.schemas import SUPPLIER_ID_PATTERN
from serving.service import InService, Service, admit

router = APIRouter(tags=["pages"], include_in_schema=False)
Lang = Annotated[str | None, Query(pattern="^(zh|en)$")]


class LoginNeeded(Exception):
    """The page needs a session; the browser is led to the login and back."""


def session_caller(request: Request, service: InService) -> Caller:
    """Return the caller of the browser's session, or lead it to the login."""
    prefix, scopes = service.sessions.read(request.cookies.get(COOKIE)) or (None, None)
    caller = live_caller(service.store, prefix) if prefix is not None else None
    if caller is None:
        raise LoginNeeded
    return admit(request, service, caller if scopes is None else replace(caller, scopes=caller.scopes & scopes))


InSession = Annotated[Caller, Depends(session_caller)]


async def lead_to_login(request: Request, error: Exception) -> Response:
    """Answer a page without a session."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse("/login?" + urlencode({"next": wanted}), 303)


@router.get("/")
def start(request: Request, service: InService, caller: InSession, lang: Lang = None) -> Response:
    """Show where to go from here."""
    return page(
        "start.html.j2",
        language_of(request, lang),
        here="/?",
        latest_as_of=service.ledger.latest_as_of,
        supplier_id=caller.supplier_id,
        is_operator=caller.kind is TenantKind.OPERATOR,
        has_desk=caller.kind is TenantKind.BANK,
    )


@router.get("/report")
def find_report(
    caller: InSession, supplier_id: Annotated[str, Query(min_length=1, max_length=64, pattern=SUPPLIER_ID_PATTERN)], lang: Lang = None
) -> Response:
    """Lead from the form to the report of the supplier named in it."""
    query = urlencode({"lang": lang}) if lang else ""
    return RedirectResponse(f"/report/{quote(supplier_id.strip(), safe='')}?{query}".rstrip("?"), 303)


@router.get("/login")
def show_login(request: Request, service: InService, token: str | None = None, next: str | None = None, lang: Lang = None) -> Response:
    """Show the login form, or take a one-time link; HEAD, as programs send that look at links first, does not use the link up."""
    if request.state.is_head:
        token = None
    if token is not None:
        prefix = service.sessions.redeem_link(token)
        if prefix is not None:
            return _enter(service, service.sessions.issue(prefix), local_path(next))
    language = language_of(request, lang)
    notice = "login.link_used" if token is not None else None
    here = "/login?" + urlencode({"next": local_path(next)}) + "&"
    return page("login.html.j2", language, status=401 if notice else 200, here=here, next_page=local_path(next), notice=notice)


@router.post("/login")
async def log_in(request: Request, service: InService, lang: Lang = None) -> Response:
    """Take a key or an access token from the form and begin a session; one got with a token has the token's scopes and span of life."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise CrossSiteRefused
    raw = await read_bytes(request, FORM)
    form = parse_qs(raw.decode("utf-8", "replace"), max_num_fields=8)
    next_page = local_path(form.get("next", [""])[0])
    try:
        cookie = await run_in_threadpool(_cookie_of, service, form.get("key", [""])[0].strip())
    except NotAuthenticated:
        here = "/login?" + urlencode({"next": next_page}) + "&"
        return page("login.html.j2", language_of(request, lang), status=401, here=here, next_page=next_page, notice="login.wrong_key")
    return _enter(service, cookie, next_page)


@router.post("/logout")
def log_out(request: Request) -> Response:
    """End the session in this browser."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise CrossSiteRefused
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def _cookie_of(service: Service, shown: str) -> str:
    """Return the cookie of the session that a key or a token opens, or refuse with `NotAuthenticated`."""
    if shown.count(".") != 2:
        return service.sessions.issue(authenticate(service.store, shown).prefix)
    prefix, scopes = service.tokens.read(shown)
    if live_caller(service.store, prefix) is None:
        raise NotAuthenticated
    return service.sessions.issue(prefix, scopes=scopes, seconds=service.tokens.seconds)


def _enter(service: Service, cookie: str, next_page: str) -> Response:
    """Set the session's cookie and go to the page."""
    answer = RedirectResponse(next_page, 303)
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=service.sessions.seconds,
        httponly=True,
        samesite="strict",
        secure=service.settings.secure_cookies,
    )
    return answer
