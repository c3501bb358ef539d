"""What a platform hands over: the thirteen tables of the data contract, as data.

The first step of the walk reads files against these declarations (`features.read`), and the quality report and the
adapters read the same ones. The user's guide is ``docs/data-contract.md``.

Every table also has `recorded_at`, the time the platform learned of the row. A fact is known at the later of its event
time and `recorded_at`; a correction is a new row with the same key and a later `recorded_at`.

Every column has its authorisation tier here and nowhere else. The tiers are the project's proposal (docs/decisions/0011): a platform
and a bank that agreed on others change them here, and the catalogue, its page and the extracts follow. The ids that tell the rows of a
table apart and `recorded_at` have the lowest tier of their table: without them no other column of it can be read.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from features.columns import Column, Kind, Table, Tier

_OPEN: Final = Tier.OPEN
_PLATFORM: Final = Tier.PLATFORM
_CONSENT: Final = Tier.CONSENT
_RESTRICTED: Final = Tier.RESTRICTED


def _id(name: str, tier: Tier, *, required: bool = True) -> Column:
    return Column(name, Kind.ID, tier, required=required)


def _at(name: str, tier: Tier, *, required: bool = False, planned: bool = False) -> Column:
    return Column(name, Kind.TIME, tier, required=required, planned=planned)


def _on(name: str, tier: Tier, *, required: bool = False, planned: bool = False) -> Column:
    return Column(name, Kind.DATE, tier, required=required, planned=planned)


def _money(name: str, tier: Tier, *, required: bool = False, rule: str | None = "number_is_not_negative") -> Column:
    return Column(name, Kind.MONEY, tier, required=required, rule=rule)


def _number(name: str, tier: Tier, *, required: bool = False, rule: str = "number_is_not_negative") -> Column:
    return Column(name, Kind.NUMBER, tier, required=required, rule=rule)


def _word(name: str, tier: Tier, *words: str, required: bool = False) -> Column:
    return Column(name, Kind.WORD, tier, required=required, words=words)


def _text(name: str, tier: Tier) -> Column:
    return Column(name, Kind.TEXT, tier)


_TABLES = (
    Table(
        "suppliers",
        True,
        (
            _id("supplier_id", _OPEN),
            _text("name", _RESTRICTED),
            Column("uscc", Kind.USCC, _RESTRICTED),
            _word("kind", _OPEN, "enterprise", "sole_trader"),
            _on("registered_on", _OPEN),
            _at("joined_at", _PLATFORM),
            _text("province", _OPEN),
            _text("industry", _OPEN),
            _text("main_category", _PLATFORM),
            _at("recorded_at", _OPEN),
        ),
        ("supplier_id",),
        "一家供应商，最后所知的状态",
        "a supplier, as last known",
        "加入平台时；资料变更以记录时间为准",
        "when it joined; a change from its recorded_at on",
        "只有不会变化、或按记录时间分版本的资料才进入特征",
        "only what cannot change, or has versions, becomes a feature",
    ),
    Table(
        "orders",
        True,
        (
            _id("order_id", _PLATFORM),
            _id("supplier_id", _PLATFORM),
            _id("buyer_id", _CONSENT),
            _at("ordered_at", _PLATFORM, required=True),
            _money("amount", _PLATFORM, required=True, rule="amount_is_positive"),
            Column("currency", Kind.CURRENCY, _PLATFORM),
            _text("category", _PLATFORM),
            _number("quantity", _PLATFORM),
            _at("promised_at", _PLATFORM, planned=True),
            _at("cancelled_at", _PLATFORM),
            _at("recorded_at", _PLATFORM),
        ),
        ("order_id", "supplier_id"),
        "一张订单中一家供应商卖给一个买家的部分",
        "what one supplier sells one buyer in one order",
        "下单时；取消在取消时",
        "when ordered; the cancellation when cancelled",
        "最终状态列没有变更时间，会泄露未来：不读状态，只读时间",
        "a final status has no time and leaks the future: times are read, never a status",
        (
            ("ordered_at", "promised_at", "promised_not_before_ordered"),
            ("ordered_at", "cancelled_at", "cancelled_not_before_ordered"),
        ),
    ),
    Table(
        "fulfilments",
        True,
        (
            _id("fulfilment_id", _PLATFORM),
            _id("order_id", _PLATFORM),
            _id("supplier_id", _PLATFORM),
            _at("shipped_at", _PLATFORM),
            _at("delivered_at", _PLATFORM),
            _at("accepted_at", _PLATFORM),
            _number("quantity_delivered", _PLATFORM),
            _number("quantity_rejected", _PLATFORM),
            _at("returned_at", _PLATFORM),
            _money("return_amount", _PLATFORM),
            _at("recorded_at", _PLATFORM),
        ),
        ("fulfilment_id", "order_id", "supplier_id"),
        "一张订单的一次交付（可分多次）",
        "one delivery of an order, which may have several",
        "每一列在自己的时间知晓",
        "each cell at its own time",
        "数量没有自己的时间：交付量随交付、拒收量随验收、退货金额随退货知晓",
        "quantities have no time of their own: known with the delivery, rejects with the acceptance, amounts with the return",
        (("shipped_at", "delivered_at", "delivered_not_before_shipped"),),
    ),
    Table(
        "reviews",
        True,
        (
            _id("review_id", _PLATFORM),
            _id("supplier_id", _PLATFORM),
            _id("order_id", _PLATFORM, required=False),
            _id("buyer_id", _CONSENT, required=False),
            _at("reviewed_at", _PLATFORM, required=True),
            _number("rating", _PLATFORM, required=True, rule="rating_from_1_to_5"),
            _text("text", _RESTRICTED),
            _at("recorded_at", _PLATFORM),
        ),
        ("review_id", "order_id", "supplier_id"),
        "对一张订单或供应商的一条评价",
        "one review of an order or of the supplier",
        "评价时",
        "when reviewed",
        "评价可以买到，也常常缺失：缺失不等于好评",
        "reviews can be bought and are often missing: none is not good",
    ),
    Table(
        "purchases",
        False,
        (
            _id("purchase_id", _CONSENT),
            _id("supplier_id", _CONSENT),
            _id("vendor_id", _CONSENT),
            _at("purchased_at", _CONSENT, required=True),
            _money("amount", _CONSENT, required=True, rule="amount_is_positive"),
            _at("cancelled_at", _CONSENT),
            _at("recorded_at", _CONSENT),
        ),
        ("purchase_id",),
        "供应商向上游的一次采购",
        "what the supplier itself buys upstream",
        "采购时；取消在取消时",
        "when purchased; the cancellation when cancelled",
        "平台外的采购看不到",
        "purchases outside the platform are not seen",
        (("purchased_at", "cancelled_at", "cancelled_not_before_purchased"),),
    ),
    Table(
        "invoices",
        False,
        (
            _id("invoice_id", _CONSENT),
            _id("supplier_id", _CONSENT),
            _id("buyer_id", _CONSENT),
            _id("order_id", _CONSENT, required=False),
            _at("issued_at", _CONSENT, required=True),
            _at("due_at", _CONSENT, required=True, planned=True),
            _money("amount", _CONSENT, required=True, rule="amount_is_positive"),
            _at("paid_at", _CONSENT),
            _money("paid_amount", _CONSENT),
            _at("recorded_at", _CONSENT),
        ),
        ("invoice_id",),
        "供应商对买家的一笔应收",
        "a receivable of the supplier on a buyer",
        "开票时；付款在付款时",
        "when issued; the payment when paid",
        "线下付款可能没有记录：逾期未必真实",
        "a payment off the platform may be missing: not every overdue one is real",
    ),
    Table(
        "loans",
        False,
        (
            _id("loan_id", _RESTRICTED),
            _id("supplier_id", _RESTRICTED),
            _id("lender_id", _RESTRICTED, required=False),
            _word("product", _RESTRICTED, "receivable", "order", "inventory", "unsecured"),
            _at("drawn_at", _RESTRICTED, required=True),
            _at("due_at", _RESTRICTED, required=True, planned=True),
            _money("principal", _RESTRICTED, required=True, rule="amount_is_positive"),
            _number("annual_rate", _RESTRICTED),
            _at("recorded_at", _RESTRICTED),
        ),
        ("loan_id",),
        "供应商提取的一笔融资",
        "a financing drawn by the supplier",
        "提款时",
        "when drawn",
        "只用于结果标签，特征看不到",
        "serves the outcome only; features cannot see it",
        (("drawn_at", "due_at", "due_not_before_drawn"),),
    ),
    Table(
        "repayments",
        False,
        (
            _id("loan_id", _RESTRICTED),
            _at("due_at", _RESTRICTED, required=True, planned=True),
            _money("amount_due", _RESTRICTED, required=True),
            _at("paid_at", _RESTRICTED),
            _money("amount_paid", _RESTRICTED),
            _at("recorded_at", _RESTRICTED),
        ),
        ("loan_id", "due_at"),
        "一笔贷款的一期还款",
        "an instalment of a loan",
        "到期日随合同知晓；付款在付款时",
        "the due date with the loan; the payment when paid",
        "分次付款要作为更正（新版本）提供",
        "part payments come as corrections with a later recorded_at",
    ),
    Table(
        "inventory",
        False,
        (
            _id("supplier_id", _CONSENT),
            _at("observed_at", _CONSENT, required=True),
            _text("category", _CONSENT),
            _money("value", _CONSENT, required=True),
            _number("days_of_cover", _CONSENT),
            _at("recorded_at", _CONSENT),
        ),
        ("supplier_id", "observed_at", "category"),
        "某一时刻观察到的库存",
        "stock observed at a time",
        "观察时",
        "when observed",
        "估值由供应商自报",
        "the value is the supplier's own",
    ),
    Table(
        "production",
        False,
        (
            _id("supplier_id", _CONSENT),
            _at("observed_at", _CONSENT, required=True),
            _number("utilisation", _CONSENT, required=True, rule="utilisation_from_0_to_1"),
            _word("state", _CONSENT, "running", "reduced", "stopped"),
            _at("recorded_at", _CONSENT),
        ),
        ("supplier_id", "observed_at"),
        "某一时刻观察到的生产状态",
        "production state observed at a time",
        "观察时",
        "when observed",
        "自报的开工率偏高",
        "self-reported utilisation tends to be high",
    ),
    Table(
        "certificates",
        False,
        (
            _id("supplier_id", _PLATFORM),
            _word(
                "certificate",
                _PLATFORM,
                "business_licence",
                "tax_registration",
                "iso_9001",
                "inspection_report",
                "process_document",
                "customer_case",
                "site_audit",
                required=True,
            ),
            _on("issued_on", _PLATFORM, required=True),
            _on("expires_on", _PLATFORM, planned=True),
            _at("verified_at", _PLATFORM),
            _at("recorded_at", _PLATFORM),
        ),
        ("supplier_id", "certificate", "issued_on"),
        "一份资质文件",
        "a qualification document",
        "签发日；核验在核验时",
        "when issued; the verification when verified",
        "未核验的文件只是声明",
        "an unverified document is a claim",
    ),
    Table(
        "cooperations",
        False,
        (
            _id("supplier_id", _CONSENT),
            _id("partner_id", _CONSENT),
            _word(
                "content",
                _CONSENT,
                "goods",
                "resource",
                "service",
                "capability",
                "technology",
                "finance",
                "ip",
                required=True,
            ),
            _word("level", _CONSENT, "operational", "tactical", "strategic"),
            _on("started_on", _CONSENT, required=True),
            _on("ended_on", _CONSENT, planned=True),
            _at("recorded_at", _CONSENT),
        ),
        ("supplier_id", "partner_id", "content", "started_on"),
        "与一家伙伴的一项合作",
        "a cooperation with a partner",
        "开始日；终止在终止日",
        "when started; the end when it ended",
        "合作层级是判断，不是测量",
        "the level is a judgement, not a measurement",
    ),
    Table(
        "labels",
        False,
        (
            _id("supplier_id", _RESTRICTED),
            _on("as_of", _RESTRICTED, required=True),
            _word("outcome", _RESTRICTED, "good", "bad", "indeterminate", required=True),
            _at("recorded_at", _RESTRICTED),
        ),
        ("supplier_id", "as_of"),
        "外部给出的结果（没有贷款时）",
        "an outcome given from outside, where there are no loans",
        "表现期结束后，以记录时间为准",
        "after the performance window, at recorded_at",
        "没有记录时间的标签不知道何时成熟",
        "without recorded_at nobody knows when the label was mature",
    ),
)

CONTRACT: Mapping[str, Table] = MappingProxyType({table.name: table for table in _TABLES})
"""The thirteen tables by name, in the contract's order."""

REQUIRED_TABLES: tuple[str, ...] = tuple(table.name for table in _TABLES if table.required)
"""The tables without which nothing can be read: suppliers, orders, fulfilments, reviews."""
