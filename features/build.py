"""Ledger to features: one row per supplier and as-of date, from nothing that was not known before that date.

The third step of the walk. The same function serves a whole platform in training and one supplier in the service.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any, Final

import numpy as np

from credit.errors import OutOfRange, UnknownSupplier
from features.catalog import CATALOG
from features.civil import to_date, to_day
from features.evaluate import Evaluator, evaluator_for
from features.feature import Feature
from features.ledger import Ledger
from features.matrix import FeatureMatrix, write_parquet
from features.network import Network, add_to_network
from features.plan import Elsewhere
from features.segment import Segment, merge
from features.text_memory import needs_scores
from features.totals import runs_of

__all__ = ["FeatureMatrix", "build_features", "month_starts", "write_parquet"]

_KEPT: Final = 8
"""Networks kept with an opened ledger."""


def month_starts(first: date, last: date) -> list[date]:
    """Return the first day of every month from `first` to `last`, both included where they are first days.

    Examples
    --------
    >>> month_starts(date(2025, 11, 15), date(2026, 1, 1))
    [datetime.date(2025, 12, 1), datetime.date(2026, 1, 1)]
    """
    if last < first:
        raise OutOfRange(f"the last as-of ({last}) lies before the first ({first}); give them in order of time")
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    starts = [date(month // 12, month % 12 + 1, 1) for month in months]
    return [start for start in starts if first <= start <= last]


def build_features(
    ledger: Ledger,
    as_of: Sequence[date],
    suppliers: Sequence[str] | None = None,
    *,
    features: tuple[Feature, ...] = CATALOG,
    as_known_at: date | None = None,
) -> FeatureMatrix:
    """Compute the catalogue's features from facts with event day and known day before each as-of date.

    Parameters
    ----------
    ledger : Ledger
    as_of : sequence of date
        A date stands for its start: what became known on it is not used.
    suppliers : sequence of str, optional
        Only these; all by default. A named supplier of whom nothing was known before an as-of date is refused.
    features : tuple of Feature
        What to compute, the whole catalogue by default.
    as_known_at : date, optional
        Use what was known before this date instead: an earlier one replays what could then be said of the as-of dates, a later one
        restates them with records and corrections that came in since (but not the buyer network, which stands from the month's first day).

    Returns
    -------
    FeatureMatrix
        A row for each supplier of whom anything was known before the date. Of a ledger that ``is_alone``, features that rest on other
        suppliers' rows are missing.

    Raises
    ------
    UnknownSupplier
        If a named supplier does not stand in the ledger, or was not yet known at one of the dates.
    OutOfRange
        If no as-of date is given.
    """
    if ledger.is_alone:
        return _build_alone(ledger, as_of, suppliers, features, as_known_at)
    days = sorted({to_day(day) for day in as_of})
    if not days:
        raise OutOfRange("no as-of date was given; name at least one")
    known = None if as_known_at is None else to_day(as_known_at)
    evaluator = evaluator_for(features, days, ledger.present, known)
    network = network_of(ledger, evaluator)
    if suppliers is None:
        parts = [(codes, evaluator.rows(segment, len(ledger.parties), network)) for codes, segment in _runs(ledger)]
    else:
        parts = [
            (np.array([code]), evaluator.rows(merge(ledger.segments, code, code + 1), len(ledger.parties), network))
            for code in sorted({int(ledger.supplier_codes[ledger.position(name)]) for name in suppliers})
        ]
        for code, rows in parts:
            if len(rows.as_of) < len(days):
                asked = min(days[0], days[0] if known is None else known)
                name = ledger.suppliers.of(int(code[0]))
                raise UnknownSupplier(f"supplier {name!r} was not yet known at {to_date(asked)}; its first record became known later")
    ids = np.array(ledger.suppliers.every(), dtype=np.str_) if suppliers is None else None
    names = [
        ids[codes[rows.supplier]] if ids is not None else np.repeat(np.array([ledger.suppliers.of(int(codes[0]))]), len(rows.as_of))
        for codes, rows in parts
    ]
    found = _joined(names, np.empty(0, dtype="<U1"))
    when = _joined([rows.as_of for _, rows in parts], np.empty(0, dtype=np.int32))
    values = _joined([rows.values for _, rows in parts], np.empty((0, len(features))))
    order = np.lexsort((when, found)) if (found[:-1] > found[1:]).any() else slice(None)
    return FeatureMatrix(
        supplier_ids=found[order],
        as_of=when[order].astype(np.int64).astype("datetime64[D]"),
        names=evaluator.names,
        values=values[order],
    )


def rests_on_others(feature: Feature) -> bool:
    """Return whether a feature needs rows of other suppliers: the buyer network, or what all reviews taught about words."""
    return needs_scores([feature]) or any(isinstance(need, Elsewhere) for need in feature.formula.needs())


@lru_cache(maxsize=8)
def _own_places(features: tuple[Feature, ...]) -> tuple[tuple[int, ...], tuple[Feature, ...]]:
    """Return the features that need no other supplier's rows, and their places."""
    places = tuple(place for place, feature in enumerate(features) if not rests_on_others(feature))
    return places, tuple(features[place] for place in places)


def _build_alone(
    ledger: Ledger, as_of: Sequence[date], suppliers: Sequence[str] | None, features: tuple[Feature, ...], as_known_at: date | None
) -> FeatureMatrix:
    """Return the features of a history alone: what needs other suppliers' rows is missing, never worked out from nobody's."""
    places, own = _own_places(features)
    found = build_features(replace(ledger, is_alone=False), as_of, suppliers, features=own, as_known_at=as_known_at)
    values = np.full((len(found.values), len(features)), np.nan)
    values[:, places] = found.values
    return replace(found, names=tuple(feature.name for feature in features), values=values)


def network_of(ledger: Ledger, evaluator: Evaluator) -> Network:
    """Return the buyer network the features need: what the ledger keeps of the month asked for, or else added up over the platform.

    What was added up stays with the opened ledger, up to some dates.
    """
    dates = evaluator.network(0)
    if not len(dates.months):
        return dates
    asked = (*dates.months.tolist(), *dates.known.tolist())
    totals = _kept_totals(ledger, asked)
    if totals is None:
        network = evaluator.network(len(ledger.parties))
        for segment in runs_of(ledger.segments, len(ledger.suppliers)):
            add_to_network(network, segment)
        totals = network.totals
        if len(ledger.networks) >= _KEPT:
            ledger.networks.popitem()  # the last one: those it was opened with come first
        ledger.networks[asked] = totals
    return replace(dates, totals=totals)


def _kept_totals(ledger: Ledger, asked: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    """Return what was added up for the months asked for, alone or in a row among others; None where it was not."""
    length = len(asked) // 2
    for kept, totals in ledger.networks.items():
        months = len(kept) // 2
        for first in range(months - length + 1):
            known = kept[months + first : months + first + length]
            if (*kept[first : first + length], *known) == asked:
                return totals[first : first + length]
    return None


def _joined(parts: Sequence[Any], none: Any) -> Any:
    """Return parts one after the other, `none` where there are none; one part as it is."""
    return parts[0] if len(parts) == 1 else np.concatenate([none, *parts])


def _runs(ledger: Ledger) -> Iterator[tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Segment]]:
    """Runs of suppliers by code, with their records."""
    low = 0
    for segment in runs_of(ledger.segments, len(ledger.suppliers)):
        yield np.arange(low, low + segment.suppliers), segment
        low += segment.suppliers
