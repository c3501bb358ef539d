"""What others would fit: each peer learns from a table and returns the log-odds of bad of other rows.

No peer has directions. XGBoost and CatBoost choose their number of trees by early stopping on a fifth of the rows and are then fitted
on all; tuned LightGBM is chosen by Optuna over three folds; scorecard and EBM are as their libraries come. Where a borrower has several
rows, they lie on one side of every such split, EBM's bags too. One thread each.
"""

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.models_peers.tables import CreditTable

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Peer = Callable[[CreditTable, Floats, int], Floats]
"""Of the rows to learn from, the values of the rows to judge, and the seed."""

TRIALS = 25


def scorecard(train: CreditTable, values: Floats, seed: int) -> Floats:
    """Weight of evidence over optimal bins (optbinning), then a logistic regression."""
    optbinning = import_module("optbinning")
    categories = [train.names[i] for i in train.categorical]
    binning = optbinning.BinningProcess(list(train.names), categorical_variables=categories)
    woe = binning.fit_transform(_frame(train, train.values), train.y, metric="woe", metric_missing="empirical")
    others = binning.transform(_frame(train, values), metric="woe", metric_missing="empirical")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(np.asarray(woe), train.y)
    return np.asarray(model.decision_function(np.asarray(others)), dtype=np.float64)


def lightgbm_plain(train: CreditTable, values: Floats, seed: int) -> Floats:
    """LightGBM as it comes: 100 trees of 31 leaves."""
    import lightgbm

    booster = lightgbm.train(_lightgbm_settings(seed), _binned(train), 100)
    return np.asarray(booster.predict(values, raw_score=True, num_threads=1), dtype=np.float64)


def lightgbm_tuned(train: CreditTable, values: Floats, seed: int) -> Floats:
    """LightGBM with the parameters, and the number of trees, that Optuna finds best by log loss over three folds."""
    import lightgbm

    optuna = import_module("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    data = _binned(train)
    folds = _folds(train, 3, seed)

    def loss(trial: Any) -> float:
        settings = {
            **_lightgbm_settings(seed),
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.15, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 4, 48, log=True),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 5, 120, log=True),
            "lambda_l2": trial.suggest_float("lambda_l2", 0.01, 30.0, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.2, 1.0),
            "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
            "bagging_freq": 1,
        }
        stopping = lightgbm.early_stopping(40, verbose=False)
        found: dict[str, Any] = lightgbm.cv(settings, data, 1000, folds=folds, callbacks=[stopping])
        curve = found["valid binary_logloss-mean"]
        trial.set_user_attr("settings", settings)
        trial.set_user_attr("rounds", len(curve))
        return float(curve[-1])

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True))
    study.optimize(loss, n_trials=TRIALS)
    best = study.best_trial.user_attrs
    booster = lightgbm.train(best["settings"], data, best["rounds"])
    return np.asarray(booster.predict(values, raw_score=True, num_threads=1), dtype=np.float64)


def xgboost(train: CreditTable, values: Floats, seed: int) -> Floats:
    """XGBoost, depth 4, learning rate .05, a column of its own for every category."""
    xgboost = import_module("xgboost")

    def matrix(rows: Floats, y: Floats | None = None) -> Any:
        columns = [rows[:, [i]] for i in range(rows.shape[1]) if i not in train.categorical]
        columns += [(rows[:, [i]] == np.unique(train.values[:, i])).astype(np.float64) for i in train.categorical]
        return xgboost.DMatrix(np.hstack(columns), y)

    settings = {
        "objective": "binary:logistic", "eval_metric": "logloss", "learning_rate": 0.05, "max_depth": 4, "subsample": 0.8,
        "colsample_bytree": 0.8, "nthread": 1, "seed": seed,
    }  # fmt: skip
    learn, check = _a_fifth(train, seed)
    watched = matrix(train.values[check], train.y[check])
    first = xgboost.train(
        settings, matrix(train.values[learn], train.y[learn]), 2000, [(watched, "check")], early_stopping_rounds=50, verbose_eval=False
    )
    booster = xgboost.train(settings, matrix(train.values, train.y), first.best_iteration + 1)
    return np.asarray(booster.predict(matrix(values), output_margin=True), dtype=np.float64)


def catboost(train: CreditTable, values: Floats, seed: int) -> Floats:
    """CatBoost, depth 6, learning rate .05, its own treatment of categories."""
    catboost = import_module("catboost")

    def pool(rows: Floats, y: Floats | None = None) -> Any:
        frame = _frame(train, rows)
        for i in train.categorical:
            frame[train.names[i]] = frame[train.names[i]].astype(int).astype(str)
        return catboost.Pool(frame, y, cat_features=list(train.categorical))

    settings: dict[str, Any] = {
        "learning_rate": 0.05,
        "random_seed": seed,
        "thread_count": 1,
        "verbose": False,
        "allow_writing_files": False,
    }
    learn, check = _a_fifth(train, seed)
    first = catboost.CatBoostClassifier(iterations=2000, early_stopping_rounds=50, **settings)
    first.fit(pool(train.values[learn], train.y[learn]), eval_set=pool(train.values[check], train.y[check]))
    model = catboost.CatBoostClassifier(iterations=first.get_best_iteration() + 1, **settings)
    model.fit(pool(train.values, train.y))
    return np.asarray(model.predict(pool(values), prediction_type="RawFormulaVal"), dtype=np.float64)


def ebm(train: CreditTable, values: Floats, seed: int) -> Floats:
    """Explainable Boosting Machine (interpret) as it comes, with its pairs."""
    glassbox = import_module("interpret.glassbox")
    kinds = ["nominal" if i in train.categorical else "continuous" for i in range(len(train.names))]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Missing values detected")
        model = glassbox.ExplainableBoostingClassifier(feature_names=list(train.names), feature_types=kinds, random_state=seed, n_jobs=1)
        model.fit(train.values, train.y, bags=_bags(train, seed, model.outer_bags))
        return np.asarray(model.decision_function(values), dtype=np.float64)


PEERS: Mapping[str, Peer] = {
    "scorecard": scorecard,
    "LightGBM plain": lightgbm_plain,
    "LightGBM tuned": lightgbm_tuned,
    "XGBoost": xgboost,
    "CatBoost": catboost,
    "EBM": ebm,
}

AVERAGED = ("LightGBM tuned", "XGBoost", "CatBoost", "EBM")
"""Whose log-odds the average is the mean of."""


def _lightgbm_settings(seed: int) -> dict[str, Any]:
    return {"objective": "binary", "seed": seed, "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1}


def _binned(train: CreditTable) -> Any:
    import lightgbm

    # The least leaf is chosen after the values are cut into bins; without this the cut would depend on it.
    settings = {"verbosity": -1, "feature_pre_filter": False}
    return lightgbm.Dataset(train.values, train.y, categorical_feature=list(train.categorical), free_raw_data=False, params=settings)


def _folds(train: CreditTable, folds: int, seed: int) -> list[tuple[Ints, Ints]]:
    kind = StratifiedKFold if train.groups is None else StratifiedGroupKFold
    return list(kind(folds, shuffle=True, random_state=seed).split(train.values, train.y, train.groups))


def _bags(train: CreditTable, seed: int, bags: int) -> npt.NDArray[np.int8] | None:
    """EBM's bags, shape (n, bags): 1 to learn, -1 to stop early, a seventh of the borrowers; None leaves its own choice of rows."""
    if train.groups is None:
        return None
    made = np.ones((len(train.y), bags), dtype=np.int8)
    for place in range(bags):
        made[_folds(train, 7, seed + place)[0][1], place] = -1
    return made


def _a_fifth(train: CreditTable, seed: int) -> tuple[Ints, Ints]:
    if train.groups is not None:
        return _folds(train, 5, seed)[0]
    learn, check = train_test_split(np.arange(len(train.y)), test_size=0.2, stratify=train.y, random_state=seed)
    return np.asarray(learn), np.asarray(check)


def _frame(train: CreditTable, values: Floats) -> pd.DataFrame:
    return pd.DataFrame(values, columns=list(train.names))
