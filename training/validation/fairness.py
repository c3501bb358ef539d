"""Are groups approved alike at the cut-off, and where they are not, did their outcomes differ too? By region, size, age and kind."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.validation.clusters import interval, resample
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
    says that the group has fewer suppliers than are judged. Intervals come from suppliers drawn again.
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
    gap_low: float | None
    gap_high: float | None


def compare_groups(labels: NDArray[np.str_], y: Values, pd: Values, clusters: Rows, *, limits: Limits, seed: int) -> list[GroupFairness]:
    """Return every group of one dimension, sizes and ages in their order; the largest one is the reference."""
    names = ordered(labels)
    place = np.array([names.index(label) for label in labels.tolist()], dtype=np.intp)
    suppliers = [len(np.unique(clusters[place == number])) for number in range(len(names))]
    reference = int(np.argmax(suppliers))
    count = len(names)

    def measured(rows: Rows) -> Values:
        return _rates(place[rows], y[rows], pd[rows], count, reference, limits.approval_pd)

    values = measured(np.arange(len(y)))
    draws = resample(measured, clusters, draws=limits.bootstrap_draws, seed=seed)
    approval, ratio, of_goods, gap = values.reshape(4, count)
    groups = []
    for number, name in enumerate(names):
        rows = place == number
        places = (count + number, 3 * count + number)
        ends = [interval(float(values[at]), draws[:, at], level=limits.interval_level) for at in places]
        groups.append(
            GroupFairness(
                label=name,
                rows=int(rows.sum()),
                suppliers=suppliers[number],
                is_reference=number == reference,
                is_small=suppliers[number] < limits.min_suppliers,
                approval_rate=float(approval[number]),
                ratio=_finite(ratio[number]),
                ratio_low=ends[0][0],
                ratio_high=ends[0][1],
                ratio_of_goods=_finite(of_goods[number]),
                bad_rate=float(y[rows].mean()),
                mean_pd=float(pd[rows].mean()),
                calibration_gap=float(gap[number]),
                gap_low=ends[1][0],
                gap_high=ends[1][1],
            )
        )
    return groups


def _rates(place: Rows, y: Values, pd: Values, count: int, reference: int, approval_pd: float) -> Values:
    """Return approval rate, its ratio, the ratio among goods and the calibration gap of each group, one after another."""
    approved = (pd <= approval_pd).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        rows = np.bincount(place, minlength=count)
        goods = np.bincount(place, 1.0 - y, minlength=count)
        approval = np.bincount(place, approved, minlength=count) / rows
        of_goods = np.bincount(place, approved * (1.0 - y), minlength=count) / goods
        gap = np.bincount(place, y - pd, minlength=count) / rows
        return np.concatenate([approval, approval / approval[reference], of_goods / of_goods[reference], gap])


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
