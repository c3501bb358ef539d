import dataclasses
import functools
from collections.abc import Sequence

import lightgbm as lgb
import numpy as np
import pytest

from credit.errors import OutOfRange, TrainingFailed
from tests.training import drawn
from training.calibrate import fit_calibration
from training.fit import STEP, Fit, fit_booster
from training.measures import auc, log_loss
from training.params import BoosterParams
from training.settings import SEED

VALUES, Y, LOG_ODDS = drawn.rows(3000, seed=8)
FOLD = np.arange(3000) % 5
QUICK = dataclasses.replace(BoosterParams(), learning_rate=0.1, leaf_budget=1200, patience=20)


@functools.cache
def fit(*, threads: int = 1, seed: int = SEED, params: BoosterParams = QUICK) -> Fit:
    return fit_best((params,), threads=threads, seed=seed)


def fit_best(candidates: Sequence[BoosterParams], *, threads: int = 1, seed: int = SEED) -> Fit:
    return fit_booster(
        VALUES, Y, names=drawn.NAMES, directions=drawn.DIRECTIONS, fold=FOLD, candidates=candidates, seed=seed, threads=threads
    )


def test_the_same_seed_gives_the_same_text_with_one_thread_and_two() -> None:
    # Few trees: two threads on busy cores wait for each other at every step of every tree.
    few = dataclasses.replace(QUICK, leaf_budget=48)
    one, two = fit(params=few), fit(params=few, threads=2)
    assert one.model_text == fit.__wrapped__(params=few).model_text == two.model_text
    assert one.margins_out_of_fold.tobytes() == two.margins_out_of_fold.tobytes()
    assert one.model_text != fit(params=few, seed=1).model_text


def test_margins_out_of_fold_rank_and_calibrate() -> None:
    found = fit()
    assert auc(Y, found.margins_out_of_fold) > auc(Y, LOG_ODDS) - 0.04
    assert 0.7 < fit_calibration(found.margins_out_of_fold, Y).slope < 1.7


@pytest.mark.parametrize("held_out", range(5))
def test_the_margins_of_a_fold_come_from_a_booster_grown_on_the_others(held_out: int) -> None:
    found = fit()
    inside = held_out == FOLD
    settings = QUICK.for_lightgbm(directions=drawn.DIRECTIONS, bad_rate=float(Y.mean()), group_size=1.0, seed=SEED, threads=1)
    binned = lgb.Dataset(VALUES, Y, feature_name=list(drawn.NAMES), free_raw_data=False, params=dict(settings))
    others = lgb.train(settings, binned.subset(np.flatnonzero(~inside).tolist()), found.rounds)
    assert np.asarray(others.predict(VALUES[inside], raw_score=True, num_threads=1)) == pytest.approx(
        found.margins_out_of_fold[inside], abs=1e-12
    )


def test_the_number_of_trees_is_the_best_after_calibration() -> None:
    found = fit()
    assert found.rounds == STEP * (1 + int(np.argmin(found.log_loss_by_step)))
    line = fit_calibration(found.margins_out_of_fold, Y)
    calibrated = 1 / (1 + np.exp(-(line.intercept + line.slope * found.margins_out_of_fold)))
    assert log_loss(Y, calibrated) == pytest.approx(min(found.log_loss_by_step), abs=1e-12)


def test_the_folds_choose_between_candidates_whatever_their_order() -> None:
    # Two trees learn next to nothing, shrunk by a million suppliers nothing at all.
    hasty = dataclasses.replace(QUICK, leaf_budget=32)
    deaf = dataclasses.replace(QUICK, prior_groups=1e6, leaf_budget=120)
    for candidates in ((QUICK, hasty, deaf), (deaf, hasty, QUICK)):
        found = fit_best(candidates)
        assert found.params == QUICK
        assert found.model_text == fit().model_text
        assert found.margins_out_of_fold.tobytes() == fit().margins_out_of_fold.tobytes()
        assert min(found.log_loss_by_step) < min(fit(params=hasty).log_loss_by_step)


def test_what_the_folds_made_of_every_candidate_is_told() -> None:
    hasty = dataclasses.replace(QUICK, leaf_budget=32)
    found, alone = fit_best((hasty, QUICK)), fit(params=hasty)
    assert [one.params for one in found.tried] == [hasty, QUICK]
    assert found.tried[0] == alone.tried[0]
    assert (found.tried[1].rounds, found.tried[1].log_loss) == (found.rounds, min(found.log_loss_by_step))


def test_of_equal_candidates_the_first_is_taken() -> None:
    few = dataclasses.replace(QUICK, leaf_budget=48)
    more_patient = dataclasses.replace(few, patience=1000)
    assert fit_best((few, more_patient)).params == few
    assert fit_best((more_patient, few)).params == more_patient


def test_the_leaves_stay_within_the_budget() -> None:
    tight = fit(params=dataclasses.replace(QUICK, learning_rate=0.01, leaf_budget=160))
    assert tight.rounds == 10
    assert tight.model_text.count("Tree=") == 10


@pytest.mark.parametrize("many", [1, 2])
def test_progress_tells_shares_that_rise_to_one(many: int) -> None:
    told: list[tuple[str, float]] = []
    few = dataclasses.replace(QUICK, leaf_budget=360)
    fit_booster(
        VALUES, Y, names=drawn.NAMES, directions=drawn.DIRECTIONS, fold=FOLD, candidates=[few] * many, seed=SEED, threads=1,
        progress=lambda step, share: told.append((step, share)),
    )  # fmt: skip
    assert {step for step, _ in told} == {"choose the number of trees", "grow the trees"}
    assert all(0 < share <= 1 for _, share in told)
    for one in ("choose the number of trees", "grow the trees"):
        shares = [share for step, share in told if step == one]
        assert shares == sorted(set(shares))
    assert told[-1] == ("grow the trees", 1.0)


@pytest.mark.parametrize("method", ["intermediate", "advanced"])
def test_monotone_methods_that_break_their_promise_are_refused(method: str) -> None:
    with pytest.raises(OutOfRange, match="others break the promise"):
        BoosterParams(monotone_constraints_method=method)


def test_rows_that_cannot_be_told_apart_grow_no_tree() -> None:
    with pytest.raises(TrainingFailed, match="no tree could be grown"):
        fit_booster(
            np.zeros_like(VALUES), Y, names=drawn.NAMES, directions=drawn.DIRECTIONS, fold=FOLD, candidates=[QUICK], seed=1, threads=1
        )  # fmt: skip


def test_one_fold_is_refused() -> None:
    with pytest.raises(TrainingFailed, match="two folds"):
        fit_booster(VALUES, Y, names=drawn.NAMES, directions=drawn.DIRECTIONS, fold=FOLD * 0, candidates=[QUICK], seed=1, threads=1)
