"""Which change of at most three levers reaches a margin at the least effort? Exact over the shipped trees, with what proves it counted.

A margin is constant while no number passes a threshold, so of each lever only the first position of every such stretch needs a look.
With at most three levers off their place, the margin is a sum of tables over one, two and three of them: a leaf counts in the table of a
set where its box, by the levers outside the set, holds today's row. All positions of every set are then compared, but for those that

- cost as much as a change that is found already, whatever the other levers do, and
- sets whose margin with every lever at its end still misses. Where no number of a lever becomes riskier on the way and the trees are
  proved monotone, no position does better than the end.

So what is returned is the least there is: nothing is left out that could be less.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from serving.advice.levers import LeverPath
from training.bundle import Forest

Values = NDArray[np.float64]

MOST_LEVERS = 3
SLACK = 1e-9
"""Log-odds by which a margin must pass the bound, so that another order of adding cannot undo it."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Sets of levers there are, those compared in full, and those that could not do it for less by effort or by their ends."""

    sets: int
    compared: int
    too_costly: int
    out_of_reach: int


@dataclass(frozen=True, slots=True)
class Change:
    """The positions of the levers that move, by place among the paths; the margin and the effort."""

    positions: tuple[tuple[int, int], ...]
    margin: float
    effort: float


@dataclass(frozen=True)
class MarginTables:
    """Margins over all positions of at most three levers: ``today`` and what one, two and three levers add to it.

    ``kept[i]`` are the positions of lever i that differ for the trees, ``efforts[i]`` their efforts; place 0 is today.
    """

    today: float
    kept: tuple[NDArray[np.intp], ...]
    efforts: tuple[Values, ...]
    ordered: tuple[bool, ...]
    one: tuple[Values, ...]
    two: dict[tuple[int, int], Values]
    _leaf: Values
    _moves: tuple[Values, ...]
    _has: NDArray[np.bool_]
    _is_off: NDArray[np.bool_]

    def three(self, levers: tuple[int, ...], ends: Sequence[int] | None = None) -> Values | float:
        """Return what three levers add together beyond their pairs: all positions, or at one position of each."""
        rows = self._rows(levers)
        if not len(rows):
            return 0.0
        a, b, c = (self._moves[lever][rows] for lever in levers)
        if ends is not None:
            return float((self._leaf[rows] * a[:, ends[0]] * b[:, ends[1]] * c[:, ends[2]]).sum())
        both = (self._leaf[rows, None] * a)[:, :, None] * b[:, None, :]
        found: Values = (both.reshape(len(rows), -1).T @ c).reshape(a.shape[1], b.shape[1], c.shape[1])
        return found

    def _rows(self, levers: tuple[int, ...]) -> NDArray[np.intp]:
        """Return the leaves that rest on all these levers and that no other lever's place today keeps out of reach."""
        chosen = list(levers)
        is_in = self._has[:, chosen].all(axis=1) & (self._is_off.sum(axis=1) == self._is_off[:, chosen].sum(axis=1))
        return np.flatnonzero(is_in)

    def margins(self, levers: tuple[int, ...]) -> Values:
        """Return the margins over all positions of one, two or three levers, one axis for each."""
        total = np.full([1] * len(levers), self.today)
        for axis, lever in enumerate(levers):
            total = total + self.one[lever].reshape([-1 if place == axis else 1 for place in range(len(levers))])
        for i, j in combinations(range(len(levers)), 2):
            pair = self.two.get((levers[i], levers[j]))
            if pair is not None:
                total = total + pair.reshape([pair.shape[(i, j).index(p)] if p in (i, j) else 1 for p in range(len(levers))])
        return total + self.three(levers) if len(levers) == MOST_LEVERS else total

    def end(self, levers: tuple[int, ...]) -> float:
        """Return the margin of three levers at their last positions."""
        total = self.today + sum(float(self.one[lever][-1]) for lever in levers)
        total += sum(float(self.two[pair][-1, -1]) for pair in combinations(levers, 2) if pair in self.two)
        return total + float(self.three(levers, [-1] * MOST_LEVERS))


def tabulate(forest: Forest, row: Values, paths: Sequence[LeverPath], directions: Sequence[int] | None) -> MarginTables:
    """Tabulate the margins of a row, shape (f,), over the levers' positions.

    ``directions`` of the features if the trees are proved to keep them, else None: nothing is then taken for ordered.
    """
    owner = np.full(len(row), -1, dtype=np.intp)
    place_in = np.zeros(len(row), dtype=np.intp)
    for number, path in enumerate(paths):
        owner[path.places], place_in[path.places] = number, np.arange(len(path.places))
    owners = owner[forest.step_feature]
    fixed = np.flatnonzero(owners < 0)
    missed = forest.step_leaf[fixed[~forest.passes(fixed, row[forest.step_feature[fixed]])]]
    is_open = np.ones(len(forest.leaf_value), dtype=np.bool_)
    is_open[missed] = False
    open_leaves = np.flatnonzero(is_open)
    has = np.zeros((len(open_leaves), len(paths)), dtype=np.bool_)
    is_off = has.copy()
    kept, moves, ordered = [], [], []
    for number, path in enumerate(paths):
        steps = np.flatnonzero((owners == number) & is_open[forest.step_leaf])
        features = forest.step_feature[steps]
        positions, passed = _distinct(forest.passes(steps, path.values[place_in[features]]))
        move = np.zeros((len(open_leaves), len(positions)))
        leaves, first = np.unique(np.searchsorted(open_leaves, forest.step_leaf[steps]), return_index=True)
        if len(leaves):
            inside = np.logical_and.reduceat(passed, first, axis=0)
            has[leaves, number], is_off[leaves, number] = True, ~inside[:, 0]
            move[leaves] = inside.astype(np.float64) - inside[:, :1]
        kept.append(positions)
        moves.append(move)
        ordered.append(directions is not None and _is_ordered(path, directions, set(features.tolist())))
    leaf = forest.leaf_value[open_leaves]
    one, two = _one_and_two(leaf, moves, has, is_off)
    efforts = tuple(path.efforts[positions] for path, positions in zip(paths, kept, strict=True))
    today = float(leaf[~is_off.any(axis=1)].sum())
    return MarginTables(today, tuple(kept), efforts, tuple(ordered), tuple(one), two, leaf, tuple(moves), has, is_off)


def _distinct(passed: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return today's position and the first of every stretch of positions that pass the same steps, with what they pass."""
    stays = np.zeros(passed.shape[1], dtype=np.bool_)
    stays[1:] = (passed[:, 1:] == passed[:, :-1]).all(axis=0)
    positions = np.flatnonzero(~stays)
    return positions, passed[:, positions]


def _one_and_two(
    leaf: Values, moves: Sequence[Values], has: NDArray[np.bool_], is_off: NDArray[np.bool_]
) -> tuple[list[Values], dict[tuple[int, int], Values]]:
    """Return what each lever adds to the margin alone, and each two beyond that; pairs that no leaf rests on are left out."""
    off = is_off.sum(axis=1)
    one, two = [], {}
    for a, move in enumerate(moves):
        rows = np.flatnonzero(has[:, a] & (off == is_off[:, a]))
        one.append(leaf[rows] @ move[rows])
        for b in range(a + 1, len(moves)):
            rows = np.flatnonzero(has[:, a] & has[:, b] & (off == is_off[:, [a, b]].sum(axis=1)))
            if len(rows):
                two[a, b] = (leaf[rows, None] * move[rows]).T @ moves[b][rows]
    return one, two


def _is_ordered(path: LeverPath, directions: Sequence[int], used: set[int]) -> bool:
    """Return whether no number the trees use becomes riskier from one position after today to the next."""
    for place, values in zip(path.places.tolist(), path.values, strict=True):
        steps = np.diff(values[1:])
        direction = directions[place]
        if place in used and ((steps * direction > 0).any() or (not direction and steps.any())):
            return False
    return True


def least_effort(tables: MarginTables, target: float) -> tuple[Change | None, Proof]:
    """Return the change of at most three levers with the least effort whose margin is at most ``target``; None if there is none."""
    best: Change | None = None
    compared = too_costly = out_of_reach = 0
    movable = [lever for lever, positions in enumerate(tables.kept) if len(positions) > 1]
    sets = [chosen for size in range(1, MOST_LEVERS + 1) for chosen in combinations(movable, size)]
    for chosen in sets:
        first = [float(tables.efforts[lever][1]) for lever in chosen]
        if best is not None and sum(first) >= best.effort:
            too_costly += 1
            continue
        if len(chosen) == MOST_LEVERS and all(tables.ordered[lever] for lever in chosen) and tables.end(chosen) > target - SLACK:
            out_of_reach += 1
            continue
        compared += 1
        efforts = _sum_over([tables.efforts[lever] for lever in chosen])
        is_enough = tables.margins(chosen) <= target - SLACK
        # A lever at its place of today makes a smaller set, which was compared before.
        cost = np.where(is_enough, efforts, np.inf)[tuple([slice(1, None)] * len(chosen))]
        place = np.unravel_index(int(np.argmin(cost)), cost.shape)
        if cost[place] < (np.inf if best is None else best.effort):
            best = _change(tables, chosen, [int(p) + 1 for p in place])
    return best, Proof(len(sets), compared, too_costly, out_of_reach)


def lowest_margin(tables: MarginTables) -> Change | None:
    """Return the change of at most three levers with the lowest margin, of these the one of least effort; None if nothing lowers it."""
    best: Change | None = None
    movable = [lever for lever, positions in enumerate(tables.kept) if len(positions) > 1]
    for size in range(1, MOST_LEVERS + 1):
        for chosen in combinations(movable, size):
            bar = tables.today if best is None else best.margin
            if size == MOST_LEVERS and all(tables.ordered[lever] for lever in chosen) and tables.end(chosen) > bar - SLACK:
                continue
            margins = tables.margins(chosen)[tuple([slice(1, None)] * size)]
            lowest = float(margins.min())
            if lowest > bar - SLACK:
                continue
            efforts = _sum_over([tables.efforts[lever][1:] for lever in chosen])
            place = np.unravel_index(int(np.argmin(np.where(margins <= lowest + SLACK, efforts, np.inf))), margins.shape)
            best = _change(tables, chosen, [int(p) + 1 for p in place])
    return best


def _sum_over(efforts: Sequence[Values]) -> Values:
    total: Values = efforts[0]
    for more in efforts[1:]:
        total = total[..., None] + more
    return total


def _change(tables: MarginTables, chosen: tuple[int, ...], place: Sequence[int]) -> Change:
    margins = tables.margins(chosen)
    positions = tuple((lever, int(tables.kept[lever][p])) for lever, p in zip(chosen, place, strict=True))
    effort = sum(float(tables.efforts[lever][p]) for lever, p in zip(chosen, place, strict=True))
    return Change(positions, float(margins[tuple(place)]), effort)
