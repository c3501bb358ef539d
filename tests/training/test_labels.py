from collections.abc import Sequence
from contextlib import closing
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credit.errors import NotEnoughHistory
from credit.outcome import Outcome, OutcomePolicy
from tests.training.loans import LAST_DAY, Instalment, Loan, paid, plain_outcomes, unpaid
from tests.training.tables import raw_tables
from training.labels import Outcomes, given_labels, label_outcomes, last_day_seen

AS_OF = date(2025, 1, 1)
POLICY = OutcomePolicy()


def after(days: int) -> date:
    return AS_OF + timedelta(days=days)


def loan(*instalments: Instalment, drawn: int = -30, due: int = 60, loan_id: str = "l1", supplier_id: str = "s1") -> Loan:
    return Loan(loan_id, supplier_id, after(drawn), after(due), list(instalments))


def outcomes_of(loans: Sequence[Loan], *as_ofs: date, last_day: date = LAST_DAY, shuffled: bool = False) -> Outcomes:
    with closing(raw_tables(loans, last_day=last_day, shuffled=shuffled)) as tables:
        return label_outcomes(tables, as_ofs, POLICY)


def label(*loans: Loan, last_day: date = LAST_DAY, as_of: date = AS_OF) -> str | None:
    outcomes = outcomes_of(loans, as_of, last_day=last_day)
    return str(outcomes.status[0]) if len(outcomes.status) else None


@pytest.mark.parametrize(
    ("days_late", "expected"),
    [(0, "good"), (29, "good"), (30, "indeterminate"), (89, "indeterminate"), (90, "bad"), (200, "bad")],
)
def test_days_past_due_are_counted_to_the_day_of_payment(days_late: int, expected: str) -> None:
    assert label(loan(paid(after(60), after(60 + days_late)))) == expected


def test_an_instalment_never_paid_is_bad() -> None:
    assert label(loan(unpaid(after(60)))) == "bad"


def test_ninety_days_are_reached_on_the_last_day_of_the_window_and_not_on_the_day_after() -> None:
    assert label(loan(unpaid(after(364 - 90)), due=274)) == "bad"
    assert label(loan(unpaid(after(365 - 90)), due=275)) == "indeterminate"


def test_a_supplier_already_in_default_is_left_out_and_counted() -> None:
    outcomes = outcomes_of([loan(unpaid(after(-90)), drawn=-200, due=-90)], AS_OF)
    assert len(outcomes.y) == 0
    assert outcomes.left_out["already_default"] == 1


def test_a_default_cured_before_the_as_of_date_does_not_count() -> None:
    first, second = paid(after(-200), after(-100)), paid(after(60))
    assert label(loan(first, second, drawn=-300)) == "good"


def test_a_part_payment_leaves_the_instalment_open() -> None:
    assert label(loan(paid(after(60), amount=99))) == "bad"
    assert label(loan(paid(after(60), amount=100))) == "good"


def test_the_version_known_last_decides() -> None:
    corrected = Instalment(after(60), versions=[(None, after(60), 40), (after(70), after(70), 100)])
    assert label(loan(corrected)) == "good"
    taken_back = Instalment(after(60), versions=[(None, after(60), 100), (after(90), None, None)])
    assert label(loan(taken_back)) == "bad"


@pytest.mark.parametrize(("recorded", "expected"), [(364, "good"), (365, "bad"), (500, "bad")])
def test_a_payment_recorded_once_the_label_is_mature_is_not_known_to_it(recorded: int, expected: str) -> None:
    told_late = Instalment(after(60), versions=[(None, None, None), (after(recorded), after(60), 100)])
    assert label(loan(told_late)) == expected
    taken_back = Instalment(after(60), versions=[(None, after(60), None), (after(recorded), None, None)])
    assert label(loan(taken_back)) == ("bad" if expected == "good" else "good")


def test_each_as_of_date_takes_the_versions_of_its_own_time() -> None:
    told_late = Instalment(after(60), versions=[(None, None, None), (after(365), after(60), 100)])
    outcomes = outcomes_of([loan(told_late)], AS_OF, after(1))
    assert outcomes.status.tolist() == ["bad", "good"]


@pytest.mark.parametrize(("recorded", "expected"), [(364, "bad"), (365, None)])
def test_a_loan_or_instalment_recorded_once_the_label_is_mature_does_not_count(recorded: int, expected: str | None) -> None:
    late_loan = Loan("l1", "s1", after(-30), after(60), [unpaid(after(60))], recorded=after(recorded))
    assert label(late_loan) == expected
    late_instalment = Instalment(after(60), versions=[(after(recorded), None, None)])
    assert label(loan(late_instalment)) == expected


def test_a_corrected_loan_counts_as_it_was_known() -> None:
    def drawn_on(recorded: int) -> Loan:
        return Loan("l1", "s1", after(-30), after(60), [unpaid(after(60))], corrections=[(after(recorded), after(90), 100)])

    assert label(drawn_on(364)) is None
    assert label(drawn_on(365)) == "bad"


def test_loans_repaid_before_or_drawn_after_ninety_days_do_not_count() -> None:
    assert label(loan(paid(after(-1)), due=-1)) is None
    assert label(loan(paid(after(0)), due=0)) == "good"
    assert label(loan(unpaid(after(150)), drawn=90, due=150)) is None
    assert label(loan(unpaid(after(150)), drawn=89, due=150)) == "bad"


def test_good_needs_the_whole_window_or_full_repayment() -> None:
    early = after(200)
    assert label(loan(paid(after(60))), last_day=early) == "good"
    assert label(loan(paid(after(60)), unpaid(after(300)), due=300), last_day=early) is None
    assert label(loan(paid(after(60)), unpaid(after(300)), due=300), last_day=after(364)) == "indeterminate"
    assert label(loan(paid(after(60)), paid(after(300)), due=300), last_day=after(364)) == "good"


def test_a_schedule_that_stops_short_is_not_repaid_in_full() -> None:
    short = Loan("l1", "s1", after(-30), after(300), [paid(after(60))], principal=1000)
    assert label(short, last_day=after(200)) is None
    assert label(short, last_day=after(364)) == "good"


def test_bad_is_known_early_but_not_mature_early() -> None:
    outcomes = outcomes_of([loan(unpaid(after(60)))], AS_OF, last_day=after(200))
    assert outcomes.status.tolist() == [Outcome.BAD]
    assert outcomes.mature_on.tolist() == [after(365)]
    assert outcomes.is_mature.tolist() == [False]


def test_one_label_per_supplier_takes_its_worst_loan() -> None:
    good, bad = loan(paid(after(60))), loan(unpaid(after(60)), loan_id="l2")
    assert label(good, bad) == "bad"


def test_a_loan_without_instalments_gives_no_label() -> None:
    assert label(loan()) is None


def test_row_order_never_matters() -> None:
    corrected = Instalment(after(60), versions=[(None, after(60), 40), (after(70), after(70), 100)])
    loans = [loan(corrected), loan(unpaid(after(30)), loan_id="l2", supplier_id="s2")]
    assert outcomes_of(loans, AS_OF).status.tolist() == outcomes_of(loans, AS_OF, shuffled=True).status.tolist()


def test_the_data_reach_the_newest_event_in_the_zone() -> None:
    with closing(raw_tables([])) as tables:
        assert last_day_seen(tables) == LAST_DAY


def test_no_as_of_date_is_refused() -> None:
    with pytest.raises(NotEnoughHistory, match="at least one as-of date"):
        outcomes_of([])


def given_outcomes(labels: Sequence[tuple[str, date, str, date | None]], last_day: date = LAST_DAY) -> Outcomes:
    with closing(raw_tables([], labels=labels, last_day=last_day)) as tables:
        return given_labels(tables, POLICY)


def test_given_labels_of_one_date_are_mature_the_day_after_the_newest_was_recorded() -> None:
    outcomes = given_outcomes(
        [
            ("s1", AS_OF, "bad", after(30)),
            ("s2", AS_OF, "good", after(90)),
            ("s3", AS_OF, "good", after(90)),
            ("s3", AS_OF, "bad", after(100)),
            ("s1", after(31), "indeterminate", after(60)),
        ]
    )
    assert outcomes.status.tolist() == ["bad", "good", "bad", "indeterminate"]
    np.testing.assert_array_equal(outcomes.y, [1.0, 0.0, 1.0, np.nan])
    assert outcomes.mature_on.tolist() == [after(101)] * 3 + [after(61)]


@pytest.mark.parametrize("recorded", [None, after(-1), AS_OF])
def test_a_given_label_without_a_usable_recording_makes_its_date_wait_for_the_whole_window(recorded: date | None) -> None:
    alone = given_outcomes([("s1", AS_OF, "good", recorded)])
    assert alone.mature_on.tolist() == [after(365)]
    beside_another = given_outcomes([("s1", AS_OF, "good", recorded), ("s2", AS_OF, "bad", after(30))])
    assert beside_another.mature_on.tolist() == [after(365)] * 2


@pytest.mark.parametrize("goods_after", [120, 365])
def test_bads_recorded_at_once_do_not_stand_alone_in_the_newest_months(goods_after: int) -> None:
    months = [after(30 * n) for n in range(20)]
    told = [("s1", month, "bad", month + timedelta(days=30)) for month in months]
    told += [("s2", month, "good", month + timedelta(days=goods_after)) for month in months]
    seen_until = after(500)
    outcomes = given_outcomes([row for row in told if row[3] <= seen_until], last_day=seen_until)
    complete = [month for month in months if month + timedelta(days=goods_after) <= seen_until]
    assert sorted(set(outcomes.as_of[outcomes.is_mature].tolist())) == complete
    assert outcomes.y[outcomes.is_mature].mean() == 0.5


def test_a_late_correction_of_one_date_does_not_hold_up_the_dates_after_it() -> None:
    outcomes = given_outcomes(
        [
            ("s1", AS_OF, "good", after(90)),
            ("s1", AS_OF, "bad", after(300)),
            ("s1", after(31), "good", after(121)),
        ],
        last_day=after(310),
    )
    assert outcomes.mature_on.tolist() == [after(301), after(122)]


day_offsets = st.integers(-420, 520)


@st.composite
def drawn_loans(draw: st.DrawFn) -> list[Loan]:
    loans = []
    for number in range(draw(st.integers(1, 5))):
        drawn = draw(st.integers(-420, 200))
        instalments = {}
        for _ in range(draw(st.integers(0, 4))):
            due = drawn + draw(st.integers(1, 300))
            versions: list[tuple[date | None, date | None, int | None]] = []
            recorded = draw(st.one_of(st.none(), st.integers(-30, 500).map(after)))
            for _ in range(draw(st.integers(1, 3))):
                pay = draw(st.one_of(st.none(), st.integers(-5, 160)))
                on = None if pay is None or after(due + pay) > LAST_DAY else after(due + pay)
                versions.append((recorded, on, draw(st.sampled_from([None, 60, 100, 120]))))
                recorded = (recorded or after(due)) + timedelta(days=draw(st.sampled_from([1, 10, 365])))
            instalments[due] = Instalment(after(due), versions=versions)
        due = max(instalments, default=drawn + 30) + draw(st.sampled_from([0, 0, 40]))
        principal = draw(st.sampled_from([100, 250]))
        loans.append(
            Loan(
                f"l{number}",
                draw(st.sampled_from(["s1", "s2"])),
                after(drawn),
                after(due),
                list(instalments.values()),
                principal,
                recorded=draw(st.one_of(st.none(), st.integers(0, 400).map(after))),
                corrections=[
                    (after(recorded), after(draw(st.integers(-420, 200))), draw(st.sampled_from([100, 250])))
                    for recorded in sorted(draw(st.sets(st.integers(401, 800), max_size=2)))
                ],
            )
        )
    return loans


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(loans=drawn_loans(), offsets=st.lists(st.integers(-100, 300), min_size=1, max_size=3, unique=True))
def test_outcomes_equal_a_plain_walk_through_the_days(loans: list[Loan], offsets: list[int]) -> None:
    as_ofs = [after(offset) for offset in offsets]
    outcomes = outcomes_of(loans, *as_ofs)
    found = {
        (str(supplier_id), as_of): Outcome(str(status))
        for supplier_id, as_of, status in zip(outcomes.supplier_ids, outcomes.as_of.tolist(), outcomes.status, strict=True)
    }
    assert found == plain_outcomes(loans, as_ofs, POLICY, last_day=outcomes.seen_until)
