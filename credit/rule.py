"""Which rules can a decision meet, what does each do, and how is it said in Chinese and English?"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from credit.derivation import Line, Term
from credit.money import shown_en, shown_zh


class Effect(StrEnum):
    """What a rule does: ends in a decline, sends to a person, leaves an item out, lowers a figure, sets a condition, or only tells."""

    DECLINE = "decline"
    REFER = "refer"
    INELIGIBLE = "ineligible"
    LOWER = "lower"
    CONDITION = "condition"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule's stable code, effect and texts; ``{0}``, ``{1}`` stand for what was found and what it was held against."""

    code: str
    effect: Effect
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class RuleFired:
    """A rule that was met: the texts with their figures, and the source of the number it was held against."""

    code: str
    effect: Effect
    zh: str
    en: str
    source: str


def fire(code: str, *figures: Line | Term | str, source: str = "") -> RuleFired:
    """Return the rule ``code`` as it was met, its texts filled with the figures in order.

    The source is that of the last line, the number held against, unless another is given.
    """
    rule = RULES[code]
    zh = [figure if isinstance(figure, str) else shown_zh(figure.value, figure.unit) for figure in figures]
    en = [figure if isinstance(figure, str) else shown_en(figure.value, figure.unit) for figure in figures]
    sources = [figure.source for figure in figures if isinstance(figure, Line)]
    return RuleFired(code, rule.effect, rule.zh.format(*zh), rule.en.format(*en), source or (sources[-1] if sources else _BY_PRODUCT))


def fire_set_by(code: str, setter: Line) -> RuleFired:
    """Return a rule whose text names the line that set a figure, in each language."""
    rule = RULES[code]
    return RuleFired(code, rule.effect, rule.zh.format(setter.zh), rule.en.format(setter.en), setter.source)


_BY_PRODUCT = "terms of the product"

_TABLE = (
    (
        "PD_ABOVE_CUTOFF",
        Effect.DECLINE,
        "违约概率区间整体高于准入线：{0} 对 {1}",
        "The PD's whole interval lies above the cut-off: {0} against {1}",
    ),
    (
        "PD_STRADDLES_CUTOFF",
        Effect.REFER,
        "违约概率区间 {0} 至 {1} 跨越准入线 {2}",
        "The PD's interval {0} to {1} straddles the cut-off {2}",
    ),
    ("INTERVAL_MISSING", Effect.REFER, "该模型未给出违约概率区间", "The model gives no interval for the PD"),
    ("DATA_THIN", Effect.REFER, "历史记录过少（充足度 C）", "Too little is on record of the supplier (sufficiency C)"),
    ("TURNOVER_MISSING", Effect.DECLINE, "过去一年没有已交付的营业额", "No delivered turnover in the last year"),
    ("TURNOVER_FALLING", Effect.REFER, "近90天营业额占全年 {0}，低于 {1}", "The last 90 days have {0} of the year's turnover, below {1}"),
    ("BUYER_CONCENTRATED", Effect.REFER, "最大买方占营业额 {0}，高于 {1}", "The largest buyer has {0} of the turnover, above {1}"),
    ("NOTHING_ELIGIBLE", Effect.DECLINE, "没有可接受的押品", "Nothing that was named is eligible"),
    ("LIMIT_TOO_SMALL", Effect.DECLINE, "可得额度 {0} 低于最低额度 {1}", "What could be lent, {0}, is below the lowest limit {1}"),
    ("LIMIT_BELOW_REQUEST", Effect.LOWER, "额度由“{0}”决定，低于申请金额", "The limit is set by: {0}; it is below the amount asked for"),
    (
        "ABOVE_AUTOMATIC_LIMIT",
        Effect.REFER,
        "额度 {0} 高于自动通过上限 {1}",
        "The limit {0} is above what is recommended without a person, {1}",
    ),
    (
        "PRICE_ABOVE_CEILING",
        Effect.DECLINE,
        "覆盖风险所需利率 {0} 高于上限 {1}",
        "The rate that covers the risk, {0}, is above the ceiling {1}",
    ),
    ("TENOR_SHORTENED", Effect.LOWER, "期限由“{0}”决定，短于申请期限", "The tenor is set by: {0}; it is shorter than asked for"),
    (
        "TENOR_BEFORE_COLLECTION",
        Effect.NOTE,
        "融资在押品回款前到期：{0} 对 {1}",
        "The financing ends before the last money is due: {0} against {1}",
    ),
    (
        "REGISTER_PLEDGE",
        Effect.CONDITION,
        "放款前须在动产融资统一登记公示系统登记",
        "Register the pledge or transfer in the national registry before paying out",
    ),
    (
        "BUYER_LATE_BY_LAW",
        Effect.NOTE,
        "买方 {0} 交付后超过法定 {1} 未付款：属买方风险，仅降低该买方占比上限，不影响供应商",
        "Buyer {0} has not paid within the statutory {1} of delivery: the buyer's risk; only its cap is lower",
    ),
    ("SHARE_CAPPED", Effect.LOWER, "{0} 的占比超过上限 {1}，超出部分不计", "{0} is above its share of {1}; the rest does not count"),
    (
        "VOUCHER_LONG",
        Effect.REFER,
        "电子凭证 {0} 期限超过原则上的 {1}",
        "Electronic voucher {0} runs longer than the {1} that hold in principle",
    ),
    (
        "OVERTRADING",
        Effect.REFER,
        "上季营业额为订单金额的 {0}，低于 {1}，须核实履约能力",
        "The last quarter's turnover is {0} of the orders, below {1}: ask whether they can be filled",
    ),
    (
        "TOP_UP",
        Effect.CONDITION,
        "贷款价值比达到 {0} 时补仓，{1} 内完成",
        "A top-up is called at a loan-to-value of {0}, to be met within {1}",
    ),
    ("ALREADY_FINANCED", Effect.INELIGIBLE, "已用于其他融资", "Already used for another financing"),
    (
        "SIMILAR_FINANCED",
        Effect.REFER,
        "{0} 与另一笔融资的单据编号相同，金额或日期不同，须人工核实",
        "{0} has the number of a document used for another financing, with another amount or date: a person should look",
    ),
    ("NOT_YET_ISSUED", Effect.INELIGIBLE, "日期晚于评估日", "Dated after the as-of date"),
    ("NOT_DELIVERED", Effect.INELIGIBLE, "货物尚未交付", "The goods are not delivered"),
    ("PAID", Effect.INELIGIBLE, "已付清", "Paid in full"),
    ("DISPUTED", Effect.INELIGIBLE, "买方有争议", "Disputed by the buyer"),
    ("RELATED_PARTY", Effect.INELIGIBLE, "买方为关联方", "The buyer is a related party"),
    ("TOO_OLD", Effect.INELIGIBLE, "账龄 {0}，超过 {1}", "{0} old, above {1}"),
    (
        "PAST_DUE",
        Effect.INELIGIBLE,
        "逾期 {0}，超过 {1}：属买方付款问题",
        "{0} past due, above {1}: the buyer's payment, not the supplier's",
    ),
    ("DUE_TOO_LATE", Effect.INELIGIBLE, "回款尚需 {0}，超过 {1}", "Its money is due in {0}, above {1}"),
    ("VOUCHER_TOO_LONG", Effect.INELIGIBLE, "电子凭证期限超过最长 {0}", "The electronic voucher runs longer than {0}, the longest allowed"),
    ("NOT_CONFIRMED", Effect.INELIGIBLE, "买方未确认", "Not confirmed by the buyer"),
    ("CANCELLED", Effect.INELIGIBLE, "已取消", "Cancelled"),
    ("ALREADY_DELIVERED", Effect.INELIGIBLE, "已交付，应按应收账款申请", "Delivered: apply against its invoice"),
    ("DELIVERY_OVERDUE", Effect.INELIGIBLE, "已超过承诺交货日", "The promised delivery has passed"),
    ("DELIVERY_TOO_LATE", Effect.INELIGIBLE, "交货尚需 {0}，超过 {1}", "Its delivery is promised in {0}, above {1}"),
    ("NOT_IN_CUSTODY", Effect.INELIGIBLE, "未由独立仓库监管", "Not in the custody of an independent warehouse"),
    ("NOT_INSURED", Effect.INELIGIBLE, "未投保", "Not insured"),
    ("PRICE_STALE", Effect.INELIGIBLE, "价格已有 {0}，超过 {1}", "Its price is {0} old, above {1}"),
    (
        "SPOILS_TOO_SOON",
        Effect.INELIGIBLE,
        "融资到期后仅剩保质期 {0}，少于 {1}",
        "It keeps {0} beyond the end of the financing, less than {1}",
    ),
)

RULES = MappingProxyType({code: Rule(code, effect, zh, en) for code, effect, zh, en in _TABLE})
"""Every rule, by code."""
