"""Records by supplier: what a ledger is made of, in memory or mapped from disk.

A `Segment` holds each table's records sorted by supplier, where each supplier's begin, and the label of each record: the platform's own
id of the row, for evidence. Stored, a segment is a folder of plain arrays that is written once and never changed.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from features.compiled import jit
from features.identity import texts
from features.records import RECORDS, Records

TABLES: Final = tuple(RECORDS)
"""Tables of a segment, in their order."""

_ANYBODY: Final = -1


@dataclass(frozen=True, slots=True)
class Labels:
    """Texts of rows: UTF-8 bytes, and where each begins (rows + 1,)."""

    data: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]

    def of(self, row: int) -> str:
        """Return the text of one row."""
        return texts(self.data, self.starts[row : row + 2])[0]

    def part(self, low: int, high: int) -> "Labels":
        """Return the texts of the rows from `low` to before `high`, without a copy."""
        return Labels(self.data, self.starts[low : high + 1])

    def take(self, rows: npt.NDArray[np.int64]) -> "Labels":
        """Return the texts of rows, in their order."""
        lengths = (self.starts[1:] - self.starts[:-1])[rows] if len(rows) else np.zeros(0, dtype=np.int64)
        starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
        data = np.empty(max(int(starts[-1]), 1), dtype=np.uint8)
        _copy(self.data, self.starts, rows, data, starts)
        return Labels(data, starts)


NO_LABELS: Final = Labels(np.zeros(1, dtype=np.uint8), np.zeros(1, dtype=np.int64))


def joined(labels: Sequence[Labels]) -> Labels:
    """Return the texts of several runs of rows, one run after the other."""
    given = [label for label in labels if len(label.starts) > 1]
    if not given:
        return NO_LABELS
    data = np.concatenate([label.data[label.starts[0] : label.starts[-1]] for label in given])
    lengths = np.concatenate([np.diff(label.starts) for label in given])
    return Labels(data, np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)]))


@jit
def _copy(data, starts, rows, out, out_starts):
    for i in range(len(rows)):
        low, to = starts[rows[i]], out_starts[i]
        for j in range(starts[rows[i] + 1] - low):
            out[to + j] = data[low + j]


@jit
def _scatter(words, codes, low, at, out):
    """Write each row to the next place of its code; `at` says where that is."""
    for i in range(len(codes)):
        place = at[codes[i] - low]
        at[codes[i] - low] = place + 1
        for j in range(words.shape[1]):
            out[place, j] = words[i, j]


@jit
def count_codes(codes, low, counts):
    """Add how often each code occurs; codes from `low` on."""
    for i in range(len(codes)):
        counts[codes[i] - low] += 1


def concatenate(parts: Sequence[Records], dtype: np.dtype[np.void]) -> Records:
    """Return records of several runs in one; as bytes, since numpy would copy field by field."""
    whole = np.concatenate([np.zeros(0, dtype=np.uint8), *(np.ascontiguousarray(part).view(np.uint8).reshape(-1) for part in parts)])
    return whole.view(dtype)


def arrange(records: Records, codes: npt.NDArray[np.int32], low: int, count: int) -> tuple[Records, npt.NDArray[np.int64]]:
    """Return records by code, each code's in their order, and where each code begins (count + 1,); codes from `low` on.

    Read in their order and written to as many places as there are codes, as 8-byte words: several times faster than picking.
    """
    starts, out = np.zeros(count + 1, dtype=np.int64), np.empty_like(records)
    count_codes(codes, low, starts[1:])
    np.cumsum(starts, out=starts)
    _scatter(words_of(records), codes, low, starts[:-1].copy(), words_of(out))
    return out, starts


def order_by(codes: npt.NDArray[np.int32], low: int, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the places of rows by code, each code's in their order, given where each code begins."""
    places, order = np.arange(len(codes), dtype=np.int64).reshape(-1, 1), np.empty((len(codes), 1), dtype=np.int64)
    _scatter(places, codes, low, starts[:-1].copy(), order)
    return order[:, 0]


def gather(records: Records, rows: npt.NDArray[np.int64]) -> Records:
    """Return some of the records, in the order of `rows`; as 8-byte words, since numpy would copy field by field."""
    return words_of(records)[rows].reshape(-1).view(records.dtype)


def _shown(records: Records) -> Records:
    view = records.view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, slots=True)
class Segment:
    """Records of suppliers `first` to before `first + suppliers`.

    Parameters
    ----------
    records : tuple of structured arrays
        One per table, by supplier.
    offsets : int64 array (tables, suppliers + 1)
    labels : tuple of Labels
        One per table; empty where they were not asked for.
    """

    records: tuple[Records, ...]
    offsets: npt.NDArray[np.int64]
    labels: tuple[Labels, ...]

    def __post_init__(self) -> None:
        """Show the records read-only, mapped or not: what is compiled for one is compiled for all."""
        object.__setattr__(self, "records", tuple(_shown(table) for table in self.records))

    @property
    def suppliers(self) -> int:
        """Number of suppliers it has room for."""
        return int(self.offsets.shape[1]) - 1

    def part(self, low: int, high: int) -> "Segment":
        """Return the records of suppliers low to before high, without labels; those beyond its suppliers have none."""
        low_at, high_at = min(low, self.suppliers), min(high, self.suppliers)
        offsets = self.offsets[:, low_at : high_at + 1]
        records = tuple(np.asarray(r[o[0] : o[-1]]) for r, o in zip(self.records, offsets, strict=True))
        local = offsets - offsets[:, :1]
        if high_at - low_at < high - low:
            local = np.concatenate([local, np.repeat(local[:, -1:], high - low - (high_at - low_at), axis=1)], axis=1)
        return Segment(records, local, ())


def merge(segments: Sequence[Segment], low: int, high: int) -> Segment:
    """Return the records of suppliers low to before high of all segments together."""
    if len(segments) == 1:
        return segments[0].part(low, high)
    if high - low > 1:
        return take(segments, np.arange(low, high))
    known = [segment for segment in segments if low < segment.suppliers]
    bounds = [segment.offsets[:, low : low + 2].tolist() for segment in known]
    records, offsets = [], np.zeros((len(TABLES), 2), dtype=np.int64)
    for t, table in enumerate(TABLES):
        parts = [s.records[t][b[t][0] : b[t][1]] for s, b in zip(known, bounds, strict=True) if b[t][0] < b[t][1]]
        records.append(parts[0] if len(parts) == 1 else concatenate(parts, RECORDS[table].dtype))
        offsets[t, 1] = len(records[-1])
    return Segment(tuple(records), offsets, ())


def words_of(records: Records) -> npt.NDArray[np.int64]:
    """Return records as 8-byte words (rows, words), without a copy; the first word is the key."""
    return np.ascontiguousarray(records).view(np.int64).reshape(-1, records.dtype.itemsize // 8)


@jit
def _take(words, offsets, codes, out, at):
    """Copy the records of suppliers, each one's to its next place in `out`."""
    for i in range(len(codes)):
        if codes[i] + 1 < len(offsets):
            for row in range(offsets[codes[i]], offsets[codes[i] + 1]):
                for j in range(words.shape[1]):
                    out[at[i], j] = words[row, j]
                at[i] += 1


def take(segments: Sequence[Segment], codes: npt.NDArray[np.int64]) -> Segment:
    """Return the records of some suppliers from all segments together, without labels; place i holds those of codes[i]."""
    records, offsets = [], np.zeros((len(TABLES), len(codes) + 1), dtype=np.int64)
    for segment in segments:
        known = codes < segment.suppliers
        offsets[:, 1:][:, known] += segment.offsets[:, codes[known] + 1] - segment.offsets[:, codes[known]]
    np.cumsum(offsets, axis=1, out=offsets)
    for t, table in enumerate(TABLES):
        out, at = np.empty(offsets[t, -1], dtype=RECORDS[table].dtype), offsets[t, :-1].copy()
        for segment in segments:
            if len(segment.records[t]):
                _take(words_of(segment.records[t]), segment.offsets[t], codes, words_of(out), at)
        records.append(out)
    return Segment(tuple(records), offsets, ())


@jit
def _slot(key, scope, mask):
    mixed = key ^ (scope * np.int64(-7046029254386353131))
    return (mixed ^ (mixed >> 29)) & mask


@jit
def _index(keys, scopes, slots, following):
    """Chain the places of each key and scope; `slots` finds the first."""
    mask = len(slots) - 1
    slots[:] = -1
    for i in range(len(keys)):
        at = _slot(keys[i], scopes[i], mask)
        while slots[at] >= 0 and not (keys[slots[at]] == keys[i] and scopes[slots[at]] == scopes[i]):
            at = (at + 1) & mask
        following[i], slots[at] = slots[at], i


@jit
def _find(words, offsets, suppliers, is_scoped, keys, scopes, slots, following, out):
    """Fill `out` with (row, place) of each row that has one of the keys; return how many there are, also beyond its room."""
    mask, n = len(slots) - 1, 0
    for s in suppliers:
        scope = s if is_scoped else _ANYBODY
        for row in range(offsets[s], offsets[s + 1]):
            key = words[row, 0]
            at = _slot(key, scope, mask)
            while slots[at] >= 0 and not (keys[slots[at]] == key and scopes[slots[at]] == scope):
                at = (at + 1) & mask
            i = slots[at]
            while i >= 0:
                if n < len(out):
                    out[n, 0], out[n, 1] = row, i
                n += 1
                i = following[i]
    return n


def find_keys(
    segment: Segment, table: str, keys: npt.NDArray[np.int64], suppliers: npt.NDArray[np.int32] | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the rows of a segment's table that have one of the keys, and for each the place of the key it has.

    Only the records of the suppliers in question are read, in the order in which they lie; all of the table where any will do.

    Parameters
    ----------
    segment : Segment
    table : str
    keys : int64 array (keys,)
    suppliers : int32 array (keys,), optional
        The supplier each key is looked for with; any supplier's rows where it is left out.
    """
    t, is_scoped = TABLES.index(table), suppliers is not None
    scopes = np.full(len(keys), _ANYBODY, dtype=np.int64) if suppliers is None else suppliers.astype(np.int64)
    asked = np.unique(scopes) if is_scoped else np.arange(segment.suppliers, dtype=np.int64)
    asked = asked[(asked >= 0) & (asked < segment.suppliers)]
    if not len(keys) or not len(asked) or not len(segment.records[t]):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    slots, following = np.empty(1 << (4 * len(keys)).bit_length(), dtype=np.int64), np.empty(len(keys), dtype=np.int64)
    _index(keys, scopes, slots, following)
    room = len(keys) + 1024
    while True:
        out = np.empty((room, 2), dtype=np.int64)
        found = _find(words_of(segment.records[t]), segment.offsets[t], asked, is_scoped, keys, scopes, slots, following, out)
        if found <= room:
            return out[:found, 0], out[:found, 1]
        room = found


def combine(segments: Sequence[Segment], suppliers: int, width: int = 1 << 16) -> Iterator[Segment]:
    """Yield all records of all segments with their labels as parts of one for so many suppliers, `width` of them at a time."""
    for low in range(0, suppliers, width):
        high = min(low + width, suppliers)
        records, labels = [], []
        for t, table in enumerate(TABLES):
            bounds = [[int(s.offsets[t, min(code, s.suppliers)]) for code in (low, high)] for s in segments]
            records.append(concatenate([s.records[t][a:b] for s, (a, b) in zip(segments, bounds, strict=True)], RECORDS[table].dtype))
            labels.append(joined([s.labels[t].part(a, b) for s, (a, b) in zip(segments, bounds, strict=True)]))
        yield by_supplier(records, labels, low, high - low)


def by_supplier(records: Sequence[Records], labels: Sequence[Labels], low: int, count: int) -> Segment:
    """Return a segment of records in any order."""
    sorted_records, sorted_labels, offsets = [], [], np.empty((len(TABLES), count + 1), dtype=np.int64)
    for t, found in enumerate(records):
        codes = np.ascontiguousarray(found["supplier"])
        by_code, offsets[t] = arrange(found, codes, low, count)
        sorted_records.append(by_code)
        sorted_labels.append(labels[t].take(order_by(codes, low, offsets[t])) if labels else NO_LABELS)
    return Segment(tuple(sorted_records), offsets, tuple(sorted_labels))


def write_segment(folder: Path, parts: Iterator[Segment]) -> None:
    """Write the suppliers' records to a new folder, part after part."""
    folder.mkdir(parents=True)
    rows = np.zeros((len(TABLES), 1), dtype=np.int64)
    offsets = [rows]
    ends = [np.zeros(1, dtype=np.int64) for _ in TABLES]
    with ExitStack() as opened:  # closes every file, even where closing one fails because the disk is full
        names = (f"{table}.{kind}" for table in TABLES for kind in ("records", "labels", "starts"))
        files = {name: opened.enter_context((folder / name).open("wb")) for name in names}
        for t, table in enumerate(TABLES):
            files[f"{table}.starts"].write(ends[t].tobytes())
        for part in parts:
            offsets.append(part.offsets[:, 1:] + rows)
            rows = rows + part.offsets[:, -1:]
            for t, table in enumerate(TABLES):
                labels = part.labels[t]
                files[f"{table}.records"].write(part.records[t].data)
                files[f"{table}.labels"].write(labels.data[: labels.starts[-1]].data)
                starts = labels.starts[1:] + ends[t]
                files[f"{table}.starts"].write(starts.tobytes())
                ends[t] = starts[-1:] if len(starts) else ends[t]
    np.save(folder / "offsets.npy", np.concatenate(offsets, axis=1), allow_pickle=False)


def read_segment(folder: Path) -> Segment:
    """Map a stored segment; OSError or ValueError where its files do not fit together."""
    offsets = np.load(folder / "offsets.npy", allow_pickle=False)
    if offsets.dtype != np.int64 or offsets.ndim != 2 or len(offsets) != len(TABLES) or not offsets.shape[1]:
        raise ValueError("offsets of another shape")
    if offsets[:, 0].any() or (np.diff(offsets, axis=1) < 0).any():
        raise ValueError("offsets out of order")
    records, labels = [], []
    for t, table in enumerate(TABLES):
        rows = int(offsets[t, -1])
        found = _map(folder / f"{table}.records", RECORDS[table].dtype)
        starts = _map(folder / f"{table}.starts", np.dtype(np.int64))
        data = _map(folder / f"{table}.labels", np.dtype(np.uint8))
        if len(found) != rows or len(starts) not in (1, rows + 1) or int(starts[-1]) != len(data):
            raise ValueError(f"{table} of another length")
        records.append(found)
        labels.append(Labels(data, starts))
    return Segment(tuple(records), offsets, tuple(labels))


def _map(path: Path, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """A file as an array; one that is empty cannot be mapped."""
    if path.stat().st_size == 0:
        return np.zeros(0, dtype=dtype)
    return np.asarray(np.memmap(path, dtype=dtype, mode="r"))
