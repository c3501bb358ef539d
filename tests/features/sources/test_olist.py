"""Olist's files as contract tables: a hand-made market of three sellers, and the real files where they are."""

import gzip
import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from credit.errors import OutOfRange, TableUnreadable
from features.quality import check_tables
from features.raw_files import IMPORT_NOTE
from features.read import RawTables, read_tables
from features.sources.olist import FILES, import_olist
from tests.real_data import real_data

HEADERS = {
    "orders": "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,"
    "order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date",
    "items": "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value",
    "payments": "order_id,payment_sequential,payment_type,payment_installments,payment_value",
    "reviews": "review_id,order_id,review_score,review_comment_title,review_comment_message,review_creation_date,review_answer_timestamp",
    "customers": "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state",
    "sellers": "seller_id,seller_zip_code_prefix,seller_city,seller_state",
    "products": "product_id,product_category_name",
    "translation": "product_category_name,product_category_name_english",
}

MARKET: dict[str, list[str]] = {
    "orders": [
        "A,c1,delivered,2017-01-10 10:00:00,,2017-01-12 09:00:00,2017-01-20 09:00:00,2017-01-25 00:00:00",
        "B,c2,canceled,2017-01-11 10:00:00,,,,2017-01-25 00:00:00",
        "C,c1,delivered,2017-10-15 00:30:00,,2017-10-14 09:00:00,2017-10-20 09:00:00,2017-10-25 00:00:00",
        "D,c2,unavailable,2017-01-12 10:00:00,,,,2017-01-25 00:00:00",
    ],
    "items": [
        "A,1,p1,s1,2017-01-15,10.50,2.25",
        "A,2,p2,s1,2017-01-15,99.00,2.25",
        "A,3,p3,s2,2017-01-15,5.00,0.00",
        "B,1,p3,s1,2017-01-15,7.00,1.00",
        "C,1,p1,s2,2017-10-18,8.00,1.00",
    ],
    "payments": ["A,1,boleto,1,100.00", "A,2,voucher,1,19.00", "B,1,boleto,1,9.99"],
    "reviews": [
        'r1,A,4,titulo,"bom, muito ""bom""\nsim",2017-01-21 00:00:00,2017-01-22 10:00:00',
        "r1,B,1,,,2017-01-21 00:00:00,2017-01-23 10:00:00",
        "r2,B,1,,,,",
    ],
    "customers": ["c1,u1,1,x,SP", "c2,u1,1,x,SP"],
    "sellers": ["s1,1,x,SP", "s2,1,x,MG", "s3,1,x,RJ"],
    "products": ["p1,beleza", "p2,pc_gamer", "p3,"],
    "translation": ["beleza,beauty"],
}


def write_market(folder: Path, market: dict[str, list[str]], *, packed: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, (stem, _) in FILES.items():
        text = "\n".join([HEADERS[name], *market[name]]) + "\n"
        if packed:
            (folder / f"{stem}.csv.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (folder / f"{stem}.csv").write_text(text, encoding="utf-8")
    return folder


def rows(tables: RawTables, query: str) -> list[tuple[object, ...]]:
    return tables.con.execute(query).fetchall()


@pytest.mark.parametrize("packed", [False, True])
def test_the_market_becomes_contract_tables(tmp_path: Path, packed: bool) -> None:
    made = import_olist(write_market(tmp_path / "in", MARKET, packed=packed), tmp_path / "out", outcome="silent", max_rejected_share=1.0)
    tables, rejects = read_tables(tmp_path / "out", max_rejected_share=1.0)
    assert rows(tables, "SELECT supplier_id, province FROM suppliers") == [("s1", "SP"), ("s2", "MG"), ("s3", "RJ")]
    assert rows(tables, "SELECT order_id, supplier_id, buyer_id, amount, category, quantity FROM orders") == [
        ("A", "s1", "u1", Decimal("114.00"), "pc_gamer", 2.0),
        ("A", "s2", "u1", Decimal("5.00"), None, 1.0),
        ("B", "s1", "u1", Decimal("8.00"), None, 1.0),
        ("C", "s2", "u1", Decimal("9.00"), "beauty", 1.0),
    ]
    assert rows(tables, "SELECT ordered_at, promised_at, cancelled_at FROM orders LIMIT 1") == [
        (datetime(2017, 1, 10, 12), datetime(2017, 1, 25, 2), None)
    ]
    assert rows(tables, "SELECT fulfilment_id, order_id, supplier_id, delivered_at FROM fulfilments") == [
        ("A", "A", "s1", datetime(2017, 1, 20, 11)),
        ("A", "A", "s2", datetime(2017, 1, 20, 11)),
    ]
    assert rows(tables, "SELECT review_id, order_id, supplier_id, rating, reviewed_at, text FROM reviews") == [
        ("r1", "A", "s1", 4.0, datetime(2017, 1, 22, 12), 'titulo\nbom, muito "bom"\nsim'),
        ("r1", "A", "s2", 4.0, datetime(2017, 1, 22, 12), 'titulo\nbom, muito "bom"\nsim'),
        ("r1", "B", "s1", 1.0, datetime(2017, 1, 23, 12), None),
    ]
    assert {(r.table, r.rule, r.value) for r in rejects} == {
        ("fulfilments", "shipped_not_before_ordered", "2017-10-14 09:00:00"),
        ("reviews", "required_cell_is_given", ""),
    }
    assert (tables.zone, tables.currency) == ("America/Sao_Paulo", "BRL")
    assert (made.orders_paid, made.orders_paid_exactly) == (2, 1)
    assert made.rows["orders"] == 4
    assert made.set_aside == rejects.counts
    tables.close()


def test_the_note_names_the_sources_by_digest_and_a_second_import_gives_the_same_bytes(tmp_path: Path) -> None:
    source, out = write_market(tmp_path / "in", MARKET), tmp_path / "out"
    import_olist(source, out, outcome="late", max_rejected_share=1.0)
    (out / "orders.csv").write_text("of another import")
    first = {path.name: path.read_bytes() for path in out.iterdir() if path.name != "orders.csv"}
    import_olist(source, out, outcome="late", max_rejected_share=1.0)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    note = json.loads((out / IMPORT_NOTE).read_text())
    assert note["outcome"] == "late"
    assert len(note["sources"]) == 8


def _order(name: str, seller: str, day: date, *, delivered: date | None = None) -> tuple[str, str]:
    """An order placed at noon, promised in ten days."""
    shipped = f"{day} 13:00:00" if delivered else ""
    arrived = f"{delivered} 23:00:00" if delivered else ""
    return (
        f"{name},c1,x,{day} 12:00:00,,{shipped},{arrived},{day + timedelta(days=10)} 00:00:00",
        f"{name},1,p1,{seller},2017-01-15,10.00,1.00",
    )


def _labels(folder: Path, placed: list[tuple[str, str]], outcome: str) -> dict[tuple[object, ...], tuple[object, ...]]:
    market = {**MARKET, "orders": [o for o, _ in placed], "items": [i for _, i in placed], "reviews": []}
    import_olist(write_market(folder / "in", market), folder / "out", outcome=outcome)  # type: ignore[arg-type]
    tables, _ = read_tables(folder / "out")
    found = rows(tables, "SELECT supplier_id, as_of, outcome, recorded_at FROM labels")
    tables.close()
    return {(supplier, as_of): (label, known) for supplier, as_of, label, known in found}


def test_a_seller_with_five_orders_and_none_in_ninety_days_went_silent(tmp_path: Path) -> None:
    first = date(2018, 1, 1)
    placed = [_order(f"a{n}", "s1", date(2017, 12, 27 + n)) for n in range(5)]
    placed += [_order(f"b{n}", "s2", date(2017, 12, 28 + n)) for n in range(4)]
    placed += [_order(f"c{n}", "s3", date(2017, 12, 27 + n)) for n in range(5)]
    placed += [_order("c9", "s3", first + timedelta(days=89))]
    labels = _labels(tmp_path, placed, "silent")
    assert labels[("s1", first)] == ("bad", datetime(2018, 4, 1, 3))
    assert ("s2", first) not in labels
    assert labels[("s3", first)][0] == "good"
    assert labels[("s3", date(2018, 4, 1))][0] == "bad"
    assert max(as_of for _, as_of in labels) == date(2018, 6, 1)  # type: ignore[type-var]


def test_an_order_on_the_ninetieth_day_comes_too_late(tmp_path: Path) -> None:
    first = date(2018, 1, 1)
    placed = [_order(f"a{n}", "s1", date(2017, 12, 27 + n)) for n in range(5)]
    labels = _labels(tmp_path, [*placed, _order("a9", "s1", first + timedelta(days=90))], "silent")
    assert labels[("s1", first)][0] == "bad"


@pytest.mark.parametrize(("late", "label"), [(0, "good"), (1, "bad"), (5, "bad")])
def test_one_late_delivery_in_five_is_bad(tmp_path: Path, late: int, label: str) -> None:
    day = date(2018, 2, 1)
    placed = [_order("before", "s1", date(2017, 12, 1))]
    placed += [_order(f"a{n}", "s1", day, delivered=day + timedelta(days=11 if n < late else 10)) for n in range(5)]
    labels = _labels(tmp_path, placed, "late")
    assert labels[("s1", date(2018, 1, 1))] == (label, datetime(2018, 5, 1, 3))


def test_fewer_than_five_delivered_in_time_to_be_known_give_no_late_label(tmp_path: Path) -> None:
    day, first = date(2018, 2, 1), date(2018, 1, 1)
    placed = [_order("before", "s1", date(2017, 12, 1))]
    placed += [_order(f"a{n}", "s1", day, delivered=day + timedelta(days=5)) for n in range(4)]
    placed += [_order("a4", "s1", day, delivered=first + timedelta(days=120)), _order("a5", "s1", day)]
    assert ("s1", first) not in _labels(tmp_path, placed, "late")


def test_a_missing_file_or_column_is_refused(tmp_path: Path) -> None:
    source = write_market(tmp_path / "in", MARKET)
    sellers = source / "olist_sellers_dataset.csv"
    sellers.write_text("seller_id\ns1\n")
    with pytest.raises(TableUnreadable, match=r"olist_sellers_dataset\.csv: columns are missing \(seller_state\)"):
        import_olist(source, tmp_path / "out", outcome="silent")
    sellers.write_text("seller_id,seller_state\ns1\n")
    with pytest.raises(TableUnreadable, match=r"olist_sellers_dataset\.csv: cannot be read"):
        import_olist(source, tmp_path / "out", outcome="silent")
    sellers.unlink()
    with pytest.raises(TableUnreadable, match="olist_sellers_dataset"):
        import_olist(source, tmp_path / "out", outcome="silent")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_outcome_of_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutOfRange, match="choose silent or late"):
        import_olist(tmp_path, tmp_path / "out", outcome="default")  # type: ignore[arg-type]


@pytest.mark.real_data
def test_the_real_files_pass_the_contract(tmp_path: Path) -> None:
    made = import_olist(real_data("olist"), tmp_path, outcome="silent")
    assert made.rows == {"suppliers": 3095, "orders": 100010, "fulfilments": 98783, "reviews": 99741, "labels": 10447}
    assert made.labels_bad == 1593
    assert made.set_aside == {
        ("fulfilments", "delivered_not_before_shipped"): 42,
        ("fulfilments", "shipped_not_before_ordered"): 176,
        ("reviews", "required_cell_is_given"): 60,
        ("reviews", "reviewed_not_before_ordered"): 8,
    }
    assert (made.orders_paid, made.orders_paid_exactly) == (98665, 98362)
    report = check_tables(tmp_path)
    assert report.passed
    assert report.zone == "America/Sao_Paulo"
