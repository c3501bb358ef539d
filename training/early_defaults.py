"""Do the young vintages default as their PDs say? Defaults so far against the share of a year's defaults that have come by then.

When defaults come within the performance window is read from the matured vintages of the same tables; how many is what the PDs say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, chi2

from credit.outcome import Outcome, OutcomePolicy
from features.read import RawTables
from training.drift import Alarm, holm
from training.labels import label_outcomes

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Vintage:
    """One as-of date: suppliers, the defaults expected and seen by now, and the 95 % interval of the seen number.

    ``share_by_now`` is the share of the window's defaults that come within ``days``. ``p_value`` is two-sided.
    """

    as_of: date
    days: int
    suppliers: int
    share_by_now: float
    expected: float
    observed: int
    low: float
    high: float
    p_value: float
    p_adjusted: float
    verdict: Alarm


@dataclass(frozen=True, slots=True)
class DefaultTiming:
    """Defaults of the matured vintages: rows bad by each number of days, rows bad in the whole window, and distinct suppliers."""

    by_days: Mapping[int, int]
    in_window: int
    suppliers: int

    @classmethod
    def of(cls, tables: RawTables, as_ofs: Sequence[date], policy: OutcomePolicy, days: Sequence[int]) -> "DefaultTiming":
        """Count the defaults of matured as-of dates by each number of days."""
        whole = label_outcomes(tables, as_ofs, policy)
        bad = whole.supplier_ids[whole.status == Outcome.BAD]
        counts = {}
        for elapsed in days:
            found = label_outcomes(tables, as_ofs, within(policy, elapsed))
            counts[elapsed] = int((found.status == Outcome.BAD).sum())
        return cls(counts, len(bad), len(np.unique(bad)))

    @property
    def independent(self) -> float:
        """The share of rows that count as independent: a supplier's default lies in the window of up to twelve as-of months."""
        return self.suppliers / self.in_window if self.in_window else 0.0


def within(policy: OutcomePolicy, days: int) -> OutcomePolicy:
    """Return the outcome policy with a window of ``days``."""
    return replace(policy, performance_days=days, drawn_within_days=min(policy.drawn_within_days, days))


def compare_vintages(
    seen: Sequence[tuple[date, Values, int]], timing: DefaultTiming, *, as_of: date, alpha: float, alarm: float, watch: float
) -> list[Vintage]:
    """Return the young vintages against their PDs.

    Parameters
    ----------
    seen
        As-of date, the PDs of its financed suppliers, and how many of them have defaulted by ``as_of``.
    timing
        Of the matured vintages.
    as_of
        The day of the monitoring.
    alpha, alarm, watch
        Chance of any false alarm over all vintages, and the ratios observed / expected that matter.

    Notes
    -----
    Two Poisson counts, the vintage's and the matured ones' by the same day, are compared given their sum (Przyborowski and Wilenski
    1940), so that few matured defaults make the test less sure and not more. The interval of the observed number is Garwood's (1936).
    """
    parts = []
    for day, pd, observed in seen:
        days = (as_of - day).days
        before = timing.by_days[days] * timing.independent
        share = timing.by_days[days] / timing.in_window
        weight = float(pd.sum()) / (float(pd.sum()) + timing.in_window * timing.independent)
        p_value = float(binomtest(observed, observed + round(before), weight).pvalue) if observed + round(before) else 1.0
        parts.append((day, days, pd, observed, share, p_value))
    adjusted = holm([part[-1] for part in parts])
    vintages = []
    for (day, days, pd, observed, share, p_value), p_adjusted in zip(parts, adjusted, strict=True):
        expected = share * float(pd.sum())
        low = float(chi2.ppf(0.025, 2 * observed) / 2) if observed else 0.0
        high = float(chi2.ppf(0.975, 2 * observed + 2) / 2)
        verdict = Alarm.QUIET
        if p_adjusted < alpha:
            verdict = Alarm.ALARM if observed >= alarm * expected else Alarm.WATCH if observed <= watch * expected else Alarm.QUIET
        vintages.append(Vintage(day, days, len(pd), share, expected, observed, low, high, p_value, p_adjusted, verdict))
    return vintages


def matured_as_ofs(first: date, as_of: date, policy: OutcomePolicy, months: Sequence[date], newest: int) -> list[date]:
    """Return the newest of ``months`` not before ``first`` whose window was over by ``as_of``."""
    last = as_of - timedelta(days=policy.performance_days)
    return [month for month in months if first <= month <= last][-newest:]
