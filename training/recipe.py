"""The recipe: from any table with a small catalogue to one calibrated booster. The product's own training calls it.

Nothing in it is tuned to a table. What depends on the table follows from it: the shrinkage from its bad rate and the rows per
supplier; which of two ways to grow, the number of trees and the calibration from folds in which a supplier's rows stay together
(docs/decisions/0012, 0018).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit.errors import OutOfRange, TrainingFailed
from training.calibrate import fit_calibration
from training.fit import Fit, Progress, fit_booster
from training.params import BoosterParams, candidates
from training.scorer import Calibration


@dataclass(frozen=True, slots=True)
class Columns:
    """The small catalogue of a table's columns.

    Parameters
    ----------
    names
        Of the columns, in their order.
    directions
        +1 where risk must not fall as the value rises, -1 where it must not rise, 0 where neither is promised.
    categorical
        Places of the columns that hold categories, coded 0, 1, 2 and so on; they have no direction.
    apart
        Places of the columns whose part in the margin is added to that of all others: they interact with none of them.
    """

    names: tuple[str, ...]
    directions: tuple[int, ...]
    categorical: tuple[int, ...] = ()
    apart: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse directions that do not fit the names or promise an order of categories."""
        if len(self.names) != len(self.directions) or not set(self.directions) <= {-1, 0, 1}:
            raise OutOfRange(f"each of {len(self.names)} columns needs a direction, -1, 0 or 1; found {list(self.directions)}")
        if len(set(self.names)) < len(self.names):
            raise OutOfRange(f"column names must differ, found {sorted(n for n in set(self.names) if self.names.count(n) > 1)} twice")
        for place in self.categorical:
            if not 0 <= place < len(self.names) or self.directions[place]:
                raise OutOfRange(f"a category must be one of {len(self.names)} columns and have no direction, found column {place}")


@dataclass(frozen=True, slots=True)
class Learned:
    """A booster and the affine map that makes its margins log-odds of bad; the margins out of fold stand in ``fit``."""

    fit: Fit
    calibration: Calibration


def learn(
    values: NDArray[np.float64],
    y: NDArray[np.float64],
    columns: Columns,
    *,
    seed: int,
    groups: NDArray[np.str_] | NDArray[np.intp] | None = None,
    fold: NDArray[np.intp] | None = None,
    params: BoosterParams | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> Learned:
    """Learn from a table by the product's recipe.

    Parameters
    ----------
    values
        Shape (n, f), NaN where missing.
    y
        Shape (n,); 1 is bad, 0 good.
    columns
        The catalogue of the f columns.
    groups
        Shape (n,): whose row it is, where one supplier has several. By default every row stands for itself.
    fold
        Shape (n,): the fold of each row; by default `stratified_folds` of the groups.
    params
        By default the folds choose between the recipe's two ways, `training.params.CANDIDATES`.
    threads
        Changes the speed and no bit of the result.

    Raises
    ------
    OutOfRange
        Shapes differ, a value is infinite, a category is not a whole number from 0, or an outcome is neither 0 nor 1.
    TrainingFailed
        No tree can be grown or no calibration fitted: too few rows, or outcomes all alike.
    """
    _check(values, y, columns)
    owners = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
    fit = fit_booster(
        values,
        y,
        names=columns.names,
        directions=columns.directions,
        categorical=columns.categorical,
        apart=columns.apart,
        fold=stratified_folds(y, owners, seed=seed) if fold is None else fold,
        group_size=rows_per_group(owners),
        candidates=candidates(params),
        seed=seed,
        threads=threads,
        progress=progress,
    )
    if all(one.log_loss is None for one in fit.tried):
        raise TrainingFailed(
            "no calibration keeps the order of the margins out of fold: the columns say nothing of rows that were not learnt from; "
            "bring more rows or other columns"
        )
    return Learned(fit, fit_calibration(fit.margins_out_of_fold, y))


def rows_per_group(groups: NDArray[np.str_] | NDArray[np.intp]) -> float:
    """Return how many rows a group has on average, 1 or more."""
    return len(groups) / len(np.unique(groups))


def stratified_folds(y: NDArray[np.float64], groups: NDArray[np.intp], *, seed: int, folds: int = 5) -> NDArray[np.intp]:
    """Return a fold for each row: a group's rows stay together, and bad groups (with a bad row) are dealt out evenly.

    Examples
    --------
    >>> y = np.array([1.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    >>> fold = stratified_folds(y, np.array([0, 0, 1, 2, 2, 3]), seed=1, folds=2)
    >>> bool(fold[0] == fold[1] and fold[3] == fold[4] and fold[0] != fold[3])
    True
    """
    _, owner = np.unique(groups, return_inverse=True)
    bad = np.bincount(owner, weights=y) > 0
    # Shuffled, then the bad ones first: dealt round the table, every fold gets its share of both kinds.
    dealt = np.random.default_rng(seed).permutation(len(bad))
    dealt = dealt[np.argsort(~bad[dealt], kind="stable")]
    fold_of = np.empty(len(bad), dtype=np.intp)
    fold_of[dealt] = np.arange(len(bad)) % folds
    return fold_of[owner]


def _check(values: NDArray[np.float64], y: NDArray[np.float64], columns: Columns) -> None:
    if values.ndim != 2 or values.shape != (len(y), len(columns.names)):
        raise OutOfRange(
            f"values must have shape ({len(y)}, {len(columns.names)}), a row per outcome and a column per name, found {values.shape}"
        )
    if np.isinf(values).any():
        row, column = (int(place[0]) for place in np.nonzero(np.isinf(values)))
        raise OutOfRange(f"values must be finite or NaN (missing), found an infinity in row {row}, column {columns.names[column]}")
    if not np.isin(y, (0.0, 1.0)).all():
        raise OutOfRange("outcomes must be 0 or 1: leave indeterminate rows out first")
    for place in columns.categorical:
        codes = values[:, place][~np.isnan(values[:, place])]
        if (codes < 0).any() or (codes != np.floor(codes)).any():
            raise OutOfRange(f"categories must be coded 0, 1, 2 and so on or NaN (missing), found others in column {columns.names[place]}")
    if not 0 < y.sum() < len(y):
        raise TrainingFailed(f"learning needs good and bad rows, found {int(y.sum())} bad of {len(y)}")
