"""What features ask of the whole platform before a supplier's row can be computed: totals of counterparties, and what texts have taught.

Stands inside the third step of the walk on Spark. Both are whole numbers that only add up, so that no order of rows or partitions
shows in them. Totals go back to the partitions that ask for them and never pass through the driver; what texts have taught does, for it
is bounded by the quarters and the n-grams' buckets.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as f

from features.arrow import chunks
from features.record_columns import Score
from features.spark_rows import NETWORK, RECORDED, SUPPLIER, TOTAL_SLOTS, Job
from features.spark_tables import SparkTables, moment, packed, slotted
from features.text_counts import TextCounts, of_dense
from features.text_memory import TextMemory, counted
from features.text_ngrams import BUCKETS

_TRADE = ("orders", "invoices")
_OF_QUARTER = -1
"""The bucket of a row that counts a quarter's reviews."""


def totals_on_spark(tables: SparkTables, job: Job, partitions: int) -> DataFrame:
    """Return packed rows with the totals of the counterparties each partition of suppliers meets; `partitions` as for the events."""
    spread = packed(tables, job.layout.only(_TRADE)).repartition(partitions, SUPPLIER)
    party, *numbers = TOTAL_SLOTS
    own = spread.mapInArrow(job.network_parts, f"{SUPPLIER} string, {party} string, " + ", ".join(f"{slot} bigint" for slot in numbers))
    month, *sums = numbers
    everywhere = Window.partitionBy(party, month)
    values = {party: f.col(party), month: f.col(month), **{slot: f.sum(slot).over(everywhere) for slot in sums}}
    return slotted(own, job.layout, NETWORK, f.lit(None).cast("bigint"), values)


def texts_on_spark(tables: SparkTables) -> Score:
    """Return what scores texts, learned from all reviews of the platform."""
    told = tables.frames["reviews"].where("text <> ''")
    read = told.select("text", "rating", moment("reviewed_at").alias("reviewed_at"), moment(RECORDED).alias(RECORDED))
    parts = read.mapInArrow(_Counting(tables.zone).rows, "quarter int, bucket int, low bigint, good bigint")
    added = parts.groupBy("quarter", "bucket").agg(f.sum("low").alias("low"), f.sum("good").alias("good")).toArrow()
    return TextMemory(_counts_of(added)).scorer()


@dataclass(frozen=True, slots=True)
class _Counting:
    """Counts the n-grams of a partition's reviews."""

    zone: str

    def rows(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield, per quarter, the low and good reviews in which each n-gram stands, and how many there are of both."""
        runs = (cells for batch in batches if batch.num_rows for cells in chunks(pa.Table.from_batches([batch])))
        counts = TextMemory().with_counted(counted(cells, self.zone) for cells in runs).counts
        for i in range(len(counts.quarters)):
            quarter, reviews, buckets, added = counts.of_quarter(i)
            where = np.concatenate([np.array([_OF_QUARTER], dtype=np.int32), buckets])
            both = np.concatenate([reviews[None, :], added])
            columns = [pa.array(np.full(len(where), quarter, dtype=np.int32)), pa.array(where)]
            columns += [pa.array(np.ascontiguousarray(column)) for column in both.T]
            yield pa.RecordBatch.from_arrays(columns, names=["quarter", "bucket", "low", "good"])


def _counts_of(rows: pa.Table) -> TextCounts:
    quarter, bucket = rows["quarter"].to_numpy(), rows["bucket"].to_numpy()
    both = np.stack([rows["low"].to_numpy(), rows["good"].to_numpy()], axis=1)

    def dense() -> Iterator[tuple[int, np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int, int], np.dtype[np.int64]]]]:
        for one in np.unique(quarter).tolist():
            mine = quarter == one
            counts = np.zeros((BUCKETS, 2), dtype=np.int64)
            seen = mine & (bucket != _OF_QUARTER)
            counts[bucket[seen]] = both[seen]
            yield one, both[mine & (bucket == _OF_QUARTER)][0], counts

    return of_dense(dense())
