"""Which rows does each leaf of a LightGBM text model catch? Exactly: double thresholds, zeros and missing values included.

Every feature a tree splits on is cut into cells: the missing value, and between neighbouring thresholds the numbers that no
split of the tree tells apart. A leaf's box says which cells of each feature reach it. A number of at most 1e-35 in absolute
value is zero to LightGBM (``kZeroThreshold``), and a scored value is finite or missing; cells that no such value falls into
are left out. Rules of a split: ``Tree::NumericalDecision`` in LightGBM's include/LightGBM/tree.h (4.7).
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit.errors import BundleInvalid

Values = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

TINY = float(np.float32(1e-35))
"""LightGBM's ``kZeroThreshold``: what is no farther from zero is zero."""
TOP = float(np.finfo(np.float64).max)
_BELOW_ZERO = float(np.nextafter(-TINY, -np.inf))
DEFAULT_LEFT, MISSING_IS_ZERO, MISSING_IS_NAN = 2, 4, 8
"""Bits of a split's decision: where what is missing goes, and what it is."""
_NUMERICAL = (0, 2, 4, 6, 8, 10)


def sends_left(threshold: Values, decision: Ints, values: Values) -> Bools:
    """Return which values splits send left; missing is NaN, and what LightGBM takes for zero is 0. The arrays broadcast."""
    is_missing = np.isnan(values)
    numbers = np.where(is_missing, 0.0, values)
    default = (decision & DEFAULT_LEFT) > 0
    left = np.where(((decision & MISSING_IS_NAN) > 0) & is_missing, default, numbers <= threshold)
    return np.asarray(np.where(((decision & MISSING_IS_ZERO) > 0) & (numbers == 0.0), default, left), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree: m internal nodes and m + 1 leaves.

    ``feature``, ``threshold``, ``decision``, ``left`` and ``right`` have shape (m,); a child below 0 is the leaf ``-child - 1``.
    ``leaf_value`` has shape (m + 1,), in log-odds. ``split_count`` (m,) and ``leaf_count`` (m + 1,) are the training rows that
    came there, 0 where the text does not say.
    """

    feature: Ints
    threshold: Values
    decision: Ints
    left: Ints
    right: Ints
    leaf_value: Values
    split_count: Ints
    leaf_count: Ints

    def goes_left(self, node: int, values: Values) -> Bools:
        """Return which of a feature's values the node sends left; missing is NaN, and what LightGBM takes for zero is 0."""
        return sends_left(self.threshold[node], self.decision[node], values)

    def missing_is_own(self, node: int) -> bool:
        """Return whether the node has a branch for a missing value; otherwise it reads one as zero."""
        return bool(self.decision[node] & MISSING_IS_NAN)


@dataclass(frozen=True, slots=True)
class Boxes:
    """The boxes of a tree's leaves over the f features it splits on.

    Attributes
    ----------
    features
        Their places among the model's features, ascending, shape (f,).
    cells
        One value for each cell, shape (f, c): NaN, then numbers ascending, the greatest of their cell. Rows with fewer
        cells end in infinities.
    reach
        Whether a cell is part of a leaf's box, shape (leaves, f, c).
    """

    features: Ints
    cells: Values
    reach: Bools

    def holds(self, leaf: int, feature: int, values: Values) -> Bools:
        """Return which values of a feature, NaN where missing, the box of a leaf allows; any where the tree does not split on it."""
        if feature not in self.features:
            return np.ones(len(values), dtype=np.bool_)
        k = int(np.searchsorted(self.features, feature))
        numbers = np.where(np.abs(values) <= TINY, 0.0, values)
        cell = np.where(np.isnan(values), 0, 1 + np.searchsorted(self.cells[k, 1:], numbers))
        inside: Bools = self.reach[leaf, k, cell]
        return inside


def parse_trees(model_text: str) -> tuple[tuple[str, ...], tuple[Tree, ...]]:
    """Read feature names and trees from a LightGBM text model.

    Raises
    ------
    BundleInvalid
        More than one output, a split on categories, leaves that are lines, or a tree whose nodes do not form one.
    """
    head, *blocks = re.split(r"(?m)^Tree=\d+$", model_text.partition("\nend of trees")[0])
    header = _keys(head)
    if header.get("num_tree_per_iteration") != "1" or "feature_names" not in header:
        raise BundleInvalid("a model text must have one output and name its features; found another header")
    names = tuple(header["feature_names"].split(" "))
    return names, tuple(_tree(_keys(block), number, len(names)) for number, block in enumerate(blocks))


def leaf_boxes(tree: Tree) -> Boxes:
    """Return the exact boxes of a tree's leaves; together they hold every row, and no two share one."""
    features = np.unique(tree.feature)
    place = np.searchsorted(features, tree.feature)
    lists = [_cells(tree.threshold[place == k]) for k in range(len(features))]
    cells = np.full((len(features), max(map(len, lists), default=0)), np.inf)
    for k, numbers in enumerate(lists):
        cells[k, : len(numbers)] = numbers
    reach = np.zeros((len(tree.leaf_value), *cells.shape), dtype=np.bool_)
    open_nodes = [(0 if len(tree.feature) else -1, ~np.isinf(cells))]
    while open_nodes:
        node, box = open_nodes.pop()
        if node < 0:
            reach[-node - 1] = box
            continue
        k = place[node]
        left = tree.goes_left(node, cells[k])
        for child, side in ((tree.left[node], left), (tree.right[node], ~left)):
            inner = box.copy()
            inner[k] &= side
            open_nodes.append((int(child), inner))
    return Boxes(features, cells, reach)


def _cells(thresholds: Values) -> Values:
    """Return NaN and the greatest number of each cell: the thresholds as scored values meet them, zero, and the largest double."""
    met = np.where(thresholds >= 0.0, 0.0, _BELOW_ZERO)
    met = np.where(np.abs(thresholds) <= TINY, met, thresholds)
    numbers = np.unique(np.concatenate([met[(met >= -TOP) & (met <= TOP)], [_BELOW_ZERO, 0.0, TOP]]))
    return np.concatenate([[np.nan], numbers])


_WHOLE = ("split_feature", "decision_type", "left_child", "right_child")


def _keys(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _tree(keys: dict[str, str], number: int, width: int) -> Tree:
    try:
        leaves = int(keys["num_leaves"])
        if keys.get("num_cat", "0") != "0" or keys.get("is_linear", "0") != "0":
            raise BundleInvalid(f"tree {number} must split on numbers and have constant leaves: train without categories and lines")
        if leaves == 1:
            none = np.empty(0, dtype=np.intp)
            return Tree(none, np.empty(0), none, none, none, np.array([float(keys["leaf_value"])]), none, np.zeros(1, dtype=np.intp))
        whole = {name: np.array(keys[name].split(" "), dtype=np.intp) for name in _WHOLE}
        tree = Tree(
            feature=whole["split_feature"],
            threshold=np.array(keys["threshold"].split(" "), dtype=np.float64),
            decision=whole["decision_type"],
            left=whole["left_child"],
            right=whole["right_child"],
            leaf_value=np.array(keys["leaf_value"].split(" "), dtype=np.float64),
            split_count=_counts(keys, "internal_count", leaves - 1),
            leaf_count=_counts(keys, "leaf_count", leaves),
        )
    except (KeyError, ValueError, OverflowError) as error:
        raise BundleInvalid(f"tree {number} of the model text cannot be read: {error!r}") from error
    _require_sound(tree, number, leaves, width)
    return tree


def _counts(keys: dict[str, str], name: str, length: int) -> Ints:
    return np.array(keys[name].split(" "), dtype=np.intp) if name in keys else np.zeros(length, dtype=np.intp)


def _require_sound(tree: Tree, number: int, leaves: int, width: int) -> None:
    """Refuse nodes that are not one tree: each node but the root, and each leaf, is the child of one node above it."""
    nodes = len(tree.feature)
    children = np.concatenate([tree.left, tree.right])
    of_leaves, of_splits = (tree.leaf_value, tree.leaf_count), (tree.threshold, tree.decision, tree.left, tree.split_count)
    lengths = {nodes + 1, leaves, *map(len, of_leaves), *(len(each) + 1 for each in of_splits)}
    is_whole = len(lengths) == 1 and sorted(children.tolist()) == [*range(-leaves, 0), *range(1, nodes)]
    # A child made after its parent has the larger number, so no walk from the root can go in a circle.
    is_downward = is_whole and all(c < 0 or c > i % nodes for i, c in enumerate(children.tolist()))
    if not is_downward or not ((tree.feature >= 0) & (tree.feature < width)).all() or not np.isin(tree.decision, _NUMERICAL).all():
        raise BundleInvalid(f"tree {number} of the model text must be one tree of {leaves} leaves over {width} features")
    if np.isnan(tree.threshold).any() or not np.isfinite(tree.leaf_value).all():
        raise BundleInvalid(f"tree {number} of the model text must have thresholds that are numbers and finite leaves")
