"""From feature values to points that add up: the booster's own contributions, calibrated and scaled.

The one place where a score is computed: the bundle, its first parse in a child process and the pipeline all use it.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from credit.errors import BundleInvalid, OutOfRange
from credit.scale import Scale

if TYPE_CHECKING:
    from lightgbm import Booster

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Affine map of the booster's log-odds of bad to calibrated ones: intercept + slope * margin; slope above 0."""

    slope: float
    intercept: float

    def __post_init__(self) -> None:
        """Refuse a map that turns the order of suppliers around or is not finite."""
        if not (math.isfinite(self.slope) and self.slope > 0 and math.isfinite(self.intercept)):
            raise OutOfRange(
                "a calibration must have a finite intercept and a slope above 0, "
                f"found {self.intercept} and {self.slope}: "
                "the model does not rank the validation rows; train on more data or other features"
            )


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of n suppliers on f features.

    ``pd`` and ``points`` have shape (n,), ``contributions`` (n, f) in points. ``base_points`` plus the contributions of
    a row, added from left to right, give its points to the last bit; ``pd`` is what the points stand for on the scale.
    """

    pd: Values
    points: Values
    base_points: float
    contributions: Values


class Scorer:
    """A booster with its calibration and scale; every row is scored as if it were alone."""

    def __init__(self, booster: "Booster", calibration: Calibration, scale: Scale) -> None:
        """Fold calibration and scale into one factor per feature and the base points."""
        self._booster = booster
        self._scale = scale
        self.width: int = booster.num_feature()
        self.names: list[str] = booster.feature_name()
        self._points_per_margin = -scale.factor * calibration.slope
        bias = self._margins(np.full((1, self.width), np.nan))[0, -1]
        self.base_points = float(scale.offset - scale.factor * calibration.intercept + self._points_per_margin * bias)

    @classmethod
    def from_text(cls, model: str, calibration: Calibration, scale: Scale) -> "Scorer":
        """Parse a LightGBM model text. A damaged text ends the process: verify it first."""
        from lightgbm import Booster
        from lightgbm.basic import LightGBMError

        try:
            return cls(Booster(model_str=model), calibration, scale)
        except LightGBMError as error:
            raise BundleInvalid(f"model.txt is not a model LightGBM can read: {error}") from error

    def score(self, values: Values) -> Scores:
        """Return the scores of ``values``, shape (n, f), NaN where missing; refuse infinities and another width."""
        if values.ndim != 2 or values.shape[1] != self.width:
            raise OutOfRange(f"values must have shape (n, {self.width}) in the order of names, found {values.shape}")
        if np.isinf(values).any():
            row, column = (int(index[0]) for index in np.nonzero(np.isinf(values)))
            raise OutOfRange(f"values must be finite or NaN (missing), found an infinity in row {row}, column {column}")
        margins = self._margins(np.ascontiguousarray(values, dtype=np.float64))
        contributions = self._points_per_margin * margins[:, :-1]
        steps = np.empty((len(values), self.width + 1))
        steps[:, 0] = self.base_points
        steps[:, 1:] = contributions
        # accumulate adds from left to right; a plain sum would add in pairs and differ from a reader's addition.
        points = np.add.accumulate(steps, axis=1)[:, -1].copy()
        # One exponential at a time: vectorised ones may differ in the last bit with the length of the batch.
        pd = np.fromiter(map(self._scale.pd, points.tolist()), dtype=np.float64, count=len(points))
        return Scores(pd=pd, points=points, base_points=self.base_points, contributions=contributions)

    def _margins(self, values: Values) -> Values:
        if not len(values):
            return np.empty((0, self.width + 1))
        margins = self._booster.predict(values, pred_contrib=True, num_threads=1)
        return np.asarray(margins, dtype=np.float64)
