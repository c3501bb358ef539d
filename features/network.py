"""The buyer network: what a supplier's buyers do elsewhere on the platform, and whom it both sells to and buys from.

Two passes. The first adds up, for each counterparty and month, how many suppliers sold to it, what it ordered, what it paid and how
late (`Totals`); the second sets each supplier's own sales against the totals less its own part, so nobody is judged by itself. All are
whole numbers, so their sum is the same on every engine. The network is taken on the first day of the as-of date's month, over the 365
days before it, from what was known before it: a month's totals do not change, and a stored ledger keeps those of the latest months
(`features.totals`), so that the service need not add up the platform. An earlier `as_known_at` cuts the network earlier; a later one
does not restate it.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from features.civil import to_date, to_day
from features.compiled import allocating, jit
from features.derive import derive_at
from features.facts import KIND_INDEX
from features.segment import Segment
from features.versions import EVENT, KIND, KNOWN, PARTY, ROOM, VALUES, room

WINDOW: Final = 365
"""Days of trade a network is made of."""

CORE_SUPPLIERS: Final = 10
"""A buyer to whom at least so many other suppliers sell is a core enterprise of the network."""

MEASURES: Final = ("amount", "core", "lone", "reciprocal", "judged", "late", "recent", "earlier")
"""Sums over a supplier's buyers: its sales (CNY) in all, to core enterprises, to buyers nobody else sells to, to buyers it also buys
from, to buyers whose payments to others are known; those last weighed by their lateness (CNY x hundredths of a day); and what its
buyers ordered from others in the last 90 days and in the 90 before (CNY)."""

TOTALS: Final = 5
"""Numbers per counterparty and month: suppliers who sold to it, fen paid, fen x days late, fen ordered in 90 days, in the 90 before."""

_PLACED: Final = KIND_INDEX["order_placed"]
_BOUGHT: Final = KIND_INDEX["purchased"]
_PAID: Final = KIND_INDEX["invoice_paid"]
_LATE_AMOUNT_DAYS: Final = 4
_TRADE: Final = (_PLACED, _PAID, _BOUGHT)
_OWN: Final = 7
"""Numbers a supplier has per counterparty: orders, fen ordered, fen paid, fen x days late, fen in 90 days, in the 90 before, purchases."""


@dataclass(frozen=True, slots=True)
class Network:
    """Totals of the months some as-of dates fall in.

    Parameters
    ----------
    months : int32 array (months,)
        First days, ascending.
    known : int32 array (months,)
        The day before which a fact must be known.
    month_of : int64 array (dates,)
        Which month each as-of date falls in.
    totals : int64 array (months, counterparties, TOTALS)
        Counterparties met after a month's totals were added up may be left out: they had no part in it.
    """

    months: npt.NDArray[np.int32]
    known: npt.NDArray[np.int32]
    month_of: npt.NDArray[np.int64]
    totals: npt.NDArray[np.int64]


def empty_network(as_of: npt.NDArray[np.int32], known: int | None, parties: int) -> Network:
    """Return the network of as-of days before anything is added up."""
    starts = np.array([month_of(int(day)) for day in as_of], dtype=np.int32)
    months, places = np.unique(starts, return_inverse=True)
    cuts = months if known is None else np.minimum(months, known)
    return with_room(Network(months, cuts.astype(np.int32), places.astype(np.int64), np.empty((0, 0, TOTALS), dtype=np.int64)), parties)


def with_room(dates: Network, parties: int) -> Network:
    """Return the network of the same dates before anything is added up, with room for as many counterparties."""
    return replace(dates, totals=np.zeros((len(dates.months), parties, TOTALS), dtype=np.int64))


NO_NETWORK: Final = Network(
    np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64), np.zeros((0, 1, TOTALS), dtype=np.int64)
)
"""Where no feature asks for one."""


def month_of(day: int) -> int:
    """Return the first day of a day's month.

    Examples
    --------
    >>> from datetime import date
    >>> to_date(month_of(to_day(date(2026, 3, 14))))
    datetime.date(2026, 3, 1)
    """
    return to_day(to_date(day).replace(day=1))


@jit
def _codes_of_trade(facts, n, local, met):
    """Give the counterparties of sales, payments and purchases numbers from 0; `met` keeps their codes. Returns how many there are."""
    size = 0
    for i in range(n):
        kind, code = facts[i, KIND], facts[i, PARTY]
        if kind in _TRADE and code >= 0 and local[code + 1] < 0:
            local[code + 1], met[size] = size, code
            size += 1
    return size


@jit
def _own_trade(facts, n, month, known, local, own):
    """Add up one supplier's trade with each counterparty over the window before a month."""
    for i in range(n):
        kind, code = facts[i, KIND], facts[i, PARTY]
        back = month - facts[i, EVENT]
        if code < 0 or back < 1 or back > WINDOW or facts[i, KNOWN] >= known:
            continue
        party = local[code + 1]
        if kind == _PLACED:
            own[party, 0] += facts[i, VALUES]
            own[party, 1] += facts[i, VALUES + 1]
            if back <= 90:
                own[party, 4] += facts[i, VALUES + 1]
            elif back <= 180:
                own[party, 5] += facts[i, VALUES + 1]
        elif kind == _PAID:
            own[party, 2] += facts[i, VALUES + 1]
            own[party, 3] += facts[i, VALUES + _LATE_AMOUNT_DAYS]
        elif kind == _BOUGHT:
            own[party, 6] += facts[i, VALUES]


@jit
def _contribute(own, met, size, sign, totals):
    """Add one supplier's part to the totals of a month, or with sign -1 take it away."""
    for party in range(size):
        code = met[party]
        if own[party, 0] > 0:
            totals[code, 0] += sign
        totals[code, 1] += sign * own[party, 2]
        totals[code, 2] += sign * own[party, 3]
        totals[code, 3] += sign * own[party, 4]
        totals[code, 4] += sign * own[party, 5]


@jit
def _measure(own, met, size, totals, row, out):
    """Set one supplier's sales against what its buyers do elsewhere."""
    for party in range(size):
        amount = own[party, 1] // 100
        if own[party, 0] <= 0 or amount <= 0 or met[party] >= len(totals):
            continue
        elsewhere = totals[met[party]]
        others = elsewhere[0] - 1
        out[0, row] += amount
        if others >= CORE_SUPPLIERS:
            out[1, row] += amount
        if others == 0:
            out[2, row] += amount
        if own[party, 6] > 0:
            out[3, row] += amount
        paid, late = elsewhere[1] - own[party, 2], elsewhere[2] - own[party, 3]
        if paid > 0:
            out[4, row] += amount
            out[5, row] += amount * ((late * 100) // paid)
        out[6, row] += (elsewhere[3] - own[party, 4]) // 100
        out[7, row] += (elsewhere[4] - own[party, 5]) // 100


@allocating
def measure_network(facts, n, months, known, month_of_date, totals, local, first_row, out):
    """Fill the network measures of one supplier for each date.

    Parameters
    ----------
    facts, n : Facts, int
        The supplier's facts.
    months, known, month_of_date, totals : arrays
        As in `Network`.
    local : int32 array (counterparties + 1,)
        All -1; put back as it was.
    first_row : int
        Row of the first date.
    out : int64 array (measures, rows)
    """
    met = np.empty(min(n, len(local)), np.int64)
    size = _codes_of_trade(facts, n, local, met)
    own = np.empty((size, _OWN), np.int64)
    out[:, first_row : first_row + len(month_of_date)] = 0
    for m in range(len(months)):
        own[:] = 0
        _own_trade(facts, n, months[m], known[m], local, own)
        done = -1
        for d in range(len(month_of_date)):
            if month_of_date[d] != m:
                continue
            if done < 0:
                _measure(own, met, size, totals[m], first_row + d, out)
                done = first_row + d
            else:
                out[:, first_row + d] = out[:, done]
    for party in range(size):
        local[met[party] + 1] = -1


@allocating
def _add_up(tables, offsets, first, facts, local, months, known, sign, totals):
    """Add suppliers' parts to the totals from the first on; return at which the room for facts ran out, and how much it needs."""
    for s in range(first, offsets.shape[1] - 1):
        n = derive_at(tables, offsets, s, facts)
        if n > len(facts):
            return s, n
        met = np.empty(min(n, len(local)), np.int64)
        size = _codes_of_trade(facts, n, local, met)
        own = np.empty((size, _OWN), np.int64)
        for m in range(len(months)):
            own[:] = 0
            _own_trade(facts, n, months[m], known[m], local, own)
            _contribute(own, met, size, sign, totals[m])
        for party in range(size):
            local[met[party] + 1] = -1
    return offsets.shape[1] - 1, 0


def add_to_network(network: Network, segment: Segment, sign: int = 1) -> None:
    """Add the suppliers of a segment to a network's totals, or with sign -1 take them away."""
    facts, local = room(ROOM), np.full(network.totals.shape[1] + 1, -1, dtype=np.int32)
    done, offsets = 0, np.ascontiguousarray(segment.offsets)
    while done < segment.suppliers:
        done, needed = _add_up(segment.records, offsets, done, facts, local, network.months, network.known, sign, network.totals)
        if done < segment.suppliers:
            facts = room(2 * needed)
