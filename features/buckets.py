"""Records by bucket of suppliers while a platform is read: packed, kept in memory and, beyond what is given, on disk.

Stands inside the second step of the walk. Each batch of records is packed by supplier (`features.packing`), and a bucket is put together
from its share of every batch in one reading and one writing. What does not fit the memory goes to one spill file per table, a batch after
the other, a bucket's rows together. What stays in memory beyond what is given is a batch, a bucket, a number for each supplier and table,
and one for each batch and bucket: of a thousand million rows 80 MB.
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from io import FileIO
from itertools import groupby
from pathlib import Path
from threading import Lock, local
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from credit.errors import CannotWrite, UnknownSupplier
from features.packing import Bytes, Grid, Layout, Packed, Stack, Whole, order_of, pack
from features.pages import pages
from features.record_columns import Codes, Columns
from features.records import RECORDS, Records
from features.segment import NO_LABELS, TABLES, Labels, Segment, joined

_SLAB: Final = 64 << 20
"""Bytes of the largest run in which packed batches lie one behind the other."""

_LOST: Final = "what did not fit the memory cannot be read back; name another folder in TMPDIR and start again"
_NO_SUPPLIER: Final = "names a supplier that does not stand in suppliers; check the tables with `lianxin check DIR`"


@dataclass
class _Slab:
    """A run of bytes in memory, filled from its beginning."""

    data: Bytes
    used: int = 0


@dataclass(frozen=True, slots=True)
class _SpilledLabels:
    """Labels in files: their beginnings, their bytes, and from which places on. Any number of threads may read at a time."""

    files: tuple[int, int]
    at: tuple[int, int]

    def part(self, low: int, high: int) -> Labels:
        """Read the labels of some of the rows."""
        if low == high:
            return NO_LABELS
        starts = np.empty(high - low + 1, dtype=np.int64)
        _read(self.files[0], starts, self.at[0] + low * 8)
        data = np.empty(int(starts[-1] - starts[0]), dtype=np.uint8)
        _read(self.files[1], data, self.at[1] + int(starts[0]))
        return Labels(data, starts - starts[0])


@dataclass(frozen=True, slots=True)
class _Batch:
    """A packed batch: how, in which slab (None in the table's spill file) from which byte on, and its labels or where they were spilled."""

    layout: Layout
    slab: _Slab | None
    at: int
    labels: Labels | _SpilledLabels


@dataclass
class _Table:
    """What was collected of one table: each supplier's number of rows, the batches, and these in stacks by slab once all are there."""

    counts: Whole
    batches: list[_Batch] = field(default_factory=list)
    stacks: list[tuple[Stack, list[_Batch]]] | None = None


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
    _tables: dict[str, _Table] = field(default_factory=dict)
    _slab: _Slab = field(default_factory=lambda: _Slab(np.empty(0, dtype=np.uint8)))
    _held: int = 0
    _spill: tempfile.TemporaryDirectory[str] | None = None
    _files: dict[str, FileIO] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _mine: local = field(default_factory=local)

    @cached_property
    def grid(self) -> Grid:
        """Where each supplier's rows go."""
        return Grid(self.codes.suppliers.count, self.width)

    @property
    def buckets(self) -> int:
        """Number of buckets."""
        return self.grid.buckets

    def add(self, rows: Columns, labels: Labels | None, memory: int) -> None:
        """Keep a batch, in the order of its suppliers; one thread at a time for each table."""
        if not len(rows):
            return
        if rows.table not in self._tables:
            self._tables[rows.table] = _Table(np.zeros(self.grid.suppliers, dtype=np.int64))
        table = self._tables[rows.table]
        packed = pack(rows, self.grid, table.counts)
        if packed is None:
            raise UnknownSupplier(f"{rows.table} {_NO_SUPPLIER}")
        texts = NO_LABELS if labels is None else labels.take(order_of(packed.places))
        table.batches.append(self._kept(packed, texts, memory) or self._spilled(rows.table, packed, texts))

    def _kept(self, packed: Packed, labels: Labels, memory: int) -> _Batch | None:
        """A batch written to memory, if there is room for it."""
        texts = labels.data.nbytes + labels.starts.nbytes
        with self._lock:
            left = memory - self._held - texts
            is_full = len(self._slab.data) - self._slab.used < packed.size
            if left < (packed.size if is_full else 0):
                return None
            if is_full:
                self._slab = _Slab(pages(max(packed.size, min(self._held, _SLAB, left) // 8 * 8), np.uint8))
            slab, at = self._slab, self._slab.used
            slab.used += packed.size
            self._held += texts + (len(slab.data) if is_full else 0)
        packed.write(slab.data[at : at + packed.size])
        return _Batch(packed.layout, slab, at, labels)

    def _spilled(self, table: str, packed: Packed, labels: Labels) -> _Batch:
        rows: Bytes = np.empty(packed.size, dtype=np.uint8)
        packed.write(rows)
        try:
            with self._lock:
                files = [self._file(f"{table}.{kind}") for kind in ("rows", "starts", "labels")]
            at = _append(files[0], packed.layout.by_bucket(rows)), _append(files[1], labels.starts), _append(files[2], labels.data)
        except OSError as error:
            raise CannotWrite(
                f"{tempfile.gettempdir()} cannot take what does not fit the memory ({error.strerror}); free space there, or name another "
                "folder in TMPDIR"
            ) from error
        spilled = _SpilledLabels((files[1].fileno(), files[2].fileno()), (at[1], at[2]))
        return _Batch(packed.layout, None, at[0], spilled if len(labels.starts) > 1 else NO_LABELS)

    def _file(self, name: str) -> FileIO:
        if self._spill is None:
            self._spill = tempfile.TemporaryDirectory(prefix="lianxin-")
        if name not in self._files:
            self._files[name] = FileIO(Path(self._spill.name) / name, "w+")
        return self._files[name]

    def bucket(self, number: int) -> tuple[int, Segment]:
        """Return the first supplier of a bucket, and the records of its suppliers; they hold until this thread asks for the next."""
        low = number * self.width
        count = min(self.width, self.grid.suppliers - low)
        records, labels, offsets = [], [], np.zeros((len(TABLES), count + 1), dtype=np.int64)
        for table, starts in zip(TABLES, offsets, strict=True):
            if table in self._tables:
                np.cumsum(self._tables[table].counts[low : low + count], out=starts[1:])
            records.append(self._room(table, int(starts[-1])))
            labels.append(self._fill(table, number, low, starts[:-1].copy(), records[-1]) if len(records[-1]) else NO_LABELS)
        return low, Segment(tuple(records), offsets, tuple(labels))

    def _fill(self, table: str, number: int, low: int, at: Whole, out: Records) -> Labels:
        """Put a bucket's records of one table together, each supplier's in the order of the batches; return their labels."""
        texts, places = list[Labels](), list[Whole]()
        for stack, batches in self._stacks(table):
            bounds = stack.bounds(number)
            data, runs = self._rows(table, batches, bounds)
            places.append(stack.unpack(data, runs, bounds, low, at, out))
            texts += [batch.labels.part(*part) for batch, part in zip(batches, bounds.tolist(), strict=True)]
        together = joined(texts)
        return together.take(order_of(np.concatenate(places))) if len(together.starts) > 1 else NO_LABELS

    def _stacks(self, table: str) -> list[tuple[Stack, list[_Batch]]]:
        """The batches of a table in their order, in runs that lie in one slab or in the file."""
        found = self._tables[table]
        with self._lock:
            if found.stacks is None:
                runs = [list(run) for _, run in groupby(found.batches, key=lambda batch: id(batch.slab))]
                found.stacks = [(Stack([batch.layout for batch in run]), run) for run in runs]
        return found.stacks

    def _rows(self, table: str, batches: list[_Batch], bounds: Whole) -> tuple[Bytes, Whole]:
        """Bytes in which a bucket's rows of some batches lie, and of each batch where in them, from which row on, and how many rows."""
        if batches[0].slab is not None:
            return batches[0].slab.data, np.array([(batch.at, 0, batch.layout.rows) for batch in batches], dtype=np.int64)
        runs, begin = list[tuple[int, int, int]](), 0
        for batch, (low, high) in zip(batches, bounds.tolist(), strict=True):
            runs.append((begin, low, high - low))
            begin += ((high - low) * batch.layout.width + 7) // 8 * 8
        out: Bytes = np.empty(begin, dtype=np.uint8)
        file = self._files[f"{table}.rows"].fileno()
        for batch, (begin, low, rows) in zip(batches, runs, strict=True):
            width = batch.layout.width
            _read(file, out[begin : begin + rows * width], batch.at + low * width)
        return out, np.array(runs, dtype=np.int64)

    def _room(self, table: str, rows: int) -> Records:
        """Room for records, this thread's own, used again and again: memory that is new at each bucket would cost more than filling it."""
        kept: dict[str, Records] = self._mine.__dict__.setdefault("room", {})
        if table not in kept or len(kept[table]) < rows:
            kept[table] = pages(rows, RECORDS[table].dtype)
        return kept[table][:rows]

    def close(self) -> None:
        """Give memory and disk back."""
        for file in self._files.values():
            file.close()
        self._files, self._tables, self._slab, self._mine = {}, {}, _Slab(np.empty(0, dtype=np.uint8)), local()
        if self._spill is not None:
            self._spill.cleanup()
            self._spill = None


def parts_of(collected: Collected) -> Iterator[tuple[int, Segment]]:
    """Yield every bucket: its first supplier and its records."""
    for number in range(collected.buckets):
        yield collected.bucket(number)


def _append(file: FileIO, array: npt.NDArray[Any]) -> int:
    """Write an array behind what a file holds; return where it begins."""
    at, left = file.tell(), array.reshape(-1).view(np.uint8).data
    while left:
        left = left[file.write(left) :]
    return at


def _read(file: int, out: npt.NDArray[Any], at: int) -> None:
    """Read what fills an array from a place of a file on."""
    left = out.view(np.uint8).data
    while left:
        try:
            done = os.preadv(file, [left], at)
        except OSError as error:
            raise CannotWrite(f"{tempfile.gettempdir()}: {_LOST} ({error.strerror})") from error
        if not done:
            raise CannotWrite(f"{tempfile.gettempdir()}: {_LOST} (a file is shorter than it was)")
        left, at = left[done:], at + done
