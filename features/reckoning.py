"""Every row a feature's number is computed from, and the number computed again from those rows alone.

Where `features.evidence` shows what weighs most behind a number, this gives all of it: the sums the formula asks for, and the events that
add up to them. Of a stock, which is all that ever opened less all that closed, these are the items not yet closed, with what is left.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from typing import NamedTuple

import numpy as np

from features.civil import to_date, to_day
from features.events import Standing, standing_events
from features.evidence import EvidenceRow, feature_named, weight_of
from features.facts import KIND_INDEX, KINDS, PARTY_METRICS, FactKind, column_index
from features.feature import Feature
from features.formula import ActiveMonths, DaysSince, Minus, Months, Network, Party, Sum
from features.ledger import Ledger
from features.network import MEASURES, WINDOW
from features.plan import Parties, Plan, Window
from features.program import Aggregated, Program
from features.versions import NEVER


class Source(NamedTuple):
    """Rows of one kind; with ``closed_by``, those not yet closed by that kind, and what is left of each."""

    kind: str
    closed_by: str | None = None

    @property
    def fact_kind(self) -> FactKind:
        """What the kind's values are."""
        return KINDS[KIND_INDEX[self.kind]]


@dataclass(frozen=True, slots=True)
class ReckonedSum:
    """One sum a formula asks for: over the rows of a source with an event day from ``first`` (None: the first of all) to before ``until``.

    ``column`` names one of the kind's values, or is ``count``; ``total`` is in its ``unit``.
    """

    source: int
    column: str
    unit: str
    first: date | None
    until: date
    total: int


@dataclass(frozen=True, slots=True)
class ReckonedRow:
    """An event, and the place of its source among the reckoning's."""

    source: int
    row: EvidenceRow


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What a feature of one supplier at one date is computed from.

    Attributes
    ----------
    value
        The formula over the rows; NaN where they leave it undefined, or where ``is_whole`` is False.
    sources, sums, rows
        Rows that cost points stand first, by source.
    is_whole
        False where the number also rests on other suppliers' rows, which nobody is shown.
    """

    feature: Feature
    value: float
    sources: tuple[Source, ...]
    sums: tuple[ReckonedSum, ...]
    rows: tuple[ReckonedRow, ...]
    is_whole: bool


class _Asked(NamedTuple):
    """One sum over a source's rows, in days before the as-of date; ``closing`` is the column a stock is closed by."""

    source: Source
    column: str
    since: int | None
    until: int = 0
    closing: str | None = None
    is_last: bool = False


def reckon(ledger: Ledger, feature_name: str, supplier_id: str, as_of: date) -> Reckoning:
    """Return every row behind a feature, as known before the date.

    Raises
    ------
    UnknownSupplier
        If the supplier does not stand in the ledger.
    OutOfRange
        If the catalogue has no such feature.
    """
    feature, day = feature_named(feature_name), to_day(as_of)
    asked = list(dict.fromkeys(_asked(feature.formula)))
    sources = tuple(dict.fromkeys(each.source for each in asked))
    kinds = tuple(dict.fromkeys(kind for source in sources for kind in source if kind))
    spans = [None if each.is_last else each.since for each in asked]
    since = NEVER if None in spans else day - max(span for span in spans if span is not None)
    events = standing_events(ledger.facts_of(supplier_id, kinds), day, since)
    rows: list[ReckonedRow] = []
    sums: dict[_Asked, int] = {}
    for place, source in enumerate(sources):
        own = [each for each in asked if each.source == source]
        found = _left(events, source, own) if source.closed_by else [event for event in events if event.kind == source.kind]
        behind = [event for event in found if any(_counts(event, each, found, day) for each in own)]
        weigh = weight_of(feature, source.kind, column_index(source.kind, own[0].column))
        behind.sort(key=lambda event: (weigh(event.values), -event.event, event.label, event.party))
        rows += [ReckonedRow(place, _row(event)) for event in behind]
        sums |= {each: sum(_value(event, each) for event in behind if _counts(event, each, found, day)) for each in own}
    is_whole = not any(isinstance(part, Network) for part in _parts(feature.formula))
    value = _again(feature, sums, rows, sources, day) if is_whole and feature.tables <= ledger.present else math.nan
    return Reckoning(feature, value, sources, _shown(sums, sources, day), tuple(rows), is_whole)


def _parts(formula: object) -> Iterable[object]:
    """A formula and all within it."""
    yield formula
    for part in fields(formula) if is_dataclass(formula) else ():
        if is_dataclass(inner := getattr(formula, part.name)):
            yield from _parts(inner)


def _asked(formula: object) -> list[_Asked]:
    """Sums a formula rests on, in the order in which they are met."""
    match formula:
        case Minus(Sum(kind, column, None), Sum(closed_by, closing, None)):
            found = [_Asked(Source(kind, closed_by), column, None, closing=closing)]
        case Sum(kind, column, since, until):
            found = [_Asked(Source(kind), column, since, until)]
        case ActiveMonths(months):
            found = [*_asked(months), _Asked(Source(months.kind), "count", None, is_last=True)]
        case Months():
            found = [_Asked(Source(window.kind), window.column, window.since, window.until) for window in formula.windows()]
        case Party(kind, _, window):
            found = [_Asked(Source(kind), "amount", window), _Asked(Source(kind), "count", window)]
        case DaysSince(kind):
            found = [_Asked(Source(kind), "count", None, is_last=True)]
        case Network(_, kinds):
            found = [_Asked(Source(kind), "amount", WINDOW) for kind in kinds]
        case _:
            inner = [getattr(formula, part.name) for part in fields(formula)] if is_dataclass(formula) else []
            found = [each for part in inner if is_dataclass(part) for each in _asked(part)]
    return found


def _value(event: Standing, asked: _Asked) -> int:
    """What an event adds to a sum; of what is left of a stock the count stands behind the values."""
    column = column_index(asked.source.kind, asked.column)
    if asked.source.closed_by:
        return event.values[column - 1]
    return event.values[column - 1] if column else 1


def _counts(event: Standing, asked: _Asked, found: Sequence[Standing], day: int) -> bool:
    """Whether a sum takes in an event: within its days and not of nothing; of a last day the latest alone."""
    if asked.is_last:
        return event.event == max(other.event for other in found)
    first = NEVER if asked.since is None else day - asked.since
    return first <= event.event < day - asked.until and _value(event, asked) != 0


def _left(events: Sequence[Standing], source: Source, asked: Sequence[_Asked]) -> list[Standing]:
    """What is left of each item of a stock, less what closed of it; the count is put behind the values."""
    by_item: dict[tuple[str, str], list[Standing]] = {}
    for event in events:
        if event.kind in source:
            by_item.setdefault((event.label, event.party), []).append(event)
    closing = {column_index(source.kind, each.column): column_index(str(source.closed_by), str(each.closing)) for each in asked}
    left = []
    for (label, party), found in by_item.items():
        opened, closed = ([event for event in found if event.kind == kind] for kind in source)
        values = [sum(event.values[place] for event in opened) for place in range(len(source.fact_kind.values))]
        for column, less in closing.items():
            if column:
                values[column - 1] -= sum(event.values[less - 1] for event in closed)
        days = max(event.event for event in opened or closed), max(event.known for event in found)
        left.append(Standing(source.kind, label, *days, party, (*values, len(opened) - len(closed))))
    return left


def _row(event: Standing) -> EvidenceRow:
    """An event as a reader sees it."""
    width = len(KINDS[KIND_INDEX[event.kind]].values)
    return EvidenceRow(event.label, to_date(event.event), to_date(event.known), event.party, event.values[:width])


def _shown(sums: dict[_Asked, int], sources: Sequence[Source], day: int) -> tuple[ReckonedSum, ...]:
    """The sums as a reader sees them; of a last day there is none."""
    shown = []
    for asked, total in sums.items():
        if not asked.is_last:
            column = column_index(asked.source.kind, asked.column)
            unit = asked.source.fact_kind.values[column - 1].unit if column else "count"
            first = None if asked.since is None else to_date(day - asked.since)
            shown.append(ReckonedSum(sources.index(asked.source), asked.column, unit, first, to_date(day - asked.until), total))
    return tuple(shown)


def _again(feature: Feature, sums: dict[_Asked, int], rows: Sequence[ReckonedRow], sources: Sequence[Source], day: int) -> float:
    """Compute the feature from the sums, the last days and the counterparties of the rows."""
    plan = Plan.of(feature.formula.needs())
    windows = np.zeros((len(plan.windows), 1), dtype=np.int64)
    last = np.full((len(plan.last), 1), NEVER, dtype=np.int32)
    parties = np.full((len(plan.parties) * len(PARTY_METRICS), 1), np.nan)
    for asked, total in sums.items():
        window = Window(asked.source.kind, asked.column, asked.since, asked.until)
        if window in plan.window_at and not asked.is_last:
            windows[plan.window_at[window], 0] = total  # of a stock: what was opened less what was closed, against nothing closed
    for need, place in plan.last_at.items():
        own = [to_day(each.row.event_day) for each in rows if sources[each.source].kind == need.kind]
        last[place, 0] = max(own, default=NEVER)
    for party, place in plan.parties_at.items():
        parties[place : place + len(PARTY_METRICS), 0] = _measures(party, rows, sources, day)
    program, value = Program(plan), np.empty((1, 1))
    program.ask([feature.formula.on(program)])
    nothing_elsewhere = np.zeros((len(MEASURES), 1), dtype=np.int64)
    program.run(Aggregated(windows, last, parties, nothing_elsewhere, np.array([day], dtype=np.int32)), value)
    return float(value[0, 0])


def _measures(asked: Parties, rows: Sequence[ReckonedRow], sources: Sequence[Source], day: int) -> tuple[float, ...]:
    """Measures of the counterparties as the kernel takes them (`features.kernel`), in its order and to its last bit."""
    amounts: dict[str, list[int]] = {}
    for each in rows:
        if sources[each.source].kind == asked.kind and to_day(each.row.event_day) >= day - asked.window:
            amounts.setdefault(each.row.party, []).append(each.row.values[0])
    distinct, totals = len(amounts), [sum(paid) for paid in amounts.values()]
    if not distinct:
        return 0.0, math.nan, math.nan, math.nan
    total, squares = sum(totals), sum(amount * amount for amount in totals)
    hhi = (float(squares >> 64) * 2.0**64 + float(squares & (2**64 - 1))) / (float(total) * float(total))
    return float(distinct), hhi, max(totals) / total, sum(len(paid) > 1 for paid in amounts.values()) / distinct
