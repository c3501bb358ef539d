"""From rows to a booster: supplier-disjoint folds choose the number of trees, then all training rows grow them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from credit.errors import TrainingFailed
from training.params import BoosterParams

Progress = Callable[[str, float], None]
"""Told the name of a step and the share of it that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted booster as text, its number of trees, and for each training row the margin of a booster that never saw
    the row's supplier.
    """

    model_text: str
    rounds: int
    margins_out_of_fold: NDArray[np.float64]
    log_loss_by_round: tuple[float, ...]


def fit_booster(
    values: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    names: Sequence[str],
    directions: Sequence[int],
    fold: NDArray[np.intp],
    params: BoosterParams,
    seed: int,
    threads: int,
    progress: Progress | None = None,
) -> Fit:
    """Fit a booster to the training rows.

    Parameters
    ----------
    values, y
        Shapes (n, f) and (n,); 1 is bad.
    names, directions
        Of the f features; +1 where risk must not fall as the value rises, -1 where it must not rise, 0 where neither.
    fold
        Shape (n,); all rows of a supplier in one fold.
    params, seed, threads
        ``threads`` changes the speed and no bit of the result.
    """
    settings = params.for_lightgbm(directions=list(directions), seed=seed, threads=threads)
    data = lgb.Dataset(values, y, feature_name=list(names), free_raw_data=False, params={"verbosity": -1})
    folds = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in np.unique(fold)]
    if len(folds) < 2:
        raise TrainingFailed("early stopping needs at least two folds of suppliers, found one: bring more suppliers")
    curve: dict[str, Any] = lgb.cv(
        settings,
        data,
        num_boost_round=params.max_rounds,
        folds=folds,
        callbacks=[
            lgb.early_stopping(params.early_stopping_rounds, verbose=False),
            _reporting(progress, "choose the number of trees", params.max_rounds),
        ],
        return_cvbooster=True,
    )
    boosters = curve["cvbooster"]
    rounds = max(1, boosters.best_iteration)
    margins = np.empty(len(y))
    for (_, held_out), booster in zip(folds, boosters.boosters, strict=True):
        margins[held_out] = booster.predict(values[held_out], raw_score=True, num_iteration=rounds, num_threads=threads)
    final = lgb.train(settings, data, rounds, callbacks=[_reporting(progress, "grow the trees", rounds)])
    if final.current_iteration() == 0 or final.num_trees() == 0:
        raise TrainingFailed("no tree could be grown: the rows are too few or no feature varies")
    # The text records how many threads were used; the model does not depend on it, so neither may its hash.
    text = re.sub(r"(?m)^\[num_threads: \d+\]$", "[num_threads: 1]", final.model_to_string(num_iteration=rounds))
    return Fit(text, rounds, margins, tuple(curve["valid binary_logloss-mean"]))


def _reporting(progress: Progress | None, step: str, rounds: int) -> Callable[[lgb.callback.CallbackEnv], None]:
    def report(env: lgb.callback.CallbackEnv) -> None:
        if progress is not None and (env.iteration + 1) % 25 == 0:
            progress(step, (env.iteration + 1) / rounds)

    return report
