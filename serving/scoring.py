"""One score from leave to record: the same for a single request and for a row of a batch, so that both are the same to the last bit."""

import json
from collections.abc import Mapping

from sqlalchemy import Connection

from serving.access.caller import Caller
from serving.access.consents import permit
from serving.access.tiers import body_within
from serving.assess import assess
from serving.audit.chain import Scalar
from serving.explain import Occasion, score_body
from serving.schemas import ScoreBody, ScoreRequest
from serving.service import Service
from serving.store import ScoreRecord

_NOTHING: Mapping[str, Scalar] = {}


def make_record(
    service: Service,
    caller: Caller,
    connection: Connection,
    wanted: ScoreRequest,
    occasion: Occasion,
    facts: Mapping[str, Scalar] = _NOTHING,
) -> ScoreRecord:
    """Score by the supplier's leave, and put into one record what is kept; ``facts`` are what its audit row says besides.

    Raises
    ------
    ConsentMissing
        The caller has no leave to look at this supplier for this purpose.
    UnknownSupplier, AsOfOutOfRange
        As `assess` does.
    """
    leave = permit(connection, caller, wanted.supplier_id, wanted.purpose)
    as_of = wanted.as_of or service.ledger.latest_as_of
    assessment = assess(service.bundle, service.ledger, wanted.supplier_id, as_of)
    body = body_within(score_body(service.bundle, service.ledger, assessment, occasion), leave.tier, service.bundle, occasion.language)
    by_leave = {"consent_ref": str(leave.consent_id) if leave.consent_id else None, "tier": leave.tier.value}
    return ScoreRecord(
        score_id=occasion.score_id,
        supplier_id=wanted.supplier_id,
        as_of=as_of,
        purpose=wanted.purpose.value,
        request_id=occasion.request_id,
        bundle_sha256=service.bundle.content_hash,
        language=occasion.language.value,
        feature_values=assessment.values,
        body=body_bytes(body, **by_leave),
        consent_id=leave.consent_id,
        facts={"tier": leave.tier.value, **facts},
    )


def body_bytes(body: ScoreBody, **more: str | None) -> bytes:
    """Return the body as bytes, with further fields at its end; every number in the shortest form that reads back to the same bits."""
    return json.dumps(body.model_dump(mode="json", by_alias=True) | more, ensure_ascii=False, allow_nan=False).encode()
