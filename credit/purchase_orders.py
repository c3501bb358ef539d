"""Which orders can be advanced against before they are delivered, and at which milestones is the money paid out?"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from credit.application import PurchaseOrder, PurchaseOrdersApplication, Turnover
from credit.collateral import Collateral, ItemVerdict, counted_by_group, days_of, last_money, similar
from credit.derivation import Line, Operation, Term
from credit.double_financing import canonical_number
from credit.rule import RuleFired, fire
from credit.worksheet import Worksheet


class Milestone(StrEnum):
    """What must have happened, with its evidence, before a part is paid out."""

    MATERIALS = "materials"
    PRODUCTION = "production"
    SHIPMENT = "shipment"


@dataclass(frozen=True, slots=True)
class Payout:
    """What is paid out for one order at one milestone, in fen."""

    order: str
    milestone: Milestone
    amount: int


def purchase_orders(application: PurchaseOrdersApplication, turnover: Turnover, sheet: Worksheet) -> Collateral:
    """Return the verdict on each order and what counts of them; the order they are named in changes nothing."""
    as_of = application.request.as_of
    orders = sorted(application.orders, key=lambda order: canonical_number(order.number))
    verdicts = tuple(ItemVerdict(order.number, order.amount, _rules(order, as_of, sheet)) for order in orders)
    eligible = [order for order, verdict in zip(orders, verdicts, strict=True) if verdict.is_eligible]
    groups: dict[str, list[Term]] = {}
    for order in eligible:
        groups.setdefault(order.buyer_id, []).append(_amount(order))
    whole, counted, fired = counted_by_group(sheet, groups, lambda _: sheet.policy("purchase_orders.buyer_share_cap"))
    days = [_days_to_money(order, as_of) for order in eligible]
    return Collateral(verdicts, whole, counted, last_money(sheet, days), similar(eligible) + fired + _overtrading(whole, turnover, sheet))


def payouts(application: PurchaseOrdersApplication, collateral: Collateral, limit: Line, sheet: Worksheet) -> tuple[Payout, ...]:
    """Return what is paid out for each eligible order at each milestone; together exactly the limit.

    The limit is divided over the orders by their amounts, rounded down; the last order and the last milestone take what is left.
    """
    eligible = {verdict.number for verdict in collateral.items if verdict.is_eligible}
    orders = sorted((o for o in application.orders if o.number in eligible), key=lambda order: canonical_number(order.number))
    parts: list[Line] = []
    paid = []
    for order in orders:
        if parts and order is orders[-1]:
            part = sheet.work_out("payout.order", Operation.DIFFERENCE, [limit, *parts], "fen", of=order.number)
        else:
            part = sheet.work_out("payout.order", Operation.PRORATED, [limit, _amount(order), collateral.eligible], "fen", of=order.number)
        parts.append(part)
        paid += _by_milestone(order, part, sheet)
    return tuple(paid)


def _by_milestone(order: PurchaseOrder, part: Line, sheet: Worksheet) -> list[Payout]:
    first, second = (
        sheet.work_out(f"payout.{m}", Operation.SHARE, [part, sheet.policy(f"purchase_orders.milestone_{m}")], "fen", of=order.number)
        for m in (Milestone.MATERIALS, Milestone.PRODUCTION)
    )
    third = sheet.work_out("payout.shipment", Operation.DIFFERENCE, [part, first, second], "fen", of=order.number)
    return [Payout(order.number, m, line.value) for m, line in zip(Milestone, (first, second, third), strict=True)]


def _rules(order: PurchaseOrder, as_of: date, sheet: Worksheet) -> tuple[RuleFired, ...]:
    """Return the rules that leave the order out."""
    met = (
        ("ALREADY_FINANCED", order.is_financed_elsewhere),
        ("NOT_YET_ISSUED", order.ordered_on > as_of),
        ("NOT_CONFIRMED", not order.is_confirmed),
        ("CANCELLED", order.is_cancelled),
        ("ALREADY_DELIVERED", order.is_delivered),
        ("RELATED_PARTY", order.is_related_party),
        ("DELIVERY_OVERDUE", not order.is_delivered and order.promised_on < as_of),
    )
    rules = [fire(code) for code, is_met in met if is_met]
    until_delivery = (order.promised_on - as_of).days
    for code, days, most in (
        ("DELIVERY_TOO_LATE", until_delivery, sheet.policy("purchase_orders.max_delivery_days")),
        ("DUE_TOO_LATE", until_delivery + order.payment_days, sheet.policy("purchase_orders.max_tenor_days")),
    ):
        if days > most.value:
            rules.append(fire(code, days_of(days), most))
    return tuple(rules)


def _overtrading(eligible: Line, turnover: Turnover, sheet: Worksheet) -> tuple[RuleFired, ...]:
    """Send to a person a supplier whose orders are large beside what it delivered in a quarter."""
    if eligible.value == 0:
        return ()
    quarter = sheet.given("turnover.last_90d", turnover.last_90d, "fen", "turnover facts")
    share = sheet.work_out("orders.quarter_share", Operation.RATIO, [quarter, eligible], "ppm")
    least = sheet.policy("purchase_orders.least_quarter_share")
    return (fire("OVERTRADING", share, least),) if share.value < least.value else ()


def _amount(order: PurchaseOrder) -> Term:
    return Term(f"order:{order.number}", order.amount, "fen", f"订单 {order.number}", f"order {order.number}")


def _days_to_money(order: PurchaseOrder, as_of: date) -> Term:
    days = (order.promised_on - as_of).days + order.payment_days
    return Term(f"due:{order.number}", days, "days", f"订单 {order.number} 回款", f"order {order.number} paid")
