"""What each product looks at: which named things count, what a buyer's lateness does, how money is paid out, when a top-up is due."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit.application import PurchaseOrdersApplication, ReceivablesApplication, StockApplication, StockLot, Turnover
from credit.decision import Decision, Recommendation, decide
from credit.derivation import reproduce
from credit.errors import OutOfRange
from credit.stock import PledgeState, top_up
from tests.credit.financing import (
    GOOD,
    ON,
    ORDERS,
    POLICY,
    RECEIVABLES,
    REQUEST,
    STEADY,
    STOCK,
    invoice,
    item_rules,
    limit_of,
    lot,
    order,
    rules,
)
from tests.credit.situations import situations

MAKE: dict[str, Callable[..., Any]] = {"invoice": invoice, "order": order, "lot": lot}
APPLY: dict[str, Callable[..., Any]] = {
    "invoice": ReceivablesApplication,
    "order": PurchaseOrdersApplication,
    "lot": StockApplication,
}


def decided(application: Any) -> Decision:
    return decide(application, GOOD, STEADY, POLICY)


def value(decision: Decision, code: str) -> int:
    return next(line.value for line in decision.derivation if line.code == code)


@pytest.mark.parametrize("situation", situations("financing"))
def test_a_named_thing_counts_as_an_officer_expects(situation: dict[str, Any]) -> None:
    kind = situation["of"]
    decision = decided(APPLY[kind](REQUEST, (MAKE[kind](**situation["change"]),)))
    (met,) = item_rules(decision).values()
    assert met == situation["rules"]
    assert ("NOTHING_ELIGIBLE" in rules(decision)) == bool(met)


def test_a_buyer_counts_for_its_share_of_what_is_eligible() -> None:
    decision = decided(replace(RECEIVABLES, invoices=(invoice("I-1", amount=80_000_000), invoice("I-2", "B-2"))))
    assert value(decision, "collateral.eligible") == 100_000_000
    assert value(decision, "collateral.counted_of:B-1") == 40_000_000
    assert value(decision, "collateral.counted") == 60_000_000
    # 85 % less a quarter of the way to 60 %, the PD of 2 % being a quarter of the cut-off
    assert value(decision, "advance_rate") == 787_500
    assert limit_of(decision) == 47_250_000
    assert "SHARE_CAPPED" in rules(decision)


def test_a_buyer_late_by_law_counts_for_less_and_costs_the_supplier_nothing_else() -> None:
    plain = tuple(invoice(f"I-{i}", f"B-{i}", amount=9_000_000) for i in range(4))
    delivered_on = ON - timedelta(days=61)
    late = (replace(plain[0], is_large_buyer=True, delivered_on=delivered_on), *plain[1:])
    before, after = (decided(replace(RECEIVABLES, invoices=each)) for each in (plain, late))
    assert before.terms and after.terms
    assert value(after, "collateral.counted_of:B-0") == 36_000_000 // 5
    assert (after.outcome, after.terms.annual_rate, after.terms.advance_rate, after.terms.tenor_days) == (
        before.outcome,
        before.terms.annual_rate,
        before.terms.advance_rate,
        before.terms.tenor_days,
    )
    (note,) = (rule for rule in after.rules_fired if rule.code == "BUYER_LATE_BY_LAW")
    assert "the buyer's risk" in note.en and "60天" in note.zh
    assert "Order 802" in note.source


@pytest.mark.parametrize(("days", "is_large", "is_late"), [(60, True, False), (61, True, True), (61, False, False)])
def test_the_sixty_days_bind_large_buyers_from_delivery(days: int, is_large: bool, is_late: bool) -> None:
    one = invoice(delivered_on=ON - timedelta(days=days), is_large_buyer=is_large)
    assert ("BUYER_LATE_BY_LAW" in rules(decided(replace(RECEIVABLES, invoices=(one,))))) is is_late


@pytest.mark.parametrize(("due_on", "is_long"), [(date(2026, 11, 20), False), (date(2026, 11, 21), True)])
def test_a_voucher_over_six_months_goes_to_a_person(due_on: date, is_long: bool) -> None:
    decision = decided(replace(RECEIVABLES, invoices=(invoice(is_voucher=True, due_on=due_on),)))
    assert ("VOUCHER_LONG" in rules(decision)) is is_long
    assert decision.outcome is (Recommendation.REFER if is_long else Recommendation.APPROVE)


def test_the_tenor_follows_the_last_money_and_its_grace() -> None:
    decision = decided(RECEIVABLES)
    assert decision.terms and decision.terms.tenor_days == (date(2026, 8, 20) - ON).days + 15
    short = decided(replace(RECEIVABLES, request=replace(REQUEST, tenor_days=20)))
    assert short.terms and short.terms.tenor_days == 20
    assert "TENOR_BEFORE_COLLECTION" in rules(short)


def test_an_advance_against_orders_is_paid_out_by_milestones_to_the_last_fen() -> None:
    application = replace(ORDERS, request=replace(REQUEST, amount=10_000_100))
    decision = decided(application)
    assert decision.terms
    paid = decision.terms.payouts
    assert sum(one.amount for one in paid) == decision.terms.limit == 10_000_000
    assert [(one.order, str(one.milestone)) for one in paid[:3]] == [("N-0", "materials"), ("N-0", "production"), ("N-0", "shipment")]
    assert [one.amount for one in paid] == [1_333_333, 1_333_333, 666_667] * 2 + [1_333_333, 1_333_333, 666_668]


def test_orders_far_above_what_was_ever_delivered_go_to_a_person() -> None:
    decision = decide(ORDERS, GOOD, Turnover(500_000_000, 61_000_000, 100_000_000), POLICY)
    assert decision.outcome is Recommendation.APPROVE
    big = replace(ORDERS, orders=tuple(order(f"P-{i}", f"G-{i}", amount=80_000_000) for i in range(3)))
    assert "OVERTRADING" in rules(decided(big))


def test_a_lot_counts_after_its_haircut() -> None:
    lots = (lot("L-1", "a", quantity=1, unit_price=1_000_001), lot("L-2", "b", kind="other"), lot("L-3", "c", kind="finished"))
    decision = decided(replace(STOCK, lots=lots))
    assert value(decision, "collateral.haircut_of:L-1") == 700_000
    assert value(decision, "collateral.haircut_of:L-2") == 20_000_000
    assert value(decision, "collateral.haircut_of:L-3") == 24_000_000


def test_the_terms_of_a_pledge_say_when_a_call_comes() -> None:
    terms = decided(STOCK).terms
    assert terms and terms.top_up
    # 3 lots of CNY 400,000; CNY 500,000 asked for
    assert terms.limit == 50_000_000
    assert terms.top_up.initial_ltv == 416_667
    assert terms.top_up.call_value == 66_666_667
    assert terms.top_up.sale_value == 58_823_530


def look(price: int, debt: int = 30_000_000, on: date = ON, called_on: date | None = None) -> Any:
    pledged = [lot(unit_price=price)]
    return top_up(debt=debt, lots=pledged, initial_ltv=500_000, on=on, called_on=called_on, policy=POLICY)


@pytest.mark.parametrize(
    ("price", "state"),
    [(40_001, PledgeState.COVERED), (40_000, PledgeState.CALL), (35_295, PledgeState.CALL), (35_294, PledgeState.SALE)],
)
def test_a_threshold_is_reached_where_it_is_met(price: int, state: PledgeState) -> None:
    assert look(price).state is state


def test_a_pledge_exactly_at_the_sale_threshold_may_be_sold() -> None:
    assert look(40_000, debt=34_000_000).state is PledgeState.SALE
    assert look(40_000, debt=33_999_999).state is PledgeState.CALL


def test_a_call_says_how_much_by_when_and_either_way_restores_the_start() -> None:
    call = look(40_000)
    assert (call.stock_needed, call.cash_needed, call.due_on) == (20_000_000, 10_000_000, ON + timedelta(days=3))
    assert all(reproduce(line) == line.value for line in call.derivation)


def test_an_unanswered_call_becomes_a_sale_the_day_after_it_was_due() -> None:
    due_on = ON + timedelta(days=3)
    assert look(40_000, on=due_on, called_on=ON).state is PledgeState.CALL
    assert look(40_000, on=due_on + timedelta(days=1), called_on=ON).state is PledgeState.SALE
    assert look(40_001, on=due_on + timedelta(days=1), called_on=ON).state is PledgeState.COVERED


def test_a_pledge_without_stock_is_sold_and_without_debt_is_covered() -> None:
    assert top_up(debt=1, lots=[], initial_ltv=500_000, on=ON, called_on=None, policy=POLICY).state is PledgeState.SALE
    assert top_up(debt=0, lots=[], initial_ltv=500_000, on=ON, called_on=None, policy=POLICY).state is PledgeState.COVERED
    with pytest.raises(OutOfRange, match="after the day"):
        look(40_000, called_on=ON + timedelta(days=1))
    with pytest.raises(OutOfRange, match="not be below 0"):
        look(40_000, debt=-1)


@settings(max_examples=60, deadline=None)
@given(debt=st.integers(1, 10**9), price=st.integers(1, 10**5), quantity=st.integers(1, 10**4), ltv=st.integers(1, 749_999))
def test_what_a_call_asks_for_restores_the_start(debt: int, price: int, quantity: int, ltv: int) -> None:
    held = lot(quantity=quantity, unit_price=price)
    called = top_up(debt=debt, lots=[held], initial_ltv=ltv, on=ON, called_on=None, policy=POLICY)
    if called.state is PledgeState.COVERED:
        assert called.stock_needed == called.cash_needed == 0
        return
    assert (debt - called.cash_needed) * 1_000_000 <= quantity * price * ltv
    assert debt * 1_000_000 <= (quantity * price + called.stock_needed) * ltv
    fallen = replace(held, unit_price=max(price - 1, 1))
    assert top_up(debt=debt, lots=[fallen], initial_ltv=ltv, on=ON, called_on=None, policy=POLICY).state is not PledgeState.COVERED


def test_no_call_falls_due_on_the_first_day() -> None:
    asked = replace(STOCK, request=replace(REQUEST, amount=10**9))
    decision = decide(asked, replace(GOOD, pd=0.0001, interval=(0.0001, 0.0001)), STEADY, POLICY)
    assert decision.terms and decision.terms.top_up
    market: tuple[StockLot, ...] = STOCK.lots
    assert sum(one.quantity * one.unit_price for one in market) > decision.terms.top_up.call_value
