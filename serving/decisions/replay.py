"""A decision, and a step on one, computed again from what is kept: application, turnover, feature values, policy, steps."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Connection, select

from credit.application import ScoredSupplier
from credit.decision import DECISION_VERSION, decide
from credit.referral import Act, Case, Step, exposure, lapse
from serving.audit.replay_score import differences
from serving.database.tables import audit, decisions, scores
from serving.decisions.inputs import DecisionInputs
from serving.decisions.reading import DecisionFile, case_of, read_file
from serving.decisions.requests import ProposedTerms, StepRequest
from serving.decisions.steps import audited_step, kept_policy, next_case
from serving.decisions.tell import decision_parts
from serving.http.languages import Language
from serving.http.refusals import ReplayRefused
from serving.store import ScoreRecord, record_of_row, without_audit
from training.bundle import ScoringBundle


@dataclass(frozen=True, slots=True)
class DecisionReplay:
    """Which score a decision rests on, and the names of what came out otherwise."""

    score_id: UUID
    different: tuple[str, ...]


def replay_decision(connection: Connection, bundle: ScoringBundle, decision_id: UUID, told: Mapping[str, Any] | None) -> DecisionReplay:
    """Decide again, with the PD computed again from the kept feature values, and compare with what was kept and answered.

    Parameters
    ----------
    connection
        As the owner of the tables.
    told
        What the audit row of the decision says; None reads it.
    """
    row = connection.execute(select(decisions).where(decisions.c.id == decision_id)).one()
    if told is None:
        of_decision = (audit.c.decision_id == decision_id) & (audit.c.decision_step == 0)
        told = json.loads(bytes(connection.execute(select(audit.c.record).where(of_decision)).scalar_one()))
    file = read_file(connection, decision_id)
    if told["made_by"] != DECISION_VERSION:
        raise ReplayRefused(
            f"A decision is replayed by the make of rules that made it: the row names {told['made_by']}, this is {DECISION_VERSION}. "
            f"Replay it with that version of Lianxin."
        )
    record = record_of_row(connection.execute(select(scores).where(scores.c.id == row.score_id)).one())
    policy = kept_policy(connection, file)
    inputs = file.inputs
    supplier = _scored_again(bundle, record, inputs.supplier)
    decision = decide(inputs.application, supplier, inputs.turnover, policy)
    answer = json.loads(row.body)
    parts = {name: _plain(part) for name, part in decision_parts(decision, inputs, Language(row.language)).items()}
    again = {
        "inputs_sha256": _sha256(DecisionInputs(inputs.application, supplier, inputs.turnover, inputs.documents).canonical()),
        "decision_sha256": _sha256(decision.canonical()),
        "policy_version": policy.version,
        "answer_sha256": _sha256(without_audit(bytes(row.body))),
        "kept decision": _sha256(decision.canonical()),
        **parts,
    }
    kept = {
        **{name: told[name] for name in ("inputs_sha256", "decision_sha256", "policy_version", "answer_sha256")},
        "kept decision": _sha256(bytes(row.decision)),
        **{name: answer[name] for name in parts},
    }
    return DecisionReplay(row.score_id, differences(kept, again))


def replay_step(connection: Connection, decision_id: UUID, number: int, told: Mapping[str, Any]) -> tuple[str, ...]:
    """Take a kept step again on the steps before it, and return the names under which its audit row says otherwise."""
    file = read_file(connection, decision_id)
    before, step = file.steps[:number], file.steps[number].step
    if step is None:
        return ("step",)
    earlier = replace(file, case=case_of(file.decision, before), steps=before)
    case = lapse(earlier.case, at=step.at) if step.act is Act.LAPSE else _taken_again(connection, earlier, step)
    again = audited_step(decision_id, case)
    kept = file.steps[number]
    as_kept = {"kept stage": kept.stage.value, "kept exposure": kept.exposure, "kept terms": str(step.terms)}
    as_now = {"kept stage": case.stage.value, "kept exposure": exposure(case), "kept terms": str(case.steps[-1].terms)}
    return differences({**{name: told[name] for name in again}, **as_kept}, {**again, **as_now})


def _taken_again(connection: Connection, earlier: DecisionFile, step: Step) -> Case:
    """Return the case after a person's step, taken again on the steps before it."""
    terms = step.terms
    asked = None
    if terms is not None:
        names = ("limit", "advance_rate", "annual_rate", "tenor_days")
        asked = ProposedTerms.model_validate({name: getattr(terms, name) for name in names})
    outcome = step.outcome.value if step.outcome else None
    wanted = StepRequest.model_validate({"act": step.act, "reason": step.reason, "outcome": outcome, "terms": asked})
    return next_case(earlier, wanted, step.by, step.at, kept_policy(connection, earlier))


def _scored_again(bundle: ScoringBundle, record: ScoreRecord, kept: ScoredSupplier) -> ScoredSupplier:
    """Return what the decision read of the score, from the kept feature values; the sufficiency, whose counts are not kept, as it was."""
    values = record.feature_values
    score = bundle.score_of(record.supplier_id, record.as_of, np.array(values, dtype=np.float64))
    interval = None if bundle.intervals is None else bundle.intervals.around(score.pd, values)
    ends = None if interval is None else (interval.low, interval.high)
    return ScoredSupplier(score.points, score.pd, bundle.grades.grade(score.pd).name, ends, kept.sufficiency)


def _plain(part: Any) -> Any:
    if isinstance(part, list):
        return [_plain(each) for each in part]
    return part.model_dump(mode="json") if hasattr(part, "model_dump") else part


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
