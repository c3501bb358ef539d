"""A generated platform that fills every column of every table of the contract, so that whatever a feature rests on can be taken away.

Rows are made from the declarations alone: a third of them is corrected, ids come from small sets so that every part of a key matters,
counterparties are few large and many small ones, vendors are among the buyers, and stock is observed of several categories at once.
"""

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from features.columns import Column, Kind
from features.records import MOVABLE
from features.tables import CONTRACT
from tests.drawn import AS_OF

Row = dict[str, Any]

SUPPLIERS = tuple(f"S{number:02}" for number in range(16))
PARTIES = tuple(f"C{number:03}" for number in range(120))
PER_SUPPLIER = {"suppliers": 1, "orders": 40, "fulfilments": 50, "reviews": 40, "purchases": 25}
"""Rows of each table per supplier before corrections; 20 where none is named."""

_WEIGHTS = tuple(1 / (place + 1) for place in range(len(PARTIES)))
_WORDS = ("good", "late", "做工好", "包装破损", "as promised", "never again, 太慢")
_NUMBERS: dict[str | None, Callable[[random.Random], float]] = {
    "rating_from_1_to_5": lambda rng: rng.choice((1.0, 2.0, 2.5, 4.0, 5.0)),
    "utilisation_from_0_to_1": lambda rng: rng.randint(0, 100) / 100,
}


def _quantity(rng: random.Random) -> float:
    return rng.randint(0, 24) / 2


def whole_platform(seed: int) -> dict[str, list[Row]]:
    """Rows of all tables; the same seed gives the same rows."""
    rng = random.Random(seed)
    history: dict[str, list[Row]] = {}
    for table in CONTRACT.values():
        history[table.name] = []
        for supplier in SUPPLIERS:
            for number in range(PER_SUPPLIER.get(table.name, 20)):
                history[table.name] += _versions(rng, table.name, supplier, number, history)
    return history


def _versions(rng: random.Random, table: str, supplier: str, number: int, history: dict[str, list[Row]]) -> list[Row]:
    """A row as first told, and its correction: other cells under the same key, a few of them now another supplier's."""
    day = AS_OF - timedelta(days=rng.randint(1, 430) if "observed_at" not in CONTRACT[table].key else 9 * rng.randint(1, 50))
    rows = [_row(rng, table, supplier, number, day, history)]
    rows[0]["recorded_at"] = rng.choice((None, _moment(rng, day, 12)))
    if rng.random() < 1 / 3:
        moved = rng.choice(SUPPLIERS) if table in MOVABLE and rng.random() < 0.3 else supplier
        again = _row(rng, table, moved, number, day + timedelta(days=rng.choice((0, -20, 3))), history)
        keys = {name: rows[0][name] for name in CONTRACT[table].key if name != "supplier_id"}
        rows.append({**again, **keys, "recorded_at": _moment(rng, day + timedelta(days=13), 90)})
    return rows


def _row(rng: random.Random, table: str, supplier: str, number: int, day: date, history: dict[str, list[Row]]) -> Row:
    row: Row = {}
    has_day = False
    for column in CONTRACT[table].columns:
        if column.kind in (Kind.TIME, Kind.DATE):
            later = 0 if not has_day else 300 if column.kind is Kind.DATE else 80
            row[column.name] = _cell(rng, column, day, later) if column.name != "observed_at" else day
            has_day = True
        elif column.kind is Kind.ID:
            row[column.name] = _id(rng, table, column, supplier, number, history)
        else:
            row[column.name] = _cell(rng, column, day, later=0)
    return row


def _id(rng: random.Random, table: str, column: Column, supplier: str, number: int, history: dict[str, list[Row]]) -> str | None:
    if column.name == "supplier_id":
        return supplier
    if column.name in ("buyer_id", "vendor_id", "partner_id", "lender_id"):
        return None if not column.required and rng.random() < 0.2 else rng.choices(PARTIES, _WEIGHTS)[0]
    if column.name == "order_id" and table != "orders":
        mine: list[str | None] = [row["order_id"] for row in history["orders"] if row["supplier_id"] == supplier]
        return rng.choice(mine + [None] * (not column.required))
    if column.name in ("purchase_id", "invoice_id", "loan_id"):
        return f"{column.name[0]}{supplier}{number}"
    return f"{column.name[0]}{number % {'fulfilment_id': 2, 'review_id': 9}.get(column.name, 1000)}"


def _cell(rng: random.Random, column: Column, day: date, later: int) -> object:
    if not column.required and rng.random() < 0.25:
        return None
    made: dict[Kind, Callable[[], object]] = {
        Kind.DATE: lambda: day + timedelta(days=rng.randint(0, later)),
        Kind.TIME: lambda: _moment(rng, day, later),
        Kind.MONEY: lambda: rng.choice((Decimal(rng.randint(1, 900_000)) / 100, Decimal(1000 * rng.randint(1, 9)))),
        Kind.NUMBER: lambda: _NUMBERS.get(column.rule, _quantity)(rng),
        Kind.WORD: lambda: rng.choice(column.words),
    }
    return made.get(column.kind, lambda: rng.choice(_WORDS))()


def _moment(rng: random.Random, day: date, later: int) -> datetime:
    return datetime(day.year, day.month, day.day, rng.randint(0, 23), rng.randint(0, 59)) + timedelta(days=rng.randint(0, later))
