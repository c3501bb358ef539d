"""A person takes a decision over: from which stage, with a reason, never alone, and never beyond the statute."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from credit.decision import Recommendation, Terms, decide
from credit.errors import StepNotAllowed
from credit.referral import (
    Case,
    Stage,
    accept,
    confirm,
    exposure,
    is_closed,
    lapse,
    last_day,
    open_case,
    override_terms,
    propose,
    refer,
    reject,
    repay,
    take,
    withdraw,
)
from tests.credit.financing import GOOD, POLICY, RECEIVABLES, REQUEST, STEADY, invoice

AT = datetime(2026, 7, 2, 9, 0, tzinfo=UTC)
WHY = "site visit found the plant running"
APPROVED = decide(RECEIVABLES, GOOD, STEADY, POLICY)
REFERRED = decide(RECEIVABLES, replace(GOOD, sufficiency="C"), STEADY, POLICY)
TERMS = Terms(limit=10_000_000, advance_rate=700_000, annual_rate=60_000, tenor_days=60, expected_loss=1)


def say(by: str = "officer-1", reason: str = WHY, hours: int = 0) -> dict[str, Any]:
    return {"by": by, "reason": reason, "at": AT + timedelta(hours=hours), "policy": POLICY}


def proposed(case: Case | None = None, terms: Terms = TERMS) -> Case:
    return propose(case or open_case(REFERRED), **say(), outcome=Recommendation.APPROVE, terms=terms)


def test_a_recommendation_is_accepted_as_it_stands() -> None:
    case = accept(open_case(APPROVED), **say())
    assert (case.stage, case.outcome, case.terms) == (Stage.ACCEPTED, Recommendation.APPROVE, APPROVED.terms)


def test_a_referral_waits_for_a_proposal_and_a_second_person() -> None:
    case = open_case(REFERRED)
    assert case.stage is Stage.REFERRED
    with pytest.raises(StepNotAllowed, match="possible from recommended"):
        accept(case, **say())
    done = confirm(proposed(case), **say("officer-2", hours=1))
    assert (done.stage, done.outcome, done.terms) == (Stage.OVERRIDDEN, Recommendation.APPROVE, TERMS)
    assert [(str(step.act), step.by, step.reason) for step in done.steps] == [("propose", "officer-1", WHY), ("confirm", "officer-2", WHY)]


@pytest.mark.parametrize("by", ["officer-1", "OFFICER-1", " officer-1 ", "ｏｆｆｉｃｅｒ－１", "officer-1\u3000"])
@pytest.mark.parametrize("act", [confirm, reject])
def test_nobody_is_their_own_second_person(by: str, act: Any) -> None:
    with pytest.raises(StepNotAllowed, match="second person"):
        act(proposed(), **say(by))


def test_a_refused_proposal_goes_back_and_another_may_follow() -> None:
    back = reject(proposed(), **say("officer-2"))
    assert (back.stage, back.outcome, back.terms) == (Stage.REFERRED, None, None)
    again = propose(back, **say("officer-2", hours=1), outcome=Recommendation.DECLINE, terms=None)
    done = confirm(again, **say("officer-1", hours=2))
    assert (done.outcome, done.terms, len(done.steps)) == (Recommendation.DECLINE, None, 4)


def test_an_approval_can_be_referred_and_overridden() -> None:
    case = refer(open_case(APPROVED), **say())
    assert case.stage is Stage.REFERRED
    assert proposed(open_case(APPROVED)).stage is Stage.PROPOSED
    with pytest.raises(StepNotAllowed, match="possible from recommended"):
        refer(case, **say())


def test_what_is_final_takes_no_further_step() -> None:
    finals = (accept(open_case(APPROVED), **say()), confirm(proposed(), **say("officer-2")))
    for case in finals:
        for act in (refer, accept, confirm, reject):
            with pytest.raises(StepNotAllowed, match="possible from"):
                act(case, **say("officer-3"))
        with pytest.raises(StepNotAllowed, match="possible from"):
            proposed(case)


def test_a_proposal_waits_for_nothing_but_its_second_person() -> None:
    for act in (refer, accept):
        with pytest.raises(StepNotAllowed, match="possible from"):
            act(proposed(), **say("officer-2"))
    for act in (confirm, reject):
        with pytest.raises(StepNotAllowed, match="possible from proposed"):
            act(open_case(REFERRED), **say("officer-2"))


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (say(reason="ok"), "at least 10"),
        (say(reason="." * 50), "at least 10"),
        (say(by=" \u3000"), "needs the person"),
        ({**say(), "at": datetime(2026, 7, 2)}, "time with its zone"),
    ],
)
def test_a_step_needs_person_reason_and_time(said: dict[str, Any], says: str) -> None:
    with pytest.raises(StepNotAllowed, match=says):
        refer(open_case(APPROVED), **said)


def test_a_reason_in_chinese_is_counted_by_its_signs() -> None:
    assert refer(open_case(APPROVED), **say(reason="现场核查发现生产正常")).stage is Stage.REFERRED


def test_time_never_runs_backwards() -> None:
    with pytest.raises(StepNotAllowed, match="not before the last step"):
        confirm(proposed(), **say("officer-2", hours=-1))


@pytest.mark.parametrize(
    ("outcome", "terms"), [(Recommendation.APPROVE, None), (Recommendation.DECLINE, TERMS), (Recommendation.REFER, None)]
)
def test_a_proposal_is_an_approval_with_terms_or_a_decline_without(outcome: Recommendation, terms: Terms | None) -> None:
    with pytest.raises(StepNotAllowed, match="approves with terms or declines without"):
        propose(open_case(REFERRED), **say(), outcome=outcome, terms=terms)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"annual_rate": 240_001}, "annual_rate_ceiling"),
        ({"tenor_days": 1096}, "working_capital_tenor_days"),
        ({"limit": 60_000_001}, "already financed"),
        ({"limit": 0}, "above 0"),
        ({"tenor_days": 0}, "above 0"),
        ({"annual_rate": -1}, "not below 0"),
    ],
)
def test_no_override_goes_beyond_the_statute(change: dict[str, int], says: str) -> None:
    with pytest.raises(StepNotAllowed, match=says):
        proposed(terms=replace(TERMS, **change))  # type: ignore[arg-type]


def test_an_override_counts_what_is_owed_and_cannot_finance_twice() -> None:
    owing = decide(replace(RECEIVABLES, request=replace(REQUEST, outstanding=495_000_000)), GOOD, STEADY, POLICY)
    with pytest.raises(StepNotAllowed, match="single_borrower_share"):
        proposed(open_case(owing))
    twice = decide(replace(RECEIVABLES, invoices=(invoice(is_financed_elsewhere=True),)), GOOD, STEADY, POLICY)
    with pytest.raises(StepNotAllowed, match="already financed elsewhere"):
        proposed(open_case(twice), replace(TERMS, limit=1))


def agreed() -> Case:
    return accept(open_case(APPROVED), **say())


def test_what_is_approved_is_taken_and_repaid_and_counts_until_then() -> None:
    assert APPROVED.terms is not None
    limit = APPROVED.terms.limit
    cases = [open_case(APPROVED), agreed(), take(agreed(), **say()), repay(take(agreed(), **say()), **say())]
    assert [(str(case.stage), exposure(case), is_closed(case)) for case in cases] == [
        ("recommended", limit, False),
        ("accepted", limit, False),
        ("taken", limit, False),
        ("repaid", 0, True),
    ]
    with pytest.raises(StepNotAllowed, match="possible from taken"):
        repay(agreed(), **say())
    for end in (cases[2], cases[3]):
        with pytest.raises(StepNotAllowed):
            withdraw(end, **say())


@pytest.mark.parametrize("case", [open_case(APPROVED), open_case(REFERRED), proposed(), agreed()], ids=lambda case: str(case.stage))
def test_what_is_not_paid_out_can_be_given_up(case: Case) -> None:
    end = withdraw(case, **say())
    assert (end.stage, exposure(end), is_closed(end), len(end.steps)) == (Stage.WITHDRAWN, 0, True, len(case.steps) + 1)


@pytest.mark.parametrize("case", [open_case(APPROVED), open_case(REFERRED), proposed(), agreed()], ids=lambda case: str(case.stage))
def test_what_nobody_takes_up_lapses_and_then_nothing_is_possible(case: Case) -> None:
    end = lapse(case, at=say()["at"])
    assert (end.stage, exposure(end), is_closed(end), end.steps[-1].by) == (Stage.LAPSED, 0, True, "lianxin")
    for act in (take, withdraw, accept, refer):
        with pytest.raises(StepNotAllowed, match="the case is lapsed"):
            act(end, **say())


@pytest.mark.parametrize("ended", ["declined", "taken", "repaid", "withdrawn", "lapsed"])
def test_what_is_taken_up_or_ended_does_not_lapse(ended: str) -> None:
    declined = decide(RECEIVABLES, replace(GOOD, pd=0.5, interval=(0.4, 0.6)), STEADY, POLICY)
    cases = {
        "declined": accept(open_case(declined), **say()),
        "taken": take(agreed(), **say()),
        "repaid": repay(take(agreed(), **say()), **say()),
        "withdrawn": withdraw(agreed(), **say()),
        "lapsed": lapse(agreed(), at=say()["at"]),
    }
    with pytest.raises(StepNotAllowed, match="lapse is possible where nothing was taken up"):
        lapse(cases[ended], at=say()["at"])


def test_the_last_day_is_the_policys() -> None:
    assert last_day(date(2026, 11, 22), POLICY) == date(2026, 12, 22)


def test_a_decline_is_never_taken_and_a_proposal_counts_with_the_larger_limit() -> None:
    declined = decide(RECEIVABLES, replace(GOOD, pd=0.5, interval=(0.4, 0.6)), STEADY, POLICY)
    end = accept(open_case(declined), **say())
    assert (exposure(end), is_closed(end), is_closed(open_case(declined))) == (0, True, False)
    with pytest.raises(StepNotAllowed, match="outcome is approve"):
        take(end, **say())
    assert REFERRED.terms is not None
    larger = replace(TERMS, limit=REFERRED.terms.limit + 1)
    assert (exposure(proposed(terms=larger)), exposure(proposed())) == (larger.limit, REFERRED.terms.limit)


def test_proposed_terms_carry_the_expected_loss_of_the_same_formula() -> None:
    terms = APPROVED.terms
    assert terms is not None
    same = {"limit": terms.limit, "advance_rate": terms.advance_rate, "annual_rate": terms.annual_rate, "tenor_days": terms.tenor_days}
    assert override_terms(APPROVED, GOOD, POLICY, **same).expected_loss == terms.expected_loss
