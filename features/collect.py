"""The one pass over all the events: rows from the engine, records by bucket of suppliers out.

Stands inside the second step of the walk. Each batch of rows becomes records, is put in the order of its buckets and kept; what does not
fit the memory given goes to one spill file per table, a batch after the other, and a bucket reads its share of each. So memory grows
with a batch and a bucket, not with the events.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from threading import Lock
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt

from credit.errors import CannotWrite, UnknownSupplier
from features.arrow import Cells, chunks
from features.compiled import jit
from features.identity import IdIndex
from features.records import MOVABLE, RECORDS, Codes, Records, RecordTable, Score, select_list, to_records, void_records
from features.segment import NO_LABELS, TABLES, Labels, Segment, arrange, by_supplier, concatenate, joined, order_by

BUCKET_ROWS: Final = 400_000
"""Rows of all tables a bucket of suppliers is to have, so that it stays in a few tens of megabytes."""

MEMORY: Final = 1 << 30
"""Bytes of records kept in memory before the rest goes to disk."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """Records of one batch in the order of their buckets, in memory."""

    starts: npt.NDArray[np.int64]
    records: Records
    labels: Labels

    def part(self, low: int, high: int) -> tuple[Records, Labels]:
        """Return some of the records and their labels."""
        has_labels = len(self.labels.starts) > 1
        return self.records[low:high], Labels(self.labels.data, self.labels.starts[low : high + 1]) if has_labels else self.labels


@dataclass(frozen=True, slots=True)
class _Spilled:
    """Records of one batch in the order of their buckets, in files from the places `at` on: records, label beginnings, labels."""

    starts: npt.NDArray[np.int64]
    files: tuple[int, int, int]
    dtype: np.dtype[np.void]
    at: tuple[int, int, int]
    has_labels: bool

    def part(self, low: int, high: int) -> tuple[Records, Labels]:
        """Read some of the records and their labels; any number of threads may at a time."""
        size = self.dtype.itemsize
        records = np.frombuffer(os.pread(self.files[0], (high - low) * size, self.at[0] + low * size), dtype=self.dtype)
        if not self.has_labels or low == high:
            return records, NO_LABELS
        starts = np.frombuffer(os.pread(self.files[1], (high - low + 1) * 8, self.at[1] + low * 8), dtype=np.int64)
        data = np.frombuffer(os.pread(self.files[2], int(starts[-1] - starts[0]), self.at[2] + int(starts[0])), dtype=np.uint8)
        return records, Labels(data, starts - starts[0])


@dataclass
class Collected:
    """Records of every table in batches, to be read bucket by bucket.

    Parameters
    ----------
    codes : Codes
    width : int
        Suppliers per bucket.
    """

    codes: Codes
    width: int
    _batches: dict[str, list[_Kept | _Spilled]] = field(default_factory=dict)
    _spill: tempfile.TemporaryDirectory[str] | None = None
    _kept: int = 0
    _files: dict[str, FileIO] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @property
    def buckets(self) -> int:
        """Number of buckets."""
        return max(-(-self.codes.suppliers.count // self.width), 1)

    def add(self, table: str, records: Records, labels: Labels | None, memory: int) -> None:
        """Keep a batch, in the order of its buckets."""
        if (records["supplier"] < 0).any():
            raise UnknownSupplier(f"{table} names a supplier that does not stand in suppliers; check the tables with `lianxin check DIR`")
        buckets = records["supplier"] // self.width
        ordered, starts = arrange(records, buckets, 0, self.buckets)
        kept = NO_LABELS if labels is None else labels.take(order_by(buckets, 0, starts))
        size = ordered.nbytes + kept.data.nbytes + kept.starts.nbytes
        with self._lock:
            is_kept = self._kept + size <= memory
            self._kept += size if is_kept else 0
            batch = _Kept(starts, ordered, kept) if is_kept else self._spilled(table, starts, ordered, kept)
            self._batches.setdefault(table, []).append(batch)

    def _spilled(self, table: str, starts: npt.NDArray[np.int64], records: Records, labels: Labels) -> _Spilled:
        try:
            files = (self._file(f"{table}.records"), self._file(f"{table}.starts"), self._file(f"{table}.labels"))
            at = (_append(files[0], records), _append(files[1], labels.starts), _append(files[2], labels.data))
        except OSError as error:
            raise CannotWrite(
                f"{tempfile.gettempdir()} cannot take what does not fit the memory ({error.strerror}); free space there, or name another "
                "folder in TMPDIR"
            ) from error
        handles = (files[0].fileno(), files[1].fileno(), files[2].fileno())
        return _Spilled(starts, handles, records.dtype, at, len(labels.starts) > 1)

    def _file(self, name: str) -> FileIO:
        if self._spill is None:
            self._spill = tempfile.TemporaryDirectory(prefix="lianxin-")
        if name not in self._files:
            self._files[name] = FileIO(Path(self._spill.name) / name, "w+")
        return self._files[name]

    def bucket(self, number: int) -> tuple[int, Segment]:
        """Return the first supplier of a bucket, and the records of its suppliers."""
        low = number * self.width
        count = min(self.width, self.codes.suppliers.count - low)
        records, labels = [], []
        for table in TABLES:
            parts = [batch.part(*batch.starts[number : number + 2].tolist()) for batch in self._batches.get(table, ())]
            records.append(concatenate([part for part, _ in parts], RECORDS[table].dtype))
            labels.append(joined([label for _, label in parts]))
        has_labels = any(len(label.starts) > 1 for label in labels)
        return low, by_supplier(records, labels if has_labels else (), low, count)

    def close(self) -> None:
        """Give memory and disk back."""
        for file in self._files.values():
            file.close()
        self._files, self._batches = {}, {}
        if self._spill is not None:
            self._spill.cleanup()
            self._spill = None


def _append(file: FileIO, array: npt.NDArray[Any]) -> int:
    """Write an array behind what a file holds; return where it begins."""
    at, left = file.tell(), array.view(np.uint8).data
    while left:
        left = left[file.write(left) :]
    return at


def supplier_codes(con: duckdb.DuckDBPyConnection, tables: Iterable[str] = ("suppliers",), index: IdIndex | None = None) -> IdIndex:
    """Return the codes of all suppliers these tables name, ascending by id; after those of an index that is given."""
    index = IdIndex() if index is None else index
    named = " UNION ".join(f"SELECT supplier_id FROM {table}" for table in tables)
    for cells in chunks(con.sql(f"SELECT DISTINCT supplier_id FROM ({named}) ORDER BY supplier_id")):
        ids = cells["supplier_id"]
        index.encode(ids.data, ids.offsets, ids.valid)
    return index


def collect(
    con: duckdb.DuckDBPyConnection,
    *,
    zone: str,
    tables: frozenset[str] = frozenset(TABLES),
    codes: Codes | None = None,
    labels: bool = True,
    is_wanted: Callable[[str], bool] = lambda column: True,
    score: Score | None = None,
    memory: int = MEMORY,
    bucket_rows: int = BUCKET_ROWS,
    threads: int = 1,
) -> Collected:
    """Read the tables of the contract once and return their records by bucket of suppliers.

    Parameters
    ----------
    con : duckdb connection
        Holds the contract's tables under their names, as `features.read.RawTables` does; views will do.
    zone : str
        Civil days are days of this zone.
    tables : frozenset of str
        Which to read; the others have no record.
    codes : Codes, optional
        Of a ledger that is added to.
    labels : bool
        Keep the platform's ids of the rows, for evidence.
    is_wanted : callable
        Whether a column is read that only a field needs, such as a review's text.
    score : callable, optional
        Scores texts.
    memory : int
        Bytes of records to keep before the rest goes to disk.
    bucket_rows : int
        Rows a bucket is to have.
    threads : int
        Tables read at a time. With more than one the codes of counterparties depend on which table is met first, and nothing else.
    """
    cursor = con.cursor()
    cursor.execute("SET TimeZone = 'UTC'")
    named = [table for table in TABLES if table in tables]
    reading = _Reading(cursor, zone, labels, is_wanted, score, memory, bucket_rows, threads)
    if codes is not None:
        return reading.collect(named, codes)
    try:
        return reading.collect(named, Codes(supplier_codes(cursor), IdIndex()))
    except UnknownSupplier:  # events of suppliers without a row of their own: rare, and worth a second pass rather than one more for all
        return reading.collect(named, Codes(supplier_codes(cursor, named), IdIndex()))


@dataclass(frozen=True, slots=True)
class _Reading:
    """How the tables are read: the arguments of `collect`."""

    con: duckdb.DuckDBPyConnection
    zone: str
    labels: bool
    is_wanted: Callable[[str], bool]
    score: Score | None
    memory: int
    bucket_rows: int
    threads: int

    def collect(self, tables: list[str], codes: Codes) -> Collected:
        """Read the tables once."""
        rows = {table: int(self.con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]) for table in tables}
        out = Collected(codes, max(-(-codes.suppliers.count // max(sum(rows.values()) // self.bucket_rows, 1)), 1))
        largest_first = sorted(tables, key=lambda table: -rows[table]) if self.threads > 1 else tables
        try:
            with ThreadPoolExecutor(self.threads) as pool:
                for _ in pool.map(lambda table: self._read(self.con.cursor(), RECORDS[table], out), largest_first):
                    pass
        except BaseException:
            out.close()
            raise
        return out

    def _read(self, con: duckdb.DuckDBPyConnection, spec: RecordTable, out: Collected) -> None:
        con.execute("SET TimeZone = 'UTC'")
        is_corrected = bool(con.execute(f"SELECT count(recorded_at) FROM {spec.table}").fetchall()[0][0])
        is_keyed = self.labels or spec.table == "orders" or is_corrected
        columns = spec.columns_read(self.is_wanted, is_keyed=is_keyed, is_corrected=is_corrected)
        for cells in chunks(con.sql(f"SELECT {select_list(spec, columns)} FROM {spec.table}")):
            records = to_records(spec, cells, out.codes, self.zone, self.score)
            out.add(spec.table, records, labels_of(spec, cells) if self.labels else None, self.memory)
        if spec.table in MOVABLE and is_corrected:
            self._add_moved(con, spec, out)

    def _add_moved(self, con: duckdb.DuckDBPyConnection, spec: RecordTable, out: Collected) -> None:
        """Tell every supplier a row ever stood with when it was recorded with another: a void record, which ends the older version."""
        key = spec.key[0]
        moved = f"SELECT {key} FROM {spec.table} GROUP BY {key} HAVING count(DISTINCT supplier_id) > 1"
        query = f"""
            SELECT DISTINCT m.supplier_id, w.{key}, w.recorded_at FROM {spec.table} m JOIN {spec.table} w
            ON m.{key} = w.{key} AND m.supplier_id <> w.supplier_id WHERE m.{key} IN ({moved})"""
        for cells in chunks(con.sql(query)):
            records = void_records(spec, cells, out.codes, self.zone)
            out.add(spec.table, records, labels_of(spec, cells) if self.labels else None, self.memory)


def labels_of(spec: RecordTable, cells: dict[str, Cells]) -> Labels:
    """What a reader is shown of each row."""
    columns = [cells[name] for name in spec.shown]
    if len(columns) == 1 and len(columns[0].offsets):
        return _one(columns[0])
    if columns and all(len(column.offsets) for column in columns):
        return _two(*columns)
    lines = ["/".join(cell for cell in row if cell) for row in zip(*(column.texts() for column in columns), strict=True)]
    lines = lines or [""] * len(cells["supplier_id"])
    encoded = [line.encode() for line in lines]
    starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum([len(line) for line in encoded], dtype=np.int64)])
    return Labels(np.frombuffer(b"".join(encoded) or b"\0", dtype=np.uint8), starts)


def _one(column: Cells) -> Labels:
    return Labels(column.data[column.offsets[0] : max(column.offsets[-1], column.offsets[0] + 1)], column.offsets - column.offsets[0])


def _two(first: Cells, second: Cells) -> Labels:
    lengths = [np.where(cell.valid, np.diff(cell.offsets), 0) for cell in (first, second)]
    both = lengths[0] + lengths[1] + ((lengths[0] > 0) & (lengths[1] > 0))
    starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(both)])
    data = np.empty(max(int(starts[-1]), 1), dtype=np.uint8)
    _join(first.data, first.offsets, lengths[0], second.data, second.offsets, lengths[1], data, starts)
    return Labels(data, starts)


@jit
def _join(a, a_at, a_length, b, b_at, b_length, out, starts):
    for i in range(len(starts) - 1):
        at = starts[i]
        for j in range(a_length[i]):
            out[at + j] = a[a_at[i] + j]
        at += a_length[i]
        if a_length[i] > 0 and b_length[i] > 0:
            out[at] = 47
            at += 1
        for j in range(b_length[i]):
            out[at + j] = b[b_at[i] + j]


def parts_of(collected: Collected) -> Iterator[tuple[int, Segment]]:
    """Yield every bucket: its first supplier and its records."""
    for number in range(collected.buckets):
        yield collected.bucket(number)
