"""Features of what buyers owe: how late they pay and how many of them, what they hold back, what is overdue now, how much of the sales
turned into cash.

Sixty days after delivery or invoice is the longest a large buyer may take (State Council decree 802 of 2025); the platform does not say
which buyer is large, so all are counted.
"""

from typing import Final

from features.feature import Family, Feature, Unit
from features.formula import Floor, Formula, Growth, Minus, Party, Ratio, Sum
from features.purchases import net_purchases, net_sales


def _paid(window: int, until: int = 0) -> Sum:
    return Sum("invoice_paid", "amount", window, until)


def _issued(window: int | None, until: int = 0) -> Sum:
    return Sum("invoiced", "amount", window, until)


def _late_ratio(window: int) -> Ratio:
    return Ratio(Sum("invoice_paid", "late", window), Sum("invoice_paid", "count", window))


def _late_days(window: int) -> Ratio:
    """Days late per CNY paid: a large late payment weighs more than a small one."""
    return Ratio(Sum("invoice_paid", "late_amount_days", window), _paid(window))


def _dilution(window: int) -> Ratio:
    return Ratio(Sum("invoice_paid", "short", window), Sum("invoice_paid", "face", window))


def _after_sixty(window: int) -> Ratio:
    return Ratio(Sum("invoice_paid", "after_sixty", window), Sum("invoice_paid", "count", window))


def _cash_margin(window: int) -> Ratio:
    return Ratio(Minus(_paid(window), net_purchases(window)), _issued(window))


_OVERDUE: Final = Floor(Minus(Sum("invoice_due", "amount", None), Sum("invoice_closed", "amount", None)))
_OUTSTANDING: Final = Floor(Minus(_issued(None), Sum("invoice_paid", "amount", None)))
_AGED: Final = Floor(Minus(Sum("invoice_aged", "amount", None), Sum("invoice_aged_closed", "amount", None)))
_LATE_BUYERS: Final = Ratio(Party("invoice_paid_late", "distinct", 365), Party("invoice_paid", "distinct", 365))


def _declare(
    quantity: str,
    window: int | None,
    formula: Formula,
    unit: Unit,
    direction: int,
    zh: str,
    en: str,
    family: Family = Family.RECEIVABLES,
) -> Feature:
    """One feature of the receivables; choosing and pressing buyers is in the supplier's hands."""
    if window is None:
        return Feature(f"invoices_{quantity}_all", unit, family, formula, direction, zh, en, "invoices", None, True)
    name = f"invoices_{quantity}_{window}d"
    return Feature(name, unit, family, formula, direction, f"近 {window} 天{zh}", f"{en}, last {window} days", "invoices", window, True)


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
    _declare("long_term_ratio", 365, Ratio(Sum("invoiced", "long_term", 365), Sum("invoiced", "count", 365)), Unit.RATIO, 0, "账期超过 60 天的发票占比", "Share of invoices with a term above 60 days"),
    *(_declare("after_sixty_ratio", w, _after_sixty(w), Unit.RATIO, 1, "开票 60 天后才收到的回款笔数占比", "Share of payments received more than 60 days after the invoice") for w in (180, 365)),
    _declare("aged_share", None, Ratio(_AGED, _OUTSTANDING), Unit.RATIO, 1, "开票满 60 天未收占全部应收之比", "Share of receivables older than 60 days"),
    _declare("late_buyer_share", 365, _LATE_BUYERS, Unit.RATIO, 1, "迟付过的买家占付款买家之比", "Share of the paying buyers who paid late"),
    *(_declare("dilution_ratio", w, _dilution(w), Unit.RATIO, 1, "回款短少（稀释）占票面之比", "Shortfall of payments against their invoices (dilution)") for w in (180, 365)),
    _declare("sales_ratio", 180, Ratio(_issued(180), net_sales(180)), Unit.RATIO, 0, "开票金额与净销售额之比", "Amount invoiced against net sales", Family.AUTHENTICITY),
)  # fmt: skip
