"""Columns as an engine hands them over: Arrow's buffers seen as numpy arrays, without a copy and without the large library.

Stands inside the second step of the walk. Takes anything that speaks the Arrow stream interface: a DuckDB relation, a table of
pyarrow inside Spark.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import nanoarrow as na
import numpy as np
import numpy.typing as npt

from features.civil import NONE, civil_days
from features.compiled import jit
from features.identity import hash_ids

_OFFSETS: Final = {"string": np.int32, "large_string": np.int64, "binary": np.int32, "large_binary": np.int64}
_NUMBERS: Final = {
    "int8": "i1",
    "int16": "i2",
    "int32": "i4",
    "int64": "i8",
    "double": "f8",
    "float": "f4",
    "date32": "i4",
    "timestamp": "i8",
}
_READABLE: Final = frozenset({*_OFFSETS, *_NUMBERS, "null"})
"""Asked before anything is touched: for some other types the library ends the process."""

_NO_BYTES: Final = np.zeros(1, dtype=np.uint8)
_NOWHERE: Final = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Cells:
    """One column of a run of rows.

    Parameters
    ----------
    valid : bool array (rows,)
    numbers : int64 or float64 array (rows,), or empty for texts
        Times in microseconds UTC, dates in days since 1970-01-01, money in fen.
    data, offsets : uint8 array, int64 array (rows + 1,), or empty for numbers
        UTF-8 bytes and where each row's begin.
    is_date : bool
        The numbers are days, not moments.
    """

    valid: npt.NDArray[np.bool_]
    numbers: npt.NDArray[Any]
    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    is_date: bool = False

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.valid)

    def hashes(self) -> npt.NDArray[np.int64]:
        """Return a hash of each cell: XXH64 of a text, the number itself of a number; 0 where there is none."""
        if not len(self.offsets):
            return np.where(self.valid, self.numbers, 0)
        out = np.empty(len(self), dtype=np.int64)
        hash_ids(self.data, self.offsets, self.valid, out)
        return out

    def days(self, zone: str) -> npt.NDArray[np.int32]:
        """Return civil days; NONE where there is none."""
        if self.is_date:
            return np.where(self.valid, self.numbers, NONE).astype(np.int32)
        return civil_days(self.numbers, self.valid, zone)

    def lengths(self) -> npt.NDArray[np.int32]:
        """Return the number of characters (code points) of each text; 0 where there is none."""
        out = np.zeros(len(self), dtype=np.int32)
        _count_characters(self.data, self.offsets, self.valid, out)
        return out

    def words(self, words: tuple[str, ...]) -> npt.NDArray[np.int32]:
        """Return the place of each text in a closed set, counted from 1; 0 where there is none."""
        out = np.zeros(len(self), dtype=np.int32)
        for i in np.flatnonzero(self.valid).tolist():
            out[i] = words.index(self.data[self.offsets[i] : self.offsets[i + 1]].tobytes().decode()) + 1
        return out

    def texts(self) -> list[str | None]:
        """Return each cell as a reader would write it."""
        if len(self.offsets):
            whole = self.data.tobytes()
            bounds = zip(self.valid.tolist(), self.offsets[:-1].tolist(), self.offsets[1:].tolist(), strict=True)
            return [whole[low:high].decode() if is_given else None for is_given, low, high in bounds]
        epoch = datetime(1970, 1, 1)
        step = timedelta(days=1) if self.is_date else timedelta(microseconds=1)
        told = [epoch + n * step if is_given else None for is_given, n in zip(self.valid.tolist(), self.numbers.tolist(), strict=True)]
        return [None if at is None else at.date().isoformat() if self.is_date else at.isoformat(" ") for at in told]


@jit
def _count_characters(data, offsets, valid, out):
    for i in range(len(out)):
        if valid[i]:
            n = 0
            for j in range(offsets[i], offsets[i + 1]):
                n += (data[j] & 0xC0) != 0x80
            out[i] = n


BATCH_ROWS: Final = 1 << 17
"""Rows looked at together: so many that looking their ids up finds the index in the processor's cache."""


def chunks(stream: Any) -> Iterator[dict[str, Cells]]:
    """Yield the columns of an Arrow stream, `BATCH_ROWS` rows at a time, by name."""
    for batch in na.ArrayStream(stream):
        columns = {batch.schema.field(i).name: _Column.of(batch.child(i), batch.offset) for i in range(batch.n_children)}
        for low in range(0, len(batch) or 1, BATCH_ROWS):
            rows = min(BATCH_ROWS, len(batch) - low)
            yield {name: column.cells(low, rows) for name, column in columns.items()}


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of a batch as the engine holds it: type, buffers, and at which of their rows it begins."""

    kind: str
    buffers: tuple[Any, ...]
    start: int

    @classmethod
    def of(cls, column: Any, skipped: int) -> "_Column":
        """Return a column less the rows skipped before it."""
        kind = column.schema.type.name.lower()
        if kind not in _READABLE or (kind == "timestamp" and column.schema.unit.name != "MICRO"):
            raise TypeError(f"a column of {column.schema} cannot be read; hand over texts, numbers, dates or times in microseconds")
        return cls(kind, tuple(column.buffers), column.offset + skipped)

    def cells(self, low: int, rows: int) -> Cells:
        """Return some of the rows."""
        if self.kind == "null":
            return Cells(np.zeros(rows, dtype=np.bool_), np.zeros(rows, dtype=np.int64), _NO_BYTES, np.zeros(rows + 1, dtype=np.int64))
        first, last = self.start + low, self.start + low + rows
        valid = np.ones(rows, dtype=np.bool_)
        if len(self.buffers[0]):
            bits = np.frombuffer(self.buffers[0], dtype=np.uint8)[first // 8 : (last + 7) // 8]
            valid = np.unpackbits(bits, count=last - first // 8 * 8, bitorder="little")[first % 8 :].view(np.bool_)
        if self.kind in _OFFSETS:
            offsets = np.frombuffer(self.buffers[1], dtype=_OFFSETS[self.kind], count=last + 1)[first:].astype(np.int64)
            data = np.frombuffer(self.buffers[2], dtype=np.uint8) if len(self.buffers[2]) else _NO_BYTES
            return Cells(valid, _NOWHERE, data, offsets)
        numbers = np.frombuffer(self.buffers[1], dtype=_NUMBERS[self.kind], count=last)[first:]
        numbers = numbers.astype(np.float64 if numbers.dtype.kind == "f" else np.int64, copy=False)
        return Cells(valid, numbers, _NO_BYTES[:0], _NOWHERE, is_date=self.kind == "date32")
