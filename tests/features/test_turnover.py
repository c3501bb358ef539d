"""Turnover before a day, by hand and by a plain loop over drawn rows, and point in time."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit.application import Turnover
from credit.errors import NotEnoughHistory, UnknownSupplier
from features.ledger import Ledger, build_ledger
from features.turnover import turnover_before
from tests.drawn import AS_OF, draw

SUPPLIERS = "supplier_id | joined_at\nS | -900"


def ledger_of(orders: str, fulfilments: str) -> Ledger:
    heads = (
        "order_id | supplier_id | buyer_id | ordered_at | amount | quantity | cancelled_at | recorded_at",
        "fulfilment_id | order_id | supplier_id | delivered_at | accepted_at | quantity_delivered | quantity_rejected | returned_at"
        " | return_amount | recorded_at",
    )
    return build_ledger(draw({"suppliers": SUPPLIERS, "orders": f"{heads[0]}\n{orders}", "fulfilments": f"{heads[1]}\n{fulfilments}"}))


WORLDS = {
    "windows are half open, by the day of delivery": (
        """a | S | Li | -400 | 100 | | |
           b | S | Li | -400 | 200 | | |
           c | S | Wang | -100 | 400 | | |
           d | S | Wang | -20 | 800 | | |
           e | S | Wang | -20 | 1600 | | |""",
        """1 | a | S | -366 | | | | | |
           2 | b | S | -365 | | | | | |
           3 | c | S | -90 | | | | | |
           4 | d | S | -1 | | | | | |
           5 | e | S | 0 | | | | | |""",
        Turnover(1400_00, 1200_00, 1200_00),
    ),
    "an order in parts counts as it comes in, at most whole": (
        "a | S | Li | -120 | 100 | 3 | |",
        """1 | a | S | -100 | | 1 | | | |
           2 | a | S | -80 | | 1 | | | |
           3 | a | S | -70 | | 5 | | | |""",
        Turnover(100_00, 66_67, 100_00),
    ),
    "where a quantity is not known the first delivery carries it all": (
        "a | S | Li | -120 | 100 | 3 | |",
        "1 | a | S | -100 | | 1 | | | |\n2 | a | S | -80 | | | | | |",
        Turnover(100_00, 0, 100_00),
    ),
    "of what was rejected and what was sent back the larger comes off": (
        "a | S | Li | -50 | 100 | 10 | |\nb | S | Li | -50 | 100 | 10 | |\nc | S | Li | -50 | 100 | 10 | |",
        """1 | a | S | -40 | -39 | 10 | 2 | -30 | 5 |
           2 | b | S | -40 | -39 | 10 | 2 | -30 | 60 |
           3 | c | S | -40 | | 10 | | -30 | |""",
        Turnover(80_00 + 40_00, 80_00 + 40_00, 120_00),
    ),
    "what is sent back or rejected on the day or later is not known": (
        "a | S | Li | -50 | 100 | 10 | |",
        "1 | a | S | -40 | 0 | 10 | 2 | 0 | 50 |",
        Turnover(100_00, 100_00, 100_00),
    ),
    "not more than was delivered is taken back": (
        "a | S | Li | -50 | 100 | | |\nb | S | Wang | -50 | 10 | | |",
        "1 | a | S | -40 | | | | -30 | 500 |\n2 | b | S | -40 | | | | | |",
        Turnover(10_00, 10_00, 10_00),
    ),
    "nothing delivered is nothing": ("a | S | Li | -50 | 100 | | |", "1 | a | S | | | | | | |", Turnover(0, 0, 0)),
    "a correction counts from the day it was recorded": (
        """a | S | Li | -50 | 100 | | | -50
           a | S | Wang | -50 | 70 | | | -10
           b | S | Li | -50 | 100 | | | -50
           b | S | Li | -50 | 999 | | | 0""",
        "1 | a | S | -40 | | | | | | -40\n2 | b | S | -40 | | | | | | -40",
        Turnover(170_00, 170_00, 100_00),
    ),
    "a delivery that was told later is not known before": (
        "a | S | Li | -50 | 100 | | | -50",
        "1 | a | S | -40 | | | | | | 1",
        Turnover(0, 0, 0),
    ),
}


@pytest.mark.parametrize("name", WORLDS)
def test_by_hand(name: str) -> None:
    orders, fulfilments, expected = WORLDS[name]
    assert turnover_before(ledger_of(orders, fulfilments), "S", AS_OF) == expected


@st.composite
def trades(draw: st.DrawFn) -> list[tuple[int, int, int, str, int | None]]:
    """Orders of one delivery each: ordered, days to the delivery, yuan, buyer, days to the return."""
    one = st.tuples(
        st.integers(-500, -1), st.integers(0, 60), st.integers(1, 10**6), st.sampled_from(["Li", "Wang"]), st.none() | st.integers(0, 60)
    )
    return draw(st.lists(one, min_size=1, max_size=12))


@settings(max_examples=25, deadline=None)
@given(drawn=trades(), later=trades(), day=st.integers(-60, 0))
def test_it_is_what_a_plain_loop_says_and_what_is_known_later_changes_nothing(
    drawn: list[tuple[int, int, int, str, int | None]], later: list[tuple[int, int, int, str, int | None]], day: int
) -> None:
    def tables(rows: list[tuple[int, int, int, str, int | None]], shift: int, name: str) -> tuple[list[str], list[str]]:
        orders, fulfilments = [], []
        for place, (ordered, takes, yuan, buyer, back) in enumerate(rows):
            at = ordered + shift
            returned = "" if back is None else str(at + takes + back)
            orders.append(f"{name}{place} | S | {buyer} | {at} | {yuan} | | |")
            fulfilments.append(f"{name}{place} | {name}{place} | S | {at + takes} | | | | {returned} | {'' if back is None else yuan} |")
        return orders, fulfilments

    sold: dict[str, int] = {}
    year = quarter = 0
    for ordered, takes, yuan, buyer, back in drawn:
        delivered = ordered + takes
        if ordered < day and day - 365 <= delivered < day and (back is None or delivered + back >= day):
            year += yuan * 100
            quarter += yuan * 100 if delivered >= day - 90 else 0
            sold[buyer] = sold.get(buyer, 0) + yuan * 100
    as_of: date = AS_OF + timedelta(days=day)
    orders, fulfilments = tables(drawn, 0, "a")
    expected = Turnover(year, quarter, max(sold.values(), default=0))
    assert turnover_before(ledger_of("\n".join(orders), "\n".join(fulfilments)), "S", as_of) == expected
    more = tables(later, 501 + day, "b")
    both = ledger_of("\n".join(orders + more[0]), "\n".join(fulfilments + more[1]))
    assert turnover_before(both, "S", as_of) == expected


def test_what_cannot_be_known_is_refused() -> None:
    alone = build_ledger(
        draw({"suppliers": SUPPLIERS, "orders": "order_id | supplier_id | buyer_id | ordered_at | amount\na | S | L | -5 | 1"})
    )
    with pytest.raises(NotEnoughHistory, match="without fulfilments"):
        turnover_before(alone, "S", AS_OF)
    whole = ledger_of("a | S | Li | -50 | 100 | | |", "1 | a | S | -40 | | | | | |")
    with pytest.raises(UnknownSupplier):
        turnover_before(whole, "T", AS_OF)
