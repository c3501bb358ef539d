"""What Spark's way costs, stage by stage: CPU seconds per million rows, bytes through the exchange per row, and the kernel's share.

    python -m benchmarks.spark DIR [--dates 1 24] [--partitions 8] [--wide]

DIR holds tables of the data contract; they are read, checked and written as accepted tables first, outside the figures. Everything runs
on one core (`local[1]`): CPU seconds of the Java process (reading, exchange, rows to Arrow, its compiler and collector) and of the
Python workers (rows to records, records to features), so that other work on the machine does not show. One run warms both up. `--wide`
measures the exchange of every contract column under its own name as well, in place of packed rows. Needs the extra `spark`, Linux.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import reduce
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from features.accepted import accepted_zone, write_accepted
from features.catalog import CATALOG
from features.civil import to_day
from features.facts import KIND_INDEX, KINDS
from features.read import read_tables
from features.record_columns import select_list
from features.records import RECORDS
from features.spark import SparkTables, features_on_spark, latest_as_of, open_session, open_tables
from features.spark_passes import texts_on_spark, totals_on_spark
from features.spark_rows import Job, Layout
from features.spark_tables import layout_of, packed

SETTINGS = {
    "spark.driver.memory": "2g",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "8",
}


@dataclass(frozen=True, slots=True)
class Timed:
    """A job whose worker says what it spent: CPU seconds until the last row was a record, and from then on."""

    job: Job

    def rows(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield, per partition, the rows read, the CPU seconds of both parts, and the cells computed."""
        began, read = time.process_time(), 0

        def counted() -> Iterator[pa.RecordBatch]:
            nonlocal read
            for batch in batches:
                read += batch.num_rows
                yield batch

        collected = self.job.collected(counted())
        held = time.process_time()
        cells = 0
        for found in self.job.computed(*collected):
            cells += found.num_rows * len(self.job.features)
        ended = time.process_time()
        yield pa.RecordBatch.from_pydict({"rows": [read], "records": [held - began], "kernel": [ended - held], "cells": [cells]})


def only_read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Read a partition and do nothing with it."""
    began, read = time.process_time(), sum(batch.num_rows for batch in batches)
    yield pa.RecordBatch.from_pydict({"rows": [read], "read": [time.process_time() - began]})


class Meter:
    """CPU seconds of the Java process and bytes written for exchange since the last look."""

    def __init__(self, spark: SparkSession) -> None:
        """Begin to look at a session."""
        context = spark.sparkContext
        gateway, machine = context._gateway, context._jvm
        if gateway is None or machine is None:
            raise RuntimeError("Spark runs without a gateway of its own")
        self._stat = Path(f"/proc/{gateway.proc.pid}/stat")
        self._store = context._jsc.sc().statusStore()
        self._none, self._empty = machine.java.util.ArrayList(), gateway.new_array(machine.double, 0)
        self._before = (0.0, 0)
        self.look()

    def look(self) -> tuple[float, int]:
        """Return CPU seconds and bytes of exchange since the last look."""
        fields = self._stat.read_text().rpartition(")")[2].split()
        seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        time.sleep(0.5)  # the store hears of a stage's end a moment later
        stages = self._store.stageList(self._none, False, False, self._empty, self._none)
        written = sum(stages.apply(i).shuffleWriteBytes() for i in range(stages.size()))
        before, self._before = self._before, (seconds, written)
        return seconds - before[0], written - before[1]


def wide(tables: SparkTables, layout: Layout) -> DataFrame:
    """Every column under its own name, null where a table has none: the plain way to bring tables together."""
    parts = []
    for name, slots in layout.slots.items():
        shown = tables.frames[name].selectExpr(*select_list(RECORDS[name], ("supplier_id", "recorded_at", *slots)).split(", "))
        renamed = {column: f"{name}_{column}" for column in slots}
        parts.append(shown.withColumnsRenamed(renamed).withColumn("part", f.lit(name)))
    return reduce(lambda whole, part: whole.unionByName(part, allowMissingColumns=True), parts)


def job_of(tables: SparkTables, dates: list[date]) -> Job:
    """The job `features_on_spark` runs, without what texts taught."""
    columns = {column for feature in CATALOG for kind in feature.kinds for column in KINDS[KIND_INDEX[kind]].columns}
    layout = layout_of(tables, tables.present, columns.__contains__, has_network=True)
    days = tuple(sorted(to_day(day) for day in dates))
    return Job(layout, CATALOG, days, None, tables.zone, tables.present)


def tell(what: str, rows: int, java: float, python: float = 0.0, moved: int = 0) -> None:
    """Print one line."""
    per = f"{1e6 * java / rows:7.2f} + {1e6 * python / rows:6.2f}"
    print(f"{what:46s} {rows:10d} rows  CPU s per million: java {per} python   {moved / rows:7.1f} bytes exchanged per row", flush=True)


def stages(spark: SparkSession, tables: SparkTables, dates: list[date], partitions: int, *, is_wide: bool) -> None:
    """Measure every stage by itself, then the whole."""
    meter, job = Meter(spark), job_of(tables, dates)
    rows = packed(tables, job.layout)
    count = rows.count()
    orders = tables.frames["orders"].count()
    print(f"{count} rows of all tables, {orders} orders, {len(dates)} dates, {len(CATALOG)} features, {partitions} partitions")

    def java_only(what: str, frame: DataFrame) -> None:
        meter.look()
        frame.write.format("noop").mode("overwrite").save()
        seconds, moved = meter.look()
        tell(what, count, seconds, moved=moved)

    java_only("read and pack", rows)
    java_only("read, pack and exchange", rows.repartition(partitions, "supplier_id"))
    if is_wide:
        java_only("read and exchange wide rows", wide(tables, job.layout).repartition(partitions, "supplier_id"))
    spread = rows.repartition(partitions, "supplier_id")
    meter.look()
    told = spread.mapInArrow(only_read, "rows bigint, read double").toArrow().to_pydict()
    seconds, moved = meter.look()
    tell("the same, and into Python", count, seconds, sum(told["read"]), moved)
    schema = "rows bigint, records double, kernel double, cells bigint"
    told = spread.mapInArrow(Timed(job).rows, schema).toArrow().to_pydict()
    seconds, moved = meter.look()
    tell("the same, and to features (no network)", count, seconds, sum(told["records"]) + sum(told["kernel"]), moved)
    cells = sum(told["cells"])
    print(f"    of it records {sum(told['records']):.2f} s, kernel and formulas {sum(told['kernel']):.2f} s for {cells} cells")
    java_only("the network's pass, without its Python", totals_on_spark(tables, job, partitions))
    began = time.perf_counter()
    texts_on_spark(tables)
    seconds, moved = meter.look()
    print(f"    what texts teach: java {seconds:.2f} s, wall {time.perf_counter() - began:.1f} s, {moved} bytes exchanged")
    began = time.perf_counter()
    features_on_spark(tables, dates, partitions=partitions).write.format("noop").mode("overwrite").save()
    seconds, moved = meter.look()
    tell("all of it, without its Python", count, seconds, moved=moved)
    print(f"    wall {time.perf_counter() - began:.1f} s on one core beside other work", flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dates", type=int, nargs="+", default=[1, 24])
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--wide", action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="lianxin-") as work:
        accepted = options.folder
        if accepted_zone(accepted) is None:
            accepted = Path(work) / "accepted"
            write_accepted(read_tables(options.folder)[0], accepted)
        spark = open_session("local[1]", SETTINGS)
        tables = open_tables(spark, str(accepted), zone=accepted_zone(accepted) or "UTC")
        latest = latest_as_of(tables)
        features_on_spark(tables, [latest], partitions=2).write.format("noop").mode("overwrite").save()
        for number in options.dates:
            months = [np.datetime64(latest, "M") - month for month in range(number)]
            stages(spark, tables, [month.astype("datetime64[D]").item() for month in months], options.partitions, is_wide=options.wide)
        spark.stop()


if __name__ == "__main__":
    main()
