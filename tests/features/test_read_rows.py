"""Rows in memory meet the rules of files: the same cells, the same rejects; a history alone says nothing of others."""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from credit.errors import NotEnoughHistory
from features.build import build_features, rests_on_others
from features.catalog import CATALOG
from features.ledger import build_ledger
from features.read import read_folder
from features.read_rows import open_rows, read_rows
from features.tables import CONTRACT

NOW = datetime(2026, 7, 1, tzinfo=UTC)
SUPPLIER = {"supplier_id": "S1", "kind": "enterprise", "joined_at": "2025-01-01"}
ORDER = {"supplier_id": "S1", "buyer_id": "B1", "ordered_at": "2026-01-01T08:00:00", "amount": "100.00"}
BROKEN: tuple[dict[str, Any], ...] = (
    {"amount": None}, {"amount": "0"}, {"amount": "1e3"}, {"amount": "1,000"}, {"amount": "0.001"}, {"amount": "1" * 13},
    {"ordered_at": "1/2/2026"}, {"ordered_at": "2026-02-30"}, {"ordered_at": "2026-08-01"}, {"ordered_at": "1899-01-01"},
    {"promised_at": "2025-12-31"}, {"cancelled_at": "2025-01-01"}, {"buyer_id": " "}, {"buyer_id": "x" * 65}, {"buyer_id": "a\u200b"},
    {"supplier_id": "S2"}, {"currency": "USD"}, {"quantity": "-1"}, {"quantity": "nan"}, {"order_id": "O0"},
)  # fmt: skip


def tables() -> dict[str, list[dict[str, Any]]]:
    """One good order, and one for each way to break a rule."""
    orders = [ORDER | {"order_id": f"O{place}"} | broken for place, broken in enumerate(({}, *BROKEN))]
    fulfilments = [
        {"fulfilment_id": "F1", "order_id": "O0", "supplier_id": "S1", "shipped_at": "2025-12-30"},
        {"fulfilment_id": "F2", "order_id": "O99", "supplier_id": "S1"},
    ]
    reviews = [{"review_id": "R1", "supplier_id": "S1", "reviewed_at": "2026-02-01", "rating": "6"}]
    return {"suppliers": [SUPPLIER], "orders": orders, "fulfilments": fulfilments, "reviews": reviews}


def test_the_same_cells_break_the_same_rules_in_the_same_rows_as_in_a_file(tmp_path: Path) -> None:
    for name, rows in tables().items():
        with (tmp_path / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, [column.name for column in CONTRACT[name].columns])
            writer.writeheader()
            writer.writerows(rows)
    of_files = read_folder(tmp_path, zone="Asia/Shanghai", currency="CNY", now=NOW)
    con = open_rows(zone="Asia/Shanghai", currency="CNY", now=NOW)
    of_rows = read_rows(con, tables(), zone="Asia/Shanghai", currency="CNY", now=NOW)
    found = [{(one.table, one.row, one.column, one.rule) for one in reading.rejects} for reading in (of_files, of_rows)]
    assert found[0] == found[1]
    assert len({row for table, row, _, _ in found[1] if table == "orders"}) == len(BROKEN)
    of_files.tables.close()
    of_rows.tables.close()


def test_a_number_is_read_by_its_digits() -> None:
    con = open_rows(zone="Asia/Shanghai", currency="CNY", now=NOW)
    amounts = [Decimal("90071992547.93"), 7, "7.10", Decimal("0.30")]
    rows = {**tables(), "orders": [ORDER | {"order_id": f"O{n}", "amount": amount} for n, amount in enumerate(amounts)]}
    found = read_rows(con, rows, zone="Asia/Shanghai", currency="CNY", now=NOW)
    told = con.execute("SELECT amount FROM orders ORDER BY order_id").fetchall()
    assert [str(amount) for (amount,) in told] == ["90071992547.93", "7.00", "7.10", "0.30"]
    found.tables.close()


def test_a_history_alone_leaves_what_rests_on_others_missing_and_nothing_else() -> None:
    con = open_rows(zone="Asia/Shanghai", currency="CNY", now=NOW)
    review = {"review_id": "R1", "supplier_id": "S1", "reviewed_at": "2026-02-01", "rating": "5", "text": "准时，质量好"}
    rows = {"suppliers": [SUPPLIER], "orders": [ORDER | {"order_id": "O1"}], "fulfilments": [], "reviews": [review]}
    found = read_rows(con, rows, zone="Asia/Shanghai", currency="CNY", now=NOW)
    alone, whole = build_ledger(found.tables, is_alone=True), build_ledger(found.tables)
    mine, theirs = (build_features(ledger, [date(2026, 7, 1)], ["S1"]).values[0] for ledger in (alone, whole))
    on_others = np.array([rests_on_others(feature) for feature in CATALOG])
    assert on_others.sum() == 8
    assert np.isnan(mine[on_others]).all()
    assert not np.isnan(theirs[on_others]).all()
    assert mine[~on_others].tobytes() == theirs[~on_others].tobytes()
    found.tables.close()


def test_rows_without_one_dated_event_are_refused() -> None:
    con = open_rows(zone="Asia/Shanghai", currency="CNY", now=NOW)
    rows: dict[str, list[dict[str, Any]]] = {"suppliers": [{"supplier_id": "S1"}], "orders": [], "fulfilments": [], "reviews": []}
    found = read_rows(con, rows, zone="Asia/Shanghai", currency="CNY", now=NOW)
    with pytest.raises(NotEnoughHistory):
        build_ledger(found.tables, is_alone=True)
    found.tables.close()
