"""Totals of the buyer network kept with a ledger are those of one built at once, and spare the service the platform."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from credit.errors import LedgerUnreadable
from features import build
from features.build import build_features
from features.catalog import CATALOG
from features.civil import to_date
from features.ledger import Ledger, build_ledger
from features.store import build_stored, open_ledger, save_ledger
from features.totals import kept_totals
from features.update import update_stored
from tests.drawn import AS_OF, draw

ORDERS = "order_id | supplier_id | buyer_id | ordered_at | amount | recorded_at\n"
INVOICES = "invoice_id | supplier_id | buyer_id | issued_at | due_at | amount | paid_at | paid_amount | recorded_at\n"
PURCHASES = "purchase_id | supplier_id | vendor_id | purchased_at | amount | recorded_at\n"
BASE = {
    "suppliers": "supplier_id | joined_at\nS | -400\nT | -400\nU | -400",
    "orders": ORDERS
    + "a | S | Li | -100 | 1000 |\nb | T | Li | -90 | 500 |\nc | T | Wang | -50 | 70 |\nd | U | Li | -33 | 20 |\ne | S | Wang | -12 | 5 |",
    "invoices": INVOICES + "i | S | Li | -95 | -60 | 1000 | -45 | 1000 |\nj | T | Li | -80 | -70 | 500 | | | ",
    "purchases": PURCHASES + "p | S | Li | -70 | 30 |",
}
"""Known up to the 20th of December: the totals of November and of December are kept."""

NOVEMBER, DECEMBER, JANUARY = date(2025, 11, 1), date(2025, 12, 1), date(2026, 1, 1)

DAYS: Mapping[str, tuple[dict[str, str], tuple[date, ...]]] = {
    "an order of the day": ({"orders": ORDERS + "z | S | Li | -11 | 9 |"}, ()),
    "an order of long ago, recorded today": ({"orders": ORDERS + "z | S | Li | -60 | 9 | -11"}, ()),
    "an order of last month": ({"orders": ORDERS + "z | S | Zhao | -40 | 9 |"}, (DECEMBER,)),
    "an order of long ago": ({"orders": ORDERS + "z | U | Wang | -80 | 9 |"}, (NOVEMBER, DECEMBER)),
    "an order of long ago by a new supplier": (
        {"suppliers": "supplier_id\nN", "orders": ORDERS + "z | N | Sun | -80 | 9 |"},
        (NOVEMBER, DECEMBER),
    ),
    "an order recorded last month": ({"orders": ORDERS + "z | S | Li | -70 | 9 | -40"}, (DECEMBER,)),
    "a correction recorded last month": ({"orders": ORDERS + "b | T | Li | -90 | 400 | -40"}, (DECEMBER,)),
    "a correction of the day": ({"orders": ORDERS + "b | T | Li | -90 | 400 | -11"}, ()),
    "an earlier version than the one that stands": ({"orders": ORDERS + "a | S | Wang | -110 | 70 | -62"}, (NOVEMBER, DECEMBER)),
    "an invoice of the day": ({"invoices": INVOICES + "k | S | Li | -14 | 20 | 3 | | | "}, ()),
    "a payment recorded last month": ({"invoices": INVOICES + "j | T | Li | -80 | -70 | 500 | -38 | 500 | -37"}, (DECEMBER,)),
    "a payment of the day, recorded long ago": ({"invoices": INVOICES + "i | S | Li | -95 | -60 | 1000 | -13 | 1000 | -44"}, (DECEMBER,)),
    "an invoice that moved, which its buyer's totals do not tell": (
        {"invoices": INVOICES + "i | T | Li | -95 | -60 | 1000 | -45 | 1000 | -40"},
        (),
    ),
    "a purchase of long ago, which no other supplier is told": ({"purchases": PURCHASES + "q | T | Li | -70 | 30 |"}, ()),
    "an order of the next month": ({"orders": ORDERS + "z | S | Li | 3 | 9 |"}, (JANUARY,)),
    "an order of the next month and one of the last": (
        {"orders": ORDERS + "z | S | Li | 3 | 9 |\ny | T | Li | -35 | 9 |"},
        (DECEMBER, JANUARY),
    ),
}


def by_party(ledger: Ledger) -> dict[date, dict[str, list[int]]]:
    """What the totals to keep say of each counterparty that has any."""
    found = {}
    for month, totals in kept_totals(ledger).items():
        met = np.flatnonzero(totals.any(axis=1)).tolist()
        found[to_date(month)] = {ledger.parties.of(code): totals[code].tolist() for code in met}
    return found


def folders(path: Path) -> dict[date, str]:
    networks = json.loads((path / "manifest.json").read_text(encoding="utf-8"))["networks"]
    return {date.fromisoformat(month): name for month, name in networks.items()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    build_stored(draw(BASE), tmp_path / "ledger")
    return tmp_path / "ledger"


def test_a_ledger_keeps_the_totals_of_its_month_and_of_the_one_before(path: Path) -> None:
    found = by_party(open_ledger(path))
    assert found == by_party(build_ledger(draw(BASE)))
    assert found[NOVEMBER] == {"Li": [2, 0, 0, 150000, 0]}
    paid, fen_days = 100000, 100000 * 15
    assert found[DECEMBER] == {"Li": [3, paid, fen_days, 152000, 0], "Wang": [1, 0, 0, 7000, 0]}
    save_ledger(build_ledger(draw(BASE)), path.parent / "saved")
    assert by_party(open_ledger(path.parent / "saved")) == found


def test_the_service_adds_nothing_up_at_the_first_call_of_a_month(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    days = [date(2025, 12, 21), DECEMBER, date(2025, 11, 30), NOVEMBER]
    whole, stored = build_ledger(draw(BASE)), open_ledger(path)
    expected = [build_features(whole, [day], ["S"]).values.tobytes() for day in days]

    def refuse(*_: object) -> None:
        raise AssertionError("the platform was added up")

    monkeypatch.setattr(build, "add_to_network", refuse)
    assert [build_features(stored, [day], ["S"]).values.tobytes() for day in days] == expected
    later = build_features(stored, [DECEMBER], ["S"], as_known_at=date(2025, 12, 15))
    assert later.values.shape == (1, len(later.names))
    for day, known in ((date(2025, 10, 31), None), (DECEMBER, date(2025, 11, 30))):
        with pytest.raises(AssertionError, match="added up"):
            build_features(stored, [day], ["S"], as_known_at=known)


def test_months_among_others_are_not_added_up_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    days = [date(2025, month, 1) for month in range(4, 10)]
    expected = [build_features(open_ledger(path), days[first:last], ["S"]).values.tobytes() for first, last in ((2, 6), (0, 3), (1, 2))]
    stored = open_ledger(path)
    build_features(stored, days, ["S"])

    def refuse(*_: object) -> None:
        raise AssertionError("the platform was added up")

    monkeypatch.setattr(build, "add_to_network", refuse)
    assert [build_features(stored, days[first:last], ["S"]).values.tobytes() for first, last in ((2, 6), (0, 3), (1, 2))] == expected
    with pytest.raises(AssertionError, match="added up"):
        build_features(stored, [days[1], days[3]], ["S"])


def test_what_was_added_up_since_gives_way_and_what_was_stored_stays(path: Path) -> None:
    stored = open_ledger(path)
    kept, features = list(stored.networks), tuple(feature for feature in CATALOG if feature.name.startswith("network"))
    for back in range(20):
        build_features(stored, [AS_OF - timedelta(days=31 * back + 70)], features=features)
    assert list(stored.networks)[:2] == kept
    assert len(stored.networks) == 8


@pytest.mark.parametrize("name", DAYS)
def test_a_day_rewrites_only_the_totals_it_changes_and_they_are_those_of_a_rebuild(path: Path, name: str) -> None:
    tables, changed = DAYS[name]
    before = folders(path)
    assert update_stored(path, draw(tables)).has_changed
    after = folders(path)
    assert set(after) == ({DECEMBER, JANUARY} if JANUARY in changed else {NOVEMBER, DECEMBER})
    assert {month for month in after if after[month] != before.get(month)} == set(changed)
    rows = {table: BASE[table] + "\n" + text.partition("\n")[2] for table, text in tables.items() if table in BASE and table != "suppliers"}
    suppliers = BASE["suppliers"] + ("\nN |" if "suppliers" in tables else "")
    whole, grown = build_ledger(draw({**BASE, **rows, "suppliers": suppliers})), open_ledger(path)
    assert by_party(grown) == by_party(whole)
    for day in after:
        one, other = (build_features(ledger, [day]) for ledger in (whole, grown))
        assert one.values.tobytes() == other.values.tobytes()


@pytest.mark.parametrize("change", ["longer", "of another type", "of another shape", "cut short", "gone"])
def test_totals_that_do_not_fit_are_refused_even_unverified(path: Path, change: str) -> None:
    file = path / folders(path)[DECEMBER] / "totals.npy"
    totals = np.load(file)
    changes = {
        "longer": np.concatenate([totals, totals]),
        "of another type": totals.astype(np.float64),
        "of another shape": totals[:, :-1],
    }
    if change in changes:
        np.save(file, changes[change])
    elif change == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(LedgerUnreadable, match=r"is damaged: .*build it again"):
        open_ledger(path, verify=False)


def test_damaged_totals_are_not_written_again(path: Path) -> None:
    file = path / folders(path)[DECEMBER] / "totals.npy"
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(LedgerUnreadable, match="is not what was saved; build it again"):
        update_stored(path, draw({"orders": ORDERS + "z | S | Li | -11 | 9 |"}))
