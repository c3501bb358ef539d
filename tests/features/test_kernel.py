from collections.abc import Callable
from fractions import Fraction
from hashlib import blake2b

import numpy as np
import pytest

from features.civil import ALWAYS, NONE
from features.facts import WINDOWS
from features.kernel import Kernel
from features.network import NO_NETWORK
from features.plan import LastDay, Need, Parties, Plan, Window, schedule
from features.records import MISSING, RECORDS
from features.segment import TABLES, by_supplier
from features.versions import FOREVER, NEVER

AS_OF = 20_000
US_PER_DAY = 86_400_000_000
Told = tuple[str, int, int, int, int | None]
"""Id, days back of the purchase, counterparty, amount (MISSING for a void record), days back of its recording (None for none)."""
COUNT, AMOUNT = Window("purchased", "count", None), Window("purchased", "amount", None)
PARTIES = tuple(Parties("purchased", window) for window in (90, 180, 365))
NEEDS: tuple[Need, ...] = (COUNT, AMOUNT, LastDay("purchased"), *PARTIES)


def bought(back: int, amount: int = 100, party: int = 0, *, known: int | None = None, key: str = "") -> Told:
    """A purchase so many days before the as-of date; a `key` makes it a version of another."""
    return (key or f"{back}/{amount}/{party}/{known}", back, party, amount, known)


def void(key: str, known: int) -> Told:
    """Take a purchase back: from then on it stands with another supplier."""
    return (key, 0, -1, MISSING, known)


def number_of(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=7).digest())


class Found:
    """What the kernel says of one supplier, by need and date."""

    def __init__(self, told: tuple[Told, ...], needs: tuple[Need, ...], as_of: tuple[int, ...], known: tuple[int, ...] | None) -> None:
        rows = np.zeros(len(told), dtype=RECORDS["purchases"].dtype)
        for row, (key, back, party, amount, recorded) in zip(rows, told, strict=True):
            row["key"], row["party"], row["amount"] = number_of(key), party, amount
            row["purchased"], row["cancelled"] = AS_OF - back, NONE
            row["recorded"] = ALWAYS if recorded is None else (AS_OF - recorded) * US_PER_DAY
            row["recorded_day"] = NONE if recorded is None else AS_OF - recorded
        records = [rows if table == "purchases" else np.zeros(0, dtype=RECORDS[table].dtype) for table in TABLES]
        segment = by_supplier(records, (), 0, 1)
        self.plan = Plan.of(needs)
        kernel = Kernel(self.plan, schedule(self.plan, as_of, known))
        self.arrays = kernel.aggregate(segment.records, segment.offsets, int(rows["party"].max(initial=0)) + 1, NO_NETWORK)

    def sums(self, window: Window) -> list[int]:
        return [int(value) for value in self.arrays[0][self.plan.window_at[window]]]

    def last(self) -> list[int]:
        """Days back from the as-of date, NEVER where there is none."""
        return [NEVER if day == NEVER else AS_OF - int(day) for day in self.arrays[1][0]]

    def party(self, window: int, date: int = 0) -> list[float]:
        """Distinct, HHI, top share, repeat share."""
        at = self.plan.parties_at[Parties("purchased", window)]
        return [float(value) for value in self.arrays[2][at : at + 4, date]]


def run(*told: Told, needs: tuple[Need, ...] = NEEDS, as_of: tuple[int, ...] = (AS_OF,), known: tuple[int, ...] | None = None) -> Found:
    return Found(told, needs, as_of, known)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("since", "until"), [(since, until) for until in (0, 30, 180) for since in (1, *WINDOWS, None) if since is None or since > until]
)
def test_a_window_begins_at_its_edge_and_ends_before_the_other(since: int | None, until: int, late: bool) -> None:
    window = Window("purchased", "amount", since, until)
    inside: Callable[[int], bool] = lambda back: back > until and (since is None or back <= since)  # noqa: E731
    edges = sorted({back for edge in (0, until, since or 5000) for back in (edge - 1, edge, edge + 1) if back > 0})
    for back in edges:
        known = back - 1 if late else None
        expected = 100 if inside(back) and (known is None or known > 0) else 0
        assert run(bought(back, known=known), needs=(window, COUNT)).sums(window) == [expected], back


@pytest.mark.parametrize("unseen", [bought(0), bought(-1), bought(5, known=0), bought(5, known=-3)])
def test_what_becomes_known_at_or_after_the_as_of_date_is_not_counted(unseen: Told) -> None:
    found = run(bought(9), unseen)
    assert (found.sums(COUNT), found.sums(AMOUNT), found.last()) == ([1], [100], [9])
    assert [found.party(window)[0] for window in (90, 180, 365)] == [1, 1, 1]


def test_without_facts_sums_are_zero_and_days_never() -> None:
    found = run()
    assert (found.sums(COUNT), found.last()) == ([0], [NEVER])
    assert found.party(90)[0] == 0
    assert np.isnan(found.party(90)[1:]).all()


def test_counterparties_are_told_apart_over_nested_windows() -> None:
    found = run(bought(10, 300, 0), bought(90, 100, 1), bought(91, 600, 1), bought(181, 1000, 2), bought(366, 9, 3))
    assert [found.party(window)[0] for window in (90, 180, 365)] == [2, 2, 3]
    hhi = [found.party(window)[1] for window in (90, 180, 365)]
    assert hhi == pytest.approx([(9 + 1) / 16, (9 + 49) / 100, (9 + 49 + 100) / 400], rel=1e-15)
    assert [found.party(window)[2] for window in (90, 180, 365)] == [3 / 4, 7 / 10, 10 / 20]
    assert [found.party(window)[3] for window in (90, 180, 365)] == [0, 1 / 2, 1 / 3]


def test_what_nobody_is_named_for_is_a_counterparty_of_its_own() -> None:
    assert run(bought(5, 100, -1), bought(6, 300, 0)).party(90) == [2, pytest.approx(0.625), 0.75, 0]


def test_a_counterparty_taken_back_is_no_counterparty() -> None:
    found = run(bought(10, 300, 0, key="moved"), void("moved", 4), bought(20, 200, 1))
    assert found.party(90) == [1, 1, 1, 0]
    assert found.last() == [20]


def test_before_it_is_taken_back_a_fact_stands() -> None:
    found = run(bought(10, 300, 0, key="moved"), void("moved", 4), bought(20, 200, 1), as_of=(AS_OF - 4, AS_OF - 3))
    assert found.last() == [10, 20]
    assert [found.party(90, date)[0] for date in (0, 1)] == [2, 1]
    assert found.sums(AMOUNT) == [500, 200]


def test_a_day_with_another_standing_fact_stays_the_last_day() -> None:
    assert run(bought(10, 300, key="moved"), bought(10, 200), void("moved", 4)).last() == [10]


def test_a_late_fact_can_be_the_last_day() -> None:
    assert run(bought(20), bought(10, known=4), as_of=(AS_OF - 4, AS_OF)).last() == [20, 10]


def test_when_everything_was_taken_back_there_never_was_a_day() -> None:
    found = run(bought(20, key="a"), void("a", 4), bought(9, known=7, key="b"), void("b", 5))
    assert (found.sums(COUNT), found.sums(AMOUNT), found.last()) == ([0], [0], [NEVER])
    assert found.party(365)[0] == 0


def test_the_last_day_is_looked_for_behind_days_that_were_taken_back() -> None:
    moved = [told for back in (3, 4, 5, 40) for told in (bought(back, key=f"m{back}"), void(f"m{back}", 2))]
    assert run(*moved, bought(50), bought(50, 7)).last() == [50]


def test_a_corrected_amount_counts_once_it_was_recorded() -> None:
    told = (bought(40, 100, key="a"), bought(40, 130, key="a", known=30), bought(35, 90, key="a", known=10))
    found = run(*told, as_of=(AS_OF - 31, AS_OF - 30, AS_OF - 29, AS_OF - 10, AS_OF - 9))
    assert found.sums(AMOUNT) == [100, 100, 130, 130, 90]
    assert found.last() == [40, 40, 40, 40, 35]


@pytest.mark.parametrize(
    ("known", "amount", "last"),
    [
        (AS_OF - 20, 0, NEVER),
        (AS_OF - 19, 1, 20),
        (AS_OF - 9, 3, 10),
        (AS_OF - 4, 3, 10),
        (AS_OF, 7, 8),
        (AS_OF + 1, 15, 8),
        (AS_OF + 9, 31, 8),
    ],
)
def test_facts_can_be_asked_for_as_they_were_known_at_another_day(known: int, amount: int, last: int) -> None:
    told = (bought(20, 1), bought(10, 2), bought(8, 4, known=4), bought(12, 8, known=0), bought(15, 16, known=-3), bought(0, 32))
    found = run(*told, known=(known,))
    assert (found.sums(AMOUNT), found.last()) == ([amount], [last])
    assert found.party(90)[0] == (amount > 0)


def test_a_later_view_takes_back_what_was_corrected_since() -> None:
    told = (bought(20, 100, 0, key="a"), bought(20, 70, 1, key="a", known=-5), bought(30, 30, 1))
    earlier, later = run(*told), run(*told, known=(AS_OF + 6,))
    assert (earlier.sums(AMOUNT), later.sums(AMOUNT)) == ([130], [100])
    assert (earlier.party(90)[0], later.party(90)[0]) == (2, 1)


def test_one_day_of_knowing_holds_for_all_dates() -> None:
    told = (bought(60, 1), bought(50, 2, known=5), bought(20, 4), bought(12, 8, known=11))
    as_of = (AS_OF - 49, AS_OF - 15, AS_OF)
    assert run(*told, as_of=as_of, known=(AS_OF - 11,) * 3).sums(AMOUNT) == [1, 5, 5]
    assert run(*told, as_of=as_of, known=(AS_OF,) * 3).sums(AMOUNT) == [3, 7, 15]
    assert run(*told, as_of=as_of).sums(AMOUNT) == [1, 5, 15]


def test_large_amounts_are_added_exactly() -> None:
    amounts = (2**61, 1, 2**61 - 3)
    assert run(*(bought(5, amount, key=str(amount)) for amount in amounts)).sums(AMOUNT) == [2**62 - 2]


@pytest.mark.parametrize("seed", range(8))
def test_concentration_is_that_of_whole_numbers_however_large(seed: int) -> None:
    """The sum of squares is kept in 128 bits: compared with Python's whole numbers, it is off by the last rounding alone."""
    rng = np.random.default_rng(seed)
    amounts = [int(rng.integers(1, 10 ** rng.integers(1, 18))) for _ in range(int(rng.integers(1, 40)))]
    while sum(amounts) > 9 * 10**17:
        amounts = [amount // 2 + 1 for amount in amounts]
    found = run(*(bought(5, amount, party) for party, amount in enumerate(amounts)))
    exact = Fraction(sum(a * a for a in amounts), sum(amounts) ** 2)
    assert abs(Fraction(found.party(90)[1]) / exact - 1) < Fraction(1, 2**50)
    assert found.party(90)[2] == pytest.approx(max(amounts) / sum(amounts), rel=2**-51)
    shuffled = run(*(bought(5, amount, party) for party, amount in reversed(list(enumerate(reversed(amounts))))))
    assert shuffled.party(90)[1] == found.party(90)[1], "in any order"


@pytest.mark.parametrize(
    "amounts",
    [(9 * 10**17,), (2**59, 2**59 - 1), (2**32, 2**32 - 1, 1), (3 * 10**17,) * 3, (1, 9 * 10**17), (2**31, 1), (2**31 - 1,) * 2,
     (2**31 - 1,) * 3, (2**30,) * 7, (2**30,) * 8, (2**30,) * 9],
)  # fmt: skip
def test_squares_carry_into_the_upper_half(amounts: tuple[int, ...]) -> None:
    """Below 2^31 and while all together stay below 2^63 they are added in one word, else in two."""
    found = run(*(bought(5, amount, party) for party, amount in enumerate(amounts)))
    assert Fraction(found.party(90)[1]) == pytest.approx(Fraction(sum(a * a for a in amounts), sum(amounts) ** 2), rel=1e-15)


@pytest.mark.parametrize("size", [1, 1000, 2**20, 2**29, 2**31 - 1, 2**31, 2**33])
def test_fact_by_fact_or_over_all_counterparties_is_the_same(size: int) -> None:
    """A fact that became known late makes the kernel look at all counterparties at each window; this one lies outside of them all."""
    rng = np.random.default_rng(size)
    told = [bought(int(rng.integers(0, 420)), int(rng.integers(0, size + 1)), int(rng.integers(40)), key=f"k{i}") for i in range(300)]
    days = tuple(range(AS_OF - 60, AS_OF + 400, 17))
    by_fact, by_party = (run(*rows, as_of=days).arrays[2] for rows in (told, [*told, bought(900, 7, 0, known=890)]))
    assert by_fact.tobytes() == by_party.tobytes()


def test_counterparties_without_an_amount_have_no_shares() -> None:
    found = run(bought(5, 0, 0), bought(6, 0, 1), bought(7, 0, 1))
    assert found.party(90)[0] == 2
    assert np.isnan(found.party(90)[1:3]).all()
    assert found.party(90)[3] == 1 / 2


@pytest.mark.parametrize(
    ("table", "day", "known_from"),
    [("orders", "ordered", AS_OF - 9), ("reviews", "reviewed", AS_OF - 9), ("suppliers", "joined", AS_OF - 9),
     ("suppliers", "registered", FOREVER), ("purchases", "purchased", FOREVER), ("certificates", "issued", FOREVER)],
)  # fmt: skip
def test_a_supplier_is_known_from_the_first_day_that_tells_of_it(table: str, day: str, known_from: int) -> None:
    rows = np.zeros(3, dtype=RECORDS[table].dtype)
    for field in RECORDS[table].fields:
        if field.kind == "day":
            rows[field.name] = NONE
    rows["key"], rows["recorded"], rows["recorded_day"], rows[day] = [1, 2, 3], ALWAYS, NONE, [AS_OF - 9, AS_OF - 5, AS_OF]
    segment = by_supplier([rows if t == table else np.zeros(0, dtype=RECORDS[t].dtype) for t in TABLES], (), 0, 1)
    plan = Plan.of(NEEDS)
    *_, found = Kernel(plan, schedule(plan, (AS_OF,))).aggregate(segment.records, segment.offsets, 1, NO_NETWORK)
    assert found.tolist() == [known_from]


def test_kinds_are_kept_apart() -> None:
    cancelled = Window("purchase_cancelled", "amount", None)
    found = run(bought(5), needs=(AMOUNT, cancelled, LastDay("purchase_cancelled")))
    assert (found.sums(AMOUNT), found.sums(cancelled), found.last()) == ([100], [0], [NEVER])


def drawn() -> list[Told]:
    rng = np.random.default_rng(11)
    told = [bought(int(rng.integers(-30, 500)), int(rng.integers(1, 999)), int(rng.integers(9)), key=f"k{i}") for i in range(200)]
    for i in range(0, 200, 3):
        told.append(bought(told[i][1], 5, 1, key=f"k{i}", known=int(rng.integers(-20, 300))))
    return [*told, *(void(f"k{i}", int(rng.integers(-20, 200))) for i in range(0, 200, 7))]


WIDE: tuple[Need, ...] = (*NEEDS, *(Window("purchased", "amount", since, until) for since in WINDOWS for until in (0, 30) if since > until))


def test_one_date_alone_and_many_together_are_the_same() -> None:
    days = tuple(range(AS_OF - 90, AS_OF + 40, 9))
    together = run(*drawn(), needs=WIDE, as_of=days)
    for row, day in enumerate(days):
        alone = run(*drawn(), needs=WIDE, as_of=(day,))
        assert [array[:, row].tobytes() for array in together.arrays[:3]] == [array[:, 0].tobytes() for array in alone.arrays[:3]]


def test_dates_that_lie_far_apart_are_the_same_as_alone() -> None:
    days = (-20_000, AS_OF - 400, AS_OF, AS_OF + 60_000)
    together = run(*drawn(), needs=WIDE, as_of=days)
    for row, day in enumerate(days):
        alone = run(*drawn(), needs=WIDE, as_of=(day,))
        assert [array[:, row].tobytes() for array in together.arrays[:3]] == [array[:, 0].tobytes() for array in alone.arrays[:3]]


def test_the_order_of_the_records_never_matters() -> None:
    one = run(*drawn(), needs=WIDE, as_of=(AS_OF - 33, AS_OF))
    for seed in range(5):
        other = run(
            *np.random.default_rng(seed).permutation(np.array(drawn(), dtype=object)).tolist(), needs=WIDE, as_of=(AS_OF - 33, AS_OF)
        )
        assert [array.tobytes() for array in one.arrays] == [array.tobytes() for array in other.arrays]


def test_a_supplier_with_more_facts_than_there_was_room_for_is_aggregated_whole() -> None:
    rows = np.zeros(3 * 5000, dtype=RECORDS["purchases"].dtype)
    rows["supplier"] = np.repeat([0, 1, 2], 5000)
    rows["key"], rows["amount"] = np.arange(len(rows)), 1
    rows["purchased"], rows["cancelled"], rows["recorded"], rows["recorded_day"] = AS_OF - 1, NONE, ALWAYS, NONE
    few = np.concatenate([rows[:10], rows[5000:]])
    segment = by_supplier([few if t == "purchases" else np.zeros(0, dtype=RECORDS[t].dtype) for t in TABLES], (), 0, 3)
    plan = Plan.of(NEEDS)
    windows, last, *_ = Kernel(plan, schedule(plan, (AS_OF - 1, AS_OF))).aggregate(segment.records, segment.offsets, 1, NO_NETWORK)
    assert windows[plan.window_at[AMOUNT]].tolist() == [0, 10, 0, 5000, 0, 5000]
    assert last[0].tolist() == [NEVER, AS_OF - 1] * 3
