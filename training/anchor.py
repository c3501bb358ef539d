"""At which default rate do the PDs stand? Move the intercept until the portfolio's mean PD is the rate a committee set.

A model learnt from two years of outcomes stands at the level of those two years (point in time). A bank that lends through good years
and bad wants PDs whose mean is the long-run default rate (through the cycle), or something between. Only the intercept moves: the order
of suppliers, the slope and every feature's points stay, the base points take up the difference, and base plus contributions are the score.
"""

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from credit.errors import OutOfRange, PolicyInvalid
from credit.policy import Policy
from training.scorer import Calibration

Values = NDArray[np.float64]

_HALVINGS = 200


@dataclass(frozen=True, slots=True)
class Anchor:
    """The long-run default rate of a portfolio and how far PDs are moved to it.

    Attributes
    ----------
    portfolio
        Whose rate it is.
    long_run_rate
        Share of suppliers that go bad in twelve months, over good years and bad, in (0, 1).
    weight
        0: PDs stay point in time; 1: their mean becomes the long-run rate (through the cycle); between, in log-odds.
    since
        The day the rate began to hold.
    source
        Who decided it.
    """

    portfolio: str
    long_run_rate: float
    weight: float
    since: date
    source: str

    def __post_init__(self) -> None:
        """Refuse a rate that is none and a weight outside 0 to 1."""
        if not 0.0 < self.long_run_rate < 1.0:
            raise OutOfRange(f"the long-run default rate must lie strictly between 0 and 1, found {self.long_run_rate}")
        if not 0.0 <= self.weight <= 1.0:
            raise OutOfRange(f"the weight of the long-run rate must lie between 0 and 1, found {self.weight}")

    @classmethod
    def from_policy(cls, policy: Policy, portfolio: str = "all") -> "Anchor":
        """Read a portfolio's rate from the policy `anchor`: the sections ``<portfolio>_long_run_rate`` and ``<portfolio>_weight``.

        Raises
        ------
        PolicyInvalid
            The policy does not know the portfolio.
        """
        names = [f"{portfolio}_long_run_rate", f"{portfolio}_weight"]
        if any(name not in policy.numbers for name in names):
            known = sorted(name.removesuffix("_weight") for name in policy.numbers if name.endswith("_weight"))
            raise PolicyInvalid(f"policy {policy.id!r} must hold {' and '.join(names)} for portfolio {portfolio!r}; it knows {known}")
        rate, weight = (policy.numbers[name] for name in names)
        return cls(portfolio, rate.value, weight.value, max(rate.since, weight.since), rate.source)

    @property
    def rating_philosophy(self) -> str:
        """``point_in_time``, ``through_the_cycle``, or ``hybrid`` between them."""
        return {0.0: "point_in_time", 1.0: "through_the_cycle"}.get(self.weight, "hybrid")


def anchor_calibration(calibration: Calibration, margins: Values, anchor: Anchor) -> Calibration:
    """Return the calibration with the intercept under which the portfolio's mean PD stands at the anchor.

    Parameters
    ----------
    calibration
        Fitted to outcomes.
    margins
        The booster's log-odds of the portfolio's suppliers, shape (n,).
    anchor
        With weight 0 the calibration comes back as it is, to the bit.

    Notes
    -----
    The mean wanted is 1 / (1 + exp(-((1 - weight) * logit(mean PD) + weight * logit(long-run rate)))). The shift is found by halving, since
    the mean PD rises with the intercept; the shift by log-odds of the two rates (King and Zeng, Logistic Regression in Rare Events Data,
    2001, prior correction) misses the mean where PDs are spread.

    Examples
    --------
    >>> same = np.zeros(4)
    >>> anchor = Anchor("all", long_run_rate=0.2, weight=1.0, since=date(2026, 1, 1), source="committee")
    >>> round(anchor_calibration(Calibration(slope=1.0, intercept=0.0), same, anchor).intercept, 6)  # -ln 4
    -1.386294
    """
    if not len(margins) or not np.isfinite(margins).all():
        raise OutOfRange(f"an anchor needs the finite margins of at least one supplier, found {len(margins)}")
    if anchor.weight == 0.0:
        return calibration
    now = _mean_pd(calibration.slope * margins + calibration.intercept)
    wanted = _share((1.0 - anchor.weight) * _log_odds(now) + anchor.weight * _log_odds(anchor.long_run_rate))
    # No PD moves by more than the mean's way to the goal and the spread of the margins together.
    reach = abs(_log_odds(wanted) - _log_odds(now)) + calibration.slope * float(np.ptp(margins)) + 1.0
    low, high = calibration.intercept - reach, calibration.intercept + reach
    for _ in range(_HALVINGS):
        middle = low + (high - low) / 2.0
        if not low < middle < high:
            break
        if _mean_pd(calibration.slope * margins + middle) < wanted:
            low = middle
        else:
            high = middle
    return Calibration(slope=calibration.slope, intercept=high)


def _mean_pd(log_odds: Values) -> float:
    return float(np.mean(1.0 / (1.0 + np.exp(-np.clip(log_odds, -700.0, 700.0)))))


def _log_odds(share: float) -> float:
    return math.log(share) - math.log1p(-share)


def _share(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds))
