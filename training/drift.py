"""Have the suppliers changed since the model learnt from them? PSI with its null distribution, corrected for how many are asked.

A PSI has no fixed size under chance: with k cells, m suppliers then and n now it is about chi-square(k - 1) times (1/m + 1/n)
(Yurdakul 2018, Statistical Properties of Population Stability Index). A hundred features of two hundred suppliers always show some
above 0.1, and two million show every trifle. So an alarm needs both: a test of homogeneity whose p-value stands after Holm's
correction, and a PSI above the policy's bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from training.measures import psi
from training.reference import Distribution

LEAST_EXPECTED = 5.0
"""Cells where fewer suppliers are expected are added up before the test (Cochran 1954)."""

Values = NDArray[np.float64]


class Alarm(StrEnum):
    """What the monitoring says of one number."""

    QUIET = "quiet"
    WATCH = "watch"
    ALARM = "alarm"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Drift:
    """How far one distribution has moved.

    ``shares`` and ``reference`` are over the same cells, the last one missing values. ``p_value`` is that of homogeneity,
    ``p_adjusted`` after Holm's correction, ``by_chance`` the PSI that chance alone exceeds once in twenty times.
    """

    name: str
    psi: float
    by_chance: float
    p_value: float
    p_adjusted: float
    verdict: Alarm
    reference: tuple[float, ...]
    shares: tuple[float, ...]


def measure_drift(
    distributions: Sequence[tuple[str, Distribution]], values: Values, *, suppliers_then: int, alpha: float, watch: float, alarm: float
) -> list[Drift]:
    """Return the drift of every column.

    Parameters
    ----------
    distributions
        Name and reference distribution of each of the f columns.
    values
        Shape (n, f), one row per supplier, NaN where missing.
    suppliers_then
        Independent suppliers behind the reference; rows of one supplier at many dates are not independent.
    alpha, watch, alarm
        Chance of any false alarm over all columns, and the PSIs that matter.
    """
    count = len(values)
    then = [np.array([*one.shares, one.missing]) for _, one in distributions]
    now = [_shares(one, column) for (_, one), column in zip(distributions, values.T, strict=True)]
    p_values = [homogeneity_p(a * suppliers_then, b * count) for a, b in zip(then, now, strict=True)]
    drifts = []
    for (name, _), a, b, p_value, adjusted in zip(distributions, then, now, p_values, holm(p_values), strict=True):
        found = psi(a, b, least=0.5 / suppliers_then)
        verdict = Alarm.ALARM if found >= alarm else Alarm.WATCH if found >= watch else Alarm.QUIET
        by_chance = float(chi2.ppf(0.95, max(1, int((a > 0).sum()) - 1))) * (1.0 / suppliers_then + 1.0 / count)
        verdict = verdict if adjusted < alpha else Alarm.QUIET
        drifts.append(Drift(name, found, by_chance, p_value, adjusted, verdict, tuple(a.tolist()), tuple(b.tolist())))
    return drifts


def homogeneity_p(then: Values, now: Values) -> float:
    """Return the p-value of Pearson's test that two counts over the same cells come from one distribution.

    Examples
    --------
    Of 100 then 50 lay in the first cell, of 100 now 70: chi-square 8.33 with one degree of freedom.

    >>> round(homogeneity_p(np.array([50.0, 50.0]), np.array([70.0, 30.0])), 4)
    0.0039
    """
    both = then + now
    expected = np.minimum(both * then.sum(), both * now.sum()) / both.sum()
    is_rare = expected < LEAST_EXPECTED
    if is_rare.any() and not is_rare.all():
        kept = np.flatnonzero(~is_rare)
        # The rare ones together are a cell of their own, or join the smallest one if they are still too few.
        if expected[is_rare].sum() >= LEAST_EXPECTED:
            then, now = (np.append(part[kept], part[is_rare].sum()) for part in (then, now))
        else:
            smallest = kept[np.argmin(both[kept])]
            then, now = (_joined(part, is_rare, int(smallest))[kept] for part in (then, now))
    both = then + now
    if is_rare.all() or len(both) < 2:
        return 1.0
    shares = both / both.sum()
    statistic = sum(float(np.sum((part - part.sum() * shares) ** 2 / (part.sum() * shares))) for part in (then, now))
    return float(chi2.sf(statistic, len(both) - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, whatever their dependence. Holm (1979).

    Examples
    --------
    >>> [round(p, 6) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    scaled = np.array(p_values)[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return [float(p) for p in adjusted]


def _shares(one: Distribution, column: Values) -> Values:
    present = column[~np.isnan(column)]
    counts = np.bincount(np.searchsorted(np.array(one.edges), present, side="right"), minlength=len(one.shares))
    return np.asarray(np.append(counts, len(column) - len(present)) / len(column), dtype=np.float64)


def _joined(part: Values, is_rare: NDArray[np.bool_], place: int) -> Values:
    joined = part.copy()
    joined[place] += part[is_rare].sum()
    return joined
