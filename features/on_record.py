"""How much is on record of a supplier? Counts for the data-sufficiency index; no model learns from them: they are not in the catalogue."""

from typing import Final

from features.feature import Family, Feature, Unit
from features.formula import ActiveMonths, Formula, Months, Sum

_YEAR = 365


def _declare(quantity: str, unit: Unit, formula: Formula, zh: str, en: str, table: str) -> Feature:
    name = f"{table}_on_record_{quantity}_{_YEAR}d"
    return Feature(name, unit, Family.VOLUME, formula, 0, f"近 {_YEAR} 天{zh}", f"{en}, last {_YEAR} days", table, _YEAR)


ON_RECORD: Final = (
    _declare("months", Unit.MONTHS, ActiveMonths(Months("order_placed", "count")), "有订单的月数", "Months with orders", "orders"),
    _declare("count", Unit.COUNT, Sum("order_placed", "count", _YEAR), "订单数", "Orders received", "orders"),
    _declare("count", Unit.COUNT, Sum("delivered", "count", _YEAR), "交付次数", "Deliveries made", "fulfilments"),
    _declare("count", Unit.COUNT, Sum("reviewed", "count", _YEAR), "评价数", "Reviews given", "reviews"),
)
"""Months with orders, orders, deliveries, reviews: in the order of `credit.sufficiency.Record`."""
