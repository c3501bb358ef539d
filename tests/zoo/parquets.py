"""Parquet files that are cut, lie in their headers, or hold columns of types that no cell has."""

from collections.abc import Callable
from pathlib import Path

from tests.features.folders import GOOD, write_parquet
from tests.zoo.case import DAMAGED_ROW, GOOD_ROWS, Aside, Case, refused
from tests.zoo.parquet_bytes import Lies, parquet

_AGAIN = "write the file again"
_MOST = 2**31 - 1
_GOOD = {
    "order_id": "'o' || i",
    "supplier_id": "'001'",
    "buyer_id": "'b1'",
    "ordered_at": "TIMESTAMP '2024-01-10 09:00:00'",
    "amount": "120.50",
}


def _replace(content: bytes) -> Callable[[Path], object]:
    """The damage of Parquet bytes in place of the CSV orders."""

    def damage(folder: Path) -> None:
        (folder / "orders.parquet").write_bytes(content)

    return damage


def _lying(name: str, lies: Lies, *said: str, dictionary: bool = False, command: bool = False) -> Case:
    cells = {column: [GOOD["orders"][column]] * 3 for column in ("supplier_id", "buyer_id", "ordered_at", "amount")}
    content = parquet({"order_id": ["o1", "o1", "o1"], **cells}, lies, dictionary=dictionary)
    return refused(name, _replace(content), "orders.parquet: ", *said, command=command)


def _changed(edit: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    """A good file, written as usual, with its bytes edited."""

    def damage(folder: Path) -> None:
        path = folder / "orders.parquet"
        _write(path, _GOOD)
        path.write_bytes(edit(path.read_bytes()))

    return damage


def _write(path: Path, columns: dict[str, str], *, rows: str = "range(1, 42)") -> None:
    write_parquet(path, f"SELECT {', '.join(f'{value} AS {name}' for name, value in columns.items())} FROM {rows} r(i)")


def _typed(name: str, column: str, query: str, *said: str, command: bool = False) -> Case:
    """A column of a type that is refused whole."""
    return refused(
        name, lambda folder: _write(folder / "orders.parquet", {**_GOOD, column: query}), f"column {column}", *said, command=command
    )


def _cell(name: str, column: str, bad: str, good: str, value: str, *rules: str, command: bool = False) -> Case:
    """One bad cell in row 21 of a typed column."""
    query = f"CASE WHEN i = {DAMAGED_ROW} THEN {bad} ELSE {good} END"
    aside = tuple(Aside(DAMAGED_ROW, column, rule, value) for rule in sorted(rules))
    return Case(
        name,
        "orders",
        lambda folder: _write(folder / "orders.parquet", {**_GOOD, column: query}),
        aside=aside,
        kept=GOOD_ROWS,
        rows=GOOD_ROWS + 1,
        command=command,
    )


def _flipped(content: bytes, *, at: int) -> bytes:
    """The bytes with one of them turned over."""
    place = at % len(content)
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


_TIME, _YEARS, _FUTURE, _FEW = "time_is_iso_8601", "time_is_from_1900_to_2199", "not_in_the_future", "store one value per cell"

CASES: tuple[Case, ...] = (
    refused("an empty Parquet file", _replace(b""), "it is not a Parquet file", "write it as Parquet", command=True),
    refused("a Parquet file of zeros", _replace(b"\0" * 4096), "it is not a Parquet file", "write it as Parquet"),
    refused("CSV by the name of Parquet", _replace(b"order_id,supplier_id\n1,2\n"), "it is not a Parquet file", "name it as what it is"),
    refused(
        "a Parquet file cut in half", _changed(lambda whole: whole[: len(whole) // 2]), "it was cut short", "copy it again", command=True
    ),
    refused("a Parquet file without its last byte", _changed(lambda whole: whole[:-1]), "it was cut short", "copy it again"),
    refused("a Parquet file without its beginning", _changed(lambda whole: whole[100:]), "it is not a Parquet file", "write it as Parquet"),
    refused(
        "a Parquet file without its middle", _changed(lambda whole: whole[:64] + whole[256:]), "orders.parquet: cannot be read", _AGAIN
    ),
    refused(
        "an encrypted Parquet file",
        _changed(lambda whole: b"PARE" + whole[4:-4] + b"PARE"),
        "it is encrypted",
        "without encryption",
        command=True,
    ),
    refused("the magic alone", _replace(b"PAR1PAR1"), "it is not a Parquet file", "write it as Parquet"),
    refused("a byte of the footer turned over", _changed(lambda whole: _flipped(whole, at=-20)), "orders.parquet: cannot be read", _AGAIN),
    refused(
        "a byte of the first page's header turned over",
        _changed(lambda whole: _flipped(whole, at=5)),
        "orders.parquet: cannot be read",
        _AGAIN,
    ),
    refused(
        "a compressed page of noise",
        _changed(lambda whole: whole[:40] + b"\xa5" * 40 + whole[80:]),
        "orders.parquet: cannot be read",
        _AGAIN,
    ),
    _lying("a footer longer than the file", Lies(footer_bytes=2**32 - 1), "cannot be read", _AGAIN),
    _lying("a footer of no length", Lies(footer_bytes=0), "cannot be read", _AGAIN),
    _lying("more rows said than there are", Lies(rows=4), "row group has 4 rows", _AGAIN, command=True),
    _lying("fewer rows said than there are", Lies(rows=1), "row group has 1 rows", _AGAIN),
    _lying("a negative number of rows", Lies(rows=-1), "negative number of rows", _AGAIN),
    _lying(
        "a row group of 2^62 rows", Lies(rows=2**62), "says it has 4,611,686,018,427,387,904 rows", "export the table again", command=True
    ),
    _lying("a page of a negative size", Lies(page_bytes=-5), "cannot be read", _AGAIN),
    _lying("a page that unpacks to 2 GB", Lies(unpacked_bytes=_MOST, codec=1), "cannot be read", _AGAIN),
    _lying("a zstd page that unpacks to 2 GB", Lies(unpacked_bytes=_MOST, codec=6), "cannot be read", _AGAIN),
    _lying("a column of a negative size", Lies(chunk_bytes=-64), "cannot be read", _AGAIN, command=True),
    _lying("an unknown compression", Lies(codec=77), "cannot be read", _AGAIN),
    _lying("a page beyond the file", Lies(page_offset=2**40), "outside file", _AGAIN),
    _lying("a page before the file", Lies(page_offset=-100), "cannot be read", _AGAIN),
    _lying("a schema of two billion children", Lies(children=_MOST), "cannot be read", _AGAIN),
    _lying("a schema nested a hundred thousand deep", Lies(depth=100_000), "nested", _AGAIN, command=True),
    _lying("a dictionary of two billion words", Lies(dictionary_values=_MOST), "cannot be read", _AGAIN, dictionary=True),
    _lying("a dictionary page of 2 GB", Lies(dictionary_bytes=_MOST, codec=1), "cannot be read", _AGAIN, dictionary=True),
    _lying("an empty dictionary that is used", Lies(dictionary_values=0), "dictionary offset out of range", _AGAIN, dictionary=True),
    _lying("indexes of 255 bits", Lies(index_width=255), "bit width too large", _AGAIN, dictionary=True),
    _lying("a text of 4 GB", Lies(string_bytes=2**32 - 1), "cannot be read", _AGAIN),
    _lying("an unknown physical type", Lies(kind=99), "cannot be read", _AGAIN),
    _lying("a column twice in Parquet", Lies(names={"amount": "buyer_id"}), "column names repeat (buyer_id", "keep one of each"),
    _lying("a column without a name", Lies(names={"buyer_id": ""}), "required columns are missing (buyer_id)", "contract's names"),
    _lying(
        "a name with a zero-width space in Parquet",
        Lies(names={"amount": "amount\u200b"}),
        r"'amount\u200b' is not amount",
        "name it amount",
    ),
    _lying(
        "two billion equal rows in a few bytes",
        Lies(rows=_MOST, column_values=_MOST, page_values=_MOST, run=_MOST),
        "says it has 2,147,483,647 rows",
        "export",
        dictionary=True,
    ),
    _typed("a list in every cell", "buyer_id", "['b1']", "VARCHAR[]", _FEW, command=True),
    _typed("a struct in every cell", "amount", "{'value': 1, 'currency': 'CNY'}", "STRUCT", _FEW),
    _typed("a map in every cell", "category", "MAP {'a': 1}", "MAP", _FEW),
    _typed("bytes for a text", "category", "CAST('x' AS BLOB)", "BLOB", _FEW),
    _typed("an interval for a time", "ordered_at", "INTERVAL 1 DAY", "INTERVAL", _FEW),
    _typed("ids as floating numbers", "order_id", "CAST(i AS DOUBLE)", "floating numbers", "store them as text", command=True),
    _typed("ids as true and false", "buyer_id", "true", "true and false", "store them as text"),
    _cell(
        "an amount that is no double",
        "amount",
        "CAST(0.1 AS DOUBLE) + 0.2",
        "CAST(120.5 AS DOUBLE)",
        "0.30000000000000004",
        "money_has_two_decimals",
        command=True,
    ),
    _cell("NaN in a column of doubles", "amount", "CAST('NaN' AS DOUBLE)", "CAST(120.5 AS DOUBLE)", "nan", "money_is_decimal"),
    _cell(
        "a decimal too wide",
        "amount",
        "CAST('123456789012345678901234.00' AS DECIMAL(38,2))",
        "CAST(1 AS DECIMAL(38,2))",
        "123456789012345678901234.00",
        "money_is_decimal",
    ),
    _cell(
        "a decimal of ten places",
        "amount",
        "CAST('1.0000000001' AS DECIMAL(38,10))",
        "CAST(1 AS DECIMAL(38,10))",
        "1.0000000001",
        "money_has_two_decimals",
    ),
    _cell("a text amount in Parquet", "amount", "'12元'", "'12'", "12元", "money_is_decimal"),
    _cell("a time in whole seconds", "ordered_at", "'1704873600'", "'2024-01-10'", "1704873600", _TIME),
    _cell(
        "the last nanosecond",
        "ordered_at",
        "CAST('2262-04-11 23:47:16' AS TIMESTAMP_NS)",
        "CAST('2024-01-10' AS TIMESTAMP_NS)",
        "2262-04-11 23:47:16",
        _YEARS,
        _FUTURE,
    ),
    _cell(
        "the first nanosecond",
        "ordered_at",
        "CAST('1677-09-22' AS TIMESTAMP_NS)",
        "CAST('2024-01-10' AS TIMESTAMP_NS)",
        "1677-09-22 00:00:00",
        _YEARS,
    ),
    _cell("an infinite time", "ordered_at", "TIMESTAMP 'infinity'", "TIMESTAMP '2024-01-10'", "infinity", _TIME),
    _cell(
        "a day five million years ahead", "ordered_at", "DATE '5874897-12-31'", "DATE '2024-01-10'", "5874897-12-31", _TIME, command=True
    ),
    _cell(
        "a zoned time of the future",
        "ordered_at",
        "TIMESTAMPTZ '2150-01-01 00:00:00+08'",
        "TIMESTAMPTZ '2024-01-10 00:00:00+08'",
        "2150-01-01 00:00:00+08",
        _FUTURE,
    ),
    _cell("an empty id in Parquet", "buyer_id", "''", "'b1'", "", "required_cell_is_given"),
    _cell("a NUL in a text of Parquet", "category", "'a' || chr(0)", "'鞋'", "a\0", "text_is_utf8"),
    refused(
        "no row and no required column",
        lambda folder: _write(folder / "orders.parquet", {"order_id": "i"}, rows="range(0)"),
        "required columns are missing (supplier_id, buyer_id, ordered_at, amount)",
        "found order_id",
    ),
)
