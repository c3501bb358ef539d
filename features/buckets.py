"""Records by bucket of suppliers while a platform is read: packed, kept in memory and, beyond what is given, on disk.

Stands inside the second step of the walk. Of each batch of records what all have in common is kept once, such as that none carries the
time of its recording, and of each record the 8-byte words in which they differ, in the order of the buckets. A bucket is put together
from its share of every batch in one reading and one writing. What does not fit the memory goes to one spill file per table, a batch
after the other. So memory grows with a batch and a bucket, not with the events.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from threading import Lock, local
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from credit.errors import CannotWrite, UnknownSupplier
from features.compiled import jit
from features.pages import pages
from features.records import RECORDS, Codes, Records
from features.segment import NO_LABELS, TABLES, Labels, Segment, count_codes, joined, order_by, words_of

Words = npt.NDArray[np.int64]
"""Records as 8-byte words (rows, words)."""


def _word_of_supplier(dtype: np.dtype[np.void]) -> int:
    fields: Mapping[str, Any] = dtype.fields or {}
    return int(fields["supplier"][1]) // 8


_SUPPLIER: Final = {table: _word_of_supplier(spec.dtype) for table, spec in RECORDS.items()}
"""The word whose first half is the supplier's code."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """Packed rows and their labels in memory."""

    words: Words
    labels: Labels

    def part(self, low: int, high: int) -> tuple[Words, Labels]:
        """Return some of the rows and their labels."""
        has_labels = len(self.labels.starts) > 1
        return self.words[low:high], Labels(self.labels.data, self.labels.starts[low : high + 1]) if has_labels else self.labels


@dataclass(frozen=True, slots=True)
class _Spilled:
    """Packed rows in files from the places `at` on: words, label beginnings, labels."""

    width: int
    files: tuple[int, int, int]
    at: tuple[int, int, int]
    has_labels: bool

    def part(self, low: int, high: int) -> tuple[Words, Labels]:
        """Read some of the rows and their labels; any number of threads may at a time."""
        words = np.empty((high - low, self.width), dtype=np.int64)
        os.preadv(self.files[0], [words.data.cast("B")] if words.size else [], self.at[0] + low * self.width * 8)
        if not self.has_labels or low == high:
            return words, NO_LABELS
        starts = np.frombuffer(os.pread(self.files[1], (high - low + 1) * 8, self.at[1] + low * 8), dtype=np.int64)
        data = np.frombuffer(os.pread(self.files[2], int(starts[-1] - starts[0]), self.at[2] + int(starts[0])), dtype=np.uint8)
        return words, Labels(data, starts - starts[0])


@dataclass(frozen=True, slots=True)
class _Batch:
    """Records of one batch: a record for what all have in common, the words in which they differ, where each bucket's rows begin."""

    common: Words
    differing: Words
    starts: npt.NDArray[np.int64]
    rows: _Kept | _Spilled

    def part(self, number: int) -> tuple[Words, Labels]:
        """Return the rows of one bucket."""
        low, high = self.starts[number : number + 2].tolist()
        return self.rows.part(low, high)


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
    _batches: dict[str, list[_Batch]] = field(default_factory=dict)
    _spill: tempfile.TemporaryDirectory[str] | None = None
    _kept: int = 0
    _files: dict[str, FileIO] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _mine: local = field(default_factory=local)

    @property
    def buckets(self) -> int:
        """Number of buckets."""
        return max(-(-self.codes.suppliers.count // self.width), 1)

    def add(self, table: str, records: Records, labels: Labels | None, memory: int) -> None:
        """Keep a batch, in the order of its buckets."""
        if not len(records):
            return
        words, starts = words_of(records), np.zeros(self.buckets + 1, dtype=np.int64)
        buckets, is_differing = np.empty(len(words), dtype=np.int32), np.arange(words.shape[1]) == _SUPPLIER[table]
        if _look_through(words, _SUPPLIER[table], self.width, is_differing, buckets, starts) < 0:
            raise UnknownSupplier(f"{table} names a supplier that does not stand in suppliers; check the tables with `lianxin check DIR`")
        np.cumsum(starts, out=starts)
        differing = np.flatnonzero(is_differing)
        packed: Words = pages((len(words), len(differing)), np.int64)
        _pack(words, differing, buckets, starts[:-1].copy(), packed)
        kept = NO_LABELS if labels is None else labels.take(order_by(buckets, 0, starts))
        size = packed.nbytes + kept.data.nbytes + kept.starts.nbytes
        with self._lock:
            is_kept = self._kept + size <= memory
            self._kept += size if is_kept else 0
            rows = _Kept(packed, kept) if is_kept else self._spilled(table, packed, kept)
            self._batches.setdefault(table, []).append(_Batch(words[0].copy(), differing, starts, rows))

    def _spilled(self, table: str, words: Words, labels: Labels) -> _Spilled:
        try:
            files = (self._file(f"{table}.words"), self._file(f"{table}.starts"), self._file(f"{table}.labels"))
            at = (_append(files[0], words), _append(files[1], labels.starts), _append(files[2], labels.data))
        except OSError as error:
            raise CannotWrite(
                f"{tempfile.gettempdir()} cannot take what does not fit the memory ({error.strerror}); free space there, or name another "
                "folder in TMPDIR"
            ) from error
        return _Spilled(words.shape[1], (files[0].fileno(), files[1].fileno(), files[2].fileno()), at, len(labels.starts) > 1)

    def _file(self, name: str) -> FileIO:
        if self._spill is None:
            self._spill = tempfile.TemporaryDirectory(prefix="lianxin-")
        if name not in self._files:
            self._files[name] = FileIO(Path(self._spill.name) / name, "w+")
        return self._files[name]

    def bucket(self, number: int) -> tuple[int, Segment]:
        """Return the first supplier of a bucket, and the records of its suppliers; they hold until this thread asks for the next."""
        low = number * self.width
        count = min(self.width, self.codes.suppliers.count - low)
        records, labels, offsets = [], [], np.zeros((len(TABLES), count + 1), dtype=np.int64)
        for table, starts in zip(TABLES, offsets, strict=True):
            batches = self._batches.get(table, [])
            parts = [batch.part(number) for batch in batches]
            codes = [_codes(table, batch, words) for batch, (words, _) in zip(batches, parts, strict=True)]
            for own in codes:
                count_codes(own, low, starts[1:])
            np.cumsum(starts, out=starts)
            records.append(self._room(table, int(starts[-1])))
            at = starts[:-1].copy()
            for batch, (words, _), own in zip(batches, parts, codes, strict=True):
                _unpack(words, batch.differing, batch.common, own, low, at, words_of(records[-1]))
            text = joined([label for _, label in parts])
            labels.append(text.take(order_by(np.concatenate(codes), low, starts)) if len(text.starts) > 1 else NO_LABELS)
        return low, Segment(tuple(records), offsets, tuple(labels))

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
        self._files, self._batches, self._mine = {}, {}, local()
        if self._spill is not None:
            self._spill.cleanup()
            self._spill = None


def parts_of(collected: Collected) -> Iterator[tuple[int, Segment]]:
    """Yield every bucket: its first supplier and its records."""
    for number in range(collected.buckets):
        yield collected.bucket(number)


def _codes(table: str, batch: _Batch, words: Words) -> npt.NDArray[np.int32]:
    """The suppliers of packed rows, without a copy."""
    place = int(np.searchsorted(batch.differing, _SUPPLIER[table]))
    return words.view(np.int32)[:, 2 * place]


def _append(file: FileIO, array: npt.NDArray[Any]) -> int:
    """Write an array behind what a file holds; return where it begins."""
    at, left = file.tell(), array.reshape(-1).view(np.uint8).data
    while left:
        left = left[file.write(left) :]
    return at


@jit
def _look_through(words, supplier, width, is_differing, buckets, starts):
    """Mark the words that are not the same in all records, tell each one's bucket, and count each bucket's; return the lowest supplier."""
    lowest = np.int32(0)
    for i in range(len(words)):
        code = np.int32(words[i, supplier])  # its lower half
        lowest, buckets[i] = min(lowest, code), code // width
        starts[buckets[i] + 1] += 1
        for j in range(words.shape[1]):
            is_differing[j] |= words[i, j] != words[0, j]
    return lowest


@jit
def _pack(words, differing, codes, at, out):
    """Write the differing words of each record to the next place of its code; `at` says where that is."""
    for i in range(len(codes)):
        place = at[codes[i]]
        at[codes[i]] = place + 1
        for j in range(len(differing)):
            out[place, j] = words[i, differing[j]]


@jit
def _unpack(packed, differing, common, codes, low, at, out):
    """Write each record whole to the next place of its code; codes from `low` on."""
    for i in range(len(codes)):
        place = at[codes[i] - low]
        at[codes[i] - low] = place + 1
        for j in range(len(common)):
            out[place, j] = common[j]
        for j in range(len(differing)):
            out[place, differing[j]] = packed[i, j]
