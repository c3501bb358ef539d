"""What holds of every decision, whatever is drawn; and the rules that send one to a person or decline it."""

import hashlib
import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit.application import Application, ReceivablesApplication, Request, ScoredSupplier, Turnover, product_of
from credit.decision import DECISION_VERSION, Decision, Recommendation, decide, decision_of
from credit.derivation import reproduce
from credit.errors import ApplicationInvalid, OutOfRange
from credit.financing_policy import FinancingPolicyHistory
from credit.money import PPM, ppm
from credit.rule import RULES, Effect
from tests.credit.financing import (
    GOOD,
    ON,
    ORDERS,
    PACKAGED,
    POLICY,
    RECEIVABLES,
    REQUEST,
    STEADY,
    STOCK,
    applications,
    invoice,
    limit_of,
    lot,
    order,
    requests,
    rules,
    suppliers,
    turnovers,
    with_number,
)
from tests.credit.financing import invoices as drawn_invoices

few = settings(max_examples=120, deadline=None)


def test_what_is_drawn_is_not_all_declined() -> None:
    """The properties below say something only where decisions carry terms."""
    seen: list[Recommendation] = []

    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    @given(application=applications(), supplier=suppliers(), turnover=turnovers())
    def draw(application: Application, supplier: ScoredSupplier, turnover: Turnover) -> None:
        seen.append(decide(application, supplier, turnover, POLICY).outcome)

    draw()
    assert seen.count(Recommendation.DECLINE) < 0.7 * len(seen)
    assert seen.count(Recommendation.APPROVE) > 0


def by_code(decision: Decision, code: str) -> int:
    return next(line.value for line in decision.derivation if line.code == code)


@pytest.mark.parametrize("application", [RECEIVABLES, ORDERS, STOCK], ids=["receivables", "purchase_orders", "stock"])
def test_a_supplier_in_good_standing_is_approved(application: Application) -> None:
    decision = decide(application, GOOD, STEADY, POLICY)
    assert decision.outcome is Recommendation.APPROVE
    assert decision.terms is not None
    assert decision.product is product_of(application)


@few
@given(application=applications(), supplier=suppliers(), turnover=turnovers())
def test_every_line_comes_out_of_its_inputs_and_every_input_is_a_line_or_given(
    application: Application, supplier: ScoredSupplier, turnover: Turnover
) -> None:
    decision = decide(application, supplier, turnover, POLICY)
    earlier: dict[str, int] = {}
    for line in decision.derivation:
        assert reproduce(line) == line.value
        assert all(earlier.get(term.code, term.value) == term.value for term in line.inputs)
        assert line.zh and line.en and line.source and line.formula_zh and line.formula_en
        assert line.code not in earlier
        earlier[line.code] = line.value
    if decision.terms:
        for name in ("limit", "advance_rate", "annual_rate", "tenor_days"):
            assert earlier[name] == getattr(decision.terms, name)
        assert earlier["risk.expected_loss"] == decision.terms.expected_loss


@few
@given(application=applications(), supplier=suppliers(), turnover=turnovers())
def test_a_decline_never_carries_a_limit_and_always_a_reason(
    application: Application, supplier: ScoredSupplier, turnover: Turnover
) -> None:
    decision = decide(application, supplier, turnover, POLICY)
    effects = {rule.effect for rule in decision.rules_fired}
    assert (decision.outcome is Recommendation.DECLINE) == (Effect.DECLINE in effects) == (decision.terms is None)
    if decision.outcome is Recommendation.DECLINE:
        assert not any(line.code in {"limit", "tenor_days"} for line in decision.derivation)
    else:
        assert (decision.outcome is Recommendation.REFER) == (Effect.REFER in effects)


@few
@given(application=applications(), supplier=suppliers(), turnover=turnovers(), worse=st.floats(0.0001, 0.12))
def test_a_worse_pd_never_raises_a_limit_nor_lowers_a_price(
    application: Application, supplier: ScoredSupplier, turnover: Turnover, worse: float
) -> None:
    low, high = supplier.interval or (supplier.pd, supplier.pd)
    riskier = replace(supplier, pd=max(worse, supplier.pd), interval=(low, max(worse, high)))
    before, after = (decide(application, one, turnover, POLICY) for one in (replace(supplier, interval=(low, high)), riskier))
    assert limit_of(after) <= limit_of(before)
    if before.terms and after.terms:
        assert after.terms.annual_rate >= before.terms.annual_rate
        assert after.terms.advance_rate <= before.terms.advance_rate


@few
@given(application=applications(), supplier=suppliers(), turnover=turnovers(), lgds=st.tuples(st.integers(1, 100), st.integers(1, 100)))
def test_a_worse_lgd_never_raises_a_limit_nor_lowers_a_price(
    application: Application, supplier: ScoredSupplier, turnover: Turnover, lgds: tuple[int, int]
) -> None:
    name = f"{product_of(application)}.lgd"
    before, after = (decide(application, supplier, turnover, with_number(name, lgd / 100)) for lgd in sorted(lgds))
    assert limit_of(after) <= limit_of(before)
    if before.terms and after.terms:
        assert after.terms.annual_rate >= before.terms.annual_rate


@few
@given(application=applications(), supplier=suppliers(), turnover=turnovers())
def test_a_limit_stays_within_every_bound(application: Application, supplier: ScoredSupplier, turnover: Turnover) -> None:
    decision = decide(application, supplier, turnover, POLICY)
    if decision.terms is None:
        return
    terms, request, product = decision.terms, application.request, decision.product
    eligible = sum(item.amount for item in decision.items if item.is_eligible)
    assert terms.limit * PPM <= eligible * POLICY.value(f"{product}.top_advance_rate")
    assert terms.limit * PPM <= by_code(decision, "collateral.counted") * terms.advance_rate
    assert terms.limit <= min(request.amount, POLICY.value(f"{product}.max_limit"))
    assert (terms.limit + request.outstanding) * 10 <= POLICY.value("financing.net_capital")
    assert (terms.limit + request.outstanding) * PPM <= turnover.last_365d * POLICY.value(f"{product}.turnover_share")
    rate = by_code(decision, "risk.expected_loss_rate")
    assert (terms.limit + request.outstanding) * rate <= POLICY.value("financing.expected_loss_budget") * PPM
    assert 1 <= terms.tenor_days <= request.tenor_days
    assert terms.annual_rate <= ppm(0.24)
    assert terms.limit >= POLICY.value("financing.least_limit")


@few
@given(application=applications(), supplier=suppliers(), turnover=turnovers(), data=st.data())
def test_the_order_of_what_is_named_changes_nothing(
    application: Application, supplier: ScoredSupplier, turnover: Turnover, data: st.DataObject
) -> None:
    (name,) = (field for field in ("invoices", "orders", "lots") if hasattr(application, field))
    changed: dict[str, Any] = {name: tuple(data.draw(st.permutations(getattr(application, name))))}
    shuffled = replace(application, **changed)
    one, other = (decide(each, supplier, turnover, POLICY) for each in (application, shuffled))
    assert one.canonical() == other.canonical()


@few
@given(request=requests(), supplier=suppliers(), turnover=turnovers(), data=st.data())
def test_an_ineligible_invoice_changes_nothing(request: Request, supplier: ScoredSupplier, turnover: Turnover, data: st.DataObject) -> None:
    named = tuple(data.draw(drawn_invoices(f"N-{i}")) for i in range(data.draw(st.integers(1, 4))))
    added = data.draw(drawn_invoices("X-1"))
    faults: list[dict[str, Any]] = [{"is_disputed": True}, {"is_financed_elsewhere": True}, {"paid": added.amount}, {"delivered_on": None}]
    added = replace(added, **data.draw(st.sampled_from(faults)))
    without, with_it = (decide(ReceivablesApplication(request, each), supplier, turnover, POLICY) for each in (named, (*named, added)))
    assert replace(with_it, items=without.items) == without
    assert not next(item for item in with_it.items if item.number == "X-1").is_eligible


@few
@given(application=applications(), supplier=suppliers(), turnover=turnovers())
def test_a_replay_gives_the_same_bytes_without_a_float(application: Application, supplier: ScoredSupplier, turnover: Turnover) -> None:
    decision = decide(application, supplier, turnover, POLICY)
    again = decide(application, supplier, turnover, POLICY)
    assert decision.canonical() == again.canonical()

    def no_float(text: str) -> float:
        raise AssertionError(text)

    record = json.loads(decision.canonical(), parse_float=no_float)
    assert record["outcome"] == decision.outcome
    assert record["as_of"] == ON.isoformat()
    assert len(record["derivation"]) == len(decision.derivation)


def test_a_stored_decision_comes_out_again_from_its_stored_policy() -> None:
    stored = PACKAGED.canonical()
    again = FinancingPolicyHistory.from_canonical(stored).on(ON)
    for application in (RECEIVABLES, ORDERS, STOCK):
        assert decide(application, GOOD, STEADY, again).canonical() == decide(application, GOOD, STEADY, POLICY).canonical()


def test_a_change_that_moves_a_byte_raises_the_version() -> None:
    """Decisions of older versions replay no more: raise DECISION_VERSION and say so in the changelog.

    A change of the packaged numbers alone needs only the new digest: their version is in the decision.
    """
    made = b"".join(decide(application, GOOD, STEADY, POLICY).canonical() for application in (RECEIVABLES, ORDERS, STOCK))
    assert (DECISION_VERSION, hashlib.sha256(made).hexdigest()) == (
        "2026.11",
        "8cf758d570b2ba8800d39a1de04defa707b712e7d30a2246c3661ec5bd9e01eb",
    )


@pytest.mark.parametrize(
    ("change", "outcome", "code"),
    [
        ({"pd": 0.08, "interval": (0.07, 0.08)}, Recommendation.APPROVE, None),
        ({"pd": 0.08, "interval": (0.07, 0.0800001)}, Recommendation.REFER, "PD_STRADDLES_CUTOFF"),
        ({"pd": 0.09, "interval": (0.08, 0.1)}, Recommendation.REFER, "PD_STRADDLES_CUTOFF"),
        ({"pd": 0.09, "interval": (0.0800001, 0.1)}, Recommendation.DECLINE, "PD_ABOVE_CUTOFF"),
        ({"interval": None}, Recommendation.REFER, "INTERVAL_MISSING"),
        ({"pd": 0.0800001, "interval": None}, Recommendation.DECLINE, "PD_ABOVE_CUTOFF"),
        ({"sufficiency": "B"}, Recommendation.APPROVE, None),
        ({"sufficiency": "C"}, Recommendation.REFER, "DATA_THIN"),
    ],
)
def test_the_score_against_the_cutoff(change: dict[str, object], outcome: Recommendation, code: str | None) -> None:
    decision = decide(RECEIVABLES, replace(GOOD, **change), STEADY, POLICY)  # type: ignore[arg-type]
    assert decision.outcome is outcome
    assert code is None or code in rules(decision)


@pytest.mark.parametrize(
    ("turnover", "outcome", "code"),
    [
        (Turnover(0, 0, 0), Recommendation.DECLINE, "TURNOVER_MISSING"),
        (Turnover(500_000_000, 59_999_999, 200_000_000), Recommendation.REFER, "TURNOVER_FALLING"),
        (Turnover(500_000_000, 60_000_000, 200_000_000), Recommendation.APPROVE, None),
        (Turnover(500_000_000, 125_000_000, 350_000_001), Recommendation.REFER, "BUYER_CONCENTRATED"),
        (Turnover(500_000_000, 125_000_000, 350_000_000), Recommendation.APPROVE, None),
        (Turnover(1_000_000, 250_000, 200_000), Recommendation.DECLINE, "LIMIT_TOO_SMALL"),
    ],
)
def test_the_turnover(turnover: Turnover, outcome: Recommendation, code: str | None) -> None:
    decision = decide(RECEIVABLES, GOOD, turnover, POLICY)
    assert decision.outcome is outcome
    assert code is None or code in rules(decision)


def test_a_price_above_the_ceiling_is_a_decline_not_a_cheaper_loan() -> None:
    decision = decide(RECEIVABLES, GOOD, STEADY, with_number("financing.funding_cost", 0.2))
    assert decision.outcome is Recommendation.DECLINE
    assert "PRICE_ABOVE_CEILING" in rules(decision)


def test_the_statutory_ceiling_binds_a_policy_that_forgot_it() -> None:
    policy = with_number("receivables.max_annual_rate", 0.9, with_number("financing.funding_cost", 0.3))
    (rule,) = (rule for rule in decide(RECEIVABLES, GOOD, STEADY, policy).rules_fired if rule.code == "PRICE_ABOVE_CEILING")
    assert "24%" in rule.en
    assert "Supreme People's Court" in rule.source


def test_what_is_owed_to_the_bank_takes_up_the_statutory_limit_of_one_borrower() -> None:
    policy = with_number("financing.net_capital", 3_000_000)
    application = replace(RECEIVABLES, request=replace(REQUEST, outstanding=10_000_000))
    decision = decide(application, GOOD, STEADY, policy)
    assert limit_of(decision) == 20_000_000
    (rule,) = (rule for rule in decision.rules_fired if rule.code == "LIMIT_BELOW_REQUEST")
    assert "statutory limit of one borrower" in rule.en
    assert "法定额度" in rule.zh


def test_a_large_limit_goes_to_a_person() -> None:
    decision = decide(RECEIVABLES, GOOD, STEADY, with_number("financing.automatic_limit", 100_000))
    assert decision.outcome is Recommendation.REFER
    assert "ABOVE_AUTOMATIC_LIMIT" in rules(decision)


def test_a_decline_names_every_reason_found() -> None:
    application = replace(RECEIVABLES, invoices=(invoice(is_disputed=True),))
    decision = decide(application, replace(GOOD, pd=0.2, interval=(0.15, 0.3)), Turnover(0, 0, 0), POLICY)
    assert {"PD_ABOVE_CUTOFF", "TURNOVER_MISSING", "NOTHING_ELIGIBLE"} <= rules(decision)


def test_every_rule_is_said_in_both_languages_with_the_same_figures() -> None:
    for rule in RULES.values():
        assert rule.zh and rule.en
        assert {part for part in "0123" if f"{{{part}}}" in rule.zh} == {part for part in "0123" if f"{{{part}}}" in rule.en}
        assert any("\u4e00" <= sign <= "\u9fff" for sign in rule.zh)


def test_bad_input_is_refused() -> None:
    with pytest.raises(OutOfRange, match="whole number"):
        Request("A", "S", ON, 0, 10)
    with pytest.raises(OutOfRange, match="tenor_days"):
        Request("A", "S", ON, 100, 0)
    with pytest.raises(OutOfRange, match="lie in its interval"):
        ScoredSupplier(600.0, 0.02, "A", (0.03, 0.04), "A")
    with pytest.raises(OutOfRange, match="sufficiency"):
        ScoredSupplier(600.0, 0.02, "A", None, "D")
    with pytest.raises(OutOfRange, match="strictly between"):
        ScoredSupplier(600.0, float("nan"), "A", None, "A")
    with pytest.raises(OutOfRange, match="parts of last_365d"):
        Turnover(10, 11, 0)
    with pytest.raises(ApplicationInvalid, match="stands twice"):
        ReceivablesApplication(REQUEST, (invoice("INV-1"), invoice("ｉｎｖ 1")))
    with pytest.raises(ApplicationInvalid, match="at least one invoice"):
        ReceivablesApplication(REQUEST, ())
    for number in ("", " ", "x" * 65, "a\x00b", "a\ud800"):
        with pytest.raises(ApplicationInvalid, match="1 to 64 characters"):
            invoice(number)
    for day in (date(9999, 12, 1), date(1, 1, 1), datetime(2026, 1, 1)):
        with pytest.raises(OutOfRange, match="a day must be"):
            invoice(issued_on=day)
    with pytest.raises(OutOfRange, match="quantity of lot"):
        lot(quantity=-1, unit_price=5)
    with pytest.raises(ApplicationInvalid, match="promised_not_before_ordered"):
        order(promised_on=ON - timedelta(days=400))
    with pytest.raises(OutOfRange, match="payment_days"):
        order(payment_days=-1)
    with pytest.raises(ApplicationInvalid, match="due_not_before_issued"):
        invoice(due_on=ON - timedelta(days=400))


@few
@given(application=applications(), supplier=suppliers(), turnover=turnovers())
def test_a_decision_is_read_back_from_its_record(application: Application, supplier: ScoredSupplier, turnover: Turnover) -> None:
    decision = decide(application, supplier, turnover, POLICY)
    again = decision_of(json.loads(decision.canonical()))
    assert (again.terms, again.rules_fired, again.items, again.outcome) == (
        decision.terms,
        decision.rules_fired,
        decision.items,
        decision.outcome,
    )
    assert [reproduce(line) for line in again.derivation] == [line.value for line in decision.derivation]


@pytest.mark.parametrize(("application", "field"), [(RECEIVABLES, "invoices"), (ORDERS, "orders"), (STOCK, "lots")])
def test_a_similar_document_goes_to_a_person_and_changes_no_figure(application: Application, field: str) -> None:
    first, *others = getattr(application, field)
    changed: dict[str, Any] = {field: (replace(first, is_similar_elsewhere=True), *others)}
    similar = replace(application, **changed)
    plain, found = (decide(each, GOOD, STEADY, POLICY) for each in (application, similar))
    assert (plain.outcome, found.outcome) == (Recommendation.APPROVE, Recommendation.REFER)
    assert (found.terms, found.derivation) == (plain.terms, plain.derivation)
    assert [rule.code for rule in found.rules_fired if rule not in plain.rules_fired] == ["SIMILAR_FINANCED"]
