"""Header lines that name no columns, too many, one twice, or one that only looks like the contract's."""

from tests.zoo.case import Case, orders_text, put, refused

_TEXT = orders_text()
_HEADER, _REST = _TEXT.split("\n", 1)


def _renamed(name: str, column: str, spelled: str, *, command: bool = False) -> Case:
    shown = spelled.strip().encode("unicode_escape").decode() if not spelled.isprintable() else spelled
    said = (f"the column '{shown}' is not {column}", f"name it {column}")
    return refused(name, put("orders.csv", _TEXT.replace(column, spelled, 1)), *said, command=command)


CASES: tuple[Case, ...] = (
    refused(
        "no header", put("orders.csv", _REST), "required columns are missing (order_id", "the first line must be a header", command=True
    ),
    refused(
        "a title above the header",
        put("orders.csv", "订单表\n" + _TEXT),
        "required columns are missing",
        "found 订单表",
        "must be a header",
    ),
    refused("a blank line above the header", put("orders.csv", "\n" + _TEXT), "the first line is blank", "the header line must come first"),
    refused("an empty file", put("orders.csv", ""), "orders.csv: the file is empty", "give it a header line", command=True),
    refused("blank lines alone", put("orders.csv", "\r\n\r\n  \r\n"), "the file is empty", "give it a header line"),
    refused("a column twice", put("orders.csv", _TEXT.replace("category", "amount", 1)), "column names repeat (amount", "keep one of each"),
    refused(
        "a column twice in another case",
        put("orders.csv", _TEXT.replace("category", "AMOUNT", 1)),
        "column names repeat (amount",
        "case does not count",
        command=True,
    ),
    refused(
        "a column twice but for spaces",
        put("orders.csv", _TEXT.replace("category", " amount ", 1)),
        "column names repeat (amount",
        "keep one of each",
    ),
    refused(
        "a required column gone",
        put("orders.csv", _TEXT.replace("amount", "total", 1)),
        "required columns are missing (amount)",
        "found order_id",
    ),
    refused(
        "Chinese column names",
        put("orders.csv", _TEXT.replace(_HEADER, "订单号,供应商,买家,下单时间,金额,币种,品类,数量,承诺,取消")),
        "required columns are missing",
        "found 订单号",
        "the contract's names",
    ),
    refused(
        "a header with a line break in an open quote",
        put("orders.csv", _TEXT.replace("category", '"cate\ngory', 1)),
        "orders.csv:",
        "header line cannot be read",
        "without line breaks",
    ),
    refused(
        "a quoted header with text behind the quote",
        put("orders.csv", _TEXT.replace("category", '"category"x', 1)),
        "the header line cannot be read",
        "write it",
    ),
    _renamed("a zero-width space in a required name", "order_id", "order_id\u200b", command=True),
    _renamed("a zero-width joiner in an optional name", "promised_at", "promised\u200d_at"),
    _renamed("a soft hyphen in an optional name", "cancelled_at", "cancelled\u00ad_at"),
    _renamed("a space in a name", "promised_at", "promised at", command=True),
    _renamed("a hyphen in a name", "ordered_at", "ordered-at"),
    _renamed("capitals instead of underscores", "buyer_id", "BuyerId"),
    _renamed("fullwidth letters", "amount", "ａｍｏｕｎｔ"),
    refused(
        "a line break in a quoted name",
        put("orders.csv", _TEXT.replace("category", '"cate\ngory"', 1)),
        r"the column 'cate\ngory' is not category",
        "name it category",
    ),
)
