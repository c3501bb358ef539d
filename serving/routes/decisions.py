"""Financing decisions: apply for one, read it again, list them, and what persons do with them."""

import json
import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response, Security
from sqlalchemy import Connection

from credit.decision import Recommendation
from credit.referral import Stage
from serving.access.caller import Caller, Scope
from serving.decisions.bodies import CaseBody, DecisionPage, DecisionSummary, KeptDecision, KeptStep
from serving.decisions.decide import make_decision
from serving.decisions.reading import DecisionFilter, DecisionLine, list_decisions, read_decision, read_file
from serving.decisions.requests import DecisionRequest, StepRequest
from serving.decisions.steps import take_step
from serving.decisions.tell import step_body, terms_part
from serving.http.body import json_body
from serving.http.problems import language_of, request_id_of
from serving.http.refusals import DecisionUnknown
from serving.routes.consents import After, Limit
from serving.routes.scores import idempotency_key
from serving.schemas import SUPPLIER_ID_PATTERN
from serving.service import InService, caller_of
from serving.store import StoredAnswer

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
    asked = b"POST /v1/decisions " + json.dumps(wanted.model_dump(mode="json", exclude_unset=True), sort_keys=True).encode()
    language, request_id = language_of(request), request_id_of(request)

    def keep(connection: Connection) -> StoredAnswer:
        return make_decision(service, caller, connection, wanted, request_id=request_id, language=language)

    def look_again(connection: Connection, first: StoredAnswer) -> None:
        read_decision(connection, caller, uuid.UUID(first.location.rpartition("/")[2]))

    answer = service.store.keep_once(caller, key, asked, keep, look_again)
    if not answer.was_replayed:
        told = json.loads(answer.body)["recommendation"]
        service.metrics.decision(told["product"], told["outcome"])
    return _created(answer)


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
        answer = read_decision(connection, caller, _id_of(decision_id))
    return _sent(answer, {})


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
    wanted_id = _id_of(decision_id)
    asked = f"POST /v1/decisions/{wanted_id}/steps ".encode() + json.dumps(wanted.model_dump(mode="json"), sort_keys=True).encode()
    language, request_id = language_of(request), request_id_of(request)

    def keep(connection: Connection) -> StoredAnswer:
        return take_step(service, caller, connection, wanted_id, wanted, request_id=request_id, language=language)

    answer = service.store.keep_once(caller, key, asked, keep)
    if not answer.was_replayed:
        service.metrics.step(wanted.act.value)
    return _created(answer)


@router.get("/{decision_id}/steps", response_model=CaseBody, response_description="The case", summary="Read where a decision stands")
def read_steps(service: InService, caller: Reader, decision_id: str) -> CaseBody:
    """Return what holds now and every step, the recommendation as step 0."""
    wanted = _id_of(decision_id)
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


def _id_of(text: str) -> uuid.UUID:
    """Return the id in a path; what is none is unknown."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise DecisionUnknown from None


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


def _created(answer: StoredAnswer) -> Response:
    """Send what was made, or made before."""
    return _sent(answer, {"Location": answer.location} | ({"Idempotent-Replayed": "true"} if answer.was_replayed else {}))


def _sent(answer: StoredAnswer, headers: dict[str, str]) -> Response:
    """Send stored bytes as they are."""
    return Response(answer.body, answer.status, {"Content-Language": answer.language, **headers}, "application/json")
