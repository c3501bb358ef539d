"""Accepted tables to features on Spark: the same definition, the suppliers spread over many machines.

The second and third step of the walk where one machine is not enough. Spark SQL brings together what belongs to a supplier; each
partition of suppliers is then computed by the same compiled code as everywhere, and nothing of the events passes through the driver.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from credit.errors import NotEnoughHistory, OutOfRange
from features.catalog import CATALOG
from features.civil import to_day
from features.columns import Column, Kind
from features.evaluate import plan_of
from features.feature import Feature
from features.records import RECORDS
from features.spark_passes import texts_on_spark, totals_on_spark
from features.spark_rows import SUPPLIER, Job
from features.spark_tables import SparkTables, SparkUnavailable, layout_of, open_session, open_tables, packed
from features.tables import CONTRACT
from features.text_memory import asked_of, needs_scores

__all__ = ["DataFrame", "SparkTables", "SparkUnavailable", "features_on_spark", "latest_as_of", "open_session", "open_tables"]

PARTITION_ROWS: Final = 1_000_000
"""Rows of all tables a partition is to have: some 300 MB in a worker at its peak."""


def features_on_spark(
    tables: SparkTables,
    as_of: Sequence[date],
    *,
    features: tuple[Feature, ...] = CATALOG,
    as_known_at: date | None = None,
    partitions: int | None = None,
) -> DataFrame:
    """Compute the catalogue's features of every supplier.

    Parameters
    ----------
    tables : SparkTables
    as_of : sequence of date
        A date stands for its start: what became known on it is not used.
    features : tuple of Feature
    as_known_at : date, optional
        Use what was known before this date instead.
    partitions : int, optional
        Partitions of suppliers; by default one for every million rows, and no fewer than Spark's parallelism.

    Returns
    -------
    DataFrame
        supplier_id, as_of, then one double per feature, null where missing; a row for each supplier of whom anything was known before
        the date, in no order. Bitwise what `features.build.build_features` gives from the ledger of the same tables.

    Raises
    ------
    OutOfRange
        If no as-of date is given, or the number of partitions is not above 0.
    """
    days = tuple(sorted({to_day(day) for day in as_of}))
    if not days:
        raise OutOfRange("no as-of date was given; name at least one")
    if partitions is not None and partitions < 1:
        raise OutOfRange(f"partitions must be above 0, found {partitions}; leave it out to have it chosen")
    columns, named = asked_of(features)
    has_network = plan_of(features).has_network
    layout = layout_of(tables, named & tables.present, columns.__contains__, has_network=has_network)
    known = None if as_known_at is None else to_day(as_known_at)
    score = texts_on_spark(tables) if needs_scores(features) else None
    job = Job(layout, features, days, known, tables.zone, tables.present, score)
    rows, count = packed(tables, layout), partitions or _partitions(tables)
    if has_network:
        rows = rows.unionByName(totals_on_spark(tables, job, count))
    names = ", ".join(f"`{feature.name}` double" for feature in features)
    return rows.repartition(count, SUPPLIER).mapInArrow(job.rows, f"{SUPPLIER} string, as_of date, {names}")


def _partitions(tables: SparkTables) -> int:
    rows = sum(frame.count() for frame in tables.frames.values())
    return max(-(-rows // PARTITION_ROWS), next(iter(tables.frames.values())).sparkSession.sparkContext.defaultParallelism)


def latest_as_of(tables: SparkTables) -> date:
    """Return the as-of date that sees everything the tables know: the day after the last one on which anything happened or was recorded.

    Raises
    ------
    NotEnoughHistory
        If the tables hold no dated event at all.
    """
    found: list[date] = []
    for name, frame in tables.frames.items():
        read = set(RECORDS[name].columns)
        told = [column for column in CONTRACT[name].columns if column.name in read and not column.planned]
        dated = [column for column in told if column.kind in (Kind.TIME, Kind.DATE)]
        last = frame.agg(*(_last_day(column, tables.zone) for column in dated)).first()
        found += [day for day in last or () if day is not None]
    if not found:
        raise NotEnoughHistory("the tables hold not one dated event; there is nothing to build features from")
    return max(found) + timedelta(days=1)


def _last_day(column: Column, zone: str) -> SparkColumn:
    last = f.max(column.name)
    return last if column.kind is Kind.DATE else f.to_date(f.from_utc_timestamp(last.cast("timestamp"), zone))
