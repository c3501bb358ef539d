"""Features of what buyers owe: how late they pay, what is overdue now, how much of the sales turned into cash."""

from typing import Final

from features.feature import Family, Feature, Unit
from features.formula import Floor, Formula, Growth, Minus, Ratio, Sum
from features.purchases import net_purchases


def _paid(window: int, until: int = 0) -> Sum:
    return Sum("invoice_paid", "amount", window, until)


def _issued(window: int | None, until: int = 0) -> Sum:
    return Sum("invoiced", "amount", window, until)


def _late_ratio(window: int) -> Ratio:
    return Ratio(Sum("invoice_paid", "late", window), Sum("invoice_paid", "count", window))


def _late_days(window: int) -> Ratio:
    """Days late per CNY paid: a large late payment weighs more than a small one."""
    return Ratio(Sum("invoice_paid", "late_amount_days", window), _paid(window))


def _cash_margin(window: int) -> Ratio:
    return Ratio(Minus(_paid(window), net_purchases(window)), _issued(window))


_OVERDUE: Final = Floor(Minus(Sum("invoice_due", "amount", None), Sum("invoice_closed", "amount", None)))
_OUTSTANDING: Final = Floor(Minus(_issued(None), Sum("invoice_paid", "amount", None)))


def _declare(quantity: str, window: int | None, formula: Formula, unit: Unit, direction: int, zh: str, en: str) -> Feature:
    """One feature of the receivables; choosing and pressing buyers is in the supplier's hands."""
    if window is None:
        return Feature(f"invoices_{quantity}_all", unit, Family.RECEIVABLES, formula, direction, zh, en, "invoices", None, True)
    name = f"invoices_{quantity}_{window}d"
    return Feature(
        name, unit, Family.RECEIVABLES, formula, direction, f"近 {window} 天{zh}", f"{en}, last {window} days", "invoices", window, True
    )


FEATURES: Final = (
    *(_declare("late_ratio", w, _late_ratio(w), Unit.RATIO, 1, "买家迟付笔数占比", "Share of payments received late") for w in (90, 180, 365)),
    *(_declare("late_days_mean", w, _late_days(w), Unit.DAYS, 1, "买家平均迟付天数（按金额）", "Mean days buyers pay late, by amount") for w in (90, 180, 365)),
    _declare("late_days_change", 90, Minus(_late_days(90), _late_days(365)), Unit.DAYS, 1, "买家迟付天数较全年的变化", "Change in days buyers pay late against the year"),
    *(_declare("overdue_ratio", w, Ratio(_OVERDUE, _issued(w)), Unit.RATIO, 1, "逾期应收与开票金额之比", "Overdue receivables against the amount invoiced") for w in (90, 365)),
    _declare("overdue_share", None, Ratio(_OVERDUE, _OUTSTANDING), Unit.RATIO, 1, "逾期应收占全部应收之比", "Share of receivables that is overdue"),
    _declare("outstanding_ratio", 90, Ratio(_OUTSTANDING, _issued(90)), Unit.RATIO, 1, "应收余额与开票金额之比", "Receivables outstanding against the amount invoiced"),
    *(_declare("collected_ratio", w, Ratio(_paid(w), _issued(w)), Unit.RATIO, -1, "回款与开票金额之比", "Cash collected against the amount invoiced") for w in (90, 180)),
    *(_declare("cash_margin", w, _cash_margin(w), Unit.RATIO, -1, "回款减采购与开票金额之比", "Cash collected less purchases against the amount invoiced") for w in (90, 180, 365)),
    _declare("amount_growth", 90, Growth(_issued(90), _issued(180, 90)), Unit.RATIO, 0, "开票金额较此前 90 天的变化", "Change in the amount invoiced against the 90 days before"),
    _declare("term_days_mean", 365, Ratio(Sum("invoiced", "term_days", 365), Sum("invoiced", "count", 365)), Unit.DAYS, 0, "平均账期", "Mean payment term"),
)  # fmt: skip
