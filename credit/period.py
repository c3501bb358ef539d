"""Which days may a feature look at, and which days does an outcome happen in? Half-open windows of civil days."""

from dataclasses import dataclass
from datetime import date, timedelta

from credit.errors import OutOfRange


@dataclass(frozen=True, slots=True)
class Window:
    """The civil days from ``begins_on`` up to, not including, ``ends_before``."""

    begins_on: date
    ends_before: date

    @property
    def days(self) -> int:
        """Return how many days the window holds."""
        return (self.ends_before - self.begins_on).days

    def __contains__(self, day: date) -> bool:
        """Say whether ``day`` lies in the window."""
        return self.begins_on <= day < self.ends_before


def observation_window(as_of: date, days: int) -> Window:
    """Return [as_of - days, as_of): what a feature may look at.

    Examples
    --------
    >>> date(2026, 1, 31) in observation_window(date(2026, 1, 31), 30)
    False
    """
    return Window(as_of - timedelta(days=_at_least_one(days)), as_of)


def performance_window(as_of: date, days: int) -> Window:
    """Return [as_of, as_of + days): where the outcome happens.

    Examples
    --------
    >>> performance_window(date(2026, 1, 1), 365).ends_before
    datetime.date(2027, 1, 1)
    """
    return Window(as_of, as_of + timedelta(days=_at_least_one(days)))


def first_of_month(day: date, months_later: int = 0) -> date:
    """Return the first day of the month ``months_later`` months after that of ``day``.

    Examples
    --------
    >>> first_of_month(date(2026, 11, 21), 2)
    datetime.date(2027, 1, 1)
    """
    month = day.year * 12 + day.month - 1 + months_later
    return date(month // 12, month % 12 + 1, 1)


def months_after(day: date, months: int) -> date:
    """Return the same day ``months`` months later, the last day of a month that is too short.

    Examples
    --------
    >>> months_after(date(2026, 8, 31), 6)
    datetime.date(2027, 2, 28)
    """
    first = first_of_month(day, months)
    last = first_of_month(day, months + 1) - timedelta(days=1)
    return first.replace(day=min(day.day, last.day))


def _at_least_one(days: int) -> int:
    if days < 1:
        raise OutOfRange(f"a window must hold at least one day, found {days}")
    return days
