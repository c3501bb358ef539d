"""The compiled kernel: a run of suppliers' facts in, their sums per elementary interval, counterparties and last days out.

Knows nothing of meanings. Called in the process over buckets of suppliers, and by the service for one. Additive columns are int64, so
their sums are exact in any order; what is not additive walks the facts in their one total order. No floating-point sum crosses suppliers.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from features.facts import COLUMNS, EDGES, INTERVALS, KIND_INDEX, KINDS, PARTY_KINDS, PARTY_METRICS, PARTY_WINDOWS

_K: Final = len(KINDS)
_EDGES: Final = np.array(EDGES, dtype=np.int32)
_PARTY_KINDS: Final = np.array([KIND_INDEX[kind] for kind in PARTY_KINDS], dtype=np.int64)
_PARTY_WINDOWS: Final = np.array(PARTY_WINDOWS, dtype=np.int32)

NEVER: Final = -1_000_000
"""A last day that does not exist: earlier than any civil day of a business."""

_jit: Any = njit(cache=True, nogil=True)


@_jit
def _interval(back: int) -> int:
    """Elementary interval of a fact `back` days (>= 1) before the as-of date."""
    if back <= 360:
        return (back - 1) // 30
    return 12 if back <= 365 else 13


@_jit
def _net_on_day(day, as_of, kind, event, fact_kind, known, values, low, high, late_low, late_high):
    """Count of one kind on one day, corrections known before the as-of date taken off."""
    net = 0
    for i in range(low, high):
        if event[i] == day:
            net += values[i, 0]
    for i in range(late_low, late_high):
        if fact_kind[i] == kind and event[i] == day and known[i] < as_of:
            net += values[i, 0]
    return net


@_jit
def _last_day(as_of, kind, event, fact_kind, known, values, low, high, late_low, late_high):
    """Last day before the as-of date on which a fact of this kind still stands; NEVER if there is none. [low, high) are on time."""
    best = event[high - 1] if high > low else NEVER
    retracted = False
    for i in range(late_low, late_high):
        if fact_kind[i] == kind and known[i] < as_of:
            if values[i, 0] <= 0:
                retracted = True
            elif event[i] > best:
                best = event[i]
    if not retracted:
        return best
    while best > NEVER and _net_on_day(best, as_of, kind, event, fact_kind, known, values, low, high, late_low, late_high) <= 0:
        earlier = NEVER
        for i in range(low, high):
            if event[i] < best and event[i] > earlier:
                earlier = event[i]
        for i in range(late_low, late_high):
            if fact_kind[i] == kind and known[i] < as_of and event[i] < best and event[i] > earlier:
                earlier = event[i]
        best = earlier
    return best


@_jit
def _snapshot(touched, n_touched, amounts, counts, out):
    """Distinct counterparties, their HHI, the largest share by amount, and the share of them seen more than once."""
    distinct, repeated, total, top = 0, 0, 0, 0
    for t in range(n_touched):
        party = touched[t]
        if counts[party] > 0:
            distinct += 1
            total += amounts[party]
            repeated += counts[party] > 1
            top = max(top, amounts[party])
    out[0] = distinct
    out[1] = out[2] = out[3] = np.nan
    if distinct > 0:
        out[3] = repeated / distinct
    if total > 0:
        hhi = 0.0
        for t in range(n_touched):
            party = touched[t]
            if counts[party] > 0:
                share = amounts[party] / total
                hhi += share * share
        out[1] = hhi
        out[2] = top / total


@_jit
def _add(i, party, values, amounts, counts, marked, touched, n_touched):
    """Add one fact to its counterparty; return how many counterparties have been touched."""
    p = party[i]
    if not marked[p]:
        marked[p] = True
        touched[n_touched] = p
        n_touched += 1
    counts[p] += values[i, 0]
    amounts[p] += values[i, 1]
    return n_touched


@_jit
def _parties(as_of, kind, fact_kind, event, known, party, values, low, high, late_low, late_high, size, out):
    """Walk one kind backwards from the as-of date through nested windows; [low, high) are its facts known on time."""
    amounts, counts = np.zeros(size, np.int64), np.zeros(size, np.int64)
    marked, touched = np.zeros(size, np.bool_), np.zeros(size, np.int64)
    n_touched, newest, previous = 0, high - 1, 0
    for w in range(len(_PARTY_WINDOWS)):
        window = _PARTY_WINDOWS[w]
        while newest >= low and event[newest] >= as_of - window:
            n_touched = _add(newest, party, values, amounts, counts, marked, touched, n_touched)
            newest -= 1
        for i in range(late_low, late_high):
            if fact_kind[i] == kind and known[i] < as_of and previous < as_of - event[i] <= window:
                n_touched = _add(i, party, values, amounts, counts, marked, touched, n_touched)
        _snapshot(touched, n_touched, amounts, counts, out[w])
        previous = window


@_jit
def _sum_kind(kind, event, values, low, high, as_of, row_low, row_high, sums):
    """Sum one kind of one supplier's on-time facts over every interval of its rows; return where each row's past ends."""
    running = np.zeros((high - low + 1, COLUMNS), np.int64)
    for i in range(low, high):
        for c in range(COLUMNS):
            running[i - low + 1, c] = running[i - low, c] + values[i, c]
    ends = np.empty(row_high - row_low, np.int64)
    at = np.full(INTERVALS, low, np.int64)
    for row in range(row_low, row_high):
        for e in range(INTERVALS):
            while at[e] < high and event[at[e]] < as_of[row] - _EDGES[e]:
                at[e] += 1
        ends[row - row_low] = at[0]
        for e in range(INTERVALS):
            older = at[e + 1] - low if e + 1 < INTERVALS else 0
            for c in range(COLUMNS):
                sums[row, kind, c, e] = running[at[e] - low, c] - running[older, c]
    return ends


@_jit
def _add_late(as_of, fact_kind, event, known, values, late_low, late_high, sums):
    """Add the facts that became known later than they happened, where they were known before the as-of date."""
    for i in range(late_low, late_high):
        if known[i] < as_of:
            e = _interval(as_of - event[i])
            for c in range(COLUMNS):
                sums[fact_kind[i], c, e] += values[i, c]


@_jit
def aggregate_into(fact_kind, event, known, party, values, offsets, on_time, party_counts, row_offsets, as_of, sums, last, parties):
    """Fill the aggregates of every (supplier, as-of) row.

    Parameters
    ----------
    fact_kind, event, known, party : arrays (facts,)
        int8, int32 days, int32 days, int32 codes local to the supplier; per supplier first the facts known on time, then the late ones,
        both in the ledger's total order.
    values : int64 array (facts, COLUMNS)
    offsets, on_time : int64 arrays (suppliers + 1,), (suppliers,)
        Where each supplier's facts begin, and where its late lane begins.
    party_counts : int64 array (suppliers,)
        Number of counterparty codes of each supplier.
    row_offsets, as_of : int64 array (suppliers + 1,), int32 array (rows,)
        Which rows belong to each supplier, and their as-of days, ascending within a supplier.
    sums, last, parties : int64 (rows, kinds, COLUMNS, INTERVALS), int32 (rows, kinds), float64 (rows, party kinds, party windows, metrics)
        Results: additive sums, last day or NEVER, counterparty metrics.
    """
    for s in range(len(offsets) - 1):
        late_low, late_high = on_time[s], offsets[s + 1]
        row_low, row_high = row_offsets[s], row_offsets[s + 1]
        size = max(party_counts[s], 1)
        low = offsets[s]
        for kind in range(_K):
            high = low
            while high < late_low and fact_kind[high] == kind:
                high += 1
            ends = _sum_kind(kind, event, values, low, high, as_of, row_low, row_high, sums)
            for row in range(row_low, row_high):
                day, end = as_of[row], ends[row - row_low]
                last[row, kind] = _last_day(day, kind, event, fact_kind, known, values, low, end, late_low, late_high)
                for p in range(len(_PARTY_KINDS)):
                    if _PARTY_KINDS[p] == kind:
                        _parties(
                            day, kind, fact_kind, event, known, party, values, low, end, late_low, late_high, size, parties[row, p]
                        )  # fmt: skip
            low = high
        for row in range(row_low, row_high):
            _add_late(as_of[row], fact_kind, event, known, values, late_low, late_high, sums[row])


def aggregate(
    facts: tuple[npt.NDArray[Any], ...],
    *,
    offsets: npt.NDArray[np.int64],
    on_time: npt.NDArray[np.int64],
    party_counts: npt.NDArray[np.int64],
    row_offsets: npt.NDArray[np.int64],
    as_of: npt.NDArray[np.int32],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Return sums, last days and counterparty metrics of every row; arrays as in `aggregate_into`."""
    rows = len(as_of)
    sums = np.zeros((rows, _K, COLUMNS, INTERVALS), dtype=np.int64)
    last = np.full((rows, _K), NEVER, dtype=np.int32)
    parties = np.full((rows, len(PARTY_KINDS), len(PARTY_WINDOWS), len(PARTY_METRICS)), np.nan)
    aggregate_into(*facts, offsets, on_time, party_counts, row_offsets, as_of, sums, last, parties)
    return sums, last, parties
