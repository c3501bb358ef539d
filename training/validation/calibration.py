"""Do the PDs come true? Grade by grade with the tests of a rating system, and group by group with the usual measures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from credit.errors import OutOfRange
from credit.grade import GradeScale
from training.calibration_table import Estimate, calibration_by
from training.measures import auc, auc_standard_error
from training.validation import backtests
from training.validation.backtests import Light
from training.validation.clusters import design_effect
from training.validation.limits import Limits
from training.validation.segments import ordered

Values = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class GradeTest:
    """One grade's bads against its PDs; everything that needs rows is None where the grade has none.

    ``tail`` is the probability of at least as many bads: of independent rows, of rows clustered by supplier, and with a
    common economy on top; ``light`` is of the clustered one. ``is_small`` says that less than one bad was to be expected.
    """

    grade: str
    label_zh: str
    label_en: str
    pd_from: float
    pd_to: float
    rows: int
    suppliers: int
    bads: int
    is_small: bool
    expected_bads: float = 0.0
    mean_pd: float | None = None
    bad_rate: float | None = None
    rate_low: float | None = None
    rate_high: float | None = None
    design_effect: float | None = None
    binomial_p: float | None = None
    jeffreys_p: float | None = None
    jeffreys_p_clustered: float | None = None
    tail: float | None = None
    tail_clustered: float | None = None
    tail_common_factor: float | None = None
    light_rows: Light | None = None
    light: Light | None = None
    light_common_factor: Light | None = None


@dataclass(frozen=True, slots=True)
class GroupCalibration:
    """One group's outcomes and PDs; ranking and line are None where it has fewer than the least number of bads or goods.

    All intervals respect that rows of one supplier come together; those of slope and intercept are `training.calibration_table`'s,
    as is ``ece_by_luck``, what true PDs would show on as many independent rows.
    """

    label: str
    rows: int
    suppliers: int
    bads: int
    bad_rate: float
    rate_low: float
    rate_high: float
    mean_pd: float
    is_outside: bool
    brier: float
    log_loss: float
    ece: float
    ece_by_luck: float
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    slope: Estimate | None
    intercept: Estimate | None


def grade_places(pd: Values, scale: GradeScale) -> Rows:
    """Return the place of each PD's grade on the scale, 0 for the safest."""
    return np.searchsorted([grade.pd_to for grade in scale.grades[:-1]], pd, side="right").astype(np.intp)


def backtest_grades(y: Values, pd: Values, clusters: Rows, scale: GradeScale, *, correlation: float, limits: Limits) -> list[GradeTest]:
    """Return the tests of every grade of the scale, safest first; ``correlation`` is that of one supplier's outcomes."""
    place = grade_places(pd, scale)
    tests = []
    for number, grade in enumerate(scale.grades):
        rows = np.flatnonzero(place == number)
        about = (grade.name, grade.label_zh, grade.label_en, grade.pd_from, grade.pd_to)
        if not len(rows):
            tests.append(GradeTest(*about, rows=0, suppliers=0, bads=0, is_small=True))
            continue
        bads, mean_pd, count = int(y[rows].sum()), float(pd[rows].mean()), len(rows)
        effect = design_effect(_renumbered(clusters[rows]), correlation)
        worth = (bads / effect, count / effect, mean_pd)
        low, high = backtests.rate_interval(*worth[:2], level=limits.interval_level)
        tails = (
            backtests.binomial_tail(bads, count, mean_pd),
            backtests.binomial_tail(*worth),
            backtests.common_factor_tail(*worth, limits.asset_correlation),
        )
        lights = [backtests.light(tail, yellow=limits.light_yellow, red=limits.light_red) for tail in tails]
        tests.append(
            GradeTest(
                *about,
                rows=count,
                suppliers=len(np.unique(clusters[rows])),
                bads=bads,
                is_small=count * mean_pd < 1.0,
                expected_bads=count * mean_pd,
                mean_pd=mean_pd,
                bad_rate=bads / count,
                rate_low=low,
                rate_high=high,
                design_effect=effect,
                binomial_p=backtests.binomial_p(bads, count, mean_pd),
                jeffreys_p=backtests.jeffreys_p(bads, count, mean_pd),
                jeffreys_p_clustered=backtests.jeffreys_p(*worth),
                tail=tails[0],
                tail_clustered=tails[1],
                tail_common_factor=tails[2],
                light_rows=lights[0],
                light=lights[1],
                light_common_factor=lights[2],
            )
        )
    return tests


def fit_of_grades(tests: list[GradeTest]) -> Mapping[str, float | int]:
    """Return Hosmer-Lemeshow over the grades that have rows, of independent rows and of rows clustered by supplier."""
    found = [test for test in tests if test.mean_pd is not None and test.design_effect is not None]
    counts = ([float(t.bads) for t in found], [float(t.rows) for t in found], [t.mean_pd or 0.0 for t in found])
    statistic_rows, degrees, p_rows = backtests.hosmer_lemeshow(*counts)
    statistic, _, p = backtests.hosmer_lemeshow(*counts, [t.design_effect or 1.0 for t in found])
    return {"statistic": statistic, "p": p, "statistic_rows": statistic_rows, "p_rows": p_rows, "degrees": degrees}


def calibrate_groups(
    labels: NDArray[np.str_], y: Values, pd: Values, clusters: Rows, *, order: Sequence[str], correlation: float, limits: Limits
) -> list[GroupCalibration]:
    """Return the calibration of each group of rows, those named in ``order`` first."""
    return [
        _calibrate_group(label, np.flatnonzero(labels == label), y, pd, clusters, correlation, limits) for label in ordered(labels, order)
    ]


def _calibrate_group(label: str, rows: Rows, y: Values, pd: Values, clusters: Rows, correlation: float, limits: Limits) -> GroupCalibration:
    y, pd, clusters = y[rows], pd[rows], _renumbered(clusters[rows])
    bads, count, mean_pd = int(y.sum()), len(y), float(pd.mean())
    effect = design_effect(clusters, correlation)
    low, high = backtests.rate_interval(bads / effect, count / effect, level=limits.interval_level)
    measured = calibration_by(y, pd, {}, suppliers=clusters.astype(np.str_), confidence=limits.interval_level)[0]
    is_ranked = min(bads, count - bads) >= limits.min_bads and len(np.unique(clusters)) > 1
    area = auc(y, pd) if is_ranked else None
    area_low, area_high = _area_interval(area, y, pd, clusters, level=limits.interval_level)
    return GroupCalibration(
        label=label,
        rows=count,
        suppliers=int(clusters.max()) + 1,
        bads=bads,
        bad_rate=bads / count,
        rate_low=low,
        rate_high=high,
        mean_pd=mean_pd,
        is_outside=not low <= mean_pd <= high,
        brier=measured.brier.value,
        log_loss=measured.log_loss.value,
        ece=measured.ece,
        ece_by_luck=measured.ece_by_luck,
        auc=area,
        auc_low=area_low,
        auc_high=area_high,
        slope=measured.slope if is_ranked else None,
        intercept=measured.intercept if is_ranked else None,
    )


def _area_interval(area: float | None, y: Values, pd: Values, clusters: Rows, *, level: float) -> tuple[float, float] | tuple[None, None]:
    """Return the interval of an AUC, none where the bads or the goods are of one supplier alone."""
    if area is None:
        return None, None
    try:
        half = float(special.ndtri(0.5 + level / 2.0)) * auc_standard_error(y, pd, clusters)
    except OutOfRange:
        return None, None
    return max(0.0, area - half), min(1.0, area + half)


def _renumbered(clusters: Rows) -> Rows:
    return np.unique(clusters, return_inverse=True)[1].astype(np.intp)
