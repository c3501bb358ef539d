"""Ids that are none, too long, hold what nobody sees, or name nobody; words outside closed sets; codes that do not check."""

from tests.features.folders import changed
from tests.zoo.case import DAMAGED_ROW, Aside, Case, cell, rows_case

_UNSEEN, _BLANK, _LONG = "id_has_no_control_characters", "id_is_not_blank", "id_is_within_64_characters"
_SUPPLIER, _ORDER, _WORD, _USCC = "supplier_is_known", "order_is_known", "word_is_listed", "uscc_check_digit_holds"


def _id(name: str, value: str, rule: str = _UNSEEN, *, command: bool = False) -> Case:
    return cell(name, "orders.buyer_id", value, rule, command=command)


CASES: tuple[Case, ...] = (
    _id("no id", "", "required_cell_is_given"),
    _id("an id of spaces", "   ", _BLANK, command=True),
    _id("an id of an ideographic space", "\u3000", _BLANK),
    _id("sixty-five characters", "b" * 65, _LONG),
    _id("sixty-five Chinese characters", "鞋" * 65, _LONG),
    _id("a tab in an id", "b\t1"),
    _id("a line break in an id", "b\n1"),
    _id("a NUL in an id", "b\x7f1"),
    _id("a colour of the terminal in an id", "\x1b[31mb1"),
    _id("a next-line character in an id", "b\x851"),
    _id("a zero-width space in an id", "b1\u200b", command=True),
    _id("a byte order mark in an id", "\ufeffb1"),
    _id("a soft hyphen in an id", "b\u00ad1"),
    _id("letters turned round in an id", "\u202e1b"),
    _id("a line separator in an id", "b\u20281"),
    _id("a variation selector in an id", "b1\ufe0f"),
    _id("a space before an id", " b1"),
    _id("a space after an id", "b1 "),
    _id("a no-break space after an id", "b1\u00a0"),
    cell("a supplier but for leading zeros", "orders.supplier_id", "1", _SUPPLIER, command=True),
    cell("a supplier in fullwidth digits", "orders.supplier_id", "００１", _SUPPLIER),
    cell("an unknown supplier's stock", "inventory.supplier_id", "002", _SUPPLIER),
    cell("an unknown supplier's loan", "loans.supplier_id", "S-404", _SUPPLIER),
    cell("an unknown supplier's label", "labels.supplier_id", "S-404", _SUPPLIER),
    cell("an order in another case", "fulfilments.order_id", "O1", _ORDER, command=True),
    cell("an order that is not there", "reviews.order_id", "o404", _ORDER),
    cell("an invoice of no order", "invoices.order_id", "o404", _ORDER),
    rows_case(
        "another supplier's order",
        "fulfilments",
        [changed("fulfilments", fulfilment_id="damaged", supplier_id="002")],
        Aside(DAMAGED_ROW, "order_id", _ORDER, "o1"),
        Aside(DAMAGED_ROW, "supplier_id", _SUPPLIER, "002"),
    ),
    cell("a word outside the set", "suppliers.kind", "company", _WORD, command=True),
    cell("a listed word in capitals", "loans.product", "RECEIVABLE", _WORD),
    cell("a listed word in Chinese", "production.state", "停产", _WORD),
    cell("a listed word with a space", "labels.outcome", "bad ", _WORD),
    cell("an outcome as a number", "labels.outcome", "1", _WORD),
    cell("a certificate of another year", "certificates.certificate", "iso_9002", _WORD),
    cell("a level of cooperation by number", "cooperations.level", "3", _WORD),
    cell("an empty word that is required", "cooperations.content", "", "required_cell_is_given"),
    cell("another currency", "orders.currency", "USD", "currency_is_the_folders", command=True),
    cell("the currency by its sign", "orders.currency", "¥", "currency_is_the_folders"),
    cell("the currency's old code", "orders.currency", "RMB", "currency_is_the_folders"),
    cell("a code with a wrong check digit", "suppliers.uscc", "91350100M000100Y44", _USCC, command=True),
    cell("a code with two digits swapped", "suppliers.uscc", "91350010M000100Y43", _USCC),
    cell("a code in small letters", "suppliers.uscc", "91350100m000100y43", _USCC),
    cell("a code with the letter O", "suppliers.uscc", "91350100MOOO100Y43", _USCC),
    cell("a code of seventeen characters", "suppliers.uscc", "91350100M000100Y4", _USCC),
    cell("an old registration number", "suppliers.uscc", "350100100012345", _USCC),
)
