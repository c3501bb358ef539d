"""Is the champion worth its complexity? A scorecard fitted to the same training rows, judged on the same test rows, pair by pair."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from credit.errors import LianxinError
from training.bundle import ScoringBundle
from training.measures import auc, auc_difference, gini, ks
from training.settings import SEED
from training.validation.clusters import resample
from training.validation.discrimination import curve, estimate
from training.validation.limits import Limits
from training.validation.sample import Sample
from training.woe import Scorecard, fit_scorecard

Values = NDArray[np.float64]


def challenge(bundle: ScoringBundle, sample: Sample, limits: Limits) -> dict[str, Any]:
    """Return the challenger and how it did; ``status`` says why there is none where training rows are missing or none informs."""
    frame, train, y, clusters = sample.frame, sample.train, sample.y, sample.clusters
    if not len(train):
        return {"status": "no_training_rows"}
    try:
        card = fit_scorecard(
            frame.values[train],
            frame.y[train],
            names=bundle.names,
            directions=[factor.direction for factor in bundle.factors],
            scale=bundle.scale,
        )
    except LianxinError as refusal:
        return {"status": "not_fitted", "why": str(refusal)}
    # Rounded, so that scores which are equal but for the order of an addition stay tied on every machine.
    theirs, ours = -np.round(card.points(frame.values[sample.test]), 6), sample.scores.pd
    draws = resample(
        lambda rows: np.array([auc(y[rows], ours[rows]) - auc(y[rows], theirs[rows])]), clusters, draws=limits.bootstrap_draws, seed=SEED
    )
    paired = auc_difference(y, ours, theirs)
    clustered = _clustered_error(sample, theirs)
    return {
        "status": "fitted",
        "rows": len(train),
        "bads": int(frame.y[train].sum()),
        "base_points": card.base_points,
        "features": _features(card),
        "champion": {"auc": auc(y, ours), "gini": gini(y, ours), "ks": ks(y, ours)},
        "challenger": {"auc": auc(y, theirs), "gini": gini(y, theirs), "ks": ks(y, theirs)},
        "difference": estimate(paired.difference, draws[:, 0], n=len(y), level=limits.interval_level),
        "standard_error_delong": paired.standard_error,
        "standard_error_clustered": clustered,
        "points": {
            "champion_mean": float(sample.scores.points.mean()),
            "challenger_mean": float(-theirs.mean()),
            "correlation": _correlation(sample.scores.points, -theirs),
        },
        "roc": curve(y, theirs),
    }


def _features(card: Scorecard) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "information_value": one.information_value,
            "coefficient": weight,
            "edges": one.edges,
            "points": card.points_per_bin(place)[:-1],
            "points_missing": card.points_per_bin(place)[-1],
        }
        for place, (one, weight) in enumerate(zip(card.bins, card.coefficients, strict=True))
    ]


def _correlation(ours: Values, theirs: Values) -> float | None:
    """Return the correlation of two scores, None where one of them is the same for all."""
    if np.ptp(ours) == 0 or np.ptp(theirs) == 0:
        return None
    return float(np.corrcoef(ours, theirs)[0, 1])


def _clustered_error(sample: Sample, theirs: Values) -> float | None:
    try:
        return auc_difference(sample.y, sample.scores.pd, theirs, sample.clusters).standard_error
    except LianxinError:
        return None
