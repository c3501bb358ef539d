"""Facts of one supplier from drawn rows: what each row tells, when, and when it is taken back."""

from datetime import date

import numpy as np
import pytest

from features.civil import ALWAYS
from features.derive import derive
from features.ledger import Fact, build_ledger, facts_in
from features.records import RECORDS
from features.segment import TABLES
from features.versions import FOREVER, NEVER, WIDTH, room, valid_at, versions
from tests.drawn import AS_OF, draw

DAY = (AS_OF - date(1970, 1, 1)).days
SUPPLIERS = "supplier_id | joined_at\nS | -900\nT | -900"
Told = tuple[str, int, int, int, tuple[int, ...]]
"""Kind, event and known day from the as-of date, sign, values."""


def facts(supplier: str = "S", **drawings: str) -> list[Told]:
    ledger = build_ledger(draw({"suppliers": SUPPLIERS, **drawings}))
    return [told(fact) for fact in ledger.facts_of(supplier) if fact.kind != "supplier_joined"]


def told(fact: Fact) -> Told:
    return fact.kind, fact.event_day - DAY, fact.known_day - DAY, fact.sign, fact.values


def of(kind: str, found: list[Told]) -> list[tuple[int, int, int, tuple[int, ...]]]:
    return sorted(fact[1:] for fact in found if fact[0] == kind)


ORDER = "order_id | supplier_id | buyer_id | ordered_at | amount | quantity | promised_at | cancelled_at | recorded_at\n"
DELIVERY = (
    "fulfilment_id | order_id | supplier_id | delivered_at | accepted_at | quantity_delivered | quantity_rejected | returned_at"
    " | return_amount | recorded_at\n"
)


def test_a_version_is_believed_until_the_next_was_recorded() -> None:
    found = facts(orders=ORDER + "a | S | Li | -50 | 1000 | | | | \na | S | Li | -50 | 3.50 | | | | -20\na | S | Li | -49 | 4 | | | | -10")
    assert of("order_placed", found) == [
        (-50, -50, 1, (100000, 0, 0, 1)),
        (-50, -20, -1, (-100000, 0, 0, -1)),
        (-50, -20, 1, (350, 0, 0, 0)),
        (-50, -10, -1, (-350, 0, 0, 0)),
        (-49, -10, 1, (400, 0, 0, 0)),
    ]


def test_of_versions_recorded_on_one_day_the_last_alone_tells() -> None:
    rows = "a | S | Li | -50 | 1 | | | | -20 01:00\na | S | Li | -50 | 3 | | | | -20 03:00\na | S | Li | -50 | 2 | | | | -20 02:00"
    assert of("order_placed", facts(orders=ORDER + rows)) == [(-50, -20, 1, (300, 0, 0, 0))]


def test_a_version_that_was_replaced_before_it_happened_tells_nothing() -> None:
    rows = "a | S | Li | -5 | 1 | | | | -40\na | S | Li | -5 | 2 | | | | -30"
    assert of("order_placed", facts(orders=ORDER + rows)) == [(-5, -5, 1, (200, 0, 0, 0))]


def test_the_same_row_told_again_takes_back_what_it_tells() -> None:
    found = facts(orders=ORDER + "a | S | Li | -50 | 1 | | | | -50\na | S | Li | -50 | 1 | | | | -20")
    told_again = [(-50, -50, 1, (100, 0, 0, 0)), (-50, -20, -1, (-100, 0, 0, 0)), (-50, -20, 1, (100, 0, 0, 0))]
    assert of("order_placed", found) == told_again


@pytest.mark.parametrize(
    ("promised", "cancelled", "deliveries", "open_from", "closed"),
    [
        (-30, None, "", -30, None),
        (-30, -40, "", None, None),
        (-30, -30, "", None, None),
        (-30, -29, "", -30, -29),
        (-30, None, "1 | a | S | -30 | | 10 | | | | ", None, None),
        (-30, None, "1 | a | S | -29 | | 10 | | | | ", -30, -29),
        (-30, None, "1 | a | S | -40 | | 9.999 | | | | ", -30, None),
        (-30, None, "1 | a | S | -40 | | 4 | | | | \n2 | a | S | -20 | | 6 | | | | ", -30, -20),
        (-30, None, "1 | a | S | -40 | | 4 | | | | \n2 | a | S | -35 | | 6 | | | | ", None, None),
        (-30, -10, "1 | a | S | -20 | | | | | | ", -30, -20),
        (-30, -25, "1 | a | S | -20 | | | | | | ", -30, -25),
        (-30, None, "1 | a | S | | | 10 | | | | ", -30, None),
        (-30, None, "1 | a | S | -20 | | 0 | | | | \n2 | a | S | -10 | | | | | | ", -30, -10),
    ],
)
def test_an_order_is_overdue_from_its_promise_until_it_is_closed(
    promised: int, cancelled: int | None, deliveries: str, open_from: int | None, closed: int | None
) -> None:
    order = ORDER + f"a | S | Li | -60 | 7 | 10 | {promised} | {'' if cancelled is None else cancelled} | "
    found = facts(orders=order, fulfilments=DELIVERY + deliveries)
    assert of("order_due", found) == ([] if open_from is None else [(open_from, open_from, 1, (700,))])
    assert of("order_closed", found) == ([] if closed is None else [(closed, closed, 1, (700,))])


def test_without_an_ordered_quantity_the_first_delivery_closes() -> None:
    found = facts(orders=ORDER + "a | S | Li | -60 | 7 | | -30 | | ", fulfilments=DELIVERY + "1 | a | S | -20 | | 1 | | | | ")
    assert of("order_closed", found) == [(-20, -20, 1, (700,))]


def test_a_delivery_that_was_recorded_late_closes_the_order_late_as_it_was_known() -> None:
    found = facts(orders=ORDER + "a | S | Li | -60 | 7 | | -30 | | ", fulfilments=DELIVERY + "1 | a | S | -40 | | 1 | | | | -10")
    assert of("order_due", found) == [(-30, -30, 1, (700,)), (-30, -10, -1, (-700,))]
    assert of("order_closed", found) == []
    assert of("delivered", found) == [(-40, -10, 1, (0, 0, 20, 1))]


def test_a_delivery_holds_while_it_and_its_order_do() -> None:
    found = facts(
        orders=ORDER + "a | S | Li | -60 | 7 | | -30 | | \na | S | Wang | -60 | 7 | | -20 | | -10",
        fulfilments=DELIVERY + "1 | a | S | -25 | | | | | | -22\n1 | a | S | -24 | | | | | | -5",
    )
    assert of("delivered", found) == [
        (-25, -22, 1, (5, 1, 35, 1)),
        (-25, -10, -1, (-5, -1, -35, -1)),
        (-25, -10, 1, (0, 0, 35, 1)),
        (-25, -5, -1, (0, 0, -35, -1)),
        (-24, -5, 1, (0, 0, 36, 1)),
    ]


def test_a_delivery_before_its_order_is_known_with_the_order() -> None:
    found = facts(orders=ORDER + "a | S | Li | -60 | 7 | | | | ", fulfilments=DELIVERY + "1 | a | S | -70 | | | | | | ")
    assert of("delivered", found) == [(-70, -60, 1, (0, 0, -10, 0))]


def test_a_delivery_without_an_order_tells_nothing() -> None:
    assert facts(fulfilments=DELIVERY + "1 | nowhere | S | -70 | | | | | | ", orders=ORDER) == []
    assert facts(orders=ORDER + "a | T | Li | -60 | 7 | | | | ", fulfilments=DELIVERY + "1 | a | S | -50 | | | | | | ") == []


def test_inspections_and_returns_come_with_their_own_days() -> None:
    rows = "1 | a | S | -50 | -48 | 5 | 2 | -40 | 9.99 | \n2 | a | S | -30 | | | 0 | | | \n3 | a | S | -20 | -19 | 5 | | -3 | | "
    found = facts(orders=ORDER + "a | S | Li | -60 | 7 | | | | ", fulfilments=DELIVERY + rows)
    assert of("inspected", found) == [(-48, -48, 1, (5000, 2000, 1)), (-30, -30, 1, (0, 0, 0))]
    assert of("returned", found) == [(-40, -40, 1, (999,)), (-3, -3, 1, (0,))]


INVOICE = "invoice_id | supplier_id | buyer_id | issued_at | due_at | amount | paid_at | paid_amount | recorded_at\n"


@pytest.mark.parametrize(
    ("paid", "paid_amount", "due", "closed", "aged", "aged_closed"),
    [
        ("", "", -50, None, -40, None),
        (-50, "", None, None, None, None),
        (-49, "", -50, (-49, 1000), None, None),
        (-50, "9.99", -50, (-50, 999), -40, (-40, 999)),
        (-40, "", -50, (-40, 1000), None, None),
        (-39, "", -50, (-39, 1000), -40, (-39, 1000)),
        (-39, "20", -50, (-39, 1000), -40, (-39, 1000)),
        (-120, "", None, None, None, None),
    ],
)
def test_a_receivable_is_open_from_its_day_until_it_is_paid_in_full(
    paid: object, paid_amount: str, due: int | None, closed: tuple[int, int] | None, aged: int | None, aged_closed: tuple[int, int] | None
) -> None:
    found = facts(invoices=INVOICE + f"i | S | Li | -100 | -50 | 10 | {paid} | {paid_amount} | ")
    assert of("invoice_due", found) == ([] if due is None else [(due, due, 1, (1000,))])
    assert of("invoice_closed", found) == ([] if closed is None else [(closed[0], closed[0], 1, (closed[1],))])
    assert of("invoice_aged", found) == ([] if aged is None else [(aged, aged, 1, (1000,))])
    assert of("invoice_aged_closed", found) == ([] if aged_closed is None else [(aged_closed[0], aged_closed[0], 1, (aged_closed[1],))])
    assert of("invoiced", found) == [(-100, -100, 1, (1000, 50, 0))]


def test_a_payment_before_the_invoice_is_known_with_the_invoice() -> None:
    found = facts(invoices=INVOICE + "i | S | Li | -100 | -30 | 10 | -120 | 4 | ")
    assert of("invoice_paid", found) == [(-120, -100, 1, (400, 0, 0, 0, 0, 1000, 600))]
    assert of("invoiced", found) == [(-100, -100, 1, (1000, 70, 1))]


MOVED = INVOICE + "i | S | Li | -90 | -30 | 10 | | | \ni | T | Li | -90 | -30 | 10 | | | -60\ni | S | Li | -90 | -30 | 12 | | | -10"


def test_an_invoice_stands_with_the_supplier_it_was_last_told_of() -> None:
    assert of("invoiced", facts("S", invoices=MOVED)) == [
        (-90, -90, 1, (1000, 60, 0)),
        (-90, -60, -1, (-1000, -60, 0)),
        (-90, -10, 1, (1200, 60, 0)),
    ]
    assert of("invoiced", facts("T", invoices=MOVED)) == [(-90, -60, 1, (1000, 60, 0)), (-90, -10, -1, (-1000, -60, 0))]


def test_purchases_move_as_invoices_do() -> None:
    rows = "purchase_id | supplier_id | vendor_id | purchased_at | amount | recorded_at\np | S | V | -90 | 1 | \np | T | V | -90 | 2 | -60"
    assert of("purchased", facts("S", purchases=rows)) == [(-90, -90, 1, (100,)), (-90, -60, -1, (-100,))]
    assert of("purchased", facts("T", purchases=rows)) == [(-90, -60, 1, (200,))]


def test_stock_production_certificates_and_cooperations_tell_their_days() -> None:
    found = facts(
        inventory="supplier_id | observed_at | category | value | days_of_cover\nS | -9 | 鞋 | 5 | 999999999999\nS | -9 | 帽 | 1 | ",
        production="supplier_id | observed_at | utilisation | state\nS | -8 | 0.5 | reduced\nS | -7 | 0 | stopped\nS | -6 | 1 | ",
        certificates="""
            supplier_id | certificate      | issued_on | expires_on | verified_at
            S           | iso_9001         | -400      | -20        | -390
            S           | tax_registration | -50       | 30         |
            S           | site_audit       | -10       | 10         | -30
        """,
        cooperations="""
            supplier_id | partner_id | content | level     | started_on | ended_on
            S           | Q          | ip      | strategic | -99        | -5
            S           | R          | goods   |           | -9         |
        """,
    )
    assert of("stock_observed", found) == [(-9, -9, 1, (100, 0, 0)), (-9, -9, 1, (500, 99999999999900, 1))]
    assert of("production_observed", found) == [(-8, -8, 1, (5000, 1, 0)), (-7, -7, 1, (0, 0, 1)), (-6, -6, 1, (10000, 0, 0))]
    assert of("certificate_issued", found) == [(-400, -400, 1, (1,)), (-50, -50, 1, (0,)), (-10, -10, 1, (1,))]
    assert of("certificate_verified", found) == [(-390, -390, 1, ()), (-30, -10, 1, ())]
    assert of("certificate_expiring", found) == [(-110, -110, 1, ()), (-50, -50, 1, ()), (-10, -10, 1, ())]
    assert of("certificate_expired", found) == [(-20, -20, 1, (1,)), (10, 10, 1, (1,)), (30, 30, 1, (0,))]
    assert of("cooperation_started", found) == [(-99, -99, 1, (1, 1, DAY - 99)), (-9, -9, 1, (0, 0, DAY - 9))]
    assert of("cooperation_ended", found) == [(-5, -5, 1, (1, 1, DAY - 99))]


def test_marks_at_the_edges_of_low_and_full() -> None:
    rows = "review_id | supplier_id | reviewed_at | rating | text\n" + "\n".join(
        f"r{i} | S | {-20 + i} | {rating} | {text}" for i, (rating, text) in enumerate([(2, "好"), (2.01, ""), (4.99, "ab"), (5, "")])
    )
    assert [values[:5] for *_, values in of("reviewed", facts(reviews=rows))] == [
        (200, 1, 0, 1, 1), (201, 0, 0, 0, 0), (499, 0, 0, 2, 1), (500, 0, 1, 0, 0),
    ]  # fmt: skip


def test_versions_are_linked_in_the_order_of_their_recording_whatever_the_rows_order() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        size = int(rng.integers(1, 40))
        rows = np.zeros(size, dtype=RECORDS["orders"].dtype)
        rows["key"] = rng.choice([1, 1 << 40, -7, (1 << 29) + 1, 1 << 62], size)
        rows["recorded"] = np.where(rng.random(size) < 0.2, ALWAYS, rng.permutation(size))
        slots, following, is_first = versions(rows, True)
        for key in set(rows["key"].tolist()):
            (first,) = np.flatnonzero((rows["key"] == key) & is_first)
            chain = [first]
            while following[chain[-1]] >= 0:
                chain.append(following[chain[-1]])
            assert sorted(chain) == np.flatnonzero(rows["key"] == key).tolist()
            recorded = rows["recorded"][chain]
            assert (recorded[:-1] <= recorded[1:]).all()
            for moment in range(-1, size + 1):
                believed = [i for i in chain if rows["recorded"][i] <= moment]
                assert valid_at(rows, following, first, moment) == (believed[-1] if believed else -1)
        assert len(slots) >= 2 * size


def test_room_that_runs_out_is_counted_and_not_written_past() -> None:
    ledger = build_ledger(draw({"suppliers": SUPPLIERS, "invoices": MOVED, "orders": ORDER + "a | S | Li | -60 | 7 | | -30 | | "}))
    records = ledger.records_of("S").records
    whole = facts_in(records)
    for size in range(len(whole) + 2):
        guarded = np.full((size + 3, WIDTH), -77, dtype=np.int64)
        assert derive(records, guarded[:size]) == len(whole)
        assert (guarded[size:] == -77).all()
        assert guarded[: min(size, len(whole))].tolist() == whole[:size].tolist()
    assert derive(tuple(np.zeros(0, dtype=RECORDS[table].dtype) for table in TABLES), room(1)) == 0
    assert NEVER < -100_000 < FOREVER
