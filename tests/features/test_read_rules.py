"""Each rule: a row that breaks it is set aside under the right row, column, rule and value, and the good rows go on."""

from pathlib import Path

import pytest

from features.read import read_tables
from features.rules import RULES
from tests.features.folders import GOOD, NOW, Row, changed, write_folder

LONG = "x" * 100

BAD_CELLS = [
    ("suppliers", "supplier_id", "", "required_cell_is_given"),
    ("orders", "ordered_at", "", "required_cell_is_given"),
    ("orders", "order_id", "   ", "id_is_not_blank"),
    ("reviews", "buyer_id", " ", "id_is_not_blank"),
    ("orders", "order_id", LONG, "id_is_within_64_characters"),
    ("orders", "buyer_id", "b\t1", "id_has_no_control_characters"),
    ("orders", "buyer_id", "b\x7f1", "id_has_no_control_characters"),
    ("suppliers", "uscc", "91350100M000100Y44", "uscc_check_digit_holds"),
    ("suppliers", "uscc", "91350100m000100y43", "uscc_check_digit_holds"),
    ("suppliers", "uscc", "91350100M000100Y4", "uscc_check_digit_holds"),
    ("suppliers", "kind", "company", "word_is_listed"),
    ("loans", "product", "Order", "word_is_listed"),
    ("production", "state", "paused", "word_is_listed"),
    ("cooperations", "content", "money", "word_is_listed"),
    ("cooperations", "level", "high", "word_is_listed"),
    ("certificates", "certificate", "iso_9002", "word_is_listed"),
    ("labels", "outcome", "1", "word_is_listed"),
    ("orders", "currency", "USD", "currency_is_the_folders"),
    ("orders", "amount", "0", "amount_is_positive"),
    ("orders", "amount", "-5.00", "amount_is_positive"),
    ("purchases", "amount", "0.00", "amount_is_positive"),
    ("invoices", "amount", "-1", "amount_is_positive"),
    ("loans", "principal", "0", "amount_is_positive"),
    ("orders", "amount", "12.345", "money_has_two_decimals"),
    ("orders", "amount", "100000000000.00", "money_is_below_100_billion"),
    ("orders", "amount", "1e3", "money_is_decimal"),
    ("orders", "amount", "1,200.00", "money_is_decimal"),
    ("orders", "amount", "１２", "money_is_decimal"),
    ("orders", "amount", "NaN", "money_is_decimal"),
    ("orders", "amount", "¥12", "money_is_decimal"),
    ("orders", "amount", "99999999999999999.00", "money_is_decimal"),
    ("orders", "quantity", "-1", "number_is_not_negative"),
    ("fulfilments", "return_amount", "-1", "number_is_not_negative"),
    ("inventory", "value", "-0.01", "number_is_not_negative"),
    ("orders", "quantity", "nan", "number_is_finite"),
    ("orders", "quantity", "1e12", "number_is_below_a_trillion"),
    ("orders", "quantity", "Infinity", "number_is_finite"),
    ("orders", "quantity", "1e999", "number_is_finite"),
    ("inventory", "days_of_cover", "many", "number_is_finite"),
    ("production", "utilisation", "1.01", "utilisation_from_0_to_1"),
    ("reviews", "rating", "0", "rating_from_1_to_5"),
    ("reviews", "rating", "5.5", "rating_from_1_to_5"),
    ("orders", "ordered_at", "2024-13-01", "time_is_iso_8601"),
    ("orders", "ordered_at", "10/01/2024", "time_is_iso_8601"),
    ("orders", "ordered_at", "2024-1-5", "time_is_iso_8601"),
    ("orders", "ordered_at", "2023-02-29 10:00:00", "time_is_iso_8601"),
    ("orders", "ordered_at", "infinity", "time_is_iso_8601"),
    ("orders", "ordered_at", "epoch", "time_is_iso_8601"),
    ("orders", "ordered_at", "1704873600", "time_is_iso_8601"),
    ("orders", "ordered_at", "2024-01-10 10:00 Asia/Shanghai", "time_is_iso_8601"),
    ("orders", "promised_at", "9999-12-31", "time_is_from_1900_to_2199"),
    ("suppliers", "registered_on", "0001-01-01", "time_is_from_1900_to_2199"),
    ("suppliers", "registered_on", "2010-05-06T00:00:00", "date_is_iso_8601"),
    ("certificates", "issued_on", "20220301", "date_is_iso_8601"),
    ("orders", "ordered_at", "2024-06-30T08:00:01", "not_in_the_future"),
    ("certificates", "issued_on", "2024-07-01", "not_in_the_future"),
    ("orders", "promised_at", "2024-01-10T08:59:59", "promised_not_before_ordered"),
    ("orders", "cancelled_at", "2024-01-10T08:59:59", "cancelled_not_before_ordered"),
    ("purchases", "cancelled_at", "2024-01-04", "cancelled_not_before_purchased"),
    ("fulfilments", "shipped_at", "2024-01-10T08:59:59", "shipped_not_before_ordered"),
    ("fulfilments", "delivered_at", "2024-01-12T09:59:59", "delivered_not_before_shipped"),
    ("reviews", "reviewed_at", "2024-01-10T08:59:59", "reviewed_not_before_ordered"),
    ("loans", "due_at", "2024-01-16", "due_not_before_drawn"),
    ("orders", "supplier_id", "1", "supplier_is_known"),
    ("inventory", "supplier_id", "002", "supplier_is_known"),
    ("labels", "supplier_id", "002", "supplier_is_known"),
    ("fulfilments", "order_id", "O1", "order_is_known"),
    ("reviews", "order_id", "o2", "order_is_known"),
    ("invoices", "order_id", "o2", "order_is_known"),
]

KEYS = {
    "suppliers": "supplier_id", "orders": "order_id", "fulfilments": "fulfilment_id", "reviews": "review_id",
    "purchases": "purchase_id", "invoices": "invoice_id", "loans": "loan_id", "repayments": "due_at",
    "inventory": "category", "production": "observed_at", "certificates": "issued_on", "cooperations": "partner_id",
    "labels": "as_of",
}  # fmt: skip


Found = tuple[str, str, int, str, str, str]


@pytest.fixture(scope="module", params=[".csv", ".csv.gz", ".parquet"])
def bad_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, set[Found], set[int]]:
    """A folder where each bad cell has a row of its own below the good row: its suffix, what was found, the rows kept."""
    rows = {name: [row] for name, row in GOOD.items()}
    for table, column, value, _ in BAD_CELLS:
        key, place = KEYS[table], len(rows[table])
        own = f"{2000 + place}-01-01" if key.endswith(("_at", "_of", "_on")) else f"other{place}"
        rows[table].append(changed(table, **({} if key == column else {key: own}), **{column: value}))
    folder = write_folder(tmp_path_factory.mktemp("bad"), rows, suffix=request.param)
    tables, rejects = read_tables(folder, now=NOW, max_rejected_share=1.0)
    found = {(r.table, r.file, r.row, r.column, r.rule, r.value) for r in rejects}
    kept = {row for name in GOOD for (row,) in tables.con.execute(f"SELECT source_row FROM {name}").fetchall()}
    tables.close()
    return request.param, found, kept


@pytest.mark.parametrize("place", range(len(BAD_CELLS)), ids=lambda place: "-".join(BAD_CELLS[place][::3]) + f"-{place}")
def test_a_bad_cell_is_caught_under_its_row_column_rule_and_value(bad_folder: tuple[str, set[Found], set[int]], place: int) -> None:
    suffix, found, _ = bad_folder
    table, column, value, rule = BAD_CELLS[place]
    row = 2 + sum(name == table for name, *_ in BAD_CELLS[:place])
    assert (table, f"{table}{suffix}", row, column, rule, value[:80]) in found
    assert {named for name, _, at, where, named, _ in found if (name, at, where) == (table, row, column)} == {rule}


def test_the_good_rows_beside_bad_ones_are_kept(bad_folder: tuple[str, set[Found], set[int]]) -> None:
    _, found, kept = bad_folder
    assert kept == {1}
    assert not [one for one in found if one[2] == 1]


def test_every_rule_that_a_cell_can_break_has_a_bad_cell_here() -> None:
    of_the_file = {
        "row_has_the_headers_cells", "quotes_are_closed", "text_is_utf8", "row_is_within_16_megabytes",
        "row_is_readable", "key_is_unique", "text_is_of_an_open_quarter",
    }  # fmt: skip
    assert {rule for *_, rule in BAD_CELLS} == set(RULES) - of_the_file


def test_a_row_is_set_aside_once_for_each_rule_it_breaks(tmp_path: Path) -> None:
    rows = [GOOD["orders"], changed("orders", order_id="o2", amount="-1", currency="USD", supplier_id="9")]
    tables, rejects = read_tables(write_folder(tmp_path, {"orders": rows}), now=NOW, max_rejected_share=1.0)
    assert dict(rejects.counts) == {
        ("orders", "amount_is_positive"): 1,
        ("orders", "currency_is_the_folders"): 1,
        ("orders", "supplier_is_known"): 1,
    }
    assert len(rejects) == 3
    tables.close()


def test_what_hangs_on_a_row_set_aside_is_set_aside_too(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {"orders": [changed("orders", amount="0")]})
    tables, rejects = read_tables(folder, now=NOW, max_rejected_share=1.0)
    assert ("fulfilments", "order_is_known") in rejects.counts
    assert tables.count("fulfilments") == 0
    tables.close()


def test_a_review_of_the_supplier_needs_no_order(tmp_path: Path) -> None:
    rows = [changed("reviews", order_id="", buyer_id="", reviewed_at="2023-01-01")]
    tables, rejects = read_tables(write_folder(tmp_path, {"reviews": rows}), now=NOW)
    assert not rejects
    assert tables.con.execute("SELECT order_id FROM reviews").fetchall() == [(None,)]
    tables.close()


def _orders_kept(folder: Path, rows: list[Row]) -> tuple[list[int], list[int]]:
    tables, rejects = read_tables(write_folder(folder, {"orders": rows}), now=NOW, max_rejected_share=1.0)
    kept = [row for (row,) in tables.con.execute("SELECT source_row FROM orders ORDER BY 1").fetchall()]
    aside = [r.row for r in rejects.of("orders") if r.rule == "key_is_unique"]
    tables.close()
    return kept, aside


def test_rows_of_one_key_with_different_recorded_at_are_versions_and_kept(tmp_path: Path) -> None:
    rows = [
        {**GOOD["orders"], "recorded_at": ""},
        {**changed("orders", amount="90"), "recorded_at": "2024-02-01"},
        {**changed("orders", amount="80"), "recorded_at": "2024-03-01"},
    ]
    assert _orders_kept(tmp_path, rows) == ([1, 2, 3], [])


def test_of_equal_rows_of_one_key_the_first_is_kept(tmp_path: Path) -> None:
    assert _orders_kept(tmp_path, [GOOD["orders"]] * 3) == ([1], [2, 3])


def test_of_contradicting_rows_of_one_key_none_is_kept(tmp_path: Path) -> None:
    assert _orders_kept(tmp_path, [GOOD["orders"], changed("orders", amount="1")]) == ([], [1, 2])


def test_one_order_may_have_several_sellers(tmp_path: Path) -> None:
    folder = write_folder(
        tmp_path,
        {
            "suppliers": [GOOD["suppliers"], changed("suppliers", supplier_id="002")],
            "orders": [GOOD["orders"], changed("orders", supplier_id="002")],
            "fulfilments": [GOOD["fulfilments"], changed("fulfilments", fulfilment_id="f2", supplier_id="003")],
        },
    )
    tables, rejects = read_tables(folder, now=NOW, max_rejected_share=1.0)
    assert tables.count("orders") == 2
    assert {(r.row, r.rule) for r in rejects} == {(2, "supplier_is_known"), (2, "order_is_known")}
    tables.close()
