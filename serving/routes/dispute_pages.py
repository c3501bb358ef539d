"""The supplier's pages about its disputes: the list with due dates, and the form, which needs no script."""

import base64
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from features.evidence import evidence_tables
from features.facts import KIND_INDEX, KINDS
from serving.access.caller import Caller, Scope, TenantKind
from serving.access.forms import form_token, refuse_foreign_form, refuse_other_site
from serving.assess import assess
from serving.disputes.bodies import BODY_BYTES, DisputeRequest, Kind
from serving.disputes.form import MEDIA_TYPE, Part, parse_form
from serving.disputes.record import list_disputes
from serving.http.body import read_bytes
from serving.http.problems import language_of, request_id_of
from serving.http.refusals import BodyTooLarge, RowUnknown, ScopeMissing
from serving.pages import page
from serving.routes.disputes import open_dispute
from serving.routes.pages import InSession, Lang
from serving.schemas import SUPPLIER_ID_PATTERN, PlainDate, Purpose, ScoreRequest
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
    table: Annotated[str, Query(max_length=64)] = "",
    row_id: Annotated[str, Query(max_length=200, pattern=f"^$|{SUPPLIER_ID_PATTERN}")] = "",
) -> Response:
    """Show the form: the rows behind the principal reasons to choose from, and room to name another; a row named already is chosen."""
    _refuse_others(caller)
    request.state.language = language_of(request, lang)
    told = {"once": uuid.uuid4().hex, "row": f"{table}|{row_id}" if row_id else ""}
    return _form(request, service, caller, as_of or service.ledger.latest_as_of, kind, told)


@router.post("/disputes")
async def send_form(request: Request, service: InService, caller: InSession, lang: Lang = None) -> Response:
    """Take the form in: the score as of its day is kept with it, so that it is known what was disputed."""
    _refuse_others(caller)
    refuse_other_site(request)
    request.state.language = language_of(request, lang)
    try:
        fields = parse_form(await read_bytes(request, MEDIA_TYPE, BODY_BYTES), request.headers.get("content-type", ""))
    except BodyTooLarge:
        fields = {}
    else:
        refuse_foreign_form(request, service, {name: part.text for name, part in fields.items() if name == "token"})
    return await run_in_threadpool(_receive, request, service, caller, fields)


def _receive(request: Request, service: Service, caller: Caller, fields: Mapping[str, Part]) -> Response:
    """Open the dispute, or show the form again with what is wrong."""
    told = {name: part.text for name, part in fields.items() if name != "file"}
    kind: Kind = "human_review" if told.get("kind") == "human_review" else "row"
    try:
        as_of = date.fromisoformat(told.get("as_of", ""))
    except ValueError:
        as_of = service.ledger.latest_as_of
    again = {**told, "once": told.get("once") or uuid.uuid4().hex}
    if not fields:
        return _form(request, service, caller, as_of, kind, again, notice="disputes.notice.large")
    try:
        wanted = _request(told, kind, fields.get("file"), uuid.uuid4())
        score_id = _score(request, service, caller, as_of, again["once"])
        open_dispute(service, caller, wanted.model_copy(update={"score_id": score_id}), f"page {again['once']}")
    except ValidationError:
        return _form(request, service, caller, as_of, kind, again, notice="disputes.notice.incomplete")
    except RowUnknown:
        return _form(request, service, caller, as_of, kind, again, notice="disputes.notice.row")
    spoken = language_of(request).in_address
    return RedirectResponse("/disputes?" + urlencode({"lang": spoken}), 303)


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
    request: Request,
    service: Service,
    caller: Caller,
    as_of: date,
    kind: Kind,
    told: Mapping[str, str],
    notice: str | None = None,
) -> Response:
    """Show the form, with what was written into it before and why it came back."""
    here = {"as_of": as_of.isoformat(), "kind": kind}
    rows: dict[tuple[str, str], date | None] = {}
    table, _, row_id = told.get("row", "").partition("|")
    if kind == "row":
        if row_id and table in TABLES:
            rows[table, row_id] = None
            here |= {"table": table, "row_id": row_id}
        rows |= _rows_behind(service, caller, as_of)
    return page(
        "dispute_form.html.j2",
        language_of(request),
        status=422 if notice else 200,
        here="/disputes/new?" + urlencode(here) + "&",
        as_of=as_of,
        kind=kind,
        rows=[(*named, day) for named, day in rows.items()],
        chosen=(table, row_id),
        tables=TABLES,
        told=dict(told),
        notice=notice,
        form_token=form_token(request, service),
    )


def _rows_behind(service: Service, caller: Caller, as_of: date) -> dict[tuple[str, str], date | None]:
    """Return table, key and day of the rows that the report shows behind the principal reasons."""
    found = assess(service.bundle, service.ledger, caller.supplier_id or "", as_of)
    behind = [
        evidence
        for reason in found.reasons
        for evidence in evidence_tables(service.ledger, reason.feature, found.score.supplier_id, as_of, service.settings.evidence_rows)
    ]
    return {(KINDS[KIND_INDEX[each.kind]].table, row.key): row.event_day for each in behind for row in each.rows}


def _refuse_others(caller: Caller) -> None:
    """Let only a supplier in that may open disputes."""
    if caller.kind is not TenantKind.SUPPLIER or Scope.DISPUTE_WRITE not in caller.scopes:
        raise ScopeMissing(scope=Scope.DISPUTE_WRITE.value)
