"""Cells and rows that are not separated as CSV separates them."""

from tests.features.folders import GOOD, csv_text
from tests.zoo.case import DAMAGED_ROW, GOOD_ROWS, Aside, Case, line, misshapen, orders_text, put, refused

_TEXT = orders_text()
_COMMAS = "cells must be separated by commas"
_SHAPE = "row_has_the_headers_cells"
_QUOTES = "quotes_are_closed"
_LINES = _TEXT.splitlines()


def _between(*damaged: str) -> str:
    return "\n".join([*_LINES[:DAMAGED_ROW], *damaged, *_LINES[DAMAGED_ROW:]]) + "\n"


def _open_quote() -> Case:
    """A quote that opens in row 21 and takes the twenty good rows below with it: all of them count as lost."""
    said = ("orders.csv: 21 of 41 rows were set aside", "quotes_are_closed", "first row 21", "close the quote")
    return refused("a quote that never closes", put("orders.csv", _between('"' + line())), *said)


CASES: tuple[Case, ...] = (
    refused("semicolons", put("orders.csv", _TEXT.replace(",", ";")), "required columns are missing (order_id", _COMMAS, command=True),
    refused("tabs", put("orders.csv", _TEXT.replace(",", "\t")), "required columns are missing", _COMMAS),
    refused("pipes", put("orders.csv", _TEXT.replace(",", "|")), "required columns are missing", _COMMAS),
    refused("fullwidth commas", put("orders.csv", _TEXT.replace(",", "，")), "required columns are missing", _COMMAS, command=True),
    refused(
        "a comma header over semicolon rows",
        put("orders.csv", _LINES[0] + "\n" + "\n".join(_LINES[1:]).replace(",", ";")),
        "40 of 40 rows",
        _SHAPE,
        "add or remove cells",
    ),
    refused("Excel's separator line", put("orders.csv", "sep=,\n" + _TEXT), "the first line is 'sep=,'", "remove that line"),
    refused(
        "a mix of line endings",
        put("orders.csv", _TEXT.replace("\n", "\r\n", 20).replace("\n", "\r", 1)),
        "orders.csv:",
        "line endings are mixed",
        "write the file again",
    ),
    refused(
        "every row one cell too long",
        put("orders.csv", "\n".join([_LINES[0], *(row + "," for row in _LINES[1:])])),
        "40 of 40 rows",
        _SHAPE,
        "first row 1",
    ),
    refused("a JSON list", put("orders.csv", '[{"order_id": "o1"}]'), "required columns are missing", "must be a header"),
    refused(
        "a web page",
        put("orders.csv", "<!DOCTYPE html>\n<html><body>403</body></html>\n"),
        "required columns are missing",
        "must be a header",
    ),
    _open_quote(),
    misshapen("a row one cell short", line().rsplit(",", 1)[0], _SHAPE, command=True),
    misshapen("a row with a trailing comma", line() + ",", _SHAPE, command=True),
    misshapen("a row with a trailing quoted cell", line() + ',""', _SHAPE),
    misshapen("a row of a thousand empty cells", "," * 1000, _SHAPE),
    misshapen("a decimal comma", line(amount="@").replace("@", "12,50"), _SHAPE),
    misshapen(
        "a thousands separator without quotes that an empty cell hides", line(amount="@", cancelled_at="").replace("@", "1,200.00"), _SHAPE
    ),
    misshapen("a single word", "total", _SHAPE, command=True),
    misshapen("a byte order mark in the middle and nothing else", "\ufeff", _SHAPE),
    misshapen("text after a closing quote", line(category="@").replace("@", '"鞋"x'), _QUOTES, command=True),
    misshapen("quotes escaped with a backslash", line(category="@").replace("@", r'"a \"b\" c"'), _QUOTES),
    Case(
        "a line broken without quotes",
        "orders",
        put("orders.csv", _between(*line(category="@").split("@"))),
        aside=tuple(Aside(DAMAGED_ROW + place, "", _SHAPE, part[:80]) for place, part in enumerate(line(category="@").split("@"))),
        kept=GOOD_ROWS,
        rows=GOOD_ROWS + 2,
    ),
    refused(
        "a second header in every other row",
        put("orders.csv", "\n".join([_LINES[0], *[_LINES[0], csv_text([GOOD["orders"]]).splitlines()[1]] * 3])),
        "orders.csv:",
        "rows were set aside",
        "`lianxin check` lists each",
    ),
)
