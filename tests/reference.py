"""The ledger's meaning as a plain loop: for one supplier and date, look at every row, keep what was known, count.

Slow and obvious on purpose. It shares no code with the SQL or the kernel; only the formulas, which have drawn tables of their own in
tests/spec, are the product's.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from features.catalog import CATALOG
from features.evaluate import plan_of, program_of
from features.facts import EXPIRY_NOTICE_DAYS, KIND_INDEX, LONG_TERM_DAYS, PARTY_METRICS, ROUND_FEN, column_index
from features.network import CORE_SUPPLIERS, MEASURES
from features.program import Aggregated, Program
from features.read import RawTables
from features.versions import NEVER
from tests.text_by_loop import scores_by_loop

PLAN = plan_of(CATALOG)

Row = dict[str, Any]
EPOCH = date(1970, 1, 1)
KEYS = {
    "suppliers": ("supplier_id",),
    "orders": ("order_id", "supplier_id"),
    "fulfilments": ("fulfilment_id", "order_id", "supplier_id"),
    "reviews": ("review_id", "order_id", "supplier_id"),
    "purchases": ("purchase_id",),
    "invoices": ("invoice_id",),
    "inventory": ("supplier_id", "observed_at", "category"),
    "production": ("supplier_id", "observed_at"),
    "certificates": ("supplier_id", "certificate", "issued_on"),
    "cooperations": ("supplier_id", "partner_id", "content", "started_on"),
}
OWN_DAY = {
    "orders": "ordered_at",
    "reviews": "reviewed_at",
    "purchases": "purchased_at",
    "invoices": "issued_at",
    "certificates": "issued_on",
    "cooperations": "started_on",
}
"""A row is known from its own day on, whatever earlier day stands in another of its cells."""


def features_by_loop(tables: RawTables, supplier_id: str, as_of: date, as_known_at: date | None = None) -> npt.NDArray[np.float64] | None:
    """Values of the whole catalogue for one supplier and date, or None if nothing was ever known of it before."""
    day = (as_of - EPOCH).days
    known = day if as_known_at is None else (as_known_at - EPOCH).days
    told = {table: _told(tables, table, supplier_id) for table in KEYS}
    facts = _facts_known(told, supplier_id, day, known, tables.zone)
    first = min(day, known)
    days = (*_days(told, first, tables.zone), first)
    was_known = any(_tells(_facts_known(told, supplier_id, then, then, tables.zone)) for then in days)
    if not was_known:
        return None
    windows = np.zeros((len(PLAN.windows), 1), dtype=np.int64)
    for place, window in enumerate(PLAN.windows):
        column = column_index(window.kind, window.column)
        for kind, event, _, values in facts:
            is_inside = event < day - window.until and (window.since is None or event >= day - window.since)
            if KIND_INDEX[window.kind] == kind and is_inside:
                windows[place, 0] += (1, *values)[column]
    last = np.full((len(PLAN.last), 1), NEVER, dtype=np.int32)
    for place, need in enumerate(PLAN.last):
        last[place, 0] = max((event for kind, event, _, _ in facts if kind == KIND_INDEX[need.kind]), default=NEVER)
    month = (as_of.replace(day=1) - EPOCH).days
    network = _network(tables, supplier_id, month, min(month, known))
    row = np.empty((1, len(CATALOG)))
    found = Aggregated(windows, last, _parties(facts, day), network, np.array([day], dtype=np.int32))
    _program(tables.present).run(found, row)
    return np.asarray(row[0])


@lru_cache
def _program(present: frozenset[str]) -> Program:
    return program_of(PLAN, CATALOG, present)


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
        if table == "reviews":
            row["text_score"] = _text_score(tables, row)
        versions[tuple(row[key] for key in KEYS[table])].append(row)
    return [sorted(found, key=lambda row: row["recorded_at"] or datetime.min) for found in versions.values()]


_SCORED: list[tuple[RawTables, dict[tuple[str, int], int]]] = []
"""The tables last scored, and their scores: they rest on everybody's reviews."""


def _text_score(tables: RawTables, review: Row) -> int:
    if not review["text"]:
        return 0
    if not _SCORED or _SCORED[0][0] is not tables:
        rows = tables.con.cursor().execute("SELECT text, rating, reviewed_at, recorded_at FROM reviews WHERE text <> ''").fetchall()
        told = [(text, rating, _quarter(at, recorded, tables.zone)) for text, rating, at, recorded in rows]
        _SCORED[:] = [(tables, scores_by_loop(told))]
    return _SCORED[0][1][review["text"], _quarter(review["reviewed_at"], review["recorded_at"], tables.zone)]


def _quarter(reviewed: datetime, recorded: datetime | None, zone: str) -> int:
    known = EPOCH + timedelta(days=max(_day(moment, zone) for moment in (reviewed, recorded) if moment is not None))
    return (known.year - 1970) * 4 + (known.month - 1) // 3


def _facts_known(told: Mapping[str, list[list[Row]]], supplier_id: str, day: int, known: int, zone: str) -> list["Fact"]:
    """What was believed of the supplier at the start of day `known` about the time before `day`: from the last version of each row."""
    rows = {
        table: [row for row in (_believed(versions, known, zone) for versions in found) if row and row["supplier_id"] == supplier_id]
        for table, found in told.items()
    }
    for table, column in OWN_DAY.items():
        rows[table] = [row for row in rows[table] if _day(row[column], zone) < known]
    return [fact for fact in _facts(rows, zone) if fact[1] < min(day, known)]


def _believed(versions: list[Row], day: int, zone: str) -> Row | None:
    recorded = [row for row in versions if row["recorded_at"] is None or _day(row["recorded_at"], zone) < day]
    return recorded[-1] if recorded else None


def _tells(facts: list["Fact"]) -> bool:
    """Whether the facts make the supplier known to the platform: it joined, or sold, or was reviewed."""
    return any(kind in (KIND_INDEX["supplier_joined"], KIND_INDEX["order_placed"], KIND_INDEX["reviewed"]) for kind, *_ in facts)


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
        length = len(row["text"] or "")
        marks = (stars, stars <= 200, stars >= 500, length, length > 0, row["text_score"])
        yield fact("reviewed", day(row, "reviewed_at"), row["buyer_id"] or "", *marks)
    yield from _standing_facts(rows, fact, day)
    yield from _invoice_facts(rows["invoices"], fact, day)
    yield from _order_facts(rows["orders"], rows["fulfilments"], fact, day)


def _invoice_facts(invoices: list[Row], fact: Callable[..., Fact], day: Callable[[Row, str], Any]) -> Iterable[Fact]:
    for row in invoices:
        issued, due, paid = day(row, "issued_at"), day(row, "due_at"), day(row, "paid_at")
        received = _fen(row["amount"] if row["paid_amount"] is None else row["paid_amount"])
        face, aged = _fen(row["amount"]), issued + LONG_TERM_DAYS
        yield fact("invoiced", issued, row["buyer_id"], face, due - issued, due - issued > LONG_TERM_DAYS)
        yield fact("invoice_due", due, row["buyer_id"], face)
        yield fact("invoice_aged", aged, row["buyer_id"], face)
        if paid is not None:
            late = max(paid - due, 0)
            yield fact("invoice_closed", max(due, paid), row["buyer_id"], min(received, face))
            yield fact("invoice_aged_closed", max(aged, paid), row["buyer_id"], min(received, face))
            told = (received, late, late > 0, received * late, paid > aged, face, max(face - received, 0))
            yield fact("invoice_paid", paid, row["buyer_id"], *told)
            if late:
                yield fact("invoice_paid_late", paid, row["buyer_id"], received)


def _standing_facts(rows: Mapping[str, list[Row]], fact: Callable[..., Fact], day: Callable[[Row, str], Any]) -> Iterable[Fact]:
    for row in rows["inventory"]:
        cover = row["days_of_cover"]
        yield fact("stock_observed", day(row, "observed_at"), "", _fen(row["value"]), round((cover or 0) * 100), cover is not None)
    for row in rows["production"]:
        used = round(row["utilisation"] * 10_000)
        yield fact("production_observed", day(row, "observed_at"), "", used, row["state"] == "reduced", row["state"] == "stopped")
    for row in rows["certificates"]:
        issued, expires = day(row, "issued_on"), day(row, "expires_on")
        is_quality = row["certificate"] not in ("business_licence", "tax_registration")
        yield fact("certificate_issued", issued, "", is_quality)
        if row["verified_at"]:
            yield fact("certificate_verified", day(row, "verified_at"))
        if expires is not None:
            yield fact("certificate_expiring", max(issued, expires - EXPIRY_NOTICE_DAYS))
            yield fact("certificate_expired", expires, "", is_quality)
    for row in rows["cooperations"]:
        started = day(row, "started_on")
        values = (row["level"] == "strategic", row["content"] in ("capability", "technology", "finance", "ip"), started)
        yield fact("cooperation_started", started, row["partner_id"], *values)
        if row["ended_on"]:
            yield fact("cooperation_ended", day(row, "ended_on"), row["partner_id"], *values)


def _order_facts(orders: list[Row], fulfilments: list[Row], fact: Callable[..., Fact], day: Callable[[Row, str], Any]) -> Iterable[Fact]:
    by_order = defaultdict(list)
    for delivery in fulfilments:
        by_order[delivery["order_id"]].append(delivery)
    for order in orders:
        buyer, amount = order["buyer_id"], _fen(order["amount"])
        ordered, promised, cancelled = day(order, "ordered_at"), day(order, "promised_at"), day(order, "cancelled_at")
        mine = by_order[order["order_id"]]
        term = 0 if promised is None else promised - ordered
        yield fact("order_placed", ordered, buyer, amount, term, promised is not None, amount % ROUND_FEN == 0)
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
    out = np.full((len(PLAN.parties) * len(PARTY_METRICS), 1), np.nan)
    for place, need in enumerate(PLAN.parties):
        amounts: dict[str, list[int]] = defaultdict(list)
        for kind, event, party, values in sorted(facts, key=lambda fact: -fact[1]):
            if kind == KIND_INDEX[need.kind] and event >= day - need.window:
                amounts[party].append(values[0])
        total = sum(map(sum, amounts.values()))
        measures = [float(len(amounts)), np.nan, np.nan, np.nan]
        if amounts:
            shares = [sum(found) / total for found in amounts.values()]
            measures[1:] = sum(share * share for share in shares), max(shares), sum(len(f) > 1 for f in amounts.values()) / len(amounts)
        out[place * len(PARTY_METRICS) : (place + 1) * len(PARTY_METRICS), 0] = measures
    return out


def _network(tables: RawTables, supplier_id: str, month: int, known: int) -> npt.NDArray[np.int64]:
    """What the supplier's buyers do with the others, from everybody's facts before a month."""
    trade = _everybodys_trade(tables, month, known)
    found = dict.fromkeys(MEASURES, 0)
    for buyer, mine in trade.get(supplier_id, {}).items():
        sales = mine["ordered"] // 100
        if mine["orders"] <= 0 or sales <= 0:
            continue
        others = [trade[other][buyer] for other in trade if other != supplier_id and buyer in trade[other]]
        sellers = sum(theirs["orders"] > 0 for theirs in others)
        paid, late = sum(theirs["paid"] for theirs in others), sum(theirs["late"] for theirs in others)
        found["amount"] += sales
        found["core"] += sales * (sellers >= CORE_SUPPLIERS)
        found["lone"] += sales * (sellers == 0)
        found["reciprocal"] += sales * (mine["bought"] > 0)
        if paid > 0:
            found["judged"] += sales
            found["late"] += sales * (late * 100 // paid)
        found["recent"] += sum(theirs["recent"] for theirs in others) // 100
        found["earlier"] += sum(theirs["earlier"] for theirs in others) // 100
    return np.array([[found[measure]] for measure in MEASURES], dtype=np.int64)


Trade = dict[str, dict[str, dict[str, int]]]
"""Of each supplier, with each counterparty, each sum."""

_TRADES: list[tuple[RawTables, dict[tuple[int, int], Trade]]] = []
"""The tables last added up, and what they gave by month and known day: it rests on everybody's rows."""


def _everybodys_trade(tables: RawTables, month: int, known: int) -> Trade:
    if not _TRADES or _TRADES[0][0] is not tables:
        _TRADES[:] = [(tables, {})]
    kept = _TRADES[0][1]
    if (month, known) not in kept:
        named = " UNION ".join(f"SELECT supplier_id FROM {table}" for table in ("orders", "purchases", "invoices"))
        trade: Trade = {}
        for (other,) in tables.con.cursor().execute(named).fetchall():
            told = {table: _told(tables, table, other) for table in KEYS}
            facts = _facts_known(told, other, month, known, tables.zone)
            trade[other] = _trade([fact for fact in facts if fact[1] >= month - 365], month)
        kept[month, known] = trade
    return kept[month, known]


def _trade(facts: list[Fact], month: int) -> dict[str, dict[str, int]]:
    """One supplier's trade with each counterparty."""
    names = ("orders", "ordered", "recent", "earlier", "paid", "late", "bought")
    with_party: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(names, 0))
    for kind, event, party, values in facts:
        if kind == KIND_INDEX["order_placed"]:
            with_party[party]["orders"] += 1
            with_party[party]["ordered"] += values[0]
            with_party[party]["recent"] += values[0] * (event >= month - 90)
            with_party[party]["earlier"] += values[0] * (month - 180 <= event < month - 90)
        elif kind == KIND_INDEX["invoice_paid"]:
            with_party[party]["paid"] += values[0]
            with_party[party]["late"] += values[3]
        elif kind == KIND_INDEX["purchased"]:
            with_party[party]["bought"] += 1
    return with_party
