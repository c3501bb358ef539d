"""Where is the model most wrong? A shallow tree looks for it among half of the suppliers, the other half says whether it is true."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

from training.validation import backtests
from training.validation.clusters import design_effect
from training.validation.limits import Limits

Values = NDArray[np.float64]
Rows = NDArray[np.intp]
_DEPTH = 3
_LEAST_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Condition:
    """One cut on the way to a segment: ``name`` is at most, or above, ``bound``; missing values go where ``with_missing`` says.

    Without a bound the cut parts the values that are known from those that are missing. For ``dimension=label`` the number is 1 where
    the row carries the label.
    """

    name: str
    is_above: bool
    bound: float | None
    with_missing: bool


@dataclass(frozen=True, slots=True)
class WeakSpot:
    """A segment the tree found, judged on the suppliers it did not see.

    ``gap_found`` is bad rate less mean PD where the tree looked, ``gap`` where it did not; ``p`` is that of the bads held
    out, of rows clustered by supplier, on the side of the gap, times the number of segments (Bonferroni).
    """

    conditions: tuple[Condition, ...]
    gap_found: float
    rows: int
    suppliers: int
    bads: int
    bad_rate: float | None
    mean_pd: float | None
    gap: float | None
    p: float | None
    is_confirmed: bool


def find_weak_spots(
    columns: Mapping[str, Values],
    y: Values,
    pd: Values,
    supplier_ids: NDArray[np.str_],
    clusters: Rows,
    *,
    correlation: float,
    limits: Limits,
) -> list[WeakSpot]:
    """Return the segments of a tree of depth 3 on the residuals y - pd, largest gap held out first.

    Parameters
    ----------
    columns
        What segments may be cut by: features (NaN where missing) and labels as 0 and 1, each of shape (n,).
    y, pd, supplier_ids, clusters
        Of the test rows. A supplier is in one half by its id alone.
    correlation, limits
        Correlation of one supplier's outcomes, and the level of a finding.
    """
    names, values = list(columns), np.column_stack(list(columns.values()))
    looks = np.array([zlib.crc32(f"weak spots {supplier_id}".encode()) % 2 == 0 for supplier_id in supplier_ids.tolist()])
    if not 0 < looks.sum() < len(looks):
        return []
    tree = DecisionTreeRegressor(max_depth=_DEPTH, min_samples_leaf=max(20, int(_LEAST_SHARE * looks.sum())), random_state=0)
    tree.fit(values[looks], (y - pd)[looks])
    leaves = tree.apply(values)
    paths = _paths(tree, names)
    spots = [
        _judged(path, leaves == leaf, looks, y, pd, clusters, correlation=correlation, limits=limits, tests=len(paths))
        for leaf, path in paths.items()
    ]
    return sorted(spots, key=lambda spot: -abs(spot.gap or 0.0))


def _judged(
    path: Sequence[Condition],
    inside: NDArray[np.bool_],
    looks: NDArray[np.bool_],
    y: Values,
    pd: Values,
    clusters: Rows,
    *,
    correlation: float,
    limits: Limits,
    tests: int,
) -> WeakSpot:
    seen, held_out = np.flatnonzero(inside & looks), np.flatnonzero(inside & ~looks)
    gap_found = float((y - pd)[seen].mean())
    if not len(held_out):
        return WeakSpot(tuple(path), gap_found, 0, 0, 0, None, None, None, None, is_confirmed=False)
    count, bads, mean_pd = len(held_out), int(y[held_out].sum()), float(pd[held_out].mean())
    suppliers = np.unique(clusters[held_out], return_inverse=True)[1]
    effect = design_effect(suppliers.astype(np.intp), correlation)
    worth, rows = bads / effect, count / effect
    # The tail on the side the tree pointed to: more bads than the PD says, or as many goods.
    tail = backtests.binomial_tail(worth, rows, mean_pd) if gap_found > 0 else backtests.binomial_tail(rows - worth, rows, 1.0 - mean_pd)
    p = min(1.0, tail * tests)
    return WeakSpot(
        conditions=tuple(path),
        gap_found=gap_found,
        rows=count,
        suppliers=int(suppliers.max()) + 1,
        bads=bads,
        bad_rate=bads / count,
        mean_pd=mean_pd,
        gap=bads / count - mean_pd,
        p=p,
        is_confirmed=p < 1.0 - limits.interval_level,
    )


def _paths(tree: DecisionTreeRegressor, names: Sequence[str]) -> dict[int, tuple[Condition, ...]]:
    """Return the conditions that lead to each leaf."""
    made = tree.tree_
    paths: dict[int, tuple[Condition, ...]] = {}
    waiting: list[tuple[int, tuple[Condition, ...]]] = [(0, ())]
    while waiting:
        node, path = waiting.pop()
        if made.children_left[node] < 0:
            paths[node] = path
            continue
        name, bound = names[made.feature[node]], _bound(float(made.threshold[node]))
        missing_left = bool(made.missing_go_to_left[node])
        waiting.append((int(made.children_left[node]), (*path, Condition(name, False, bound, missing_left))))
        waiting.append((int(made.children_right[node]), (*path, Condition(name, True, bound, not missing_left))))
    return paths


def _bound(threshold: float) -> float | None:
    """Return a threshold as the tree compares it, in float32: more digits would be noise; none where only missing values are above it."""
    return float(f"{threshold:.7g}") if np.isfinite(threshold) else None
