"""Features of cooperations with partners: how many stand, how deep and how old they are, what began and what ended.

The level of a cooperation is a judgement, so its share promises no direction.
"""

from typing import Final

from features.feature import Family, Feature, Unit
from features.formula import Floor, Formula, MeanAge, Minus, Ratio, Sum


def _open(column: str) -> Minus:
    return Minus(Sum("cooperation_started", column, None), Sum("cooperation_ended", column, None))


_STANDING: Final = Floor(_open("count"))


def _declare(
    quantity: str, window: int | None, formula: Formula, unit: Unit, direction: int, zh: str, en: str, actionable: bool = True
) -> Feature:
    """One feature of the cooperations."""
    if window is None:
        name = f"cooperations_{quantity}_all"
        return Feature(name, unit, Family.COOPERATION, formula, direction, zh, en, "cooperations", None, actionable)
    name, zh, en = f"cooperations_{quantity}_{window}d", f"近 {window} 天{zh}", f"{en}, last {window} days"
    return Feature(name, unit, Family.COOPERATION, formula, direction, zh, en, "cooperations", window, actionable)


FEATURES: Final = (
    _declare("standing_count", None, _STANDING, Unit.COUNT, -1, "存续的合作数", "Cooperations that stand"),
    _declare("strategic_share", None, Ratio(Floor(_open("strategic")), _STANDING), Unit.RATIO, 0, "存续合作中战略级占比", "Share of standing cooperations that are strategic"),
    _declare("deep_share", None, Ratio(Floor(_open("deep")), _STANDING), Unit.RATIO, 0, "存续合作中涉及能力、技术、资金或知识产权的占比", "Share of standing cooperations that share capability, technology, finance or intellectual property"),
    _declare("age_days_mean", None, MeanAge(_STANDING, _open("start_day")), Unit.DAYS, -1, "存续合作的平均年限（天）", "Mean age of the standing cooperations", False),
    _declare("started_count", 365, Sum("cooperation_started", "count", 365), Unit.COUNT, 0, "新开始的合作数", "Cooperations begun"),
    _declare("ended_count", 365, Sum("cooperation_ended", "count", 365), Unit.COUNT, 1, "结束的合作数", "Cooperations ended"),
)  # fmt: skip
