"""The recipe for those who work with scikit-learn: one classifier that fits, calibrates, and says its points.

It is the product's own fit and calibration on any table of numbers; the way from a platform's tables to a bundle is
`training.pipeline.train`. Cross-validation, pipelines and searches of scikit-learn take it like any other classifier.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from credit.errors import OutOfRange
from credit.scale import Scale
from training.calibrate import fit_calibration
from training.fit import fit_booster
from training.params import BoosterParams, candidates
from training.recipe import rows_per_group, stratified_folds
from training.scorer import Calibration, Scorer, Scores

Values = NDArray[np.float64]


class LianxinClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Gradient-boosted trees with monotone directions, calibrated out of fold, in points that add up.

    Parameters
    ----------
    params : BoosterParams, optional
        How the trees grow; by default the folds choose as in the product's recipe, which is for hundreds of rows or more.
    monotonic_cst : sequence of int, optional
        Per feature +1 where risk must not fall as the value rises, -1 where it must not rise, 0 where neither; by default 0.
    calibrated : bool
        Fit the affine map of the log-odds out of fold. Without it the margins stand as they are, for rows too few or too easy to
        calibrate on.
    folds : int
        Folds that choose parameters and number of trees and give the margins to calibrate on.
    random_state : int
        Seed of folds and trees.
    threads : int
        Changes the speed and no bit of the result.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The second class is the bad one.
    calibration_ : Calibration
        The affine map.
    params_ : BoosterParams
        How the trees were grown: those given, or what the folds chose.
    model_text_ : str
        The booster, as LightGBM writes it.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    Examples
    --------
    >>> generator = np.random.default_rng(1)
    >>> X = generator.normal(size=(2000, 2))
    >>> y = generator.random(2000) < 1 / (1 + np.exp(2 - 1.5 * X[:, 0]))
    >>> model = LianxinClassifier(monotonic_cst=[1, 0]).fit(X, y)
    >>> low, high = model.points([[-2.0, 0.0], [2.0, 0.0]])
    >>> bool(low > high)
    True
    """

    def __init__(
        self,
        *,
        params: BoosterParams | None = None,
        monotonic_cst: Sequence[int] | None = None,
        calibrated: bool = True,
        folds: int = 5,
        random_state: int = 0,
        threads: int = 1,
    ) -> None:
        """Take parameters as they are; `fit` checks them."""
        self.params = params
        self.monotonic_cst = monotonic_cst
        self.calibrated = calibrated
        self.folds = folds
        self.random_state = random_state
        self.threads = threads

    # X and y are scikit-learn's names for a table and its outcomes.
    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:  # noqa: N803
        """Fit to a table.

        Parameters
        ----------
        X : array-like of shape (n, f)
            Missing is NaN.
        y : array-like of shape (n,)
            Two classes; the greater one is bad.
        groups : array-like of shape (n,), optional
            Rows of one group stay in one fold: suppliers, where each has many rows.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")  # noqa: N806
        check_classification_targets(y)
        if type_of_target(y, input_name="y") != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {type_of_target(y)}.")
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("The classifier needs two classes, and y holds one class only.")
        directions = [0] * X.shape[1] if self.monotonic_cst is None else [int(one) for one in self.monotonic_cst]
        if len(directions) != X.shape[1] or not set(directions) <= {-1, 0, 1}:
            raise OutOfRange(f"monotonic_cst must be -1, 0 or 1 for each of {X.shape[1]} features, found {directions[:10]}")
        bad, owners = codes.astype(np.float64), self._owners(len(codes), groups)
        fit = fit_booster(
            np.ascontiguousarray(X),
            bad,
            names=[f"f{index}" for index in range(X.shape[1])],
            directions=directions,
            fold=stratified_folds(bad, owners, seed=self.random_state, folds=self.folds),
            group_size=rows_per_group(owners),
            candidates=candidates(self.params),
            seed=self.random_state,
            threads=self.threads,
        )
        self.calibration_ = fit_calibration(fit.margins_out_of_fold, bad) if self.calibrated else Calibration(slope=1.0, intercept=0.0)
        self.params_ = fit.params
        self.model_text_ = fit.model_text
        self._scorer = Scorer.from_text(fit.model_text, self.calibration_, Scale())
        return self

    def predict_proba(self, X: Any) -> Values:  # noqa: N803
        """Return the calibrated probabilities of both classes, shape (n, 2)."""
        bad = self._scores(X).pd
        return np.column_stack([1.0 - bad, bad])

    def decision_function(self, X: Any) -> Values:  # noqa: N803
        """Return the log-odds of bad, shape (n,); higher is riskier."""
        bad = self._scores(X).pd
        return np.asarray(np.log(bad) - np.log1p(-bad), dtype=np.float64)

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Return the likelier class of each row, shape (n,)."""
        likelier = (self.predict_proba(X)[:, 1] > 0.5).astype(np.intp)
        return np.asarray(self.classes_[likelier])

    def points(self, X: Any) -> Values:  # noqa: N803
        """Return the points of each row, shape (n,); higher is safer."""
        return self._scores(X).points

    def contributions(self, X: Any) -> Values:  # noqa: N803
        """Return the points of every feature, shape (n, f); with `base_points_` they add up to `points`, left to right."""
        return self._scores(X).contributions

    @property
    def base_points_(self) -> float:
        """The points before any feature is looked at."""
        check_is_fitted(self)
        return self._scorer.base_points

    def _scores(self, X: Any) -> Scores:  # noqa: N803
        check_is_fitted(self)
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        return self._scorer.score(np.ascontiguousarray(values))

    @staticmethod
    def _owners(rows: int, groups: Any) -> NDArray[np.intp]:
        """Number the groups; without any, every row is one."""
        owners = np.arange(rows) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
        if len(owners) != rows:
            raise OutOfRange(f"groups must be as many as rows, found {len(owners)} and {rows}")
        return np.asarray(owners, dtype=np.intp)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs; the booster travels as text."""
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_scorer"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Build the scorer from the text again."""
        super().__setstate__(state)
        if "model_text_" in state:
            self._scorer = Scorer.from_text(self.model_text_, self.calibration_, Scale())

    def __sklearn_tags__(self) -> Any:
        """Say that two classes and missing values are meant."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags
