"""What the ledger can say: the kinds of facts, what each carries, and the time windows they are summed over.

Stands between the raw tables and the features: `features.ledger` writes facts of these kinds, `features.kernel` sums them without
knowing their meaning, and `features.catalog` names them in formulas.

A fact is one thing that became known about one supplier: its kind, the civil day it happened (`event_day`), the civil day it became
known (`known_day`, never earlier), the counterparty, and up to four int64 values (money in fen, days, counts, quantities in
thousandths). A correction takes the older fact back: the same fact with sign -1, known when the correction was recorded.
"""

from dataclasses import dataclass
from typing import Final

COLUMNS: Final = 5
"""int64 columns of a fact: the sign and four values."""

MONTHS: Final = 12
"""30-day months that are kept apart."""

EDGES: Final = (*range(0, 361, 30), 365)
"""Days back from the as-of date where elementary intervals begin; the last interval is open to the past."""

INTERVALS: Final = len(EDGES)

WINDOWS: Final = (30, 90, 180, 365)
"""Lengths in days of the windows a feature may ask for."""

PARTY_WINDOWS: Final = (90, 180, 365)
"""Lengths in days of the windows over which counterparties are told apart."""


@dataclass(frozen=True, slots=True)
class FactKind:
    """One kind of fact.

    Parameters
    ----------
    name : str
        What happened, as a past participle.
    table : str
        The contract table it rests on; absent table, no facts, and features of it are missing rather than zero.
    values : tuple of (str, str)
        Name and unit of each value after the sign; units are cny_fen, days, count, stars_hundredths, quantity_thousandths,
        cny_fen_days, characters.
    label_zh, label_en : str
        What a supplier reads above the rows behind a number.
    """

    name: str
    table: str
    values: tuple[tuple[str, str], ...]
    label_zh: str
    label_en: str


KINDS: Final = (
    FactKind("supplier_joined", "suppliers", (), "加入平台", "Joined the platform"),
    FactKind("supplier_registered", "suppliers", (), "企业注册", "Registered as a business"),
    FactKind("order_placed", "orders", (("amount", "cny_fen"), ("promise_days", "days"), ("promised", "count")), "下单", "Order placed"),
    FactKind("order_cancelled", "orders", (("amount", "cny_fen"),), "订单取消", "Order cancelled"),
    FactKind("order_due", "orders", (("amount", "cny_fen"),), "承诺交期已过", "Promised day passed"),
    FactKind("order_closed", "orders", (("amount", "cny_fen"),), "逾期订单了结", "Overdue order closed"),
    FactKind(
        "delivered",
        "fulfilments",
        (("late_days", "days"), ("late", "count"), ("lead_days", "days"), ("promised", "count")),
        "交付",
        "Delivery",
    ),
    FactKind(
        "inspected",
        "fulfilments",
        (("delivered", "quantity_thousandths"), ("rejected", "quantity_thousandths"), ("with_reject", "count")),
        "验收",
        "Inspection",
    ),
    FactKind("returned", "fulfilments", (("amount", "cny_fen"),), "退货", "Return"),
    FactKind(
        "reviewed",
        "reviews",
        (("stars", "stars_hundredths"), ("low", "count"), ("full", "count"), ("text_length", "characters")),
        "评价",
        "Review",
    ),
    FactKind("purchased", "purchases", (("amount", "cny_fen"),), "采购", "Purchase"),
    FactKind("purchase_cancelled", "purchases", (("amount", "cny_fen"),), "采购取消", "Purchase cancelled"),
    FactKind("invoiced", "invoices", (("amount", "cny_fen"), ("term_days", "days")), "开票", "Invoice issued"),
    FactKind("invoice_due", "invoices", (("amount", "cny_fen"),), "账款到期未付", "Receivable past due"),
    FactKind("invoice_closed", "invoices", (("amount", "cny_fen"),), "逾期账款收回", "Overdue receivable paid"),
    FactKind(
        "invoice_paid",
        "invoices",
        (("amount", "cny_fen"), ("late_days", "days"), ("late", "count"), ("late_amount_days", "cny_fen_days")),
        "回款",
        "Payment received",
    ),
)

KIND_INDEX: Final = {kind.name: index for index, kind in enumerate(KINDS)}

PLANNED_KINDS: Final = ("order_due", "order_closed", "invoice_due", "invoice_closed")
"""Kinds that stand on a promised or due day, which is known ahead and may lie after the last day of the data."""

PARTY_KINDS: Final = ("order_placed", "purchased")
"""Kinds whose counterparties are told apart: buyers and vendors."""

PARTY_METRICS: Final = ("distinct", "hhi", "top_share", "repeat_share")


def column_index(kind: str, column: str) -> int:
    """Return where a kind keeps a column: 0 is the count (sum of signs).

    Examples
    --------
    >>> column_index("delivered", "count"), column_index("delivered", "late")
    (0, 2)
    """
    if column == "count":
        return 0
    names = [name for name, _ in KINDS[KIND_INDEX[kind]].values]
    return names.index(column) + 1
