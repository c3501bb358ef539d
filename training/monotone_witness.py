"""Two rows that show a model fall where it must rise: sought by climbing, shown by LightGBM itself.

Asked only where a tree is not ordered. Other trees may make the fall good, so one cell after the other of the features they
use is chosen to make the model's own fall as large as it gets, from several starts with a fixed seed. What is found is a fact;
that nothing is found proves nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from training.trees import Boxes, Tree, Values

_PAIRS_TRIED = 10
_STARTS = 2
_SWEEPS = 3
_SEED = 20261121


class Pair(NamedTuple):
    """Leaves of one tree that are not ordered: the row with the smaller number of ``feature`` lies in ``lower``."""

    tree: int
    feature: int
    lower: int
    higher: int


@dataclass(frozen=True, slots=True)
class Witness:
    """Two rows that differ in ``feature`` alone, and the margins LightGBM's predict gives them.

    ``row`` holds the values of the features that matter, by name (None: missing); all others may be anything, here missing.
    """

    feature: str
    lower: float
    higher: float
    row: dict[str, float | None]
    margin_at_lower: float
    margin_at_higher: float


def find_witness(
    model_text: str, names: Sequence[str], trees: Sequence[Tree], boxes: Sequence[Boxes], pairs: Sequence[Pair], directions: Sequence[int]
) -> Witness | None:
    """Return two rows on which the whole model breaks a direction, or None where none was found.

    ``pairs`` are tried in their order, the first ten.
    """
    from lightgbm import Booster

    booster = Booster(model_str=model_text)
    rng = np.random.default_rng(_SEED)
    for pair in pairs[:_PAIRS_TRIED]:
        search = _Search(booster, trees, boxes, pair, directions[pair.feature])
        for _ in range(_STARTS):
            lower, higher = search.climb(rng)
            margins: list[float] = np.asarray(booster.predict(np.vstack([lower, higher]), raw_score=True, num_threads=1)).tolist()
            if (margins[0] - margins[1]) * directions[pair.feature] > 0:
                row = {names[j]: None if np.isnan(lower[j]) else float(lower[j]) for j in search.others}
                return Witness(names[pair.feature], float(lower[pair.feature]), float(higher[pair.feature]), row, *margins)
    return None


class _Search:
    """Rows in the boxes of one pair of leaves; only trees that split on its feature can tell the two rows apart."""

    def __init__(self, booster: Any, trees: Sequence[Tree], boxes: Sequence[Boxes], pair: Pair, direction: int) -> None:
        self._booster, self._feature, self._direction = booster, pair.feature, direction
        cells: dict[int, list[Values]] = {}
        for tree, of_tree in zip(trees, boxes, strict=True):
            if (tree.feature == pair.feature).any():
                for j, numbers in zip(of_tree.features.tolist(), of_tree.cells, strict=True):
                    cells.setdefault(j, []).append(numbers[~np.isinf(numbers)])
        box = boxes[pair.tree]
        every = {j: _plain_first(np.unique(np.concatenate(lists))) for j, lists in cells.items()}
        ends = [box.holds(leaf, pair.feature, every[pair.feature]) for leaf in (pair.lower, pair.higher)]
        self._lower, self._higher = (np.sort(every[pair.feature][inside & ~np.isnan(every[pair.feature])]) for inside in ends)
        self.others = {
            j: numbers[box.holds(pair.lower, j, numbers) & box.holds(pair.higher, j, numbers)]
            for j, numbers in every.items()
            if j != pair.feature
        }

    def climb(self, rng: np.random.Generator) -> tuple[Values, Values]:
        """Return a lower and a higher row: the steepest fall found from a start drawn by ``rng``."""
        row = np.full(self._booster.num_feature(), np.nan)
        for j, numbers in self.others.items():
            row[j] = rng.choice(numbers)
        lower = self._lower[self._lower < self._higher[-1]][-1]
        higher = self._higher[self._higher > lower][0]
        for _ in range(_SWEEPS):
            for j in rng.permutation(np.array(list(self.others), dtype=np.intp)).tolist():
                rows = np.tile(row, (len(self.others[j]), 1))
                rows[:, j] = self.others[j]
                row = rows[np.argmax(self._falls(rows, lower, higher))]
            below = self._lower[self._lower < higher]
            lower = below[np.argmax(self._falls(np.tile(row, (len(below), 1)), below, higher))]
            beyond = self._higher[self._higher > lower]
            higher = beyond[np.argmax(self._falls(np.tile(row, (len(beyond), 1)), lower, beyond))]
        return self._at(row[None], lower)[0], self._at(row[None], higher)[0]

    def _falls(self, rows: Values, lower: float | Values, higher: float | Values) -> Values:
        margins = self._booster.predict(np.vstack([self._at(rows, lower), self._at(rows, higher)]), raw_score=True, num_threads=1)
        return np.asarray((margins[: len(rows)] - margins[len(rows) :]) * self._direction)

    def _at(self, rows: Values, value: float | Values) -> Values:
        moved = rows.copy()
        moved[:, self._feature] = value
        return moved


def _plain_first(values: Values) -> Values:
    """Return zero, missing, then the rest from small to large: of values that do as well the first is taken."""
    rank = np.where(values == 0.0, -2.0, np.where(np.isnan(values), -1.0, np.abs(values)))
    return values[np.argsort(rank, kind="stable")]
