"""The one pass over all the events: rows from the engine, records by bucket of suppliers (`features.buckets`) out.

Stands inside the second step of the walk.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import numpy as np

from credit.errors import UnknownSupplier
from features.arrow import Cells, chunks
from features.buckets import Collected
from features.compiled import jit
from features.identity import IdIndex
from features.record_columns import Codes, Score, select_list, to_columns, void_columns
from features.records import MOVABLE, RECORDS, RecordTable
from features.segment import TABLES, Labels

BUCKET_ROWS: Final = 400_000
"""Rows of all tables a bucket of suppliers is to have, so that it stays in some tens of megabytes."""

_HELD: Final = 31 << 20
"""Bytes of a block that is freed at once before reading: having seen one, glibc keeps blocks up to its size for the next batch, which
else come from the system anew at every batch, page by page."""

MEMORY: Final = 2 << 30
"""Bytes of records kept in memory before the rest goes to disk."""


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
    labels : bool
        Keep what only a ledger needs: the platform's ids of the rows, for evidence, and moments, for updates.
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
        np.empty(_HELD, dtype=np.uint8)
        rows = {table: int(self.con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]) for table in tables}
        out = Collected(codes, max(-(-codes.suppliers.count // max(sum(rows.values()) // self.bucket_rows, 1)), 1))
        largest_first = sorted(tables, key=lambda table: -rows[table]) if self.threads > 1 else tables
        try:
            in_turn(self.threads, lambda table: self._read(self.con.cursor(), RECORDS[table], out), largest_first)
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
            rows = to_columns(spec, cells, out.codes, self.zone, self.score, moments=self.labels)
            out.add(rows, labels_of(spec, cells) if self.labels else None, self.memory)
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
            rows = void_columns(spec, cells, out.codes, self.zone)
            out.add(rows, labels_of(spec, cells) if self.labels else None, self.memory)


def in_turn(threads: int, run: Callable[[Any], None], items: Iterable[Any]) -> None:
    """Run something for each item, so many at a time; with one thread in this one."""
    if threads == 1:
        for item in items:
            run(item)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(run, items):
            pass


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
