"""Versions of a row, and the facts they tell: what was believed from one recording until the next.

Stands under `features.derive`. A row is believed from its `recorded` (from always, where that is missing) until the next version of its
key. A fact is known on the later of its event day and the day its span began, and taken back the day its span ended.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit, types

from features.civil import ALWAYS, NONE
from features.compiled import allocating, jit, jit_for
from features.facts import COLUMNS

NEVER: Final = -1_000_000
"""A day before every civil day of a business."""

FOREVER: Final = np.iinfo(np.int32).max
"""A day after all others."""


Facts = npt.NDArray[np.int64]
"""Facts in rows: kind, event day, known day, counterparty, place of the record, then the sign and the values (facts, WIDTH)."""

KIND: Final = 0
EVENT: Final = 1
KNOWN: Final = 2
PARTY: Final = 3
ROW: Final = 4
VALUES: Final = 5
WIDTH: Final = VALUES + COLUMNS


ROOM: Final = 4096
"""Facts of one supplier there is room for at first; a larger one makes it grow."""


def room(size: int) -> Facts:
    """Return room for `size` facts."""
    return np.zeros((size, WIDTH), dtype=np.int64)


_INT: Final = types.int64
_TOLD: Final = _INT(_INT[:, ::1], *[_INT] * 14)
"""One signature for all: without it every mix of widths and booleans would be compiled anew."""


@jit_for(_TOLD)
def _tell(facts, n, kind, event, since, until, party, row, v1, v2, v3, v4, v5, v6, v7):
    if event == NONE:
        return n
    known, back = max(event, since), max(event, until)
    if back <= known:
        return n
    if n < len(facts):  # the count goes on, so that the caller sees how much room is needed
        facts[n, 0], facts[n, 1], facts[n, 2], facts[n, 3], facts[n, 4], facts[n, 5] = kind, event, known, party, row, 1
        facts[n, 6], facts[n, 7], facts[n, 8], facts[n, 9] = v1, v2, v3, v4
        facts[n, 10], facts[n, 11], facts[n, 12] = v5, v6, v7
    if until == FOREVER:
        return n + 1
    if n + 1 < len(facts):
        for c in range(VALUES):
            facts[n + 1, c] = facts[n, c]
        facts[n + 1, KNOWN] = back
        for c in range(VALUES, WIDTH):
            facts[n + 1, c] = -facts[n, c]
    return n + 2


@njit(inline="always")
def tell(facts, n, kind, event, since, until, party, row, v1=0, v2=0, v3=0, v4=0, v5=0, v6=0, v7=0):
    """A fact believed from one day until another: told when known, taken back when no longer believed."""
    return _tell(facts, n, kind, event, since, until, party, row, v1, v2, v3, v4, v5, v6, v7)


@jit
def since_day(rows, i):
    """First day a version was believed."""
    return NEVER if rows[i].recorded == ALWAYS else rows[i].recorded_day


@jit
def until_day(rows, following):
    """Day from which it was no longer believed, given the version that follows."""
    return FOREVER if following < 0 else rows[following].recorded_day


@jit
def _chains(rows, slots, following, is_first):
    """Link the versions of each key in the order of their recording; `slots` finds a key's first version."""
    mask = len(slots) - 1
    slots[:] = -1
    for i in range(len(rows)):
        following[i], is_first[i] = -1, True
        at = (rows[i].key ^ (rows[i].key >> 29)) & mask
        while slots[at] >= 0 and rows[slots[at]].key != rows[i].key:
            at = (at + 1) & mask
        first = slots[at]
        if first < 0 or rows[i].recorded < rows[first].recorded:
            if first >= 0:
                is_first[first] = False
            following[i], slots[at] = first, i
            continue
        is_first[i] = False
        while following[first] >= 0 and rows[following[first]].recorded <= rows[i].recorded:
            first = following[first]
        following[i], following[first] = following[first], i


@jit
def _is_corrected(rows):
    """Whether any row carries the time of its recording; without one no key can have two versions."""
    at = 0
    while at < len(rows) and rows[at].recorded == ALWAYS:
        at += 1
    return at < len(rows)


@allocating
def versions(rows, is_looked_up=False):
    """Following version of each record, whether it is the first of its key, and the table of keys where it `is_looked_up`."""
    following, is_first = np.full(len(rows), -1, np.int32), np.ones(len(rows), np.bool_)
    if not is_looked_up and not _is_corrected(rows):
        return np.empty(0, np.int32), following, is_first
    size = 4
    while size < 2 * len(rows):
        size *= 2
    slots = np.empty(size, np.int32)
    _chains(rows, slots, following, is_first)
    return slots, following, is_first


@allocating
def following_of(rows):
    """Following version of each record."""
    return versions(rows)[1]


@jit
def find(rows, slots, key):
    """First version of a key, -1 if there is none."""
    mask = len(slots) - 1
    at = (key ^ (key >> 29)) & mask
    while slots[at] >= 0 and rows[slots[at]].key != key:
        at = (at + 1) & mask
    return slots[at]


@jit
def valid_at(rows, following, i, moment):
    """The version believed at a moment, -1 before the first."""
    if rows[i].recorded > moment:
        return -1
    while following[i] >= 0 and rows[following[i]].recorded <= moment:
        i = following[i]
    return i
