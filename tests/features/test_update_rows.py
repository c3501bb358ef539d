"""Which rows of a day are taken, which are set aside, and what is said of both beforehand."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from credit.errors import LedgerUnreadable, TableUnreadable
from features.identity import utf8, xxh64
from features.ledger import build_ledger
from features.read import read_tables
from features.store import open_ledger, save_ledger, writing
from features.update import preview_update, update_ledger, update_stored
from tests.drawn import AS_OF, draw
from tests.features.test_update import BASE, ORDERS, SUPPLIERS, added, broken, same_features, written


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A small ledger to add to."""
    save_ledger(build_ledger(read_tables(written(tmp_path / "base", BASE))[0]), tmp_path / "ledger")
    return tmp_path / "ledger"


def test_another_row_under_a_key_and_recording_is_set_aside_and_the_rest_is_added(path: Path) -> None:
    orders = ORDERS.replace(",200,", ",201,") + "c,S,Li,2025-06-03,5,\n"
    purchases = "purchase_id,supplier_id,vendor_id,purchased_at,amount\np,T,V,2025-06-01,50\np,S,V,2025-06-01,50\n"
    done = added(path, {"orders": orders, "suppliers": SUPPLIERS.replace("乙", "丙"), "purchases": purchases.replace("p,S,", "q,S,")})
    assert broken(done) == [
        ("suppliers.csv", 2, "supplier_id", "key_is_unique"),
        ("orders.csv", 2, "order_id, supplier_id", "key_is_unique"),
        ("purchases.csv", 1, "purchase_id", "key_is_unique"),
    ]
    assert "recorded_at" in next(iter(done.rejects)).remedy()
    assert (done.tables["orders"].added, done.tables["orders"].repeated, done.tables["orders"].set_aside) == (1, 1, 1)
    ledger = open_ledger(path)
    assert ledger.profile("T").name == "乙"
    assert [fact.values[0] for fact in ledger.facts_of("T", ("order_placed",))] == [20000]
    assert ledger.facts_of("T", ("purchased",)) == []


def test_a_day_that_contradicts_too_much_is_refused_and_nothing_is_added(path: Path) -> None:
    head = ORDERS.splitlines()[0] + "\n"
    added(path, {"orders": head + "".join(f"n{number},S,Li,2025-06-03,5,\n" for number in range(4))})
    before = (path / "manifest.json").read_bytes()
    few = head + "".join(f"n{number},S,Li,2025-06-03,6,\n" for number in range(3))
    with pytest.raises(TableUnreadable, match=r"4 of 5 rows were set aside, 4 because of what the ledger has already.*key_is_unique"):
        added(path, {"orders": few + "n3,S,Li,2025-06-03,6,\nc,S,Li,2025-06-03,5,\n"}, share=0.05)
    assert (path / "manifest.json").read_bytes() == before
    done = added(path, {"orders": few + "c,S,Li,2025-06-03,5,\n"}, share=0.05)
    assert (done.tables["orders"].added, done.tables["orders"].set_aside) == (1, 3)


REVIEWS = "review_id,supplier_id,reviewed_at,rating,text,recorded_at\n"


def test_a_text_of_a_quarter_already_scored_is_set_aside_and_the_rest_is_added(path: Path) -> None:
    added(path, {"reviews": REVIEWS + "r,S,2025-06-20,5,很好,\ns,T,2025-07-02,2,差,\n"})
    late = "t,S,2025-06-21,5,不错,\n"
    rest = "u,S,2025-06-22,4,,\nv,S,2025-06-23,1,退货,2025-07-05T10:00:00\nw,T,2025-07-04,5,好,\nr,S,2025-06-20,4,一般,2025-08-01\n"
    done = added(path, {"reviews": REVIEWS + late + rest + "x,T,2025-06-01,5,好,2025-06-02\n"})
    assert broken(done) == [
        ("reviews.csv", 1, "recorded_at", "text_is_of_an_open_quarter"),
        ("reviews.csv", 6, "recorded_at", "text_is_of_an_open_quarter"),
    ]
    assert [reject.value for reject in done.rejects] == ["", "2025-06-01 16:00:00"]
    assert "recorded_at" in next(iter(done.rejects)).remedy()
    assert (done.tables["reviews"].added, done.tables["reviews"].set_aside) == (4, 2)
    told = {**BASE, "reviews": REVIEWS + "r,S,2025-06-20,5,很好,\ns,T,2025-07-02,2,差,\n" + rest}
    whole = build_ledger(read_tables(written(path.parent / "whole", told))[0])
    same_features(whole, open_ledger(path), [date(2025, 7, 1), date(2025, 7, 10), date(2025, 9, 1)], (None,))


def test_a_preview_says_what_the_update_does_and_writes_nothing(path: Path) -> None:
    tables = {
        "suppliers": "supplier_id\nN\n",
        "orders": ORDERS.replace(",200,", ",201,") + "c,N,Li,2025-07-03,5,\nx,X,Li,2025-07-03,5,\n",
        "reviews": REVIEWS + "r,S,2025-06-20,5,很好,\n",
    }
    day, before = written(path.parent / "day", tables), {file: file.stat() for file in (path, *path.rglob("*"))}
    with writing(path):  # nobody is in anybody's way
        told = preview_update(path, day)
    assert {file: file.stat().st_mtime_ns for file in (path, *path.rglob("*")) if file.name != ".lock" and file != path} == {
        file: stat.st_mtime_ns for file, stat in before.items() if file.name != ".lock" and file != path
    }
    done = update_ledger(path, day)
    assert broken(told) == broken(done) == [
        ("orders.csv", 2, "order_id, supplier_id", "key_is_unique"),
        ("orders.csv", 4, "supplier_id", "supplier_is_known"),
    ]  # fmt: skip
    for name in ("tables", "new_suppliers", "last_known_day", "segments_before", "segments_after", "has_changed"):
        assert getattr(told, name) == getattr(done, name), name
    assert (done.new_suppliers, done.segments_after, done.tables["orders"].added) == (1, 2, 1)
    again = preview_update(path, day)
    assert (again.has_changed, again.tables["orders"].repeated, again.tables["orders"].set_aside) == (False, 2, 2)


def test_a_preview_of_a_ledger_that_is_replaced_meanwhile_asks_to_be_asked_again(path: Path) -> None:
    day = written(path.parent / "day", {"suppliers": "supplier_id\nN\n"})

    def replace_at(stage: str) -> None:
        if stage == "comparing":
            added(path, {"orders": ORDERS + "c,S,Li,2025-06-03,5,\n"})

    with pytest.raises(LedgerUnreadable, match="written by another process meanwhile; ask again"):
        preview_update(path, day, progress=replace_at)
    with pytest.raises(TableUnreadable, match="no table of the data contract"):
        preview_update(path, written(path.parent / "none", {}))


ALIKE = ("INVOICE-2025-001", "1xUNDf0woq-pTCZC")
"""Two ids of one XXH64, seed 0: the second lane of the second was solved for, the first drawn until all of it were letters."""


def test_rows_that_share_a_hash_but_not_an_id_are_told_apart(tmp_path: Path) -> None:
    data, starts = utf8(list(ALIKE))
    assert xxh64(data, starts[0], starts[1]) == xxh64(data, starts[1], starts[2])
    head = "purchase_id | supplier_id | vendor_id | purchased_at | amount | recorded_at\n"
    first, second = (f"{name} | {who} | V | -60 | 10 | {told}" for name, who, told in zip(ALIKE, "ST", ("", "-50"), strict=True))
    base = {"suppliers": "supplier_id | joined_at\nS | -100\nT | -100\nU | -100", "purchases": head + "z | U | V | -90 | 7 |\n"}
    whole = build_ledger(draw({**base, "purchases": base["purchases"] + f"{first}\n{second}"}))
    dates = [AS_OF - timedelta(days=back) for back in (55, 45, 5)]
    assert [fact.label for name in "ST" for fact in whole.facts_of(name, ("purchased",))] == list(ALIKE)
    for number, parts in enumerate(((first, second), (second, first), (f"{first}\n{second}",))):
        save_ledger(build_ledger(draw(base)), tmp_path / f"ledger-{number}")
        for part in parts:
            done = update_stored(tmp_path / f"ledger-{number}", draw({"purchases": head + part}))
            assert not done.rejects
        grown = open_ledger(tmp_path / f"ledger-{number}")
        same_features(whole, grown, dates, (None, AS_OF))
        assert [fact.label for name in "ST" for fact in grown.facts_of(name, ("purchased",))] == list(ALIKE)


def test_a_row_that_shares_the_hash_of_another_of_its_supplier_is_no_contradiction(path: Path) -> None:
    head = "purchase_id,supplier_id,vendor_id,purchased_at,amount\n"
    assert added(path, {"purchases": head + f"{ALIKE[0]},S,V,2025-06-03,5\n"}).tables["purchases"].added == 1
    done = added(path, {"purchases": head + f"{ALIKE[1]},S,V,2025-06-03,6\n{ALIKE[0]},S,V,2025-06-03,5\n"})
    assert (done.tables["purchases"].added, done.tables["purchases"].repeated, done.tables["purchases"].set_aside) == (1, 1, 0)
