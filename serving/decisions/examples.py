"""The documentation's examples of decisions: decided by the very code that answers, for the supplier of the other examples."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from credit.application import Request, Turnover
from credit.decision import Decision, Recommendation, decide
from credit.referral import Act, Stage, exposure, last_day, open_case
from features.turnover import turnover_before
from serving.decisions.bodies import CaseBody, DecisionSummary
from serving.decisions.claims import Standing
from serving.decisions.decide import items_told
from serving.decisions.inputs import DecisionInputs, application_of, scored_supplier
from serving.decisions.policy_in_force import packaged_financing_policy
from serving.decisions.reading import KeptStepRow
from serving.decisions.requests import DecisionRequest
from serving.decisions.tell import decision_body, step_body
from serving.http.examples import DECISION_ID, NOBODY, example_assessment, score_body_example, told_example
from serving.http.languages import Language
from serving.service import Service

_USUAL = Turnover(last_365d=420_000_000, last_90d=110_000_000, largest_buyer_365d=190_000_000)
"""Turnover in fen of the supplier that does not exist."""


def decision_request_example(service: Service) -> dict[str, Any]:
    """Return a body for POST /v1/decisions."""
    as_of = service.ledger.latest_as_of
    dates = {"issued_on": (as_of - timedelta(days=30)).isoformat(), "due_on": (as_of + timedelta(days=60)).isoformat()}
    dates["delivered_on"] = (as_of - timedelta(days=28)).isoformat()
    invoices = [
        {"number": "2026-017", "buyer_id": "buyer-a", "amount": 30_000_000, **dates},
        {"number": "2026-021", "buyer_id": "buyer-b", "amount": 40_000_000, **dates},
    ]
    told = {"supplier_id": service.settings.example_supplier or NOBODY, "as_of": as_of.isoformat(), "product": "receivables"}
    return told | {"amount": 40_000_000, "tenor_days": 90, "owed_besides": 0, "invoices": invoices}


def step_request_example() -> dict[str, Any]:
    """Return a body for POST /v1/decisions/{decision_id}/steps."""
    return {"act": Act.WITHDRAW.value, "reason": "the supplier no longer needs the money"}


def decision_answers(service: Service) -> dict[tuple[str, str], Any]:
    """Return an example of the good answer of every operation on decisions."""
    decision, inputs = decided_example(service)
    body = told_example(decision_body(score_body_example(service), decision, inputs, Language.EN), service)
    in_force, is_declined = packaged_financing_policy().on(decision.as_of), decision.outcome is Recommendation.DECLINE
    body["open_until"] = None if is_declined else last_day(service.today, in_force).isoformat()
    given = datetime.now(UTC).replace(microsecond=0)
    case = open_case(decision)
    first = KeptStepRow(0, "recommend", "Li Wei", given, "", case.stage, exposure(case), None)
    steps = [step_body(DECISION_ID, first)]
    asked = step_request_example()
    last = steps[0].model_copy(
        update={"number": 1, "act": Act.WITHDRAW, "reason": asked["reason"], "stage": Stage.WITHDRAWN, "exposure": 0}
    )
    stands = CaseBody(decision_id=DECISION_ID, stage=Stage.WITHDRAWN, outcome=None, terms=None, exposure=0, steps=[*steps, last])
    summary = DecisionSummary(
        id=DECISION_ID,
        created_at=given,
        supplier_id=decision.supplier_id,
        as_of=decision.as_of,
        product=decision.product,
        outcome=decision.outcome,
        limit=decision.terms.limit if decision.terms else None,
        stage=case.stage,
        exposure=exposure(case),
        sequence=2,
    )
    one, steps_of = "/v1/decisions/{decision_id}", "/v1/decisions/{decision_id}/steps"
    return {
        ("/v1/decisions", "post"): body,
        ("/v1/decisions", "get"): {"items": [summary.model_dump(mode="json")], "next": None},
        (one, "get"): body,
        (steps_of, "get"): stands.model_dump(mode="json"),
        (steps_of, "post"): last.model_dump(mode="json") | {"audit": {"sequence": 3, "chain_hash": "0" * 64}},
    }


def decided_example(service: Service) -> tuple[Decision, DecisionInputs]:
    """Decide the example's application, nothing of it being financed elsewhere and nothing owed."""
    wanted = DecisionRequest.model_validate_json(json.dumps(decision_request_example(service)))
    as_of, supplier_id = service.ledger.latest_as_of, wanted.supplier_id
    known = service.settings.example_supplier
    turnover = turnover_before(service.ledger, supplier_id, as_of) if known else _USUAL
    items = items_told(wanted, {document.number: Standing.FREE for document in wanted.documents})
    request = Request(str(DECISION_ID), supplier_id, as_of, wanted.amount, wanted.tenor_days)
    application = application_of(wanted.product, request, items)
    inputs = DecisionInputs(application, scored_supplier(example_assessment(service)), turnover, wanted.documents)
    return decide(application, inputs.supplier, turnover, packaged_financing_policy().on(as_of)), inputs
