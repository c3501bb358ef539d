import json
import os
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from credit.errors import LedgerUnreadable, NotEnoughHistory, UnknownSupplier
from features.build import build_features
from features.facts import KIND_INDEX
from features.ledger import Ledger, Profile, build_ledger
from features.store import open_ledger, save_ledger
from tests.drawn import AS_OF, draw

TABLES = {
    "suppliers": "supplier_id | joined_at | registered_on\nS | -400 | -900\nT | -7 | -800\nU | | -700\nV | |",
    "orders": """
        order_id | supplier_id | buyer_id | ordered_at | amount | promised_at | recorded_at
        a        | S           | Li       | -40        | 100    | -20         |
        a        | S           | Li       | -40        | 120    | -20         | -30
        b        | S           | Wang     | -10        | 300    | 60          | -6
        b        | T           | Wang     | -6         | 300    | 9           |
    """,
    "fulfilments": "fulfilment_id | order_id | supplier_id | delivered_at\n1 | a | S | -18",
    "reviews": "review_id | supplier_id | reviewed_at | rating",
    "invoices": "invoice_id | supplier_id | buyer_id | issued_at | due_at | amount\ni | S | Li | -18 | 72 | 120",
}


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return build_ledger(draw(TABLES))


@pytest.fixture(scope="module")
def saved(ledger: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "ledger"
    save_ledger(ledger, folder)
    return folder


@pytest.fixture
def stored(saved: Path, tmp_path: Path) -> Path:
    """A stored ledger a test may damage."""
    return Path(shutil.copytree(saved, tmp_path / "ledger"))


def day(back: int) -> int:
    return (AS_OF - date(1970, 1, 1)).days + back


def facts_of(ledger: Ledger, kind: str) -> list[tuple[str, int, int, int, int]]:
    rows = ledger.evidence.cursor().execute(
        "SELECT supplier_id, event_day, known_day, v0, v1 FROM facts WHERE kind = ? ORDER BY ALL", [KIND_INDEX[kind]]
    )
    return rows.fetchall()


ORDERS_PLACED = [
    ("S", day(-40), day(-40), 1, 10000),
    ("S", day(-40), day(-30), 0, 2000),  # the correction: the older fact taken back, the newer told
    ("S", day(-10), day(-6), 1, 30000),
    ("T", day(-6), day(-6), 1, 30000),
]


def test_a_correction_changes_the_older_fact_from_the_day_it_was_recorded(ledger: Ledger) -> None:
    assert facts_of(ledger, "order_placed") == ORDERS_PLACED


def test_a_cell_that_did_not_change_keeps_the_day_it_was_first_known(ledger: Ledger) -> None:
    assert facts_of(ledger, "delivered") == [("S", day(-18), day(-18), 1, 2)]


def test_late_facts_travel_behind_the_others(ledger: Ledger) -> None:
    arrays = ledger.arrays
    for s in range(len(ledger.supplier_ids)):
        low, middle, high = arrays["offsets"][s], arrays["on_time"][s], arrays["offsets"][s + 1]
        assert (arrays["known_day"][low:middle] == arrays["event_day"][low:middle]).all()
        assert (arrays["known_day"][middle:high] > arrays["event_day"][middle:high]).all()


def test_only_suppliers_with_a_dated_event_stand_in_the_ledger(ledger: Ledger) -> None:
    assert ledger.supplier_ids.tolist() == ["S", "T", "U"]
    assert [ledger.position(name) for name in ("S", "T", "U")] == [0, 1, 2]


@pytest.mark.parametrize("name", ["V", "", "ZZ", "s", "S\x00"])
def test_a_supplier_that_does_not_stand_in_the_ledger_is_refused_by_name(ledger: Ledger, name: str) -> None:
    with pytest.raises(UnknownSupplier, match="does not stand in the ledger"):
        ledger.position(name)


def test_the_latest_as_of_follows_the_last_record_and_not_a_promise_or_due_day_ahead(ledger: Ledger) -> None:
    assert ledger.last_known_day == AS_OF - timedelta(days=6)
    assert ledger.latest_as_of == AS_OF - timedelta(days=5)
    assert ledger.first_day == AS_OF - timedelta(days=40)


def test_tables_without_one_dated_event_are_refused() -> None:
    with pytest.raises(NotEnoughHistory, match="not one dated event"):
        build_ledger(draw({"suppliers": "supplier_id | joined_at\nS |"}))


def test_a_ledger_can_be_built_twice_from_the_same_tables() -> None:
    tables = draw(TABLES)
    first, second = build_ledger(tables), build_ledger(tables)
    for name, array in first.arrays.items():
        assert array.tobytes() == second.arrays[name].tobytes()
    assert facts_of(first, "delivered") == facts_of(second, "delivered")


def test_building_says_what_it_does() -> None:
    said: list[str] = []
    build_ledger(draw(TABLES), progress=said.append)
    assert said == ["versions", "facts", "sort"]


def test_a_stored_ledger_is_the_same_ledger(ledger: Ledger, stored: Path) -> None:
    opened = open_ledger(stored)
    for name, array in ledger.arrays.items():
        assert array.dtype == opened.arrays[name].dtype
        assert array.tobytes() == opened.arrays[name].tobytes()
    assert (opened.zone, opened.present, dict(opened.digests)) == (ledger.zone, ledger.present, dict(ledger.digests))
    assert facts_of(opened, "order_placed") == facts_of(ledger, "order_placed")
    assert opened.latest_as_of == ledger.latest_as_of


def test_a_stored_ledger_can_be_moved(stored: Path, tmp_path: Path) -> None:
    moved = tmp_path / "it's elsewhere"
    shutil.move(stored, moved)
    assert facts_of(open_ledger(moved), "order_placed") == ORDERS_PLACED


def test_saving_twice_gives_the_same_bytes_and_replaces_the_older(ledger: Ledger, stored: Path) -> None:
    before = {file.name: file.read_bytes() for file in stored.iterdir()}
    save_ledger(ledger, stored)
    assert {file.name: file.read_bytes() for file in stored.iterdir()} == before
    assert os.listdir(stored.parent) == [stored.name], "nothing else is left behind"


def test_an_opened_ledger_can_be_saved_over_itself(stored: Path) -> None:
    opened = open_ledger(stored)
    save_ledger(opened, stored)
    assert facts_of(open_ledger(stored), "order_placed") == ORDERS_PLACED


@pytest.mark.parametrize("step", ["numpy.save", "json.dumps", "features.ledger._sha256"])
def test_a_save_that_fails_halfway_leaves_the_older_ledger(
    ledger: Ledger, stored: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {file.name: file.read_bytes() for file in stored.iterdir()}

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(step, fail)
    with pytest.raises(OSError, match="no space"):
        save_ledger(ledger, stored)
    assert {file.name: file.read_bytes() for file in stored.iterdir()} == before
    assert os.listdir(stored.parent) == [stored.name]


def test_a_swap_that_fails_puts_the_older_ledger_back(ledger: Ledger, stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace

    def fail_on_the_new(source: Path, target: Path) -> None:
        if source.name.endswith(".part"):
            raise OSError("interrupted")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_on_the_new)
    with pytest.raises(OSError, match="interrupted"):
        save_ledger(ledger, stored)
    assert facts_of(open_ledger(stored), "order_placed") == ORDERS_PLACED
    assert os.listdir(stored.parent) == [stored.name]


def test_a_folder_that_is_no_ledger_is_not_overwritten(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_text("precious")
    (tmp_path / "file").write_text("precious")
    for name in ("photos", "file"):
        with pytest.raises(LedgerUnreadable, match="exists and is not a ledger"):
            save_ledger(ledger, tmp_path / name)
    assert (tmp_path / "photos" / "one.jpg").read_text() == "precious"
    assert (tmp_path / "file").read_text() == "precious"


def change_manifest(stored: Path, change: Callable[[dict[str, object]], object]) -> None:
    manifest = json.loads((stored / "manifest.json").read_text(encoding="utf-8"))
    change(manifest)
    (stored / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


FILES = (
    "kind", "event_day", "known_day", "party", "values", "offsets", "on_time", "party_counts", "known_from", "supplier_ids", "span",
)  # fmt: skip


@pytest.mark.parametrize("name", [*(f"{array}.npy" for array in FILES), "facts.parquet", "manifest.json"])
@pytest.mark.parametrize("damage", ["removed", "emptied", "cut", "overwritten"])
def test_a_damaged_ledger_is_refused(stored: Path, name: str, damage: str) -> None:
    file = stored / name
    whole = file.read_bytes()
    match damage:
        case "removed":
            file.unlink()
        case "emptied":
            file.write_bytes(b"")
        case "cut":
            file.write_bytes(whole[: len(whole) - 3])
        case _:
            file.write_bytes(b"not what it was")
    with pytest.raises(LedgerUnreadable, match=r"build it again|build one with"):
        open_ledger(stored)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", ["shorter", "of another type", "of another shape"])
def test_arrays_that_do_not_fit_together_are_refused(stored: Path, name: str, change: str) -> None:
    file = stored / f"{name}.npy"
    array = np.load(file)
    match change:
        case "shorter":
            array = array[:-1]
        case "of another type":
            array = array.astype(np.float64) if array.dtype.kind == "i" else np.arange(len(array))
        case _:
            array = array[..., None]
    np.save(file, array)
    with pytest.raises(LedgerUnreadable, match="do not fit together; build it again"):
        open_ledger(stored, verify=False)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda manifest: manifest.update(format=99), "format 99"),
        (lambda manifest: manifest.pop("format"), "format None"),
        (lambda manifest: manifest.pop("zone"), "manifest"),
        (lambda manifest: manifest.update(present=3), "manifest"),
    ],
)
def test_a_manifest_of_another_format_is_refused(stored: Path, change: Callable[[dict[str, object]], object], says: str) -> None:
    change_manifest(stored, change)
    with pytest.raises(LedgerUnreadable, match=says):
        open_ledger(stored)


@pytest.mark.parametrize("text", ["[]", "3", "null", '{"format": 1'])
def test_a_manifest_that_is_no_manifest_is_refused(stored: Path, text: str) -> None:
    (stored / "manifest.json").write_text(text)
    with pytest.raises(LedgerUnreadable, match="not a ledger"):
        open_ledger(stored)


def test_a_place_where_nothing_stands_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnreadable, match=r"not a ledger .*`lianxin ledger build"):
        open_ledger(tmp_path / "nowhere")


def test_a_ledger_is_opened_without_being_read(stored: Path) -> None:
    assert isinstance(open_ledger(stored).arrays["values"], np.memmap)


def test_the_rows_behind_the_facts_are_kept_as_parquet(stored: Path) -> None:
    with duckdb.connect() as con:
        keys = con.execute(f"SELECT DISTINCT key FROM '{stored / 'facts.parquet'}' ORDER BY key").fetchall()
    assert keys == [("S",), ("T",), ("U",), ("a",), ("a/1",), ("b",), ("i",)]


def test_a_feature_row_from_a_stored_ledger_is_bitwise_the_same(ledger: Ledger, stored: Path) -> None:
    days = [AS_OF - timedelta(days=back) for back in (0, 5, 30)]
    values = [build_features(one, days).values.tobytes() for one in (ledger, open_ledger(stored))]
    assert values[0] == values[1]


ORDERS_OF_PROFILE = """
order_id | supplier_id | buyer_id | ordered_at | amount
a        | S           | B        | -3         | 10
"""


def test_who_a_supplier_is_and_the_quality_of_its_import_are_kept(tmp_path: Path) -> None:
    tables = draw({"suppliers": "supplier_id | name | kind\nS | 新星精密 | enterprise", "orders": ORDERS_OF_PROFILE})
    quality = {"accuracy": 1.0, "completeness": 0.5, "consistency": 1.0, "timeliness": None, "validity": 0.99}
    save_ledger(build_ledger(tables, quality=quality), tmp_path / "ledger")
    found = open_ledger(tmp_path / "ledger")
    assert found.quality == quality
    assert found.profile("S") == Profile("新星精密", "enterprise", None, None)
    assert found.profile("nobody") == Profile(None, None, None, None)


def test_a_single_changed_byte_is_noticed(stored: Path) -> None:
    file = stored / "values.npy"
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(LedgerUnreadable, match=r"values\.npy is not what was saved"):
        open_ledger(stored)
