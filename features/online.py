"""A finished feature row per supplier, kept for reading online: one immutable file, mapped into memory, no parsing.

For a service that needs the row of one supplier in a microsecond and does not need the facts behind it. The file is written whole or not
at all, names its as-of date and its columns, and carries the SHA-256 of everything else in it.

The file, little-endian: a header of 128 bytes (magic, as-of day, counts, places, digest), the column names as JSON, an open-addressed
table of row numbers (uint32, row + 1, 0 is free) by the CRC-32 of the id, the ids at one width padded with zero bytes, and the rows,
float64 one after another. Readers of the same file share its pages.
"""

import contextlib
import hashlib
import json
import mmap
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import uuid4
from zlib import crc32

import numpy as np
import numpy.typing as npt

from credit.errors import CannotWrite, LedgerUnreadable, OutOfRange, UnknownSupplier
from features.civil import to_date
from features.matrix import FeatureMatrix

MAGIC: Final = b"LXROWS\x00\x01"
_HEADER: Final = struct.Struct("<8s i I Q Q Q Q Q Q 32s")
_HEADER_BYTES: Final = 128
_CELL: Final = np.dtype("<f8")
_ALIGNED: Final = 64
_MOST_ROWS: Final = 2**32 - 2


def write_online(matrix: FeatureMatrix, path: Path) -> str:
    """Write a matrix of one as-of date as a file of rows, complete or not at all; an existing file is replaced.

    Parameters
    ----------
    matrix : FeatureMatrix
        One row per supplier.
    path : Path

    Returns
    -------
    str
        SHA-256 of the file's content, as hexadecimal digits: the same matrix gives the same.

    Raises
    ------
    OutOfRange
        If the matrix is empty, has several as-of dates, names a supplier twice, or an id is empty or holds a zero byte.
    CannotWrite
        If the file cannot be written there.
    """
    days = np.unique(matrix.as_of)
    if len(days) != 1:
        raise OutOfRange(f"the matrix has {len(days)} as-of dates; a file of rows holds exactly one: choose its rows first")
    if len(matrix.supplier_ids) > _MOST_ROWS:
        raise OutOfRange(f"the matrix has {len(matrix.supplier_ids)} rows; a file of rows holds at most {_MOST_ROWS}: split it")
    keys = [supplier.encode() for supplier in matrix.supplier_ids.tolist()]
    if any(not key or b"\x00" in key for key in keys):
        raise OutOfRange("a supplier's id is empty or holds a zero byte, by which ids are told apart here: correct the id")
    if len(set(keys)) != len(keys):
        raise OutOfRange("a supplier has two rows of one date; a file of rows holds one per supplier: remove the other")
    width = max(len(key) for key in keys)
    names = json.dumps(list(matrix.names), ensure_ascii=False).encode()
    slots = _slots(keys)
    slots_at = _aligned(_HEADER_BYTES + len(names))
    ids_at = _aligned(slots_at + slots.nbytes)
    values_at = _aligned(ids_at + width * len(keys))
    values = np.ascontiguousarray(matrix.values, dtype=_CELL).reshape(-1).view(np.uint8).data
    places = (len(keys), len(slots), width, slots_at, ids_at, values_at)
    head = (int(days[0].astype(np.int64)), len(matrix.names), *places)
    parts = (
        (_HEADER_BYTES, names),
        (slots_at, slots.tobytes()),
        (ids_at, np.array(keys, dtype=f"S{width}").tobytes()),
        (values_at, values),
    )
    digest = hashlib.sha256(_HEADER.pack(MAGIC, *head, bytes(32)).ljust(_HEADER_BYTES, b"\x00"))
    written = _HEADER_BYTES
    for at, part in parts:
        digest.update(bytes(at - written))
        digest.update(part)
        written = at + len(part)
    _write(path, ((0, _HEADER.pack(MAGIC, *head, digest.digest())), *parts))
    return digest.hexdigest()


def _aligned(at: int) -> int:
    return -(-at // _ALIGNED) * _ALIGNED


def _slots(keys: list[bytes]) -> npt.NDArray[np.uint32]:
    """The table of rows by hash, at most half full so that a search ends soon."""
    count = 1 << (2 * len(keys)).bit_length()
    table = [0] * count
    for row, key in enumerate(keys, 1):
        at = crc32(key) & (count - 1)
        while table[at]:
            at = (at + 1) & (count - 1)
        table[at] = row
    return np.array(table, dtype="<u4")


def _write(path: Path, parts: tuple[tuple[int, bytes | memoryview], ...]) -> None:
    """Write parts at their places to a neighbouring file, make it last, and rename it."""
    part_path = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part_path.open("wb") as stream:
            for at, part in parts:
                stream.seek(at)
                stream.write(part)
            stream.truncate(max(stream.tell(), parts[-1][0]))
            stream.flush()
            os.fsync(stream.fileno())
        part_path.replace(path)
        _make_last(path.parent)
    except OSError as error:
        raise CannotWrite(f"{path} cannot be written ({error.strerror}); name a file in a folder that can be written") from error
    finally:
        part_path.unlink(missing_ok=True)


def _make_last(folder: Path) -> None:
    """Ask that the renaming itself outlives a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class OnlineRows:
    """An open file of rows.

    Attributes
    ----------
    as_of : date
        The date of every row.
    names : tuple of str
        Feature names, in the order of a row's values.
    content_hash : str
        SHA-256 of the file's content.
    """

    __slots__ = ("_ids_at", "_map", "_mask", "_rows", "_slots", "_values", "_width", "as_of", "content_hash", "names")

    def __init__(self, mapped: mmap.mmap, *, verify: bool) -> None:
        """Read the header of a mapped file; `open_online` is the door."""
        if sys.byteorder != "little":
            raise ValueError("this processor is big-endian, the file little-endian")
        if len(mapped) < _HEADER_BYTES or mapped[:8] != MAGIC:
            raise ValueError("it does not begin as a file of rows does")
        _, day, columns, rows, slots, width, slots_at, ids_at, values_at, digest = _HEADER.unpack_from(mapped)
        ends = (slots_at + 4 * slots <= ids_at, ids_at + width * rows <= values_at, values_at + 8 * columns * rows == len(mapped))
        if not all(ends) or slots_at < _HEADER_BYTES or rows >= slots or slots & (slots - 1):
            raise ValueError("its parts do not fit its length")
        if verify and _digest(mapped) != digest:
            raise ValueError("it is not what was written")
        names = json.loads(mapped[_HEADER_BYTES:slots_at].rstrip(b"\x00"))
        if not isinstance(names, list) or len(names) != columns:
            raise ValueError("its column names are not as many as its columns")
        self._rows: int = rows
        self._map, self._mask, self._width = mapped, slots - 1, width
        self._slots = memoryview(mapped)[slots_at : slots_at + 4 * slots].cast("I")
        self._values: npt.NDArray[np.float64] = np.frombuffer(mapped, _CELL, rows * columns, values_at).reshape(rows, columns)
        self._ids_at = ids_at
        self.as_of, self.names, self.content_hash = to_date(day), tuple(map(str, names)), digest.hex()

    def __len__(self) -> int:
        """Return the number of suppliers."""
        return self._rows

    def __iter__(self) -> Iterator[str]:
        """Iterate over the supplier ids, in the order of the rows."""
        for row in range(self._rows):
            at = self._ids_at + row * self._width
            yield self._map[at : at + self._width].rstrip(b"\x00").decode()

    def row(self, supplier_id: str) -> npt.NDArray[np.float64]:
        """Return a supplier's values in the order of `names`, missing as NaN: read-only float64 (features,), valid while it is held.

        Raises
        ------
        UnknownSupplier
            If the file has no row of the supplier.
        """
        key = supplier_id.encode("utf-8", "surrogatepass")
        slots, width, mapped = self._slots, self._width, self._map
        padded = key.ljust(width, b"\x00")
        slot = crc32(key) & self._mask
        for _ in range(self._rows + 1):
            row = slots[slot]
            if not 0 < row <= self._rows:
                break
            at = self._ids_at + (row - 1) * width
            # an id with zero bytes at its end would look like the same id without them
            if mapped[at : at + width] == padded and key[-1:] != b"\x00":
                values: npt.NDArray[np.float64] = self._values[row - 1]
                return values
            slot = (slot + 1) & self._mask
        raise UnknownSupplier(f"supplier {supplier_id!r} has no row of {self.as_of}; check the id, or write the rows again with its events")


def _digest(mapped: mmap.mmap) -> bytes:
    """SHA-256 over the file with the digest's own place blank."""
    head = mapped[:_HEADER_BYTES]
    place = _HEADER.size - 32
    found = hashlib.sha256(head[:place] + bytes(32) + head[_HEADER.size :])
    with memoryview(mapped) as view, view[_HEADER_BYTES:] as body:
        found.update(body)
    return found.digest()


def open_online(path: Path, *, verify: bool = True) -> OnlineRows:
    """Open a file that `write_online` wrote; its rows are mapped into memory.

    Parameters
    ----------
    path : Path
    verify : bool
        Read the whole file once and compare its SHA-256 with the header (about a second per GB).

    Raises
    ------
    LedgerUnreadable
        If there is no such file, it is no file of rows, or it is not what was written.
    """
    try:
        with path.open("rb") as stream, contextlib.ExitStack() as undo:
            mapped = undo.enter_context(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
            rows = OnlineRows(mapped, verify=verify)
            undo.pop_all()
            return rows
    except (OSError, ValueError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise LedgerUnreadable(f"{path} is not a readable file of feature rows ({why}); write it again from the ledger") from error
