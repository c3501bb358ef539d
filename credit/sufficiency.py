"""Is there enough of a supplier on record to score it? An index from 0 (nothing) to 1 (plenty), and a grade A, B or C; higher is better."""

import math
from dataclasses import dataclass, fields
from typing import Literal

from credit.errors import OutOfRange
from credit.policy import Policy


@dataclass(frozen=True, slots=True)
class Record:
    """What is on record of a supplier.

    Attributes
    ----------
    months
        Months with orders, of the last twelve.
    orders, deliveries, reviews
        How many in the last 365 days.
    tables
        Share of the tables the model uses that the platform handed over, 0 to 1.
    known
        Share of the model's features that have a value, each weighted by the points it moves on average, 0 to 1.
    """

    months: float
    orders: float
    deliveries: float
    reviews: float
    tables: float
    known: float

    def __post_init__(self) -> None:
        """Refuse counts below 0 and shares outside 0 to 1."""
        if not all(math.isfinite(count) and count >= 0.0 for count in (self.months, self.orders, self.deliveries, self.reviews)):
            raise OutOfRange(f"counts must be finite and not below 0, found {self}")
        if not (0.0 <= self.tables <= 1.0 and 0.0 <= self.known <= 1.0):
            raise OutOfRange(f"shares must lie between 0 and 1, found {self}")


@dataclass(frozen=True, slots=True)
class SufficiencyPolicy:
    """Half-way counts, weights and bounds of the index; see ``credit/policies/sufficiency.toml``."""

    months_half: float
    orders_half: float
    deliveries_half: float
    reviews_half: float
    months_weight: float
    orders_weight: float
    deliveries_weight: float
    reviews_weight: float
    tables_weight: float
    known_weight: float
    grade_a_from: float
    grade_b_from: float

    def __post_init__(self) -> None:
        """Refuse numbers for which the index means nothing."""
        halves = (self.months_half, self.orders_half, self.deliveries_half, self.reviews_half)
        if not all(math.isfinite(half) and half > 0.0 for half in halves):
            raise OutOfRange(f"half-way counts must be finite and above 0, found {halves}")
        if not (all(math.isfinite(w) and w >= 0.0 for w in self._weights) and sum(self._weights) > 0.0):
            raise OutOfRange(f"weights must be finite, not below 0 and not all 0, found {self._weights}")
        if not 0.0 <= self.grade_b_from <= self.grade_a_from <= 1.0:
            raise OutOfRange(f"bounds must lie between 0 and 1, B's not above A's, found {self.grade_b_from} and {self.grade_a_from}")

    @property
    def _weights(self) -> tuple[float, ...]:
        weights = (self.months_weight, self.orders_weight, self.deliveries_weight, self.reviews_weight)
        return (*weights, self.tables_weight, self.known_weight)

    @classmethod
    def from_policy(cls, policy: Policy) -> "SufficiencyPolicy":
        """Read the numbers from the policy `sufficiency`."""
        return cls(**{part.name: policy.number(part.name) for part in fields(cls)})

    def index(self, record: Record) -> float:
        """Return the index: the weighted mean of six parts, each from 0 to 1.

        Notes
        -----
        A count n with half-way count h is worth 1 - 2 ** (-n / h): nothing at 0, a half at h, three quarters at 2 h. The two shares are
        worth themselves. More of anything never lowers the index.

        Examples
        --------
        Half-way in every count, all tables, half of the features known, equal weights: (4 x 0.5 + 1 + 0.5) / 6.

        >>> policy = SufficiencyPolicy(6, 12, 12, 6, 1, 1, 1, 1, 1, 1, grade_a_from=0.8, grade_b_from=0.5)
        >>> round(policy.index(Record(months=6, orders=12, deliveries=12, reviews=6, tables=1, known=0.5)), 6)
        0.583333
        """
        counts = (
            (record.months, self.months_half),
            (record.orders, self.orders_half),
            (record.deliveries, self.deliveries_half),
            (record.reviews, self.reviews_half),
        )
        parts = (*(1.0 - 2.0 ** (-count / half) for count, half in counts), record.tables, record.known)
        weighted = math.fsum(weight * part for weight, part in zip(self._weights, parts, strict=True))
        return min(1.0, weighted / math.fsum(self._weights))


@dataclass(frozen=True, slots=True)
class Sufficiency:
    """How much is on record: ``index`` from 0 to 1, and ``grade`` A, B or C."""

    index: float
    grade: Literal["A", "B", "C"]


def data_sufficiency(record: Record, policy: SufficiencyPolicy, *, is_thin: bool = False) -> Sufficiency:
    """Return how much is on record of a supplier; a thin file is grade C whatever its index."""
    index = policy.index(record)
    if is_thin or index < policy.grade_b_from:
        return Sufficiency(index, "C")
    return Sufficiency(index, "A" if index >= policy.grade_a_from else "B")
