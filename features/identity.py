"""Ids to numbers: a 64-bit hash for what is looked up within one supplier, a code for suppliers and counterparties.

Stands inside the second step of the walk. Ids arrive as Arrow hands them over: UTF-8 bytes of all rows in one array, and where each
row's bytes begin. The hash is XXH64 (Yann Collet's specification, seed 0), spelled out here because it must be the same on every engine
and in every year: a stored ledger compares by it. Two ids of one supplier are confused with a chance of n^2 / 2^65; codes compare bytes.
"""

from contextlib import nullcontext
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt

from features.compiled import jit

_P1: Final = np.uint64(0x9E3779B185EBCA87)
_P2: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_P3: Final = np.uint64(0x165667B19E3779F9)
_P4: Final = np.uint64(0x85EBCA77C2B2AE63)
_P5: Final = np.uint64(0x27D4EB2F165667C5)
_1, _2, _3, _8, _16, _24, _32 = (np.uint64(number) for number in (1, 2, 3, 8, 16, 24, 32))

_CODE: Final = np.int64(0xFFFFFFFF)
_SIZE_AND_CODE: Final = np.int64(0xFFFFFFFFFF)
"""A slot is an id's mark and its code, counted from 1 and 0 in a free slot; what the mark leaves open, the id's ends tell."""

_CHUNK: Final = 4096
"""Rows encoded between two checks of the index's room: the table stays small enough for the processor's cache."""


@jit
def _rotl(x, r):
    return (x << np.uint64(r)) | (x >> np.uint64(64 - r))


@jit
def _load4(data, at):
    """Four bytes as a little-endian number; an index without a sign, so that one load is made of them."""
    i = np.uint64(at)
    low = np.uint64(data[i]) | np.uint64(data[i + _1]) << _8
    return low | np.uint64(data[i + _2]) << _16 | np.uint64(data[i + _3]) << _24


@jit
def _load8(data, at):
    """Eight bytes as a little-endian number."""
    return _load4(data, at) | _load4(data, at + 4) << _32


@jit
def _round(acc, word):
    return _rotl(acc + word * _P2, 31) * _P1


@jit
def xxh64(data, low, high):
    """XXH64, seed 0, of data[low:high], as int64 bits."""
    size, at = high - low, low
    if size >= 32:
        a, b, c, d = _P1 + _P2, _P2, np.uint64(0), np.uint64(0) - _P1
        while at <= high - 32:
            a, b = _round(a, _load8(data, at)), _round(b, _load8(data, at + 8))
            c, d = _round(c, _load8(data, at + 16)), _round(d, _load8(data, at + 24))
            at += 32
        h = _rotl(a, 1) + _rotl(b, 7) + _rotl(c, 12) + _rotl(d, 18)
        for acc in (a, b, c, d):
            h = (h ^ _round(np.uint64(0), acc)) * _P1 + _P4
    else:
        h = _P5
    h += np.uint64(size)
    while at + 8 <= high:
        h = _rotl(h ^ _round(np.uint64(0), _load8(data, at)), 27) * _P1 + _P4
        at += 8
    if at + 4 <= high:
        h = _rotl(h ^ (_load4(data, at) * _P1), 23) * _P2 + _P3
        at += 4
    while at < high:
        h = _rotl(h ^ (np.uint64(data[np.uint64(at)]) * _P5), 11) * _P1
        at += 1
    h = (h ^ (h >> np.uint64(33))) * _P2
    h = (h ^ (h >> np.uint64(29))) * _P3
    return np.int64(h ^ (h >> np.uint64(32)))


@jit
def hash_ids(data, offsets, valid, out):
    """Fill `out` with the hash of each row's id; 0 where the row has none."""
    for i in range(len(out)):
        out[i] = xxh64(data, offsets[i], offsets[i + 1]) if valid[i] else 0


@jit
def mix(key, other, out):
    """Hash of two hashes, in their order."""
    for i in range(len(out)):
        h = (np.uint64(key[i]) ^ (np.uint64(other[i]) * _P2 + _P5)) * _P1
        h = (h ^ (h >> np.uint64(29))) * _P3
        out[i] = np.int64(h ^ (h >> np.uint64(32)))


@jit
def _ends(data, low, high):
    """The first and the last eight bytes of data[low:high], or all of what is shorter."""
    if high - low >= 8:
        return np.int64(_load8(data, low)), np.int64(_load8(data, high - 8))
    head = np.uint64(0)
    if low + 8 <= len(data):
        head = _load8(data, low) & ((_1 << np.uint64(8 * (high - low))) - _1)
    else:
        for i in range(high - low):
            head |= np.uint64(data[low + i]) << np.uint64(8 * i)
    return np.int64(head), np.int64(0)


@jit
def _mark(h, size):
    """What tells a slot's id from others before its bytes do: part of its hash, and its size up to 255."""
    return (h & ~_SIZE_AND_CODE) | (min(size, 255) << 32)


@jit
def _is_middle_same(data, low, high, store, starts, code):
    """Whether an id that agrees with a stored one in mark and ends does so between them, too."""
    at, begin = low + 8, starts[code]
    while at < high - 8 and data[at] == store[begin + at - low]:
        at += 1
    return at >= high - 8 and starts[code + 1] - begin == high - low


@jit
def _hash(data, low, high, head, tail):
    """Hash of an id within an index, given its ends: of no more than these where they are all of it."""
    if high - low > 16:
        return xxh64(data, low, high)
    h = (np.uint64(head) + np.uint64(high - low)) * _P1 ^ _rotl(np.uint64(tail) * _P2, 32)
    h = (h ^ (h >> _32)) * _P3
    return np.int64(h ^ (h >> _32))


@jit
def _guess(data, offsets, slots, ends, codes):
    """Codes of those whose mark stands in one of the first two slots of their hash and whose ends are the same, as those of nearly all are;
    -3 else.

    Without a branch that is hard to foretell, so that the memory's answers for many rows are awaited at a time.
    """
    mask = np.uint64(len(slots) - 1)
    for i in range(np.uint64(len(codes))):
        low, high = offsets[i], offsets[i + _1]
        head, tail = _ends(data, low, high)
        h = _hash(data, low, high, head, tail)
        at, mark = np.uint64(h) & mask, _mark(h, high - low)
        first, second = slots[at], slots[(at + _1) & mask]
        found = first if first & ~_CODE == mark else second
        code = np.uint64(max((found & _CODE) - 1, 0))
        is_same = (found & _CODE != 0) & (found & ~_CODE == mark) & (ends[code, 0] == head) & (ends[code, 1] == tail)
        codes[i] = code if is_same else -3


@jit
def _encode(data, offsets, valid, slots, ends, store, starts, count, grow, codes):
    """Codes of rows; -1 where a row has no id, -2 where it is unknown and `grow` is off. Returns how many ids there are now."""
    _guess(data, offsets, slots, ends, codes)
    for i in range(len(codes)):
        low, high = offsets[i], offsets[i + 1]
        if not valid[i]:
            codes[i] = -1
        elif codes[i] < 0 or (high - low > 16 and not _is_middle_same(data, low, high, store, starts, codes[i])):
            head, tail = _ends(data, low, high)
            h = _hash(data, low, high, head, tail)
            at = _find(data, low, high, h, head, tail, slots, ends, store, starts)
            if slots[at] == 0 and grow:
                for j in range(high - low):
                    store[starts[count] + j] = data[low + j]
                starts[count + 1] = starts[count] + high - low
                ends[count, 0], ends[count, 1] = head, tail
                count += 1
                slots[at] = _mark(h, high - low) | count
            codes[i] = (slots[at] & _CODE) - 1 if slots[at] != 0 else -2
    return count


@jit
def _find(data, low, high, h, head, tail, slots, ends, store, starts):
    """The slot of an id, a free one if it is unknown."""
    mask, mark = len(slots) - 1, _mark(h, high - low)
    at = h & mask
    while slots[at] != 0:
        code = (slots[at] & _CODE) - 1
        is_alike = slots[at] & ~_CODE == mark and ends[code, 0] == head and ends[code, 1] == tail
        if is_alike and _is_middle_same(data, low, high, store, starts, code):
            break
        at = (at + 1) & mask
    return at


class IdIndex:
    """Ids and their codes, in the order in which they were first met.

    Examples
    --------
    >>> index = IdIndex()
    >>> index.encode(*utf8(["S1", "S2", "S1"]), np.ones(3, dtype=np.bool_)).tolist()
    [0, 1, 0]
    >>> index.ids()
    ['S1', 'S2']
    """

    def __init__(self) -> None:
        """Begin without an id."""
        self.count = 0
        self._lock = Lock()
        self._store = np.empty(1024, dtype=np.uint8)
        self._starts = np.zeros(2, dtype=np.int64)
        self._slots = np.zeros(1024, dtype=np.int64)
        self._ends = np.zeros((1, 2), dtype=np.int64)

    def encode(
        self,
        data: npt.NDArray[np.uint8],
        offsets: npt.NDArray[np.int64],
        valid: npt.NDArray[np.bool_],
        *,
        grow: bool = True,
    ) -> npt.NDArray[np.int32]:
        """Return each row's code (rows,); -1 without an id, -2 for an unknown one where the index may not grow.

        Any number of threads may ask; those that may make it grow wait for one another.
        """
        rows = len(offsets) - 1
        codes = np.empty(rows, dtype=np.int32)
        for low in range(0, rows, _CHUNK):
            high = min(low + _CHUNK, rows)
            with self._lock if grow else nullcontext():
                if grow:
                    self._make_room(high - low, int(offsets[high] - offsets[low]))
                found = _encode(
                    data, offsets[low : high + 1], valid[low:high], self._slots, self._ends, self._store, self._starts, self.count, grow,
                    codes[low:high],
                )  # fmt: skip
                self.count = found if grow else self.count
        return codes

    def _make_room(self, rows: int, size: int) -> None:
        """Room for as many new ids and bytes, with the table at most half full."""
        needed = self.count + rows
        if len(self._starts) <= needed:
            self._starts = np.concatenate([self._starts[: self.count + 1], np.zeros(2 * needed - self.count, dtype=np.int64)])
            self._ends = np.concatenate([self._ends[: self.count], np.zeros((2 * needed - self.count, 2), dtype=np.int64)])
        used = int(self._starts[self.count])
        if len(self._store) < used + size:
            self._store = np.concatenate([self._store[:used], np.empty(used + 2 * size, dtype=np.uint8)])
        if len(self._slots) < 2 * needed:
            store, starts = self.arrays()
            valid, codes = np.ones(self.count, dtype=np.bool_), np.empty(self.count, dtype=np.int32)
            self._slots = np.zeros(1 << (2 * needed).bit_length(), dtype=np.int64)
            _encode(store, starts, valid, self._slots, self._ends, self._store, self._starts, 0, True, codes)

    def arrays(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """Return the ids' bytes and where each begins (ids + 1,)."""
        starts = self._starts[: self.count + 1].copy()
        return self._store[: starts[-1]].copy(), starts

    def ids(self) -> list[str]:
        """Return the ids by code."""
        store, starts = self.arrays()
        return texts(store, starts)


def utf8(ids: list[str]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return texts as bytes and where each begins (rows + 1,)."""
    encoded = [text.encode() for text in ids]
    starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum([len(text) for text in encoded], dtype=np.int64)])
    return np.frombuffer(b"".join(encoded) or b"\0", dtype=np.uint8), starts


def texts(data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64]) -> list[str]:
    """Return bytes and their beginnings as texts."""
    whole, first = data[starts[0] : starts[-1]].tobytes(), int(starts[0])
    return [whole[low - first : high - first].decode() for low, high in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)]
