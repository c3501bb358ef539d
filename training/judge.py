"""How did the model do on as-of dates it could not know? Measures and plots of the test period."""

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from credit.errors import OutOfRange, TrainingFailed
from training.bundle import Scores, ScoringBundle
from training.measures import auc, auc_standard_error, brier, calibration_line, ece, gini, ks, log_loss, psi

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PSI_BINS = 10
BEESWARM_ROWS = 1500

Values = NDArray[np.float64]


def out_of_time(y: Values, scores: Scores, *, suppliers: NDArray[np.str_], reference_points: Values) -> dict[str, float]:
    """Return the measures of the test rows, of which ``suppliers`` says whose each is.

    ``reference_points`` are the training rows' scores, for the score's PSI. Slope and intercept are left out where no line is most
    likely: the PDs are all alike, or separate good from bad fully; the AUC's standard error where all bad or all good rows are one
    supplier's.
    """
    found: dict[str, float] = {}
    with suppress(TrainingFailed):
        found["calibration_slope"], found["calibration_intercept"] = calibration_line(y, scores.pd)
    with suppress(OutOfRange):
        found["auc_standard_error"] = auc_standard_error(y, scores.pd, np.unique(suppliers, return_inverse=True)[1])
    edges = np.unique(np.quantile(reference_points, np.linspace(0, 1, PSI_BINS + 1)[1:-1]))
    return {
        "rows": float(len(y)),
        "bad_rate": float(y.mean()),
        "mean_pd": float(scores.pd.mean()),
        "auc": auc(y, scores.pd),
        "gini": gini(y, scores.pd),
        "ks": ks(y, scores.pd),
        "brier": brier(y, scores.pd),
        "log_loss": log_loss(y, scores.pd),
        "ece": ece(y, scores.pd),
        **found,
        "score_psi": psi(_shares(reference_points, edges), _shares(scores.points, edges)),
    }


def draw(bundle: ScoringBundle, y: Values, values: Values, scores: Scores) -> dict[str, "Figure"]:
    """Return the plots of the test rows by name."""
    from training import plots

    lowest = {grade.name: bundle.scale.points(grade.pd_to) for grade in bundle.grades.grades if grade.pd_to < 1}
    some = np.unique(np.linspace(0, len(values) - 1, min(BEESWARM_ROWS, len(values))).astype(np.intp))
    return {
        "roc_ks": plots.roc_and_ks(y, scores.pd),
        "calibration": plots.calibration(y, scores.pd),
        "score_distribution": plots.score_distribution(y, scores.points, lowest),
        "importance": plots.importance(bundle.names, scores.contributions),
        "shap_beeswarm": plots.shap_beeswarm(bundle.content["model.txt"].decode(), values[some], bundle.names),
    }


def _shares(points: Values, edges: Values) -> Values:
    counts = np.bincount(np.searchsorted(edges, points, side="right"), minlength=len(edges) + 1)
    return np.asarray(counts / len(points), dtype=np.float64)
