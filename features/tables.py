"""What a platform hands over: the thirteen tables of the data contract, as data.

The first step of the walk reads files against these declarations (`features.read`), and the quality report and the
adapters read the same ones. The user's guide is ``docs/data-contract.md``.

Every table also has `recorded_at`, the time the platform learned of the row. A fact is known at the later of its event
time and `recorded_at`; a correction is a new row with the same key and a later `recorded_at`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from features.columns import Column, Kind, Table

RECORDED_AT = Column("recorded_at", Kind.TIME)


def _id(name: str, *, required: bool = True) -> Column:
    return Column(name, Kind.ID, required=required)


def _at(name: str, *, required: bool = False, planned: bool = False) -> Column:
    return Column(name, Kind.TIME, required=required, planned=planned)


def _on(name: str, *, required: bool = False, planned: bool = False) -> Column:
    return Column(name, Kind.DATE, required=required, planned=planned)


def _money(name: str, *, required: bool = False, rule: str | None = "number_is_not_negative") -> Column:
    return Column(name, Kind.MONEY, required=required, rule=rule)


def _number(name: str, *, required: bool = False, rule: str = "number_is_not_negative") -> Column:
    return Column(name, Kind.NUMBER, required=required, rule=rule)


def _word(name: str, *words: str, required: bool = False) -> Column:
    return Column(name, Kind.WORD, required=required, words=words)


def _text(name: str) -> Column:
    return Column(name, Kind.TEXT)


_TABLES = (
    Table(
        "suppliers",
        True,
        (
            _id("supplier_id"),
            _text("name"),
            Column("uscc", Kind.USCC),
            _word("kind", "enterprise", "sole_trader"),
            _on("registered_on"),
            _at("joined_at"),
            _text("province"),
            _text("industry"),
            _text("main_category"),
            RECORDED_AT,
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
            _id("order_id"),
            _id("supplier_id"),
            _id("buyer_id"),
            _at("ordered_at", required=True),
            _money("amount", required=True, rule="amount_is_positive"),
            Column("currency", Kind.CURRENCY),
            _text("category"),
            _number("quantity"),
            _at("promised_at", planned=True),
            _at("cancelled_at"),
            RECORDED_AT,
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
            _id("fulfilment_id"),
            _id("order_id"),
            _id("supplier_id"),
            _at("shipped_at"),
            _at("delivered_at"),
            _at("accepted_at"),
            _number("quantity_delivered"),
            _number("quantity_rejected"),
            _at("returned_at"),
            _money("return_amount"),
            RECORDED_AT,
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
            _id("review_id"),
            _id("supplier_id"),
            _id("order_id", required=False),
            _id("buyer_id", required=False),
            _at("reviewed_at", required=True),
            _number("rating", required=True, rule="rating_from_1_to_5"),
            _text("text"),
            RECORDED_AT,
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
            _id("purchase_id"),
            _id("supplier_id"),
            _id("vendor_id"),
            _at("purchased_at", required=True),
            _money("amount", required=True, rule="amount_is_positive"),
            _at("cancelled_at"),
            RECORDED_AT,
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
            _id("invoice_id"),
            _id("supplier_id"),
            _id("buyer_id"),
            _id("order_id", required=False),
            _at("issued_at", required=True),
            _at("due_at", required=True, planned=True),
            _money("amount", required=True, rule="amount_is_positive"),
            _at("paid_at"),
            _money("paid_amount"),
            RECORDED_AT,
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
            _id("loan_id"),
            _id("supplier_id"),
            _id("lender_id", required=False),
            _word("product", "receivable", "order", "inventory", "unsecured"),
            _at("drawn_at", required=True),
            _at("due_at", required=True, planned=True),
            _money("principal", required=True, rule="amount_is_positive"),
            _number("annual_rate"),
            RECORDED_AT,
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
            _id("loan_id"),
            _at("due_at", required=True, planned=True),
            _money("amount_due", required=True),
            _at("paid_at"),
            _money("amount_paid"),
            RECORDED_AT,
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
            _id("supplier_id"),
            _at("observed_at", required=True),
            _text("category"),
            _money("value", required=True),
            _number("days_of_cover"),
            RECORDED_AT,
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
            _id("supplier_id"),
            _at("observed_at", required=True),
            _number("utilisation", required=True, rule="utilisation_from_0_to_1"),
            _word("state", "running", "reduced", "stopped"),
            RECORDED_AT,
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
            _id("supplier_id"),
            _word(
                "certificate",
                "business_licence",
                "tax_registration",
                "iso_9001",
                "inspection_report",
                "process_document",
                "customer_case",
                "site_audit",
                required=True,
            ),
            _on("issued_on", required=True),
            _on("expires_on", planned=True),
            _at("verified_at"),
            RECORDED_AT,
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
            _id("supplier_id"),
            _id("partner_id"),
            _word(
                "content",
                "goods",
                "resource",
                "service",
                "capability",
                "technology",
                "finance",
                "ip",
                required=True,
            ),
            _word("level", "operational", "tactical", "strategic"),
            _on("started_on", required=True),
            _on("ended_on", planned=True),
            RECORDED_AT,
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
            _id("supplier_id"),
            _on("as_of", required=True),
            _word("outcome", "good", "bad", "indeterminate", required=True),
            RECORDED_AT,
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
