"""Decisions read again: one as it was answered, its file with every step, a list, the queue of a person. For routes and for pages."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, and_, select

from credit.application import Product
from credit.decision import Decision, Recommendation, decision_of, terms_of
from credit.referral import Act, Case, Stage, Step, open_case
from serving.access.caller import Caller
from serving.database.tables import decision_steps, decisions, scores
from serving.decisions.inputs import DecisionInputs
from serving.http.refusals import DecisionUnknown
from serving.store import StoredAnswer, note_score, record_of_row

WAITING = (Stage.REFERRED, Stage.PROPOSED)
"""Where a person is asked to do something."""


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """A decision in a list: what was recommended (``limit`` in fen), where it stands, what it counts with, its place in the chain."""

    decision_id: UUID
    created_at: datetime
    supplier_id: str
    as_of: date
    product: Product
    outcome: Recommendation
    limit: int | None
    stage: Stage
    exposure: int
    sequence: int


@dataclass(frozen=True, slots=True)
class KeptStepRow:
    """A step as it is kept; ``step`` is None for the recommendation, which no person took."""

    number: int
    act: str
    person: str
    at: datetime
    reason: str
    stage: Stage
    exposure: int
    step: Step | None


@dataclass(frozen=True, slots=True)
class DecisionFile:
    """All that is kept of a decision: what it was worked out from, what was decided, where it stands, every step, and the body sent.

    ``open_until`` is the last day on which it may be taken up, None where it never lapses.
    """

    decision_id: UUID
    tenant_id: UUID
    created_at: datetime
    open_until: date | None
    score_id: UUID
    policy_version: str
    inputs: DecisionInputs
    case: Case
    steps: tuple[KeptStepRow, ...]
    body: bytes
    language: str

    @property
    def decision(self) -> Decision:
        """What was decided."""
        return self.case.decision

    @property
    def exposure(self) -> int:
        """What it counts with in what the supplier owes the bank, in fen."""
        return self.steps[-1].exposure


@dataclass(frozen=True, slots=True)
class DecisionFilter:
    """Which decisions are meant; None is any."""

    supplier_id: str | None = None
    outcome: Recommendation | None = None
    stages: Sequence[Stage] | None = None


def read_decision(connection: Connection, caller: Caller, decision_id: UUID) -> StoredAnswer:
    """Return the answer that gave the decision, and write down that it was looked at.

    Raises
    ------
    DecisionUnknown
        There is no decision of that id, or it is another tenant's: the two are not told apart.
    """
    row = _row(connection, decision_id)
    note_score(
        connection, caller.tenant_id, "read", record_of_row(connection.execute(select(scores).where(scores.c.id == row.score_id)).one())
    )
    return StoredAnswer(f"/v1/decisions/{decision_id}", 200, row.language, row.body, was_replayed=True)


def read_file(connection: Connection, decision_id: UUID) -> DecisionFile:
    """Return all that is kept of a decision; raises as `read_decision` does."""
    row = _row(connection, decision_id)
    wanted = select(decision_steps).where(decision_steps.c.decision_id == decision_id).order_by(decision_steps.c.number)
    steps = tuple(_step_row(each) for each in connection.execute(wanted))
    decision = decision_of(json.loads(row.decision))
    inputs = DecisionInputs.from_canonical(row.inputs)
    return DecisionFile(
        decision_id,
        row.tenant_id,
        row.created_at,
        row.open_until,
        row.score_id,
        row.policy_version,
        inputs,
        case_of(decision, steps),
        steps,
        row.body,
        row.language,
    )


def list_decisions(connection: Connection, wanted: DecisionFilter, after: int, limit: int) -> list[DecisionLine]:
    """Return the decisions of the transaction's tenant in the order they were made, from the one after the place ``after`` on."""
    last = (
        select(decision_steps.c.stage, decision_steps.c.exposure)
        .where(decision_steps.c.decision_id == decisions.c.id)
        .order_by(decision_steps.c.number.desc())
        .limit(1)
        .lateral("last")
    )
    shown = (
        decisions.c.id, decisions.c.created_at, decisions.c.supplier_id, decisions.c.as_of, decisions.c.product, decisions.c.outcome,
        decisions.c.credit_limit, last.c.stage, last.c.exposure, decisions.c.sequence,
    )  # fmt: skip
    conditions = [decisions.c.sequence > after]
    if wanted.supplier_id is not None:
        conditions.append(decisions.c.supplier_id == wanted.supplier_id)
    if wanted.outcome is not None:
        conditions.append(decisions.c.outcome == wanted.outcome.value)
    if wanted.stages is not None:
        conditions.append(last.c.stage.in_([stage.value for stage in wanted.stages]))
    page: Select[Any] = select(*shown).join(last, decisions.c.id.is_not(None)).where(and_(*conditions))
    return [_line(row) for row in connection.execute(page.order_by(decisions.c.sequence).limit(limit))]


def read_queue(connection: Connection, limit: int = 50) -> list[DecisionLine]:
    """Return the decisions that wait for a person, the longest waiting first."""
    return list_decisions(connection, DecisionFilter(stages=WAITING), 0, limit)


def case_of(decision: Decision, steps: Sequence[KeptStepRow]) -> Case:
    """Return where a decision stands after its kept steps."""
    taken = tuple(row.step for row in steps if row.step is not None)
    case = replace(open_case(decision), stage=steps[-1].stage, steps=taken)
    for place, step in enumerate(taken):
        if step.act is Act.ACCEPT:
            case = replace(case, outcome=decision.outcome, terms=decision.terms)
        elif step.act is Act.CONFIRM:
            case = replace(case, outcome=taken[place - 1].outcome, terms=taken[place - 1].terms)
    return case


def _row(connection: Connection, decision_id: UUID) -> Row[Any]:
    row = connection.execute(select(decisions).where(decisions.c.id == decision_id)).one_or_none()
    if row is None:
        raise DecisionUnknown
    return row


def _line(row: Row[Any]) -> DecisionLine:
    told = dict(row._mapping)
    return DecisionLine(
        decision_id=told.pop("id"),
        product=Product(told.pop("product")),
        outcome=Recommendation(told.pop("outcome")),
        limit=told.pop("credit_limit"),
        stage=Stage(told.pop("stage")),
        **told,
    )


def _step_row(row: Row[Any]) -> KeptStepRow:
    step = None
    if row.number > 0:
        outcome = None if row.outcome is None else Recommendation(row.outcome)
        terms = None if row.terms is None else terms_of(json.loads(row.terms))
        step = Step(Act(row.act), row.person, row.at, row.reason, outcome, terms)
    return KeptStepRow(row.number, row.act, row.person, row.at, row.reason, Stage(row.stage), row.exposure, step)
