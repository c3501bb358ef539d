"""Features of what the supplier buys upstream: activity, cancellations, margin over what it sells, dependence on vendors."""

from typing import Final

from features.feature import Family, Feature, Unit
from features.formula import DaysSince, Formula, Growth, Minus, Months, Party, Ratio, Slope, Sum, Variation

_FEN = 100.0


def net_purchases(window: int, until: int = 0, scale: float = 1.0) -> Minus:
    """Return purchases less cancelled ones in a window, in fen unless scaled: ratios of whole fen are exact."""
    return Minus(Sum("purchased", "amount", window, until, scale), Sum("purchase_cancelled", "amount", window, until, scale))


def net_sales(window: int, until: int = 0) -> Minus:
    """Return orders less cancelled ones in a window, in fen."""
    return Minus(Sum("order_placed", "amount", window, until), Sum("order_cancelled", "amount", window, until))


def _margin(window: int, until: int = 0) -> Ratio:
    sales = net_sales(window, until)
    return Ratio(Minus(sales, net_purchases(window, until)), sales)


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
    """One feature of the purchases."""
    if window is None:
        return Feature(f"purchases_{quantity}_all", unit, family, formula, direction, zh, en, "purchases", None, actionable)
    name = f"purchases_{quantity}_{window}d"
    return Feature(
        name, unit, family, formula, direction, f"近 {window} 天{zh}", f"{en}, last {window} days", "purchases", window, actionable
    )


FEATURES: Final = (
    _declare("amount_sum", 90, net_purchases(90, scale=_FEN), Unit.CNY, Family.VOLUME, 0, "采购金额", "Amount purchased"),
    _declare("amount_growth", 90, Growth(Sum("purchased", "amount", 90), Sum("purchased", "amount", 180, 90)), Unit.RATIO, Family.GROWTH, 0, "采购金额较此前 90 天的变化", "Change in the amount purchased against the 90 days before"),
    _declare("amount_slope", 365, Slope(Months("purchased", "amount")), Unit.RATIO, Family.GROWTH, 0, "采购金额的月度趋势", "Monthly trend of the amount purchased"),
    _declare("amount_variation", 365, Variation(Months("purchased", "amount")), Unit.RATIO, Family.REGULARITY, 1, "月度采购金额的波动系数", "Variation of the monthly amount purchased"),
    _declare("last_age", None, DaysSince("purchased"), Unit.DAYS, Family.REGULARITY, 1, "距最近一次采购的天数", "Days since the last purchase"),
    *(_declare("cancel_ratio", w, Ratio(Sum("purchase_cancelled", "count", w), Sum("purchased", "count", w)), Unit.RATIO, Family.CANCELLATION, 1, "采购取消率", "Share of purchases cancelled", True) for w in (90, 365)),
    *(_declare("margin", w, _margin(w), Unit.RATIO, Family.MARGIN, -1, "毛差率（销售减采购占销售之比）", "Margin of sales over purchases", True) for w in (90, 180, 365)),
    _declare("margin_change", 90, Minus(_margin(90), _margin(365)), Unit.RATIO, Family.MARGIN, -1, "毛差率较全年的变化", "Change in margin against the year", True),
    _declare("margin_change", 180, Minus(_margin(180), _margin(365, 180)), Unit.RATIO, Family.MARGIN, -1, "毛差率较此前半年的变化", "Change in margin against the half-year before", True),
    _declare("vendor_distinct", 365, Party("purchased", "distinct", 365), Unit.COUNT, Family.CONCENTRATION, 0, "供货商数", "Vendors bought from", True),
    _declare("vendor_hhi", 365, Party("purchased", "hhi", 365), Unit.RATIO, Family.CONCENTRATION, 1, "供货商集中度（赫芬达尔指数）", "Vendor concentration (Herfindahl index)", True),
    _declare("vendor_top_share", 365, Party("purchased", "top_share", 365), Unit.RATIO, Family.CONCENTRATION, 1, "最大供货商金额占比", "Share of the largest vendor", True),
    _declare("vendor_repeat_share", 365, Party("purchased", "repeat_share", 365), Unit.RATIO, Family.CONCENTRATION, 0, "重复采购的供货商占比", "Share of vendors bought from again", True),
)  # fmt: skip
