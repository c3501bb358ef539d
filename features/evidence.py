"""From a number back to the orders, deliveries, reviews or invoices behind it, as they were known before the as-of date."""

from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from typing import Final

from credit.errors import OutOfRange
from features.catalog import CATALOG
from features.facts import COLUMNS, KIND_INDEX, KINDS, MONTHS, column_index
from features.feature import Feature
from features.formula import DaysSince, Floor, Minus, Months, Party, Sum
from features.ledger import Ledger, to_date, to_day

_LOWEST_FIRST: Final = "stars_hundredths"
"""Unit of marks: what weighs behind a mean of marks are the low ones."""


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
        case Floor(Minus(Sum(kind, column, since), Sum(closed_by))):
            return [_Term(kind, column, since, closed_by)]
        case Sum(kind, column, since):
            return [_Term(kind, column, since)]
        case Months(kind, column):
            return [_Term(kind, column, 30 * MONTHS)]
        case Party(kind, _, window):
            return [_Term(kind, "amount", window)]
        case DaysSince(kind):
            return [_Term(kind, "count", None)]
    inner = [getattr(formula, part.name) for part in fields(formula)] if is_dataclass(formula) else []
    return [term for part in inner if is_dataclass(part) for term in _terms(part)]


def _chosen(feature_name: str) -> tuple[Feature, list[_Term]]:
    """The feature, and its terms with each kind of fact once."""
    feature = next((f for f in CATALOG if f.name == feature_name), None)
    if feature is None:
        raise OutOfRange(f"the catalogue has no feature {feature_name!r}; see docs/features.md for the names")
    terms: dict[str, _Term] = {}
    for term in _terms(feature.formula):
        terms.setdefault(term.kind, term)
    return feature, list(terms.values())


def _query(term: _Term, direction: int) -> str:
    """Net facts known before a day, corrections taken off, one row per event; of a stock one row per open item."""
    weight = column_index(term.kind, term.column)
    columns = [f"sum(v{i}) FILTER (WHERE kind = $kind)" for i in range(COLUMNS)]
    if term.closed_by is not None:
        columns[weight] += f" - coalesce(sum(v{column_index(term.closed_by, term.column)}) FILTER (WHERE kind = $closing), 0)"
    units = dict(KINDS[KIND_INDEX[term.kind]].values)
    # What costs points stands first: the low marks, the large late ones; where more is safer, the newest.
    by_weight = {_LOWEST_FIRST: f"v{weight}, "}.get(units.get(term.column, ""), f"v{weight} DESC, " if direction > 0 else "")
    return f"""
        WITH told AS (
            SELECT kind, key, party, event_day, max(known_day) AS known_day, {", ".join(f"sum(v{i}) AS v{i}" for i in range(COLUMNS))}
            FROM facts
            WHERE supplier_id = $supplier AND kind IN ($kind, $closing) AND known_day < $as_of AND event_day BETWEEN $since AND $as_of - 1
            GROUP BY kind, key, party, event_day HAVING sum(v0) > 0),
        item AS (
            SELECT key, party, max(event_day) FILTER (WHERE kind = $kind) AS event_day, max(known_day) AS known_day,
                   {", ".join(f"({column})::BIGINT AS v{i}" for i, column in enumerate(columns))}
            FROM told GROUP BY key, party{"" if term.closed_by else ", event_day"})
        SELECT key, event_day, known_day, party, {", ".join(f"v{i}" for i in range(COLUMNS))}, count(*) OVER () AS total
        FROM item WHERE v{weight} > 0
        ORDER BY {by_weight}event_day DESC, key, party LIMIT $limit"""


def evidence_rows(ledger: Ledger, feature_name: str, supplier_id: str, as_of: date, limit: int = 20) -> Evidence:
    """Return the events a feature's leading term rests on, those that cost points first.

    For a stock (overdue orders, overdue or outstanding receivables) these are the items still open, with what is left of them; for
    a window, the events inside it whose leading value is above zero (the late deliveries of a late ratio, the low ratings of a low
    share). Of marks the lowest stand first; where more is worse, the largest; where more is safer, the newest.

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
    ledger.position(supplier_id)
    kind = KINDS[KIND_INDEX[term.kind]]
    as_of_day = to_day(as_of)
    given = {
        "supplier": supplier_id,
        "kind": KIND_INDEX[term.kind],
        "closing": -1 if term.closed_by is None else KIND_INDEX[term.closed_by],
        "as_of": as_of_day,
        "since": -(2**31) if term.since is None else as_of_day - term.since,
        "limit": limit,
    }
    found = ledger.evidence.cursor().execute(_query(term, feature.direction), given).fetchall()
    rows = tuple(
        EvidenceRow(key, to_date(event), to_date(known), party, tuple(values[1 : len(kind.values) + 1]))
        for key, event, known, party, *values, _ in found
    )
    return Evidence(feature.name, term.kind, kind.label_zh, kind.label_en, kind.values, rows, found[0][-1] if found else 0)
