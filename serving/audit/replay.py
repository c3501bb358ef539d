"""A row of the audit computed again from what is kept, and compared bit for bit: a score, a decision, or a step on one."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from serving.audit.replay_score import replay_score
from serving.database.tables import audit, scores
from serving.decisions.replay import replay_decision, replay_step
from serving.http.refusals import AuditRowUnknown
from serving.store import Store, record_of_row
from training.bundle import ScoringBundle


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of a replay: the names of the fields that came out otherwise, none where all are the same to the last bit.

    ``decision_id`` is None where the row is of a score alone; ``points`` are those of the score that the row is, or rests on.
    """

    sequence: int
    score_id: UUID
    points: float
    different: tuple[str, ...]
    decision_id: UUID | None = None


def replay(store: Store, bundle: ScoringBundle, tenant_id: UUID, sequence: int) -> Replay:
    """Compute what an audit row is of again and compare it with what was answered.

    A decision is computed from its score, computed again from the kept feature values, and from the kept application, turnover and
    policy; a step from the decision and the steps before it.

    Parameters
    ----------
    store
        Open as the owner of the tables.
    bundle
        The bundle the row names by its hash.

    Raises
    ------
    AuditRowUnknown
        The tenant's chain has no such row, or it is of nothing that can be computed.
    ReplayRefused
        The row names another bundle.
    """
    wanted = (audit.c.tenant_id == tenant_id) & (audit.c.sequence == sequence)
    with store.engine.connect() as connection:
        row = connection.execute(select(audit).where(wanted)).one_or_none()
        if row is None or (row.score_id is None and row.decision_id is None):
            raise AuditRowUnknown(f"The chain has no score or decision at sequence {sequence}. `lianxin audit verify` says how long it is.")
        if row.decision_id is None:
            return _score(connection, bundle, row, row.score_id)
        told = json.loads(bytes(row.record))
        found = replay_decision(connection, bundle, row.decision_id, told if row.decision_step == 0 else None)
        different = found.different
        if row.decision_step > 0:
            different = different or replay_step(connection, row.decision_id, row.decision_step, told)
        score = _score(connection, bundle, row, found.score_id)
    return Replay(sequence, score.score_id, score.points, (*score.different, *different), row.decision_id)


def _score(connection: Connection, bundle: ScoringBundle, row: Row[Any], score_id: UUID) -> Replay:
    """Compute a score again, against what its own audit row says."""
    kept = select(audit.c.record.label("told"), scores).join(scores, scores.c.id == audit.c.score_id).where(scores.c.id == score_id)
    found = connection.execute(kept).one()
    points, different = replay_score(bundle, record_of_row(found), json.loads(bytes(found.told)))
    return Replay(row.sequence, score_id, points, different)
