"""The bundle as MLflow loads it: a frame of features in, points, PD, grade and the points of every feature out.

MLflow calls `_load_pyfunc` with the folder of the bundle that was logged beside this code; no pickle is read, and nothing of MLflow
is needed here. `mlflow.pyfunc.load_model` and `mlflow.pyfunc.spark_udf` give the numbers of the service, bit for bit.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from training.bundle import ScoringBundle


class ServedModel:
    """A bundle that scores data frames."""

    def __init__(self, bundle: ScoringBundle) -> None:
        """Serve a bundle."""
        self._bundle = bundle

    def predict(self, frame: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return one row per row of ``frame``, whose columns are found by name and are missing (NaN) where unknown.

        The columns are ``points``, ``pd_12m``, ``grade``, ``base_points`` and ``points_<feature>`` for each feature; base points and
        the features' points, added from left to right, are the points.
        """
        del params
        bundle = self._bundle
        values = frame.loc[:, list(bundle.names)].to_numpy(dtype=np.float64, na_value=np.nan)
        scores = bundle.score(values)
        return pd.DataFrame(
            {
                "points": scores.points,
                "pd_12m": scores.pd,
                "grade": [bundle.grades.grade(one).name for one in scores.pd.tolist()],
                "base_points": np.full(len(values), scores.base_points),
                **{f"points_{name}": scores.contributions[:, place] for place, name in enumerate(bundle.names)},
            },
            index=frame.index,
        )


def example_rows(bundle: ScoringBundle) -> pd.DataFrame:
    """Return the reference supplier and one with everything missing, as MLflow's example of an input."""
    return pd.DataFrame([bundle.reference.medians, [float("nan")] * len(bundle.names)], columns=list(bundle.names), dtype=np.float64)


def _load_pyfunc(path: str) -> ServedModel:
    return ServedModel(ScoringBundle.load(Path(path)))
