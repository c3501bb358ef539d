"""A score as it is asked for over the wire: by the supplier's leave, assessed, told as far as the tier goes, and put into one record."""

import json
import math
import uuid
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from serving.access.caller import Caller
from serving.access.consents import Permit, permit
from serving.access.tiers import body_within
from serving.assess import Assessment, assess
from serving.disputes.standing import is_disputed
from serving.explain import Occasion, score_body
from serving.http.answers import asked_as
from serving.http.languages import Language
from serving.schemas import Purpose, ScoreBody, ScoreRequest
from serving.service import Service
from serving.store import ScoreRecord, StoredAnswer


@dataclass(frozen=True, slots=True)
class NewScore:
    """A score that is made and not yet kept: its record, the body told, what it was assessed as, and by what leave."""

    record: ScoreRecord
    body: ScoreBody
    assessment: Assessment
    leave: Permit


def score_once(service: Service, caller: Caller, key: str, wanted: ScoreRequest, *, request_id: str, language: Language) -> StoredAnswer:
    """Return the first answer to the Idempotency-Key, scoring if there is none; raises as `make_score` does."""

    def make(connection: Connection) -> ScoreRecord:
        made = make_score(
            service,
            caller,
            connection,
            supplier_id=wanted.supplier_id,
            as_of=wanted.as_of,
            purpose=wanted.purpose,
            request_id=request_id,
            language=language,
        )
        return made.record

    answer = service.store.answer_once(caller, key, asked_as("/v1/scores", wanted), make)
    if not answer.was_replayed:
        service.metrics.score()
    return answer


def make_score(
    service: Service,
    caller: Caller,
    connection: Connection,
    *,
    supplier_id: str,
    as_of: date | None,
    purpose: Purpose,
    request_id: str,
    language: Language,
) -> NewScore:
    """Score a supplier as of a day, by default the latest.

    Raises
    ------
    ConsentMissing
        There is no live consent for the purpose.
    AsOfOutOfRange, UnknownSupplier
        As `assess` raises them.
    """
    leave = permit(connection, caller, supplier_id, purpose)
    day = as_of or service.ledger.latest_as_of
    assessment = assess(service.bundle, service.ledger, supplier_id, day)
    occasion = Occasion(uuid.uuid4(), request_id, purpose, language)
    body = body_within(score_body(service.bundle, service.ledger, assessment, occasion), leave.tier, service.bundle, language)
    standing = {"disputed": is_disputed(connection, supplier_id), "supersedes": None, "superseded_by": None}
    record = ScoreRecord(
        score_id=occasion.score_id,
        supplier_id=supplier_id,
        as_of=day,
        purpose=purpose.value,
        request_id=request_id,
        bundle_sha256=service.bundle.content_hash,
        language=language.value,
        feature_values=assessment.values,
        body=body_bytes(body, **by_leave(leave), **standing),
        consent_id=leave.consent_id,
        facts={"tier": leave.tier.value},
    )
    return NewScore(record, body, assessment, leave)


def by_leave(leave: Permit) -> dict[str, str | None]:
    """Return what a body says of the leave it was given by."""
    return {"consent_ref": str(leave.consent_id) if leave.consent_id else None, "tier": leave.tier.value}


def body_bytes(body: ScoreBody, **more: object) -> bytes:
    """Return the body as bytes, with further fields at its end; every number in the shortest form that reads back to the same bits."""
    parts = body.contributions  # not checked when they were made, being many
    if not all(map(math.isfinite, [part.points for part in parts] + [part.value for part in parts if part.value is not None])):
        raise ValueError("contributions and values must be finite or missing")
    told = body.model_dump_json(by_alias=True).encode()
    return told[:-1] + b"," + json.dumps(more, ensure_ascii=False, allow_nan=False, separators=(",", ":"))[1:].encode() if more else told
