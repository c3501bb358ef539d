"""Features of what buyers order: volume, growth, regularity, concentration, cancellation, and amounts too round to be prices.

A sign of authenticity asks for a second look and proves nothing: a shop may price in thousands. So none promises a direction, and none
becomes a reason.
"""

from typing import Final

from features.feature import Family, Feature, Unit
from features.formula import ActiveMonths, DaysSince, Formula, Growth, Months, Party, Peak, Ratio, Slope, Sum, Variation

_FEN = 100.0


def _count(since: int, until: int = 0) -> Sum:
    return Sum("order_placed", "count", since, until)


def amount(since: int, until: int = 0) -> Sum:
    """Return the amount ordered in a window, in CNY."""
    return Sum("order_placed", "amount", since, until, _FEN)


def _declare(
    quantity: str,
    window: int | None,
    formula: Formula,
    unit: Unit,
    family: Family,
    direction: int,
    zh: str,
    en: str,
    actionable: bool = False,
) -> Feature:
    """One feature of the orders; the window is put before the text and behind the name."""
    if window is None:
        return Feature(f"orders_{quantity}_all", unit, family, formula, direction, zh, en, "orders", None, actionable)
    name = f"orders_{quantity}_{window}d"
    return Feature(name, unit, family, formula, direction, f"近 {window} 天{zh}", f"{en}, last {window} days", "orders", window, actionable)


FEATURES: Final = (
    *(_declare("count", w, _count(w), Unit.COUNT, Family.VOLUME, -1, "订单数", "Orders received") for w in (30, 90, 180, 365)),
    *(_declare("amount_sum", w, amount(w), Unit.CNY, Family.VOLUME, -1, "订单金额", "Amount ordered") for w in (30, 90, 180, 365)),
    _declare("amount_mean", 365, Ratio(amount(365), _count(365)), Unit.CNY, Family.VOLUME, 0, "单笔订单平均金额", "Mean amount of an order"),
    _declare("last_age", None, DaysSince("order_placed"), Unit.DAYS, Family.REGULARITY, 1, "距最近一笔订单的天数", "Days since the last order"),
    _declare("amount_growth", 30, Growth(amount(30), Sum("order_placed", "amount", 90, 30, 2 * _FEN)), Unit.RATIO, Family.GROWTH, -1, "订单金额较此前两月月均的变化", "Change in amount ordered against the two months before"),
    _declare("amount_growth", 90, Growth(amount(90), amount(180, 90)), Unit.RATIO, Family.GROWTH, -1, "订单金额较此前 90 天的变化", "Change in amount ordered against the 90 days before"),
    _declare("amount_growth", 180, Growth(amount(180), amount(365, 180)), Unit.RATIO, Family.GROWTH, -1, "订单金额较此前半年的变化", "Change in amount ordered against the half-year before"),
    _declare("count_growth", 90, Growth(_count(90), _count(180, 90)), Unit.RATIO, Family.GROWTH, -1, "订单数较此前 90 天的变化", "Change in the number of orders against the 90 days before"),
    _declare("amount_slope", 365, Slope(Months("order_placed", "amount")), Unit.RATIO, Family.GROWTH, -1, "订单金额的月度趋势", "Monthly trend of the amount ordered"),
    _declare("amount_variation", 365, Variation(Months("order_placed", "amount")), Unit.RATIO, Family.REGULARITY, 1, "月度订单金额的波动系数", "Variation of the monthly amount ordered"),
    _declare("peak_month_share", 365, Peak(Months("order_placed", "amount")), Unit.RATIO, Family.REGULARITY, 1, "最高一个月占订单金额之比", "Share of the best month in the amount ordered"),
    _declare("active_months", 365, ActiveMonths(Months("order_placed", "count")), Unit.MONTHS, Family.REGULARITY, -1, "有订单的月数", "Months with orders"),
    *(_declare("buyer_distinct", w, Party("order_placed", "distinct", w), Unit.COUNT, Family.CONCENTRATION, -1, "下单买家数", "Buyers who ordered", True) for w in (90, 365)),
    *(_declare("buyer_hhi", w, Party("order_placed", "hhi", w), Unit.RATIO, Family.CONCENTRATION, 1, "买家集中度（赫芬达尔指数）", "Buyer concentration (Herfindahl index)", True) for w in (90, 180, 365)),
    *(_declare("buyer_top_share", w, Party("order_placed", "top_share", w), Unit.RATIO, Family.CONCENTRATION, 1, "最大买家金额占比", "Share of the largest buyer", True) for w in (90, 365)),
    _declare("buyer_repeat_share", 365, Party("order_placed", "repeat_share", 365), Unit.RATIO, Family.CONCENTRATION, -1, "复购买家占比", "Share of buyers who ordered again", True),
    *(_declare("cancel_ratio", w, Ratio(Sum("order_cancelled", "count", w), _count(w)), Unit.RATIO, Family.CANCELLATION, 1, "订单取消率", "Share of orders cancelled", True) for w in (90, 180, 365)),
    _declare("cancel_amount_ratio", 180, Ratio(Sum("order_cancelled", "amount", 180, 0, _FEN), amount(180)), Unit.RATIO, Family.CANCELLATION, 1, "取消金额占比", "Share of the amount cancelled", True),
    _declare("promise_days_mean", 180, Ratio(Sum("order_placed", "promise_days", 180), Sum("order_placed", "promised", 180)), Unit.DAYS, Family.REGULARITY, 0, "平均承诺交期", "Mean promised lead time"),
    _declare("round_share", 365, Ratio(Sum("order_placed", "round", 365), _count(365)), Unit.RATIO, Family.AUTHENTICITY, 0, "金额为整千元的订单占比", "Share of orders of whole thousands of CNY"),
)  # fmt: skip
