from datetime import date, timedelta

import numpy as np
import pytest

from credit.errors import NotEnoughHistory, UnknownSupplier
from features.ledger import Ledger, Profile, build_ledger
from features.segment import TABLES
from tests.drawn import AS_OF, draw

TABLES_DRAWN = {
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
    return build_ledger(draw(TABLES_DRAWN))


def day(back: int) -> int:
    return (AS_OF - date(1970, 1, 1)).days + back


def facts_of(ledger: Ledger, kind: str) -> list[tuple[str, str, str, int, int, int, int]]:
    """Supplier, label, counterparty, event and known day, sign and first value of every fact of a kind."""
    return [
        (supplier, fact.label, fact.party, fact.event_day, fact.known_day, fact.sign, fact.values[0])
        for supplier in ledger.supplier_ids.tolist()
        for fact in ledger.facts_of(supplier, (kind,))
    ]


ORDERS_PLACED = [
    ("S", "a", "Li", day(-40), day(-40), 1, 10000),
    ("S", "a", "Li", day(-40), day(-30), -1, -10000),  # the correction: the older fact taken back, the newer told
    ("S", "a", "Li", day(-40), day(-30), 1, 12000),
    ("S", "b", "Wang", day(-10), day(-6), 1, 30000),
    ("T", "b", "Wang", day(-6), day(-6), 1, 30000),
]


def test_a_correction_changes_the_older_fact_from_the_day_it_was_recorded(ledger: Ledger) -> None:
    assert facts_of(ledger, "order_placed") == ORDERS_PLACED


def test_a_correction_before_a_fact_happened_does_not_touch_it(ledger: Ledger) -> None:
    assert facts_of(ledger, "delivered") == [("S", "a/1", "Li", day(-18), day(-18), 1, 2)]


def test_facts_come_by_kind_then_day_and_only_those_asked_for(ledger: Ledger) -> None:
    found = ledger.facts_of("S")
    assert len(found) == int(ledger.counts[ledger.supplier_codes[ledger.position("S")]])
    assert [fact.kind for fact in ledger.facts_of("S", ("delivered", "invoiced"))] == ["delivered", "invoiced"]
    kinds = list(dict.fromkeys(fact.kind for fact in found))
    assert [fact.kind for fact in found] == [kind for kind in kinds for fact in found if fact.kind == kind]
    assert all(fact.event_day <= fact.known_day for fact in found)


def test_only_suppliers_with_a_dated_event_stand_in_the_ledger(ledger: Ledger) -> None:
    assert ledger.supplier_ids.tolist() == ["S", "T", "U"]
    assert [ledger.position(name) for name in ("S", "T", "U")] == [0, 1, 2]
    assert ledger.known_from.tolist()[:2] == [day(-400), day(-7)]


@pytest.mark.parametrize("name", ["V", "", "ZZ", "s", "S\x00"])
def test_a_supplier_that_does_not_stand_in_the_ledger_is_refused_by_name(ledger: Ledger, name: str) -> None:
    for ask in (ledger.position, ledger.facts_of, ledger.records_of):
        with pytest.raises(UnknownSupplier, match="does not stand in the ledger"):
            ask(name)


def test_a_suppliers_records_are_those_of_its_rows(ledger: Ledger) -> None:
    records = ledger.records_of("S").records
    assert {table: len(records[t]) for t, table in enumerate(TABLES) if len(records[t])} == {
        "suppliers": 1, "orders": 3, "fulfilments": 1, "invoices": 1,
    }  # fmt: skip


def test_the_latest_as_of_follows_the_last_record_and_not_a_promise_or_due_day_ahead(ledger: Ledger) -> None:
    assert ledger.last_known_day == AS_OF - timedelta(days=6)
    assert ledger.latest_as_of == AS_OF - timedelta(days=5)
    assert ledger.first_day == AS_OF - timedelta(days=40)


def test_tables_without_one_dated_event_are_refused() -> None:
    with pytest.raises(NotEnoughHistory, match="not one dated event"):
        build_ledger(draw({"suppliers": "supplier_id | joined_at\nS |"}))


def test_a_ledger_can_be_built_twice_from_the_same_tables() -> None:
    tables = draw(TABLES_DRAWN)
    first, second = build_ledger(tables), build_ledger(tables)
    for one, other in zip(first.segments, second.segments, strict=True):
        assert [table.tobytes() for table in one.records] == [table.tobytes() for table in other.records]
        assert one.offsets.tolist() == other.offsets.tolist()
    assert first.days.tolist() == second.days.tolist()
    assert facts_of(first, "delivered") == facts_of(second, "delivered")
    assert first.profile("S") == second.profile("S") == Profile(None, None, None, None)


def test_building_says_what_it_does() -> None:
    said: list[str] = []
    build_ledger(draw(TABLES_DRAWN), progress=said.append)
    assert said == ["records", "facts"]


def test_suppliers_are_told_apart_by_every_byte_of_their_ids() -> None:
    names = ("S", "S1", "S10", "s", "供应商", "供应商甲", "x" * 64, "x" * 63)
    rows = "\n".join(f"o | {name} | Li | {-5 - place} | {place + 1}" for place, name in enumerate(names))
    ledger = build_ledger(
        draw(
            {"suppliers": "supplier_id\n" + "\n".join(names), "orders": "order_id | supplier_id | buyer_id | ordered_at | amount\n" + rows}
        )
    )
    assert ledger.supplier_ids.tolist() == sorted(names)
    for place, name in enumerate(names):
        (fact,) = ledger.facts_of(name, ("order_placed",))
        assert (fact.event_day, fact.values[0]) == (day(-5 - place), 100 * (place + 1))


def test_a_supplier_with_more_facts_than_a_first_room_takes_is_counted_whole() -> None:
    rows = "\n".join(f"o{i} | S | B{i % 7} | {-1 - i % 300} | {i + 1}" for i in range(5000))
    tables = draw(
        {"suppliers": "supplier_id | joined_at\nS | -400", "orders": "order_id | supplier_id | buyer_id | ordered_at | amount\n" + rows}
    )
    ledger = build_ledger(tables)
    found = ledger.facts_of("S", ("order_placed",))
    assert (ledger.facts, len(found)) == (5001, 5000)
    assert sum(fact.values[0] for fact in found) == 100 * sum(range(1, 5001))
    assert {(fact.label, fact.values[0]) for fact in found} == {(f"o{i}", 100 * (i + 1)) for i in range(5000)}
    assert np.all(ledger.days[:, 0] == [day(-400), day(-300), day(-1)])
