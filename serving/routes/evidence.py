"""Evidence: from a number of a score to the orders, deliveries, reviews or invoices behind it."""

from typing import Annotated

from fastapi import APIRouter, Request, Response, Security

from serving.access.caller import Caller, Scope
from serving.access.consents import permit
from serving.evidence.bodies import EvidenceBody
from serving.evidence.rows import PageWanted, evidence_body
from serving.http.answers import path_id
from serving.http.problems import language_of
from serving.http.refusals import ScoreUnknown
from serving.routes.consents import After, Limit
from serving.schemas import Purpose
from serving.service import InService, caller_of
from serving.store import find_record, note_score

router = APIRouter(prefix="/v1/scores", tags=["scores"])


@router.get(
    "/{score_id}/evidence/{feature}",
    response_model=EvidenceBody,
    response_description="The rows",
    summary="Rows behind a number",
)
def list_rows(
    request: Request,
    response: Response,
    service: InService,
    caller: Annotated[Caller, Security(caller_of, scopes=[Scope.SCORE_READ])],
    score_id: str,
    feature: str,
    after: After = 0,
    limit: Limit = 50,
) -> EvidenceBody:
    """Return the rows that a feature of a score was computed from, as they were known then, whatever came in since.

    The `sums` over the rows are all the number is made of. A bank needs a live consent, also for a score it was given before; what lies
    above its tier of data is withheld.
    """
    wanted = path_id(score_id, ScoreUnknown)
    with service.store.begin(caller) as connection:
        record = find_record(connection, wanted)
        leave = permit(connection, caller, record.supplier_id, Purpose(record.purpose))
        note_score(connection, caller.tenant_id, "read", record)
    language = language_of(request)
    response.headers["Content-Language"] = language.value
    return evidence_body(service.ledger, record, feature, leave.tier, PageWanted(after, limit), language)
