"""The facts that must hold in raw tables, each a rule with a name, a dimension of quality, its text and its remedy.

A row that breaks a rule is set aside under that name. The names of the data contract stand as they are; the others say
what a cell must be before those can be asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Dimension(StrEnum):
    """The five names of data quality, each defined in `features.quality`."""

    ACCURACY = "accuracy"
    COMPLETENESS = "completeness"
    CONSISTENCY = "consistency"
    TIMELINESS = "timeliness"
    VALIDITY = "validity"


@dataclass(frozen=True, slots=True)
class Rule:
    """A fact that must hold, the dimension it is counted under, its text, and what to do where it does not hold."""

    name: str
    dimension: Dimension
    zh: str
    en: str
    remedy_zh: str
    remedy_en: str


_V, _A, _C, _F = Dimension.VALIDITY, Dimension.ACCURACY, Dimension.CONSISTENCY, Dimension.COMPLETENESS


def _order(name: str, zh: str, en: str) -> Rule:
    """A rule of order in time; all of them have one remedy."""
    return Rule(
        name,
        _C,
        zh,
        en,
        "更正写错的那个时间；若缺时区，请写明时区",
        "correct whichever of the two times is wrong; if their zones differ, write the zone with each",
    )


_RULES = (
    Rule(
        "row_has_the_headers_cells",
        _V,
        "每行的列数与表头一致",
        "a row has as many cells as the header",
        "补足或删去多余的单元格；含逗号的单元格用双引号括起",
        "add or remove cells until the row has the header's; put cells that hold commas between double quotes",
    ),
    Rule(
        "quotes_are_closed",
        _V,
        "引号成对",
        "a quote that opens also closes",
        "补上缺少的引号；单元格内的引号写两遍",
        "close the quote; write a quote inside a quoted cell twice",
    ),
    Rule(
        "text_is_utf8",
        _V,
        "文字为 UTF-8 编码，不含空字符和替换字符",
        "text is UTF-8 without NUL or replacement characters",
        "从来源重新导出为 UTF-8；已变成“�”的字无法还原",
        "export it from its source again, as UTF-8; what became a replacement character cannot be restored",
    ),
    Rule(
        "row_is_within_16_megabytes",
        _V,
        "一行不超过 16 MB",
        "a row is not longer than 16 MB",
        "缩短文字；检查该行是否缺少换行",
        "shorten its text; look for line breaks that are missing",
    ),
    Rule("row_is_readable", _V, "该行可读", "the row can be read", "从来源重新导出该行", "export the row from its source again"),
    Rule(
        "required_cell_is_given",
        _F,
        "必填单元格不为空",
        "a required cell is not empty",
        "填写该单元格；确实未知的行请勿提供",
        "fill the cell; leave the row out where it is not known",
    ),
    Rule("id_is_not_blank", _V, "编号不是空白", "an id is not made of spaces", "填写编号", "give the id"),
    Rule(
        "id_is_within_64_characters",
        _V,
        "编号不超过 64 个字符",
        "an id has at most 64 characters",
        "在所有表中改用较短的编号",
        "use a shorter id, the same in every table",
    ),
    Rule(
        "id_has_no_control_characters",
        _V,
        "编号不含控制字符和不可见字符，首尾无空格",
        "an id has no control or invisible characters and no space at its ends",
        "删去制表符、换行、零宽字符和首尾空格，重新书写编号",
        "write the id again without tabs, line breaks, zero-width or private-use characters and outer spaces",
    ),
    Rule(
        "time_is_iso_8601",
        _V,
        "时间为 ISO-8601 格式",
        "a time is written as 2024-05-31T09:30:00, zone optional",
        "写成 2024-05-31T09:30:00，可加 +08:00",
        "write it as 2024-05-31T09:30:00, with +08:00 or Z where the zone matters",
    ),
    Rule(
        "date_is_iso_8601",
        _V,
        "日期为 ISO-8601 格式",
        "a date is written as 2024-05-31",
        "写成 2024-05-31",
        "write it as 2024-05-31",
    ),
    Rule(
        "time_is_from_1900_to_2199",
        _V,
        "时间在 1900 至 2199 年之间",
        "a time lies in the years 1900 to 2199",
        "更正年份；未知的时间留空，不用占位日期",
        "correct the year; leave an unknown time empty instead of a placeholder",
    ),
    Rule(
        "money_is_decimal",
        _V,
        "金额为十进制数",
        "money is a plain decimal number of at most 16 digits before the point",
        "只写半角数字和小数点，如 1200.50；不用千分位、货币符号和科学计数法",
        "write digits and a point alone, such as 1200.50: no thousands separators, signs of currency or exponents",
    ),
    Rule(
        "money_is_below_100_billion",
        _V,
        "金额低于一千亿",
        "money lies below 100 billion, so that sums stay exact",
        "核对金额及其单位（元，不是分）",
        "check the amount and its unit (yuan, not fen)",
    ),
    Rule(
        "money_has_two_decimals",
        _V,
        "金额最多两位小数",
        "money has at most two decimals",
        "在来源处按规则舍入到分",
        "round to two decimals where the amount is made",
    ),
    Rule(
        "number_is_below_a_trillion",
        _V,
        "数值低于一万亿",
        "a number lies below a trillion, so that sums stay exact",
        "核对数值及其单位",
        "check the number and its unit",
    ),
    Rule(
        "number_is_finite",
        _V,
        "数值有限",
        "a number is written in digits and is finite",
        "只写半角数字，如 12.5；未知的值留空",
        "write digits alone, such as 12.5; leave what is not known empty",
    ),
    Rule(
        "word_is_listed",
        _V,
        "取值在约定集合内",
        "a word is one of its column's closed set",
        "改用数据契约为该列列出的词，小写",
        "use a word that the data contract lists for the column, in lower case",
    ),
    Rule(
        "number_is_not_negative",
        _V,
        "数值不为负",
        "a quantity, price or rate is not negative",
        "更正符号；退货写入退货列",
        "correct the sign; returns have columns of their own",
    ),
    Rule(
        "utilisation_from_0_to_1",
        _V,
        "开工率在 0 到 1 之间",
        "utilisation lies from 0 to 1",
        "写成比例：75% 写 0.75",
        "write a share: 0.75 for 75 %",
    ),
    Rule(
        "rating_from_1_to_5",
        _V,
        "评分在 1 到 5 之间",
        "a rating lies from 1 to 5",
        "换算为 1 至 5 分；没有评分的评价请勿提供",
        "convert it to the scale of 1 to 5; leave out a review without a rating",
    ),
    Rule(
        "amount_is_positive",
        _V,
        "金额大于零",
        "an amount is above zero",
        "更正金额；退款写入退货列，取消写取消时间",
        "correct the amount; a refund belongs to the returns, a cancellation to its time",
    ),
    Rule(
        "currency_is_the_folders",
        _V,
        "币种与文件夹一致",
        "a row's currency is the folder's",
        "每种币种单独一个文件夹，或在导入时指明币种",
        "put each currency into a folder of its own, or name the folder's at the import",
    ),
    Rule(
        "uscc_check_digit_holds",
        _A,
        "统一社会信用代码校验位正确",
        "a unified social credit code's check digit holds",
        "对照营业执照核对 18 位代码，大写",
        "compare the 18 characters with the business licence, in capitals",
    ),
    Rule(
        "not_in_the_future",
        _A,
        "已发生的时间不晚于导入时刻",
        "what has happened does not lie after the import",
        "更正时间或其时区；尚未发生的事请勿提供",
        "correct the time or its zone; leave out what has not happened yet",
    ),
    _order("promised_not_before_ordered", "承诺时间不早于下单", "a promise does not lie before its order"),
    _order("cancelled_not_before_ordered", "取消不早于下单", "a cancellation does not lie before its order"),
    _order("cancelled_not_before_purchased", "取消不早于采购", "a cancellation does not lie before its purchase"),
    _order("shipped_not_before_ordered", "发货不早于下单", "a shipment does not lie before its order"),
    _order("delivered_not_before_shipped", "送达不早于发货", "a delivery does not lie before its shipment"),
    _order("reviewed_not_before_ordered", "评价不早于下单", "a review does not lie before its order"),
    _order("due_not_before_drawn", "到期不早于提款", "a loan is not due before it is drawn"),
    Rule(
        "supplier_is_known",
        _C,
        "供应商在供应商表中",
        "the supplier stands in suppliers",
        "把该供应商加入供应商表，或更正编号（区分大小写和前导零）",
        "add the supplier to suppliers, or correct the id (case and leading zeros count)",
    ),
    Rule(
        "order_is_known",
        _C,
        "订单在订单表中",
        "the order stands in orders for that supplier",
        "把该供应商的这张订单加入订单表，或更正编号；若订单行被隔离，先更正它",
        "add the order of that supplier to orders, or correct the ids; if the order's row was set aside, correct it first",
    ),
    Rule(
        "key_is_unique",
        _C,
        "同一记录时间下主键唯一",
        "no two rows share a key and a recorded_at",
        "删去重复行；更正须有较晚的 recorded_at",
        "remove the repeated row; give a correction a later recorded_at",
    ),
    Rule(
        "text_is_of_an_open_quarter",
        _C,
        "评价文字知悉于账本最近已评分的季度或其后",
        "a review's text became known in the last quarter the ledger has scored, or later",
        "在 recorded_at 写明平台收到该评价的时间；若确在更早的季度已收到，请重建账本",
        "give in recorded_at when the platform came to know the review; if that lies in an older quarter, build the ledger again",
    ),
)

RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in _RULES})
"""Every rule by name."""

ISO_8601_DATE = r"\d{4}-\d{2}-\d{2}"
"""Pattern of a date cell."""

ISO_8601_TIME = ISO_8601_DATE + r"([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?([Zz]|[+-](0\d|1[0-3])(:?[0-5]\d)?|[+-]14(:?00)?))?)?"
"""Pattern of a time cell: a date alone is its first instant, an offset lies within 14 hours."""

PLAIN_DECIMAL = r"[+-]?\d{1,16}(\.\d*)?|[+-]?\.\d+"
"""Pattern of a money cell."""

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""The 31 characters of GB 32100-2015, in the order of their values."""


def uscc_check_digit(body: str) -> str:
    """The 18th character of a unified social credit code, from the first 17 (GB 32100-2015).

    The sum of value times 3^(i-1) mod 31 over the 17 places, taken from 31, modulo 31.

    Raises
    ------
    ValueError
        If `body` is not 17 characters of the code's alphabet.

    Examples
    --------
    >>> uscc_check_digit("91350100M000100Y4")
    '3'
    """
    if len(body) != 17 or any(character not in USCC_ALPHABET for character in body):
        raise ValueError("a unified social credit code has 17 characters of 0-9 and A-Y without I, O, S and V")
    total = sum(USCC_ALPHABET.index(character) * pow(3, place, 31) for place, character in enumerate(body))
    return USCC_ALPHABET[-total % 31]
