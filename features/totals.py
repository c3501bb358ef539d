"""Totals of the buyer network that a stored ledger keeps: of the month it answers for, and of the month before.

A month's totals hold what was known before its first day. They are added up over the platform once, when the month begins; afterwards a
row changes them only if it became known before that day and was handed over late, and then by its own supplier's part alone. All are
whole numbers, so they are those of a ledger built at once. Other dates are added up when they are asked for (`features.build`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from features.civil import ALWAYS, NONE, to_day
from features.ledger import Ledger
from features.network import add_to_network, empty_network, month_of
from features.segment import TABLES, Segment, merge, take

Totals = Mapping[int, npt.NDArray[np.int64]]
"""Totals (counterparties, `features.network.TOTALS`) by the first day of their month."""

_RUN: Final = 2048
"""Suppliers read from the segments at a time."""

_TOLD_ON: Final = {"orders": "ordered", "purchases": "purchased", "invoices": "paid"}
"""Tables the network is made of, and the day a row without `recorded_at` tells it."""


def kept_months(ledger: Ledger) -> tuple[int, int]:
    """Return the months whose totals are kept: that of the latest as-of date, after the one before it."""
    latest = month_of(to_day(ledger.latest_as_of))
    return month_of(latest - 1), latest


def kept_totals(ledger: Ledger, parts: Iterable[Segment] | None = None) -> Totals:
    """Return the totals to keep: those the ledger has, and the others added up.

    Parameters
    ----------
    ledger : Ledger
    parts : iterable of Segment, optional
        All suppliers' records, for a ledger that has no segments yet.
    """
    months = kept_months(ledger)
    found = {month: ledger.networks[month, month][0] for month in months if (month, month) in ledger.networks}
    every = runs_of(ledger.segments, len(ledger.suppliers)) if parts is None else parts
    return {**found, **_added_up(every, len(ledger.parties), [month for month in months if month not in found])}


def changed_totals(kept: Totals, segments: Sequence[Segment], day: Segment, ledger: Ledger) -> Totals:
    """Return those of the totals to keep that are not as they were once a day is added: of a month that begins, or that is told late of.

    Parameters
    ----------
    kept : Totals
        Of the ledger as it was.
    segments : sequence of Segment
        Of the ledger as it was.
    day : Segment
        What is added.
    ledger : Ledger
        The ledger with the day, whose own segments are not looked at.
    """
    months, suppliers, parties = kept_months(ledger), len(ledger.suppliers), len(ledger.parties)
    out = dict(_added_up(runs_of((*segments, day), suppliers), parties, [month for month in months if month not in kept]))
    stay = [month for month in months if month in kept]
    late = _late_suppliers(day, max(stay)) if stay else np.empty(0, dtype=np.int64)
    if not len(late):
        return out
    change = empty_network(np.array(stay, dtype=np.int32), None, parties)
    for low in range(0, len(late), _RUN):
        run = late[low : low + _RUN]
        add_to_network(change, take((*segments, day), run))
        add_to_network(change, take(segments, run), sign=-1)
    for month, totals in zip(stay, change.totals, strict=True):
        if totals.any():
            totals[: len(kept[month])] += kept[month]
            out[month] = totals
    return out


def runs_of(segments: Sequence[Segment], suppliers: int) -> Iterator[Segment]:
    """Yield the records of all suppliers of segments, a run of them at a time."""
    for low in range(0, suppliers, _RUN):
        yield merge(segments, low, min(low + _RUN, suppliers))


def _added_up(parts: Iterable[Segment], parties: int, months: Sequence[int]) -> Totals:
    if not months:
        return {}
    network = empty_network(np.array(months, dtype=np.int32), None, parties)
    for segment in parts:
        add_to_network(network, segment)
    return dict(zip(network.months.tolist(), network.totals, strict=True))


def _late_suppliers(day: Segment, month: int) -> npt.NDArray[np.int64]:
    """Suppliers of whom a day may tell something that became known before a month, ascending.

    A version with `recorded_at` tells nothing, and ends no other, before it was recorded; one without is the first of its row.
    """
    found = [np.empty(0, dtype=np.int64)]
    for table, column in _TOLD_ON.items():
        records = day.records[TABLES.index(table)]
        told = np.where(records["recorded"] == ALWAYS, records[column], records["recorded_day"])
        found.append(records["supplier"][(told != NONE) & (told < month)].astype(np.int64))
    return np.unique(np.concatenate(found))
