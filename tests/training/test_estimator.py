"""scikit-learn's own checks, and that the classifier is the product's recipe and nothing else."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from credit.errors import OutOfRange
from credit.scale import Scale
from tests.training import drawn
from training.estimator import LianxinClassifier
from training.params import BoosterParams
from training.scorer import Scorer

SMALL = BoosterParams(
    learning_rate=0.2, groups_in_leaf=1, prior_groups=0.0, goods_fraction=1.0, leaf_budget=6 * 60, patience=10, max_depth=3, num_leaves=6
)


@parametrize_with_checks([LianxinClassifier(params=SMALL, calibrated=False, folds=2)])  # type: ignore[untyped-decorator]
def test_scikit_learns_own_checks(estimator: LianxinClassifier, check: Callable[[Any], None]) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def fitted() -> LianxinClassifier:
    values, y, _ = drawn.rows(3000, seed=31)
    quick = BoosterParams(learning_rate=0.15, leaf_budget=600)
    return LianxinClassifier(params=quick, monotonic_cst=drawn.DIRECTIONS).fit(pd.DataFrame(values, columns=list(drawn.NAMES)), y)


def frame(count: int) -> pd.DataFrame:
    return pd.DataFrame(drawn.rows(count, seed=32)[0], columns=list(drawn.NAMES))


def test_points_add_up_and_are_those_of_the_products_scorer(fitted: LianxinClassifier) -> None:
    rows = frame(300)
    total = np.full(300, fitted.base_points_)
    for column in fitted.contributions(rows).T:
        total = total + column
    assert total.tobytes() == fitted.points(rows).tobytes()
    scorer = Scorer.from_text(fitted.model_text_, fitted.calibration_, Scale())
    assert scorer.score(rows.to_numpy()).pd.tobytes() == fitted.predict_proba(rows)[:, 1].tobytes()


def test_a_worse_value_never_lowers_the_risk(fitted: LianxinClassifier) -> None:
    rows = frame(300)
    for name, direction in zip(drawn.NAMES, drawn.DIRECTIONS, strict=True):
        if direction:
            worse = rows.assign(**{name: rows[name] + 0.7 * direction})
            assert (fitted.points(worse) <= fitted.points(rows) + 1e-9).all()


def test_probabilities_are_calibrated_on_rows_it_has_not_seen(fitted: LianxinClassifier) -> None:
    values, y, _ = drawn.rows(20000, seed=33)
    predicted = fitted.predict_proba(pd.DataFrame(values, columns=list(drawn.NAMES)))[:, 1]
    assert abs(predicted.mean() - y.mean()) < 0.02


def test_it_goes_through_a_search_and_a_copy(fitted: LianxinClassifier) -> None:
    values, y, _ = drawn.rows(1200, seed=34)
    quick = BoosterParams(learning_rate=0.2, leaf_budget=16 * 20)
    scored = cross_val_score(LianxinClassifier(params=quick), values, y, cv=StratifiedKFold(2), scoring="roc_auc")
    assert (scored > 0.6).all()
    options = {"params": [quick, BoosterParams(learning_rate=0.05, leaf_budget=16 * 20)]}
    found = GridSearchCV(LianxinClassifier(), options, cv=2, scoring="neg_log_loss").fit(values, y)
    assert found.best_params_["params"] in options["params"]
    rows = frame(50)
    copied = pickle.loads(pickle.dumps(fitted))
    assert copied.points(rows).tobytes() == fitted.points(rows).tobytes()


def test_wrong_arguments_are_refused() -> None:
    model, groups = LianxinClassifier(), np.repeat(np.arange(40), 5)
    values, y, _ = drawn.rows(200, seed=35)
    with pytest.raises(OutOfRange, match="as many as rows"):
        model.fit(values, y, groups=groups[:10])
    with pytest.raises(OutOfRange, match="monotonic_cst"):
        LianxinClassifier(monotonic_cst=[1]).fit(values, y)
