"""Scores of suppliers that are not on the platform, from rows a bank hands over."""

import hashlib
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request, Response, Security
from sqlalchemy import Connection

from credit.errors import NotEnoughHistory, UnknownSupplier
from features.ledger import Ledger
from serving.access.caller import Caller, Scope
from serving.access.consents import permit_stated
from serving.assess import Assessment, assess_known
from serving.explain import Occasion, score_body
from serving.histories.bodies import MAX_BYTES, PostedHistory, read_history
from serving.histories.opening import open_history
from serving.http.answers import idempotency_key, made
from serving.http.body import read_json
from serving.http.problems import language_of, request_id_of
from serving.http.refusals import AsOfOutOfRange
from serving.schemas import HistoryPart, KeptScore
from serving.scoring import body_bytes, by_leave
from serving.service import InService, Service, caller_of
from serving.store import ScoreRecord

router = APIRouter(prefix="/v1/scores", tags=["scores"])
Bank = Annotated[Caller, Security(caller_of, scopes=[Scope.HISTORY_WRITE])]


def history_slot(service: InService, caller: Bank) -> Iterator[None]:
    """Hold one of the few places for histories until the request ends."""
    with service.history_slots.take():
        yield


async def history_bytes(request: Request, slot: Annotated[None, Depends(history_slot)]) -> bytes:
    """Read the body, as soon as there is a place for it; it is parsed off the event loop."""
    return await read_json(request, MAX_BYTES)


@router.post(
    "/history",
    status_code=201,
    response_model=KeptScore,
    response_description="The score",
    summary="Score a supplier from its own rows",
)
def create_score_of_history(
    request: Request,
    service: InService,
    caller: Bank,
    key: Annotated[str, Depends(idempotency_key)],
    raw: Annotated[bytes, Depends(history_bytes)],
) -> Response:
    """Score a supplier that is not on the platform from rows of the data contract, and explain the score.

    The rows meet the very rules of an import and are taken whole or not at all; at most 50,000 of them, 12 MB. Times without a zone are
    read in the platform's. What rests on other suppliers' rows (the buyer network, what reviews' words tell) is missing, and a warning
    says what that does to the score. The rows are not kept: the feature values are, and the SHA-256 of the body. The bank states by what
    right it uses the data; nobody but the bank sees the score.
    """
    posted = read_history(raw)

    def make(connection: Connection) -> ScoreRecord:
        return _make_record(service, request, posted, caller)

    answer = service.store.answer_once(caller, key, posted.request_sha256.encode(), make)
    if not answer.was_replayed:
        service.metrics.score()
    return made(answer)


def _make_record(service: Service, request: Request, posted: PostedHistory, caller: Caller) -> ScoreRecord:
    """Score the rows, and put into one record what is kept."""
    now, head = datetime.now(UTC), posted.head
    today = now.astimezone(ZoneInfo(service.ledger.zone)).date()
    leave = permit_stated(head.basis, today)
    as_of = head.as_of or today
    if as_of > today:
        raise AsOfOutOfRange(latest=today)
    occasion = Occasion(uuid.uuid4(), request_id_of(request), head.purpose, language_of(request))
    with open_history(posted.rows, zone=service.ledger.zone, currency=service.ledger.currency, now=now) as (supplier_id, ledger):
        assessment = _assess(service, ledger, supplier_id, as_of)
        body = score_body(service.bundle, ledger, assessment, occasion)
    counts = {table: len(rows) for table, rows in posted.rows.items()}
    history = HistoryPart(basis=head.basis, request_sha256=posted.request_sha256, rows=counts)
    stated = head.basis.model_dump(mode="json")
    return ScoreRecord(
        score_id=occasion.score_id,
        supplier_id=kept_name(caller.tenant_id, supplier_id),
        as_of=as_of,
        purpose=head.purpose.value,
        request_id=occasion.request_id,
        bundle_sha256=service.bundle.content_hash,
        language=occasion.language.value,
        feature_values=assessment.values,
        body=body_bytes(body, **by_leave(leave), history=history.model_dump(mode="json")),
        facts={
            "tier": leave.tier.value,
            "history_sha256": posted.request_sha256,
            **{f"basis_{name}": value for name, value in stated.items()},
        },
    )


def _assess(service: Service, ledger: Ledger, supplier_id: str, as_of: date) -> Assessment:
    try:
        return assess_known(service.bundle, ledger, supplier_id, as_of)
    except UnknownSupplier as error:
        raise NotEnoughHistory("nothing in the rows was known before the as-of date") from error


def kept_name(tenant_id: uuid.UUID, supplier_id: str) -> str:
    """Return under which name the score of a handed-over history is kept: no id of the platform, which has at most 64 characters."""
    return "history:" + hashlib.sha256(tenant_id.bytes + supplier_id.encode()).hexdigest()
