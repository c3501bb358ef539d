"""From a number back to the orders, deliveries, reviews or invoices behind it, as they were known before the as-of date."""

from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from typing import Final

from credit.errors import OutOfRange
from features.catalog import CATALOG
from features.facts import KIND_INDEX, KINDS
from features.formula import DaysSince, Months, Party, Sum
from features.ledger import Ledger, to_date, to_day

_CLOSED_BY: Final = {"order_due": "order_closed", "invoice_due": "invoice_closed"}
_LEAF: Final = (Sum, Months, Party, DaysSince)


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


def _leading(formula: object) -> tuple[str, str]:
    """Kind and column of the first leaf of a formula: what its numerator counts."""
    if isinstance(formula, _LEAF):
        column = formula.column if isinstance(formula, Sum | Months) else ("amount" if isinstance(formula, Party) else "count")
        return formula.kind, column
    if is_dataclass(formula):
        for part in fields(formula):
            inner = getattr(formula, part.name)
            if is_dataclass(inner):
                return _leading(inner)
    raise OutOfRange(f"{type(formula).__name__} rests on no fact; a formula must lead to a sum, a month, a counterparty or a last day")


def evidence_rows(ledger: Ledger, feature_name: str, supplier_id: str, as_of: date, limit: int = 20) -> Evidence:
    """Return the events a feature's leading term rests on, the weightiest first.

    For a stock (overdue orders, overdue receivables) these are the items still open; for a window, the events inside it whose
    leading value is not zero (the late deliveries of a late ratio, the low ratings of a low share).

    Raises
    ------
    UnknownSupplier
        If the supplier does not stand in the ledger.
    OutOfRange
        If the catalogue has no such feature, or `limit` is below one.
    """
    feature = next((f for f in CATALOG if f.name == feature_name), None)
    if feature is None:
        raise OutOfRange(f"the catalogue has no feature {feature_name!r}; see docs/features.md for the names")
    if limit < 1:
        raise OutOfRange(f"limit is {limit}; ask for at least one row")
    ledger.position(supplier_id)
    kind_name, column = _leading(feature.formula)
    kind = KINDS[KIND_INDEX[kind_name]]
    weight = 0 if column == "count" else [name for name, _ in kind.values].index(column) + 1
    as_of_day = to_day(as_of)
    since = -(2**31) if feature.window_days is None else as_of_day - feature.window_days
    closing = KIND_INDEX[_CLOSED_BY[kind_name]] if kind_name in _CLOSED_BY else -1
    sign = f"(CASE WHEN kind = {closing} THEN -1 ELSE 1 END)"
    query = f"""
        WITH item AS (
            SELECT key, min(event_day) AS event_day, max(known_day) AS known_day, any_value(party) AS party,
                   {", ".join(f"sum({sign} * v{i})::BIGINT AS v{i}" for i in range(5))}
            FROM facts WHERE supplier_id = $supplier AND kind IN ($kind, $closing) AND event_day < $as_of AND known_day < $as_of
                AND event_day >= $since
            GROUP BY key{"" if closing >= 0 else ", event_day"} HAVING sum({sign} * v0) > 0)
        SELECT *, count(*) OVER () AS total FROM item WHERE v{weight} <> 0
        ORDER BY v{weight} DESC, event_day DESC, key LIMIT $limit"""
    found = (
        ledger.evidence.cursor()
        .execute(
            query,
            {
                "supplier": supplier_id,
                "kind": KIND_INDEX[kind_name],
                "closing": closing,
                "as_of": as_of_day,
                "since": since,
                "limit": limit,
            },
        )
        .fetchall()
    )
    rows = tuple(
        EvidenceRow(key, to_date(event), to_date(known), party, tuple(values[1 : len(kind.values) + 1]))
        for key, event, known, party, *values, _ in found
    )
    return Evidence(feature_name, kind_name, kind.label_zh, kind.label_en, kind.values, rows, found[0][-1] if found else 0)
