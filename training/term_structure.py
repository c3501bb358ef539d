"""What is the PD at 3, 6 or 12 months, and over the 75 days of an order? One curve per supplier, which cannot contradict itself.

A hazard model (`training.hazard`) gives the log-odds of default in month t as a_t + b_t (f(x) + g(t)) with b_t above 0. The product
of the months' chances to stay is the curve; f(x) alone divides into contributions, so points add up and rank as every PD does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from credit.errors import BundleInvalid, OutOfRange, TrainingFailed
from credit.scale import Scale
from training.scorer import Calibration, Scorer
from training.trees import parse_trees

Values = NDArray[np.float64]

MONTHS = 12
MONTH = "month_ahead"
"""The column of the month, last of all."""
_LEAST, _MOST = float(np.finfo(np.float64).tiny), 1.0 - 2.0**-53


@dataclass(frozen=True, slots=True)
class HazardModel:
    """A hazard booster with what makes its margins PDs and points.

    Parameters
    ----------
    model_text
        As LightGBM writes it; the last column is the month ahead, which no tree shares with another column.
    by_month
        For months 1 to 12 the map of the margin to the log-odds of default in the month.
    window_days
        Length of the twelve months, which is the performance window of the outcomes.
    scale
        Of the points.
    """

    model_text: str
    by_month: tuple[Calibration, ...]
    window_days: int
    scale: Scale

    def __post_init__(self) -> None:
        """Refuse a model that mixes the month with another column, and maps that are not one a month."""
        if len(self.by_month) != MONTHS:
            raise OutOfRange(f"a hazard model needs a map for each of {MONTHS} months, found {len(self.by_month)}")
        if self.window_days < MONTHS:
            raise OutOfRange(f"the window of {MONTHS} months must have {MONTHS} days or more, found {self.window_days}")
        names, trees = parse_trees(self.model_text)
        if names[-1] != MONTH:
            raise OutOfRange(f"the last column of a hazard model must be {MONTH}, found {names[-1]}")
        mixed = [number for number, tree in enumerate(trees) if 0 < np.count_nonzero(tree.feature == len(names) - 1) < len(tree.feature)]
        if mixed:
            raise TrainingFailed(
                f"the month must stand apart from all other columns, tree {mixed[0]} mixes it: the points would not add up"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the document `from_json` reads."""
        return {
            "model_text": self.model_text,
            "by_month": [{"slope": month.slope, "intercept": month.intercept} for month in self.by_month],
            "window_days": self.window_days,
            "scale": {"base_score": self.scale.base_score, "base_odds": self.scale.base_odds, "pdo": self.scale.pdo},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote; raise `BundleInvalid` where it is of another form. It is not signed: trust where it lies."""
        try:
            months = tuple(Calibration(**month) for month in document["by_month"])
            return cls(document["model_text"], months, document["window_days"], Scale(**document["scale"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise BundleInvalid(f"the hazard model's document has a part of another form: {error!r}") from error


@dataclass(frozen=True, slots=True)
class HazardScores:
    """Scores of n suppliers on f features.

    ``base_points`` plus ``contributions``, shape (n, f), added from left to right, give ``points``, shape (n,), to the last bit.
    ``log_survival`` has shape (n, 13): the logarithm of the probability of no default by the end of month 0 to 12, of which
    each is a twelfth of ``window_days``.
    """

    points: Values
    base_points: float
    contributions: Values
    log_survival: Values
    window_days: int

    def pd_within(self, months: float) -> Values:
        """Return the probability of default within so many months from the as-of date, 0 to 12; shape (n,). At 0 it is 0.

        Notes
        -----
        Within a month the log survival is a straight line: the hazard rate is constant.
        """
        if not 0.0 <= months <= MONTHS:
            raise OutOfRange(f"a horizon must be at least 0 and at most {MONTHS} months, found {months}: the curve says nothing beyond")
        if months == 0.0:
            return np.zeros(len(self.points))
        before = min(int(months), MONTHS - 1)
        start, end = self.log_survival[:, before], self.log_survival[:, before + 1]
        return np.asarray(np.clip(-np.expm1(start + (months - before) * (end - start)), _LEAST, _MOST))

    def pd_of_tenor(self, days: float) -> Values:
        """Return the probability of default within an order's tenor, 0 to ``window_days`` days; shape (n,).

        It is the supplier's default on any loan by the outcome's rule (90 days past due), and not that this order stays unpaid.
        """
        if not 0.0 <= days <= self.window_days:
            raise OutOfRange(f"a tenor must be 0 to {self.window_days} days, found {days}: the curve says nothing beyond")
        return self.pd_within(min(days * MONTHS / self.window_days, float(MONTHS)))


class HazardScorer:
    """A hazard model at work: points that add up, and the curve they stand for.

    Notes
    -----
    Points are affine in f(x), so they rank as the PD of every horizon does. They touch the scale where every contribution is 0: there
    they are the points of the 12-month PD, and a step in f(x) moves them as it moves the log-odds of that PD. Away from there
    they are no reading of the PD on the scale: log-odds of a 12-month PD are not affine in f(x). The PD is the curve's.
    """

    def __init__(self, model: HazardModel) -> None:
        """Read the month's part g(t) off the booster. A damaged text ends the process."""
        scale = model.scale
        scorer = Scorer.from_text(model.model_text, Calibration(slope=1.0, intercept=0.0), scale)
        self.width = scorer.width - 1
        self.names = tuple(scorer.names[:-1])
        self._scorer, self._log_odds_per_point, self._window_days = scorer, -1.0 / scale.factor, model.window_days
        rows = np.full((MONTHS, self.width + 1), np.nan)
        rows[:, -1] = np.arange(1, MONTHS + 1)
        margins = (scorer.base_points + scorer.score(rows).contributions[:, -1] - scale.offset) * self._log_odds_per_point
        self._slopes = np.array([month.slope for month in model.by_month])
        self._log_odds: Values = np.array([month.intercept for month in model.by_month]) + self._slopes * margins
        hazard = 1.0 / (1.0 + np.exp(-self._log_odds))
        pd = float(-np.expm1(np.log1p(-hazard).sum()))
        # PD = 1 - product of (1 - hazard), d hazard / d f = slope hazard (1 - hazard), hence d logit PD / d f = (sum of slope hazard) / PD.
        self._stretch = float(self._slopes @ hazard) / pd
        self.base_points = scale.points(pd)

    def score(self, values: Values) -> HazardScores:
        """Return the scores of ``values``, shape (n, f), NaN where missing, in the order of ``names``."""
        if values.ndim != 2 or values.shape[1] != self.width:
            raise OutOfRange(f"values must have shape (n, {self.width}) in the order of names, found {values.shape}")
        found = self._scorer.score(np.column_stack([values, np.ones(len(values))])).contributions[:, :-1]
        contributions = self._stretch * found
        steps = np.column_stack([np.full(len(values), self.base_points), contributions])
        points = np.add.accumulate(steps, axis=1)[:, -1].copy()
        # From the points themselves, so that equal points have equal curves and more points never a riskier one.
        f = (points - self.base_points) / self._stretch * self._log_odds_per_point
        log_stay = -np.logaddexp(0.0, f[:, None] * self._slopes + self._log_odds)
        log_survival = np.column_stack([np.zeros(len(values)), np.add.accumulate(log_stay, axis=1)])
        return HazardScores(points, self.base_points, contributions, log_survival, self._window_days)
