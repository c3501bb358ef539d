"""Batches of records in little room: by supplier, and of each field only the bytes in which the batch's rows differ.

Stands inside the second step of the walk, under `features.buckets`. A field that is the same in all rows of a batch, such as a time of
recording that none carries, is kept once; any other as its distance from the batch's least value, in as many bytes as the greatest one
needs, 0 where it is not given. What is unpacked is what was packed, bit for bit. A bucket's suppliers are unpacked some at a time, of
each all batches, so that the records they are written to stay in the processor's cache.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from features.compiled import jit
from features.record_columns import Columns
from features.records import RECORDS, Records

Bytes = npt.NDArray[np.uint8]
Whole = npt.NDArray[np.int64]

_STEPS: Final = 32
"""In so many steps a bucket is unpacked, some suppliers at each."""

_SUPPLIER: Final = "supplier"
_GREATEST: Final = np.int64(np.iinfo(np.int64).max)
_WHOLE: Final = np.dtype(np.int64)
"""The type of what is kept as it is: a distance that needs more than four bytes."""


@dataclass(frozen=True)
class Grid:
    """Suppliers by bucket.

    Parameters
    ----------
    suppliers : int
    width : int
        Suppliers per bucket.
    """

    suppliers: int
    width: int

    @property
    def buckets(self) -> int:
        """Number of buckets."""
        return max(-(-self.suppliers // self.width), 1)


@dataclass(frozen=True, slots=True)
class _Field:
    """One field to be packed: its values, the one that stands for none, the least of the others, and the type of the distance from it."""

    name: str
    values: npt.NDArray[Any]
    missing: int
    low: int
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class Layout:
    """How a batch is packed: its rows by supplier, one field of all of them after the other, the widest first.

    Parameters
    ----------
    common : int64 array (words,)
        The record of what all rows have in common.
    fields : int64 array (fields, 6)
        Each field's width in bytes, those of a row that lie before it, its place in the record in half words, whether it is a whole word
        there, the number that 0 stands for, and the one that 1 stands for. The first is the supplier, counted from the first of the bucket.
    starts : int32 array (buckets + 1,)
        The row at which each bucket begins.
    """

    common: Whole
    fields: Whole
    starts: npt.NDArray[np.int32]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.starts[-1])

    @cached_property
    def width(self) -> int:
        """Bytes of a row."""
        return int(self.fields[:, 0].sum())

    def by_bucket(self, packed: Bytes) -> Bytes:
        """Return packed rows as those of one bucket after the other, each laid out as if it were a batch of its own."""
        out: Bytes = np.empty(self.rows * self.width, dtype=np.uint8)
        _by_bucket(packed, self.fields, self.starts, self.width, out)
        return out


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch laid out, before it is written where it is to be kept.

    Parameters
    ----------
    layout : Layout
    places : int32 array (rows,)
        Each row's place among the rows by supplier.
    """

    layout: Layout
    places: npt.NDArray[np.int32]
    _fields: tuple[_Field, ...]

    @property
    def size(self) -> int:
        """Bytes of the packed rows, in whole words."""
        return (len(self.places) * self.layout.width + 7) // 8 * 8

    def write(self, out: Bytes) -> None:
        """Write the packed rows."""
        rows = len(self.places)
        for field, (width, before) in zip(self._fields, self.layout.fields[:, :2].tolist(), strict=True):
            own = out[rows * before : rows * (before + width)].view(field.dtype)
            if field.dtype == _WHOLE:
                _scatter(field.values, self.places, own)
            else:
                _scatter_distances(field.values, field.missing, field.low, self.places, own)


def order_of(places: npt.NDArray[np.int32] | Whole) -> Whole:
    """Return which row stands at each place, given each row's place."""
    out = np.empty(len(places), dtype=np.int64)
    out[places] = np.arange(len(out))
    return out


def pack(columns: Columns, grid: Grid, counts: Whole) -> Packed | None:
    """Lay a batch out; None where a row's supplier has no code. Each supplier's rows are added to its `counts`."""
    suppliers = columns.given[_SUPPLIER]
    places, within = np.empty(len(columns), dtype=np.int32), np.empty(len(columns), dtype=np.int32)
    starts, begin = np.empty(grid.buckets + 1, dtype=np.int32), np.zeros(grid.suppliers + 1, dtype=np.int32)
    if suppliers.min() < 0:
        return None
    _place(suppliers, grid.width, counts, begin, starts, places, within)
    words = columns.common.view(np.int64).copy()  # with what lies between the fields
    common, fields = words.view(columns.common.dtype), [_Field(_SUPPLIER, within, -1, 0, _type_of(grid.width))]
    for name, values in columns.given.items():
        if name != _SUPPLIER:
            missing = int(columns.common[name][0])
            low, high, gaps = _range(values, missing)
            if gaps == len(values) or (low == high and not gaps):
                common[name] = values[0]
            else:
                fields.append(_Field(name, values, missing, low, _type_of(int(high) - int(low) + 1)))
    layout = Layout(words, _described(columns.table, fields), starts)
    return Packed(layout, places, tuple(fields))


def _type_of(highest: int) -> np.dtype[Any]:
    """The shortest type that holds 0 to a number."""
    for narrow in (np.uint8, np.uint16, np.uint32):
        if highest <= np.iinfo(narrow).max:
            return np.dtype(narrow)
    return _WHOLE


def _described(table: str, fields: Sequence[_Field]) -> Whole:
    """The fields of a layout: laid the widest first, so that each lies at whole multiples of its width."""
    at: Mapping[str, Any] = RECORDS[table].dtype.fields or {}
    out, before = np.empty((len(fields), 6), dtype=np.int64), 0
    for place in sorted(range(len(fields)), key=lambda place: -fields[place].dtype.itemsize):
        field = fields[place]
        kind, offset = at[field.name][:2]
        out[place] = field.dtype.itemsize, before, offset // 4, kind.itemsize == 8, field.missing, field.low
        before += field.dtype.itemsize
    return out


class Stack:
    """Layouts of batches whose packed rows lie in one run of bytes, to be unpacked together.

    Parameters
    ----------
    layouts : sequence of Layout
    """

    def __init__(self, layouts: Sequence[Layout]) -> None:
        """Lay them on each other."""
        self._starts = [layout.starts for layout in layouts]
        self._common = np.stack([layout.common for layout in layouts])
        self._fields = np.concatenate([layout.fields for layout in layouts])
        self._field_at = np.cumsum([0, *(len(layout.fields) for layout in layouts)], dtype=np.int64)

    def bounds(self, bucket: int) -> Whole:
        """Return the first of a bucket's rows in each batch, and the one behind the last (batches, 2)."""
        return np.array([starts[bucket : bucket + 2] for starts in self._starts], dtype=np.int64)

    def unpack(self, data: Bytes, runs: Whole, bounds: Whole, low: int, at: Whole, out: Records) -> Whole:
        """Write a bucket's rows to the next places of its suppliers, each supplier's in the order of the batches.

        Parameters
        ----------
        data : uint8 array
        runs : int64 array (batches, 3)
            At which byte the rows of each batch begin, which row is the first there, and how many there are.
        bounds : int64 array (batches, 2)
            Of the bucket.
        low : int
            The code of its first supplier.
        at : int64 array (suppliers of the bucket,)
            Next places; moved on.
        out : structured array

        Returns
        -------
        int64 array (rows,)
            The place of each row, batch after batch.
        """
        rows, row = bounds[:, 1] - bounds[:, 0], bounds[:, 0] - runs[:, 1]
        ends = np.cumsum(rows)
        places, words = np.empty(ends[-1], dtype=np.int64), out.view(np.int64).reshape(len(out), -1)
        views = data, data.view(np.uint16), data.view(np.uint32), data.view(np.int64)
        _unpack(
            *views, runs, row, self._common, self._fields, self._field_at, low, ends - rows, ends, at, places, words, words.view(np.int32),
        )  # fmt: skip
        return places


@jit
def _place(suppliers, width, counts, begin, starts, places, within):
    """Tell each row's place by supplier and its supplier within the bucket, and where each bucket begins; count each supplier's rows.

    Sorted by counting: besides the rows, each step looks at all suppliers, which a batch of usual size outnumbers up to a hundred thousand.
    """
    for i in range(len(suppliers)):
        begin[suppliers[i] + 1] += 1
    for s in range(1, len(begin)):
        counts[s - 1] += begin[s]
        begin[s] += begin[s - 1]
    for b in range(len(starts)):
        starts[b] = begin[min(b * width, len(begin) - 1)]
    wide = np.uint32(width)
    for i in range(len(suppliers)):
        code = np.uint32(suppliers[i])
        places[i], within[i] = begin[code], code % wide
        begin[code] += 1


@jit
def _by_bucket(packed, fields, starts, width, out):
    rows = np.int64(starts[-1])
    for b in range(len(starts) - 1):
        low, own = np.int64(starts[b]), np.int64(starts[b + 1]) - starts[b]
        for f in range(len(fields)):
            to, since = low * width + own * fields[f, 1], rows * fields[f, 1] + low * fields[f, 0]
            for k in range(own * fields[f, 0]):
                out[to + k] = packed[since + k]


@jit
def _range(values, missing):
    """The least and the greatest of the values that are given, and how many are not."""
    low, high, gaps = _GREATEST, -_GREATEST, 0
    for i in range(len(values)):
        is_gap = values[i] == missing
        gaps += is_gap
        low = min(low, _GREATEST if is_gap else values[i])
        high = max(high, -_GREATEST if is_gap else values[i])
    return low, high, gaps


@jit
def _scatter(values, places, out):
    for i in range(len(values)):
        out[places[i]] = values[i]


@jit
def _scatter_distances(values, missing, low, places, out):
    for i in range(len(values)):
        out[places[i]] = 0 if values[i] == missing else values[i] - low + 1


@jit
def _unpack(ones, twos, fours, eights, runs, row, common, fields, field_at, low, told, ends, at, places, words, halves):
    """Unpack some suppliers after others, of each batch after batch.

    `row` is each batch's next one in its run, `told` where its place is told; both are moved on.
    """
    step = -(-len(at) // _STEPS)
    for until in range(step, len(at) + step, step):
        for b in range(len(runs)):
            own, begin, rows = fields[field_at[b] : field_at[b + 1]], runs[b, 0], runs[b, 2]
            byte = begin + rows * own[0, 1] + row[b] * own[0, 0]
            left = places[told[b] : ends[b]]
            mine = left[: _stamp(ones, twos, fours, byte, own[0], common[b], low, until, at, left, words, halves)]
            for f in range(1, len(own) if len(mine) > 0 else 1):
                width = own[f, 0]
                byte = begin + rows * own[f, 1] + row[b] * width
                if width == 8:
                    _copy(eights[byte // 8 :], own[f], mine, words, halves)
                elif width == 4:
                    _lengthen(fours[byte // 4 :], own[f], mine, words, halves)
                elif width == 2:
                    _lengthen(twos[byte // 2 :], own[f], mine, words, halves)
                else:
                    _lengthen(ones[byte:], own[f], mine, words, halves)
            row[b] += len(mine)
            told[b] += len(mine)


@jit
def _stamp(ones, twos, fours, byte, field, common, low, until, at, places, words, halves):
    """Tell the places of a batch's rows of suppliers before one, and write there whose they are and what they have in common; return how
    many rows there are."""
    width, half = field[0], field[2]
    first = byte // width
    for i in range(len(places)):
        code = np.int64(ones[first + i] if width == 1 else twos[first + i] if width == 2 else fours[first + i]) - 1
        if code >= until:
            return i
        place = at[code]
        at[code], places[i] = place + 1, place
        for j in range(len(common)):
            words[place, j] = common[j]
        halves[place, half] = low + code
    return len(places)


@jit
def _copy(values, field, places, words, halves):
    half, is_word = field[2], field[3]
    for i in range(len(places)):
        if is_word:
            words[places[i], half // 2] = values[i]
        else:
            halves[places[i], half] = values[i]


@jit
def _lengthen(values, field, places, words, halves):
    half, is_word, missing, low = field[2], field[3], field[4], field[5]
    for i in range(len(places)):
        number = missing if values[i] == 0 else np.int64(values[i]) - 1 + low
        if is_word:
            words[places[i], half // 2] = number
        else:
            halves[places[i], half] = number
