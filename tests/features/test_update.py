"""A ledger that grew day by day is the ledger built at once: every feature, every date, every reason, to the bit."""

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import astuple
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from credit.errors import LedgerUnreadable, NotEnoughHistory, TableUnreadable
from features.build import build_features
from features.catalog import CATALOG
from features.civil import to_day
from features.evidence import evidence_rows
from features.ledger import Ledger, build_ledger
from features.read import read_tables
from features.reckoning import reckon
from features.simulate import simulate
from features.store import build_stored, folders_of, open_ledger, save_ledger, writing
from features.update import Update, update_ledger, update_stored
from tests.drawn import AS_OF, draw, tables_of
from tests.features.days import Days, cut
from tests.features.test_totals import by_party
from tests.properties.histories import History, histories

DATES = [date(2025, 12, 1), date(2026, 3, 31), date(2026, 4, 15), date(2026, 5, 1), date(2026, 6, 9), date(2026, 7, 1), date(2027, 1, 1)]
KNOWN_AT = (None, date(2026, 4, 20), date(2026, 7, 1))


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    folder = tmp_path_factory.mktemp("days")
    simulate(folder / "world", suppliers=60, months=24, seed=11)
    return cut(folder / "world", folder, begins=date(2026, 3, 10), step=3, ends=date(2026, 7, 1))


@pytest.fixture(scope="module")
def whole(days: Days, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    tables, rejects = read_tables(days.whole)
    assert not rejects
    return build_stored(tables, tmp_path_factory.mktemp("whole") / "ledger")


def stamps(path: Path, segments: list[str]) -> dict[str, tuple[str, int, int]]:
    """What tells that a segment's files were not touched: content, time and inode."""
    files = [file for name in segments for file in sorted((path / name).iterdir())]
    return {
        str(file.relative_to(path)): (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns, file.stat().st_ino)
        for file in files
    }


def manifest_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def grown(days: Days, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger that was given every day's folder in turn, closed segments watched on the way."""
    path = tmp_path_factory.mktemp("grown") / "ledger"
    build_stored(read_tables(days.first)[0], path)
    assert len(days.later) >= 38
    for folder in days.later:
        before = manifest_of(path)
        closed = before["segments"][:-1] if before["open"] else before["segments"]
        untouched = stamps(path, closed)
        done = update_ledger(path, folder)
        assert done.has_changed
        assert not done.rejects, list(done.rejects)
        assert manifest_of(path)["segments"][: len(closed)] == closed
        assert stamps(path, closed) == untouched
        held = {*folders_of(manifest_of(path)), "manifest.json", ".lock"}
        assert {entry.name for entry in path.iterdir()} == held
    return path


def same_features(left: Ledger, right: Ledger, dates: list[date] = DATES, known: tuple[date | None, ...] = KNOWN_AT) -> None:
    for day in known:
        one, other = (build_features(ledger, dates, as_known_at=day) for ledger in (left, right))
        assert one.supplier_ids.tolist() == other.supplier_ids.tolist()
        assert one.as_of.tolist() == other.as_of.tolist()
        assert one.values.tobytes() == other.values.tobytes()


@pytest.mark.slow
def test_features_of_a_grown_ledger_are_bitwise_those_of_one_built_at_once(grown: Path, whole: Ledger) -> None:
    found = open_ledger(grown)
    same_features(whole, found)
    assert (found.facts, found.last_known_day, found.first_day) == (whole.facts, whole.last_known_day, whole.first_day)
    assert by_party(found) == by_party(whole)
    assert (found.zone, found.currency, found.present) == (whole.zone, whole.currency, whole.present)
    assert found.supplier_ids.tolist() == whole.supplier_ids.tolist()
    assert found.known_from.tolist() == whole.known_from.tolist()
    assert all(found.profile(name) == whole.profile(name) for name in found.supplier_ids.tolist())


@pytest.mark.slow
def test_evidence_from_a_grown_ledger_is_that_of_one_built_at_once(grown: Path, whole: Ledger) -> None:
    found, looked_at = open_ledger(grown), 0
    for supplier in whole.supplier_ids[::9].tolist():
        for feature in CATALOG:
            expected = evidence_rows(whole, feature.name, supplier, date(2026, 6, 20), limit=1000)
            assert evidence_rows(found, feature.name, supplier, date(2026, 6, 20), limit=1000) == expected
            looked_at += len(expected.rows)
            behind = (repr(reckon(ledger, feature.name, supplier, date(2026, 3, 10))) for ledger in (found, whole))
            assert next(behind) == next(behind)
    assert looked_at > 1000


@pytest.mark.slow
def test_one_suppliers_features_from_the_stored_ledger_are_bitwise_the_batchs(grown: Path) -> None:
    ledger = open_ledger(grown)
    batch = build_features(ledger, [date(2026, 7, 1)])
    for row, supplier in enumerate(batch.supplier_ids.tolist()):
        assert build_features(ledger, [date(2026, 7, 1)], [supplier]).values.tobytes() == batch.values[row : row + 1].tobytes()


@pytest.mark.slow
def test_each_month_has_a_segment_and_only_the_last_is_open(grown: Path) -> None:
    manifest = manifest_of(grown)
    assert manifest["months"][:5] == [None, "2026-03", "2026-04", "2026-05", "2026-06"]
    assert len(manifest["months"]) == len(manifest["segments"]) == 6
    assert (manifest["open"], manifest["updates"]) == (True, 38)
    assert any(name.startswith("update-0038/") for name in manifest["digests"])


@pytest.mark.slow
def test_the_same_day_twice_changes_nothing(grown: Path, days: Days) -> None:
    before = (grown / "manifest.json").read_bytes()
    done = update_ledger(grown, days.later[-1])
    assert not done.has_changed
    assert {(table.added, table.set_aside) for table in done.tables.values()} == {(0, 0)}
    assert done.tables["orders"].repeated > 0
    assert (grown / "manifest.json").read_bytes() == before


SUPPLIERS = "supplier_id,joined_at,name\nS,2025-01-01,甲\nT,2025-01-02,乙\n"
ORDERS = "order_id,supplier_id,buyer_id,ordered_at,amount,recorded_at\na,S,Li,2025-06-01T10:00:00,100,\nb,T,Li,2025-06-02,200,\n"
BASE = {
    "suppliers": SUPPLIERS,
    "orders": ORDERS,
    "fulfilments": "fulfilment_id,order_id,supplier_id,delivered_at\n",
    "reviews": "review_id,supplier_id,reviewed_at,rating\n",
    "purchases": "purchase_id,supplier_id,vendor_id,purchased_at,amount\np,S,V,2025-06-01,50\n",
}


def written(folder: Path, tables: Mapping[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A small ledger to add to."""
    save_ledger(build_ledger(read_tables(written(tmp_path / "base", BASE))[0]), tmp_path / "ledger")
    return tmp_path / "ledger"


def added(path: Path, tables: Mapping[str, str], share: float = 1.0) -> Update:
    return update_ledger(path, written(path.parent / f"day-{len(list(path.parent.iterdir()))}", tables), max_rejected_share=share)


def broken(update: Update) -> list[tuple[str, int, str, str]]:
    return [(reject.file, reject.row, reject.column, reject.rule) for reject in update.rejects]


def test_what_a_day_names_may_stand_in_the_ledger_or_in_the_day(path: Path) -> None:
    orders = "order_id,supplier_id,buyer_id,ordered_at,amount\nc,N,Li,2025-06-05T08:00:00,70\n"
    deliveries = (
        "fulfilment_id,order_id,supplier_id,shipped_at,delivered_at\n1,a,S,2025-06-03,2025-06-04\n1,c,N,2025-06-06,2025-06-07\n"
        "1,a,T,2025-06-03,2025-06-04\n1,zz,S,2025-06-03,2025-06-04\n2,a,S,2025-05-03,2025-06-04\n1,b,X,2025-06-03,2025-06-04\n"
    )
    reviews = "review_id,supplier_id,order_id,reviewed_at,rating\nr,S,a,2025-05-01,5\nq,S,a,2025-06-09,5\n"
    done = added(path, {"suppliers": "supplier_id\nN\n", "orders": orders, "fulfilments": deliveries, "reviews": reviews})
    assert broken(done) == [
        ("fulfilments.csv", 3, "order_id", "order_is_known"),
        ("fulfilments.csv", 4, "order_id", "order_is_known"),
        ("fulfilments.csv", 5, "shipped_at", "shipped_not_before_ordered"),
        ("fulfilments.csv", 6, "order_id", "order_is_known"),
        ("fulfilments.csv", 6, "supplier_id", "supplier_is_known"),
        ("reviews.csv", 1, "reviewed_at", "reviewed_not_before_ordered"),
    ]
    assert (done.tables["fulfilments"].added, done.tables["fulfilments"].set_aside, done.new_suppliers) == (2, 4, 1)
    assert {fact.label for fact in open_ledger(path).facts_of("N", ("delivered",))} == {"c/1"}


def test_an_order_with_versions_in_the_ledger_counts_from_its_earliest(path: Path) -> None:
    again = "order_id,supplier_id,buyer_id,ordered_at,amount,recorded_at\na,S,Li,2025-05-20,100,2025-06-03\n"
    assert not added(path, {"orders": again}).rejects
    assert not added(path, {"fulfilments": "fulfilment_id,order_id,supplier_id,shipped_at\n1,a,S,2025-05-21\n"}).rejects


def test_a_profile_is_the_latest_recorded_whenever_it_comes(path: Path) -> None:
    head = "supplier_id,name,recorded_at\n"
    added(path, {"suppliers": head + "T,丁,2025-09-01\n"})
    added(path, {"suppliers": head + "T,丙,2025-08-01\nU,戊,\n"})
    ledger = open_ledger(path)
    assert (ledger.profile("T").name, ledger.profile("S").name, ledger.profile("U").name) == ("丁", "甲", "戊")


def test_a_table_that_was_absent_becomes_present(path: Path) -> None:
    assert "production" not in open_ledger(path).present
    added(path, {"production": "supplier_id,observed_at,utilisation\nS,2025-06-04,0.5\n"})
    assert "production" in open_ledger(path).present


def test_a_row_recorded_long_ago_goes_to_the_open_segment(path: Path) -> None:
    added(path, {"orders": "order_id,supplier_id,buyer_id,ordered_at,amount\nc,S,Li,2025-08-03,5\n"})
    added(path, {"orders": "order_id,supplier_id,buyer_id,ordered_at,amount\nd,S,Li,2025-01-03,5\n"})
    assert manifest_of(path)["months"] == [None, "2025-08"]
    assert [len(segment.records[1]) for segment in open_ledger(path).segments] == [2, 2]


MOVES = (
    "p | S | V | -60 | 10 | ",
    "p | T | V | -60 | 10 | -50",
    "p | U | V | -58 | 12 | -40",
    "p | S | W | -60 | 10 | -45",
    "p | T | V | -59 | 11 | -20",
)


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 0, 4, 1, 3), (3, 1, 4, 0, 2)])
def test_a_row_that_changes_hands_again_and_again_is_followed(order: tuple[int, ...], tmp_path: Path) -> None:
    head = "purchase_id | supplier_id | vendor_id | purchased_at | amount | recorded_at\n"
    base = {"suppliers": "supplier_id | joined_at\nS | -100\nT | -100\nU | -100", "purchases": head + "z | U | V | -90 | 7 |\n"}
    save_ledger(build_ledger(draw(base)), tmp_path / "ledger")
    for place in order:
        update_stored(tmp_path / "ledger", draw({"purchases": head + MOVES[place]}))
    whole = build_ledger(draw({**base, "purchases": base["purchases"] + "\n".join(MOVES)}))
    dates = [AS_OF - timedelta(days=back) for back in (55, 46, 42, 30, 5)]
    same_features(whole, open_ledger(tmp_path / "ledger"), dates, (None, AS_OF))
    assert [holders(open_ledger(tmp_path / "ledger"), day) for day in dates] == [
        {"S": 1000},
        {"T": 1000},
        {"S": 1000},
        {"U": 1200},
        {"T": 1100},
    ]


def holders(ledger: Ledger, day: date) -> dict[str, int]:
    """With whom the purchase p stands, and its amount, as known before a day."""
    found = {}
    for name in ("S", "T", "U"):
        facts = [fact for fact in ledger.facts_of(name, ("purchased",)) if fact.label == "p" and fact.known_day < to_day(day)]
        found[name] = sum(fact.values[0] for fact in facts)
    return {name: amount for name, amount in found.items() if amount}


@pytest.mark.slow
@settings(max_examples=25, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(history=histories(), chance=st.randoms(use_true_random=False))
def test_any_history_in_any_parts_is_the_history_at_once(
    tmp_path_factory: pytest.TempPathFactory, history: History, chance: Random
) -> None:
    names = [row["supplier_id"] for row in history["suppliers"]]
    for table in ("purchases", "invoices"):
        for row in history[table]:
            if row["recorded_at"] is not None and chance.random() < 0.4:
                row["supplier_id"] = chance.choice(names)
    parts: list[History] = [{table: [] for table in history} for _ in range(4)]
    for table in history:
        rows, places = history[table], chance.choices((0, 0, 1, 2, 3), k=len(history[table]))
        if table == "reviews" and chance.random() < 0.5:  # the rest come in any order, and some of their words too late
            rows = sorted(rows, key=lambda row: max(row["reviewed_at"], row["recorded_at"] or row["reviewed_at"]))
            places.sort()
        for place, row in zip(places, rows, strict=True):
            parts[place][table].append(row)
    path = tmp_path_factory.mktemp("parts") / "ledger"
    try:
        save_ledger(build_ledger(tables_of(parts[0])), path)
    except NotEnoughHistory:
        assume(False)
    for part in parts[1:]:
        done = update_stored(path, tables_of(part))
        assert {(reject.table, reject.rule) for reject in done.rejects} <= {("reviews", "text_is_of_an_open_quarter")}
        late = {reject.row for reject in done.rejects}
        history["reviews"] = [row for row in history["reviews"] if not any(row is part["reviews"][place - 1] for place in late)]
        assert not update_stored(path, tables_of(part)).has_changed
    whole, grown = build_ledger(tables_of(history)), open_ledger(path)
    dates = [AS_OF - timedelta(days=back) for back in (200, 30, 0, -20)]
    same_features(whole, grown, dates, (None, AS_OF - timedelta(days=10)))
    assert grown.facts == whole.facts
    assert by_party(grown) == by_party(whole)
    for supplier in whole.supplier_ids.tolist():
        told, told_at_once = (sorted(astuple(fact) for fact in ledger.facts_of(supplier)) for ledger in (grown, whole))
        assert told == told_at_once


@pytest.mark.parametrize(
    ("note", "says"),
    [
        ({"zone": "America/Sao_Paulo"}, r"zone is America/Sao_Paulo, that of the ledger Asia/Shanghai"),
        ({"currency": "BRL"}, "currency is BRL"),
    ],
)
def test_another_zone_or_currency_is_refused(path: Path, note: dict[str, str], says: str) -> None:
    folder = written(path.parent / "other", {"orders": ORDERS})
    (folder / "lianxin-import.json").write_text(json.dumps(note))
    with pytest.raises(TableUnreadable, match=says):
        update_ledger(path, folder)


def test_accepted_rows_of_another_zone_are_refused(path: Path) -> None:
    with pytest.raises(TableUnreadable, match="zone is UTC"):
        update_stored(path, draw({"suppliers": "supplier_id\nS"}))


def test_a_folder_without_a_table_is_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(TableUnreadable, match="no table of the data contract is there"):
        update_ledger(path, tmp_path / "empty")


def test_where_no_ledger_stands_nothing_is_made(tmp_path: Path) -> None:
    folder = written(tmp_path / "day", {"orders": ORDERS})
    with pytest.raises(LedgerUnreadable, match=r"not a ledger .*lianxin ledger build"):
        update_ledger(tmp_path / "nowhere", folder)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("part", ["names", "open"])
def test_what_is_damaged_is_not_written_again(path: Path, part: str) -> None:
    added(path, {"orders": "order_id,supplier_id,buyer_id,ordered_at,amount\nc,S,Li,2025-06-03,5\n"})
    manifest = manifest_of(path)
    file = path / str(manifest["names"]) / "days.npy" if part == "names" else path / manifest["segments"][-1] / "orders.records"
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(LedgerUnreadable, match="is not what was saved; build it again"):
        added(path, {"orders": "order_id,supplier_id,buyer_id,ordered_at,amount\nd,S,Li,2025-06-03,5\n"})


def test_two_writers_at_once_are_refused_and_the_first_is_not_disturbed(path: Path) -> None:
    before = (path / "manifest.json").read_bytes()
    with writing(path), pytest.raises(LedgerUnreadable, match="being written by another process"):
        added(path, {"orders": "order_id,supplier_id,buyer_id,ordered_at,amount\nc,S,Li,2025-06-03,5\n"})
    assert (path / "manifest.json").read_bytes() == before


def test_who_opened_the_ledger_before_goes_on_with_what_it_was(path: Path) -> None:
    added(path, {"orders": "order_id,supplier_id,buyer_id,ordered_at,amount\nc,S,Li,2025-06-03,5\n"})
    opened, name = open_ledger(path), manifest_of(path)["segments"][-1]
    before = build_features(opened, [date(2025, 7, 1)]).values.tobytes()
    added(path, {"orders": "order_id,supplier_id,buyer_id,ordered_at,amount\nd,S,Li,2025-06-04,5\n"})
    assert not (path / name).exists(), "the open segment was replaced"
    assert build_features(opened, [date(2025, 7, 1)]).values.tobytes() == before
    assert [fact.label for fact in opened.facts_of("S", ("order_placed",))] == ["a", "c"]
    assert [fact.label for fact in open_ledger(path).facts_of("S", ("order_placed",))] == ["a", "c", "d"]


def test_a_ledger_can_be_opened_while_it_is_updated(path: Path) -> None:
    seen, failed, over = set(), [], threading.Event()

    def read() -> None:
        while not over.is_set():
            try:
                seen.add(len(open_ledger(path).facts_of("S", ("order_placed",))))
            except Exception as error:
                failed.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(15):
        added(path, {"orders": f"order_id,supplier_id,buyer_id,ordered_at,amount\nn{number},S,Li,2025-06-03,5\n"})
    over.set()
    reader.join()
    assert not failed
    assert len(seen) > 3
