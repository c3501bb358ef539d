"""How well does the model know what it says? Its PD intervals beside the outcomes, and what it leaves to a person."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from credit.abstention import Standing, stand
from training.bundle import ScoringBundle
from training.intervals import PdIntervals
from training.validation import backtests
from training.validation.calibration import grade_places
from training.validation.clusters import design_effect, outcome_correlation
from training.validation.limits import Limits
from training.validation.sample import Sample
from training.validation.segments import ORDER, ordered

STANCES = ("approve", "refer", "decline")
_DIMENSIONS = ("size", "age", "kind", "industry", "province")

Rows = NDArray[np.intp]


def certainty_section(bundle: ScoringBundle, sample: Sample, limits: Limits) -> dict[str, Any]:
    """Return the PD intervals by grade and segment, and outcomes by what the model would have recommended.

    A true PD is not seen, so the share of intervals that hold it is measured where it is known, on simulated platforms
    (``python -m benchmarks.calibration``). What outcomes can refute is less: were every PD in its interval, a group's mean PD would lie
    between the means of its intervals' ends, and ``is_beyond`` says that the bad rate's interval lies wholly beyond them.
    """
    intervals = bundle.intervals
    if intervals is None:
        return {"status": "not_in_bundle"}
    low, high, stances = _around(intervals, sample)
    correlation = outcome_correlation(sample.y, sample.scores.pd, sample.clusters)
    names = [grade.name for grade in bundle.grades.grades]
    labels: dict[str, tuple[NDArray[np.str_], Sequence[str]]] = {
        "grade": (np.array(names, dtype=np.str_)[grade_places(sample.scores.pd, bundle.grades)], names)
    }
    labels |= {name: (sample.segments[name][sample.test], ORDER) for name in _DIMENSIONS}
    return {
        "status": "measured",
        "level": intervals.policy.interval_level,
        "cutoff_pd": intervals.policy.cutoff_pd,
        "refer_share": float((stances == "refer").mean()),
        "thin_share": float(_thin(intervals, sample).mean()),
        "stances": _groups(sample, low, high, stances, STANCES, stances, correlation, limits),
        "groups": {
            name: _groups(sample, low, high, of_row, order, stances, correlation, limits) for name, (of_row, order) in labels.items()
        },
    }


def _around(intervals: PdIntervals, sample: Sample) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_]]:
    """Return the ends of every test row's interval and what it recommends at the bundle's own cut-off."""
    lows, highs, stances = [], [], []
    for pd, row in zip(sample.scores.pd.tolist(), sample.frame.values[sample.test].tolist(), strict=True):
        interval = intervals.around(pd, row)
        standing: Standing = stand(pd, interval, cutoff_pd=intervals.policy.cutoff_pd, is_thin=intervals.is_thin(row))
        lows.append(interval.low)
        highs.append(interval.high)
        stances.append(standing.recommendation)
    return np.array(lows), np.array(highs), np.array(stances, dtype=np.str_)


def _thin(intervals: PdIntervals, sample: Sample) -> NDArray[np.bool_]:
    return np.array([intervals.is_thin(row) for row in sample.frame.values[sample.test].tolist()], dtype=np.bool_)


def _groups(
    sample: Sample,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    labels: NDArray[np.str_],
    order: Sequence[str],
    stances: NDArray[np.str_],
    correlation: float,
    limits: Limits,
) -> list[dict[str, Any]]:
    """Return one entry per label there is, in ``order``; the bad rate's interval holds with a supplier's rows coming together."""
    found = []
    for label in ordered(labels, order):
        rows: Rows = np.flatnonzero(labels == label)
        bads, clusters = float(sample.y[rows].sum()), np.unique(sample.clusters[rows], return_inverse=True)[1].astype(np.intp)
        effect = design_effect(clusters, correlation)
        rate_low, rate_high = backtests.rate_interval(bads / effect, len(rows) / effect, level=limits.interval_level)
        mean_low, mean_high = float(low[rows].mean()), float(high[rows].mean())
        found.append(
            {
                "label": label,
                "rows": len(rows),
                "suppliers": int(clusters.max()) + 1,
                "bads": int(bads),
                "mean_pd": float(sample.scores.pd[rows].mean()),
                "mean_low": mean_low,
                "mean_high": mean_high,
                "bad_rate": bads / len(rows),
                "rate_low": rate_low,
                "rate_high": rate_high,
                "is_beyond": rate_high < mean_low or rate_low > mean_high,
                "median_width": float(np.median(high[rows] - low[rows])),
                "refer_share": float((stances[rows] == "refer").mean()),
            }
        )
    return found
