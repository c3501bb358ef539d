"""What would a model have said that had learnt from other suppliers? Two boosters on suppliers of their own, asked about third ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from credit.errors import TrainingFailed
from training.params import BoosterParams

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """How far apart two models are: ``distances`` of their log-odds, not below 0, on ``rows`` of suppliers neither knows."""

    rows: NDArray[np.intp]
    distances: Values


def measure_disagreement(
    values: Values,
    y: Values,
    *,
    names: Sequence[str],
    directions: Sequence[int],
    fold: NDArray[np.intp],
    params: BoosterParams,
    rounds: int,
    seed: int,
    threads: int,
    group_size: float = 1.0,
) -> Disagreement:
    """Grow two boosters on disjoint suppliers and compare them on the suppliers of the last fold.

    Parameters
    ----------
    values, y, names, directions, fold, params, seed, threads, group_size
        As for `training.fit.fit_booster`.
    rounds
        Trees of each, as many as the product's booster has.

    Raises
    ------
    TrainingFailed
        Fewer than three folds of suppliers, or a side without a bad or a good row.
    """
    folds = np.unique(fold)
    if len(folds) < 3:
        raise TrainingFailed(f"intervals need three folds of suppliers, found {len(folds)}: bring more suppliers or set folds to 3")
    half = (len(folds) - 1) // 2
    rows = np.flatnonzero(fold == folds[-1])
    margins = []
    for part in (folds[:half], folds[half : 2 * half]):
        own = np.flatnonzero(np.isin(fold, part))
        if not 0 < y[own].sum() < len(own):
            raise TrainingFailed(
                "intervals need good and bad rows on either side of the suppliers they compare, "
                f"found {int(y[own].sum())} bad of {len(own)} on one: bring more suppliers that went bad"
            )
        bad_rate = float(np.mean(y[own]))
        settings = params.for_lightgbm(directions=directions, bad_rate=bad_rate, group_size=group_size, seed=seed, threads=threads)
        data = lgb.Dataset(values[own], y[own], feature_name=list(names), params=dict(settings))
        booster = lgb.train(settings, data, rounds)
        margins.append(np.asarray(booster.predict(values[rows], raw_score=True, num_threads=threads), dtype=np.float64))
    return Disagreement(rows, np.abs(margins[0] - margins[1]))
