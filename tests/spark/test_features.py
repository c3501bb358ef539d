"""Features on Spark are the local ones, bit for bit, whatever the rows were and wherever they lay."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from credit.errors import OutOfRange, TableUnreadable
from features.accepted import accepted_zone, write_accepted
from features.build import FeatureMatrix, build_features, month_starts
from features.catalog import CATALOG
from features.ledger import build_ledger
from features.read import RawTables, read_tables
from features.simulate import simulate
from features.sources.olist import import_olist
from tests.drawn import AS_OF, tables_of
from tests.features.whole_platform import whole_platform
from tests.properties.histories import History
from tests.real_data import real_data

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow

PARTITIONS = 7


def on_spark(spark: "SparkSession", raw: RawTables, folder: Path, as_of: Sequence[date], known: date | None = None) -> FeatureMatrix:
    """Features of accepted tables, by way of files, in several partitions."""
    from features.spark import features_on_spark, open_tables
    from tests.spark.same import matrix_of

    write_accepted(raw, folder)
    tables = open_tables(spark, str(folder), zone=accepted_zone(folder) or "")
    frame = features_on_spark(tables, as_of, as_known_at=known, partitions=PARTITIONS)
    assert frame.rdd.getNumPartitions() == PARTITIONS
    return matrix_of(frame.toArrow())


def assert_equal_on_spark(spark: "SparkSession", raw: RawTables, folder: Path, as_of: Sequence[date], known: date | None = None) -> None:
    from tests.spark.same import assert_same

    expected = build_features(build_ledger(raw), as_of, as_known_at=known)
    assert_same(on_spark(spark, raw, folder, as_of, known), expected)


def test_the_simulated_platform_has_the_same_features(spark: "SparkSession", tmp_path: Path) -> None:
    simulate(tmp_path / "tables", suppliers=150, months=24, seed=5)
    raw, _ = read_tables(tmp_path / "tables")
    latest = build_ledger(raw).latest_as_of
    dates = [date(latest.year - 1, 3, 15), date(latest.year, 1, 1), latest]
    assert_equal_on_spark(spark, raw, tmp_path / "accepted", dates)
    from features.spark import latest_as_of, open_tables

    assert latest_as_of(open_tables(spark, str(tmp_path / "accepted"), zone=raw.zone)) == latest


@pytest.mark.real_data
def test_a_real_marketplace_has_the_same_features(spark: "SparkSession", tmp_path: Path) -> None:
    import_olist(real_data("olist"), tmp_path / "olist", outcome="silent")
    raw, _ = read_tables(tmp_path / "olist")
    assert_equal_on_spark(spark, raw, tmp_path / "accepted", month_starts(date(2017, 6, 1), date(2018, 8, 1)))


@pytest.mark.parametrize("known", [None, AS_OF - timedelta(days=120)])
def test_late_rows_corrections_and_moved_rows_count_the_same(spark: "SparkSession", tmp_path: Path, known: date | None) -> None:
    history = whole_platform(3)
    history["suppliers"] = [row for row in history["suppliers"] if row["supplier_id"] not in ("S03", "S07")]
    owners = {(row["invoice_id"], row["supplier_id"]) for row in history["invoices"]}
    assert len(owners) > len({invoice for invoice, _ in owners}), "no invoice moved from one supplier to another"
    dates = [AS_OF - timedelta(days=200), AS_OF - timedelta(days=17), AS_OF]
    assert_equal_on_spark(spark, tables_of(history), tmp_path / "accepted", dates, known)


def test_cells_at_the_edge_of_their_kind_are_read_the_same(spark: "SparkSession", tmp_path: Path) -> None:
    ids = ("供应商😀", "e\u0301", "é", "a\u0000b", " padded ", "S" * 300)
    midnight = datetime(2017, 10, 15, 3)  # São Paulo's clocks were put forward from 00:00
    moments = (datetime(1900, 1, 2), datetime(1969, 12, 31, 23, 59, 59, 999999), midnight - timedelta(microseconds=1), midnight)
    buyers, amounts = ("买家", "e\u0301", "é", "é"), ("0.01", "9999999999.99", "80000.10", "0.29")
    quantities = (0.1 + 0.2, None, 2.5, 1e9)
    orders = [
        {
            "order_id": f"{supplier}-{at}",
            "supplier_id": supplier,
            "buyer_id": buyer,
            "ordered_at": at,
            "amount": amount,
            "quantity": quantity,
        }
        for supplier in ids
        for at, buyer, amount, quantity in zip(moments, buyers, amounts, quantities, strict=True)
    ]
    rows: History = {
        "suppliers": [{"supplier_id": supplier, "registered_on": date(1950, 1, 1)} for supplier in ids[:3]],
        "orders": orders,
        "fulfilments": [],
        "reviews": [{"review_id": "r", "supplier_id": ids[0], "reviewed_at": moments[3], "rating": 4.5, "text": "好\u0000é😀"}],
    }
    raw = tables_of(rows, zone="America/Sao_Paulo")
    assert_equal_on_spark(spark, raw, tmp_path / "accepted", [date(1970, 1, 1), date(2017, 10, 15), date(2017, 10, 16)])


def test_tables_of_another_shape_are_refused_by_name(spark: "SparkSession", tmp_path: Path) -> None:
    from features.spark import features_on_spark, open_tables

    raw = tables_of({"suppliers": [], "orders": [], "fulfilments": []})
    write_accepted(raw, tmp_path / "few")
    with pytest.raises(TableUnreadable, match="required table reviews is missing"):
        open_tables(spark, str(tmp_path / "few"), zone="UTC")
    raw.con.execute("CREATE OR REPLACE TABLE orders AS SELECT * REPLACE (amount::DOUBLE AS amount) FROM orders")
    write_accepted(raw, tmp_path / "typed")
    with pytest.raises(TableUnreadable, match=r"orders.amount: the contract's type is DECIMAL\(18,2\), found double"):
        open_tables(spark, str(tmp_path / "typed"), zone="UTC")
    whole = tables_of({name: [] for name in ("suppliers", "orders", "fulfilments", "reviews")})
    write_accepted(whole, tmp_path / "empty")
    tables = open_tables(spark, str(tmp_path / "empty"), zone="UTC")
    with pytest.raises(OutOfRange, match="no as-of date"):
        features_on_spark(tables, [])
    with pytest.raises(OutOfRange, match="partitions must be above 0"):
        features_on_spark(tables, [AS_OF], partitions=0)
    assert features_on_spark(tables, [AS_OF], features=CATALOG[:3], partitions=1).count() == 0
