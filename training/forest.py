"""All trees of a model side by side: which leaves does a row reach, and which could it reach if some of its numbers changed?

The arrays are those of `training.trees`, laid end to end, with every leaf's path from its root.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from training.trees import TINY, Bools, Ints, Tree, Values, parse_trees, sends_left


@dataclass(frozen=True)
class Forest:
    """The n splits and m leaves of all trees, and the c steps of all paths from a root to a leaf.

    Attributes
    ----------
    feature, threshold, decision
        Of the splits, shape (n,).
    leaf_value
        Shape (m,), in log-odds of bad; a row's margin is the sum over the leaves it reaches, one of each tree.
    step_leaf, step_split, step_left
        Of the steps, shape (c,), by leaf: a row reaches a leaf if at each of the leaf's steps the split sends it that way.
    """

    feature: Ints
    threshold: Values
    decision: Ints
    leaf_value: Values
    step_leaf: Ints
    step_split: Ints
    step_left: Bools

    @classmethod
    def of(cls, model_text: str) -> "Forest":
        """Read a LightGBM text model; raises as `training.trees.parse_trees` does."""
        trees = parse_trees(model_text)[1]
        steps: list[tuple[int, int, bool]] = []
        splits = leaves = 0
        for tree in trees:
            steps += [(leaf + leaves, split + splits, is_left) for leaf, split, is_left in _steps(tree)]
            splits += len(tree.feature)
            leaves += len(tree.leaf_value)
        steps.sort()
        return cls(
            feature=np.concatenate([np.empty(0, dtype=np.intp), *(tree.feature for tree in trees)]),
            threshold=np.concatenate([np.empty(0), *(tree.threshold for tree in trees)]),
            decision=np.concatenate([np.empty(0, dtype=np.intp), *(tree.decision for tree in trees)]),
            leaf_value=np.concatenate([np.empty(0), *(tree.leaf_value for tree in trees)]),
            step_leaf=np.array([leaf for leaf, _, _ in steps], dtype=np.intp),
            step_split=np.array([split for _, split, _ in steps], dtype=np.intp),
            step_left=np.array([is_left for _, _, is_left in steps], dtype=np.bool_),
        )

    @cached_property
    def step_feature(self) -> Ints:
        """The feature of each step, shape (c,)."""
        return self.feature[self.step_split]

    def passes(self, steps: Ints, values: Values) -> Bools:
        """Return whether each step lets values of its feature through; ``values`` has one row for each of the steps."""
        numbers = np.where(np.abs(values) <= TINY, 0.0, values)
        splits = self.step_split[steps]
        shape = (-1,) + (1,) * (values.ndim - 1)
        left = sends_left(self.threshold[splits].reshape(shape), self.decision[splits].reshape(shape), numbers)
        return np.asarray(left == self.step_left[steps].reshape(shape), dtype=np.bool_)

    def margin(self, row: Values) -> float:
        """Return the log-odds of bad of a row, shape (f,), before calibration."""
        steps = np.arange(len(self.step_leaf))
        missed = np.bincount(self.step_leaf[~self.passes(steps, row[self.step_feature])], minlength=len(self.leaf_value))
        return float(self.leaf_value[missed == 0].sum())


def _steps(tree: Tree) -> list[tuple[int, int, bool]]:
    """Return leaf, split and side of every step of a tree."""
    found: list[tuple[int, int, bool]] = []
    open_nodes: list[tuple[int, list[tuple[int, bool]]]] = [(0 if len(tree.feature) else -1, [])]
    while open_nodes:
        node, path = open_nodes.pop()
        if node < 0:
            found += [(-node - 1, split, is_left) for split, is_left in path]
            continue
        open_nodes.append((int(tree.left[node]), [*path, (node, True)]))
        open_nodes.append((int(tree.right[node]), [*path, (node, False)]))
    return found
