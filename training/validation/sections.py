"""The dossier's sections: what is computed elsewhere, put under the names the document gives it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from training.bundle import ScoringBundle
from training.settings import SEED
from training.validation.calibration import backtest_grades, calibrate_groups, fit_of_grades, grade_places
from training.validation.clusters import Estimate, design_effect, outcome_correlation
from training.validation.discrimination import area_errors, curve, distribution, overall
from training.validation.evidence import survival
from training.validation.fairness import DIMENSIONS, compare_groups
from training.validation.limits import Limits
from training.validation.sample import Sample
from training.validation.segments import AGE, ORDER, SIZE, thirds
from training.validation.sensitivity import Rescorer, move_features, withhold_tables
from training.validation.stability import feature_bins, psi_estimate, score_bins, shares, stability_of
from training.validation.weak_spots import find_weak_spots


def discrimination_section(bundle: ScoringBundle, sample: Sample, limits: Limits) -> dict[str, Any]:
    """Return the overall measures with intervals, the AUC's standard errors, the ROC curve and the distribution of points."""
    y, pd = sample.y, sample.scores.pd
    return {
        "measures": overall(y, pd, sample.clusters, limits=limits, seed=SEED),
        "auc_standard_errors": area_errors(y, pd, sample.clusters),
        "roc": curve(y, pd),
        "points": distribution(y, sample.scores.points),
    }


def calibration_section(bundle: ScoringBundle, sample: Sample, limits: Limits) -> dict[str, Any]:
    """Return the grades' tests, their joint fit, and the calibration by vintage, grade and segment."""
    y, pd, clusters = sample.y, sample.scores.pd, sample.clusters
    correlation = outcome_correlation(y, pd, clusters)
    tests = backtest_grades(y, pd, clusters, bundle.grades, correlation=correlation, limits=limits)
    names = [grade.name for grade in bundle.grades.grades]
    labels = {
        "vintage": sample.vintages,
        "grade": np.array(names, dtype=np.str_)[grade_places(pd, bundle.grades)],
        **{dimension: of_row[sample.test] for dimension, of_row in sample.segments.items()},
    }
    effect = design_effect(clusters, correlation)
    return {
        "correlation_of_a_suppliers_outcomes": correlation,
        "design_effect": effect,
        "effective_rows": len(y) / effect,
        "effective_bads": float(y.sum()) / effect,
        "grades": tests,
        "hosmer_lemeshow": fit_of_grades(tests),
        "groups": {
            dimension: calibrate_groups(
                of_row, y, pd, clusters, order=names if dimension == "grade" else ORDER, correlation=correlation, limits=limits
            )
            for dimension, of_row in labels.items()
        },
        "bounds": _bounds(sample),
    }


def stability_section(bundle: ScoringBundle, sample: Sample, limits: Limits) -> dict[str, Any]:
    """Return the PSI of the score, by vintage too, and of every feature, largest first, each beside what chance would give."""
    values, points, clusters = sample.frame.values[sample.test], sample.scores.points, sample.clusters
    samples = _independent(sample)
    then, place = score_bins(points, bundle.reference.points)
    level = limits.interval_level
    score = stability_of("score", then, shares(place, len(then)), samples=samples, missing=False, level=level, limits=limits)
    vintages = [
        {"as_of": str(day), "rows": int(there.sum()), **_kept(then, place[there], (samples[0], float(there.sum())), limits)}
        for day in np.unique(sample.vintages)
        for there in (sample.vintages == day,)
    ]
    # One test per feature: at the plain level seven of 144 would exceed their bound by chance.
    strict = 1.0 - (1.0 - level) / len(bundle.names)
    features, bins = [], {}
    for column, (name, distribution_then) in enumerate(zip(bundle.names, bundle.reference.distributions, strict=True)):
        reference, of_row = feature_bins(values[:, column], distribution_then)
        bins[name] = (reference, of_row)
        found = shares(of_row, len(reference))
        features.append(stability_of(name, reference, found, samples=samples, missing=True, level=strict, limits=limits))
    features.sort(key=lambda one: (-round(one.psi, 9), one.name))
    return {
        "score": score,
        "score_estimate": psi_estimate(then, place, clusters, limits=limits, seed=SEED),
        "score_by_vintage": vintages,
        "features": features,
        "feature_estimate": psi_estimate(*bins[features[0].name], clusters, limits=limits, seed=SEED),
        "suppliers_then": samples[0],
        "suppliers_now": samples[1],
    }


def fairness_section(bundle: ScoringBundle, sample: Sample, limits: Limits) -> dict[str, Any]:
    """Return approval and calibration by region, size, age and kind, at the policy's cut-off."""
    groups = {
        dimension: compare_groups(
            sample.segments[dimension][sample.test], sample.y, sample.scores.pd, sample.clusters, limits=limits, seed=SEED
        )
        for dimension in DIMENSIONS
    }
    return {
        "approval_pd": limits.approval_pd,
        "approval_points": bundle.scale.points(limits.approval_pd),
        "approval_rate": float((sample.scores.pd <= limits.approval_pd).mean()),
        "groups": groups,
    }


def sensitivity_section(bundle: ScoringBundle, sample: Sample, limits: Limits) -> dict[str, Any]:
    """Return what one IQR of each feature does to the score, and what a missing table does."""
    rescorer, values = Rescorer(bundle), sample.frame.values[sample.test]
    return {
        "features": move_features(rescorer, values, bundle.names),
        "features_not_used": len(bundle.names) - len(rescorer.used),
        "tables": withhold_tables(rescorer, bundle, values, sample.y),
    }


def weak_spots_section(bundle: ScoringBundle, sample: Sample, limits: Limits) -> list[Any]:
    """Return the segments where the PDs miss most, judged on suppliers held out of the search."""
    values = sample.frame.values[sample.test]
    columns = {name: values[:, column] for column, name in enumerate(bundle.names)}
    for dimension in ("province", "industry", "kind"):
        labels = sample.segments[dimension][sample.test]
        columns |= {f"{dimension}={label}": (labels == label).astype(np.float64) for label in np.unique(labels).tolist()}
    ids, y, pd = sample.frame.supplier_ids[sample.test], sample.y, sample.scores.pd
    correlation = outcome_correlation(y, pd, sample.clusters)
    return find_weak_spots(columns, y, pd, ids, sample.clusters, correlation=correlation, limits=limits)


def flat_measures(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return every number a gate may test, by name: ``value``, ``low``, ``high`` and ``n``; None where it is not known."""
    measures: dict[str, Any] = dict(document["discrimination"]["measures"])
    rows = measures["auc"].n
    grades = document["calibration"]["grades"]
    fit = document["calibration"]["hosmer_lemeshow"]
    measures["grades.red"] = _exact(sum(test.light == "red" for test in grades), rows)
    measures["grades.red_common_factor"] = _exact(sum(test.light_common_factor == "red" for test in grades), rows)
    measures["calibration.hl_p"] = _exact(fit["p"], rows)
    measures["calibration.hl_p_rows"] = _exact(fit["p_rows"], rows)
    measures["psi.score"] = document["stability"]["score_estimate"]
    measures["psi.feature_max"] = document["stability"]["feature_estimate"]
    judged = [
        group
        for groups in document["fairness"]["groups"].values()
        for group in groups
        if not group.is_small and not group.is_reference and group.ratio is not None
    ]
    lowest = min(judged, key=lambda group: (group.ratio, group.label), default=None)
    measures["fairness.min_ratio"] = (
        Estimate(None, None, None, rows) if lowest is None else Estimate(lowest.ratio, lowest.ratio_low, lowest.ratio_high, lowest.rows)
    )
    monotone = document["monotone"]
    measures["monotone.violations"] = _exact(monotone.get("violations"), rows)
    known = survival(document["reasons"])
    if known is not None:
        measures["reasons.first_family_survival"] = known
    challenger = document["challenger"]
    if challenger["status"] == "fitted":
        measures["challenger.auc_difference"] = challenger["difference"]
    return measures


def _exact(value: float | None, rows: int) -> Estimate:
    """Return a number that has no interval: a count or a p-value."""
    return Estimate(value, None, None, rows)


def _kept(then: Any, place: Any, samples: tuple[float, float], limits: Limits) -> dict[str, Any]:
    level = limits.interval_level
    found = stability_of("score", then, shares(place, len(then)), samples=samples, missing=False, level=level, limits=limits)
    return {"psi": found.psi, "bound": found.bound, "drift": found.drift}


def _independent(sample: Sample) -> tuple[float, float]:
    """Return the suppliers behind the reference and the test: rows of one supplier are not independent observations."""
    now = len(np.unique(sample.clusters))
    then = len(np.unique(sample.frame.supplier_ids[sample.train])) if len(sample.train) else now
    return float(then), float(now)


def _bounds(sample: Sample) -> dict[str, Any]:
    rows = sample.train if len(sample.train) else sample.test
    return {"size": thirds(sample.frame, rows, SIZE), "age": thirds(sample.frame, rows, AGE)}
