"""Amounts and numbers that are not written in plain digits, or lie outside their domain."""

from tests.zoo.case import Case, cell

_DECIMAL, _PLACES, _LARGE = "money_is_decimal", "money_has_two_decimals", "money_is_below_100_billion"
_POSITIVE, _FINITE, _SIGN = "amount_is_positive", "number_is_finite", "number_is_not_negative"


def _amount(name: str, value: str, rule: str = _DECIMAL, *, command: bool = False) -> Case:
    return cell(name, "orders.amount", value, rule, command=command)


def _quantity(name: str, value: str, rule: str = _FINITE) -> Case:
    return cell(name, "orders.quantity", value, rule)


CASES: tuple[Case, ...] = (
    _amount("fullwidth digits in money", "１２００", command=True),
    _amount("Chinese numerals", "壹仟贰佰元整"),
    _amount("thousands separators", "1,200.50", command=True),
    _amount("thousands separated by apostrophes", "1'200.50"),
    _amount("thousands separated by narrow spaces", "1\u202f200.50"),
    _amount("thousands separated by underscores", "1_200"),
    _amount("a yuan sign", "¥1200.50"),
    _amount("a currency behind the amount", "1200.50元"),
    _amount("ten thousands as a word", "1.2万"),
    _amount("scientific notation", "1.2e3", command=True),
    _amount("NaN", "NaN"),
    _amount("infinity", "-inf"),
    _amount("a missing value by name", "NULL"),
    _amount("a spreadsheet's error", "#REF!"),
    _amount("a spreadsheet's formula", "=SUM(A1:A9)", command=True),
    _amount("hexadecimal", "0x4B0"),
    _amount("per cent", "12%"),
    _amount("a decimal comma between quotes", "12,50"),
    _amount("two points", "1.200.50"),
    _amount("a minus sign of typesetters", "−12"),
    _amount("accountants' brackets", "(1200.50)"),
    _amount("a sign behind the digits", "1200-"),
    _amount("a space in front", " 1200"),
    _amount("a point alone", "."),
    _amount("seventeen digits", "99999999999999999.00"),
    _amount("more than DECIMAL(18,2) holds", "1" + "0" * 40),
    _amount("three decimals", "12.345", _PLACES, command=True),
    _amount("a floating sum", "0.30000000000000004", _PLACES),
    _amount("a hundred billion", "100000000000.00", _LARGE),
    _amount("minus zero in money", "-0.00", _POSITIVE),
    _amount("zero", "0", _POSITIVE),
    _amount("a negative amount", "-120.50", _POSITIVE),
    _amount("no amount", "", "required_cell_is_given"),
    cell("a negative return", "fulfilments.return_amount", "-1.00", _SIGN),
    cell("a negative payment", "invoices.paid_amount", "-0.01", _SIGN),
    cell("a negative principal", "loans.principal", "-100", _POSITIVE),
    cell("a negative rate", "loans.annual_rate", "-0.08", _SIGN),
    cell("a rate in per cent", "loans.annual_rate", "8%", _FINITE),
    _quantity("a unit behind the quantity", "3双"),
    _quantity("NaN as a quantity", "nan"),
    _quantity("infinity as a quantity", "Infinity"),
    _quantity("an exponent beyond doubles", "1e999"),
    _quantity("fullwidth digits in a number", "３"),
    _quantity("a fraction", "1/2"),
    _quantity("yes for a number", "true"),
    _quantity("a negative quantity", "-3", _SIGN),
    _quantity("a trillion pieces", "1e12", "number_is_below_a_trillion"),
    cell("six stars", "reviews.rating", "6", "rating_from_1_to_5", command=True),
    cell("no star", "reviews.rating", "0", "rating_from_1_to_5"),
    cell("stars as stars", "reviews.rating", "★★★★", _FINITE),
    cell("no rating", "reviews.rating", "", "required_cell_is_given"),
    cell("utilisation in per cent", "production.utilisation", "75", "utilisation_from_0_to_1"),
    cell("utilisation below zero", "production.utilisation", "-0.1", "utilisation_from_0_to_1"),
)
