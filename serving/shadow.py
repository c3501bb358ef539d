"""What would the challenger say? Both models score the same suppliers from the same facts; the champion's word alone counts."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from credit.grade import Grade
from features.ledger import Ledger
from serving.assess import BatchScores, score_batch
from training.bundle import ScoringBundle


@dataclass(frozen=True, slots=True)
class Shadow:
    """Scores of one platform by two models; row i of both belongs to supplier i."""

    champion: BatchScores
    challenger: BatchScores

    @property
    def differences(self) -> NDArray[np.float64]:
        """Points of the challenger less those of the champion, shape (n,)."""
        return np.asarray(self.challenger.scores.points - self.champion.scores.points, dtype=np.float64)

    def migrations(self) -> dict[str, dict[str, int]]:
        """Count the suppliers by the champion's grade and, within it, the challenger's."""
        counted: dict[str, dict[str, int]] = {grade.name: {} for grade in _safest_first(self.champion)}
        for old, new in zip(self.champion.grades, self.challenger.grades, strict=True):
            counted[old.name][new.name] = counted[old.name].get(new.name, 0) + 1
        return counted

    def summary(self) -> dict[str, Any]:
        """Return how far the two are apart: points, PDs, order and grades."""
        gaps, count = self.differences, len(self.differences)
        old, new = self.champion.scores, self.challenger.scores
        moved = sum(a.name != b.name for a, b in zip(self.champion.grades, self.challenger.grades, strict=True))
        return {
            "suppliers": count,
            "points_difference": {
                "mean": float(gaps.mean()),
                "least": float(gaps.min()),
                "p05": float(np.quantile(gaps, 0.05)),
                "median": float(np.median(gaps)),
                "p95": float(np.quantile(gaps, 0.95)),
                "most": float(gaps.max()),
            },
            "mean_pd": {"champion": float(old.pd.mean()), "challenger": float(new.pd.mean())},
            "rank_correlation": _rank_correlation(old.points, new.points),
            "grade_changed": moved,
            "grade_changed_share": moved / count,
            "migrations": self.migrations(),
        }


def score_both(champion: ScoringBundle, challenger: ScoringBundle, ledger: Ledger, as_of: date) -> Shadow:
    """Score every supplier known before ``as_of`` by both models; raises as `serving.assess.score_batch` does."""
    return Shadow(score_batch(champion, ledger, as_of), score_batch(challenger, ledger, as_of))


def _safest_first(batch: BatchScores) -> list[Grade]:
    return sorted(set(batch.grades), key=lambda grade: grade.pd_from)


def _rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    """Return Spearman's correlation of two scores, None where one of them is the same for all."""
    ranks = []
    for points in (one, other):
        _, place, counts = np.unique(points, return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(counts) - (counts - 1) / 2.0)[place])
    if np.ptp(ranks[0]) == 0 or np.ptp(ranks[1]) == 0:
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
