"""The same properties on simulated platforms of sixty and of a thousand suppliers, where nobody chose the rows."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from features.build import build_features
from features.catalog import CATALOG
from features.ledger import build_ledger
from features.plan import Elsewhere
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


ALONE = np.array([not any(isinstance(need, Elsewhere) for need in feature.formula.needs()) for feature in CATALOG])
"""Features without the buyer network, which is taken from what was known on the first of the month unless another day is named."""

SIGHT = (date(2025, 1, 15), date(2025, 6, 1), date(2025, 12, 15), date(2026, 1, 1), date(2026, 6, 30))
"""Dates at each of which the future is tampered with."""

CHANGED = {
    "suppliers": "joined_at - INTERVAL 99 DAY AS joined_at, registered_on - 9 AS registered_on",
    "orders": "buyer_id || 'x' AS buyer_id, amount * 3 AS amount, promised_at - INTERVAL 9 DAY AS promised_at, ordered_at AS cancelled_at",
    "fulfilments": "delivered_at + INTERVAL 30 DAY AS delivered_at, 9.0 AS quantity_rejected",
    "reviews": "1.0 AS rating, 'worse' AS text",
    "purchases": "amount * 2 AS amount, 'another' AS vendor_id",
    "invoices": "due_at AS paid_at, amount / 2 AS paid_amount",
    "inventory": "value * 3 AS value, 1.0 AS days_of_cover",
    "production": "0.0 AS utilisation, 'stopped' AS state",
    "certificates": "issued_on + 1 AS expires_on, NULL AS verified_at",
    "cooperations": "'strategic' AS level, started_on + 1 AS ended_on",
}
"""What a correction says of every sixth row."""

MOVED = ("purchases", "invoices")
LATE = {
    "orders": "'late ' || order_id AS order_id",
    "fulfilments": "'late ' || fulfilment_id AS fulfilment_id",
    "reviews": "'late ' || review_id AS review_id",
    "purchases": "'late ' || purchase_id AS purchase_id",
    "invoices": "'late ' || invoice_id AS invoice_id",
    "inventory": "'late ' || category AS category",
    "production": "observed_at + INTERVAL 1 SECOND AS observed_at",
    "certificates": "issued_on - 1 AS issued_on",
    "cooperations": "'late ' || partner_id AS partner_id",
}
"""The key of a row of which the platform learns late."""

LATER = {
    "suppliers": ("'later ' || supplier_id AS supplier_id, NULL AS registered_on", "joined_at"),
    "orders": ("'later ' || order_id AS order_id, NULL AS promised_at, NULL AS cancelled_at", "ordered_at"),
    "fulfilments": ("'later ' || fulfilment_id AS fulfilment_id, NULL AS accepted_at, NULL AS returned_at", "delivered_at"),
    "reviews": ("'later ' || review_id AS review_id", "reviewed_at"),
    "purchases": ("'later ' || purchase_id AS purchase_id, NULL AS cancelled_at", "purchased_at"),
    "invoices": ("'later ' || invoice_id AS invoice_id", "issued_at"),
    "inventory": ("'later ' || category AS category", "observed_at"),
    "production": ("'reduced' AS state", "observed_at"),
    "certificates": ("NULL AS verified_at, NULL AS expires_on", "issued_on"),
    "cooperations": ("'later ' || partner_id AS partner_id, NULL AS ended_on", "started_on"),
}
"""The key of a row that happens later, the cells it cannot have yet, and the column of its own day."""


def inject_future(tables: RawTables, as_of: date) -> int:
    """Tell, in every table the ledger reads, what nobody knew before a date.

    Rows are corrected, told again as they were, moved to another supplier, told of late, or happen on the date or after it.
    """
    midnight = f"(TIMESTAMP '{as_of}' - INTERVAL 8 HOUR)"
    before = _rows(tables)
    for table, changes in CHANGED.items():
        recorded_at = f"greatest(recorded_at, {midnight}) + to_seconds(hash({table}) % 9000000)"
        told = [(f"{changes}, {recorded_at} AS recorded_at", 6), (f"{recorded_at} + INTERVAL 1 SECOND AS recorded_at", 10)]
        if table in MOVED:
            another = "(SELECT min(supplier_id) FROM suppliers)"
            told.append((f"{another} AS supplier_id, {recorded_at} + INTERVAL 2 SECOND AS recorded_at", 7))
        if table in LATE:
            told.append((f"{LATE[table]}, {midnight} + to_days((source_row % 9)::INTEGER) AS recorded_at", 8))
        key, own = LATER[table]
        happens = f"{midnight} + INTERVAL 8 HOUR + to_days((source_row % 40)::INTEGER)"
        day = f"({happens})::DATE" if own.endswith("_on") else f"{happens} - INTERVAL 8 HOUR"
        told.append((f"{key}, {day} AS {own}, NULL AS recorded_at", 9))
        queries = [f"SELECT * REPLACE ({cells}) FROM untouched.{table} t WHERE hash({table}) % {share} = 0" for cells, share in told]
        for query in queries:
            tables.con.execute(f"INSERT INTO {table} {query.replace(f'hash({table})', 'hash(t)')}")
    return _rows(tables) - before


def _rows(tables: RawTables) -> int:
    return sum(int(tables.con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]) for table in CHANGED)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RawTables]:
    """A thousand suppliers, with the untouched tables beside those a test may tamper with."""
    out = tmp_path_factory.mktemp("large")
    simulate(out, suppliers=1000, months=24, seed=5)
    raw, _ = read_tables(out)
    raw.con.execute("CREATE SCHEMA untouched")
    for table in CHANGED:
        raw.con.execute(f"CREATE TABLE untouched.{table} AS FROM {table}")
    yield raw
    raw.close()


@pytest.mark.slow
def test_the_future_of_a_thousand_suppliers_changes_no_feature_at_five_dates(large: RawTables) -> None:
    untouched = build_ledger(large)
    seen = build_features(untouched, SIGHT)
    assert (len(set(seen.supplier_ids)), len(set(seen.as_of.tolist()))) == (1000, 5)
    compared = 0
    for as_of in SIGHT:
        for table in CHANGED:
            large.con.execute(f"DELETE FROM {table}; INSERT INTO {table} FROM untouched.{table}")
        assert inject_future(large, as_of) > 100_000
        tampered = build_ledger(large)
        before = {key: row for key, row in rows_of(seen).items() if key[1] == as_of}
        assert rows_of(build_features(tampered, [as_of])) == before
        replayed = build_features(tampered, SIGHT, as_known_at=as_of)
        assert rows_of(replayed) == rows_of(build_features(untouched, SIGHT, as_known_at=as_of))
        then, now = (matrix.values[matrix.as_of == np.datetime64(as_of)][:, ALONE] for matrix in (replayed, seen))
        assert then.tobytes() == now.tobytes()
        afterwards = build_features(tampered, [as_of + timedelta(days=90)])
        assert rows_of(afterwards) != rows_of(build_features(untouched, [as_of + timedelta(days=90)])), "the rows count once they are known"
        compared += len(before)
    assert compared == len(seen.values) > 4500
