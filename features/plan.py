"""What the features ask of the kernel: each window sum, last day and counterparty measure once, however many formulas use it.

Stands between the catalogue and the kernel. A `Plan` is made from formulas alone; `Schedule` adds the as-of dates and lays both out as
the arrays the kernel reads.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from features.facts import KIND_INDEX, KINDS, PARTY_METRICS, column_index


@dataclass(frozen=True, slots=True)
class Window:
    """The sum of one column of one kind over [as_of - since, as_of - until); `since=None` reaches back to the first fact."""

    kind: str
    column: str
    since: int | None
    until: int = 0


@dataclass(frozen=True, slots=True)
class LastDay:
    """The last day before the as-of date on which a fact of a kind still stands."""

    kind: str


@dataclass(frozen=True, slots=True)
class Parties:
    """The measures of one kind's counterparties over [as_of - window, as_of)."""

    kind: str
    window: int


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """One sum of the buyer network (`features.network.MEASURES`), and a kind of fact it rests on."""

    kind: str
    measure: str


Need = Window | LastDay | Parties | Elsewhere

_OPEN: Final = -1
"""The edge of a window that reaches back to the first fact."""


@dataclass(frozen=True)
class Plan:
    """Everything a set of formulas needs, each thing once, in a fixed order.

    Parameters
    ----------
    windows : tuple of Window
        By kind, so that what one fact touches lies together.
    last : tuple of LastDay
    parties : tuple of Parties
        By kind, then window, ascending.
    has_network : bool
        Whether anything asks for the buyer network.
    """

    windows: tuple[Window, ...]
    last: tuple[LastDay, ...]
    parties: tuple[Parties, ...]
    has_network: bool = False

    @staticmethod
    def of(needs: Iterable[Need]) -> "Plan":
        """Return the plan of what is needed."""
        every = set(needs)
        windows = sorted(
            (need for need in every if isinstance(need, Window)),
            key=lambda w: (KIND_INDEX[w.kind], column_index(w.kind, w.column), w.until, -1 if w.since is None else w.since),
        )
        last = sorted((need for need in every if isinstance(need, LastDay)), key=lambda need: KIND_INDEX[need.kind])
        parties = sorted((need for need in every if isinstance(need, Parties)), key=lambda need: (KIND_INDEX[need.kind], need.window))
        return Plan(tuple(windows), tuple(last), tuple(parties), any(isinstance(need, Elsewhere) for need in every))

    @cached_property
    def window_at(self) -> dict[Window, int]:
        """Where each window's sums lie."""
        return {need: place for place, need in enumerate(self.windows)}

    @cached_property
    def last_at(self) -> dict[LastDay, int]:
        """Where each last day lies."""
        return {need: place for place, need in enumerate(self.last)}

    @cached_property
    def parties_at(self) -> dict[Parties, int]:
        """Where each measure of counterparties begins."""
        return {need: place * len(PARTY_METRICS) for place, need in enumerate(self.parties)}

    @cached_property
    def tables(self) -> frozenset[str]:
        """Contract tables the plan rests on."""
        return frozenset(
            KINDS[KIND_INDEX[kind]].table
            for kind in (*(w.kind for w in self.windows), *(n.kind for n in self.last), *(n.kind for n in self.parties))
        )


class Schedule(NamedTuple):
    """A plan on as-of dates, as the kernel reads it.

    Parameters
    ----------
    as_of, known : int32 arrays (dates,)
        The as-of days, ascending, and for each the day before which a fact must be known.
    bounds : int32 array (bounds,)
        All edges of all windows of all dates, ascending; bin b holds the days from bounds[b - 1] to before bounds[b].
    bin_of_day : int32 array
        Bin of each day from bounds[0] to before the last bound.
    edge_at : int32 array (dates, edges)
        For each date and edge the bound it is.
    columns, column_of : int64 arrays (kinds + 1,), (slots,)
        Which slots (column sums) each kind fills, and from which column.
    windows, window_of_kind : int64 arrays (windows, 3), (kinds + 1,)
        Slot, edge of the beginning (-1 for none) and of the end; and which windows each kind touches.
    edges : int32 array (edges,)
        Days back of each edge.
    last : int64 array (kinds,)
        Where each kind's last day goes, -1 for nowhere.
    walks : int64 array (parties, 2)
        Kind and edge of each measure of counterparties.
    walk_at : int64 array (kinds,)
        Numbers the kinds whose facts are walked one by one, -1 for the others.
    """

    as_of: npt.NDArray[np.int32]
    known: npt.NDArray[np.int32]
    bounds: npt.NDArray[np.int32]
    bin_of_day: npt.NDArray[np.int32]
    edge_at: npt.NDArray[np.int32]
    columns: npt.NDArray[np.int64]
    column_of: npt.NDArray[np.int64]
    windows: npt.NDArray[np.int64]
    window_of_kind: npt.NDArray[np.int64]
    edges: npt.NDArray[np.int32]
    last: npt.NDArray[np.int64]
    walks: npt.NDArray[np.int64]
    walk_at: npt.NDArray[np.int64]


def schedule(plan: Plan, as_of: Sequence[int], known: Sequence[int] | None = None) -> Schedule:
    """Lay a plan out on as-of days, ascending; `known` says before which day a fact must be known, the as-of day itself by default."""
    days = np.asarray(as_of, dtype=np.int32)
    cuts = days if known is None else np.asarray(known, dtype=np.int32)
    needed = {0, *(w.until for w in plan.windows), *(w.since for w in plan.windows if w.since), *(p.window for p in plan.parties)}
    edges = np.array(sorted(needed), dtype=np.int32)
    place = {int(edge): at for at, edge in enumerate(edges)}
    bounds = np.unique(days[:, None] - edges[None, :]).astype(np.int32)
    slots = sorted({(KIND_INDEX[w.kind], column_index(w.kind, w.column)) for w in plan.windows})
    slot_at = {slot: at for at, slot in enumerate(slots)}
    windows: list[Any] = [
        (slot_at[KIND_INDEX[w.kind], column_index(w.kind, w.column)], _OPEN if w.since is None else place[w.since], place[w.until])
        for w in plan.windows
    ]
    last, walk_at = np.full((2, len(KINDS)), -1, dtype=np.int64)
    for at, need in enumerate(plan.last):
        last[KIND_INDEX[need.kind]] = at
    walked = sorted({KIND_INDEX[kind] for kind in (*(need.kind for need in plan.last), *(need.kind for need in plan.parties))})
    walk_at[walked] = np.arange(len(walked))
    inner = np.arange(bounds[0], bounds[-1], dtype=np.int32)
    return Schedule(
        as_of=days,
        known=cuts,
        bounds=bounds,
        bin_of_day=np.searchsorted(bounds, inner, side="right").astype(np.int32),
        edge_at=np.searchsorted(bounds, days[:, None] - edges[None, :]).astype(np.int32),
        columns=_starts([kind for kind, _ in slots]),
        column_of=np.array([column for _, column in slots], dtype=np.int64),
        windows=np.array(windows, dtype=np.int64).reshape(-1, 3),
        window_of_kind=_starts([KIND_INDEX[w.kind] for w in plan.windows]),
        edges=edges,
        last=last,
        walks=np.array([(KIND_INDEX[p.kind], place[p.window]) for p in plan.parties], dtype=np.int64).reshape(-1, 2),
        walk_at=walk_at,
    )


def _starts(kinds: list[int]) -> npt.NDArray[np.int64]:
    """Where each kind begins in an ascending list of kinds (kinds + 1,)."""
    return np.searchsorted(np.array(kinds, dtype=np.int64), np.arange(len(KINDS) + 1)).astype(np.int64)
