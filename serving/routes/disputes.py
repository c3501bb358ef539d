"""Disputes: a supplier says that a row is wrong or asks for a person, an operator answers."""

import uuid
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response, Security

from features.facts import KINDS
from serving.access.caller import Caller, Scope, TenantKind
from serving.disputes.bodies import BODY_BYTES, AnswerRequest, DisputeBody, DisputePage, DisputeRequest, EventPart, FilePart
from serving.disputes.correction import Correction, known_on, refuse_unfit
from serving.disputes.record import Dispute, decide, list_disputes, read_dispute, read_file, receive, take_up
from serving.http.answers import idempotency_key, path_id
from serving.http.body import json_body
from serving.http.refusals import CorrectionRefused, DisputeUnknown, RowUnknown, ScopeMissing
from serving.routes.consents import After, Limit
from serving.service import InService, Service, caller_of

router = APIRouter(prefix="/v1/disputes", tags=["disputes"])
Reader = Annotated[Caller, Security(caller_of, scopes=[Scope.DISPUTE_READ])]
Supplier = Annotated[Caller, Security(caller_of, scopes=[Scope.DISPUTE_WRITE])]
Decider = Annotated[Caller, Security(caller_of, scopes=[Scope.DISPUTE_DECIDE])]
_TABLES = frozenset(kind.table for kind in KINDS)


class FileBytes(Response):
    """A file as it was handed in: for a disk, not for a browser."""

    media_type = "application/octet-stream"


@router.post("", status_code=201, response_model=DisputeBody, response_description="The dispute", summary="Dispute a row")
def create_one(
    service: InService,
    caller: Supplier,
    key: Annotated[str, Depends(idempotency_key)],
    wanted: Annotated[DisputeRequest, Depends(json_body(DisputeRequest, BODY_BYTES))],
) -> DisputeBody:
    """Say that a row behind one of the calling supplier's scores is wrong, or ask that a person looks at the score.

    The answer is due within the days the policy says, 20 by law. Until then every look at the supplier's scores says `disputed`. The same
    request again with the same Idempotency-Key brings the same dispute, as it stands by then.
    """
    return dispute_body(open_dispute(service, caller, wanted, key))


def open_dispute(service: Service, caller: Caller, wanted: DisputeRequest, key: str) -> Dispute:
    """Take a dispute in: of a score that is the supplier's own, of a row that went into it."""
    if caller.kind is not TenantKind.SUPPLIER or caller.supplier_id is None:
        raise ScopeMissing(scope=Scope.DISPUTE_WRITE.value)
    score = service.store.read_record(caller, wanted.score_id)
    row_known_on = None
    if wanted.table is not None and wanted.row_id is not None:
        if wanted.table not in _TABLES:
            raise RowUnknown
        row_known_on = known_on(service.ledger, caller.supplier_id, wanted.table, wanted.row_id, score.as_of)
    made = uuid.uuid5(caller.tenant_id, f"dispute {key}")
    with service.store.begin(caller) as connection:
        zone = service.ledger.zone
        return receive(connection, caller, wanted, zone=zone, row_known_on=row_known_on, key=caller.prefix, dispute_id=made)


@router.get("", response_model=DisputePage, response_description="The disputes", summary="List disputes")
def list_all(
    service: InService,
    caller: Reader,
    after: After = 0,
    limit: Limit = 50,
    overdue: Annotated[bool, Query(description="Only those undecided whose day has passed.")] = False,
) -> DisputePage:
    """Return the supplier's own disputes, or for an operator all, in the order they came in."""
    with service.store.begin(caller) as connection:
        found = list_disputes(connection, after, limit, only_overdue=overdue)
    return DisputePage(items=[dispute_body(one) for one in found], next=found[-1].row.number if len(found) == limit else None)


@router.get("/{dispute_id}", response_model=DisputeBody, response_description="The dispute", summary="Read a dispute")
def read_one(service: InService, caller: Reader, dispute_id: str) -> DisputeBody:
    """Return a dispute as it stands."""
    with service.store.begin(caller) as connection:
        return dispute_body(read_dispute(connection, path_id(dispute_id, DisputeUnknown)))


@router.get("/{dispute_id}/file", response_class=FileBytes, response_description="The bytes", summary="Read a dispute's file")
def read_its_file(service: InService, caller: Reader, dispute_id: str) -> Response:
    """Return the bytes that were handed in, as they were; nothing here opens them."""
    with service.store.begin(caller) as connection:
        data = read_file(connection, path_id(dispute_id, DisputeUnknown))
    return FileBytes(data, headers={"Content-Disposition": 'attachment; filename="evidence"'})


@router.post("/{dispute_id}/review", response_model=DisputeBody, response_description="The dispute", summary="Take a dispute up")
def take_up_one(service: InService, caller: Decider, dispute_id: str) -> DisputeBody:
    """Note that a person works on it; doing it again changes nothing."""
    with service.store.begin(caller) as connection:
        return dispute_body(take_up(connection, caller, path_id(dispute_id, DisputeUnknown)))


@router.post("/{dispute_id}/decision", response_model=DisputeBody, response_description="The dispute", summary="Decide a dispute")
def decide_one(
    service: InService, caller: Decider, dispute_id: str, wanted: Annotated[AnswerRequest, Depends(json_body(AnswerRequest))]
) -> DisputeBody:
    """Decide, with a reason, in the name of the key. An upheld dispute of a row brings the whole row as it should read.

    The ledger then gets the row as a later version of itself, every score that the wrong one went into is computed again, and the banks
    that were given one are told by their webhooks (`score.superseded`). The same decision again changes nothing; another one is refused.
    """
    with service.store.begin(caller) as connection:
        found = read_dispute(connection, path_id(dispute_id, DisputeUnknown))
    kept = None if found.decision is not None else _correction(service, found, wanted)
    with service.store.begin(caller) as connection:
        return dispute_body(decide(connection, caller, found.row.id, wanted.outcome, wanted.reason, kept))


def _correction(service: Service, found: Dispute, wanted: AnswerRequest) -> bytes | None:
    """Return the correction as it is kept, tried on the stored ledger; none where nothing is to be corrected."""
    is_due = found.row.kind == "row" and wanted.outcome == "upheld"
    if is_due != (wanted.correction is not None):
        raise CorrectionRefused
    if wanted.correction is None:
        return None
    cells = {cell.column: cell.value for cell in wanted.correction}
    of = found.row
    correction = Correction.of_row(of.table_name, of.row_id, of.supplier_id, cells, datetime.now(UTC))
    if service.ledger_path is not None:
        refuse_unfit(service.ledger_path, service.ledger, correction)
    return correction.to_json()


def dispute_body(found: Dispute) -> DisputeBody:
    """Return a dispute as it is sent."""
    row = found.row
    file = FilePart(media_type=row.file_type, size=row.file_size, sha256=bytes(row.file_sha256).hex()) if row.file_type else None
    events = [
        {"event": event.event, "at": event.at, "by": event.by, "outcome": event.outcome, "reason": event.reason} for event in found.events
    ]
    kept = ("id", "reference", "kind", "supplier_id", "score_id", "row_id", "statement", "evidence", "received_at", "due_on")
    return DisputeBody.model_validate(
        {
            **{name: row._mapping[name] for name in kept},
            "table": row.table_name,
            "file": file,
            "state": found.state,
            "is_overdue": found.is_overdue(datetime.now(UTC)),
            "policy": row.policy_version,
            "events": [EventPart.model_validate(event) for event in events],
        }
    )
