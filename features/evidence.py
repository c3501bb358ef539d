"""From a number back to the orders, deliveries, reviews or invoices behind it, as they were known before the as-of date."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from typing import Final

from credit.errors import OutOfRange
from features.catalog import CATALOG
from features.civil import to_date, to_day
from features.events import Standing, standing_events
from features.facts import KIND_INDEX, KINDS, MONTHS, column_index
from features.feature import Feature
from features.formula import DaysSince, Floor, MeanAge, Minus, Months, Network, Party, Sum
from features.ledger import Ledger
from features.network import WINDOW
from features.versions import NEVER

_MARKS: Final = ("stars_hundredths", "text_score", "utilisation_ten_thousandths")
"""Units of marks: what weighs behind a mean of marks are the low ones, those below zero among them."""

_FROM_ZERO: Final = ("utilisation_ten_thousandths",)
"""Units in which zero is a mark, and the lowest."""


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One event behind a number.

    Parameters
    ----------
    key : str
        The platform's id of the order, delivery, review or invoice.
    event_day, known_day : date
        When it happened, and when it became known as it now stands.
    party : str
        The counterparty's id, empty where there is none.
    values : tuple of int
        In the order and units of the kind's values.
    """

    key: str
    event_day: date
    known_day: date
    party: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The events behind one feature of one supplier at one date; `rows` are at most as many as were asked for, `total` all of them."""

    feature: str
    kind: str
    label_zh: str
    label_en: str
    value_names: tuple[tuple[str, str], ...]
    rows: tuple[EvidenceRow, ...]
    total: int


@dataclass(frozen=True, slots=True)
class _Term:
    """One term of a formula: what it counts, how far back, and for a stock the kind that closes an item."""

    kind: str
    column: str
    since: int | None
    closed_by: str | None = None


def _terms(formula: object) -> list[_Term]:
    """Terms of a formula in the order in which they are met; a stock is one term."""
    match formula:
        case MeanAge(stock):
            found = _terms(stock)
        case Floor(Minus(Sum(kind, column, since), Sum(closed_by))):
            found = [_Term(kind, column, since, closed_by)]
        case Sum(kind, column, since):
            found = [_Term(kind, column, since)]
        case Months(kind, column):
            found = [_Term(kind, column, 30 * MONTHS)]
        case Party(kind, _, window):
            found = [_Term(kind, "amount", window)]
        case DaysSince(kind):
            found = [_Term(kind, "count", None)]
        case Network(_, kinds):
            found = [_Term(kind, "amount", WINDOW) for kind in kinds]
        case _:
            inner = [getattr(formula, part.name) for part in fields(formula)] if is_dataclass(formula) else []
            found = [term for part in inner if is_dataclass(part) for term in _terms(part)]
    return found


def feature_named(name: str) -> Feature:
    """Return the catalogue's feature of a name, or refuse with `OutOfRange`."""
    feature = next((f for f in CATALOG if f.name == name), None)
    if feature is None:
        raise OutOfRange(f"the catalogue has no feature {name!r}; see docs/features.md for the names")
    return feature


def _chosen(feature_name: str) -> tuple[Feature, list[_Term]]:
    """The feature, and its terms with each kind of fact once."""
    feature = feature_named(feature_name)
    terms: dict[str, _Term] = {}
    for term in _terms(feature.formula):
        terms.setdefault(term.kind, term)
    return feature, list(terms.values())


def _left_open(items: list[Standing], term: _Term, column: int, closing: int) -> list[Standing]:
    """Of a stock what is still open of each item, less what closed of it."""
    by_row: dict[tuple[str, str], list[Standing]] = {}
    for item in items:
        by_row.setdefault((item.label, item.party), []).append(item)
    left = []
    for (label, party), found in by_row.items():
        opened, closed = ([item for item in found if item.kind == kind] for kind in (term.kind, term.closed_by))
        if opened:
            values = [sum(amounts) for amounts in zip(*(item.values for item in opened), strict=True)]
            if column > 0:
                values[column - 1] -= sum(item.values[closing - 1] for item in closed)
            count = len(opened) - len(closed) if column == 0 else values[column - 1]
            if count > 0:
                event, known = max(item.event for item in opened), max(item.known for item in found)
                left.append(Standing(term.kind, label, event, known, party, tuple(values)))
    return left


def evidence_rows(ledger: Ledger, feature_name: str, supplier_id: str, as_of: date, limit: int = 20) -> Evidence:
    """Return the events a feature's leading term rests on, those that cost points first.

    For a stock (overdue orders, overdue or outstanding receivables) these are the items still open, with what is left of them; for
    a window, the events inside it whose leading value is above zero (the late deliveries of a late ratio, the low ratings of a low
    share); of marks all. Of marks the lowest stand first; where more is worse, the largest; where more is safer, the newest.

    Raises
    ------
    UnknownSupplier
        If the supplier does not stand in the ledger.
    OutOfRange
        If the catalogue has no such feature, or `limit` is below one.
    """
    feature, terms = _chosen(feature_name)
    return _evidence(ledger, feature, terms[0], supplier_id, as_of, limit)


def evidence_tables(ledger: Ledger, feature_name: str, supplier_id: str, as_of: date, limit: int = 20) -> tuple[Evidence, ...]:
    """Return the events behind every term of a feature, the leading term's first: of a margin the orders and the purchases.

    Of a kind of event that has no row only the leading one is given. Raises as `evidence_rows` does.
    """
    feature, terms = _chosen(feature_name)
    leading, *others = (_evidence(ledger, feature, term, supplier_id, as_of, limit) for term in terms)
    return leading, *(evidence for evidence in others if evidence.rows)


def _evidence(ledger: Ledger, feature: Feature, term: _Term, supplier_id: str, as_of: date, limit: int) -> Evidence:
    if limit < 1:
        raise OutOfRange(f"limit is {limit}; ask for at least one row")
    kind, day = KINDS[KIND_INDEX[term.kind]], to_day(as_of)
    kinds = (term.kind,) if term.closed_by is None else (term.kind, term.closed_by)
    items = standing_events(ledger.facts_of(supplier_id, kinds), day, NEVER if term.since is None else day - term.since)
    column = column_index(term.kind, term.column)
    if term.closed_by is not None:
        items = _left_open(items, term, column, column_index(term.closed_by, term.column))
    elif column > 0:
        unit = kind.values[column - 1].unit
        items = [
            item for item in items if unit in _FROM_ZERO or item.values[column - 1] > 0 or (unit in _MARKS and item.values[column - 1])
        ]
    weigh = weight_of(feature, term.kind, column)
    items.sort(key=lambda item: (weigh(item.values), -item.event, item.label, item.party))
    rows = tuple(EvidenceRow(i.label, to_date(i.event), to_date(i.known), i.party, i.values) for i in items[:limit])
    names = tuple((value.name, value.unit) for value in kind.values)
    return Evidence(feature.name, term.kind, kind.label_zh, kind.label_en, names, rows, len(items))


def weight_of(feature: Feature, kind: str, column: int) -> Callable[[Sequence[int]], int]:
    """Return how events of a kind are ordered by their values, lowest first: what costs points stands first.

    These are the low marks and the large late ones; where more is safer none stands before another.
    """
    if column > 0 and KINDS[KIND_INDEX[kind]].values[column - 1].unit in _MARKS:
        return lambda values: values[column - 1]
    if feature.direction > 0 and column > 0:
        return lambda values: -values[column - 1]
    return lambda values: 0
