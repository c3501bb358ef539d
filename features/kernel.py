"""The compiled kernel: suppliers' records in, the sums, last days and counterparty measures a plan asks for out.

Called in the process over buckets of suppliers, inside Spark on a partition, and by the service for one: training and serving cannot
disagree. Sums are int64 and so exact in any order; the sum of squared shares is taken over whole numbers too. No number depends on the
order of the facts, of the suppliers or of the dates, and no floating-point sum crosses them.

Each fact falls into one bin between two neighbouring edges of all windows of all dates; a window is then a difference of two running
sums. Facts that became known later than they happened are taken out of the dates before which they were not yet known.
"""

from typing import Any

import numpy as np

from features.compiled import allocating, jit
from features.derive import derive_at
from features.facts import KINDS, PARTY_METRICS, TELLING_KINDS
from features.network import MEASURES, Network, measure_network
from features.plan import Plan, Schedule
from features.versions import EVENT, FOREVER, KIND, KNOWN, NEVER, PARTY, ROOM, VALUES, Facts, room

_TELLS = np.array([kind.name in TELLING_KINDS for kind in KINDS])
_METRICS = len(PARTY_METRICS)
_HALF_WORD = 1 << 31


@jit
def _bin(plan, day):
    """Bin of a day; the number of bounds for a day at or after the last."""
    if day < plan.bounds[0]:
        return 0
    at = day - plan.bounds[0]
    return plan.bin_of_day[at] if at < len(plan.bin_of_day) else len(plan.bounds)


@jit
def _sum_bins(facts, n, plan, latest, sums, begins, walked):
    """Fill the running sums of every slot, where each bin of each walked kind begins, and the facts of walked kinds with their bins; return
    the first day anything was known, how many are walked, and whether any fact became known after it happened."""
    known_from, is_late, size = FOREVER, False, 0
    sums[:] = 0
    begins[:] = 0
    last_bin = len(plan.bounds)
    for i in range(n):
        kind, known = facts[i, KIND], facts[i, KNOWN]
        if known >= latest:
            continue
        is_late |= known != facts[i, EVENT]
        if _TELLS[kind] and known < known_from:
            known_from = known
        b = _bin(plan, facts[i, EVENT])
        if b < last_bin:
            for slot in range(plan.columns[kind], plan.columns[kind + 1]):
                sums[slot, b] += facts[i, VALUES + plan.column_of[slot]]
            if plan.walk_at[kind] >= 0:
                b += plan.walk_at[kind] * last_bin
                begins[b + 1] += 1
                walked[size, 0], walked[size, 1] = i, b
                size += 1
    for slot in range(sums.shape[0]):
        running = np.int64(0)
        for b in range(last_bin):
            running += sums[slot, b]
            sums[slot, b] = running
    for b in range(1, len(begins)):
        begins[b] += begins[b - 1]
    return known_from, size, is_late


@jit
def _difference(plan, sums, low, out):
    """Each window of each date as a difference of running sums."""
    for w in range(len(plan.windows)):
        slot, since, until = plan.windows[w, 0], plan.windows[w, 1], plan.windows[w, 2]
        for d in range(len(plan.as_of)):
            total = sums[slot, plan.edge_at[d, until]]
            out[w, low + d] = total if since < 0 else total - sums[slot, plan.edge_at[d, since]]


@jit
def _take_out_unknown(facts, n, plan, latest, low, out):
    """Take facts out of the dates that lie after they happened but not after they became known."""
    for i in range(n):
        event, known, kind = facts[i, EVENT], facts[i, KNOWN], facts[i, KIND]
        if known == event or known >= latest:
            continue
        d = np.searchsorted(plan.as_of, event, side="right")
        while d < len(plan.as_of) and plan.known[d] <= known:
            back = plan.as_of[d] - event
            for w in range(plan.window_of_kind[kind], plan.window_of_kind[kind + 1]):
                since, until = plan.windows[w, 1], plan.windows[w, 2]
                if back > plan.edges[until] and (since < 0 or back <= plan.edges[since]):
                    out[w, low + d] -= facts[i, VALUES + plan.column_of[plan.windows[w, 0]]]
            d += 1


@jit
def _place_walked(walked, at, places):
    """Put each fact of a walked kind into its bin's next place."""
    for i in range(len(walked)):
        b = walked[i, 1]
        places[at[b]] = walked[i, 0]
        at[b] += 1


@jit
def _last_day(facts, places, begins, newest, known):
    """Last day on which a fact known before a day still stands, from the newest bin backwards; NEVER if there is none."""
    for b in range(newest, -1, -1):
        limit = FOREVER
        while limit > NEVER:
            best = NEVER
            for p in range(begins[b], begins[b + 1]):
                i = places[p]
                if facts[i, KNOWN] < known and best < facts[i, EVENT] < limit and facts[i, VALUES] > 0:
                    best = facts[i, EVENT]
            if best > NEVER:
                net = 0
                for p in range(begins[b], begins[b + 1]):
                    i = places[p]
                    if facts[i, KNOWN] < known and facts[i, EVENT] == best:
                        net += facts[i, VALUES]
                if net > 0:
                    return best
            limit = best
    return NEVER


@jit
def _local_codes(facts, places, local, party):
    """Number counterparties from 0 in the order in which they are met; `local` is put back as it was. Returns how many there are."""
    size = 0
    for p in range(len(places)):
        code = facts[places[p], PARTY]
        if local[code + 1] < 0:
            local[code + 1] = size
            size += 1
        party[p] = local[code + 1]
    for p in range(len(places)):
        local[facts[places[p], PARTY] + 1] = -1
    return size


@jit
def _square(high, low, amount):
    """Add amount^2 to a 128-bit sum (high, low)."""
    a = np.uint64(abs(amount))
    top, bottom = a >> np.uint64(32), a & np.uint64(0xFFFFFFFF)
    middle = top * bottom
    part = (middle & np.uint64(0x7FFFFFFF)) << np.uint64(33)
    square = bottom * bottom + part
    high += top * top + (middle >> np.uint64(31)) + np.uint64(square < part)
    total = low + square
    return high + np.uint64(total < square), total


@jit
def _sum_of_squares(amounts, counts, largest):
    """Sum of the squares of what counts, as a float of the whole number; `largest` bounds their size."""
    if largest < _HALF_WORD and largest * largest <= np.iinfo(np.int64).max // len(amounts):
        squares = np.int64(0)
        for party in range(len(amounts)):
            amount = amounts[party] if counts[party] > 0 else 0
            squares += amount * amount
        return np.float64(squares)
    high, low = np.uint64(0), np.uint64(0)
    for party in range(len(amounts)):
        if counts[party] > 0:
            high, low = _square(high, low, amounts[party])
    return _float_of(high, low)


@jit
def _float_of(high, low):
    return np.float64(high) * 18446744073709551616.0 + np.float64(low)


@jit
def _write(out, at, row, distinct, repeated, total, top, squares):
    """Write distinct counterparties, their HHI, the largest share by amount, and the share of them seen more than once."""
    out[at, row] = distinct
    out[at + 1, row] = out[at + 2, row] = out[at + 3, row] = np.nan
    if distinct > 0:
        out[at + 3, row] = repeated / distinct
    if total > 0:
        out[at + 1, row] = squares / (np.float64(total) * np.float64(total))
        out[at + 2, row] = top / total


@jit
def _measure(amounts, counts, out, at, row):
    """Measure what stands beside each counterparty."""
    distinct, repeated, total, top, largest = 0, 0, 0, 0, 0
    for party in range(len(amounts)):
        amount = amounts[party] if counts[party] > 0 else 0
        distinct += counts[party] > 0
        repeated += counts[party] > 1
        total += amount
        top, largest = max(top, amount), max(largest, abs(amount))
    squares = _sum_of_squares(amounts, counts, largest) if total > 0 else 0.0
    _write(out, at, row, distinct, repeated, total, top, squares)


@allocating
def _walk_parties(facts, places, begins, plan, kind, local, is_late, first_row, out):
    """Walk one kind backwards from each date through its nested windows."""
    if not (plan.walks[:, 0] == kind).any():
        return  # walked for its last day alone
    party, told = np.empty(len(places), np.int32), np.empty((3, len(places)), np.int64)
    size = _local_codes(facts, places, local, party)
    for p in range(len(places)):
        told[0, p], told[1, p], told[2, p] = facts[places[p], VALUES + 1], facts[places[p], VALUES], facts[places[p], KNOWN]
    amounts, counts = np.zeros(size, np.int64), np.zeros(size, np.int64)
    if not is_late and _only_grows(party, told, amounts):
        _walk_growing(party, told[0], begins, plan, kind, np.zeros((size, 2), np.int64), first_row, out)
    else:
        _walk_dates(party, told, begins, plan, kind, amounts, counts, first_row, out)


@jit
def _only_grows(party, told, amounts):
    """Whether no fact takes anything back, and each party's amounts are so small that the square of their sum fits a word."""
    for p in range(len(party)):
        if told[1, p] != 1 or not 0 <= told[0, p] < _HALF_WORD:
            return False
        amounts[party[p]] += told[0, p]
        if amounts[party[p]] >= _HALF_WORD:
            return False
    return True


@jit
def _walk_growing(party, told, begins, plan, kind, book, first_row, out):
    """Measure as `_walk_dates` does, fact by fact: where all are known when they happen and nothing is taken back, measures only grow.

    `book` holds each party's number and amount; it is cleared behind each date.
    """
    for d in range(len(plan.as_of)):
        first = newest = plan.edge_at[d, 0]
        distinct, repeated, total, top, high, low = 0, 0, 0, 0, np.uint64(0), np.uint64(0)
        for w in range(len(plan.walks)):
            if plan.walks[w, 0] != kind:
                continue
            oldest = plan.edge_at[d, plan.walks[w, 1]]
            for p in range(begins[oldest + 1], begins[newest + 1]):
                count, before = book[party[p], 0], book[party[p], 1]
                amount = before + told[p]
                book[party[p], 0], book[party[p], 1] = count + 1, amount
                distinct, repeated = distinct + (count == 0), repeated + (count == 1)
                total, top = total + told[p], max(top, amount)
                more = np.uint64(told[p] * (before + amount))  # by how much the party's square grows
                low += more
                high += np.uint64(low < more)
            _write(out, w * _METRICS, first_row + d, distinct, repeated, total, top, _float_of(high, low))
            newest = oldest
        for p in range(begins[newest + 1], begins[first + 1]):
            book[party[p], 0], book[party[p], 1] = 0, 0


@jit
def _walk_dates(party, told, begins, plan, kind, amounts, counts, first_row, out):
    """Measure one kind's counterparties at each date, given each fact's, and its amount and sign and when it was known."""
    for d in range(len(plan.as_of)):
        newest = plan.edge_at[d, 0]
        amounts[:], counts[:] = 0, 0
        for w in range(len(plan.walks)):
            if plan.walks[w, 0] != kind:
                continue
            oldest = plan.edge_at[d, plan.walks[w, 1]]
            for p in range(begins[oldest + 1], begins[newest + 1]):
                if told[2, p] < plan.known[d]:
                    counts[party[p]] += told[1, p]
                    amounts[party[p]] += told[0, p]
            _measure(amounts, counts, out, w * _METRICS, first_row + d)
            newest = oldest


@allocating
def _aggregate(
    tables, offsets, first, plan, facts, local, known_from, sums, begins, windows, last, parties, months, known, month_of, totals, network
):
    """Aggregate suppliers from the first on; return at which supplier the room for facts ran out, and how much it needs."""
    dates = len(plan.as_of)
    latest = plan.known[-1]
    for s in range(first, len(known_from)):
        n = derive_at(tables, offsets, s, facts)
        if n > len(facts):
            return s, n
        walked = np.empty((n, 2), np.int32)
        known_from[s], size, is_late = _sum_bins(facts, n, plan, latest, sums, begins, walked)
        row = s * dates
        _difference(plan, sums, row, windows)
        if is_late:
            _take_out_unknown(facts, n, plan, latest, row, windows)
        all_places = np.empty(size, np.int64)
        _place_walked(walked[:size], begins.copy(), all_places)
        for kind in range(len(plan.walk_at)):
            if plan.walk_at[kind] >= 0:
                low = plan.walk_at[kind] * len(plan.bounds)
                own = begins[low : low + len(plan.bounds) + 1] - begins[low]
                places = all_places[begins[low] : begins[low + len(plan.bounds)]]
                if plan.last[kind] >= 0:
                    for d in range(dates):
                        last[plan.last[kind], row + d] = _last_day(facts, places, own, plan.edge_at[d, 0], plan.known[d])
                _walk_parties(facts, places, own, plan, kind, local, is_late, row, parties)
        if len(months) > 0:
            measure_network(facts, n, months, known, month_of, totals, local, row, network)
    return len(known_from), 0


class Kernel:
    """Room and schedule for any number of calls; one per thread.

    Parameters
    ----------
    plan : Plan
    dates : Schedule
    """

    def __init__(self, plan: Plan, dates: Schedule) -> None:
        """Make room for the running sums and a first lot of facts."""
        self._plan, self._dates = plan, dates
        self._facts: Facts = room(ROOM)
        self._sums = np.zeros((len(dates.column_of), len(dates.bounds) + 1), dtype=np.int64)
        self._begins = np.zeros((dates.walk_at.max() + 1) * len(dates.bounds) + 1, dtype=np.int64)

    def aggregate(self, tables: tuple[Any, ...], offsets: Any, parties: int, network: Network) -> tuple[Any, ...]:
        """Aggregate a bucket of suppliers.

        Parameters
        ----------
        tables : tuple of structured arrays
            Records of each table of `features.records.RECORDS`, by supplier.
        offsets : int64 array (tables, suppliers + 1)
            Where each supplier's records begin.
        parties : int
            Number of counterparty codes.
        network : Network
            Totals of the dates' months, or `NO_NETWORK`.

        Returns
        -------
        tuple of arrays
            Window sums int64 (windows, rows), last days int32 (last, rows), counterparty measures float64 (parties x metrics, rows),
            network sums int64 (measures, rows), and the first day anything was known of each supplier, int32 (suppliers,). Rows are
            suppliers x dates, dates the faster.
        """
        suppliers, dates = offsets.shape[1] - 1, len(self._dates.as_of)
        rows = suppliers * dates
        windows = np.empty((len(self._plan.windows), rows), dtype=np.int64)
        last = np.full((len(self._plan.last), rows), NEVER, dtype=np.int32)
        measures = np.empty((len(self._plan.parties) * _METRICS, rows), dtype=np.float64)
        elsewhere = np.zeros((len(MEASURES), rows), dtype=np.int64)
        known_from = np.empty(suppliers, dtype=np.int32)
        local = np.full(parties + 1, -1, dtype=np.int32)
        done, whole = 0, np.ascontiguousarray(offsets)  # of one layout always: each other one would be compiled anew
        while done < suppliers:
            done, needed = _aggregate(
                tables, whole, done, self._dates, self._facts, local, known_from, self._sums, self._begins, windows, last, measures,
                network.months, network.known, network.month_of, network.totals, elsewhere,
            )  # fmt: skip
            if done < suppliers:
                self._facts = room(2 * needed)
        return windows, last, measures, elsewhere, known_from
