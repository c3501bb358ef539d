"""Moments to civil days: the day of a zone in which a UTC time falls.

Stands inside the second step of the walk. A zone's rules are turned once into the moments at which its offset changes. A run of times
within one offset, as nearly all are, needs one multiplication a time, any other one comparison and one division; the rules are those of
the tz database, read through `zoneinfo`.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from features.compiled import jit

NONE: Final = np.iinfo(np.int32).min
"""The day of a time that is not given."""

ALWAYS: Final = np.iinfo(np.int64).min
"""The recording of a row that carries none: known at the event's own time."""


_US: Final = 86_400_000_000
_LATEST: Final = np.int64(np.iinfo(np.int64).max)
_DAYS_PER_US: Final = 1.0 / _US
_EXACT: Final = 1 << 52
"""Moments up to here are whole numbers as floats, with an offset added, too."""

_YEARS: Final = (1899, 2201)
"""A time of the contract lies in the years 1900 to 2199 of some zone."""


@lru_cache(maxsize=8)
def offsets_of(zone: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the moments (microseconds UTC) from which each offset (microseconds) of a zone holds, between 1899 and 2201."""
    rules = ZoneInfo(zone)

    def offset(at: datetime) -> int:
        return round((rules.utcoffset(at.astimezone(rules)) or timedelta()) / timedelta(microseconds=1))

    first = datetime(_YEARS[0], 1, 1, tzinfo=UTC)
    since, held = [ALWAYS], [offset(first)]
    low, step = first, timedelta(days=7)
    while low.year < _YEARS[1]:
        high = low + step
        if offset(high) != held[-1]:
            before, after = low, high
            while after - before > timedelta(seconds=1):
                middle = before + (after - before) // 2
                before, after = (middle, after) if offset(middle) == held[-1] else (before, middle)
            after = after.replace(microsecond=0)
            since.append(round((after - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)))
            held.append(offset(high))
        low = high
    return np.array(since, dtype=np.int64), np.array(held, dtype=np.int64)


@jit
def _span(at, valid):
    """The earliest and the latest moment; the latest before the earliest where there is none."""
    low, high = _LATEST, -_LATEST
    for i in range(len(at)):
        low = min(low, at[i] if valid[i] else _LATEST)
        high = max(high, at[i] if valid[i] else -_LATEST)
    return low, high


@jit
def _days_of_one_offset(at, valid, offset, out):
    """Whole days by one multiplication, put right by the rest: moments of the contract are exact as floats, so it is off by one at most."""
    for i in range(len(at)):
        moment = at[i] + offset
        day = np.int64(np.floor(np.float64(moment) * _DAYS_PER_US))
        rest = moment - day * _US
        out[i] = day - (rest < 0) + (rest >= _US) if valid[i] else NONE


@jit
def _days(at, valid, since, held, out):
    low, high = _span(at, valid)
    if low > high:
        out[:] = NONE
        return
    place = np.searchsorted(since, low, side="right") - 1
    if (place + 1 == len(since) or high < since[place + 1]) and max(abs(low), abs(high)) < _EXACT:
        _days_of_one_offset(at, valid, held[place], out)
        return
    for i in range(len(at)):
        if not valid[i]:
            out[i] = NONE
            continue
        while place > 0 and at[i] < since[place]:
            place -= 1
        while place + 1 < len(since) and at[i] >= since[place + 1]:
            place += 1
        out[i] = (at[i] + held[place]) // _US


def civil_days(at: npt.NDArray[np.int64], valid: npt.NDArray[np.bool_], zone: str) -> npt.NDArray[np.int32]:
    """Return the civil day in a zone of each UTC time in microseconds, as days since 1970-01-01; NONE where it is not valid.

    Examples
    --------
    >>> civil_days(np.array([15 * 3_600_000_000, 16 * 3_600_000_000]), np.array([True, True]), "Asia/Shanghai").tolist()
    [0, 1]
    """
    days = np.empty(len(at), dtype=np.int32)
    _days(at, valid, *offsets_of(zone), days)
    return days


_EPOCH: Final = date(1970, 1, 1).toordinal()


def to_day(day: date) -> int:
    """Return a date as days since 1970-01-01.

    Examples
    --------
    >>> to_day(date(1970, 1, 2))
    1
    """
    return day.toordinal() - _EPOCH


def to_date(day: int) -> date:
    """Return days since 1970-01-01 as a date.

    Examples
    --------
    >>> to_date(1)
    datetime.date(1970, 1, 2)
    """
    return date.fromordinal(int(day) + _EPOCH)


def civil_date(column: str, zone: str) -> str:
    """Return DuckDB's expression for the civil date in a zone of a timestamp held as UTC."""
    quoted = zone.replace("'", "''")
    return f"((({column}) AT TIME ZONE 'UTC') AT TIME ZONE '{quoted}')::DATE"
