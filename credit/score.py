"""What is a score? Points, the PD they stand for, and the points each feature adds to the base."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple


class Contribution(NamedTuple):
    """What one feature adds to the base points; negative is points lost. ``value`` is None where it is missing.

    A tuple, because a score makes one for each of its features.
    """

    feature: str
    value: float | None
    points: float


@dataclass(frozen=True, slots=True)
class Score:
    """One supplier's score at one as-of date; higher points are safer.

    ``base_points`` and the contributions, added in their order, give ``points``.
    """

    supplier_id: str
    as_of: date
    pd: float
    points: float
    base_points: float
    contributions: tuple[Contribution, ...]

    @property
    def added_up(self) -> float:
        """Return base points plus contributions, added in order: what a reader with a pencil gets.

        Examples
        --------
        >>> Score("S1", date(2026, 1, 1), 0.03, 620.0, 610.0, (Contribution("orders_count_90d", 12.0, 10.0),)).added_up
        620.0
        """
        total = self.base_points
        for contribution in self.contributions:
            total += contribution.points
        return total
