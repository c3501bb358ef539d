import dataclasses

import lightgbm as lgb
import numpy as np
import pytest

from credit.errors import OutOfRange, TrainingFailed
from tests.training import drawn
from training.calibrate import fit_calibration
from training.fit import Fit, fit_booster
from training.measures import auc
from training.params import BoosterParams
from training.settings import SEED

VALUES, Y, LOG_ODDS = drawn.rows(3000, seed=8)
FOLD = np.arange(3000) % 5
QUICK = dataclasses.replace(BoosterParams(), learning_rate=0.1, max_rounds=150, early_stopping_rounds=20)


def fit(*, threads: int = 1, seed: int = SEED, params: BoosterParams = QUICK) -> Fit:
    return fit_booster(VALUES, Y, names=drawn.NAMES, directions=drawn.DIRECTIONS, fold=FOLD, params=params, seed=seed, threads=threads)


def test_the_same_seed_gives_the_same_text_with_one_thread_and_two() -> None:
    one = fit(threads=1)
    assert one.model_text == fit(threads=1).model_text == fit(threads=2).model_text
    assert one.model_text != fit(seed=1).model_text


def test_margins_out_of_fold_rank_and_calibrate() -> None:
    found = fit()
    assert auc(Y, found.margins_out_of_fold) > auc(Y, LOG_ODDS) - 0.04
    assert 0.7 < fit_calibration(found.margins_out_of_fold, Y).slope < 1.4


@pytest.mark.parametrize("held_out", range(5))
def test_the_margins_of_a_fold_come_from_a_booster_grown_on_the_others(held_out: int) -> None:
    found = fit()
    inside = held_out == FOLD
    settings = QUICK.for_lightgbm(directions=list(drawn.DIRECTIONS), seed=SEED, threads=1)
    binned = lgb.Dataset(VALUES, Y, feature_name=list(drawn.NAMES), free_raw_data=False, params=settings)
    others = lgb.train(settings, binned.subset(np.flatnonzero(~inside).tolist()), found.rounds)
    assert np.array_equal(found.margins_out_of_fold[inside], np.asarray(others.predict(VALUES[inside], raw_score=True)))


def test_progress_tells_shares_up_to_one() -> None:
    told: list[tuple[str, float]] = []
    fit_booster(
        VALUES,
        Y,
        names=drawn.NAMES,
        directions=drawn.DIRECTIONS,
        fold=FOLD,
        params=QUICK,
        seed=SEED,
        threads=1,
        progress=lambda step, share: told.append((step, share)),
    )
    assert told
    assert all(0 < share <= 1 for _, share in told)


@pytest.mark.parametrize("method", ["intermediate", "advanced"])
def test_monotone_methods_that_break_their_promise_are_refused(method: str) -> None:
    with pytest.raises(OutOfRange, match="others break the promise"):
        BoosterParams(monotone_constraints_method=method)


def test_one_fold_is_refused() -> None:
    with pytest.raises(TrainingFailed, match="two folds"):
        fit_booster(VALUES, Y, names=drawn.NAMES, directions=drawn.DIRECTIONS, fold=FOLD * 0, params=QUICK, seed=1, threads=1)
