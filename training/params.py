"""How a booster grows: small, regularised trees, for few bads among rows that depend on each other."""

from dataclasses import asdict, dataclass
from typing import Any

from credit.errors import OutOfRange

MONOTONE_METHODS = ("basic",)
"""LightGBM's methods that keep a monotone promise everywhere; the others break it where values are missing (docs/decisions/0005)."""


@dataclass(frozen=True, slots=True)
class BoosterParams:
    """Parameters of one fit; the names are LightGBM's.

    ``early_stopping_rounds`` and ``max_rounds`` bound the number of trees, which the folds decide.
    """

    learning_rate: float = 0.04
    max_depth: int = 4
    num_leaves: int = 12
    min_data_in_leaf: int = 100
    lambda_l2: float = 10.0
    feature_fraction: float = 0.4
    bagging_fraction: float = 0.7
    bagging_freq: int = 1
    max_bin: int = 127
    monotone_constraints_method: str = "basic"
    max_rounds: int = 1500
    early_stopping_rounds: int = 75

    def __post_init__(self) -> None:
        """Refuse a monotone method that breaks its promise."""
        if self.monotone_constraints_method not in MONOTONE_METHODS:
            raise OutOfRange(
                f"monotone_constraints_method must be one of {', '.join(MONOTONE_METHODS)}, "
                f"found {self.monotone_constraints_method!r}: others break the promise of a direction where values are missing"
            )

    def for_lightgbm(self, *, directions: list[int], seed: int, threads: int) -> dict[str, Any]:
        """Return LightGBM's parameters; the same seed gives the same trees, whatever the number of threads."""
        own = asdict(self)
        del own["max_rounds"], own["early_stopping_rounds"]
        return {
            **own,
            "objective": "binary",
            "metric": "binary_logloss",
            "monotone_constraints": directions,
            "deterministic": True,
            "force_row_wise": True,
            "seed": seed,
            "num_threads": threads,
            "verbosity": -1,
        }
