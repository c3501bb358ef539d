"""Features of the buyer network: who a supplier's buyers are to others, and how they treat them.

Taken on the first day of the as-of date's month (see `features.network`).
"""

from typing import Final

from features.feature import Family, Feature, Unit
from features.formula import Formula, Growth, Network, Ratio

_SALES: Final = Network("amount", ("order_placed",))


def _share(measure: str, *others: str) -> Ratio:
    """Share of the sales of the year before the month."""
    return Ratio(Network(measure, ("order_placed", *others)), _SALES)


_LATE: Final = Ratio(
    Network("late", ("order_placed", "invoice_paid"), 100.0),
    Network("judged", ("order_placed", "invoice_paid")),
)
_DEMAND: Final = Growth(Network("recent", ("order_placed",)), Network("earlier", ("order_placed",)))


def _declare(
    quantity: str, window: int, formula: Formula, unit: Unit, direction: int, zh: str, en: str, table: str, actionable: bool = True
) -> Feature:
    """One feature of the network."""
    name = f"network_{quantity}_{window}d"
    return Feature(
        name, unit, Family.NETWORK, formula, direction, f"截至月初近 {window} 天{zh}", f"{en}, {window} days to the month's first", table, window, actionable
    )  # fmt: skip


FEATURES: Final = (
    _declare("core_share", 365, _share("core"), Unit.RATIO, -1, "核心企业（另有十家以上供应商的买家）销售占比", "Share of sales to core enterprises, buyers with ten or more other suppliers", "orders"),
    _declare("lone_share", 365, _share("lone"), Unit.RATIO, 1, "仅向本企业采购的买家销售占比", "Share of sales to buyers nobody else sells to", "orders"),
    _declare("reciprocal_share", 365, _share("reciprocal", "purchased"), Unit.RATIO, 1, "与同时是自己供货商的买家的销售占比", "Share of sales to buyers it also buys from", "purchases"),
    _declare("buyer_late_days", 365, _LATE, Unit.DAYS, 1, "买家对其他供应商的平均迟付天数（按本企业销售额加权）", "Days late at which its buyers pay other suppliers, by its own sales", "invoices"),
    _declare("demand_growth", 90, _DEMAND, Unit.RATIO, -1, "买家向其他供应商订货金额较此前 90 天的变化", "Change in what its buyers order from other suppliers against the 90 days before", "orders", False),
)  # fmt: skip
