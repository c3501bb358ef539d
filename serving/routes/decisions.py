"""Financing decisions: apply for one, read it again, list them, and what persons do with them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response, Security

from credit.decision import Recommendation
from credit.referral import Stage
from serving.access.caller import Caller, Scope
from serving.decisions.bodies import CaseBody, DecisionPage, DecisionSummary, KeptDecision, KeptStep
from serving.decisions.decide import decide_once
from serving.decisions.reading import DecisionFilter, DecisionLine, list_decisions, read_decision, read_file
from serving.decisions.requests import DecisionRequest, StepRequest
from serving.decisions.steps import step_once
from serving.decisions.tell import step_body, terms_part
from serving.http.answers import idempotency_key, kept, made, path_id
from serving.http.body import json_body
from serving.http.problems import language_of, request_id_of
from serving.http.refusals import DecisionUnknown
from serving.routes.consents import After, Limit
from serving.schemas import SUPPLIER_ID_PATTERN
from serving.service import InService, caller_of

router = APIRouter(prefix="/v1/decisions", tags=["decisions"])
Reader = Annotated[Caller, Security(caller_of, scopes=[Scope.DECISION_READ])]
Applicant = Annotated[Caller, Security(caller_of, scopes=[Scope.DECISION_WRITE])]
Reviewer = Annotated[Caller, Security(caller_of, scopes=[Scope.DECISION_REVIEW])]
SupplierFilter = Annotated[
    str | None, Query(min_length=1, max_length=64, pattern=SUPPLIER_ID_PATTERN, description="Decisions on this supplier only.")
]


@router.post("", status_code=201, response_model=KeptDecision, response_description="The decision", summary="Ask for a financing decision")
def create_decision(
    request: Request,
    service: InService,
    caller: Applicant,
    key: Annotated[str, Depends(idempotency_key)],
    wanted: Annotated[DecisionRequest, Depends(json_body(DecisionRequest))],
) -> Response:
    """Recommend approve, refer or decline on an application against invoices, orders or stock, with every figure's line.

    The supplier is scored, its turnover read from the ledger as of the day, what it owes by your open decisions added up, and your policy
    applied. Eligible documents are held until the decision is declined, withdrawn or repaid; nobody else is financed on them meanwhile.
    Needs the supplier's live consent for `credit_application`. Amounts are whole fen, rates whole millionths. The decision is stored before
    it is answered; the same request again with the same Idempotency-Key brings the first answer, byte for byte.
    """
    return made(decide_once(service, caller, key, wanted, request_id=request_id_of(request), language=language_of(request)))


@router.get("", response_model=DecisionPage, response_description="The decisions", summary="List decisions")
def list_all(
    service: InService,
    caller: Reader,
    supplier_id: SupplierFilter = None,
    outcome: Annotated[Recommendation | None, Query(description="Recommended.")] = None,
    stage: Annotated[Stage | None, Query(description="Where they stand now.")] = None,
    after: After = 0,
    limit: Limit = 50,
) -> DecisionPage:
    """Return your bank's decisions in the order they were made, and where each stands."""
    wanted = DecisionFilter(supplier_id, outcome, None if stage is None else (stage,))
    with service.store.begin(caller) as connection:
        found = list_decisions(connection, wanted, after, limit)
    return DecisionPage(items=[_summary(line) for line in found], next=found[-1].sequence if len(found) == limit else None)


@router.get("/{decision_id}", response_model=KeptDecision, response_description="The decision", summary="Read a decision again")
def read_one(service: InService, caller: Reader, decision_id: str) -> Response:
    """Return a decision as it was first given, byte for byte; its steps say what became of it."""
    with service.store.begin(caller) as connection:
        answer = read_decision(connection, caller, path_id(decision_id, DecisionUnknown))
    return kept(answer)


@router.post(
    "/{decision_id}/steps", status_code=201, response_model=KeptStep, response_description="The step", summary="Take a step on a decision"
)
def create_step(
    request: Request,
    service: InService,
    caller: Reviewer,
    decision_id: str,
    key: Annotated[str, Depends(idempotency_key)],
    wanted: Annotated[StepRequest, Depends(json_body(StepRequest))],
) -> Response:
    """Refer, accept, propose otherwise, confirm or reject a proposal; take, withdraw or repay.

    The person is the name of the key: give each person one. A proposal is confirmed or rejected by another person than the one who made it,
    and never goes beyond the statute or lends against what is financed elsewhere. A step is kept and never changed.
    """
    of, request_id, language = path_id(decision_id, DecisionUnknown), request_id_of(request), language_of(request)
    return made(step_once(service, caller, key, of, wanted, request_id=request_id, language=language))


@router.get("/{decision_id}/steps", response_model=CaseBody, response_description="The case", summary="Read where a decision stands")
def read_steps(service: InService, caller: Reader, decision_id: str) -> CaseBody:
    """Return what holds now and every step, the recommendation as step 0."""
    wanted = path_id(decision_id, DecisionUnknown)
    with service.store.begin(caller) as connection:
        file = read_file(connection, wanted)
    case = file.case
    return CaseBody(
        decision_id=wanted,
        stage=case.stage,
        outcome=case.outcome,
        terms=terms_part(case.terms) if case.terms else None,
        exposure=file.exposure,
        steps=[step_body(wanted, row) for row in file.steps],
    )


def _summary(line: DecisionLine) -> DecisionSummary:
    """Return a line of the list as it is sent."""
    return DecisionSummary(
        id=line.decision_id,
        created_at=line.created_at,
        supplier_id=line.supplier_id,
        as_of=line.as_of,
        product=line.product,
        outcome=line.outcome,
        limit=line.limit,
        stage=line.stage,
        exposure=line.exposure,
        sequence=line.sequence,
    )
