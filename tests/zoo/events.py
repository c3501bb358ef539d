"""What cannot have happened in that order, and what is said twice."""

from collections.abc import Callable

from tests.features.folders import Row, changed, csv_text
from tests.zoo.case import DAMAGED_ROW, GOOD_ROWS, Aside, Case, cell, good_rows, put, refused, rows_case

_UNIQUE = "key_is_unique"


def _twice(name: str, *bad: Row, first: int, lost: int, command: bool = False) -> Case:
    """Orders of one key; the last `lost` of them, from the row `first` on, are set aside."""
    return rows_case(
        name,
        "orders",
        bad,
        *(Aside(first + place, "order_id, supplier_id", _UNIQUE, "twice, 001") for place in range(lost)),
        lost=lost,
        command=command,
    )


def _orders(*recorded: str, change: Callable[[Row], None] | None = None) -> list[Row]:
    """One order several times over with these `recorded_at`; `change` alters the last."""
    rows = [{**changed("orders", order_id="twice"), "recorded_at": at} for at in recorded]
    if change is not None:
        change(rows[-1])
    return rows


def _recorded_twice(name: str, *recorded: str, different: bool, command: bool = False) -> Case:
    """Two rows of one key among rows that say when they were recorded."""

    def other(row: Row) -> None:
        row["amount"] = "99.00"

    good = [{**row, "recorded_at": "2024-02-01T00:00:00"} for row in good_rows("orders")]
    bad = _orders(*recorded, change=other if different else None)
    lost = len(bad) if different else len(bad) - 1
    text = csv_text([*good[: DAMAGED_ROW - 1], *bad, *good[DAMAGED_ROW - 1 :]])
    at = DAMAGED_ROW + len(bad) - lost
    aside = tuple(Aside(at + place, "order_id, supplier_id", _UNIQUE, "twice, 001") for place in range(lost))
    rows = GOOD_ROWS + len(bad)
    return Case(name, "orders", put("orders.csv", text), aside=aside, kept=rows - lost, rows=rows, command=command)


def _contradicting(table: str, column: str, value: str, key: str, shown: str) -> Case:
    """The second good row again with another cell: neither can be trusted."""
    good = good_rows(table)
    rows = [*good[: DAMAGED_ROW - 1], {**good[1], column: value}, *good[DAMAGED_ROW - 1 :]]
    aside = (Aside(2, key, _UNIQUE, shown), Aside(DAMAGED_ROW, key, _UNIQUE, shown))
    name = f"{table} of one key that differ in {column}"
    return Case(name, table, put(f"{table}.csv", csv_text(rows)), aside=aside, kept=GOOD_ROWS - 1, rows=GOOD_ROWS + 1)


_TWICE = changed("orders", order_id="twice")
_EVERY = [changed("orders")] * 40

CASES: tuple[Case, ...] = (
    cell("a promise before its order", "orders.promised_at", "2024-01-10T08:59:59", "promised_not_before_ordered", command=True),
    cell("a cancellation before its order", "orders.cancelled_at", "2024-01-09", "cancelled_not_before_ordered"),
    cell("a cancellation before its order by zone", "orders.cancelled_at", "2024-01-10T09:00:00+09:00", "cancelled_not_before_ordered"),
    cell("a purchase cancelled before it was made", "purchases.cancelled_at", "2024-01-04", "cancelled_not_before_purchased", command=True),
    cell("a shipment before its order", "fulfilments.shipped_at", "2024-01-10T08:59:59", "shipped_not_before_ordered", command=True),
    cell("a delivery before its shipment", "fulfilments.delivered_at", "2024-01-12T09:59:59", "delivered_not_before_shipped"),
    cell("a review before its order", "reviews.reviewed_at", "2024-01-10", "reviewed_not_before_ordered", command=True),
    cell("a loan due before it is drawn", "loans.due_at", "2024-01-16", "due_not_before_drawn"),
    _twice("one row twice", _TWICE, _TWICE, first=DAMAGED_ROW + 1, lost=1, command=True),
    _twice(
        "one row twice but for the spelling of a time",
        _TWICE,
        {**_TWICE, "ordered_at": "2024-01-10 09:00"},
        first=DAMAGED_ROW + 1,
        lost=1,
    ),
    _twice("one row twice but for zeros of an amount", _TWICE, {**_TWICE, "amount": "120.5"}, first=DAMAGED_ROW + 1, lost=1),
    _twice("one key with two amounts", _TWICE, {**_TWICE, "amount": "99.00"}, first=DAMAGED_ROW, lost=2, command=True),
    _twice("one key with and without a cell", _TWICE, {**_TWICE, "category": ""}, first=DAMAGED_ROW, lost=2),
    _recorded_twice("one version twice", "2024-03-01", "2024-03-01", different=False),
    _recorded_twice("two versions recorded at one time", "2024-03-01", "2024-03-01", different=True, command=True),
    _recorded_twice(
        "two versions recorded at one instant of two zones", "2024-03-01T08:00:00Z", "2024-03-01T16:00:00+08:00", different=True
    ),
    _contradicting("suppliers", "province", "广东", "supplier_id", "x1"),
    _contradicting("fulfilments", "quantity_rejected", "1", "fulfilment_id, order_id, supplier_id", "x1, o1, 001"),
    _contradicting("reviews", "rating", "1", "review_id, order_id, supplier_id", "x1, o1, 001"),
    _contradicting("invoices", "amount", "1.00", "invoice_id", "x1"),
    _contradicting("repayments", "amount_due", "1.00", "loan_id, due_at", "x1, 2024-07-16 16:00:00"),
    _contradicting("labels", "outcome", "bad", "supplier_id, as_of", "001, 1961-01-01"),
    refused(
        "a table that repeats one row",
        put("orders.csv", csv_text(_EVERY)),
        "39 of 40 rows",
        _UNIQUE,
        "first row 2",
        "remove the repeated row",
        command=True,
    ),
)
