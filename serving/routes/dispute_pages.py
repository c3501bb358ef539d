"""The supplier's pages about its disputes: the list with due dates, and the form, which needs no script."""

import base64
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from features.facts import KIND_INDEX, KINDS
from serving.access.caller import Caller, Scope, TenantKind
from serving.assess import assess
from serving.disputes.bodies import BODY_BYTES, DisputeRequest, Kind
from serving.disputes.form import MEDIA_TYPE, Part, parse_form
from serving.disputes.record import list_disputes
from serving.http.body import read_bytes
from serving.http.languages import Language
from serving.http.problems import language_of, request_id_of
from serving.http.refusals import BodyTooLarge, CrossSiteRefused, RowUnknown, ScopeMissing
from serving.pages import page
from serving.report.build import build_report
from serving.routes.disputes import open_dispute
from serving.routes.pages import InSession, Lang
from serving.schemas import PlainDate, Purpose, ScoreRequest
from serving.scoring import score_once
from serving.service import InService, Service

router = APIRouter(tags=["pages"], include_in_schema=False)
TABLES = tuple(dict.fromkeys(kind.table for kind in KINDS))


@router.get("/disputes")
def show_disputes(request: Request, service: InService, caller: InSession, lang: Lang = None) -> Response:
    """Show the supplier its disputes, each with its state and due date."""
    _refuse_others(caller)
    with service.store.begin(caller) as connection:
        found = list_disputes(connection, 0, 200)
    zone = ZoneInfo(service.ledger.zone)
    return page("disputes.html.j2", language_of(request, lang), here="/disputes?", disputes=found[::-1], now=datetime.now(UTC), zone=zone)


@router.get("/disputes/new")
def show_form(
    request: Request,
    service: InService,
    caller: InSession,
    lang: Lang = None,
    as_of: PlainDate | None = None,
    kind: Annotated[Kind, Query()] = "row",
) -> Response:
    """Show the form: the rows behind the principal reasons to choose from, and room to name another."""
    _refuse_others(caller)
    return _form(service, caller, language_of(request, lang), as_of or service.ledger.latest_as_of, kind, {"once": uuid.uuid4().hex})


@router.post("/disputes")
async def send_form(request: Request, service: InService, caller: InSession, lang: Lang = None) -> Response:
    """Take the form in: the score as of its day is kept with it, so that it is known what was disputed."""
    _refuse_others(caller)
    _refuse_cross_site(request)
    try:
        fields = parse_form(await read_bytes(request, MEDIA_TYPE, BODY_BYTES), request.headers.get("content-type", ""))
    except BodyTooLarge:
        fields = {}
    return await run_in_threadpool(_receive, request, service, caller, language_of(request, lang), fields)


def _receive(request: Request, service: Service, caller: Caller, language: Language, fields: Mapping[str, Part]) -> Response:
    """Open the dispute, or show the form again with what is wrong."""
    told = {name: part.text for name, part in fields.items() if name != "file"}
    kind: Kind = "human_review" if told.get("kind") == "human_review" else "row"
    try:
        as_of = date.fromisoformat(told.get("as_of", ""))
    except ValueError:
        as_of = service.ledger.latest_as_of
    again = {**told, "once": told.get("once") or uuid.uuid4().hex}
    if not fields:
        return _form(service, caller, language, as_of, kind, again, notice="disputes.notice.large")
    try:
        wanted = _request(told, kind, fields.get("file"), uuid.uuid4())
        score_id = _score(request, service, caller, as_of, again["once"])
        open_dispute(service, caller, wanted.model_copy(update={"score_id": score_id}), f"page {again['once']}")
    except ValidationError:
        return _form(service, caller, language, as_of, kind, again, notice="disputes.notice.incomplete")
    except RowUnknown:
        return _form(service, caller, language, as_of, kind, again, notice="disputes.notice.row")
    return RedirectResponse("/disputes?" + urlencode({"lang": "zh" if language is Language.ZH_CN else "en"}), 303)


def _request(told: Mapping[str, str], kind: Kind, file: Part | None, score_id: uuid.UUID) -> DisputeRequest:
    """Return what the form asks for; raises pydantic's ValidationError where it is not complete."""
    asked: dict[str, Any] = {"kind": kind, "score_id": score_id, "statement": told.get("statement", "")}
    if kind == "row":
        table, _, row_id = told.get("row", "").partition("|")
        asked |= {"table": table or told.get("table", ""), "row_id": row_id or told.get("row_id", "")}
    if told.get("evidence"):
        asked["evidence"] = told["evidence"]
    if file is not None and file.data:
        asked["file"] = {"media_type": file.media_type, "content": base64.b64encode(file.data).decode()}
    return DisputeRequest.model_validate(asked)


def _score(request: Request, service: Service, caller: Caller, as_of: date, once: str) -> uuid.UUID:
    """Return the supplier's own score as of the day, made once for this form."""
    wanted = ScoreRequest(supplier_id=caller.supplier_id or "", as_of=as_of, purpose=Purpose.OWN_INFORMATION)
    key = f"page {once}"[:255]
    answer = score_once(service, caller, key, wanted, request_id=request_id_of(request), language=language_of(request))
    return uuid.UUID(answer.location.rpartition("/")[2])


def _form(
    service: Service, caller: Caller, language: Language, as_of: date, kind: Kind, told: Mapping[str, str], notice: str | None = None
) -> Response:
    """Show the form, with what was written into it before and why it came back."""
    rows = []
    if kind == "row":
        assessment = assess(service.bundle, service.ledger, caller.supplier_id or "", as_of)
        report = build_report(service.bundle, service.ledger, assessment, evidence_limit=service.settings.evidence_rows)
        behind = [evidence for reason in report.reasons for evidence in reason.evidence]
        seen = {(KINDS[KIND_INDEX[each.kind]].table, row.key): row.event_day for each in behind for row in each.rows}
        rows = [(table, key, day) for (table, key), day in seen.items()]
    here = "/disputes/new?" + urlencode({"as_of": as_of.isoformat(), "kind": kind}) + "&"
    return page(
        "dispute_form.html.j2",
        language,
        status=422 if notice else 200,
        here=here,
        as_of=as_of,
        kind=kind,
        rows=rows,
        tables=TABLES,
        told=dict(told),
        notice=notice,
    )


def _refuse_others(caller: Caller) -> None:
    """Let only a supplier in that may open disputes."""
    if caller.kind is not TenantKind.SUPPLIER or Scope.DISPUTE_WRITE not in caller.scopes:
        raise ScopeMissing(scope=Scope.DISPUTE_WRITE.value)


def _refuse_cross_site(request: Request) -> None:
    """Refuse a form that another site sent; besides, the session's cookie is of the strictest kind."""
    origin = request.headers.get("origin")
    is_foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if is_foreign or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise CrossSiteRefused
