"""A step that a person takes on a decision: checked, kept as a row of its own with its audit row, its documents held or let go."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import Connection, insert, select, text

from credit.decision import Recommendation
from credit.errors import StepNotAllowed
from credit.financing_policy import FinancingPolicy, FinancingPolicyHistory
from credit.referral import (
    Act,
    Case,
    Stage,
    Step,
    accept,
    confirm,
    exposure,
    is_closed,
    lapse,
    override_terms,
    propose,
    refer,
    reject,
    repay,
    take,
    withdraw,
)
from serving.access.caller import Caller
from serving.audit.chain import Scalar
from serving.database.tables import decision_policies, decision_steps
from serving.decisions.claims import Standing, claim, fingerprints, held, release, standings
from serving.decisions.decide import lock_supplier
from serving.decisions.persons import person_of
from serving.decisions.reading import DecisionFile, KeptStepRow, read_file
from serving.decisions.requests import StepRequest
from serving.decisions.tell import step_body
from serving.http.answers import asked_as
from serving.http.languages import Language
from serving.http.refusals import DocumentsTaken
from serving.service import Service
from serving.store import StoredAnswer, add_to_chain, next_of_chain, sealed

_NOW = text("SELECT clock_timestamp()")
_TRANSITIONS = MappingProxyType(
    {
        Act.REFER: refer,
        Act.ACCEPT: accept,
        Act.CONFIRM: confirm,
        Act.REJECT: reject,
        Act.TAKE: take,
        Act.WITHDRAW: withdraw,
        Act.REPAY: repay,
    }
)


def step_once(
    service: Service, caller: Caller, key: str, decision_id: UUID, wanted: StepRequest, *, request_id: str, language: Language
) -> StoredAnswer:
    """Return the first answer to the Idempotency-Key, taking the step if there is none; raises as `take_step` does."""

    def keep(connection: Connection) -> StoredAnswer:
        return take_step(service, caller, connection, decision_id, wanted, request_id=request_id, language=language)

    answer = service.store.keep_once(caller, key, asked_as(f"/v1/decisions/{decision_id}/steps", wanted), keep)
    if not answer.was_replayed:
        service.metrics.step(wanted.act.value)
    return answer


def take_step(
    service: Service, caller: Caller, connection: Connection, decision_id: UUID, wanted: StepRequest, *, request_id: str, language: Language
) -> StoredAnswer:
    """Take a step and keep it; the answer is what was kept.

    Raises
    ------
    DecisionUnknown
        There is no such decision of the caller's bank.
    StepNotAllowed
        From another stage, without a reason, by the same person, or to terms beyond the statute.
    DocumentsTaken
        What is approved is financed elsewhere meanwhile.
    """
    file = _locked(connection, caller.tenant_id, decision_id)
    if has_lapsed(file, service.today):
        raise StepNotAllowed(f"{wanted.act} is possible until {file.open_until}; the decision lapses: apply anew")
    at: datetime = connection.execute(_NOW).scalar_one()
    case = next_case(file, wanted, person_of(connection, caller), at, kept_policy(connection, file))
    _hold_documents(service, connection, file, case)
    sent = _keep(connection, file, case, caller.key_id, {"key": caller.prefix, "request_id": request_id})
    return StoredAnswer(f"/v1/decisions/{file.decision_id}/steps", 201, language.value, sent)


def let_lapse(connection: Connection, tenant_id: UUID, decision_id: UUID, today: date) -> bool:
    """Let a decision of the transaction's tenant lapse and its documents go; False where a person was faster."""
    file = _locked(connection, tenant_id, decision_id)
    if not has_lapsed(file, today):
        return False
    case = lapse(file.case, at=connection.execute(_NOW).scalar_one())
    release(connection, decision_id)
    _keep(connection, file, case, None, {})
    return True


def has_lapsed(file: DecisionFile, today: date) -> bool:
    """Say whether a decision that nobody took up can be taken up no more."""
    is_over = file.case.stage in {Stage.TAKEN, Stage.REPAID} or is_closed(file.case)
    return not is_over and file.open_until is not None and file.open_until < today


def _locked(connection: Connection, tenant_id: UUID, decision_id: UUID) -> DecisionFile:
    """Return a decision's file when nobody else can take a step on it."""
    lock_supplier(connection, tenant_id, read_file(connection, decision_id).decision.supplier_id)
    return read_file(connection, decision_id)


def next_case(file: DecisionFile, wanted: StepRequest, by: str, at: datetime, policy: FinancingPolicy) -> Case:
    """Return the case after the step, by the policy the decision was made by."""
    if wanted.act is not Act.PROPOSE:
        return _TRANSITIONS[wanted.act](file.case, by=by, reason=wanted.reason, at=at, policy=policy)
    asked = wanted.terms
    terms = None if asked is None else override_terms(file.decision, file.inputs.supplier, policy, **asked.model_dump())
    outcome = Recommendation(str(wanted.outcome))
    return propose(file.case, by=by, reason=wanted.reason, at=at, policy=policy, outcome=outcome, terms=terms)


def kept_policy(connection: Connection, file: DecisionFile) -> FinancingPolicy:
    """Return the numbers a decision was made by, from what was kept of its policy."""
    kept = decision_policies.c
    canonical = connection.execute(
        select(kept.canonical).where(kept.tenant_id == file.tenant_id, kept.version == file.policy_version)
    ).scalar_one()
    return FinancingPolicyHistory.from_canonical(canonical.decode("ascii")).on(file.decision.as_of)


def _hold_documents(service: Service, connection: Connection, file: DecisionFile, case: Case) -> None:
    """Let go of the documents of a case that is closed; hold what an override lends against and the recommendation did not."""
    if is_closed(case):
        release(connection, file.decision_id)
        return
    if case.steps[-1].act is not Act.CONFIRM or case.terms is None:
        return
    decision = file.decision
    asked = fingerprints(decision.product, decision.supplier_id, file.inputs.documents, service.salt)
    own = held(connection, file.decision_id, asked)
    found = standings(connection, asked)
    usable = {item.number for item in decision.items if not any(rule.code == "ALREADY_FINANCED" for rule in item.rules)}
    free = {number: each for number, each in asked.items() if number in usable - own and found[number] is not Standing.TAKEN}
    if case.terms.limit > sum(item.amount for item in decision.items if item.number in own | free.keys()):
        raise DocumentsTaken
    claim(connection, file.decision_id, free, service.salt)


def _keep(connection: Connection, file: DecisionFile, case: Case, key_id: int | None, occasion: Mapping[str, Scalar]) -> bytes:
    """Write the step and its audit row, and return the step as it is sent, with its place in the chain."""
    number, step = len(case.steps), case.steps[-1]
    terms = _terms_text(step)
    told = KeptStepRow(number, step.act.value, step.by, step.at, step.reason, case.stage, exposure(case), step)
    raw = json.dumps(step_body(file.decision_id, told).model_dump(mode="json"), ensure_ascii=False, allow_nan=False).encode()
    told_of_answer: dict[str, Scalar] = {**occasion, "answer_sha256": hashlib.sha256(raw).hexdigest()}
    row = next_of_chain(connection, file.tenant_id, audited_step(file.decision_id, case) | told_of_answer)
    kept = {
        "tenant_id": file.tenant_id,
        "decision_id": file.decision_id,
        "number": number,
        "at": step.at,
        "act": step.act.value,
        "person": step.by,
        "api_key_id": key_id,
        "reason": step.reason,
        "outcome": step.outcome.value if step.outcome else None,
        "terms": None if terms is None else terms.encode(),
        "stage": case.stage.value,
        "exposure": told.exposure,
    }
    connection.execute(insert(decision_steps), kept)
    add_to_chain(connection, file.tenant_id, row, decision_id=file.decision_id, decision_step=number)
    return sealed(raw, row)


def audited_step(decision_id: UUID, case: Case) -> dict[str, Scalar]:
    """Return what the audit row of a case's last step says of it; the reason, free text, by its digest."""
    step = case.steps[-1]
    return {
        "kind": "decision_step",
        "decision_id": str(decision_id),
        "step": len(case.steps),
        "act": step.act.value,
        "person": step.by,
        "at": step.at.isoformat(),
        "reason_sha256": hashlib.sha256(step.reason.encode()).hexdigest(),
        "outcome": step.outcome.value if step.outcome else None,
        "terms": _terms_text(step),
        "stage": case.stage.value,
        "exposure": exposure(case),
    }


def _terms_text(step: Step) -> str | None:
    """Return proposed terms as the one JSON text that is kept of them."""
    return None if step.terms is None else json.dumps(asdict(step.terms), sort_keys=True, separators=(",", ":"))
