"""Is a grade's PD too low for the bads that came? The tests of PD against realised default rates, grade by grade.

Each answers the same question under another assumption: independent rows, rows of one supplier together, and a common
economy on top. Counts may be fractions: rows of one supplier are worth fewer independent ones (`clusters.design_effect`).
A small p-value says that the PD is too low; the two-sided test alone also sees one that is too high.
"""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from scipy import special, stats

from credit.errors import OutOfRange


class Light(StrEnum):
    """Basel's traffic light: green is no sign against the PD, red a strong one."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


def binomial_tail(bads: float, rows: float, pd: float) -> float:
    """Return P(at least ``bads`` of ``rows`` are bad) where each is bad with ``pd``; small says the PD is too low.

    Notes
    -----
    Regularised incomplete beta function I_pd(bads, rows - bads + 1), which equals the binomial tail for whole counts and
    extends it to effective ones. Exact binomial test: BCBS working paper 14 (2005), section on calibration.

    Examples
    --------
    >>> round(binomial_tail(1, 2, 0.5), 6)  # 1 - 0.5^2
    0.75
    """
    _counts(bads, rows, pd)
    return 1.0 if bads <= 0 else float(special.betainc(bads, rows - bads + 1.0, pd))


def binomial_p(bads: int, rows: int, pd: float) -> float:
    """Return the two-sided exact binomial p-value of whole counts: outcomes at most as likely as the one found.

    Examples
    --------
    Of two rows at a PD of one half both bad: as likely as both good, 1/4 + 1/4.

    >>> binomial_p(2, 2, 0.5)
    0.5
    """
    _counts(bads, rows, pd)
    return float(stats.binomtest(bads, rows, pd).pvalue)


def jeffreys_p(bads: float, rows: float, pd: float) -> float:
    """Return the posterior probability that the true rate is at most ``pd``; small says the PD is too low.

    Notes
    -----
    Beta(bads + 1/2, rows - bads + 1/2) at ``pd``. ECB, Instructions for reporting the validation results of internal
    models (February 2019), section 2.5: PD back-testing by a Jeffreys test.

    Examples
    --------
    No bad row and a PD of one half of one row: the arcsine law gives 2/pi * arcsin(sqrt(1/2)) = 1/2 for Beta(1/2, 1/2).

    >>> round(jeffreys_p(0.0, 0.0, 0.5), 6)
    0.5
    """
    _counts(bads, rows, pd)
    return float(special.betainc(bads + 0.5, rows - bads + 0.5, pd))


def common_factor_tail(bads: float, rows: float, pd: float, asset_correlation: float) -> float:
    """Return P(at least ``bads`` of ``rows`` are bad) in an economy that moves all of them together.

    Notes
    -----
    One-factor model: given the economy z, standard normal, the PD is Phi((Phi^-1(pd) + sqrt(r) z) / sqrt(1 - r)), and
    rows are independent; the binomial tail is averaged over z by the trapezoid rule from -8 to 8. Vasicek, Loan portfolio
    value (2002). The whole test window counts as one state of the economy.

    Examples
    --------
    >>> common_factor_tail(3, 50, 0.02, 0.0) == binomial_tail(3, 50, 0.02)
    True
    >>> round(common_factor_tail(1, 1, 0.1, 0.3), 6)  # a single row does not know of others
    0.1
    """
    _counts(bads, rows, pd)
    if not 0.0 <= asset_correlation < 1.0:
        raise OutOfRange(f"an asset correlation must lie from 0 to below 1, found {asset_correlation}")
    if asset_correlation == 0.0 or bads <= 0:
        return binomial_tail(bads, rows, pd)
    z = np.linspace(-8.0, 8.0, 4001)
    given = special.ndtr((special.ndtri(pd) + np.sqrt(asset_correlation) * z) / np.sqrt(1.0 - asset_correlation))
    tails = special.betainc(bads, rows - bads + 1.0, given)
    density = np.exp(-0.5 * z * z)
    return float(min(1.0, np.sum(tails * density) / np.sum(density)))


def rate_interval(bads: float, rows: float, *, level: float) -> tuple[float, float]:
    """Return the interval of a bad rate, exact for whole counts.

    Notes
    -----
    Clopper and Pearson (1934); with effective counts Korn and Graubard, Survey Methodology 24 (1998).

    Examples
    --------
    No bad of two rows at 95 %: the upper end u solves (1 - u)^2 = 0.025.

    >>> [round(bound, 6) for bound in rate_interval(0, 2, level=0.95)]
    [0.0, 0.841886]
    """
    _counts(bads, rows, 0.5)
    if not rows > 0:
        raise OutOfRange("a rate needs rows, found none")
    tail = (1.0 - level) / 2.0
    low = 0.0 if bads <= 0 else float(special.betaincinv(bads, rows - bads + 1.0, tail))
    high = 1.0 if bads >= rows else float(special.betaincinv(bads + 1.0, rows - bads, 1.0 - tail))
    return low, high


def hosmer_lemeshow(
    bads: Sequence[float], rows: Sequence[float], pds: Sequence[float], design_effects: Sequence[float] | None = None
) -> tuple[float, int, float]:
    """Return the statistic over grades, its degrees of freedom and the p-value; small says the PDs do not fit.

    Notes
    -----
    Sum of (bads - rows pd)^2 / (rows pd (1 - pd) design effect) against chi-square with one degree per grade: the PDs were
    not fitted to these rows. Hosmer and Lemeshow (1980); the design effects divide as in Rao and Scott (1984).

    Examples
    --------
    Two grades of 100 rows at PD 0.1 and 0.2 with 13 and 24 bads: 9/9 + 16/16.

    >>> statistic, degrees, p = hosmer_lemeshow([13, 24], [100, 100], [0.1, 0.2])
    >>> round(statistic, 6), degrees, round(p, 6)  # exp(-2 / 2)
    (2.0, 2, 0.367879)
    """
    found, count, pd = (np.asarray(values, dtype=np.float64) for values in (bads, rows, pds))
    effects = np.ones(len(found)) if design_effects is None else np.asarray(design_effects, dtype=np.float64)
    if not len(found) == len(count) == len(pd) == len(effects) or not len(found):
        raise OutOfRange("the grades' bads, rows and PDs must be as many and at least one")
    for one in zip(found.tolist(), count.tolist(), pd.tolist(), strict=True):
        _counts(*one)
    statistic = float(np.sum((found - count * pd) ** 2 / (count * pd * (1.0 - pd) * effects)))
    return statistic, len(found), float(special.chdtrc(len(found), statistic))


def light(tail: float, *, yellow: float, red: float) -> Light:
    """Return the light of a tail probability: yellow from the level ``yellow`` of the distribution on, red from ``red`` on.

    Notes
    -----
    BCBS, Supervisory framework for the use of backtesting (1996): yellow at 95 %, red at 99.99 % there; the levels here are
    policy.

    Examples
    --------
    >>> light(0.2, yellow=0.95, red=0.999), light(0.01, yellow=0.95, red=0.999), light(0.0002, yellow=0.95, red=0.999)
    (<Light.GREEN: 'green'>, <Light.YELLOW: 'yellow'>, <Light.RED: 'red'>)
    """
    if not 0.0 < yellow < red < 1.0:
        raise OutOfRange(f"the levels must rise between 0 and 1, found {yellow} and {red}")
    if tail > 1.0 - yellow:
        return Light.GREEN
    return Light.YELLOW if tail > 1.0 - red else Light.RED


def _counts(bads: float, rows: float, pd: float) -> None:
    if not 0.0 <= bads <= rows:
        raise OutOfRange(f"bads must lie between 0 and the rows, found {bads} of {rows}")
    if not 0.0 < pd < 1.0:
        raise OutOfRange(f"pd must lie strictly between 0 and 1, found {pd}")
