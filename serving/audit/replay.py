"""A score computed again from its audit row: the kept feature values through the bundle the row names, compared bit for bit."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import select

from credit.reason import Reason
from features.columns import Tier
from serving.access.tiers import reaches
from serving.database.tables import audit, scores
from serving.explain import in_words
from serving.http.languages import Language
from serving.http.refusals import AuditRowUnknown, ReplayRefused
from serving.store import Store, feature_snapshot, record_of_row, without_audit
from training.bundle import ScoringBundle


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of a replay: the names of the fields that came out otherwise, none where all are the same to the last bit."""

    sequence: int
    score_id: UUID
    points: float
    different: tuple[str, ...]


def replay(store: Store, bundle: ScoringBundle, tenant_id: UUID, sequence: int) -> Replay:
    """Compute the score of an audit row again and compare it with what was answered.

    The data-sufficiency index rests on counts that are not kept; that it is what was answered the digest of the answer says.

    Parameters
    ----------
    store
        Open as the owner of the tables.
    bundle
        The bundle the row names by its hash.

    Raises
    ------
    AuditRowUnknown
        The tenant's chain has no such row, or it is not of a score.
    ReplayRefused
        The row names another bundle.
    """
    wanted = (audit.c.tenant_id == tenant_id) & (audit.c.sequence == sequence)
    with store.engine.connect() as connection:
        found = connection.execute(select(audit.c.record, scores).join(scores, scores.c.id == audit.c.score_id).where(wanted)).one_or_none()
    if found is None:
        raise AuditRowUnknown(f"The chain has no score at sequence {sequence}. `lianxin audit verify` says how long it is.")
    record, told = record_of_row(found), json.loads(bytes(found.record))
    if told["bundle_sha256"] != bundle.content_hash:
        raise ReplayRefused(
            f"A score is replayed with the bundle that gave it: the row names {told['bundle_sha256'][:12]}, this one is "
            f"{bundle.content_hash[:12]}. Name the other with --bundle."
        )
    answer = json.loads(record.body)
    score = bundle.score_of(record.supplier_id, record.as_of, np.array(record.feature_values, dtype=np.float64))
    language, tier = Language(record.language), Tier(told["tier"])
    again = {
        "audit.feature_snapshot_sha256": feature_snapshot(record.feature_values),
        "answer_sha256": hashlib.sha256(without_audit(record.body)).hexdigest(),
        "score": {
            "points": score.points,
            "grade": bundle.grades.grade(score.pd).name,
            "pd_12m": score.pd,
            "interval": _interval(bundle, score.pd, record.feature_values),
        },
        "base_points": score.base_points,
        "contributions": [
            {"feature": part.feature, "value": part.value if reaches(tier, part.feature) else None, "points": part.points + 0.0}
            for part in score.contributions
        ],
        "reasons": [_reason(reason, language, tier) for reason in bundle.reasons(score)],
    }
    kept = {
        "audit.feature_snapshot_sha256": told["feature_snapshot_sha256"],
        "answer_sha256": told["answer_sha256"],
        "score": {name: answer["score"][name] for name in ("points", "grade", "pd_12m", "interval")},
        "base_points": answer["base_points"],
        "contributions": [{name: part[name] for name in ("feature", "value", "points")} for part in answer["contributions"]],
        "reasons": [_kept_reason(part) for part in answer["reasons"]],
    }
    different = tuple(name for name in kept if _bits(kept[name]) != _bits(again[name]))
    return Replay(sequence, record.score_id, score.points, different)


def _interval(bundle: ScoringBundle, pd: float, values: Sequence[float]) -> dict[str, float] | None:
    if bundle.intervals is None:
        return None
    found = bundle.intervals.around(pd, tuple(values))
    return {"low": found.low, "high": found.high, "level": found.level}


def _reason(reason: Reason, language: Language, tier: Tier) -> dict[str, object]:
    """Return a reason as far as it was shown."""
    shown: dict[str, object] = {"code": reason.code, "feature": reason.feature, "points": reason.points}
    if reaches(tier, reason.feature):
        shown |= {"value": reason.value, "reference": reason.reference, "text": in_words((reason.text_zh, reason.text_en), language)}
    return shown


def _kept_reason(part: Mapping[str, Any]) -> dict[str, object]:
    """Return a reason as it was answered, as far as it can be compared."""
    names = ("code", "feature", "points") if part["withheld"] else ("code", "feature", "points", "value", "reference", "text")
    return {name: part[name] for name in names}


def _bits(value: object) -> str:
    """Return a value in a form that is equal only where every bit of every number is."""
    return json.dumps(value, sort_keys=True)
