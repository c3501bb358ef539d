"""Generated histories of a few suppliers: late rows, corrections, rows told again, rows that moved, part deliveries and payments, and
days on every edge; the rows in no order.

Days are written from the as-of date: -90 is ninety days before it. All times are UTC; a civil day of Shanghai begins at 16:00.
"""

import random
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.drawn import AS_OF

Row = dict[str, Any]
History = dict[str, list[Row]]
Draw = Callable[[st.SearchStrategy[Any]], Any]

EDGES = tuple(edge for window in (0, 30, 90, 180, 360, 365) for edge in (-window - 1, -window, -window + 1))
DAYS = st.one_of(st.sampled_from(EDGES), st.integers(-430, 15))
HOURS = st.sampled_from((time(0), time(9, 30), time(15, 59), time(16), time(23, 59)))
AMOUNTS = st.sampled_from(("0.01", "10.00", "99.99", "1234.56", "80000.00")).map(Decimal)
QUANTITIES = st.sampled_from((None, 0.0, 1.0, 2.5, 4.0, 10.0))
BUYERS = st.sampled_from(("Li", "Wang", "Zhao", "陈"))
NUMBER_OF_VERSIONS = st.sampled_from((1, 1, 1, 2, 3))
DELAYS = st.sampled_from((0, 0, 1, 5, 40))
NAMES = ("S", "T", "供应商")
CERTIFICATES = ("business_licence", "tax_registration", "iso_9001", "inspection_report", "site_audit")
CONTENTS = ("goods", "service", "capability", "technology", "ip")
TABLES = (
    "suppliers", "orders", "fulfilments", "reviews", "purchases", "invoices", "inventory", "production", "certificates", "cooperations",
)  # fmt: skip


def later(low: int = 0, high: int = 60) -> st.SearchStrategy[int | None]:
    """Days after something, or never."""
    return st.one_of(st.none(), st.integers(low, high))


@st.composite
def instants(draw: Draw) -> datetime:
    """A moment in the fourteen months before the as-of date or in the fortnight after it."""
    moment: datetime = datetime.combine(AS_OF, draw(HOURS)) + timedelta(days=draw(DAYS))
    return moment


def _after(moment: datetime, days: int | None) -> datetime | None:
    return None if days is None else moment + timedelta(days=days)


def _versions(draw: Draw, keys: Row, event: datetime, cells: Callable[[datetime], Row], suppliers: tuple[str, ...] = ()) -> list[Row]:
    """A row as first told, and its corrections, each recorded after the one before, some on the same day and some the same again.

    A correction may name another of the `suppliers`, if there are any.
    """
    recorded = draw(st.sampled_from((None, None, event, event + timedelta(days=1), event + timedelta(days=45))))
    told = [{**keys, **cells(event), "recorded_at": recorded}]
    for _ in range(draw(NUMBER_OF_VERSIONS) - 1):
        recorded = (recorded or event) + timedelta(days=draw(DELAYS), hours=1)
        moved = event + timedelta(days=draw(st.sampled_from((0, 0, 0, -20, 3))))
        cells_told = told[-1] if draw(st.sampled_from((False, False, False, True))) else {**keys, **cells(moved)}
        told.append({**cells_told, "recorded_at": recorded})
        if suppliers and draw(st.booleans()):
            told[-1]["supplier_id"] = draw(st.sampled_from(suppliers))
    return told


def _orders(draw: Draw, supplier: str, number: int, history: History) -> None:
    order = {"order_id": f"o{number}", "supplier_id": supplier}
    ordered = draw(instants())

    def order_cells(at: datetime) -> Row:
        return {
            "ordered_at": at,
            "buyer_id": draw(BUYERS),
            "amount": draw(AMOUNTS),
            "quantity": draw(QUANTITIES),
            "promised_at": _after(at, draw(later())),
            "cancelled_at": _after(at, draw(st.one_of(st.none(), st.none(), later(0, 50)))),
        }

    def delivery_cells(at: datetime) -> Row:
        return {
            "delivered_at": draw(st.sampled_from((at, at, at, None))),
            "accepted_at": _after(at, draw(later(0, 9))),
            "quantity_delivered": draw(QUANTITIES),
            "quantity_rejected": draw(QUANTITIES),
            "returned_at": _after(at, draw(later(0, 30))),
            "return_amount": draw(st.one_of(st.none(), AMOUNTS)),
        }

    history["orders"] += _versions(draw, order, ordered, order_cells)
    for part in range(draw(st.sampled_from((0, 1, 1, 2, 3, 5)))):
        delivered = ordered + timedelta(days=draw(st.one_of(st.integers(0, 70), st.integers(-40, 70))))
        history["fulfilments"] += _versions(draw, {**order, "fulfilment_id": f"{part}"}, delivered, delivery_cells)


def _trade(draw: Draw, supplier: str, number: int, suppliers: tuple[str, ...], history: History) -> None:
    def review(at: datetime) -> Row:
        rating = draw(st.sampled_from((1.0, 2.0, 2.5, 4.0, 5.0)))
        return {
            "reviewed_at": at,
            "buyer_id": draw(st.one_of(st.none(), BUYERS)),
            "rating": rating,
            "text": draw(st.sampled_from((None, "好", "late"))),
        }

    def purchase(at: datetime) -> Row:
        return {"purchased_at": at, "vendor_id": draw(BUYERS), "amount": draw(AMOUNTS), "cancelled_at": _after(at, draw(later(0, 20)))}

    def invoice(at: datetime) -> Row:
        return {
            "issued_at": at,
            "due_at": at + timedelta(days=draw(st.integers(0, 90))),
            "buyer_id": draw(BUYERS),
            "amount": draw(AMOUNTS),
            "paid_at": _after(at, draw(later(-10, 120))),
            "paid_amount": draw(st.one_of(st.none(), AMOUNTS)),
        }

    kind = draw(st.sampled_from(("reviews", "purchases", "invoices")))
    keys = {
        "reviews": {"review_id": f"r{number}", "order_id": draw(st.sampled_from((None, "o0")))},
        "purchases": {"purchase_id": f"p{supplier}{number}"},
        "invoices": {"invoice_id": f"i{supplier}{number}"},
    }
    cells = {"reviews": review, "purchases": purchase, "invoices": invoice}
    movable = () if kind == "reviews" else suppliers
    history[kind] += _versions(draw, {**keys[kind], "supplier_id": supplier}, draw(instants()), cells[kind], movable)


def _standing(draw: Draw, supplier: str, number: int, history: History) -> None:
    """An observation, a certificate or a cooperation; none shares its key with another."""
    event = draw(instants()) + timedelta(seconds=number)

    def stock(_: datetime) -> Row:
        return {"value": draw(AMOUNTS), "days_of_cover": draw(QUANTITIES)}

    def production(_: datetime) -> Row:
        return {
            "utilisation": draw(st.sampled_from((0.0, 0.33333, 0.75, 1.0))),
            "state": draw(st.sampled_from((None, "running", "reduced", "stopped"))),
        }

    def certificate(at: datetime) -> Row:
        expires = draw(st.one_of(st.none(), st.sampled_from((0, 30, 90, 91, 400))))
        return {"expires_on": None if expires is None else _later(event.date(), expires), "verified_at": _after(at, draw(later(-5, 60)))}

    def cooperation(_: datetime) -> Row:
        ended = draw(later(0, 300))
        level = draw(st.sampled_from((None, "operational", "strategic")))
        return {"level": level, "ended_on": None if ended is None else _later(event.date(), ended)}

    kind = draw(st.sampled_from(("inventory", "production", "certificates", "cooperations")))
    keys = {
        "inventory": {"observed_at": event, "category": draw(st.sampled_from((None, "鞋", "帽")))},
        "production": {"observed_at": event},
        "certificates": {"certificate": draw(st.sampled_from(CERTIFICATES)), "issued_on": event.date()},
        "cooperations": {"partner_id": f"q{number}", "content": draw(st.sampled_from(CONTENTS)), "started_on": event.date()},
    }
    cells = {"inventory": stock, "production": production, "certificates": certificate, "cooperations": cooperation}
    key = {**keys[kind], "supplier_id": supplier}
    told = _versions(draw, key, event, cells[kind])
    if not any(all(row[name] == cell for name, cell in key.items()) for row in history[kind]):
        history[kind] += told


def _later(day: date, days: int) -> date:
    return day + timedelta(days=days)


@st.composite
def histories(draw: Draw, suppliers: int = 3, orders: int = 12) -> History:
    """Rows of every table the ledger reads, for up to so many suppliers with up to so many orders each."""
    history: History = {name: [] for name in TABLES}
    names = NAMES[: draw(st.integers(1, suppliers))]

    def supplier_cells(at: datetime) -> Row:
        return {"joined_at": draw(st.sampled_from((at, at, None))), "registered_on": draw(st.sampled_from((None, at.date())))}

    for name in names:
        history["suppliers"] += _versions(draw, {"supplier_id": name}, draw(instants()), supplier_cells)
        for number in range(draw(st.integers(0, orders))):
            _orders(draw, name, number, history)
        for number in range(draw(st.integers(0, orders))):
            _trade(draw, name, number, names, history)
        for number in range(draw(st.integers(0, orders // 2))):
            _standing(draw, name, number, history)
    shuffled = random.Random(draw(st.integers(0, 2**32)))
    return {table: shuffled.sample(rows, len(rows)) for table, rows in history.items()}
