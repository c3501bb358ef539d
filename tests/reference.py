"""The ledger's meaning as a plain loop: for one supplier and date, look at every row, keep what was known, count.

Slow and obvious on purpose. It shares no code with the SQL or the kernel; only the formulas, which have drawn tables of their own in
tests/spec, are the product's.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from features.build import evaluate
from features.catalog import CATALOG
from features.facts import COLUMNS, EDGES, INTERVALS, KIND_INDEX, KINDS, PARTY_KINDS, PARTY_METRICS, PARTY_WINDOWS
from features.formula import Aggregates
from features.kernel import NEVER
from features.read import RawTables

Row = dict[str, Any]
EPOCH = date(1970, 1, 1)
KEYS = {
    "suppliers": ("supplier_id",),
    "orders": ("order_id", "supplier_id"),
    "fulfilments": ("fulfilment_id", "order_id", "supplier_id"),
    "reviews": ("review_id", "order_id", "supplier_id"),
    "purchases": ("purchase_id",),
    "invoices": ("invoice_id",),
}
OWN_DAY = {"orders": "ordered_at", "reviews": "reviewed_at", "purchases": "purchased_at", "invoices": "issued_at"}
"""A row is known from its own day on, whatever earlier day stands in another of its cells."""


def features_by_loop(tables: RawTables, supplier_id: str, as_of: date) -> npt.NDArray[np.float64] | None:
    """Values of the whole catalogue for one supplier and date, or None if nothing was ever known of it before."""
    day = (as_of - EPOCH).days
    told = {table: _told(tables, table, supplier_id) for table in KEYS}
    facts = _facts_known(told, supplier_id, day, tables.zone)
    if not _tells(facts) and not any(
        _tells(_facts_known(told, supplier_id, earlier, tables.zone)) for earlier in _days(told, day, tables.zone)
    ):
        return None
    sums = np.zeros((1, len(KINDS), COLUMNS, INTERVALS), dtype=np.int64)
    last = np.full((1, len(KINDS)), NEVER, dtype=np.int32)
    for kind, event, _, values in facts:
        for interval, edge in enumerate(EDGES):
            older = EDGES[interval + 1] if interval + 1 < INTERVALS else 10**6
            if day - older <= event < day - edge:
                for column, value in enumerate((1, *values)):
                    sums[0, kind, column, interval] += value
        last[0, kind] = max(last[0, kind], event)
    rows_of = Aggregates(sums=sums, last=last, parties=_parties(facts, day), as_of=np.array([day], dtype=np.int32))
    return np.asarray(evaluate(rows_of, CATALOG, tables.present)[0])


def _told(tables: RawTables, table: str, supplier_id: str) -> list[list[Row]]:
    """All versions of each row that was ever told of the supplier, in the order in which they were recorded."""
    key = ", ".join(KEYS[table])
    cursor = tables.con.cursor().execute(
        f"SELECT * FROM {table} WHERE ({key}) IN (SELECT ({key}) FROM {table} WHERE supplier_id = $supplier) OR supplier_id = $supplier",
        {"supplier": supplier_id},
    )
    names = [column[0] for column in cursor.description or ()]
    versions: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for values in cursor.fetchall():
        row = dict(zip(names, values, strict=True))
        versions[tuple(row[key] for key in KEYS[table])].append(row)
    return [sorted(found, key=lambda row: row["recorded_at"] or datetime.min) for found in versions.values()]


def _facts_known(told: Mapping[str, list[list[Row]]], supplier_id: str, day: int, zone: str) -> list["Fact"]:
    """What was believed of the supplier at the start of a day: from the last version of each row, once the row's own day had passed."""
    rows = {
        table: [row for row in (_believed(versions, day, zone) for versions in found) if row and row["supplier_id"] == supplier_id]
        for table, found in told.items()
    }
    for table, column in OWN_DAY.items():
        rows[table] = [row for row in rows[table] if _day(row[column], zone) < day]
    return [fact for fact in _facts(rows, zone) if fact[1] < day]


def _believed(versions: list[Row], day: int, zone: str) -> Row | None:
    recorded = [row for row in versions if row["recorded_at"] is None or _day(row["recorded_at"], zone) < day]
    return recorded[-1] if recorded else None


def _tells(facts: list["Fact"]) -> bool:
    """Whether the facts make the supplier known: a registration alone is no sign of it on the platform."""
    return any(kind != KIND_INDEX["supplier_registered"] for kind, *_ in facts)


def _days(told: Mapping[str, list[list[Row]]], before: int, zone: str) -> list[int]:
    """Days on which the believed facts can have changed, up to a day."""
    moments = [cell for found in told.values() for versions in found for row in versions for cell in row.values() if isinstance(cell, date)]
    return sorted({_day(moment, zone) + 1 for moment in moments if _day(moment, zone) + 1 <= before})


def _day(at: datetime | date | None, zone: str) -> Any:
    if at is None:
        return None
    if isinstance(at, datetime):
        at = at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()
    return (at - EPOCH).days


def _fen(amount: Decimal | None) -> int:
    return int((amount or Decimal(0)) * 100)


Fact = tuple[int, int, str, tuple[int, ...]]


def _facts(rows: Mapping[str, list[Row]], zone: str) -> Iterable[Fact]:
    def day(row: Row, column: str) -> Any:
        return _day(row[column], zone)

    def fact(kind: str, event: int, party: str = "", *values: int) -> Fact:
        return KIND_INDEX[kind], event, party, values

    for row in rows["suppliers"]:
        for kind, column in (("supplier_joined", "joined_at"), ("supplier_registered", "registered_on")):
            if row[column] is not None:
                yield fact(kind, day(row, column))
    for row in rows["purchases"]:
        yield fact("purchased", day(row, "purchased_at"), row["vendor_id"], _fen(row["amount"]))
        if row["cancelled_at"]:
            yield fact("purchase_cancelled", day(row, "cancelled_at"), row["vendor_id"], _fen(row["amount"]))
    for row in rows["reviews"]:
        stars = round(row["rating"] * 100)
        yield fact("reviewed", day(row, "reviewed_at"), row["buyer_id"] or "", stars, stars <= 200, stars >= 500, len(row["text"] or ""))
    yield from _invoice_facts(rows["invoices"], fact, day)
    yield from _order_facts(rows["orders"], rows["fulfilments"], fact, day)


def _invoice_facts(invoices: list[Row], fact: Callable[..., Fact], day: Callable[[Row, str], Any]) -> Iterable[Fact]:
    for row in invoices:
        issued, due, paid = day(row, "issued_at"), day(row, "due_at"), day(row, "paid_at")
        received = _fen(row["amount"] if row["paid_amount"] is None else row["paid_amount"])
        yield fact("invoiced", issued, row["buyer_id"], _fen(row["amount"]), due - issued)
        yield fact("invoice_due", due, row["buyer_id"], _fen(row["amount"]))
        if paid is not None:
            late = max(paid - due, 0)
            yield fact("invoice_closed", max(due, paid), row["buyer_id"], min(received, _fen(row["amount"])))
            yield fact("invoice_paid", paid, row["buyer_id"], received, late, late > 0, received * late)


def _order_facts(orders: list[Row], fulfilments: list[Row], fact: Callable[..., Fact], day: Callable[[Row, str], Any]) -> Iterable[Fact]:
    by_order = defaultdict(list)
    for delivery in fulfilments:
        by_order[delivery["order_id"]].append(delivery)
    for order in orders:
        buyer, amount = order["buyer_id"], _fen(order["amount"])
        ordered, promised, cancelled = day(order, "ordered_at"), day(order, "promised_at"), day(order, "cancelled_at")
        mine = by_order[order["order_id"]]
        yield fact("order_placed", ordered, buyer, amount, 0 if promised is None else promised - ordered, promised is not None)
        if cancelled is not None:
            yield fact("order_cancelled", cancelled, buyer, amount)
        closings = [moment for moment in (cancelled, _completed(order, mine, day)) if moment is not None]
        if promised is not None:
            yield fact("order_due", promised, buyer, amount)
            if closings:
                yield fact("order_closed", max(promised, min(closings)), buyer, amount)
        for row in mine:
            yield from _delivery_facts(row, ordered, promised, buyer, fact, day)


def _delivery_facts(
    row: Row, ordered: int, promised: int | None, buyer: str, fact: Callable[..., Fact], day: Callable[[Row, str], Any]
) -> Iterable[Fact]:
    delivered, returned = day(row, "delivered_at"), day(row, "returned_at")
    inspected = day(row, "accepted_at") if row["accepted_at"] else delivered
    if delivered is not None:
        late = 0 if promised is None else max(delivered - promised, 0)
        yield fact("delivered", delivered, buyer, late, late > 0, delivered - ordered, promised is not None)
    if inspected is not None and row["quantity_rejected"] is not None:
        rejected = round(row["quantity_rejected"] * 1000)
        seen = rejected if row["quantity_delivered"] is None else round(row["quantity_delivered"] * 1000)
        yield fact("inspected", inspected, buyer, seen, rejected, rejected > 0)
    if returned is not None:
        yield fact("returned", returned, buyer, _fen(row["return_amount"]))


def _completed(order: Row, deliveries: list[Row], day: Callable[[Row, str], Any]) -> int | None:
    """Day on which the delivered quantity reached the ordered one; any delivery will do where quantities are not known."""
    arrived = sorted((d for d in deliveries if d["delivered_at"]), key=lambda d: (day(d, "delivered_at"), d["fulfilment_id"]))
    running = Decimal(0)
    seen = False
    for delivery in arrived:
        quantity = delivery["quantity_delivered"]
        if quantity is not None:
            seen, running = True, running + Decimal(str(quantity))
        if order["quantity"] is None or quantity is None or not seen or running >= Decimal(str(order["quantity"])):
            return int(day(delivery, "delivered_at"))
    return None


def _parties(facts: list[Fact], day: int) -> Any:
    out = np.full((1, len(PARTY_KINDS), len(PARTY_WINDOWS), len(PARTY_METRICS)), np.nan)
    for k, name in enumerate(PARTY_KINDS):
        for w, window in enumerate(PARTY_WINDOWS):
            amounts: dict[str, list[int]] = defaultdict(list)
            for kind, event, party, values in sorted(facts, key=lambda fact: -fact[1]):
                if kind == KIND_INDEX[name] and event >= day - window:
                    amounts[party].append(values[0])
            total = sum(map(sum, amounts.values()))
            out[0, k, w, 0] = len(amounts)
            if amounts:
                out[0, k, w, 3] = sum(len(found) > 1 for found in amounts.values()) / len(amounts)
                shares = [sum(found) / total for found in amounts.values()]
                out[0, k, w, 1:3] = sum(share * share for share in shares), max(shares)
    return out
