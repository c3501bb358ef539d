"""Features of the stock: how long it lasts, and how it moves. The value is the supplier's own word, and both too much stock and too
little are bad news, so no direction is promised.
"""

from typing import Final

from features.feature import Family, Feature, Unit
from features.formula import Formula, Growth, Minus, Ratio, Sum

_HUNDREDTHS = 100.0


def _cover(window: int) -> Ratio:
    return Ratio(Sum("stock_observed", "cover", window, 0, _HUNDREDTHS), Sum("stock_observed", "with_cover", window))


def _value(since: int, until: int = 0) -> Ratio:
    return Ratio(Sum("stock_observed", "value", since, until), Sum("stock_observed", "count", since, until))


def _declare(quantity: str, window: int, formula: Formula, unit: Unit, zh: str, en: str) -> Feature:
    """One feature of the stock."""
    name = f"inventory_{quantity}_{window}d"
    return Feature(name, unit, Family.INVENTORY, formula, 0, f"近 {window} 天{zh}", f"{en}, last {window} days", "inventory", window, True)


FEATURES: Final = (
    _declare("cover_days_mean", 90, _cover(90), Unit.DAYS, "库存平均可供天数", "Mean days of sales the stock covers"),
    _declare("cover_days_change", 90, Minus(_cover(90), _cover(365)), Unit.DAYS, "库存可供天数较全年的变化", "Change in days the stock covers against the year"),
    _declare("value_growth", 90, Growth(_value(90), _value(180, 90)), Unit.RATIO, "平均库存金额较此前 90 天的变化", "Change in the mean value of the stock against the 90 days before"),
)  # fmt: skip
