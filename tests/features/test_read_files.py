"""Files that cannot be read: each is refused with the file, what was found and the remedy, and never a traceback."""

import gzip
from pathlib import Path

import pytest

from credit.errors import OutOfRange, TableUnreadable
from features.quality import check_tables
from features.raw_files import IMPORT_NOTE
from features.read import read_tables
from tests.features.folders import GOOD, NOW, changed, csv_text, write_folder, write_parquet

ORDERS = csv_text([GOOD["orders"]])
HEADER = ORDERS.splitlines()[0]
MANY = csv_text([changed("orders", order_id=f"o{place}") for place in range(5000)])

DAMAGED: list[tuple[str, str, bytes, str]] = [
    ("empty", "orders.csv", b"", "the file is empty"),
    ("blank lines only", "orders.csv", b"\n\n \n", "the file is empty"),
    ("empty inside gzip", "orders.csv.gz", gzip.compress(b""), "the file is empty"),
    ("empty gzip", "orders.csv.gz", b"", "the file is empty"),
    ("text named gzip", "orders.csv.gz", ORDERS.encode(), "gzip file is damaged"),
    ("gzip cut short", "orders.csv.gz", gzip.compress(MANY.encode())[:-200], "gzip file is damaged"),
    ("gzip with a wrong checksum", "orders.csv.gz", gzip.compress(ORDERS.encode())[:-8] + b"\0" * 8, "gzip file is damaged"),
    ("gzip with a tail", "orders.csv.gz", gzip.compress(ORDERS.encode()) + b"tail", "gzip file is damaged"),
    ("gzip named csv", "orders.csv", gzip.compress(ORDERS.encode()), "name it orders.csv.gz"),
    ("Excel named csv", "orders.csv", b"PK\x03\x04" + b"x" * 50, "Excel"),
    ("Parquet named csv", "orders.csv", b"PAR1" + b"x" * 50, "Parquet"),
    ("GB18030 header", "orders.csv", ("订单," + ORDERS).encode("gb18030"), "iconv -f GB18030"),
    ("GB18030 cells", "orders.csv", MANY.replace("鞋", "鞋帽服装").encode("gb18030"), "iconv -f GB18030"),
    ("UTF-16", "orders.csv", ORDERS.encode("utf-16"), "iconv -f UTF-16"),
    ("UTF-16 without a mark", "orders.csv", ORDERS.encode("utf-16-le"), "iconv -f UTF-16"),
    ("UTF-32", "orders.csv", ORDERS.encode("utf-32"), "iconv -f UTF-16"),
    ("semicolons", "orders.csv", ORDERS.replace(",", ";").encode(), "separated by commas"),
    ("tabs", "orders.csv", ORDERS.replace(",", "\t").encode(), "separated by commas"),
    ("no header", "orders.csv", ORDERS.splitlines()[1].encode(), "required columns are missing"),
    ("a required column gone", "orders.csv", ORDERS.replace("buyer_id", "buyer").encode(), r"missing \(buyer_id\)"),
    ("a column twice", "orders.csv", ORDERS.replace("category", "amount").encode(), "column names repeat"),
    ("a column twice by case", "orders.csv", ORDERS.replace("category", "Amount").encode(), "column names repeat"),
    ("mixed line ends", "orders.csv", (ORDERS.replace("\n", "\r\n") + "o2,001\n").encode(), "line endings are mixed|rows were set aside"),
    ("a quote never closed", "orders.csv", (MANY + '"open,' + MANY).encode(), "rows were set aside"),
    ("rows of the wrong length", "orders.csv", (HEADER + "\n1,2\n3,4\n").encode(), "row_has_the_headers_cells"),
    ("Parquet of zeros", "orders.parquet", b"\0" * 100, "cannot be read"),
    ("empty Parquet", "orders.parquet", b"", "cannot be read"),
    ("encrypted Parquet", "orders.parquet", b"PARE" + b"x" * 100 + b"PARE", "cannot be read"),
    ("text named Parquet", "orders.parquet", ORDERS.encode(), "cannot be read"),
]


@pytest.mark.parametrize(("name", "content", "remedy"), [case[1:] for case in DAMAGED], ids=[case[0] for case in DAMAGED])
def test_a_damaged_file_is_refused_by_name_and_reported_by_the_check(tmp_path: Path, name: str, content: bytes, remedy: str) -> None:
    (tmp_path / "suppliers.csv").write_text(csv_text([GOOD["suppliers"]]), encoding="utf-8")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableUnreadable, match=remedy) as refusal:
        read_tables(tmp_path, now=NOW, tables=("suppliers", "orders"))
    assert str(refusal.value).startswith("orders.")
    report = check_tables(tmp_path, now=NOW, tables=("suppliers", "orders"))
    assert not report.passed
    assert report.problems == tuple(str(refusal.value).splitlines())


def test_a_parquet_cut_short_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, suffix=".parquet")
    whole = (tmp_path / "orders.parquet").read_bytes()
    (tmp_path / "orders.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TableUnreadable, match=r"orders\.parquet: cannot be read"):
        read_tables(tmp_path, now=NOW)


@pytest.mark.parametrize(
    ("query", "remedy"),
    [
        ("SELECT ['001'] AS supplier_id", "one value per cell"),
        ("SELECT {'a': '001'} AS supplier_id", "one value per cell"),
        ("SELECT CAST('001' AS BLOB) AS supplier_id", "one value per cell"),
        ("SELECT CAST(1 AS DOUBLE) AS supplier_id", "store them as text"),
    ],
)
def test_a_parquet_column_of_a_wrong_type_is_refused(tmp_path: Path, query: str, remedy: str) -> None:
    write_parquet(tmp_path / "suppliers.parquet", query)
    with pytest.raises(TableUnreadable, match=remedy):
        read_tables(tmp_path, now=NOW, tables=["suppliers"])


def test_two_files_for_one_table_are_refused(tmp_path: Path) -> None:
    write_folder(tmp_path)
    write_folder(tmp_path, suffix=".csv.gz")
    with pytest.raises(TableUnreadable, match=r"orders\.csv and orders\.csv\.gz are both there"):
        read_tables(tmp_path, now=NOW)


def test_every_missing_required_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableUnreadable) as refusal:
        read_tables(tmp_path, now=NOW)
    for table in ("suppliers", "orders", "fulfilments", "reviews"):
        assert f"the required table {table} is missing" in str(refusal.value)


@pytest.mark.parametrize("path", ["nowhere", "file.txt"])
def test_what_is_not_a_folder_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(TableUnreadable, match="not a folder"):
        read_tables(tmp_path / path, now=NOW)


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "reviews.csv").write_text(csv_text([GOOD["reviews"]]).splitlines()[0])
    tables, rejects = read_tables(tmp_path, now=NOW)
    assert "reviews" in tables.present
    assert tables.count("reviews") == 0
    assert not rejects
    tables.close()


def test_absent_optional_tables_are_empty_and_not_present(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "invoices.csv").unlink()
    tables, _ = read_tables(tmp_path, now=NOW)
    assert "invoices" not in tables.present
    assert tables.con.execute("SELECT paid_at, recorded_at, source_row FROM invoices").fetchall() == []
    tables.close()


def orders_with(wrong: int, rows: int) -> list[dict[str, str]]:
    return [changed("orders", order_id=f"o{place}", amount="-1" if 5 <= place < 5 + wrong else "1") for place in range(1, rows + 1)]


def test_more_rows_lost_than_the_share_stops_the_import(tmp_path: Path) -> None:
    write_folder(tmp_path, {"orders": orders_with(4, 80)})
    tables, _ = read_tables(tmp_path, now=NOW, max_rejected_share=0.05)
    assert tables.count("orders") == 76
    tables.close()
    with pytest.raises(TableUnreadable, match=r"4 of 80 rows.*amount_is_positive.*first row 5, column amount, value '-1'"):
        read_tables(tmp_path, now=NOW, max_rejected_share=0.049)


@pytest.mark.parametrize(
    ("wrong", "rows", "share", "stops"), [(3, 7, 0.05, False), (4, 9, 0.05, True), (1, 1000, 0, True), (0, 9, 0, False)]
)
def test_a_few_rows_may_always_be_lost_unless_none_may(tmp_path: Path, wrong: int, rows: int, share: float, stops: bool) -> None:
    write_folder(tmp_path, {"orders": orders_with(wrong, rows)})
    if stops:
        with pytest.raises(TableUnreadable, match=f"{wrong} of {rows} rows"):
            read_tables(tmp_path, now=NOW, max_rejected_share=share, tables=["suppliers", "orders"])
        return
    tables, rejects = read_tables(tmp_path, now=NOW, max_rejected_share=share, tables=["suppliers", "orders"])
    assert (tables.count("orders"), len(rejects)) == (rows - wrong, wrong)
    tables.close()


def test_rows_split_wrongly_leave_the_others_their_numbers(tmp_path: Path) -> None:
    good = [csv_text([changed("suppliers", supplier_id=f"s{n}")]).split("\n", 1) for n in range(1, 5)]
    lines = [good[0][0], good[0][1], "", "too,few", good[1][1] + good[2][1] + '"a"b,c', good[3][1], ""]
    text = "\n".join(line.rstrip("\n") if line else line for line in lines) + "\n"
    (tmp_path / "suppliers.csv").write_text(text, encoding="utf-8")
    tables, rejects = read_tables(tmp_path, now=NOW, tables=["suppliers"], max_rejected_share=1.0)
    kept = tables.con.execute("SELECT supplier_id, source_row FROM suppliers").fetchall()
    assert kept == [("s1", 1), ("s2", 3), ("s3", 4), ("s4", 6)]
    assert [(r.row, r.rule, r.value) for r in rejects] == [
        (2, "row_has_the_headers_cells", "too,few"),
        (5, "quotes_are_closed", '"a"b,c'),
    ]
    tables.close()


def test_a_row_that_is_not_utf8_is_set_aside_alone(tmp_path: Path) -> None:
    rows = [changed("suppliers", supplier_id=f"s{n}", name="甲").copy() for n in range(3)]
    content = csv_text(rows).encode().replace("s1,甲".encode(), b"s1,\xbc\xd7")
    (tmp_path / "suppliers.csv").write_bytes(content)
    tables, rejects = read_tables(tmp_path, now=NOW, tables=["suppliers"], max_rejected_share=1.0)
    assert [(r.row, r.rule) for r in rejects] == [(2, "text_is_utf8")]
    assert tables.con.execute("SELECT source_row FROM suppliers").fetchall() == [(1,), (3,)]
    tables.close()


@pytest.mark.parametrize("name", ["a[1]", "star*", "dt=2024", "it's", "空 格"])
def test_the_folders_name_does_not_matter(tmp_path: Path, name: str) -> None:
    tables, rejects = read_tables(write_folder(tmp_path / name), now=NOW)
    assert not rejects
    assert len(tables.present) == 13
    tables.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"zone": "Mars/Olympus"}, "not an IANA time zone"),
        ({"zone": "../etc"}, "not an IANA time zone"),
        ({"max_rejected_share": 1.5}, "max_rejected_share"),
        ({"max_rejected_share": float("nan")}, "max_rejected_share"),
        ({"now": NOW.replace(tzinfo=None)}, "has no zone"),
        ({"tables": ["payments"]}, "not in the contract"),
    ],
)
def test_arguments_outside_their_domain_are_refused(tmp_path: Path, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(OutOfRange, match=message):
        read_tables(write_folder(tmp_path), **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("note", ["{", "[]", '{"zone": 8}', '{"currency": []}'])
def test_an_import_note_that_is_none_is_refused(tmp_path: Path, note: str) -> None:
    write_folder(tmp_path)
    (tmp_path / IMPORT_NOTE).write_text(note)
    with pytest.raises(TableUnreadable, match=IMPORT_NOTE):
        read_tables(tmp_path, now=NOW)


def test_the_import_note_names_zone_and_currency_unless_the_reader_does(tmp_path: Path) -> None:
    write_folder(tmp_path, {"orders": [changed("orders", currency="")]})
    (tmp_path / IMPORT_NOTE).write_text('{"zone": "America/Sao_Paulo", "currency": "BRL"}')
    noted, _ = read_tables(tmp_path, now=NOW)
    named, _ = read_tables(tmp_path, now=NOW, zone="Europe/Berlin", currency="EUR")
    assert (noted.zone, noted.currency) == ("America/Sao_Paulo", "BRL")
    assert (named.zone, named.currency) == ("Europe/Berlin", "EUR")
    noted.close()
    named.close()
