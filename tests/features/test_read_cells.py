"""What a cell becomes: times by zone, money and numbers by type, and the same tables from every format."""

import hashlib
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from features.read import RawTables, read_tables
from features.rules import uscc_check_digit
from features.tables import CONTRACT
from tests.features.folders import GOOD, NOW, changed, csv_text, write_folder, write_parquet


def _ordered_at(folder: Path, text: str, *, zone: str = "Asia/Shanghai") -> datetime:
    row = changed("suppliers", joined_at=text)
    (folder / "suppliers.csv").write_text(csv_text([row]), encoding="utf-8")
    tables, rejects = read_tables(folder, now=NOW, zone=zone, tables=["suppliers"])
    assert not rejects
    found = tables.con.execute("SELECT joined_at FROM suppliers").fetchall()
    tables.close()
    value = found[0][0]
    assert isinstance(value, datetime)
    return value


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-01-10T09:00:00", datetime(2024, 1, 10, 1)),
        ("2024-01-10 09:00", datetime(2024, 1, 10, 1)),
        ("2024-01-10", datetime(2024, 1, 9, 16)),
        ("2024-01-10T09:00:00Z", datetime(2024, 1, 10, 9)),
        ("2024-01-10T09:00:00+08:00", datetime(2024, 1, 10, 1)),
        ("2024-01-10T09:00:00-0330", datetime(2024, 1, 10, 12, 30)),
        ("2024-01-10T09:00:00+08", datetime(2024, 1, 10, 1)),
        ("2024-01-10T09:00:00.123456", datetime(2024, 1, 10, 1, 0, 0, 123456)),
        ("2024-01-10T24:00:00", datetime(2024, 1, 10, 16)),
        ("1986-07-01T00:00:00", datetime(1986, 6, 30, 15)),
    ],
)
def test_a_time_is_held_in_utc(tmp_path: Path, text: str, utc: datetime) -> None:
    assert _ordered_at(tmp_path, text) == utc


def test_a_local_time_that_clocks_skip_takes_the_offset_before_the_gap(tmp_path: Path) -> None:
    # Sao Paulo's clocks went from 2017-10-15 00:00 to 01:00.
    assert _ordered_at(tmp_path, "2017-10-15 00:30", zone="America/Sao_Paulo") == datetime(2017, 10, 15, 3, 30)


def test_a_local_time_that_clocks_show_twice_is_the_second(tmp_path: Path) -> None:
    # Sao Paulo's clocks went from 2018-02-18 00:00 back to 2018-02-17 23:00.
    assert _ordered_at(tmp_path, "2018-02-17 23:30", zone="America/Sao_Paulo") == datetime(2018, 2, 18, 2, 30)


def test_cells_keep_their_exact_values(tmp_path: Path) -> None:
    tables, _ = read_tables(write_folder(tmp_path), now=NOW)
    supplier = tables.con.execute("SELECT * FROM suppliers").fetchall()
    assert supplier == [
        (
            "001",
            "甲公司",
            "91350100M000100Y43",
            "enterprise",
            date(2010, 5, 6),
            datetime(2020, 1, 1),
            "福建",
            "服装",
            "鞋",
            None,
            1,
        )
    ]
    order = tables.con.execute("SELECT amount, quantity, cancelled_at, recorded_at FROM orders").fetchall()
    assert order == [(Decimal("120.50"), 3.0, None, None)]
    assert tables.con.execute("SELECT rating, text FROM reviews").fetchall() == [(4.5, '不错, "很好"\n下次再来')]
    tables.close()


def test_ids_are_kept_as_text_with_zeros_and_case(tmp_path: Path) -> None:
    rows = [changed("suppliers", supplier_id=name) for name in ("007", "7", "a", "A", "é" * 64, "0x1")]
    tables, rejects = read_tables(write_folder(tmp_path, {"suppliers": [*rows, GOOD["suppliers"]]}), now=NOW)
    assert not rejects
    names = [name for (name,) in tables.con.execute("SELECT supplier_id FROM suppliers").fetchall()]
    assert names == ["007", "7", "a", "A", "é" * 64, "0x1", "001"]
    tables.close()


@pytest.mark.parametrize(("text", "amount"), [("5", "5.00"), ("5.1", "5.10"), ("5.100", "5.10"), ("+.5", "0.50"), ("5.", "5")])
def test_money_is_a_decimal_of_two_places(tmp_path: Path, text: str, amount: str) -> None:
    tables, _ = read_tables(write_folder(tmp_path, {"orders": [changed("orders", amount=text)]}), now=NOW)
    assert tables.con.execute("SELECT amount FROM orders").fetchall() == [(Decimal(amount),)]
    tables.close()


@pytest.mark.parametrize("body", ["91330100799655058", "91440300192203821", "9144030071526726X", "91350100M000100Y4"])
def test_a_right_check_digit_passes_in_the_reading(tmp_path: Path, body: str) -> None:
    row = changed("suppliers", uscc=body + uscc_check_digit(body))
    tables, rejects = read_tables(write_folder(tmp_path, {"suppliers": [row]}), now=NOW)
    assert not rejects
    tables.close()


def _all_rows(tables: RawTables) -> dict[str, list[tuple[object, ...]]]:
    return {name: tables.con.execute(f"SELECT * FROM {name} ORDER BY source_row").fetchall() for name in CONTRACT}


def test_csv_gzip_and_parquet_give_the_same_tables(tmp_path: Path) -> None:
    rows = {name: [row, {**row, "recorded_at": "2024-05-01"}] for name, row in GOOD.items()}
    rows = {name: [{**first, "recorded_at": ""}, second] for name, (first, second) in rows.items()}
    read = []
    for suffix in (".csv", ".csv.gz", ".parquet"):
        tables, rejects = read_tables(write_folder(tmp_path / suffix, rows, suffix=suffix), now=NOW)
        assert not rejects
        read.append(_all_rows(tables))
        digest = hashlib.sha256((tmp_path / suffix / f"orders{suffix}").read_bytes()).hexdigest()
        assert tables.digests[f"orders{suffix}"] == digest
        tables.close()
    assert read[0] == read[1] == read[2]
    assert all(len(rows) == 2 for rows in read[0].values())


@pytest.mark.parametrize("change", ["bom", "crlf", "shuffled", "case", "quoted"])
def test_the_form_of_a_csv_does_not_matter(tmp_path: Path, change: str) -> None:
    tables, _ = read_tables(write_folder(tmp_path / "plain"), now=NOW)
    wanted = _all_rows(tables)
    tables.close()
    folder = write_folder(tmp_path / "other")
    row = GOOD["orders"]
    text = csv_text([row])
    names = list(row)
    other = {
        "bom": "\ufeff" + text,
        "crlf": text.replace("\n", "\r\n"),
        "shuffled": csv_text([dict(reversed(row.items()))]),
        "case": text.replace("order_id", " Order_ID "),
        "quoted": "\n".join(",".join(f'"{cell}"' for cell in line) for line in (names, list(row.values()))),
    }[change]
    (folder / "orders.csv").write_text(other, encoding="utf-8", newline="")
    tables, rejects = read_tables(folder, now=NOW)
    assert not rejects
    assert _all_rows(tables) == wanted
    tables.close()


@pytest.mark.parametrize(
    ("time", "utc"),
    [
        ("TIMESTAMP '2024-01-10 09:00:00'", datetime(2024, 1, 10, 1)),
        ("CAST('2024-01-10 09:00:00' AS TIMESTAMP_S)", datetime(2024, 1, 10, 1)),
        ("CAST('2024-01-10 09:00:00' AS TIMESTAMP_MS)", datetime(2024, 1, 10, 1)),
        ("CAST('2024-01-10 09:00:00' AS TIMESTAMP_NS)", datetime(2024, 1, 10, 1)),
        ("TIMESTAMPTZ '2024-01-10 09:00:00+00'", datetime(2024, 1, 10, 9)),
        ("DATE '2024-01-10'", datetime(2024, 1, 9, 16)),
        ("'2024-01-10'", datetime(2024, 1, 9, 16)),
    ],
)
def test_a_parquet_time_of_any_type_is_read_by_zone(tmp_path: Path, time: str, utc: datetime) -> None:
    write_parquet(tmp_path / "suppliers.parquet", f"SELECT 7 AS supplier_id, {time} AS joined_at")
    tables, rejects = read_tables(tmp_path, now=NOW, tables=["suppliers"])
    assert not rejects
    assert tables.con.execute("SELECT supplier_id, joined_at FROM suppliers").fetchall() == [("7", utc)]
    tables.close()


@pytest.mark.parametrize(
    ("amount", "rule"),
    [
        ("CAST(12.34 AS DOUBLE)", None),
        ("CAST(12.34 AS DECIMAL(10,4))", None),
        ("12", None),
        ("CAST(12 AS UBIGINT)", None),
        ("CAST(0.1 AS DOUBLE) + CAST(0.2 AS DOUBLE)", "money_has_two_decimals"),
        ("CAST(12.345 AS DECIMAL(10,3))", "money_has_two_decimals"),
        ("CAST('nan' AS DOUBLE)", "money_is_decimal"),
        ("CAST('inf' AS DOUBLE)", "money_is_decimal"),
        ("CAST(1e30 AS DOUBLE)", "money_is_decimal"),
        ("CAST(1e30 AS HUGEINT)", "money_is_decimal"),
    ],
)
def test_parquet_money_of_any_type_is_exact_or_set_aside(tmp_path: Path, amount: str, rule: str | None) -> None:
    write_parquet(
        tmp_path / "orders.parquet",
        "SELECT 'o' AS order_id, 's' AS supplier_id, 'b' AS buyer_id, DATE '2024-01-01' AS ordered_at, "
        f"{amount} AS amount, CAST('nan' AS DOUBLE) AS quantity",
    )
    tables, rejects = read_tables(tmp_path, now=NOW, tables=["orders"], max_rejected_share=1.0)
    assert {r.rule for r in rejects} == {"number_is_finite"} | ({rule} if rule else set())
    tables.close()


@pytest.mark.parametrize(
    ("day", "rule"),
    [
        ("DATE '2010-05-06'", None),
        ("TIMESTAMP '2010-05-06 00:00:00'", None),
        ("TIMESTAMPTZ '2010-05-05 16:00:00+00'", None),
        ("TIMESTAMP '2010-05-06 00:00:01'", "date_is_iso_8601"),
        ("DATE 'infinity'", "date_is_iso_8601"),
    ],
)
def test_a_parquet_date_of_any_type_is_a_day_or_set_aside(tmp_path: Path, day: str, rule: str | None) -> None:
    write_parquet(tmp_path / "suppliers.parquet", f"SELECT 's' AS supplier_id, {day} AS registered_on")
    tables, rejects = read_tables(tmp_path, now=NOW, tables=["suppliers"], max_rejected_share=1.0)
    assert [r.rule for r in rejects] == ([rule] if rule else [])
    if rule is None:
        assert tables.con.execute("SELECT registered_on FROM suppliers").fetchall() == [(date(2010, 5, 6),)]
    tables.close()
