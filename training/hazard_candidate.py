"""Is a hazard model as good as the 12-month model? A candidate, learnt in the same training and judged on the same test rows.

It is recorded beside the challenger and scores nobody: bundles, service and dossier are those of the 12-month model.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from credit.errors import NotEnoughHistory, TrainingFailed
from features.catalog import CATALOG
from training.dataset import ModelFrame
from training.fit import Progress
from training.hazard import calibrate_months, learn_hazard, month_of_default
from training.measures import auc, brier, calibration_line, ece, log_loss
from training.monotone import prove
from training.recipe import Columns
from training.rival import paired_differences
from training.settings import TrainSettings
from training.split import Split, folds_by_supplier
from training.term_structure import MONTH, MONTHS, HazardModel, HazardScorer

Values = NDArray[np.float64]
Ints = NDArray[np.intp]

SURVIVORS = 0.1
"""Share of the months without default to learn from: a row then gives little more than one row by month."""
HORIZONS = (3, 6, 12)


def months_of_default(frame: ModelFrame, settings: TrainSettings) -> Ints:
    """Return the month of default of each row, 1 to 12, or 0; raise `NotEnoughHistory` where a bad row has no day of default."""
    found = month_of_default(frame.as_of, frame.default_on, performance_days=settings.outcome.performance_days)
    dayless = int(((frame.y == 1.0) & (found == 0)).sum())
    if dayless:
        raise NotEnoughHistory(
            f"a hazard model needs the day of every default, and {dayless} of {int(frame.y.sum())} bad rows have none: "
            "outcomes from loans say it, given labels do not; train on loans, or without the hazard model"
        )
    return found


def learn_candidate(
    frame: ModelFrame,
    split: Split,
    settings: TrainSettings,
    *,
    seed: int,
    with_young: bool = True,
    threads: int = 1,
    progress: Progress | None = None,
) -> HazardModel:
    """Learn the hazard model from what was known on the first day of the test period; calibrated as the 12-month model, without anchor.

    Parameters
    ----------
    frame, split, settings
        Those of the challenger's training.
    seed, threads, progress
        As `training.recipe.learn`.
    with_young
        Also learn from rows whose window reaches into the test period, by the months before it: the 12-month model cannot.

    Raises
    ------
    NotEnoughHistory
        As `months_of_default`.
    TrainingFailed
        As `training.hazard.learn_hazard`, or the trees break a promised direction.
    """
    rows = np.flatnonzero(frame.as_of < np.datetime64(split.test_from)) if with_young else split.train
    directions = tuple(feature.direction for feature in CATALOG)
    days = (np.datetime64(split.test_from) - frame.as_of[rows]).astype(np.intp)
    seen = np.minimum(days * MONTHS // settings.outcome.performance_days, MONTHS)
    default = months_of_default(frame, settings)[rows]
    found = learn_hazard(
        frame.values[rows],
        np.where(default <= seen, default, 0),
        seen,
        Columns(frame.names, directions),
        seed=seed,
        groups=frame.supplier_ids[rows],
        fold=folds_by_supplier(frame.supplier_ids[rows], settings.split.folds),
        params=settings.params,
        survivors=SURVIVORS,
        threads=threads,
        progress=progress,
    )
    verdict = prove(found.model_text, (*frame.names, MONTH), (*directions, 0)).verdict
    if verdict != "monotone":
        raise TrainingFailed(f"the hazard model must keep the catalogue's directions, and the proof over its trees says {verdict}")
    maps = calibrate_months(found, as_of=frame.as_of[rows], suppliers=frame.supplier_ids[rows], policy=settings.calibration)
    return HazardModel(found.model_text, maps, settings.outcome.performance_days, settings.scale)


def judge_candidate(
    model: HazardModel, frame: ModelFrame, split: Split, settings: TrainSettings, *, pd: Values, seed: int
) -> dict[str, Any]:
    """Compare with the 12-month model on the test rows.

    Parameters
    ----------
    model
        The candidate.
    frame, split, settings
        Those of the training.
    pd
        The 12-month model's PDs of the test rows, shape (n,).
    seed
        Of the redrawn suppliers.

    Returns
    -------
    By horizon in months, where its test rows hold good and bad: the number of bads, measures of the hazard model and of the 12-month
    PD spread evenly over the year (what a financing decision reckons with), and the first less the second with 95 % intervals.
    """
    test = split.test
    month = months_of_default(frame, settings)[test]
    scores = HazardScorer(model).score(frame.values[test])
    found: dict[str, Any] = {}
    for months in HORIZONS:
        y = ((month > 0) & (month <= months)).astype(np.float64)
        if not 0 < y.sum() < len(y):
            continue
        curve, spread = scores.pd_within(months), pd * (months / MONTHS)
        found[str(months)] = {
            "bads": int(y.sum()),
            "hazard": measures(y, curve),
            "twelve_months_spread": measures(y, spread),
            "difference": paired_differences(y, curve, spread, frame.supplier_ids[test], seed=seed),
        }
    return found


def measures(y: Values, pd: Values) -> dict[str, float | None]:
    """Return AUC, log loss, Brier, slope, ECE, and the mean PD beside the bad rate.

    The slope is None where the PDs are all alike or separate good from bad fully.
    """
    slope: float | None
    try:
        slope = calibration_line(y, pd)[0]
    except TrainingFailed:
        slope = None
    return {
        "auc": auc(y, pd),
        "log_loss": log_loss(y, pd),
        "brier": brier(y, pd),
        "slope": slope,
        "ece": ece(y, pd),
        "mean_pd": float(pd.mean()),
        "bad_rate": float(y.mean()),
    }
