"""Pages: the report, the login before it, and the documentation."""

import math
import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated
from urllib.parse import parse_qs, quote, urlencode

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from credit.reason import shown_en, shown_zh
from serving.access.caller import Caller, Scope, TenantKind
from serving.access.consents import Permit, permit
from serving.access.keys import authenticate, live_caller
from serving.access.sessions import COOKIE, local_path
from serving.access.tiers import report_within
from serving.assess import assess
from serving.evidence_table import EvidenceTable, evidence_table
from serving.explain import warnings_of
from serving.http.body import read_bytes
from serving.http.languages import Language
from serving.http.problems import language_of
from serving.http.refusals import CrossSiteRefused, NotAuthenticated, ScopeMissing
from serving.pages import page
from serving.report import CreditReport, build_report
from serving.schemas import SUPPLIER_ID_PATTERN, Notice, PlainDate, Purpose
from serving.service import InService, Service, admit
from serving.store import note_lookup

router = APIRouter(tags=["pages"], include_in_schema=False)
BARS = 12
FORM = re.compile(r"application/x-www-form-urlencoded(\s*;\s*charset\s*=\s*utf-8)?\s*", re.IGNORECASE | re.ASCII)
Lang = Annotated[str | None, Query(pattern="^(zh|en)$")]


class LoginNeeded(Exception):
    """The page needs a session; the browser is led to the login and back."""


def session_caller(request: Request, service: InService) -> Caller:
    """Return the caller of the browser's session, or lead it to the login."""
    prefix = service.sessions.prefix(request.cookies.get(COOKIE))
    caller = live_caller(service.store, prefix) if prefix is not None else None
    if caller is None:
        raise LoginNeeded
    return admit(request, service, caller)


InSession = Annotated[Caller, Depends(session_caller)]


async def lead_to_login(request: Request, error: Exception) -> Response:
    """Answer a page without a session."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse("/login?" + urlencode({"next": wanted}), 303)


@router.get("/")
def start(request: Request, service: InService, caller: InSession, lang: Lang = None) -> Response:
    """Show where to go from here."""
    return page("start.html.j2", language_of(request, lang), here="/?", latest_as_of=service.ledger.latest_as_of)


@router.get("/report")
def find_report(
    caller: InSession, supplier_id: Annotated[str, Query(min_length=1, max_length=64, pattern=SUPPLIER_ID_PATTERN)], lang: Lang = None
) -> Response:
    """Lead from the form to the report of the supplier named in it."""
    query = urlencode({"lang": lang}) if lang else ""
    return RedirectResponse(f"/report/{quote(supplier_id.strip(), safe='')}?{query}".rstrip("?"), 303)


@router.get("/report/{supplier_id:path}")
def show_report(
    request: Request,
    service: InService,
    caller: InSession,
    supplier_id: Annotated[str, Path(min_length=1, max_length=64, pattern=SUPPLIER_ID_PATTERN)],
    lang: Lang = None,
    as_of: PlainDate | None = None,
    purpose: Purpose | None = None,
) -> Response:
    """Show the credit report of a supplier, by its leave; without a purpose, a bank looks at an application and a supplier at itself."""
    if Scope.REPORT_READ not in caller.scopes:
        raise ScopeMissing(scope=Scope.REPORT_READ.value)
    usual = Purpose.OWN_INFORMATION if caller.kind is TenantKind.SUPPLIER else Purpose.CREDIT_APPLICATION
    wanted = purpose or usual
    with service.store.begin(caller) as connection:
        leave = permit(connection, caller, supplier_id, wanted)
        note_lookup(connection, caller.tenant_id, "report", supplier_id=supplier_id, purpose=wanted.value, consent_id=leave.consent_id)
    return _report_page(request, service, leave, supplier_id, lang, as_of, purpose)


def _report_page(
    request: Request, service: Service, leave: Permit, supplier_id: str, lang: str | None, as_of: date | None, purpose: Purpose | None
) -> Response:
    """Assess, gather and render what the leave reaches."""
    language = language_of(request, lang)
    assessment = assess(service.bundle, service.ledger, supplier_id, as_of or service.ledger.latest_as_of)
    whole = build_report(service.bundle, service.ledger, assessment, evidence_limit=service.settings.evidence_rows)
    report = report_within(whole, leave.tier, service.bundle)
    tables = [[evidence_table(evidence, language) for evidence in reason.evidence] for reason in report.reasons]
    chosen = ({"as_of": as_of.isoformat()} if as_of else {}) | ({"purpose": purpose.value} if purpose else {})
    here = f"/report/{quote(supplier_id, safe='')}?" + (urlencode(chosen) + "&" if chosen else "")
    return report_page(report, tables, warnings_of(service.bundle, service.ledger, assessment, language), language, here)


def report_page(
    report: CreditReport, tables: Sequence[Sequence[EvidenceTable]], warnings: Sequence[Notice], language: Language, here: str
) -> Response:
    """Set the report in type; ``tables`` are the rows behind each of its reasons, ``here`` its own address up to the language."""
    top, others = report.parts[:BARS], report.parts[BARS:]
    rest = {"count": len(others), "points": sum((part.points for part in others), Decimal(0))}
    form = shown_zh if language is Language.ZH_CN else shown_en

    def shown(value: float | None, unit: str) -> str:
        return form(math.nan if value is None else value, unit)

    return page(
        "report.html.j2", language, here=here, report=report, tables=tables, warnings=warnings, top_parts=top, rest=rest, shown=shown
    )


@router.get("/login")
def show_login(request: Request, service: InService, token: str | None = None, next: str | None = None, lang: Lang = None) -> Response:
    """Show the login form, or take a one-time link; HEAD, as programs send that look at links first, does not use the link up."""
    if request.state.is_head:
        token = None
    if token is not None:
        prefix = service.sessions.redeem_link(token)
        if prefix is not None:
            return _enter(service, prefix, local_path(next))
    language = language_of(request, lang)
    notice = "login.link_used" if token is not None else None
    here = "/login?" + urlencode({"next": local_path(next)}) + "&"
    return page("login.html.j2", language, status=401 if notice else 200, here=here, next_page=local_path(next), notice=notice)


@router.post("/login")
async def log_in(request: Request, service: InService, lang: Lang = None) -> Response:
    """Take the key from the form and begin a session."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise CrossSiteRefused
    raw = await read_bytes(request, FORM)
    form = parse_qs(raw.decode("utf-8", "replace"), max_num_fields=8)
    next_page = local_path(form.get("next", [""])[0])
    try:
        caller = await run_in_threadpool(authenticate, service.store, form.get("key", [""])[0].strip())
    except NotAuthenticated:
        here = "/login?" + urlencode({"next": next_page}) + "&"
        return page("login.html.j2", language_of(request, lang), status=401, here=here, next_page=next_page, notice="login.wrong_key")
    return _enter(service, caller.prefix, next_page)


@router.post("/logout")
def log_out(request: Request) -> Response:
    """End the session in this browser."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise CrossSiteRefused
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def _enter(service: Service, prefix: str, next_page: str) -> Response:
    """Set the session's cookie and go to the page."""
    answer = RedirectResponse(next_page, 303)
    answer.set_cookie(
        COOKIE,
        service.sessions.issue(prefix),
        max_age=service.sessions.seconds,
        httponly=True,
        samesite="strict",
        secure=service.settings.secure_cookies,
    )
    return answer
