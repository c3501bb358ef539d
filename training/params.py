"""How a booster grows: slowly, in small trees, for few bads among rows that depend on each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from credit.errors import OutOfRange

MONOTONE_METHODS = ("basic",)
"""LightGBM's methods that keep a monotone promise everywhere; the others break it where values are missing (docs/decisions/0005)."""


@dataclass(frozen=True, slots=True)
class BoosterParams:
    """Parameters of a booster; by default those of `LIGHTLY_SHRUNK`, the recipe's first candidate (docs/decisions/0018).

    Parameters
    ----------
    learning_rate, max_depth, num_leaves, feature_fraction, max_bin, monotone_constraints_method
        As in LightGBM.
    goods_fraction
        Share of the good rows each tree sees, drawn anew; the bad rows, which are few, it sees all.
    groups_in_leaf
        Least number of groups of rows in a leaf; a group is a supplier with its months, or one row where rows are on their own.
    prior_groups
        A leaf's value is shrunk as if so many more groups of average risk lay in it.
    leaf_budget
        Leaves of all trees together; one row's contributions cost about 20 ns per leaf by tables, 110 by LightGBM (docs/decisions/0017).
    patience
        Rounds without a better log loss after which no more are tried.
    """

    learning_rate: float = 0.03
    max_depth: int = 5
    num_leaves: int = 16
    groups_in_leaf: int = 5
    prior_groups: float = 5.0
    feature_fraction: float = 0.5
    goods_fraction: float = 0.8
    max_bin: int = 255
    monotone_constraints_method: str = "basic"
    leaf_budget: int = 5700
    patience: int = 75

    def __post_init__(self) -> None:
        """Refuse a monotone method that breaks its promise, and a budget without room for a tree."""
        if self.monotone_constraints_method not in MONOTONE_METHODS:
            raise OutOfRange(
                f"monotone_constraints_method must be one of {', '.join(MONOTONE_METHODS)}, "
                f"found {self.monotone_constraints_method!r}: others break the promise of a direction where values are missing"
            )
        if self.leaf_budget < self.num_leaves:
            raise OutOfRange(f"a leaf budget must hold a tree of {self.num_leaves} leaves, found {self.leaf_budget}: raise leaf_budget")

    @property
    def max_rounds(self) -> int:
        """Trees that fit into the leaf budget."""
        return self.leaf_budget // self.num_leaves

    def for_lightgbm(
        self, *, directions: Sequence[int], bad_rate: float, group_size: float, seed: int, threads: int, apart: Sequence[int] = ()
    ) -> dict[str, Any]:
        """Return LightGBM's parameters; the same seed gives the same trees, whatever the number of threads.

        ``bad_rate`` and ``group_size`` (rows per group, 1 or more) are of the rows to learn from. A row of average risk has the
        second derivative bad_rate * (1 - bad_rate), the unit of LightGBM's ``lambda_l2``. No tree splits on a column of ``apart``
        and on another one as well.
        """
        others = [place for place in range(len(directions)) if place not in apart]
        return {
            **({"interaction_constraints": [list(apart), others]} if apart else {}),
            "objective": "binary",
            "metric": "None",
            "learning_rate": self.learning_rate,
            "max_depth": self.max_depth,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": max(1, round(self.groups_in_leaf * group_size)),
            "lambda_l2": self.prior_groups * group_size * bad_rate * (1.0 - bad_rate),
            "feature_fraction": self.feature_fraction,
            "pos_bagging_fraction": 1.0,
            "neg_bagging_fraction": self.goods_fraction,
            "bagging_freq": int(self.goods_fraction < 1.0),
            "max_bin": self.max_bin,
            # A category is split off alone: sets of categories fit the outcome of small tables too well.
            "max_cat_to_onehot": 1024,
            "monotone_constraints": list(directions),
            "monotone_constraints_method": self.monotone_constraints_method,
            "deterministic": True,
            "force_row_wise": True,
            "seed": seed,
            "num_threads": threads,
            "verbosity": -1,
        }


LIGHTLY_SHRUNK = BoosterParams()
STRONGLY_SHRUNK = BoosterParams(learning_rate=0.02, max_depth=6, num_leaves=24, prior_groups=50.0, goods_fraction=0.6, leaf_budget=9600)
CANDIDATES = (LIGHTLY_SHRUNK, STRONGLY_SHRUNK)
"""The recipe's two ways to grow, between which a table's folds choose: a leaf's value is drawn to the average by the weight of five
groups, or of fifty with deeper trees and smaller steps (docs/decisions/0018)."""


def candidates(params: BoosterParams | None) -> tuple[BoosterParams, ...]:
    """Return what the folds choose from: the given parameters alone, or where none are given `CANDIDATES`."""
    return CANDIDATES if params is None else (params,)
