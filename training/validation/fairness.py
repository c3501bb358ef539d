"""Are groups approved alike at the cut-off, and where they are not, did their outcomes differ too? By region, size, age and kind."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.validation.backtests import rate_interval
from training.validation.clusters import design_effect, interval, resample
from training.validation.limits import Limits
from training.validation.segments import ordered

Values = NDArray[np.float64]
Rows = NDArray[np.intp]
DIMENSIONS = ("province", "size", "age", "kind")


@dataclass(frozen=True, slots=True)
class GroupFairness:
    """One group beside the reference group, the one with most suppliers.

    ``ratio`` is the group's approval rate over the reference group's, ``ratio_of_goods`` the same among rows that turned out
    good; ``calibration_gap`` is bad rate less mean PD: above 0 the PDs flatter the group, below 0 they wrong it. ``is_small``
    says that the group has fewer suppliers than are judged. The ratio's interval comes from suppliers drawn again, the gap's
    is that of the bad rate in effective rows: drawn again, two bads would look surer than they are.
    """

    label: str
    rows: int
    suppliers: int
    is_reference: bool
    is_small: bool
    approval_rate: float
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    ratio_of_goods: float | None
    bad_rate: float
    mean_pd: float
    calibration_gap: float
    gap_low: float
    gap_high: float


def compare_groups(
    labels: NDArray[np.str_], y: Values, pd: Values, clusters: Rows, *, correlation: float, limits: Limits, seed: int
) -> list[GroupFairness]:
    """Return every group of one dimension, sizes and ages in their order; the largest one is the reference.

    ``correlation`` is that of one supplier's outcomes.
    """
    names = ordered(labels)
    place = np.array([names.index(label) for label in labels.tolist()], dtype=np.intp)
    suppliers = [len(np.unique(clusters[place == number])) for number in range(len(names))]
    reference = int(np.argmax(suppliers))
    count = len(names)
    approved = (pd <= limits.approval_pd).astype(np.float64)

    def measured(rows: Rows) -> Values:
        return _rates(place[rows], y[rows], approved[rows], count, reference)

    values = measured(np.arange(len(y)))
    draws = resample(measured, clusters, draws=limits.bootstrap_draws, seed=seed)
    approval, ratio, of_goods = values.reshape(3, count)
    groups = []
    for number, name in enumerate(names):
        rows = place == number
        low, high = interval(float(ratio[number]), draws[:, count + number], level=limits.interval_level)
        bads, mean_pd = int(y[rows].sum()), float(pd[rows].mean())
        effect = design_effect(np.unique(clusters[rows], return_inverse=True)[1].astype(np.intp), correlation)
        rate_low, rate_high = rate_interval(bads / effect, rows.sum() / effect, level=limits.interval_level)
        groups.append(
            GroupFairness(
                label=name,
                rows=int(rows.sum()),
                suppliers=suppliers[number],
                is_reference=number == reference,
                is_small=suppliers[number] < limits.min_suppliers,
                approval_rate=float(approval[number]),
                ratio=_finite(ratio[number]),
                ratio_low=low,
                ratio_high=high,
                ratio_of_goods=_finite(of_goods[number]),
                bad_rate=float(y[rows].mean()),
                mean_pd=mean_pd,
                calibration_gap=float(y[rows].mean()) - mean_pd,
                gap_low=rate_low - mean_pd,
                gap_high=rate_high - mean_pd,
            )
        )
    return groups


def _rates(place: Rows, y: Values, approved: Values, count: int, reference: int) -> Values:
    """Return approval rate, its ratio and the ratio among goods of each group, one after another."""
    with np.errstate(divide="ignore", invalid="ignore"):
        approval = np.bincount(place, approved, minlength=count) / np.bincount(place, minlength=count)
        of_goods = np.bincount(place, approved * (1.0 - y), minlength=count) / np.bincount(place, 1.0 - y, minlength=count)
        return np.concatenate([approval, approval / approval[reference], of_goods / of_goods[reference]])


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
