"""The quality report: the five shares by hand, everything reported, and rejects saved safely."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from credit.errors import TableUnreadable
from features.quality import NAMES, check_tables
from features.rejects import without_formula
from features.rules import RULES, Dimension
from features.tables import CONTRACT
from tests.features.folders import GOOD, NOW, changed, write_folder


def _orders(folder: Path) -> Path:
    """Ten orders: one with a wrong amount, one in the future, one cancelled too early, one without its time."""
    rows = [{**changed("orders", order_id=f"o{place}"), "recorded_at": ""} for place in range(1, 11)]
    rows[1]["amount"] = "-1"
    rows[2]["ordered_at"], rows[2]["promised_at"] = "2024-07-30", ""
    rows[3]["cancelled_at"] = "2023-01-01"
    rows[4]["ordered_at"] = ""
    rows[5]["recorded_at"] = "2024-01-17T09:00:00"
    rows[6]["recorded_at"] = "2024-01-17T09:00:01"
    rows[7]["category"] = ""
    return write_folder(folder, {"orders": rows})


def test_the_five_shares_are_those_counted_by_hand(tmp_path: Path) -> None:
    report = check_tables(_orders(tmp_path), now=NOW)
    orders = next(table for table in report.tables if table.table == "orders")
    assert (orders.rows, orders.rejected) == (10, 4)
    assert orders.shares[Dimension.VALIDITY] == pytest.approx(0.9)
    assert orders.shares[Dimension.ACCURACY] == pytest.approx(0.9)
    assert orders.shares[Dimension.CONSISTENCY] == pytest.approx(0.9)
    # Six accepted rows fill category 5, quantity 6, promised_at 6 times; one row of ten lacked a required cell.
    assert orders.shares[Dimension.COMPLETENESS] == pytest.approx(0.9 * (5 / 6 + 1 + 1) / 3)
    # Of six rows two say when they were recorded, one of them a second after seven days.
    assert orders.shares[Dimension.TIMELINESS] == pytest.approx(5 / 6)
    assert orders.last_event_at == datetime(2024, 1, 10, 1, tzinfo=UTC)
    assert orders.days_since_last_event == pytest.approx(171 + 23 / 24)
    assert dict(orders.rules) == {
        "amount_is_positive": 1,
        "cancelled_not_before_ordered": 1,
        "not_in_the_future": 1,
        "required_cell_is_given": 1,
    }


def test_overall_is_the_mean_weighted_by_rows(tmp_path: Path) -> None:
    report = check_tables(_orders(tmp_path), now=NOW)
    validity = [(table.shares[Dimension.VALIDITY] or 0, table.rows) for table in report.tables]
    wanted = sum(share * rows for share, rows in validity) / sum(rows for _, rows in validity)
    assert report.overall[Dimension.VALIDITY] == pytest.approx(wanted)


def test_a_good_folder_passes_and_says_so_in_both_languages(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {"orders": [{**GOOD["orders"], "status": "done"}]})
    (folder / "readme.txt").write_text("x")
    (folder / "purchases.csv").unlink()
    report = check_tables(folder, now=NOW)
    assert report.passed
    assert report.absent == ("purchases",)
    assert report.other_files == ("readme.txt",)
    assert report.overall[Dimension.VALIDITY] == 1.0
    assert report.overall[Dimension.TIMELINESS] is None
    english, chinese = "\n".join(report.lines()), "\n".join(report.lines("zh"))
    for dimension in Dimension:
        assert NAMES[dimension][1] in english
        assert NAMES[dimension][0] in chinese
    assert "columns not used: status" in english
    assert "12 of 13 tables present" in english


def test_the_report_is_json_with_every_table(tmp_path: Path) -> None:
    report = check_tables(_orders(tmp_path), now=NOW)
    body = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert body["passed"] is False
    assert [table["table"] for table in body["tables"]] == list(CONTRACT)
    assert set(body["overall"]) == {dimension.value for dimension in Dimension}


def test_the_check_goes_on_where_the_import_stops(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {"reviews": [changed("reviews", review_id=name, rating="9") for name in ("r1", "r2")]})
    (folder / "orders.csv").write_text("nothing\n")
    (folder / "suppliers.csv").unlink()
    report = check_tables(folder, now=NOW)
    assert report.missing == ("suppliers",)
    assert len(report.problems) == 3
    assert [(r.table, r.rule) for r in report.rejects] == [("reviews", "rating_from_1_to_5")] * 2


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableUnreadable):
        check_tables(tmp_path / "nowhere", now=NOW)


def test_rejects_are_saved_by_table_and_earlier_ones_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "rejects").mkdir(parents=True)
    (out / "rejects" / "reviews.csv").write_text("of an earlier check")
    rows = [GOOD["orders"], changed("orders", order_id="o2", currency="=HYPERLINK(1)")]
    report = check_tables(write_folder(tmp_path / "in", {"orders": rows}), now=NOW)
    written = report.rejects.save(out)
    assert written == (out / "rejects" / "orders.csv",)
    assert sorted(path.name for path in (out / "rejects").iterdir()) == ["orders.csv"]
    with written[0].open(encoding="utf-8", newline="") as stream:
        lines = list(csv.reader(stream))
    rule = RULES["currency_is_the_folders"]
    assert lines == [
        ["file", "row", "column", "rule", "value", "remedy_zh", "remedy_en"],
        ["orders.csv", "2", "currency", "currency_is_the_folders", "'=HYPERLINK(1)", rule.remedy_zh, rule.remedy_en],
    ]


@pytest.mark.parametrize("value", ["=1", "+1", "-1", "@x", "\tx", "\rx", "  =1"])
def test_a_value_a_spreadsheet_would_run_is_disarmed(value: str) -> None:
    assert without_formula(value) == "'" + value


def test_values_are_cut_at_eighty_characters(tmp_path: Path) -> None:
    rows = [GOOD["suppliers"], changed("suppliers", supplier_id="2", kind="长" * 200)]
    report = check_tables(write_folder(tmp_path, {"suppliers": rows}), now=NOW)
    assert [r.value for r in report.rejects.of("suppliers")] == ["长" * 80]
