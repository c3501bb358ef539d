"""Features of how the supplier delivers: lateness and its depth, what is overdue now, rejects, returns."""

from typing import Final

from features.feature import Family, Feature, Unit
from features.formula import DaysSince, Floor, Formula, Growth, Minus, Ratio, Sum
from features.orders import amount

_FEN = 100.0


def _late_ratio(window: int) -> Ratio:
    return Ratio(Sum("delivered", "late", window), Sum("delivered", "promised", window))


def _late_days(window: int) -> Ratio:
    return Ratio(Sum("delivered", "late_days", window), Sum("delivered", "promised", window))


def _reject_ratio(window: int) -> Ratio:
    return Ratio(Sum("inspected", "rejected", window), Sum("inspected", "delivered", window))


def _lead_days(window: int) -> Ratio:
    return Ratio(Sum("delivered", "lead_days", window), Sum("delivered", "count", window))


def _overdue(column: str) -> Floor:
    """Orders past their promise less those closed since; amounts stay in fen, so that what opened and closed leaves exactly nothing."""
    return Floor(Minus(Sum("order_due", column, None), Sum("order_closed", column, None)))


def _declare(quantity: str, window: int | None, formula: Formula, unit: Unit, family: Family, direction: int, zh: str, en: str) -> Feature:
    """One feature of the deliveries, all of which a supplier can act on."""
    if window is None:
        return Feature(f"fulfilment_{quantity}_all", unit, family, formula, direction, zh, en, "fulfilments", None, True)
    name = f"fulfilment_{quantity}_{window}d"
    return Feature(name, unit, family, formula, direction, f"近 {window} 天{zh}", f"{en}, last {window} days", "fulfilments", window, True)


FEATURES: Final = (
    _declare("count", 90, Sum("delivered", "count", 90), Unit.COUNT, Family.VOLUME, -1, "交付次数", "Deliveries made"),
    *(_declare("late_ratio", w, _late_ratio(w), Unit.RATIO, Family.LATENESS, 1, "迟交比例", "Share of deliveries later than promised") for w in (30, 90, 180, 365)),
    *(_declare("late_days_mean", w, _late_days(w), Unit.DAYS, Family.LATENESS, 1, "平均迟交天数", "Mean days late per delivery") for w in (30, 90, 180, 365)),
    _declare("late_depth", 180, Ratio(Sum("delivered", "late_days", 180), Sum("delivered", "late", 180)), Unit.DAYS, Family.LATENESS, 1, "迟交订单的平均迟交天数", "Mean days late of the late deliveries"),
    _declare("late_ratio_change", 90, Minus(_late_ratio(90), _late_ratio(365)), Unit.RATIO, Family.LATENESS, 1, "迟交比例较全年的变化", "Change in the late share against the year"),
    _declare("late_days_change", 90, Minus(_late_days(90), _late_days(365)), Unit.DAYS, Family.LATENESS, 1, "平均迟交天数较全年的变化", "Change in mean days late against the year"),
    *(_declare("lead_days_mean", w, _lead_days(w), Unit.DAYS, Family.LATENESS, 1, "下单到交付的平均天数", "Mean days from order to delivery") for w in (90, 365)),
    _declare("lead_days_change", 90, Minus(_lead_days(90), _lead_days(365)), Unit.DAYS, Family.LATENESS, 1, "下单到交付天数较全年的变化", "Change in days from order to delivery against the year"),
    _declare("overdue_count", None, _overdue("count"), Unit.COUNT, Family.LATENESS, 1, "当前逾期未交订单数", "Orders overdue and not delivered now"),
    _declare("overdue_amount_ratio", 90, Ratio(_overdue("amount"), Sum("order_placed", "amount", 90)), Unit.RATIO, Family.LATENESS, 1, "逾期未交金额与订单金额之比", "Overdue undelivered amount against the amount ordered"),
    *(_declare("reject_ratio", w, _reject_ratio(w), Unit.RATIO, Family.QUALITY, 1, "拒收数量占比", "Share of quantity rejected") for w in (90, 180, 365)),
    _declare("reject_lot_ratio", 180, Ratio(Sum("inspected", "with_reject", 180), Sum("inspected", "count", 180)), Unit.RATIO, Family.QUALITY, 1, "有拒收的交付占比", "Share of deliveries with a reject"),
    _declare("reject_ratio_change", 90, Minus(_reject_ratio(90), _reject_ratio(365)), Unit.RATIO, Family.QUALITY, 1, "拒收占比较全年的变化", "Change in the rejected share against the year"),
    *(_declare("return_amount_ratio", w, Ratio(Sum("returned", "amount", w, 0, _FEN), amount(w)), Unit.RATIO, Family.QUALITY, 1, "退货金额占比", "Returned amount against the amount ordered") for w in (180, 365)),
    _declare("count_growth", 90, Growth(Sum("delivered", "count", 90), Sum("delivered", "count", 180, 90)), Unit.RATIO, Family.GROWTH, -1, "交付次数较此前 90 天的变化", "Change in deliveries against the 90 days before"),
    _declare("last_age", None, DaysSince("delivered"), Unit.DAYS, Family.REGULARITY, 1, "距最近一次交付的天数", "Days since the last delivery"),
)  # fmt: skip
