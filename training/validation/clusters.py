"""How much do rows of one supplier tell twice? Their correlation, what it costs, and intervals that respect it.

As-of dates are a month apart and outcomes run for twelve: rows of one supplier share most of their outcome window. A test that
counts rows as independent is too sure of itself. Everything here takes ``clusters``: the supplier of each row, as whole numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit.errors import OutOfRange, TrainingFailed

Values = NDArray[np.float64]
Rows = NDArray[np.intp]

_LEAST_VALID = 0.9


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval and the rows it rests on; ``low`` and ``high`` are None where none can be given."""

    value: float | None
    low: float | None
    high: float | None
    n: int


def outcome_correlation(y: Values, pd: Values, clusters: Rows) -> float:
    """Return the correlation of the outcomes of one supplier around their PDs, 0 to 1; 0 where no supplier has two rows.

    Notes
    -----
    Over suppliers and pairs i != j of their rows, the sum of r_i r_j over the sum of r_i^2, with r = y - pd: the moment
    estimator of a common correlation, never above 1. Negative estimates count as 0. Liang and Zeger (1986), section 4.

    Examples
    --------
    Two suppliers with two rows each at a PD of one half, outcomes alike within the first and opposite within the second:
    pairs give 2/4 - 2/4 of 4/4.

    >>> outcome_correlation(np.array([1.0, 1.0, 0.0, 1.0]), np.full(4, 0.5), np.array([0, 0, 1, 1]))
    0.0
    >>> outcome_correlation(np.array([1.0, 1.0, 0.0, 0.0]), np.full(4, 0.5), np.array([0, 0, 1, 1]))
    1.0
    """
    residual = y - pd
    others = np.bincount(clusters)[clusters] - 1
    possible = float(np.sum(others * residual**2))
    if not possible > 0.0:
        return 0.0
    found = float(np.sum(np.bincount(clusters, residual) ** 2) - np.sum(residual**2))
    return min(1.0, max(0.0, found / possible))


def design_effect(clusters: Rows, correlation: float) -> float:
    """Return by how much the variance of a rate exceeds that of independent rows, 1 and up.

    Notes
    -----
    1 + (sum m^2 / sum m - 1) * correlation, with m rows per supplier. Kish, Survey Sampling (1965), section 8.2.

    Examples
    --------
    >>> design_effect(np.array([0, 0, 0, 1, 1, 1]), 0.5)  # three rows each: 1 + 2 * 0.5
    2.0
    """
    if not len(clusters):
        return 1.0
    sizes = np.bincount(clusters)
    return float(1.0 + (np.sum(sizes**2) / np.sum(sizes) - 1.0) * correlation)


def resample(statistic: Callable[[Rows], Values], clusters: Rows, *, draws: int, seed: int) -> Values:
    """Return a statistic of rows drawn again, whole suppliers with replacement, shape (draws, k); NaN where there is one supplier alone.

    Parameters
    ----------
    statistic
        Takes row numbers, with repetitions, and returns k numbers.
    clusters
        The supplier of each row.
    draws, seed
        The same seed draws the same suppliers.

    Notes
    -----
    Cluster bootstrap: Davison and Hinkley, Bootstrap Methods (1997), section 3.8. A draw for which the statistic is not
    defined (no bad row, say) is a row of NaN.
    """
    order = np.argsort(clusters, kind="stable")
    _, starts, sizes = np.unique(clusters[order], return_index=True, return_counts=True)
    if len(sizes) < 2:
        # Drawn again it is itself, which would look like certainty.
        return np.full((draws, len(statistic(order))), np.nan)
    generator = np.random.default_rng(seed)
    found: list[Values | None] = []
    for _ in range(draws):
        drawn = generator.integers(0, len(sizes), size=len(sizes))
        ends = np.cumsum(sizes[drawn])
        within = np.arange(ends[-1]) - np.repeat(ends - sizes[drawn], sizes[drawn])
        try:
            found.append(statistic(order[np.repeat(starts[drawn], sizes[drawn]) + within]))
        except (OutOfRange, TrainingFailed):
            found.append(None)
    width = next((len(values) for values in found if values is not None), 0)
    return np.array([np.full(width, np.nan) if values is None else values for values in found], dtype=np.float64).reshape(draws, width)


def interval(value: float, draws: Values, *, level: float, is_biased: bool = False) -> tuple[float | None, float | None]:
    """Return the interval of a value from its bootstrap draws; none where a tenth of the draws had no value.

    Notes
    -----
    Percentiles of the draws; where ``is_biased`` says that resampling itself raises the statistic (a largest distance, a
    sum of absolute errors), the basic interval 2 value - percentiles, not below 0. Davison and Hinkley (1997), section 5.2.
    It always holds the value: where draws lie to one side of it alone, it ends there.
    """
    valid = draws[np.isfinite(draws)]
    if not len(draws) or len(valid) < _LEAST_VALID * len(draws):
        return None, None
    low, high = (float(bound) for bound in np.quantile(valid, [(1.0 - level) / 2.0, (1.0 + level) / 2.0]))
    if is_biased:
        low, high = max(0.0, 2.0 * value - high), 2.0 * value - low
    return min(low, value), max(high, value)
