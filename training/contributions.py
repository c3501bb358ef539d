"""What does each feature add to a row's log-odds? Path-dependent TreeSHAP of a LightGBM text model, looked up in tables made once.

A leaf's contributions depend on nothing but which features on its path hold, that is let the row through at all their splits: with k
features, 2^k cases (Yang 2021, Fast TreeSHAP v2, arXiv:2109.09847). A group of neighbouring leaves depends on nothing but the outcomes of
the splits on its paths, so its sums for every pattern of outcomes are laid down in a table, and a row is scored by comparing it with
all splits and reading one line per group. The values are LightGBM's ``pred_contrib`` but for rounding: Lundberg, Erion, Lee 2018,
arXiv:1802.03888, algorithm 2.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from credit.errors import BundleInvalid
from training.trees import DEFAULT_LEFT, MISSING_IS_NAN, MISSING_IS_ZERO, TINY, Bools, Ints, Tree, Values, parse_trees

GROUP_BITS = 8
"""Splits a group of several leaves may depend on."""
MOST_BITS = 12
"""Splits on the path of a leaf that is a group by itself."""
MOST_CELLS = 8 * 2**20
"""Numbers in all tables of a model together: 64 MB. 5,700 leaves of depth 5 need a tenth of it, 9,600 of depth 6 a fifth."""
BLOCK_ROWS = 4096
"""Rows worked on at a time, so that their columns stay near the processor."""
FEW_ROWS = 64
"""As many rows are done faster one by one."""


@dataclass(frozen=True, slots=True)
class Group:
    """Some leaves of a tree: the b splits on their paths, the w features these ask, and what they add for every pattern of outcomes.

    Attributes
    ----------
    splits
        Places among the model's splits, shape (b,): the outcome of the first is the lowest bit of a pattern.
    features
        Shape (w,).
    table
        Log-odds, shape (w, 2^b).
    """

    splits: Ints
    features: Ints
    table: Values


@dataclass(frozen=True)
class TreeTables:
    """A model as tables; n splits of all trees and their groups.

    Attributes
    ----------
    names
        Of the features.
    bias
        Log-odds of a row of which nothing is known: the mean of the leaves by training rows.
    column, bound, is_above
        Of the splits, shape (n,). A split's outcome is whether the column lies above the bound, or else at most there, whichever is
        False of a missing value. Columns from ``len(names)`` on are the features with zero for missing.
    groups
        In the order in which they are added up.
    """

    names: tuple[str, ...]
    bias: float
    column: Ints
    bound: Values
    is_above: Bools
    groups: tuple[Group, ...]

    @classmethod
    def of(cls, model_text: str) -> "TreeTables":
        """Make the tables of a LightGBM text model.

        Raises
        ------
        BundleInvalid
            As `training.trees.parse_trees`; or the model is an average of its trees, its trees do not say how many training rows went
            where, a path is longer than `MOST_BITS`, or the tables would hold more than `MOST_CELLS` numbers.
        """
        names, trees = parse_trees(model_text)
        if "\naverage_output" in model_text.partition("\nTree=")[0]:
            raise BundleInvalid("tables add trees up, and this model is the average of its trees")
        _require_counts(trees)
        first = np.cumsum([0, *(len(tree.feature) for tree in trees)]).tolist()
        parts = [part for tree, start in zip(trees, first, strict=False) for part in _leaf_groups(tree, start)]
        cells = sum(len(part.splits) << len(part.splits) for part in parts)
        if cells > MOST_CELLS or max((len(part.splits) for part in parts), default=0) > MOST_BITS:
            raise BundleInvalid(f"tables must hold at most {MOST_CELLS} numbers and {MOST_BITS} splits to a path; {cells} would be needed")
        column, bound, is_above = (np.concatenate(each) for each in zip(_no_splits(), *map(_outcomes, trees), strict=True))
        bias = 0.0
        for tree in trees:
            bias += _mean(tree)
        column = np.where(column < 0, len(names) - 1 - column, column)
        return cls(names, bias, column, bound, is_above, tuple(part.group(is_above) for part in parts))

    def contributions(self, values: Values) -> Values:
        """Return log-odds of bad by feature, shape (n, f), for finite values or NaN of that shape.

        A row has the same bits alone and among others: for each feature, groups are added in their order.
        """
        found = np.zeros((len(self.names), len(values)))
        if len(values) <= FEW_ROWS:
            for place, row in enumerate(values):
                found[:, place] = self._of_row(row)
        else:
            for low in range(0, len(values), BLOCK_ROWS):
                self._add_to(found[:, low : low + BLOCK_ROWS], values[low : low + BLOCK_ROWS])
        return found.T

    def _of_row(self, row: Values) -> Values:
        flat, asked = self._flat, self._asked(row)[self.column]
        if not len(self.groups):
            return np.zeros(len(self.names))
        outcomes = np.where(self.is_above, asked > self.bound, asked <= self.bound)
        pattern = np.add.reduceat(outcomes[flat.split] * flat.weight, flat.start)
        # bincount adds in the order of the cells, one after the other.
        added = np.bincount(flat.feature, weights=flat.table[flat.cell + pattern[flat.group]], minlength=len(self.names))
        return np.asarray(added, dtype=np.float64)

    def _add_to(self, found: Values, values: Values) -> None:
        """Add the contributions of rows to ``found``, shape (f, n), column by column: there every number is near the next."""
        asked, rows = self._asked(np.ascontiguousarray(values.T)), len(values)
        outcomes, sums = list(np.empty((len(self.column), rows), dtype=np.bool_)), list(found)
        for column, bound, is_above, outcome in zip(
            self.column.tolist(), self.bound.tolist(), self.is_above.tolist(), outcomes, strict=True
        ):
            (np.greater if is_above else np.less_equal)(asked[column], bound, out=outcome)
        pattern, line, added = np.empty(rows, dtype=np.uint16), np.empty(rows, dtype=np.intp), np.empty(rows)
        for group in self.groups:
            pattern.fill(0)
            for split in reversed(group.splits.tolist()):
                np.add(pattern, pattern, out=pattern)
                np.bitwise_or(pattern, outcomes[split], out=pattern)
            np.copyto(line, pattern)
            for feature, cells in zip(group.features.tolist(), group.table, strict=True):
                cells.take(line, out=added, mode="clip")  # a pattern is a line of the table; "raise" would copy to check
                np.add(sums[feature], added, out=sums[feature])

    def _asked(self, columns: Values) -> Values:
        """Return the columns the splits ask, of a row or of rows, shape (f, ...)."""
        return np.concatenate([columns, np.where(np.abs(columns) <= TINY, np.nan, columns)]) if self._asks_zero else columns

    @cached_property
    def _asks_zero(self) -> bool:
        return bool((self.column >= len(self.names)).any())

    @cached_property
    def _flat(self) -> "_Flat":
        return _Flat.of(self.groups)


@dataclass(frozen=True, slots=True)
class _Flat:
    """All groups side by side, for one row: splits with their bits by group, and the cells, of one number for each feature of a group."""

    split: Ints
    weight: Ints
    start: Ints
    group: Ints
    feature: Ints
    cell: Ints
    table: Values

    @classmethod
    def of(cls, groups: tuple[Group, ...]) -> "_Flat":
        sizes = np.array([len(each.splits) for each in groups], dtype=np.intp)
        widths = np.array([len(each.features) for each in groups], dtype=np.intp)
        lines = np.repeat(1 << sizes, widths)
        none = np.empty(0, dtype=np.intp)
        return cls(
            split=np.concatenate([none, *(each.splits for each in groups)]),
            weight=np.concatenate([none, *(1 << np.arange(size) for size in sizes.tolist())]),
            start=np.cumsum(sizes) - sizes,
            group=np.repeat(np.arange(len(groups)), widths),
            feature=np.concatenate([none, *(each.features for each in groups)]),
            cell=np.cumsum(lines) - lines,
            table=np.concatenate([np.empty(0), *(each.table.ravel() for each in groups)]),
        )


@dataclass(frozen=True, slots=True)
class _Leaves:
    """The leaves of a group to be: of each its value and its path, steps of split and side, with the splits' places in the model."""

    tree: Tree
    splits: list[int]
    leaves: list[tuple[int, tuple[tuple[int, bool], ...]]]
    first: int

    def group(self, is_above: Bools) -> Group:
        """Lay the table down. Sums and products of single numbers only: they are the same on every machine."""
        tree, patterns = self.tree, np.arange(1 << len(self.splits))
        features = list(dict.fromkeys(int(tree.feature[split]) for _, path in self.leaves for split, _ in path))
        table = np.zeros((len(features), len(patterns)))
        for leaf, path in self.leaves:
            own = list(dict.fromkeys(int(tree.feature[split]) for split, _ in path))
            case, shares = np.zeros(len(patterns), dtype=np.intp), []
            for place, feature in enumerate(own):
                share, holds = 1.0, np.ones(len(patterns), dtype=np.bool_)
                for split, is_left in path:
                    if tree.feature[split] == feature:
                        share *= _rows(tree, tree.left[split] if is_left else tree.right[split]) / _rows(tree, split)
                        outcome = (patterns >> self.splits.index(split)) & 1 == 1
                        holds &= outcome == (is_left != is_above[self.first + split])
                case += holds.astype(np.intp) << place
                shares.append(share)
            for feature, told in zip(own, _of_leaf(float(tree.leaf_value[leaf]), shares), strict=True):
                table[features.index(feature)] += told[case]
        return Group(np.array(self.splits) + self.first, np.array(features), table)


def _of_leaf(value: float, shares: list[float]) -> list[Values]:
    """Return what each of a leaf's k features adds, for each of 2^k cases of which of them hold; bit j of a case: feature j holds.

    With z the shares of training rows that a feature's splits let through and o in {0, 1} whether it holds, feature j adds
    value (o_j - z_j) times the sum over subsets S of the others of |S|! (k - 1 - |S|)! / k! prod_S o prod_not S z.
    """
    k = len(shares)
    holds = ((np.arange(1 << k) >> np.arange(k)[:, None]) & 1).astype(np.float64)
    told = []
    for j in range(k):
        by_size = np.zeros((k, 1 << k))
        by_size[0] = 1.0
        for i in range(k):
            if i != j:
                by_size[1:] = shares[i] * by_size[1:] + holds[i] * by_size[:-1]
                by_size[0] *= shares[i]
        total = np.zeros(1 << k)
        for size in range(k):
            total += by_size[size] / (k * math.comb(k - 1, size))
        told.append(value * (holds[j] - shares[j]) * total)
    return told


def _leaf_groups(tree: Tree, first: int) -> list[_Leaves]:
    """Cut a tree into subtrees that depend on at most `GROUP_BITS` splits, a leaf whose path is longer by itself."""
    groups: list[_Leaves] = []
    open_nodes: list[tuple[int, tuple[tuple[int, bool], ...]]] = [(0, ())] if len(tree.feature) else []
    while open_nodes:
        node, path = open_nodes.pop()
        below = _below(tree, node, path)
        splits = sorted({split for _, steps in below for split, _ in steps})
        if len(splits) <= GROUP_BITS or node < 0:
            groups.append(_Leaves(tree, splits, below, first))
        else:
            open_nodes += [(int(tree.right[node]), (*path, (node, False))), (int(tree.left[node]), (*path, (node, True)))]
    return groups


def _below(tree: Tree, node: int, path: tuple[tuple[int, bool], ...]) -> list[tuple[int, tuple[tuple[int, bool], ...]]]:
    """Return the leaves under a node, from left to right, with their whole paths."""
    found, open_nodes = [], [(node, path)]
    while open_nodes:
        node, path = open_nodes.pop()
        if node < 0:
            found.append((-node - 1, path))
        else:
            open_nodes += [(int(tree.right[node]), (*path, (node, False))), (int(tree.left[node]), (*path, (node, True)))]
    return found


def _no_splits() -> tuple[Ints, Values, Bools]:
    return np.empty(0, dtype=np.intp), np.empty(0), np.empty(0, dtype=np.bool_)


def _outcomes(tree: Tree) -> tuple[Ints, Values, Bools]:
    """Return column, bound and sense of a tree's splits; a column below 0 is that of feature ``-column - 1`` with zero for missing.

    A number of at most 1e-35 in absolute value is zero to LightGBM, so bounds among these move to the end they mean.
    """
    bound = np.where(np.abs(tree.threshold) > TINY, tree.threshold, np.where(tree.threshold < 0.0, np.nextafter(-TINY, -1.0), TINY))
    is_own = (tree.decision & (MISSING_IS_ZERO | MISSING_IS_NAN)) > 0
    missing_goes_left = np.where(is_own, (tree.decision & DEFAULT_LEFT) > 0, tree.threshold >= 0.0)
    column = np.where((tree.decision & MISSING_IS_ZERO) > 0, -tree.feature - 1, tree.feature)
    return column, bound, missing_goes_left


def _rows(tree: Tree, node: NDArray[np.intp] | int) -> int:
    """Return the training rows that came to a split, or below 0 to a leaf."""
    return int(tree.split_count[node] if node >= 0 else tree.leaf_count[-node - 1])


def _require_counts(trees: tuple[Tree, ...]) -> None:
    for number, tree in enumerate(trees):
        at_children = [_rows(tree, left) + _rows(tree, right) for left, right in zip(tree.left, tree.right, strict=True)]
        if len(tree.feature) and (at_children != tree.split_count.tolist() or tree.leaf_count.min() < 1):
            raise BundleInvalid(f"the training rows of tree {number} must add up, with at least one in each leaf")


def _mean(tree: Tree) -> float:
    """Return a tree's mean over the training rows; that of a tree without splits is its leaf."""
    if not len(tree.feature):
        return float(tree.leaf_value[0])
    mean, rows = 0.0, int(tree.split_count[0])
    for count, value in zip(tree.leaf_count.tolist(), tree.leaf_value.tolist(), strict=True):
        mean += count / rows * value
    return mean
