"""How much of what the model reads is known of a supplier? The policy of the data-sufficiency index with the weight of each feature."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from credit.errors import OutOfRange
from credit.sufficiency import SufficiencyPolicy
from training.scorer import Scores


@dataclass(frozen=True, slots=True)
class Sufficient:
    """What a bundle says of sufficiency: the policy, and per feature, in its order, the mean points it moves among the reference rows."""

    policy: SufficiencyPolicy
    weights: tuple[float, ...]

    @classmethod
    def of(cls, policy: SufficiencyPolicy, scores: Scores) -> "Sufficient":
        """Weigh each feature by the mean size of its points among the reference rows."""
        return cls(policy, tuple(np.mean(np.abs(np.ascontiguousarray(scores.contributions)), axis=0).tolist()))

    def known_share(self, row: Sequence[float]) -> float:
        """Return the share of features that have a value, by weight, 0 to 1; 0 where no feature weighs anything.

        Examples
        --------
        >>> policy = SufficiencyPolicy(6, 12, 12, 6, 1, 1, 1, 1, 1, 1, grade_a_from=0.8, grade_b_from=0.5)
        >>> Sufficient(policy, (3.0, 1.0)).known_share([7.0, math.nan])
        0.75
        """
        if len(row) != len(self.weights):
            raise OutOfRange(f"the row must have the model's {len(self.weights)} features, found {len(row)}")
        whole = math.fsum(self.weights)
        known = math.fsum([weight for weight, value in zip(self.weights, row, strict=True) if not math.isnan(value)])
        return min(1.0, known / whole) if whole else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return a document that `from_json` reads back to the same bits."""
        return {"policy": asdict(self.policy), "weights": list(self.weights)}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Sufficient":
        """Read a document written by `to_json`."""
        policy = SufficiencyPolicy(**{name: float(number) for name, number in document["policy"].items()})
        return cls(policy, tuple(map(float, document["weights"])))
