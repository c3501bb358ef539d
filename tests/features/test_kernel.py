import numpy as np
import numpy.typing as npt
import pytest

from features.facts import COLUMNS, EDGES, INTERVALS, KIND_INDEX, KINDS, PARTY_WINDOWS
from features.kernel import NEVER, aggregate

ORDERED = KIND_INDEX["order_placed"]
REVIEWED = KIND_INDEX["reviewed"]
AS_OF = 20_000

Results = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float64]]
Fact = tuple[int, int, int, int, int]
"""Kind, event day, known day, counterparty, amount; a negative amount takes an older fact back."""


def run(*facts: Fact, as_of: tuple[int, ...] = (AS_OF,)) -> Results:
    """Aggregates of one supplier with these facts."""
    on_time = sorted(fact for fact in facts if fact[1] == fact[2])
    late = sorted(fact for fact in facts if fact[1] != fact[2])
    rows = np.array([*on_time, *late], dtype=np.int64).reshape(-1, 5)
    values = np.zeros((len(rows), COLUMNS), dtype=np.int64)
    values[:, 0], values[:, 1] = np.where(rows[:, 4] < 0, -1, 1), rows[:, 4]
    kind, event, known, party = (rows[:, i].astype(np.int8 if i == 0 else np.int32) for i in range(4))
    return aggregate(
        (kind, event, known, party, values),
        offsets=np.array([0, len(rows)]),
        on_time=np.array([len(on_time)]),
        party_counts=np.array([int(rows[:, 3].max(initial=0)) + 1]),
        row_offsets=np.array([0, len(as_of)]),
        as_of=np.array(as_of, dtype=np.int32),
    )


def order(back: int, amount: int = 100, party: int = 0, known: int | None = None) -> Fact:
    return (ORDERED, AS_OF - back, AS_OF - (back if known is None else known), party, amount)


@pytest.mark.parametrize("lane", ["on time", "late"])
@pytest.mark.parametrize("interval", range(INTERVALS))
def test_each_interval_begins_at_its_edge_and_ends_before_the_next(interval: int, lane: str) -> None:
    newest = EDGES[interval] + 1
    oldest = EDGES[interval + 1] if interval + 1 < INTERVALS else 5000
    for back in (newest, oldest):
        if lane == "late" and back == 1:
            continue  # an event of yesterday cannot have been recorded later and yet before today
        sums, *_ = run(order(back, known=back if lane == "on time" else back - 1))
        assert np.flatnonzero(sums[0, ORDERED, 0]).tolist() == [interval]
        assert sums[0, ORDERED, 1, interval] == 100


@pytest.mark.parametrize("fact", [order(0), order(-1), order(5, known=0), order(5, known=-3)])
def test_what_becomes_known_at_or_after_the_as_of_date_is_not_counted(fact: Fact) -> None:
    sums, last, parties = run(order(9), fact)
    assert sums.sum() == 1 + 100
    assert last[0, ORDERED] == AS_OF - 9
    assert parties[0, 0, :, 0].tolist() == [1, 1, 1]


def test_without_facts_sums_are_zero_and_days_never() -> None:
    sums, last, parties = run()
    assert not sums.any()
    assert (last == NEVER).all()
    assert parties.shape[2] == len(PARTY_WINDOWS)


def test_counterparties_are_told_apart_over_nested_windows() -> None:
    _, _, parties = run(order(10, 300, 0), order(90, 100, 1), order(91, 600, 1), order(181, 1000, 2), order(366, 9, 3))
    distinct, hhi, top, repeated = parties[0, 0].T.tolist()
    assert distinct == [2, 2, 3]
    assert hhi == pytest.approx([(9 + 1) / 16, (9 + 49) / 100, (9 + 49 + 100) / 400])
    assert top == [3 / 4, 7 / 10, 10 / 20]
    assert repeated == [0, 1 / 2, 1 / 3]


def test_a_counterparty_taken_back_is_no_counterparty() -> None:
    _, last, parties = run(order(10, 300, 0), order(10, -300, 0, known=4), order(20, 200, 1))
    assert parties[0, 0, 0].tolist() == [1, 1, 1, 0]
    assert last[0, ORDERED] == AS_OF - 20


def test_before_it_is_taken_back_a_fact_stands() -> None:
    _, last, parties = run(order(10, 300, 0), order(10, -300, 0, known=4), order(20, 200, 1), as_of=(AS_OF - 4, AS_OF - 3))
    assert last[:, ORDERED].tolist() == [AS_OF - 10, AS_OF - 20]
    assert parties[:, 0, 0, 0].tolist() == [2, 1]


def test_a_day_with_another_standing_fact_stays_the_last_day() -> None:
    _, last, _ = run(order(10, 300), order(10, 200), order(10, -300, known=4))
    assert last[0, ORDERED] == AS_OF - 10


def test_a_late_fact_can_be_the_last_day() -> None:
    _, last, _ = run(order(20), order(10, known=4), as_of=(AS_OF - 4, AS_OF))
    assert last[:, ORDERED].tolist() == [AS_OF - 20, AS_OF - 10]


def test_when_everything_was_taken_back_there_never_was_a_day() -> None:
    sums, last, parties = run(order(20), order(20, -100, known=4), order(9, known=7), order(9, -100, known=5))
    assert not sums.any()
    assert last[0, ORDERED] == NEVER
    assert parties[0, 0, 0, 0] == 0


def test_kinds_are_kept_apart() -> None:
    sums, last, _ = run(order(5), (REVIEWED, AS_OF - 3, AS_OF - 3, 0, 500))
    assert (sums[0, ORDERED, 1].sum(), sums[0, REVIEWED, 1].sum()) == (100, 500)
    assert (last[0, ORDERED], last[0, REVIEWED]) == (AS_OF - 5, AS_OF - 3)
    assert sums.shape == (1, len(KINDS), COLUMNS, INTERVALS)


def test_large_amounts_are_added_exactly() -> None:
    amounts = (2**61, 1, 2**61 - 3)
    sums, *_ = run(*(order(5, amount) for amount in amounts))
    assert sums[0, ORDERED, 1, 0] == 2**62 - 2


def test_one_date_alone_and_many_together_are_the_same() -> None:
    facts = [order(back, 100 + back, back % 5) for back in range(1, 400, 7)] + [order(50, -150, 0, known=20), order(33, 5, 2, known=8)]
    days = tuple(range(AS_OF - 90, AS_OF + 40, 9))
    together = run(*facts, as_of=days)
    for row, day in enumerate(days):
        alone = run(*facts, as_of=(day,))
        assert [array[row].tobytes() for array in together] == [array[0].tobytes() for array in alone]
