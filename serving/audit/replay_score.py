"""A score computed again from its audit row: the kept feature values through the bundle the row names, compared bit for bit."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from credit.reason import Reason
from features.columns import Tier
from serving.access.tiers import reaches
from serving.explain import in_words
from serving.http.languages import Language
from serving.http.refusals import ReplayRefused
from serving.store import ScoreRecord, feature_snapshot, without_audit
from training.bundle import ScoringBundle


def replay_score(bundle: ScoringBundle, record: ScoreRecord, told: Mapping[str, Any]) -> tuple[float, tuple[str, ...]]:
    """Compute a score again from its kept record, and return its points and the fields that came out otherwise than answered.

    The data-sufficiency index rests on counts that are not kept; that it is what was answered the digest of the answer says.

    Parameters
    ----------
    bundle
        The bundle the score was given by.
    record, told
        What is kept of the score, and what its audit row says.

    Raises
    ------
    ReplayRefused
        The row names another bundle.
    """
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
    return score.points, differences(kept, again)


def differences(kept: Mapping[str, object], again: Mapping[str, object]) -> tuple[str, ...]:
    """Return the names under which two records are not the same to the last bit of every number."""
    return tuple(name for name in kept if json.dumps(kept[name], sort_keys=True) != json.dumps(again[name], sort_keys=True))


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
