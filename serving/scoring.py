"""A score as it is asked for over the wire: by the supplier's leave, assessed, told as far as the tier goes, and put into one record."""

import json
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from sqlalchemy import Connection

from serving.access.caller import Caller
from serving.access.consents import Permit, permit
from serving.access.tiers import body_within
from serving.assess import Assessment, assess
from serving.disputes.standing import is_disputed
from serving.explain import Occasion, score_body
from serving.http.answers import asked_as
from serving.http.languages import Language
from serving.schemas import ContributionPart, Purpose, ScoreBody, ScoreRequest
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
    told = body.model_dump(mode="json", by_alias=True, exclude={"contributions"})
    # In the place they have among the fields; what they hold is written apart, being most of the body.
    whole = {name: told.get(name, []) for name in type(body).model_fields} | more
    text = json.dumps(whole, ensure_ascii=False, allow_nan=False)
    # Within a text every quote has a backslash before it, so this stands in the place of the field alone.
    return text.replace('"contributions": []', f'"contributions": [{_contributions(body.contributions)}]', 1).encode()


def _contributions(parts: Sequence[ContributionPart]) -> str:
    """Return the contributions as `json.dumps` writes them, in a third of its time."""
    numbers = [part.points for part in parts] + [part.value for part in parts if part.value is not None]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("contributions and values must be finite or missing")
    number = float.__repr__
    return ", ".join(
        f'{{"feature": {_quoted(part.feature)}, "value": {"null" if part.value is None else number(part.value)}, '
        f'"unit": {_quoted(part.unit)}, "points": {number(part.points)}, "withheld": {"true" if part.withheld else "false"}}}'
        for part in parts
    )


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
