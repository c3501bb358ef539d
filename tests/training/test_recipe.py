import dataclasses
import functools
from collections.abc import Callable

import lightgbm as lgb
import numpy as np
import pytest
from numpy.typing import NDArray

from credit.errors import LianxinError, OutOfRange, TrainingFailed
from training.measures import auc, calibration_line
from training.params import CANDIDATES, BoosterParams
from training.recipe import Columns, Learned, learn, stratified_folds

Floats = NDArray[np.float64]

ROWS = 2000
COLUMNS = Columns(("late", "amount", "trade", "noise"), (1, -1, 0, 0), categorical=(2,))
QUICK = dataclasses.replace(BoosterParams(), learning_rate=0.1, leaf_budget=1200)


def table(seed: int = 1) -> tuple[Floats, Floats, Floats]:
    """Values with missing cells and a column of categories, outcomes, and the true log-odds of bad."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(ROWS, 4))
    values[:, 2] = generator.integers(0, 5, ROWS)
    log_odds = -2.5 + 1.2 * values[:, 0] - 0.8 * values[:, 1] + np.array([1.5, 0.0, -1.0, 1.0, 0.0])[values[:, 2].astype(int)]
    y = (generator.random(ROWS) < 1 / (1 + np.exp(-log_odds))).astype(np.float64)
    values[generator.random((ROWS, 4)) < 0.05] = np.nan
    return values, y, log_odds


@functools.cache
def learnt(columns: Columns = COLUMNS) -> Learned:
    values, y, _ = table()
    return learn(values, y, columns, seed=7, params=QUICK)


def margins(learned: Learned, values: Floats) -> Floats:
    raw = np.asarray(lgb.Booster(model_str=learned.fit.model_text).predict(values, raw_score=True, num_threads=1))
    return np.asarray(learned.calibration.intercept + learned.calibration.slope * raw)


def test_one_call_gives_a_calibrated_booster_that_knows_rows_it_never_saw() -> None:
    learned = learnt()
    values, y, truth = table(seed=2)
    found = margins(learned, values)
    assert auc(y, found) > auc(y, truth) - 0.03
    assert auc(y, found) > auc(y, margins(learnt(dataclasses.replace(COLUMNS, categorical=())), values)) - 0.01
    pd = 1 / (1 + np.exp(-found))
    assert calibration_line(y, pd)[0] == pytest.approx(1.0, abs=0.25)
    assert pd.mean() == pytest.approx(y.mean(), abs=0.02)


def test_by_default_the_folds_choose_between_the_two_ways() -> None:
    values, y, _ = table()
    few = slice(0, 400)
    learned = learn(values[few], y[few], COLUMNS, seed=7)
    each = [learn(values[few], y[few], COLUMNS, seed=7, params=params) for params in CANDIDATES]
    losses = [min(one.fit.log_loss_by_step) for one in each]
    best = each[losses.index(min(losses))]
    assert learned.fit.params == CANDIDATES[losses.index(min(losses))]
    assert (learned.fit.model_text, learned.calibration) == (best.fit.model_text, best.calibration)


def test_seeing_a_part_of_the_goods_does_not_raise_the_pd() -> None:
    values, y, _ = table()
    pd = 1 / (1 + np.exp(-margins(learnt(), values)))
    assert pd.mean() == pytest.approx(y.mean(), abs=0.01)


def test_contributions_add_up_and_directions_hold() -> None:
    booster = lgb.Booster(model_str=learnt().fit.model_text)
    values, _, _ = table(seed=3)
    contributions = np.asarray(booster.predict(values, pred_contrib=True, num_threads=1))
    assert contributions.sum(axis=1) == pytest.approx(np.asarray(booster.predict(values, raw_score=True, num_threads=1)), abs=1e-9)
    worse = values.copy()
    worse[:, 0] += 0.5
    worse[:, 1] -= 0.5
    assert (
        np.asarray(booster.predict(worse, raw_score=True, num_threads=1))
        >= np.asarray(booster.predict(values, raw_score=True, num_threads=1)) - 1e-12
    ).all()


def test_rows_of_one_supplier_stay_in_one_fold_and_bad_suppliers_are_dealt_out() -> None:
    generator = np.random.default_rng(4)
    groups = generator.integers(0, 200, 3000)
    y = (generator.random(3000) < 0.01).astype(np.float64)
    fold = stratified_folds(y, groups, seed=1)
    assert all(len(set(fold[groups == group].tolist())) == 1 for group in range(200))
    bad = np.bincount(groups, weights=y) > 0
    fold_of = np.array([fold[groups == group][0] for group in range(200)])
    counts = np.bincount(fold_of[bad], minlength=5)
    assert counts.max() - counts.min() <= 1


def test_columns_that_say_nothing_are_refused_in_plain_words() -> None:
    generator = np.random.default_rng(0)
    refused = 0
    for seed in range(6):
        values, y = generator.normal(size=(120, 2)), (np.arange(120) % 4 == 0).astype(np.float64)
        try:
            learn(values, y, Columns(("a", "b"), (0, 0)), seed=seed, params=dataclasses.replace(QUICK, leaf_budget=32))
        except TrainingFailed as failed:
            refused += 1
            assert "the columns say nothing of rows that were not learnt from" in str(failed)
    assert refused


def test_rows_of_one_supplier_count_once() -> None:
    values, y, _ = table()
    alone = learn(values, y, COLUMNS, seed=7, params=QUICK)
    monthly = learn(np.repeat(values, 3, axis=0), np.repeat(y, 3), COLUMNS, seed=7, groups=np.repeat(np.arange(ROWS), 3), params=QUICK)
    assert "[min_data_in_leaf: 5]" in alone.fit.model_text
    assert "[min_data_in_leaf: 15]" in monthly.fit.model_text


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda v, y: (v[:, :3], y), OutOfRange, r"must have shape \(2000, 4\)"),
        (lambda v, y: (np.where(np.arange(4) == 1, np.inf, v), y), OutOfRange, "infinity in row 0, column amount"),
        (lambda v, y: (v, y + 0.5), OutOfRange, "outcomes must be 0 or 1"),
        (lambda v, y: (v, y * 0), TrainingFailed, "good and bad rows, found 0 bad of 2000"),
        (lambda v, y: (np.where(np.arange(4) == 2, 0.5, v), y), OutOfRange, "found others in column trade"),
    ],
)
def test_bad_input_is_refused(change: Callable[[Floats, Floats], tuple[Floats, Floats]], error: type[LianxinError], message: str) -> None:
    values, y = change(*table()[:2])
    with pytest.raises(error, match=message):
        learn(values, y, COLUMNS, seed=7)


@pytest.mark.parametrize(
    ("names", "directions", "categorical", "message"),
    [
        (("a", "b"), (1,), (), "each of 2 columns needs a direction"),
        (("a", "b"), (1, 2), (), "each of 2 columns needs a direction"),
        (("a", "a"), (1, 0), (), "must differ, found \\['a'\\]"),
        (("a", "b"), (1, 0), (0,), "no direction, found column 0"),
        (("a", "b"), (1, 0), (2,), "one of 2 columns"),
    ],
)
def test_a_catalogue_that_contradicts_itself_is_refused(
    names: tuple[str, ...], directions: tuple[int, ...], categorical: tuple[int, ...], message: str
) -> None:
    with pytest.raises(OutOfRange, match=message):
        Columns(names, directions, categorical)
