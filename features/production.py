"""Features of production: how much of the capacity is used, how that moves, and how often it ran low or stood still."""

from typing import Final

from features.feature import Family, Feature, Unit
from features.formula import Formula, Minus, Ratio, Sum

_TEN_THOUSANDTHS = 10_000.0


def _utilisation(window: int) -> Ratio:
    return Ratio(Sum("production_observed", "utilisation", window, 0, _TEN_THOUSANDTHS), Sum("production_observed", "count", window))


def _share(column: str, window: int) -> Ratio:
    return Ratio(Sum("production_observed", column, window), Sum("production_observed", "count", window))


def _declare(quantity: str, window: int, formula: Formula, direction: int, zh: str, en: str) -> Feature:
    """One feature of production."""
    name = f"production_{quantity}_{window}d"
    return Feature(
        name, Unit.RATIO, Family.PRODUCTION, formula, direction, f"近 {window} 天{zh}", f"{en}, last {window} days", "production", window, True
    )  # fmt: skip


FEATURES: Final = (
    *(_declare("utilisation_mean", w, _utilisation(w), -1, "平均开工率", "Mean utilisation of capacity") for w in (30, 90, 365)),
    _declare("utilisation_change", 90, Minus(_utilisation(90), _utilisation(365)), -1, "开工率较全年的变化", "Change in utilisation against the year"),
    _declare("reduced_share", 180, _share("reduced", 180), 1, "减产的观察占比", "Share of observations with production reduced"),
    _declare("stopped_share", 365, _share("stopped", 365), 1, "停产的观察占比", "Share of observations with production stopped"),
)  # fmt: skip
