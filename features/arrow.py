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

    def part(self, low: int, high: int) -> "Cells":
        """Return some of the rows, without a copy."""
        return Cells(self.valid[low:high], self.numbers[low:high], self.data, self.offsets[low : high + 1], self.is_date)

    def hashes(self) -> npt.NDArray[np.int64]:
        """Return a hash of each cell: XXH64 of a text, the number itself of a number; 0 where there is none."""
        if not len(self.offsets):
            return np.where(self.valid, self.numbers, 0).astype(np.int64)
        out = np.empty(len(self), dtype=np.int64)
        hash_ids(self.data, self.offsets, self.valid, out)
        return out

    def days(self, zone: str, out: npt.NDArray[np.int32] | None = None) -> npt.NDArray[np.int32]:
        """Return civil days, written to `out` if it is given; NONE where there is none."""
        if self.is_date:
            found = np.empty(len(self), dtype=np.int32) if out is None else out
            found[:] = np.where(self.valid, self.numbers, NONE)
            return found
        return civil_days(self.numbers, self.valid, zone, out)

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


BATCH_ROWS: Final = 16_384
"""Rows looked at together: few enough that all they become stays in the processor's cache."""


def chunks(stream: Any) -> Iterator[dict[str, Cells]]:
    """Yield the columns of an Arrow stream, `BATCH_ROWS` rows at a time, by name."""
    for batch in na.ArrayStream(stream):
        columns = {batch.schema.field(i).name: _cells(batch.child(i), batch.offset, len(batch)) for i in range(batch.n_children)}
        if len(batch) <= BATCH_ROWS:
            yield columns
            continue
        for low in range(0, len(batch), BATCH_ROWS):
            yield {name: column.part(low, low + BATCH_ROWS) for name, column in columns.items()}


def _cells(column: Any, skipped: int, rows: int) -> Cells:
    kind, start = column.schema.type.name.lower(), column.offset + skipped
    if kind not in _READABLE or (kind == "timestamp" and column.schema.unit.name != "MICRO"):
        raise TypeError(f"a column of {column.schema} cannot be read; hand over texts, numbers, dates or times in microseconds")
    nothing, nowhere = np.zeros(1, dtype=np.uint8), np.zeros(rows + 1, dtype=np.int64)
    if kind == "null":
        return Cells(np.zeros(rows, dtype=np.bool_), np.zeros(rows, dtype=np.int64), nothing, nowhere)
    buffers = column.buffers
    valid = np.ones(rows, dtype=np.bool_)
    if len(buffers[0]):
        bits = np.frombuffer(buffers[0], dtype=np.uint8, count=(start + rows + 7) // 8)
        valid = np.unpackbits(bits, count=start + rows, bitorder="little")[start:].view(np.bool_)
    if kind in _OFFSETS:
        offsets = np.frombuffer(buffers[1], dtype=_OFFSETS[kind], count=start + rows + 1)[start:].astype(np.int64)
        data = np.frombuffer(buffers[2], dtype=np.uint8) if len(buffers[2]) else nothing
        return Cells(valid, nowhere[:0], data, offsets)
    numbers = np.frombuffer(buffers[1], dtype=_NUMBERS[kind], count=start + rows)[start:]
    numbers = numbers.astype(np.float64 if numbers.dtype.kind == "f" else np.int64, copy=False)
    return Cells(valid, numbers, nothing[:0], nowhere[:0], is_date=kind == "date32")
