from datetime import date, datetime
from typing import Any

import numpy as np
import pytest

from features.arrow import chunks
from features.civil import ALWAYS, NONE, to_day
from features.collect import supplier_codes
from features.columns import Kind
from features.identity import IdIndex
from features.read import RawTables
from features.record_columns import Codes, select_list, to_records, void_columns
from features.records import MISSING, MOVABLE, RECORDS, Records
from features.tables import CONTRACT
from tests.drawn import tables_of

ZONE = "Asia/Shanghai"
LATE = datetime(2025, 12, 31, 16, 30)
"""Half past midnight of 1 January in Shanghai."""
DAY = to_day(date(2026, 1, 1))
SUPPLIERS: list[dict[str, Any]] = [{"supplier_id": "S", "joined_at": LATE, "registered_on": date(2020, 2, 29)}, {"supplier_id": "T"}]
FULL: dict[str, dict[str, Any]] = {
    "suppliers": SUPPLIERS[0],
    "orders": {
        "order_id": "o", "supplier_id": "S", "buyer_id": "Li", "ordered_at": LATE, "amount": "99999999999.99", "quantity": 2.0625,
        "promised_at": LATE, "cancelled_at": LATE,
    },
    "fulfilments": {
        "fulfilment_id": "1", "order_id": "o", "supplier_id": "S", "delivered_at": LATE, "accepted_at": LATE, "quantity_delivered": 0.0005,
        "quantity_rejected": 0.0015, "returned_at": LATE, "return_amount": "0.01",
    },
    "reviews": {
        "review_id": "r", "order_id": "o", "supplier_id": "S", "buyer_id": "Li", "reviewed_at": LATE, "rating": 4.335, "text": "很好",
    },
    "purchases": {"purchase_id": "p", "supplier_id": "S", "vendor_id": "Li", "purchased_at": LATE, "amount": "7", "cancelled_at": LATE},
    "invoices": {
        "invoice_id": "i", "supplier_id": "S", "buyer_id": "Li", "issued_at": LATE, "due_at": LATE, "amount": "8", "paid_at": LATE,
        "paid_amount": "3.50",
    },
    "inventory": {"supplier_id": "S", "observed_at": LATE, "category": "鞋", "value": "5", "days_of_cover": 999_999_999_999.0},
    "production": {"supplier_id": "S", "observed_at": LATE, "utilisation": 0.66665, "state": "stopped"},
    "certificates": {
        "supplier_id": "S", "certificate": "iso_9001", "issued_on": date(2026, 1, 1), "expires_on": date(2026, 1, 1), "verified_at": LATE,
    },
    "cooperations": {
        "supplier_id": "S", "partner_id": "Li", "content": "ip", "level": "tactical", "started_on": date(2026, 1, 1),
        "ended_on": date(2026, 1, 1),
    },
}  # fmt: skip
VALUES: dict[str, dict[str, int]] = {
    "suppliers": {"joined": DAY, "registered": to_day(date(2020, 2, 29))},
    "orders": {"ordered": DAY, "promised": DAY, "cancelled": DAY, "quantity": 2062, "amount": 9_999_999_999_999, "party": 0},
    "fulfilments": {
        "delivered": DAY, "inspected": DAY, "returned": DAY, "quantity_delivered": 0, "quantity_rejected": 2, "return_amount": 1,
    },
    "reviews": {"reviewed": DAY, "stars": round(4.335 * 100), "text_length": 2, "text_score": 0, "party": 0},
    "purchases": {"purchased": DAY, "cancelled": DAY, "amount": 700, "party": 0},
    "invoices": {"issued": DAY, "due": DAY, "paid": DAY, "amount": 800, "paid_amount": 350, "party": 0},
    "inventory": {"observed": DAY, "value": 500, "cover": 99_999_999_999_900},
    "production": {"observed": DAY, "utilisation": round(0.66665 * 10_000), "state": 3},
    "certificates": {"certificate": 3, "issued": DAY, "expires": DAY, "verified": DAY},
    "cooperations": {"content": 7, "level": 2, "started": DAY, "ended": DAY, "party": 0},
}  # fmt: skip
ABSENT = {"day": NONE, "fen": MISSING, "thousandths": MISSING, "hundredths": MISSING, "ten_thousandths": NONE, "moment": MISSING}


def read(tables: RawTables, table: str, columns: list[str] | None = None) -> Records:
    codes = Codes(supplier_codes(tables.con), IdIndex())
    (cells,) = chunks(tables.con.sql(f"SELECT {select_list(RECORDS[table], columns)} FROM {table}"))
    return to_records(RECORDS[table], cells, codes, ZONE)


def drawn(table: str, *rows: dict[str, Any]) -> RawTables:
    return tables_of({"suppliers": SUPPLIERS, table: list(rows)} if table != "suppliers" else {"suppliers": list(rows)})


@pytest.mark.parametrize("table", RECORDS)
def test_every_cell_becomes_its_number(table: str) -> None:
    (record,) = read(drawn(table, FULL[table]), table)
    assert {name: int(record[name]) for name in VALUES[table]} == VALUES[table]
    assert {field.name for field in RECORDS[table].fields} - set(VALUES[table]) <= {"ordered_at"}
    assert (record["supplier"], record["recorded"]) == (0, ALWAYS)
    if table == "orders":
        assert record["ordered_at"] == round((LATE - datetime(1970, 1, 1)).total_seconds() * 1_000_000)


@pytest.mark.parametrize("table", RECORDS)
def test_a_cell_that_is_not_given_is_told_from_a_zero(table: str) -> None:
    required = {column.name for column in CONTRACT[table].columns if column.required}
    bare = {name: cell for name, cell in FULL[table].items() if name in required or name in RECORDS[table].key}
    (record,) = read(drawn(table, bare), table)
    for field in RECORDS[table].fields:
        if field.column not in bare and field.kind in ABSENT:
            assert record[field.name] == ABSENT[field.kind], field.name
        if field.column not in bare and field.kind in ("word", "length", "score"):
            assert record[field.name] == 0
        if field.column not in bare and field.kind == "party":
            assert record[field.name] == -1


@pytest.mark.parametrize("table", RECORDS)
def test_a_column_that_is_not_read_stands_as_one_that_is_not_given(table: str) -> None:
    spec = RECORDS[table]
    kept = [name for name in spec.columns if name in ("supplier_id", "recorded_at", *spec.key, spec.link)]
    (record,) = read(drawn(table, FULL[table]), table, kept)
    assert {record[f.name].item() for f in spec.fields if f.kind == "day" and f.column not in kept} <= {NONE}
    assert {record[f.name].item() for f in spec.fields if f.kind == "party" and f.column not in kept} <= {-1}


def test_an_inspection_without_a_day_of_its_own_is_the_deliverys() -> None:
    (record,) = read(drawn("fulfilments", {**FULL["fulfilments"], "accepted_at": None}), "fulfilments")
    assert record["inspected"] == DAY


@pytest.mark.parametrize("given", [0.0004999, 0.0005, 0.0015, 1.2345, 2.675, 1e11 + 0.1, 999_999_999_999.0])
def test_quantities_are_rounded_to_the_nearest_thousandth_halves_to_even(given: float) -> None:
    (record,) = read(drawn("orders", {**FULL["orders"], "quantity": given}), "orders")
    assert record["quantity"] == round(given * 1000)


def test_a_recording_is_kept_to_the_microsecond_and_as_a_day_of_the_zone() -> None:
    at = datetime(2025, 12, 31, 15, 59, 59, 999_999)
    early, late = read(drawn("orders", {**FULL["orders"], "recorded_at": at}, {**FULL["orders"], "recorded_at": LATE}), "orders")
    assert (int(late["recorded"]) - int(early["recorded"]), int(early["recorded_day"]), int(late["recorded_day"])) == (
        1_800_000_001,
        DAY - 1,
        DAY,
    )


@pytest.mark.parametrize("table", RECORDS)
def test_the_key_is_that_of_the_contract(table: str) -> None:
    """Rows that differ in a column of the key have keys of their own; rows that differ elsewhere share one."""
    spec = RECORDS[table]
    contract = {name for name in CONTRACT[table].key if name != "supplier_id"}
    assert contract == set(spec.key)
    others = {
        Kind.ID: "another", Kind.TEXT: "another", Kind.TIME: datetime(2025, 1, 1), Kind.DATE: date(2025, 1, 1), Kind.MONEY: "1",
        Kind.NUMBER: 1.0, Kind.WORD: None,
    }  # fmt: skip
    for column in CONTRACT[table].columns:
        if column.name in ("supplier_id", "recorded_at") or column.kind not in others:
            continue
        cell = next(word for word in column.words if word != FULL[table].get(column.name)) if column.words else others[column.kind]
        one, other = read(drawn(table, FULL[table], {**FULL[table], column.name: cell}), table)
        assert (one["key"] == other["key"]) == (column.name not in spec.key), column.name


def test_an_order_and_its_delivery_meet_by_the_hash_of_the_orders_id() -> None:
    tables = tables_of({"suppliers": SUPPLIERS, "orders": [FULL["orders"]], "fulfilments": [FULL["fulfilments"]]})
    assert read(tables, "orders")["key"][0] == read(tables, "fulfilments")["order"][0]


def test_a_supplier_that_nobody_named_has_no_code() -> None:
    record = read(drawn("orders", {**FULL["orders"], "supplier_id": "nobody"}), "orders")[0]
    assert record["supplier"] < 0


@pytest.mark.parametrize("table", MOVABLE)
def test_a_void_record_ends_a_version_and_tells_nothing(table: str) -> None:
    tables = drawn(table, {**FULL[table], "recorded_at": LATE})
    codes = Codes(supplier_codes(tables.con), IdIndex())
    (cells,) = chunks(tables.con.sql(f"SELECT 'T' AS supplier_id, {RECORDS[table].key[0]}, recorded_at FROM {table}"))
    (void,) = void_columns(RECORDS[table], cells, codes, ZONE).records()
    (record,) = read(tables, table)
    assert (void["supplier"], void["amount"], void["party"]) == (1, MISSING, -1)
    assert (void["key"], void["recorded"], void["recorded_day"]) == (record["key"], record["recorded"], record["recorded_day"])


@pytest.mark.parametrize("table", RECORDS)
def test_a_record_is_made_of_whole_aligned_words(table: str) -> None:
    dtype = RECORDS[table].dtype
    assert dtype.itemsize % 8 == 0
    assert all(dtype.fields is not None and dtype.fields[name][1] % dtype[name].itemsize == 0 for name in dtype.names or ())
    assert np.zeros(1, dtype=dtype).view(np.int64).size == dtype.itemsize // 8
