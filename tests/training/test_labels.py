from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credit.errors import NotEnoughHistory
from credit.outcome import Outcome, OutcomePolicy
from tests.training.loans import LAST_DAY, Instalment, Loan, paid, plain_outcomes, raw_tables, unpaid
from training.labels import given_labels, label_outcomes, last_day_seen

AS_OF = date(2025, 1, 1)
POLICY = OutcomePolicy()


def after(days: int) -> date:
    return AS_OF + timedelta(days=days)


def loan(*instalments: Instalment, drawn: int = -30, due: int = 60, loan_id: str = "l1", supplier_id: str = "s1") -> Loan:
    return Loan(loan_id, supplier_id, after(drawn), after(due), list(instalments))


def label(*loans: Loan, last_day: date = LAST_DAY, as_of: date = AS_OF) -> str | None:
    outcomes = label_outcomes(raw_tables(loans, last_day=last_day), [as_of], POLICY)
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
    tables = raw_tables([loan(unpaid(after(-90)), drawn=-200, due=-90)])
    outcomes = label_outcomes(tables, [AS_OF], POLICY)
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
    outcomes = label_outcomes(raw_tables([loan(unpaid(after(60)))], last_day=after(200)), [AS_OF], POLICY)
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
    one = label_outcomes(raw_tables(loans), [AS_OF], POLICY)
    other = label_outcomes(raw_tables(loans, shuffled=True), [AS_OF], POLICY)
    assert one.status.tolist() == other.status.tolist()


def test_the_data_reach_the_newest_event_in_the_zone() -> None:
    assert last_day_seen(raw_tables([])) == LAST_DAY


def test_no_as_of_date_is_refused() -> None:
    with pytest.raises(NotEnoughHistory, match="at least one as-of date"):
        label_outcomes(raw_tables([]), [], POLICY)


def test_given_labels_are_known_the_day_after_they_were_recorded() -> None:
    tables = raw_tables(
        [],
        labels=[
            ("s1", AS_OF, "good", after(90)),
            ("s2", AS_OF, "bad", None),
            ("s3", AS_OF, "indeterminate", AS_OF),
            ("s4", AS_OF, "good", after(90)),
            ("s4", AS_OF, "bad", after(100)),
        ],
    )
    outcomes = given_labels(tables, POLICY)
    assert outcomes.status.tolist() == ["good", "bad", "indeterminate", "bad"]
    np.testing.assert_array_equal(outcomes.y, [0.0, 1.0, np.nan, 1.0])
    assert outcomes.mature_on.tolist() == [after(91), after(365), after(365), after(101)]


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
            for version in range(draw(st.integers(1, 3))):
                pay = draw(st.one_of(st.none(), st.integers(-5, 160)))
                on = None if pay is None or after(due + pay) > LAST_DAY else after(due + pay)
                recorded = None if version == 0 else after(due + 10 * version)
                versions.append((recorded, on, draw(st.sampled_from([None, 60, 100, 120]))))
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
            )
        )
    return loans


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(loans=drawn_loans(), offsets=st.lists(st.integers(-100, 300), min_size=1, max_size=3, unique=True))
def test_outcomes_equal_a_plain_walk_through_the_days(loans: list[Loan], offsets: list[int]) -> None:
    as_ofs = [after(offset) for offset in offsets]
    outcomes = label_outcomes(raw_tables(loans, last_day=LAST_DAY), as_ofs, POLICY)
    found = {
        (str(supplier_id), as_of): Outcome(str(status))
        for supplier_id, as_of, status in zip(outcomes.supplier_ids, outcomes.as_of.tolist(), outcomes.status, strict=True)
    }
    assert found == plain_outcomes(loans, as_ofs, POLICY, last_day=outcomes.seen_until)
