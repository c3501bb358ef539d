"""What the ledger can say: the kinds of facts, what each carries and from which columns, and the windows they are summed over.

Stands between the raw tables and the features: `features.derive` makes facts of these kinds from a supplier's rows, `features.kernel`
sums them without knowing their meaning, and `features.catalog` names them in formulas.

A fact is one thing that became known about one supplier: its kind, the civil day it happened (`event_day`), the civil day it became
known (`known_day`, never earlier), the counterparty, and up to seven int64 values (money in fen, days, counts, quantities in
thousandths). A correction takes the older fact back: the same fact with sign -1, known when the correction was recorded.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

MONTHS: Final = 12
"""30-day months that are kept apart."""

WINDOWS: Final = (30, 90, 180, 365)
"""Lengths in days of the windows a feature may ask for."""

LONG_TERM_DAYS: Final = 60
"""Days within which a large buyer owes a small supplier its money (State Council decree 802 of 2025, art. 9)."""

EXPIRY_NOTICE_DAYS: Final = 90
"""Days before its expiry from which a certificate counts as expiring."""

ROUND_FEN: Final = 100_000
"""An amount that is a multiple of this (CNY 1,000) counts as round."""


class Value(NamedTuple):
    """One int64 value of a fact: its name, its unit, and the contract columns it is read from."""

    name: str
    unit: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FactKind:
    """One kind of fact.

    Parameters
    ----------
    name : str
        What happened, as a past participle.
    table : str
        The contract table it rests on; absent table, no facts, and features of it are missing rather than zero.
    event : tuple of str
        Columns the event day is read from, besides the supplier's id.
    values : tuple of Value
        What stands after the sign; units are cny_fen, days, count, stars_hundredths, quantity_thousandths, cny_fen_days, characters,
        text_score, cover_hundredths, utilisation_ten_thousandths, civil_day (days since 1970-01-01).
    label_zh, label_en : str
        What a supplier reads above the rows behind a number.
    party : str
        Column of the counterparty, empty where there is none.
    """

    name: str
    table: str
    event: tuple[str, ...]
    values: tuple[Value, ...]
    label_zh: str
    label_en: str
    party: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the contract it is read from."""
        named = [*self.event, *([self.party] if self.party else []), *(column for value in self.values for column in value.columns)]
        return tuple(dict.fromkeys(named))


_AMOUNT: Final = Value("amount", "cny_fen", ("orders.amount",))
_PURCHASE: Final = Value("amount", "cny_fen", ("purchases.amount",))
_INVOICE: Final = Value("amount", "cny_fen", ("invoices.amount",))
_PAID: Final = Value("amount", "cny_fen", ("invoices.paid_amount", "invoices.amount"))
_LATE: Final = ("invoices.paid_at", "invoices.due_at")
_PROMISED: Final = ("orders.promised_at",)
_REJECTED: Final = ("fulfilments.quantity_rejected",)
_COMPLETED: Final = (
    "orders.promised_at",
    "orders.cancelled_at",
    "orders.quantity",
    "fulfilments.delivered_at",
    "fulfilments.quantity_delivered",
)
_COOPERATION: Final = (
    Value("strategic", "count", ("cooperations.level",)),
    Value("deep", "count", ("cooperations.content",)),
    Value("start_day", "civil_day", ("cooperations.started_on",)),
)
_BUYER: Final = "orders.buyer_id"
_DEBTOR: Final = "invoices.buyer_id"

KINDS: Final = (
    FactKind("supplier_joined", "suppliers", ("suppliers.joined_at",), (), "加入平台", "Joined the platform"),
    FactKind("supplier_registered", "suppliers", ("suppliers.registered_on",), (), "企业注册", "Registered as a business"),
    FactKind(
        "order_placed",
        "orders",
        ("orders.ordered_at",),
        (
            _AMOUNT,
            Value("promise_days", "days", ("orders.promised_at", "orders.ordered_at")),
            Value("promised", "count", _PROMISED),
            Value("round", "count", ("orders.amount",)),
        ),
        "下单",
        "Order placed",
        _BUYER,
    ),
    FactKind("order_cancelled", "orders", ("orders.cancelled_at",), (_AMOUNT,), "订单取消", "Order cancelled", _BUYER),
    FactKind("order_due", "orders", _PROMISED, (_AMOUNT,), "承诺交期已过", "Promised day passed", _BUYER),
    FactKind("order_closed", "orders", _COMPLETED, (_AMOUNT,), "逾期订单了结", "Overdue order closed", _BUYER),
    FactKind(
        "delivered",
        "fulfilments",
        ("fulfilments.delivered_at",),
        (
            Value("late_days", "days", ("fulfilments.delivered_at", "orders.promised_at")),
            Value("late", "count", ("fulfilments.delivered_at", "orders.promised_at")),
            Value("lead_days", "days", ("fulfilments.delivered_at", "orders.ordered_at")),
            Value("promised", "count", _PROMISED),
        ),
        "交付",
        "Delivery",
        _BUYER,
    ),
    FactKind(
        "inspected",
        "fulfilments",
        ("fulfilments.accepted_at", "fulfilments.delivered_at"),
        (
            Value("delivered", "quantity_thousandths", ("fulfilments.quantity_delivered",)),
            Value("rejected", "quantity_thousandths", _REJECTED),
            Value("with_reject", "count", _REJECTED),
        ),
        "验收",
        "Inspection",
        _BUYER,
    ),
    FactKind(
        "returned",
        "fulfilments",
        ("fulfilments.returned_at",),
        (Value("amount", "cny_fen", ("fulfilments.return_amount",)),),
        "退货",
        "Return",
        _BUYER,
    ),
    FactKind(
        "reviewed",
        "reviews",
        ("reviews.reviewed_at",),
        (
            Value("stars", "stars_hundredths", ("reviews.rating",)),
            Value("low", "count", ("reviews.rating",)),
            Value("full", "count", ("reviews.rating",)),
            Value("text_length", "characters", ("reviews.text",)),
            Value("with_text", "count", ("reviews.text",)),
            Value("text_score", "text_score", ("reviews.text", "reviews.rating")),
        ),
        "评价",
        "Review",
        "reviews.buyer_id",
    ),
    FactKind("purchased", "purchases", ("purchases.purchased_at",), (_PURCHASE,), "采购", "Purchase", "purchases.vendor_id"),
    FactKind(
        "purchase_cancelled",
        "purchases",
        ("purchases.cancelled_at",),
        (_PURCHASE,),
        "采购取消",
        "Purchase cancelled",
        "purchases.vendor_id",
    ),
    FactKind(
        "invoiced",
        "invoices",
        ("invoices.issued_at",),
        (
            _INVOICE,
            Value("term_days", "days", ("invoices.due_at", "invoices.issued_at")),
            Value("long_term", "count", ("invoices.due_at", "invoices.issued_at")),
        ),
        "开票",
        "Invoice issued",
        _DEBTOR,
    ),
    FactKind("invoice_due", "invoices", ("invoices.due_at",), (_INVOICE,), "账款到期未付", "Receivable past due", _DEBTOR),
    FactKind("invoice_closed", "invoices", _LATE, (_PAID,), "逾期账款收回", "Overdue receivable paid", _DEBTOR),
    FactKind("invoice_aged", "invoices", ("invoices.issued_at",), (_INVOICE,), "开票满 60 天", "Sixty days after the invoice", _DEBTOR),
    FactKind(
        "invoice_aged_closed",
        "invoices",
        ("invoices.paid_at", "invoices.issued_at"),
        (_PAID,),
        "满 60 天账款收回",
        "Receivable older than sixty days paid",
        _DEBTOR,
    ),
    FactKind(
        "invoice_paid",
        "invoices",
        ("invoices.paid_at",),
        (
            _PAID,
            Value("late_days", "days", _LATE),
            Value("late", "count", _LATE),
            Value("late_amount_days", "cny_fen_days", (*_LATE, "invoices.paid_amount", "invoices.amount")),
            Value("after_sixty", "count", ("invoices.paid_at", "invoices.issued_at")),
            Value("face", "cny_fen", ("invoices.amount",)),
            Value("short", "cny_fen", ("invoices.amount", "invoices.paid_amount")),
        ),
        "回款",
        "Payment received",
        _DEBTOR,
    ),
    FactKind(
        "invoice_paid_late",
        "invoices",
        _LATE,
        (_PAID,),
        "迟付回款",
        "Payment received late",
        _DEBTOR,
    ),
    FactKind(
        "stock_observed",
        "inventory",
        ("inventory.observed_at",),
        (
            Value("value", "cny_fen", ("inventory.value",)),
            Value("cover", "cover_hundredths", ("inventory.days_of_cover",)),
            Value("with_cover", "count", ("inventory.days_of_cover",)),
        ),
        "库存观察",
        "Stock observed",
    ),
    FactKind(
        "production_observed",
        "production",
        ("production.observed_at",),
        (
            Value("utilisation", "utilisation_ten_thousandths", ("production.utilisation",)),
            Value("reduced", "count", ("production.state",)),
            Value("stopped", "count", ("production.state",)),
        ),
        "生产观察",
        "Production observed",
    ),
    FactKind(
        "certificate_issued",
        "certificates",
        ("certificates.issued_on",),
        (Value("quality", "count", ("certificates.certificate",)),),
        "资质签发",
        "Certificate issued",
    ),
    FactKind("certificate_verified", "certificates", ("certificates.verified_at",), (), "资质核验", "Certificate verified"),
    FactKind(
        "certificate_expiring",
        "certificates",
        ("certificates.expires_on", "certificates.issued_on"),
        (),
        "资质将到期",
        "Certificate about to expire",
    ),
    FactKind(
        "certificate_expired",
        "certificates",
        ("certificates.expires_on",),
        (Value("quality", "count", ("certificates.certificate",)),),
        "资质到期",
        "Certificate expired",
    ),
    FactKind(
        "cooperation_started",
        "cooperations",
        ("cooperations.started_on",),
        _COOPERATION,
        "合作开始",
        "Cooperation started",
        "cooperations.partner_id",
    ),
    FactKind(
        "cooperation_ended",
        "cooperations",
        ("cooperations.ended_on",),
        _COOPERATION,
        "合作结束",
        "Cooperation ended",
        "cooperations.partner_id",
    ),
)

COLUMNS: Final = 1 + max(len(kind.values) for kind in KINDS)
"""int64 columns of a fact: the sign and the values."""

KIND_INDEX: Final = {kind.name: index for index, kind in enumerate(KINDS)}

PLANNED_KINDS: Final = (
    "order_due",
    "order_closed",
    "invoice_due",
    "invoice_closed",
    "invoice_aged",
    "invoice_aged_closed",
    "certificate_expiring",
    "certificate_expired",
    "cooperation_ended",
)
"""Kinds that stand on a promised, due or expiry day, which is known ahead and may lie after the last day of the data."""

TELLING_KINDS: Final = ("supplier_joined", "order_placed", "reviewed")
"""Kinds that make a supplier known to the platform: from its first one on it has feature rows. A certificate or a registration alone is
no sign of it, and what it buys or invoices elsewhere is told by others."""

TRADE_TABLES: Final = ("orders", "fulfilments", "reviews", "purchases", "invoices")
"""Tables whose first fact begins a platform's history."""

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
    return [value.name for value in KINDS[KIND_INDEX[kind]].values].index(column) + 1
