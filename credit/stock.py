"""Which stock can be pledged, what is it worth after its haircut, and when is more of it called for?"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from credit.application import StockApplication, StockLot
from credit.collateral import Collateral, ItemVerdict, counted_by_group, days_of, similar
from credit.derivation import Line, Operation, Term
from credit.double_financing import canonical_number
from credit.errors import OutOfRange
from credit.financing_policy import FinancingPolicy
from credit.rule import RuleFired, fire
from credit.worksheet import Worksheet


@dataclass(frozen=True, slots=True)
class TopUpTerms:
    """Agreed at the start: the loan-to-value (ppm), the market values in fen that bring a call or a sale, and the days to answer."""

    initial_ltv: int
    call_value: int
    sale_value: int
    answer_days: int


class PledgeState(StrEnum):
    """Where a pledge stands on a day."""

    COVERED = "covered"
    CALL = "call"
    SALE = "sale"


@dataclass(frozen=True, slots=True)
class TopUp:
    """A pledge on a day: its state, the stock to add or the cash to pay back (fen), the day it is due by, and how that was worked out."""

    state: PledgeState
    stock_needed: int
    cash_needed: int
    due_on: date | None
    derivation: tuple[Line, ...]


def stock(application: StockApplication, sheet: Worksheet) -> Collateral:
    """Return the verdict on each lot and what counts after haircuts; the order they are named in changes nothing."""
    request = application.request
    lots = sorted(application.lots, key=lambda lot: canonical_number(lot.number))
    ends_on = request.as_of + timedelta(days=min(request.tenor_days, sheet.policy("stock.max_tenor_days").value))
    verdicts = tuple(ItemVerdict(lot.number, _value(lot), _rules(lot, request.as_of, ends_on, sheet)) for lot in lots)
    eligible = [lot for lot, verdict in zip(lots, verdicts, strict=True) if verdict.is_eligible]
    groups: dict[str, list[Line]] = {}
    for lot in eligible:
        groups.setdefault(lot.category, []).append(_after_haircut(lot, sheet))
    whole, counted, fired = counted_by_group(sheet, groups, lambda _: sheet.policy("stock.category_share_cap"))
    return Collateral(verdicts, whole, counted, None, similar(eligible) + fired)


def top_up_terms(application: StockApplication, collateral: Collateral, limit: Line, sheet: Worksheet) -> TopUpTerms:
    """Return when a top-up is called and when the stock may be sold, for a limit drawn in full."""
    eligible = {verdict.number for verdict in collateral.items if verdict.is_eligible}
    lots = sorted((lot for lot in application.lots if lot.number in eligible), key=lambda lot: canonical_number(lot.number))
    value = sheet.work_out("collateral.market_value", Operation.SUM, [_term(lot) for lot in lots], "fen")
    ltv = sheet.work_out("top_up.ltv", Operation.RATIO_UP, [limit, value], "ppm")
    call = sheet.work_out("top_up.call_value", Operation.RATIO_UP, [limit, sheet.policy("stock.call_ltv")], "fen")
    sale = sheet.work_out("top_up.sale_value", Operation.RATIO_UP, [limit, sheet.policy("stock.sale_ltv")], "fen")
    return TopUpTerms(ltv.value, call.value, sale.value, sheet.policy("stock.top_up_days").value)


def top_up(*, debt: int, lots: Iterable[StockLot], initial_ltv: int, on: date, called_on: date | None, policy: FinancingPolicy) -> TopUp:
    """Return whether more collateral is due on a day, how much, and by when.

    Parameters
    ----------
    debt
        Owed on that day, in fen.
    lots
        The pledged lots at that day's prices; all count, also those whose price is old.
    initial_ltv
        Loan-to-value agreed at the start, in ppm: what a top-up restores.
    on, called_on
        The day, and the day an unanswered call was made, or None. Calendar days count from the call; the pledge may be sold from the day
        after the last one, and at once where the higher threshold is reached.
    policy
        In force on the day.

    Notes
    -----
    A loan-to-value equal to a threshold has reached it; it is rounded down, so that nothing below does. Either the
    stock or the cash that is named restores the start.
    """
    if debt < 0 or not 0 < initial_ltv <= 1_000_000:
        raise OutOfRange(f"debt must not be below 0 and initial_ltv lie between 1 and 1,000,000 ppm, found {debt} and {initial_ltv}")
    if called_on is not None and called_on > on:
        raise OutOfRange(f"a call cannot lie after the day it is looked at, found {called_on} after {on}")
    sheet = Worksheet(policy)
    owed = sheet.given("top_up.debt", debt, "fen", "the bank's ledger")
    value = sheet.work_out("top_up.value", Operation.SUM, [_term(lot) for lot in sorted(lots, key=lambda lot: lot.number)], "fen")
    start = sheet.given("top_up.ltv", initial_ltv, "ppm", "terms agreed at the start")
    state = _state(owed, value, sheet)
    if state is PledgeState.COVERED:
        return TopUp(state, 0, 0, None, sheet.lines)
    restored = sheet.work_out("top_up.restored_value", Operation.RATIO_UP, [owed, start], "fen")
    missing = sheet.work_out("top_up.stock_needed", Operation.DIFFERENCE, [restored, value], "fen")
    carried = sheet.work_out("top_up.allowed_debt", Operation.SHARE, [value, start], "fen")
    cash = sheet.work_out("top_up.cash_needed", Operation.DIFFERENCE, [owed, carried], "fen")
    due_on = (called_on or on) + timedelta(days=sheet.policy("stock.top_up_days").value)
    is_unanswered = called_on is not None and on > due_on
    return TopUp(PledgeState.SALE if is_unanswered else state, missing.value, cash.value, due_on, sheet.lines)


def _state(owed: Line, value: Line, sheet: Worksheet) -> PledgeState:
    """Compare the debt with the thresholds; stock worth nothing carries no debt."""
    if owed.value == 0:
        return PledgeState.COVERED
    if value.value == 0:
        return PledgeState.SALE
    ltv = sheet.work_out("top_up.current_ltv", Operation.RATIO, [owed, value], "ppm").value
    if ltv >= sheet.policy("stock.sale_ltv").value:
        return PledgeState.SALE
    return PledgeState.CALL if ltv >= sheet.policy("stock.call_ltv").value else PledgeState.COVERED


def _rules(lot: StockLot, as_of: date, ends_on: date, sheet: Worksheet) -> tuple[RuleFired, ...]:
    """Return the rules that leave the lot out."""
    met = (
        ("ALREADY_FINANCED", lot.is_pledged_elsewhere),
        ("NOT_YET_ISSUED", lot.priced_on > as_of),
        ("NOT_IN_CUSTODY", not lot.in_custody),
        ("NOT_INSURED", not lot.is_insured),
    )
    rules = [fire(code) for code, is_met in met if is_met]
    age, oldest = (as_of - lot.priced_on).days, sheet.policy("stock.price_max_age_days")
    if age > oldest.value:
        rules.append(fire("PRICE_STALE", days_of(age), oldest))
    least = sheet.policy("stock.least_shelf_days")
    if lot.keeps_until is not None and (lot.keeps_until - ends_on).days < least.value:
        rules.append(fire("SPOILS_TOO_SOON", days_of((lot.keeps_until - ends_on).days), least))
    return tuple(rules)


def _after_haircut(lot: StockLot, sheet: Worksheet) -> Line:
    whole = Term("whole", 1_000_000, "ppm", "全部", "the whole")
    keep = sheet.work_out(
        "collateral.keep_rate", Operation.DIFFERENCE, [whole, sheet.policy(f"stock.haircut_{lot.kind}")], "ppm", of=lot.kind
    )
    return sheet.work_out("collateral.haircut_of", Operation.SHARE, [_term(lot), keep], "fen", of=lot.number)


def _value(lot: StockLot) -> int:
    return lot.quantity * lot.unit_price


def _term(lot: StockLot) -> Term:
    return Term(f"lot:{lot.number}", _value(lot), "fen", f"批次 {lot.number}", f"lot {lot.number}")
