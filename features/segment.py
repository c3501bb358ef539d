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


@dataclass(frozen=True, slots=True)
class Labels:
    """Texts of rows: UTF-8 bytes, and where each begins (rows + 1,)."""

    data: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]

    def of(self, row: int) -> str:
        """Return the text of one row."""
        return texts(self.data, self.starts[row : row + 2])[0]

    def take(self, rows: npt.NDArray[np.int64]) -> "Labels":
        """Return the texts of rows, in their order."""
        lengths = (self.starts[1:] - self.starts[:-1])[rows] if len(rows) else np.zeros(0, dtype=np.int64)
        starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
        data = np.empty(max(int(starts[-1]), 1), dtype=np.uint8)
        _copy(self.data, self.starts, rows, data, starts)
        return Labels(data, starts)


NO_LABELS: Final = Labels(np.zeros(1, dtype=np.uint8), np.zeros(1, dtype=np.int64))


@jit
def _copy(data, starts, rows, out, out_starts):
    for i in range(len(rows)):
        low, to = starts[rows[i]], out_starts[i]
        for j in range(starts[rows[i] + 1] - low):
            out[to + j] = data[low + j]


@jit
def _order_by(codes, low, count, order, starts):
    """Places of rows by code, each code's in their order, and where each code begins."""
    starts[:] = 0
    for i in range(len(codes)):
        starts[codes[i] - low + 1] += 1
    for c in range(count):
        starts[c + 1] += starts[c]
    at = starts[:count].copy()
    for i in range(len(codes)):
        c = codes[i] - low
        order[at[c]] = i
        at[c] += 1


def order_by(codes: npt.NDArray[np.int32], low: int, count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the stable order of rows by code, codes from `low` to before `low + count`, and where each code begins (count + 1,)."""
    order, starts = np.empty(len(codes), dtype=np.int64), np.empty(count + 1, dtype=np.int64)
    _order_by(codes, low, count, order, starts)
    return order, starts


@jit
def _gather(words, order, out):
    for i in range(len(order)):
        for j in range(words.shape[1]):
            out[i, j] = words[order[i], j]


def concatenate(parts: Sequence[Records], dtype: np.dtype[np.void]) -> Records:
    """Return records of several runs in one; as bytes, since numpy would copy field by field."""
    whole = np.concatenate([np.zeros(0, dtype=np.uint8), *(np.ascontiguousarray(part).view(np.uint8).reshape(-1) for part in parts)])
    return whole.view(dtype)


def gather(records: Records, order: npt.NDArray[np.int64]) -> Records:
    """Return records in an order; as 8-byte words, which is several times faster than field by field."""
    out = np.empty(len(order), dtype=records.dtype)
    words = records.dtype.itemsize // 8
    _gather(np.ascontiguousarray(records).view(np.int64).reshape(-1, words), order, out.view(np.int64).reshape(-1, words))
    return out


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
    parts = [segment.part(low, high) for segment in segments]
    if len(parts) == 1:
        return parts[0]
    records, offsets = [], np.empty((len(TABLES), high - low + 1), dtype=np.int64)
    for t in range(len(TABLES)):
        found = concatenate([part.records[t] for part in parts], RECORDS[TABLES[t]].dtype)
        order, starts = order_by(np.ascontiguousarray(found["supplier"]), low, high - low)
        records.append(found if high - low == 1 else gather(found, order))
        offsets[t] = starts
    return Segment(tuple(records), offsets, ())


def by_supplier(records: Sequence[Records], labels: Sequence[Labels], low: int, count: int) -> Segment:
    """Return a segment of records in any order."""
    sorted_records, sorted_labels, offsets = [], [], np.empty((len(TABLES), count + 1), dtype=np.int64)
    for t, found in enumerate(records):
        order, offsets[t] = order_by(np.ascontiguousarray(found["supplier"]), low, count)
        sorted_records.append(gather(found, order))
        sorted_labels.append(labels[t].take(order) if labels else NO_LABELS)
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
