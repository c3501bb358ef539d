"""Text that is not UTF-8, or was not before somebody converted it."""

import codecs

from tests.zoo.case import Case, cell, line, misshapen, orders_text, put, refused

_TEXT = orders_text()
_CHINESE_HEADER = _TEXT.replace("category", "品类", 1)
_GBK = "convert it with: iconv -f GB18030 -t UTF-8"
_WIDE = "convert it with: iconv -f UTF-16 -t UTF-8"

CASES: tuple[Case, ...] = (
    refused("GBK header", put("orders.csv", _CHINESE_HEADER.encode("gbk")), "orders.csv: the header line is not UTF-8", _GBK, command=True),
    refused("GB18030 cells", put("orders.csv", _TEXT.replace("鞋", "𠮷鞋").encode("gb18030")), "40 of 40 rows", "first in row 1", _GBK),
    refused("Big5 cells", put("orders.csv", _TEXT.encode("big5")), "the text is not UTF-8, first in row 1", "save it as UTF-8"),
    refused(
        "Shift-JIS cells", put("orders.csv", _TEXT.replace("鞋", "くつ").encode("shift-jis")), "the text is not UTF-8", "save it as UTF-8"
    ),
    refused(
        "UTF-16 little-endian with a mark",
        put("orders.csv", codecs.BOM_UTF16_LE + _TEXT.encode("utf-16-le")),
        "is UTF-16",
        _WIDE,
        command=True,
    ),
    refused("UTF-16 big-endian with a mark", put("orders.csv", codecs.BOM_UTF16_BE + _TEXT.encode("utf-16-be")), "is UTF-16", _WIDE),
    refused("UTF-16 little-endian without a mark", put("orders.csv", _TEXT.encode("utf-16-le")), "is UTF-16", _WIDE),
    refused("UTF-16 big-endian without a mark", put("orders.csv", _TEXT.encode("utf-16-be")), "is UTF-16", _WIDE),
    refused("UTF-32 with a mark", put("orders.csv", _TEXT.encode("utf-32")), "UTF-32", _WIDE),
    refused("EBCDIC", put("orders.csv", _TEXT.replace("鞋", "x").encode("cp500")), "the header line is not UTF-8", "save it as UTF-8"),
    refused(
        "two byte order marks",
        put("orders.csv", codecs.BOM_UTF8 * 2 + _TEXT.encode()),
        r"'\ufefforder_id' is not order_id",
        "name it order_id",
    ),
    refused(
        "a byte order mark alone",
        put("orders.csv", codecs.BOM_UTF8),
        "orders.csv: the file is empty",
        "give it a header line",
        command=True,
    ),
    refused("NUL bytes after the header", put("orders.csv", _TEXT.replace("鞋", "\0", 1)), "the text holds NUL bytes", "export it again"),
    misshapen(
        "one row in Latin-1",
        line(category="café").encode("latin-1"),
        "text_is_utf8",
        value=line(category="caf??").replace("??,", "??"),
        command=True,
    ),
    misshapen("one row in GBK", line(category="运动鞋").encode("gbk"), "text_is_utf8", value=line(category="????Ь")),
    misshapen(
        "a lone surrogate", line(category="鞋").encode().replace("鞋".encode(), b"\xed\xa0\x80"), "text_is_utf8", value=line(category="???")
    ),
    misshapen(
        "an overlong slash", line(category="鞋").encode().replace("鞋".encode(), b"\xc0\xaf"), "text_is_utf8", value=line(category="??")
    ),
    misshapen(
        "a character cut in half",
        line(category="鞋").encode().replace("鞋".encode(), "鞋".encode()[:2]),
        "text_is_utf8",
        value=line(category="???").replace("???,", "???"),
    ),
    cell("a replacement character in a text", "orders.category", "运动\ufffd", "text_is_utf8", command=True),
    cell("a replacement character in an id", "orders.buyer_id", "b\ufffd", "id_has_no_control_characters"),
    cell("a private-use character in an id", "orders.buyer_id", "b\ue5e5", "id_has_no_control_characters"),
    cell("UTF-8 read as Latin-1 in a closed set", "suppliers.kind", "enterprise".replace("e", "Ã©", 1), "word_is_listed"),
)
