"""From rows to a booster: supplier-disjoint folds choose parameters and number of trees, then all training rows grow them.

A number of trees is judged by the folds' log loss after an affine calibration, because one follows anyway: a booster that is too
sure of itself may rank best, and its slope is put right (docs/decisions/0012, 0018).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from credit.errors import LianxinError, TrainingFailed
from training.calibrate import fit_calibration
from training.measures import log_loss
from training.params import BoosterParams

Progress = Callable[[str, float], None]
"""Told the name of a step and the share of it that is done, 0 to 1."""

STEP = 10
"""Trees between two looks at the folds' log loss."""


@dataclass(frozen=True, slots=True)
class Tried:
    """Parameters the folds could have chosen: the best number of trees with them, and the folds' log loss after calibration there.

    No log loss where no calibration keeps the order of the margins.
    """

    params: BoosterParams
    rounds: int
    log_loss: float | None


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted booster as text, its parameters, its number of trees, and for each training row the margin of a booster that never
    saw the row's supplier; ``log_loss_by_step`` is the folds' log loss after calibration, every `STEP` trees; ``tried`` says what
    the folds made of every candidate, in the order given.
    """

    model_text: str
    params: BoosterParams
    rounds: int
    margins_out_of_fold: NDArray[np.float64]
    log_loss_by_step: tuple[float, ...]
    tried: tuple[Tried, ...]


def fit_booster(
    values: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    names: Sequence[str],
    directions: Sequence[int],
    fold: NDArray[np.intp],
    candidates: Sequence[BoosterParams],
    seed: int,
    threads: int,
    categorical: Sequence[int] = (),
    apart: Sequence[int] = (),
    group_size: float = 1.0,
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
    candidates
        Parameters to choose from, one or more: taken is what the folds find best, of equals the first.
    seed, threads
        ``threads`` changes the speed and no bit of the result.
    categorical
        Columns of categories, coded 0, 1, 2 and so on.
    apart
        Columns whose part in the margin is added to that of the others: no tree splits on both.
    group_size
        Mean number of rows per supplier.
    """
    if len(np.unique(fold)) < 2:
        raise TrainingFailed("early stopping needs at least two folds of suppliers, found one: bring more suppliers")
    tried = []
    for place, params in enumerate(candidates):
        settings = params.for_lightgbm(
            directions=directions, bad_rate=float(np.mean(y)), group_size=group_size, seed=seed, threads=threads, apart=apart
        )
        data = lgb.Dataset(
            values, y, feature_name=list(names), categorical_feature=list(categorical), free_raw_data=False, params={**settings}
        )  # fmt: skip
        told = None if progress is None else partial(_part, progress, place, len(candidates))
        tried.append(_grow_in_folds(params, settings, data, values, y, fold, told))
    best = min(tried, key=lambda one: min(one.losses))
    final = lgb.Booster({**best.settings}, best.data)
    for done in range(0, best.rounds, STEP):
        _grow(final, min(STEP, best.rounds - done))
        _say(progress, "grow the trees", min(done + STEP, best.rounds), best.rounds)
    # The text records how many threads were used; the model does not depend on it, so neither may its hash.
    text = re.sub(r"(?m)^\[num_threads: \d+\]$", "[num_threads: 1]", final.model_to_string())
    if re.search(r"(?m)^split_feature=\d", text) is None:
        raise TrainingFailed("no tree could be grown: the rows are too few or no feature varies")
    return Fit(text, best.params, best.rounds, best.margins, best.losses, tuple(one.summary for one in tried))


@dataclass(frozen=True, slots=True)
class _Grown:
    """What the folds make of one set of parameters: the best number of rounds, the margins out of fold there, and every step's log loss."""

    params: BoosterParams
    settings: Mapping[str, Any]
    data: lgb.Dataset
    rounds: int
    margins: NDArray[np.float64]
    losses: tuple[float, ...]

    @property
    def summary(self) -> Tried:
        """What is told of it."""
        lowest = min(self.losses)
        return Tried(self.params, self.rounds, lowest if np.isfinite(lowest) else None)


def _grow_in_folds(
    params: BoosterParams,
    settings: Mapping[str, Any],
    data: lgb.Dataset,
    values: NDArray[np.float64],
    y: NDArray[np.float64],
    fold: NDArray[np.intp],
    progress: Progress | None,
) -> _Grown:
    folds = [
        (lgb.Booster({**settings}, data.subset(np.flatnonzero(fold != k).tolist())), np.flatnonzero(fold == k)) for k in np.unique(fold)
    ]
    margins = np.zeros(len(y))
    best, kept, losses = 0, margins, list[float]()
    for start in range(0, params.max_rounds, STEP):
        grown = min(STEP, params.max_rounds - start)
        for booster, held_out in folds:
            _grow(booster, grown)
            margins[held_out] += booster.predict(
                values[held_out], raw_score=True, start_iteration=start, num_iteration=grown, num_threads=settings["num_threads"]
            )
        losses.append(_calibrated_log_loss(margins, y))
        if losses[-1] <= min(losses):
            best, kept = start + grown, margins.copy()
        elif start + grown - best >= params.patience:
            break
        _say(progress, "choose the number of trees", start + grown, params.max_rounds)
    return _Grown(params, settings, data, best, kept, tuple(losses))


def _grow(booster: lgb.Booster, rounds: int) -> None:
    for _ in range(rounds):
        if booster.update():
            break


def _calibrated_log_loss(margins: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the log loss of the margins after the best affine map; infinite where there is none that keeps their order."""
    try:
        line = fit_calibration(margins, y)
    except LianxinError:
        return float("inf")
    log_odds = np.clip(line.intercept + line.slope * margins, -35.0, 35.0)
    return log_loss(y, 1.0 / (1.0 + np.exp(-log_odds)))


def _say(progress: Progress | None, step: str, done: int, of: int) -> None:
    if progress is not None:
        progress(step, done / of)


def _part(progress: Progress, place: int, of: int, step: str, done: float) -> None:
    """Tell how much of a step is done that comes ``of`` times, this being time ``place``."""
    progress(step, (place + done) / of)
