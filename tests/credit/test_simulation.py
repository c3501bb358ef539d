"""Two policies on the same past applications: the books add up, and who changes is named with the rules that made it."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit.decision import Recommendation, decide
from credit.errors import ApplicationInvalid
from credit.simulation import PastApplication, simulate
from tests.credit.financing import GOOD, POLICY, RECEIVABLES, STEADY, applications, bank, suppliers, turnovers, with_number


def past(number: int, pd: float) -> PastApplication:
    supplier = replace(GOOD, pd=pd, interval=(pd, pd))
    return PastApplication(replace(RECEIVABLES, request=replace(RECEIVABLES.request, application_id=f"A-{number}")), supplier, STEADY)


PAST = [past(1, 0.01), past(2, 0.05), past(3, 0.07), past(4, 0.2)]


def test_a_stricter_cutoff_names_who_falls_out() -> None:
    stricter = bank('[financing.cutoff_pd]\nvalues = [{ from = 2026-01-01, value = 0.06, source = "proposal" }]').on(
        RECEIVABLES.request.as_of
    )
    found = simulate(PAST, before=POLICY, after=stricter)
    assert (found.before.approved, found.before.referred, found.before.declined) == (3, 0, 1)
    assert (found.after.approved, found.after.referred, found.after.declined) == (2, 0, 2)
    assert (found.before.approval_rate, found.after.approval_rate) == (750_000, 500_000)
    (change,) = found.changes
    assert (change.application_id, change.before, change.after) == ("A-3", Recommendation.APPROVE, Recommendation.DECLINE)
    assert change.limit_after is None and change.limit_before
    assert change.rules_new == ("PD_ABOVE_CUTOFF",)
    assert change.rules_gone == ("LIMIT_BELOW_REQUEST", "REGISTER_PLEDGE", "TENOR_SHORTENED")
    assert found.after.policy_version == stricter.version != found.before.policy_version
    # the advance rate falls faster to a nearer cut-off, for both who stay
    assert found.after.exposure < found.before.exposure
    assert found.terms_changed == 2


def test_exposure_loss_and_rate_are_those_of_the_approved() -> None:
    book = simulate(PAST, before=POLICY, after=POLICY).before
    approved = [decide(one.application, one.supplier, one.turnover, POLICY).terms for one in PAST[:3]]
    terms = [each for each in approved if each]
    assert book.exposure == sum(each.limit for each in terms)
    assert book.expected_loss == sum(each.expected_loss for each in terms)
    assert min(each.annual_rate for each in terms) <= book.mean_rate <= max(each.annual_rate for each in terms)


def test_a_simulation_of_nothing_is_empty_and_of_one_twice_is_refused() -> None:
    empty = simulate([], before=POLICY, after=POLICY)
    assert (empty.before.approval_rate, empty.before.mean_rate, empty.changes) == (0, 0, ())
    with pytest.raises(ApplicationInvalid, match="simulated once"):
        simulate([PAST[0], PAST[0]], before=POLICY, after=POLICY)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_books_add_up_and_the_order_changes_nothing(data: st.DataObject) -> None:
    drawn = []
    for i in range(data.draw(st.integers(1, 4))):
        application = data.draw(applications())
        named = replace(application, request=replace(application.request, application_id=f"A-{i}"))
        drawn.append(PastApplication(named, data.draw(suppliers()), data.draw(turnovers())))
    after = with_number("financing.cutoff_pd", data.draw(st.sampled_from([0.01, 0.05, 0.1])))
    found = simulate(drawn, before=POLICY, after=after)
    for book in (found.before, found.after):
        assert book.approved + book.referred + book.declined == len(drawn)
        assert book.expected_loss <= book.exposure
    moved = sum(change.before is not change.after for change in found.changes)
    assert moved == len(found.changes)
    gained = sum(change.after is Recommendation.APPROVE for change in found.changes)
    lost = sum(change.before is Recommendation.APPROVE for change in found.changes)
    assert found.after.approved - found.before.approved == gained - lost
    assert simulate(list(reversed(drawn)), before=POLICY, after=after) == found
    assert simulate(drawn, before=POLICY, after=POLICY).changes == ()
