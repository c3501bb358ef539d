"""The facts that must hold in raw tables, each a rule with a name, a dimension of quality and its text.

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
    """A fact that must hold, the dimension it is counted under, and its text in both languages."""

    name: str
    dimension: Dimension
    zh: str
    en: str


_V, _A, _C, _F = Dimension.VALIDITY, Dimension.ACCURACY, Dimension.CONSISTENCY, Dimension.COMPLETENESS

_RULES = (
    Rule("row_has_the_headers_cells", _V, "每行的列数与表头一致", "a row has as many cells as the header"),
    Rule("quotes_are_closed", _V, "引号成对", "a quote that opens also closes"),
    Rule("text_is_utf8", _V, "文字为 UTF-8 编码", "text is UTF-8"),
    Rule("row_is_within_16_megabytes", _V, "一行不超过 16 MB", "a row is not longer than 16 MB"),
    Rule("row_is_readable", _V, "该行可读", "the row can be read"),
    Rule("required_cell_is_given", _F, "必填单元格不为空", "a required cell is not empty"),
    Rule("id_is_not_blank", _V, "编号不是空白", "an id is not made of spaces"),
    Rule("id_is_within_64_characters", _V, "编号不超过 64 个字符", "an id has at most 64 characters"),
    Rule("id_has_no_control_characters", _V, "编号不含控制字符", "an id has no control characters"),
    Rule("time_is_iso_8601", _V, "时间为 ISO-8601 格式", "a time is written as 2024-05-31T09:30:00, zone optional"),
    Rule("date_is_iso_8601", _V, "日期为 ISO-8601 格式", "a date is written as 2024-05-31"),
    Rule("time_is_from_1900_to_2199", _V, "时间在 1900 至 2199 年之间", "a time lies in the years 1900 to 2199"),
    Rule(
        "money_is_decimal",
        _V,
        "金额为十进制数",
        "money is a plain decimal number of at most 16 digits before the point",
    ),
    Rule("money_is_below_100_billion", _V, "金额低于一千亿", "money lies below 100 billion, so that sums stay exact"),
    Rule("money_has_two_decimals", _V, "金额最多两位小数", "money has at most two decimals"),
    Rule("number_is_below_a_trillion", _V, "数值低于一万亿", "a number lies below a trillion, so that sums stay exact"),
    Rule("number_is_finite", _V, "数值有限", "a number is written in digits and is finite"),
    Rule("word_is_listed", _V, "取值在约定集合内", "a word is one of its column's closed set"),
    Rule("number_is_not_negative", _V, "数值不为负", "a quantity, price or rate is not negative"),
    Rule("utilisation_from_0_to_1", _V, "开工率在 0 到 1 之间", "utilisation lies from 0 to 1"),
    Rule("rating_from_1_to_5", _V, "评分在 1 到 5 之间", "a rating lies from 1 to 5"),
    Rule("amount_is_positive", _V, "金额大于零", "an amount is above zero"),
    Rule("currency_is_the_folders", _V, "币种与文件夹一致", "a row's currency is the folder's"),
    Rule("uscc_check_digit_holds", _A, "统一社会信用代码校验位正确", "a unified social credit code's check digit holds"),
    Rule("not_in_the_future", _A, "已发生的时间不晚于导入时刻", "what has happened does not lie after the import"),
    Rule("promised_not_before_ordered", _C, "承诺时间不早于下单", "a promise does not lie before its order"),
    Rule("cancelled_not_before_ordered", _C, "取消不早于下单", "a cancellation does not lie before its order"),
    Rule("cancelled_not_before_purchased", _C, "取消不早于采购", "a cancellation does not lie before its purchase"),
    Rule("shipped_not_before_ordered", _C, "发货不早于下单", "a shipment does not lie before its order"),
    Rule("delivered_not_before_shipped", _C, "送达不早于发货", "a delivery does not lie before its shipment"),
    Rule("reviewed_not_before_ordered", _C, "评价不早于下单", "a review does not lie before its order"),
    Rule("due_not_before_drawn", _C, "到期不早于提款", "a loan is not due before it is drawn"),
    Rule("supplier_is_known", _C, "供应商在供应商表中", "the supplier stands in suppliers"),
    Rule("order_is_known", _C, "订单在订单表中", "the order stands in orders for that supplier"),
    Rule("key_is_unique", _C, "同一记录时间下主键唯一", "no two rows share a key and a recorded_at"),
)

RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in _RULES})
"""Every rule by name."""

ISO_8601_DATE = r"\d{4}-\d{2}-\d{2}"
"""Pattern of a date cell."""

ISO_8601_TIME = ISO_8601_DATE + r"([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?([Zz]|[+-]\d{2}(:?\d{2})?))?)?"
"""Pattern of a time cell: a date alone is its first instant."""

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
