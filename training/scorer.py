"""From feature values to points that add up: what each feature adds to the log-odds, calibrated and scaled.

The one place where a score is computed: the bundle, its first parse in a child process and the pipeline all use it.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from credit.errors import BundleInvalid, OutOfRange
from credit.scale import Scale
from training.contributions import TreeTables

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


class Kernel(StrEnum):
    """What computes the contributions. Both do it exactly, and round differently: a bundle says which one made its scores.

    ``TABLES`` is `training.contributions`, ``LIGHTGBM`` the booster's own ``pred_contrib``.
    """

    TABLES = "tables"
    LIGHTGBM = "lightgbm"


class Contributor(Protocol):
    """A model that says what each feature adds."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of its features."""

    @property
    def bias(self) -> float:
        """Log-odds of bad before any feature is looked at."""

    def contributions(self, values: Values) -> Values:
        """Return log-odds of bad by feature, shape (n, f)."""


class BoosterContributions:
    """LightGBM's own contributions."""

    def __init__(self, model_text: str) -> None:
        """Parse a LightGBM model text. A damaged text ends the process: verify it first."""
        from lightgbm import Booster
        from lightgbm.basic import LightGBMError

        try:
            self._booster = Booster(model_str=model_text)
            self.names: tuple[str, ...] = tuple(self._booster.feature_name())
            self.bias = float(self._predict(np.full((1, len(self.names)), np.nan))[0, -1])
        except LightGBMError as error:
            raise BundleInvalid(f"model.txt is not a model LightGBM can read and explain: {error}") from error

    def contributions(self, values: Values) -> Values:
        """Return log-odds of bad by feature, shape (n, f)."""
        return self._predict(values)[:, :-1] if len(values) else np.empty((0, len(self.names)))

    def _predict(self, values: Values) -> Values:
        return np.asarray(self._booster.predict(values, pred_contrib=True, num_threads=1), dtype=np.float64)


class Scorer:
    """A model with its calibration and scale; every row is scored as if it were alone."""

    def __init__(self, model: Contributor, kernel: Kernel, calibration: Calibration, scale: Scale) -> None:
        """Fold calibration and scale into one factor per feature and the base points."""
        self.kernel = kernel
        self.names = list(model.names)
        self.width = len(model.names)
        self._model, self._scale = model, scale
        self._points_per_margin = -scale.factor * calibration.slope
        self.base_points = float(scale.offset - scale.factor * calibration.intercept + self._points_per_margin * model.bias)

    @classmethod
    def from_text(cls, model: str, calibration: Calibration, scale: Scale, *, kernel: Kernel | None = None) -> Self:
        """Read a LightGBM model text, for a kernel or by default for tables where they can be made of it.

        With LightGBM's own kernel a damaged text ends the process: verify it first.

        Raises
        ------
        BundleInvalid
            The text is no model, or not one for the kernel.
        """
        if kernel is not Kernel.LIGHTGBM:
            try:
                return cls(TreeTables.of(model), Kernel.TABLES, calibration, scale)
            except BundleInvalid:
                if kernel is Kernel.TABLES:
                    raise
        return cls(BoosterContributions(model), Kernel.LIGHTGBM, calibration, scale)

    def score(self, values: Values) -> Scores:
        """Return the scores of ``values``, shape (n, f), NaN where missing; refuse infinities and another width."""
        if values.ndim != 2 or values.shape[1] != self.width:
            raise OutOfRange(f"values must have shape (n, {self.width}) in the order of names, found {values.shape}")
        if np.isinf(values).any():
            row, column = (int(index[0]) for index in np.nonzero(np.isinf(values)))
            raise OutOfRange(f"values must be finite or NaN (missing), found an infinity in row {row}, column {column}")
        contributions = self._model.contributions(np.ascontiguousarray(values, dtype=np.float64))
        contributions *= self._points_per_margin
        points = _added(self.base_points, contributions)
        return Scores(pd=self._scale.pds(points), points=points, base_points=self.base_points, contributions=contributions)


def _added(base: float, contributions: Values) -> Values:
    """Add from left to right, as a reader does; a plain sum would add in pairs and differ in the last bits."""
    if len(contributions) == 1:
        return np.add.accumulate(np.concatenate([[base], contributions[0]]))[-1:].copy()
    points = np.full(len(contributions), base)
    for column in contributions.T:
        points += column
    return points
