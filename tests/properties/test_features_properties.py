"""What must hold for every history of every supplier, whoever wrote it and in whatever order the rows came."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import partial
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
from features.collect import collect
from features.evidence import evidence_rows
from features.ledger import Ledger, build_ledger
from features.plan import Elsewhere, Window
from features.store import build_stored, open_ledger, save_ledger
from features.stream import stream_features
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

OWN = np.array(
    [
        not any(
            isinstance(need, Elsewhere) or (isinstance(need, Window) and need.column == "text_score") for need in feature.formula.needs()
        )
        for feature in CATALOG
    ]
)
"""Features that rest on the supplier's own rows: not on what its buyers do elsewhere, nor on what others' reviews taught."""

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


@examples(50)
@given(histories())
def test_features_equal_a_plain_loop(history: History) -> None:
    assert_equal_to_the_loop(history, DATES, None)


@examples(40)
@given(histories(), st.lists(st.sampled_from((-400, -91, -30, -1, 0, 9, 40)), min_size=1, max_size=3), st.integers(-420, 60))
def test_features_as_known_at_another_day_equal_a_plain_loop(history: History, as_of: list[int], known: int) -> None:
    assert_equal_to_the_loop(history, [AS_OF + timedelta(days=back) for back in as_of], AS_OF + timedelta(days=known))


def assert_equal_to_the_loop(history: History, dates: Sequence[date], known: date | None) -> None:
    tables = tables_of(history)
    matrix = build_features(ledger_of(history), dates, as_known_at=known)
    found = _by_key(matrix)
    for supplier in {row["supplier_id"] for row in history["suppliers"]}:
        for day in dates:
            by_loop = features_by_loop(tables, supplier, day, known)
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
    seen_now = {key: row for key, row in rows_of(build_features(ledger_of(history), DATES, as_known_at=AS_OF)).items() if key[1] <= AS_OF}
    seen_then = {key: row for key, row in rows_of(build_features(ledger_of(known), DATES, as_known_at=AS_OF)).items() if key[1] <= AS_OF}
    assert seen_now == seen_then


def known_before(history: History) -> History:
    """The history as a platform would have handed it over at the start of the as-of date."""
    kept: History = {}
    for table, rows in history.items():
        recorded = [row for row in rows if row["recorded_at"] is None or row["recorded_at"] < MIDNIGHT]
        kept[table] = [_as_told(row) for row in recorded if row["recorded_at"] or _happened(table, row)]
    orders = {(row["order_id"], row["supplier_id"]) for row in kept["orders"]}
    kept["fulfilments"] = [row for row in kept["fulfilments"] if (row["order_id"], row["supplier_id"]) in orders]
    return kept


OWN_DAY = {
    "orders": "ordered_at", "reviews": "reviewed_at", "purchases": "purchased_at", "invoices": "issued_at", "inventory": "observed_at",
    "production": "observed_at", "certificates": "issued_on", "cooperations": "started_on",
}  # fmt: skip


def _happened(table: str, row: Row) -> bool:
    """Whether a row's own day has come; a date begins in Shanghai."""
    at = row[OWN_DAY[table]] if table in OWN_DAY else datetime.min
    return bool((at if isinstance(at, datetime) else datetime.combine(at, time()) - timedelta(hours=8)) < MIDNIGHT)


def _as_told(row: Row) -> Row:
    """A row without the cells that were still empty: what happens later, and the quantities it will bring."""
    told = dict(row)
    for column in ("joined_at", "cancelled_at", "delivered_at", "accepted_at", "returned_at", "paid_at", "verified_at"):
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
    assert one.supplier_ids.tolist() == other.supplier_ids.tolist()
    assert (one.days.tolist(), one.counts.tolist()) == (other.days.tolist(), other.counts.tolist())
    for supplier in one.supplier_ids.tolist():
        assert Counter(one.facts_of(supplier)) == Counter(other.facts_of(supplier))
    assert rows_of(build_features(one, DATES)) == rows_of(build_features(other, DATES))


@examples(20)
@given(histories(), st.sampled_from((1, 2)))
def test_one_by_one_equals_the_batch(history: History, run: int) -> None:
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
    with patch("features.totals._RUN", run), patch("features.evaluate.BATCH_ROWS", 1):
        assert rows_of(build_features(ledger, DATES)) == batch


@examples(30)
@given(histories(), st.sampled_from((1, 5, 1000)), st.sampled_from((1, 2)))
def test_straight_from_the_tables_equals_through_a_ledger(history: History, bucket_rows: int, threads: int) -> None:
    batch = rows_of(build_features(ledger_of(history), DATES))
    with patch("features.stream.collect", partial(collect, bucket_rows=bucket_rows)):
        for memory in (0, 1 << 30):
            assert rows_of(stream_features(tables_of(history), DATES, threads=threads, memory=memory)) == batch


@examples(20)
@given(histories(), st.integers(0, 2**32))
def test_a_few_features_alone_are_the_same_features(history: History, seed: int) -> None:
    chosen = sorted(random.Random(seed).sample(range(len(CATALOG)), 3))
    few = tuple(CATALOG[place] for place in chosen)
    whole = build_features(ledger_of(history), DATES)
    for matrix in (build_features(ledger_of(history), DATES, features=few), stream_features(tables_of(history), DATES, features=few)):
        assert (matrix.supplier_ids.tolist(), matrix.as_of.tolist()) == (whole.supplier_ids.tolist(), whole.as_of.tolist())
        assert matrix.values.tobytes() == np.ascontiguousarray(whole.values[:, chosen]).tobytes()


@examples(20)
@given(histories())
def test_a_supplier_without_the_others_tables_is_the_same_supplier(history: History) -> None:
    batch = build_features(ledger_of(history), DATES)
    assume("S" in batch.supplier_ids)
    mine = {table: _told_of(rows, KEYS_OF_MOVABLE.get(table)) for table, rows in history.items()}
    alone = build_features(ledger_of(mine), DATES)
    found = [{key: row[OWN].tobytes() for key, row in _by_key(matrix).items() if key[0] == "S"} for matrix in (batch, alone)]
    assert found[0] == found[1]


KEYS_OF_MOVABLE = {"purchases": "purchase_id", "invoices": "invoice_id"}


def _told_of(rows: list[Row], key: str | None) -> list[Row]:
    """Rows that were ever told of S, with all their versions."""
    keys = {row[key] for row in rows if row["supplier_id"] == "S"} if key else set()
    return [row for row in rows if row["supplier_id"] == "S" or (key and row[key] in keys)]


def _by_key(matrix: FeatureMatrix) -> dict[tuple[str, date], Values]:
    return dict(zip(zip(matrix.supplier_ids.tolist(), matrix.as_of.tolist(), strict=True), matrix.values, strict=True))


@examples(15)
@given(histories())
def test_a_saved_ledger_says_the_same(history: History) -> None:
    ledger = ledger_of(history)
    with TemporaryDirectory() as folder:
        save_ledger(ledger, Path(folder) / "ledger")
        straight = build_stored(tables_of(history), Path(folder) / "straight", memory=0)
        for opened in (open_ledger(Path(folder) / "ledger"), straight):
            assert rows_of(build_features(opened, DATES)) == rows_of(build_features(ledger, DATES))
            assert (opened.latest_as_of, opened.first_day) == (ledger.latest_as_of, ledger.first_day)


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
