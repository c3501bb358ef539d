"""How far might a PD lie from what other suppliers would have taught? An interval around it, conformal within groups.

Two boosters learn from suppliers of their own each; the distance of their log-odds on third suppliers, whom neither knows, says how much
a PD depends on who happened to be learnt from. Its conformal quantile, by how high the PD is and apart for thin files, is the half
width of the interval. What comes out is a small table, looked up without any library.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from credit.abstention import AbstentionPolicy, Interval
from credit.errors import OutOfRange

Values = NDArray[np.float64]

BANDS = 5
MIN_ROWS = 100
"""Held-out rows a group needs for a half width of its own; with fewer it takes the largest of all."""
ORDERS, DAYS = "orders_count_365d", "supplier_tenure_days_all"
"""The features that say whether a file is thin."""


@dataclass(frozen=True, slots=True)
class PdIntervals:
    """Half widths of PD intervals in log-odds, over the PD's own log-odds.

    Attributes
    ----------
    policy
        The interval's level, what a thin file is, and the cut-off that goes with them.
    places
        Log-odds at which a half width is known, rising; between them it is interpolated, outside the nearest holds.
    half_widths
        At ``places``, above or equal 0.
    thin_half_width
        Of thin files; never below the others'.
    pool_pd
        Bad rate of the training rows: the interval of a thin file holds it, since so little is known that the pool says as much.
    names
        The bundle's features, in order.
    """

    policy: AbstentionPolicy
    places: tuple[float, ...]
    half_widths: tuple[float, ...]
    thin_half_width: float
    pool_pd: float
    names: tuple[str, ...]
    _orders: int | None = field(init=False, repr=False, compare=False)
    _days: int | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a table that is none; find the features that say whether a file is thin."""
        rising = all(a < b for a, b in zip(self.places, self.places[1:], strict=False))
        widths = (*self.half_widths, self.thin_half_width)
        if not self.places or len(self.places) != len(self.half_widths) or not rising or not all(0.0 <= w < math.inf for w in widths):
            raise OutOfRange(f"half widths must stand at rising log-odds, one each, not below 0; found {self.places} and {widths}")
        if not 0.0 < self.pool_pd < 1.0:
            raise OutOfRange(f"the pool's PD must lie strictly between 0 and 1, found {self.pool_pd}")
        for slot, name in (("_orders", ORDERS), ("_days", DAYS)):
            object.__setattr__(self, slot, self.names.index(name) if name in self.names else None)

    def is_thin(self, row: Sequence[float]) -> bool:
        """Whether a feature row, in the order of ``names``, is a thin file; False where the model has no such feature."""
        if self._orders is None or self._days is None:
            return False
        return self.policy.is_thin(orders=row[self._orders], days=row[self._days])

    def around(self, pd: float, row: Sequence[float]) -> Interval:
        """Return the interval around the PD of a feature row.

        Both ends rise with the PD. Plain arithmetic on one number at a time: the same bits one by one and in a batch.
        """
        if not 0.0 < pd < 1.0:
            raise OutOfRange(f"pd must lie strictly between 0 and 1, found {pd}")
        place = math.log(pd) - math.log1p(-pd)
        if self.is_thin(row):
            low, high = _pd(place - self.thin_half_width), _pd(place + self.thin_half_width)
            return Interval(min(low, pd, self.pool_pd), max(high, pd, self.pool_pd), self.policy.interval_level)
        half = self._half_width(place)
        return Interval(min(_pd(place - half), pd), max(_pd(place + half), pd), self.policy.interval_level)

    def _half_width(self, place: float) -> float:
        after = bisect_right(self.places, place)
        if after == 0 or after == len(self.places):
            return self.half_widths[0 if after == 0 else -1]
        left, right = self.places[after - 1], self.places[after]
        share = (place - left) / (right - left)
        return self.half_widths[after - 1] + share * (self.half_widths[after] - self.half_widths[after - 1])

    def to_json(self) -> dict[str, Any]:
        """Return a document that `from_json` reads back to the same bits."""
        policy = self.policy
        return {
            "policy": {name: getattr(policy, name) for name in ("cutoff_pd", "interval_level", "thin_orders", "thin_days")},
            "places": list(self.places),
            "half_widths": list(self.half_widths),
            "thin_half_width": self.thin_half_width,
            "pool_pd": self.pool_pd,
        }

    @classmethod
    def from_json(cls, document: dict[str, Any], names: Sequence[str]) -> "PdIntervals":
        """Read a document written by `to_json`, for a bundle with these features."""
        return cls(
            policy=AbstentionPolicy(**{name: float(number) for name, number in document["policy"].items()}),
            places=tuple(map(float, document["places"])),
            half_widths=tuple(map(float, document["half_widths"])),
            thin_half_width=float(document["thin_half_width"]),
            pool_pd=float(document["pool_pd"]),
            names=tuple(names),
        )


def fit_intervals(
    distances: Values, places: Values, values: Values, *, names: Sequence[str], pool_pd: float, policy: AbstentionPolicy
) -> PdIntervals:
    """Return the intervals that the distances between two models on suppliers new to both call for.

    Parameters
    ----------
    distances
        Absolute difference of the two models' calibrated log-odds, shape (n,).
    places
        The product's calibrated log-odds of the same rows from boosters that never saw them, shape (n,).
    values
        Their feature rows, shape (n, f), in the order of ``names``.
    pool_pd
        Bad rate of all training rows, at the level the PDs stand at.
    policy
        The level, and what a thin file is.

    Notes
    -----
    Split-conformal quantiles within groups (Vovk, Conditional validity of inductive conformal predictors, 2012): of n distances the
    ceil((n + 1) level)-th smallest. Groups are fifths of the log-odds, and thin files. Half widths are then raised where they would fall
    faster than the log-odds rise, so that the ends of the intervals never cross. Each of the two models learns from fewer suppliers
    than the product, so the distances are wide of the product's own; docs/decisions/0013 has the measured coverage.
    """
    if not len(distances) == len(places) == len(values) or len(distances) < BANDS or not np.isfinite(distances).all():
        raise OutOfRange(f"intervals need finite distances of at least {BANDS} held-out rows, found {len(distances)}")
    edges = np.unique(np.quantile(places, np.linspace(0.0, 1.0, BANDS + 1)[1:-1]))
    band = np.searchsorted(edges, places, side="right")
    found = np.unique(band)
    at = np.array([np.median(places[band == b]) for b in found])
    half = np.array([_conformal(distances[band == b], policy.interval_level) for b in found])
    half = np.max(half[None, :] - np.abs(at[:, None] - at[None, :]), axis=1)
    fitted = PdIntervals(policy, tuple(at.tolist()), tuple(half.tolist()), float(half.max()), pool_pd, tuple(names))
    is_thin = np.array([fitted.is_thin(row) for row in values.tolist()], dtype=np.bool_)
    if int(is_thin.sum()) < MIN_ROWS:
        return fitted
    thin = max(fitted.thin_half_width, _conformal(distances[is_thin], policy.interval_level))
    return PdIntervals(policy, fitted.places, fitted.half_widths, thin, pool_pd, fitted.names)


def _conformal(distances: Values, level: float) -> float:
    rank = min(len(distances), math.ceil((len(distances) + 1) * level))
    return float(np.sort(distances)[rank - 1])


def _pd(log_odds: float) -> float:
    if log_odds >= 0.0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    odds = math.exp(log_odds)
    return odds / (1.0 + odds)
