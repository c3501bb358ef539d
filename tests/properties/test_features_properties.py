"""What must hold for every history of every supplier, whoever wrote it and in whatever order the rows came."""

import random
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from credit.errors import NotEnoughHistory
from features.build import FeatureMatrix, build_features
from features.catalog import CATALOG
from features.evidence import evidence_rows
from features.ledger import Ledger, build_ledger
from features.store import open_ledger, save_ledger
from tests.drawn import AS_OF, tables_of
from tests.properties.histories import History, Row, histories
from tests.reference import features_by_loop

Values = npt.NDArray[np.float64]

DATES = (AS_OF - timedelta(days=91), AS_OF - timedelta(days=1), AS_OF, AS_OF + timedelta(days=10))
MIDNIGHT = datetime.combine(AS_OF, datetime.min.time()) - timedelta(hours=8)
"""The start of the as-of date in Shanghai, in UTC."""

NAMES = tuple(feature.name for feature in CATALOG)
SQUARED = np.array(["hhi" in name for name in NAMES])
"""Sums of squared shares: the loop adds them in another order than the kernel, so their last bits may differ."""

AMOUNTS = "orders_amount_sum_180d"
COUNTED = ("orders_count_30d", "orders_count_365d", "fulfilment_overdue_count_all", AMOUNTS)
"""Features that are a plain count, or a plain sum, of the rows behind them."""


def examples(count: int) -> settings:
    """The same histories on every run, however slow the machine is."""
    return settings(max_examples=count, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def ledger_of(history: History) -> Ledger:
    try:
        return build_ledger(tables_of(history))
    except NotEnoughHistory:
        assume(False)
        raise


def rows_of(matrix: FeatureMatrix) -> dict[tuple[str, date], bytes]:
    """Each row's bits by supplier and date; NaN is one value, since the engine writes but one."""
    keys = zip(matrix.supplier_ids.tolist(), matrix.as_of.tolist(), strict=True)
    return {(supplier, day): row.tobytes() for (supplier, day), row in zip(keys, matrix.values, strict=True)}


@examples(60)
@given(histories())
def test_features_equal_a_plain_loop(history: History) -> None:
    tables = tables_of(history)
    matrix = build_features(ledger_of(history), DATES)
    found = dict(zip(zip(matrix.supplier_ids.tolist(), matrix.as_of.tolist(), strict=True), matrix.values, strict=True))
    for supplier in {row["supplier_id"] for row in history["suppliers"]}:
        for day in DATES:
            by_loop = features_by_loop(tables, supplier, day)
            assert (by_loop is None) == ((supplier, day) not in found), f"{supplier} at {day}: known by one engine only"
            if by_loop is None:
                continue
            row = found[supplier, day]
            differs = ~np.where(SQUARED, np.isclose(row, by_loop, rtol=1e-14, atol=0, equal_nan=True), _same(row, by_loop))
            assert not differs.any(), {NAMES[i]: (row[i], by_loop[i]) for i in np.flatnonzero(differs)}


def _same(left: Values, right: Values) -> npt.NDArray[np.bool_]:
    return np.asarray((left == right) | (np.isnan(left) & np.isnan(right)))


@examples(50)
@given(histories())
def test_what_becomes_known_at_or_after_the_as_of_date_changes_nothing(history: History) -> None:
    known = known_before(history)
    with_future = rows_of(build_features(ledger_of(history), [AS_OF]))
    without = rows_of(build_features(ledger_of(known), [AS_OF]))
    assert with_future == without


def known_before(history: History) -> History:
    """The history as a platform would have handed it over at the start of the as-of date."""
    own_day = {"orders": "ordered_at", "reviews": "reviewed_at", "purchases": "purchased_at", "invoices": "issued_at"}
    kept: History = {}
    for table, rows in history.items():
        recorded = [row for row in rows if row["recorded_at"] is None or row["recorded_at"] < MIDNIGHT]
        kept[table] = [_as_told(row) for row in recorded if table not in own_day or row[own_day[table]] < MIDNIGHT or row["recorded_at"]]
    orders = {(row["order_id"], row["supplier_id"]) for row in kept["orders"]}
    kept["fulfilments"] = [row for row in kept["fulfilments"] if (row["order_id"], row["supplier_id"]) in orders]
    return kept


def _as_told(row: Row) -> Row:
    """A row without the cells that were still empty: what happens later, and the quantities it will bring."""
    told = dict(row)
    for column in ("joined_at", "cancelled_at", "delivered_at", "accepted_at", "returned_at", "paid_at"):
        if column in told and told[column] is not None and told[column] >= MIDNIGHT:
            told[column] = None
            if column == "accepted_at":
                told["quantity_rejected"] = None
    return told


@examples(20)
@given(histories(), st.integers(0, 2**32))
def test_the_order_of_the_rows_never_matters(history: History, seed: int) -> None:
    shuffled = {table: random.Random(seed).sample(rows, len(rows)) for table, rows in history.items()}
    one, other = ledger_of(history), ledger_of(shuffled)
    for name, array in one.arrays.items():
        assert array.tobytes() == other.arrays[name].tobytes(), name
    assert rows_of(build_features(one, DATES)) == rows_of(build_features(other, DATES))


@examples(20)
@given(histories(), st.sampled_from((1, 2, 3)))
def test_one_by_one_equals_the_batch(history: History, bucket_rows: int) -> None:
    ledger = ledger_of(history)
    batch = rows_of(build_features(ledger, DATES))
    alone = {}
    for supplier, day in batch:
        alone.update(rows_of(build_features(ledger, [day], [supplier])))
    assert alone == batch
    by_date: dict[tuple[str, date], bytes] = {}
    for day in DATES:
        by_date.update(rows_of(build_features(ledger, [day])))
    assert by_date == batch
    with patch("features.build._BUCKET_ROWS", bucket_rows):
        assert rows_of(build_features(ledger, DATES)) == batch


@examples(20)
@given(histories())
def test_a_supplier_without_the_others_tables_is_the_same_supplier(history: History) -> None:
    batch = rows_of(build_features(ledger_of(history), DATES))
    mine = {table: [row for row in rows if row["supplier_id"] == "S"] for table, rows in history.items()}
    assume(any(supplier == "S" for supplier, _ in batch))
    alone = rows_of(build_features(ledger_of(mine), DATES))
    assert alone == {key: row for key, row in batch.items() if key[0] == "S"}


@examples(15)
@given(histories())
def test_a_saved_ledger_says_the_same(history: History) -> None:
    ledger = ledger_of(history)
    with TemporaryDirectory() as folder:
        save_ledger(ledger, Path(folder) / "ledger")
        opened = open_ledger(Path(folder) / "ledger")
        assert rows_of(build_features(opened, DATES)) == rows_of(build_features(ledger, DATES))
        assert opened.latest_as_of == ledger.latest_as_of


@examples(20)
@given(histories())
def test_the_rows_behind_a_number_add_up_to_it(history: History) -> None:
    ledger = ledger_of(history)
    matrix = build_features(ledger, DATES)
    for supplier, day, row in zip(matrix.supplier_ids.tolist(), matrix.as_of.tolist(), matrix.values, strict=True):
        value = dict(zip(NAMES, row.tolist(), strict=True))
        behind = {name: evidence_rows(ledger, name, supplier, day, 1000) for name in COUNTED}
        assert {name: found.total for name, found in behind.items() if name != AMOUNTS} == {
            name: value[name] for name in COUNTED if name != AMOUNTS
        }
        assert sum(found.values[0] for found in behind[AMOUNTS].rows) / 100 == value[AMOUNTS]
