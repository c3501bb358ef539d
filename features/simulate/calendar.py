"""The simulated calendar: a fixed end, months counted back from it, working days and the New Year stop."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

END_MONTH = np.datetime64("2026-07", "M")
"""The first month after the simulation; nothing is dated at or after its first instant."""

NEW_YEAR = (
    date(2016, 2, 8), date(2017, 1, 28), date(2018, 2, 16), date(2019, 2, 5), date(2020, 1, 25), date(2021, 2, 12),
    date(2022, 2, 1), date(2023, 1, 22), date(2024, 2, 10), date(2025, 1, 29), date(2026, 2, 17),
)  # fmt: skip
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Calendar:
    """Months 0 .. months-1 as days and seconds from 1970-01-01, local civil time."""

    months: int
    starts: NDArray[np.int64]
    """First day of each month and, last, of the month after the end; days since 1970, (months + 1,)."""
    weight: NDArray[np.float64]
    """Trade weight of each day from ``starts[0]``; 1 is a normal working day."""

    @property
    def end(self) -> int:
        """Return the first second after the simulation."""
        return int(self.starts[-1]) * DAY_SECONDS

    def season(self) -> NDArray[np.float64]:
        """Return each month's trade against a normal month of 30.4 days, (months,)."""
        total = np.add.reduceat(self.weight, self.starts[:-1] - self.starts[0])
        return np.asarray(total / (30.4 * (5 + 2 * 0.6) / 7))

    def draw(self, month: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Return a second in each given ``month``, by the days' weights and in working hours."""
        cumulative = np.cumsum(self.weight)
        edge = np.concatenate([[0.0], cumulative])[self.starts - self.starts[0]]
        u = edge[month] + rng.random(month.size) * (edge[month + 1] - edge[month])
        day = np.minimum(np.searchsorted(cumulative, u, side="right"), self.weight.size - 1)
        return np.asarray((self.starts[0] + day) * DAY_SECONDS + rng.integers(8 * 3600, 20 * 3600, month.size))

    def month_of(self, second: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the month's number of each second, clipped to the simulation."""
        return np.clip(np.searchsorted(self.starts, second // DAY_SECONDS, side="right") - 1, 0, self.months - 1)


def calendar_of(months: int, new_year_volume: float) -> Calendar:
    """Return the calendar of ``months`` months up to the fixed end.

    >>> calendar_of(24, 0.1).starts[0] == np.datetime64("2024-07-01").astype(int)
    np.True_
    """
    edges = np.arange(END_MONTH - months, END_MONTH + 1)
    starts = edges.astype("datetime64[D]").astype(np.int64)
    days = np.arange(starts[0], starts[-1])
    weekday = (days + 3) % 7  # 1970-01-01 was a Thursday; 0 is Monday
    weight = np.where(weekday >= 5, 0.6, 1.0)
    for eve in NEW_YEAR:
        first = int(np.datetime64(eve).astype("datetime64[D]").astype(np.int64))
        weight[(days >= first - 6) & (days <= first + 10)] *= new_year_volume
    return Calendar(months=months, starts=starts, weight=weight)
