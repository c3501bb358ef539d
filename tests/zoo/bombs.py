"""Small files that are large inside, and large ones that are nothing."""

import gzip
from collections.abc import Callable
from pathlib import Path

from tests.features.folders import GOOD, csv_text
from tests.zoo.case import DAMAGED_ROW, Aside, Case, line, misshapen, orders_text, put, refused
from tests.zoo.parquet_bytes import Lies, parquet

_MB = 1 << 20
_TEXT = orders_text()
_HEADER = _TEXT.split("\n", 1)[0]
_LINES = "look for line breaks that are missing"
_LOST = "more than 100,000 rows cannot be split"


def _packed(head: str, chunk: bytes, megabytes: int) -> Callable[[Path], object]:
    """A gzip file that unpacks to a head and a chunk again and again: one packed member is written many times over."""
    member = gzip.compress(chunk * (16 * _MB // len(chunk)), compresslevel=9)

    def damage(folder: Path) -> None:
        with (folder / "orders.csv.gz").open("wb") as stream:
            stream.write(gzip.compress(head.encode()))
            for _ in range(megabytes // 16):
                stream.write(member)

    return damage


def _sparse(head: str, size: int) -> Callable[[Path], object]:
    """A file that says it is large and has no blocks behind its head."""

    def damage(folder: Path) -> None:
        with (folder / "orders.csv").open("wb") as stream:
            stream.write(head.encode())
            stream.truncate(size)

    return damage


def _chunks(chunk: str, times: int, *, tail: str = "") -> Callable[[Path], object]:
    """Good rows, a chunk many times over, and a tail."""

    def damage(folder: Path) -> None:
        with (folder / "orders.csv").open("w", encoding="utf-8", newline="") as stream:
            stream.write(_TEXT)
            for _ in range(times):
                stream.write(chunk)
            stream.write(tail)

    return damage


def _between_rows(damaged: str) -> Callable[[Path], object]:
    lines = _TEXT.splitlines(keepends=True)
    return put("orders.csv", "".join([*lines[:DAMAGED_ROW], damaged + "\n", *lines[DAMAGED_ROW:]]))


def _columns(count: int) -> Callable[[Path], object]:
    names = ",".join(f"c{place}" for place in range(count))
    row = csv_text([GOOD["orders"]]).splitlines()[1] + "," * count
    return lambda folder: (folder / "orders.csv").write_text(f"{_HEADER},{names}\n{row}\n", encoding="utf-8")


def _named(column: str, repeats: int) -> Callable[[Path], object]:
    return put("orders.csv", _TEXT.replace(column, column * repeats, 1))


def _parquet_of_nothing(folder: Path) -> None:
    with (folder / "orders.parquet").open("wb") as stream:
        stream.write(b"PAR1")
        stream.truncate(100 << 30)


def _parquet_of_one_long_text(folder: Path) -> None:
    """A hundred thousand orders of one category of 1 MB, which stands in the file once: 100 GB of text."""
    cells = {name: [GOOD["orders"][name]] * 100_000 for name in ("order_id", "supplier_id", "buyer_id", "ordered_at", "amount")}
    content = parquet({**cells, "category": ["a" * _MB] * 100_000}, dictionary=True)
    (folder / "orders.parquet").write_bytes(content)


def _parquet_of_packed_pages(folder: Path) -> None:
    cells = {name: [GOOD["orders"][name]] for name in ("order_id", "supplier_id", "buyer_id", "ordered_at", "amount")}
    (folder / "orders.parquet").write_bytes(parquet(cells, Lies(chunk_unpacked=300 * _MB)))


CASES: tuple[Case, ...] = (
    refused("gzip of 4 GB of zeros", _packed("", b"\0" * 1024, 4096), "UTF-16", "save it as UTF-8", command=True),
    refused(
        "gzip of good rows and a line of 1 GB",
        _packed(_TEXT, b"a" * 1024, 1024),
        "orders.csv.gz: line 42 is longer than 64 MB",
        _LINES,
        command=True,
    ),
    refused("gzip of 4 GB of blank lines", _packed(_TEXT, b"\n" * 1024, 4096), "over 200 times its size", "export the table again"),
    refused(
        "gzip of half a gigabyte of one row",
        _packed(_TEXT, (line() + "\n").encode(), 512),
        "over 200 times its size",
        "export the table again",
    ),
    refused(
        "gzip of sixteen million short rows",
        _packed(_TEXT, b"a\n", 32),
        f"orders.csv.gz: {_LOST}",
        "the first is row 41",
        "export the table again",
    ),
    refused(
        "a hundred thousand rows of one cell",
        _chunks("a\n" * 1000, 101),
        f"orders.csv: {_LOST} into the header's 10 cells",
        "the first is row 41",
        command=True,
    ),
    refused(
        "a hundred thousand rows in GBK",
        put("orders.csv", (_HEADER + "\n" + (line(category="运动鞋") + "\n") * 100_001).encode("gbk")),
        _LOST,
        "most are not UTF-8",
        "iconv -f GB18030",
    ),
    refused("a hundred thousand quotes that open", _chunks('"a\n' * 1000, 202), _LOST, "quotes in pairs"),
    refused("a file of 100 GB without blocks", _sparse("", 100 << 30), "UTF-16", "save it as UTF-8", command=True),
    refused(
        "a line of 100 GB without blocks",
        _sparse(_TEXT + "a" * 4096, 100 << 30),
        "orders.csv: line 42 is longer than 64 MB",
        _LINES,
        command=True,
    ),
    refused(
        "one line of 80 MB",
        lambda folder: (folder / "orders.csv").write_bytes(b"a" * (80 * _MB)),
        "the header line",
        "name at most 1000 columns",
        command=True,
    ),
    refused("a last line of 80 MB", _chunks("a" * _MB, 80), "orders.csv: line 42 is longer than 64 MB", _LINES),
    refused("a million columns", _columns(1_000_000), "the header line is longer than 1 MB", "name at most 1000 columns", command=True),
    refused("a thousand columns too many", _columns(2000), "2010 columns, more than 1000", "keep the contract's"),
    refused("a name of half a million characters", _named("category", 60_000), "the header line cannot be read", "write it"),
    refused("a Parquet file of 100 GB without blocks", _parquet_of_nothing, "it was cut short", "copy it again"),
    refused(
        "a Parquet file of one text a hundred thousand times",
        _parquet_of_one_long_text,
        "orders.parquet: unpacks to more than 256 MB, over 200 times its size",
        "export the table again",
        command=True,
    ),
    refused(
        "a Parquet file whose pages unpack to gigabytes", _parquet_of_packed_pages, "over 200 times its size", "export the table again"
    ),
    refused("a row of a million commas", put("orders.csv", _TEXT + "," * 1_000_000), "row 41 has 1,000,001 cells", _LINES, command=True),
    refused(
        "three hundred rows of a thousand commas", put("orders.csv", _TEXT + ("," * 1000 + "\n") * 300), "too large to be set aside", _LINES
    ),
    refused("a row of a thousand cells and 1 MB", put("orders.csv", _TEXT + "a" * _MB + ",b" * 1000), "too large to be set aside", _LINES),
    misshapen("a row of 17 MB", line(category="a" * (17 * _MB)), "row_is_within_16_megabytes", command=True),
    misshapen("a row of 20 MB without commas", "a" * (20 * _MB), "row_has_the_headers_cells"),
    refused(
        "a million quotes", _between_rows('"' * 1_000_001 + "x"), "21 of 41 rows", "quotes_are_closed", "first row 21", "close the quote"
    ),
    Case(
        "an amount of a million digits",
        "orders",
        put("orders.csv", _TEXT + line(amount="9" * 1_000_000) + "\n"),
        aside=(Aside(2 * DAMAGED_ROW - 1, "amount", "money_is_decimal", "9" * 80),),
        kept=40,
        rows=41,
    ),
    Case(
        "a time of a million digits",
        "orders",
        put("orders.csv", _TEXT + line(ordered_at="2" * 1_000_000, promised_at="") + "\n"),
        aside=(Aside(2 * DAMAGED_ROW - 1, "ordered_at", "time_is_iso_8601", "2" * 80),),
        kept=40,
        rows=41,
    ),
)
