"""The same properties on a platform of sixty suppliers, where nobody chose the rows."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from features.build import build_features
from features.ledger import build_ledger
from features.read import RawTables, read_tables
from features.simulate import simulate
from tests.properties.test_features_properties import NAMES, SQUARED, rows_of
from tests.reference import features_by_loop

DATES = (date(2025, 6, 1), date(2025, 12, 15), date(2026, 7, 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("platform")
    simulate(out, suppliers=60, months=26, seed=3)
    return out


@pytest.fixture
def tables(folder: Path) -> Iterator[RawTables]:
    raw, _ = read_tables(folder)
    yield raw
    raw.close()


@pytest.mark.slow
def test_a_simulated_platforms_features_equal_a_plain_loop(tables: RawTables) -> None:
    matrix = build_features(build_ledger(tables), DATES)
    assert len(matrix.values) > 2 * 60
    for supplier, day, row in zip(matrix.supplier_ids.tolist(), matrix.as_of.tolist(), matrix.values, strict=True):
        by_loop = features_by_loop(tables, supplier, day)
        assert by_loop is not None
        same = np.where(
            SQUARED, np.isclose(row, by_loop, rtol=1e-13, atol=0, equal_nan=True), (row == by_loop) | (np.isnan(row) & np.isnan(by_loop))
        )
        assert same.all(), (supplier, day, {NAMES[i]: (row[i], by_loop[i]) for i in np.flatnonzero(~same)})


CHANGED = {
    "orders": "buyer_id || 'x' AS buyer_id, amount * 3 AS amount, promised_at - INTERVAL 9 DAY AS promised_at, ordered_at AS cancelled_at",
    "fulfilments": "delivered_at + INTERVAL 30 DAY AS delivered_at, 9.0 AS quantity_rejected",
    "reviews": "1.0 AS rating, 'worse' AS text",
    "purchases": "amount * 2 AS amount, 'another' AS vendor_id",
    "invoices": "due_at AS paid_at, amount / 2 AS paid_amount",
}
NEW = {
    "orders": ("order_id", "ordered_at", ", NULL AS promised_at, NULL AS cancelled_at"),
    "reviews": ("review_id", "reviewed_at", ""),
    "purchases": ("purchase_id", "purchased_at", ", NULL AS cancelled_at"),
    "invoices": ("invoice_id", "issued_at", ""),
}


def inject_future(tables: RawTables, as_of: date) -> int:
    """Correct every third row from the as-of date on, and tell of rows that were recorded, or happened, on it or later."""
    midnight = f"TIMESTAMP '{as_of}' - INTERVAL 8 HOUR"
    before = _rows(tables)
    for table, changes in CHANGED.items():
        corrected_at = f"greatest(recorded_at, {midnight}) + to_seconds(hash({table}) % 9000000)"
        tables.con.execute(
            f"INSERT INTO {table} SELECT * REPLACE ({changes}, {corrected_at} AS recorded_at) FROM {table} WHERE hash({table}) % 3 = 0"
        )
    for table, (key, event, emptied) in NEW.items():
        late = f"'late ' || {key} AS {key}, {midnight} + to_days((source_row % 9)::INTEGER) AS recorded_at"
        later = f"'later ' || {key} AS {key}, {midnight} + to_days((source_row % 40)::INTEGER) AS {event}, NULL AS recorded_at{emptied}"
        for told in (late, later):
            tables.con.execute(
                f"INSERT INTO {table} SELECT * REPLACE ({told}) FROM {table} WHERE {key} NOT LIKE 'late%' AND source_row % 4 = 0"
            )
    return _rows(tables) - before


def _rows(tables: RawTables) -> int:
    return sum(int(tables.con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]) for table in CHANGED)


@pytest.mark.slow
def test_thousands_of_future_rows_change_nothing_bitwise(tables: RawTables) -> None:
    as_of = date(2025, 12, 15)
    before = rows_of(build_features(build_ledger(tables), [as_of]))
    assert inject_future(tables, as_of) > 10_000
    with_future = build_ledger(tables)
    assert rows_of(build_features(with_future, [as_of])) == before
    afterwards = rows_of(build_features(with_future, [date(2026, 7, 1)]))
    assert afterwards != rows_of(build_features(with_future, [as_of])), "the rows do count once they are known"
