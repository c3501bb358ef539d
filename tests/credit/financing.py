"""Parts of a financing for the tests: the packaged policy, a supplier in good standing, and drawn applications."""

from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType

from hypothesis import strategies as st

from credit.application import (
    Application,
    Invoice,
    PurchaseOrder,
    PurchaseOrdersApplication,
    ReceivablesApplication,
    Request,
    ScoredSupplier,
    StockApplication,
    StockKind,
    StockLot,
    Turnover,
)
from credit.bank_policy import parse_bank_policy
from credit.decision import Decision
from credit.financing_policy import FINANCING_POLICIES, FinancingPolicy, FinancingPolicyHistory
from training.settings import packaged_policy

ON = date(2026, 7, 1)
PACKAGED = FinancingPolicyHistory.packaged({name: packaged_policy(name) for name in FINANCING_POLICIES})
POLICY = PACKAGED.on(ON)
GOOD = ScoredSupplier(points=640.0, pd=0.02, grade="BBB", interval=(0.015, 0.03), sufficiency="A")
STEADY = Turnover(last_365d=500_000_000, last_90d=125_000_000, largest_buyer_365d=200_000_000)
REQUEST = Request("A-1", "S-1", ON, amount=50_000_000, tenor_days=120)


def with_number(code: str, value: float, policy: FinancingPolicy = POLICY) -> FinancingPolicy:
    """A policy with one number changed."""
    return replace(policy, numbers=MappingProxyType({**policy.numbers, code: replace(policy.numbers[code], value=value)}))


def bank(text: str) -> FinancingPolicyHistory:
    return parse_bank_policy('bank = "example"\n' + text, PACKAGED)


def invoice(number: str = "INV-1", buyer: str = "B-1", **changes: object) -> Invoice:
    plain = Invoice(number, buyer, 20_000_000, date(2026, 5, 20), date(2026, 8, 20), date(2026, 5, 22))
    return replace(plain, **changes)  # type: ignore[arg-type]


def order(number: str = "PO-1", buyer: str = "B-1", **changes: object) -> PurchaseOrder:
    plain = PurchaseOrder(number, buyer, 20_000_000, date(2026, 6, 1), date(2026, 8, 10), 30, is_confirmed=True)
    return replace(plain, **changes)  # type: ignore[arg-type]


def lot(number: str = "L-1", category: str = "bolts", **changes: object) -> StockLot:
    plain = StockLot(number, category, StockKind.COMMODITY, 1000, 40_000, date(2026, 6, 29), in_custody=True, is_insured=True)
    return replace(plain, **changes)  # type: ignore[arg-type]


def three(make: object) -> tuple[object, ...]:
    """Three of a kind, of three groups, so that no cap binds at two fifths."""
    return tuple(make(f"N-{i}", f"G-{i}") for i in range(3))  # type: ignore[operator]


RECEIVABLES = ReceivablesApplication(REQUEST, three(invoice))  # type: ignore[arg-type]
ORDERS = PurchaseOrdersApplication(REQUEST, three(order))  # type: ignore[arg-type]
STOCK = StockApplication(REQUEST, three(lot))  # type: ignore[arg-type]

_recent = st.sampled_from([-20, -40, -70, -30, -10, -100, 3, -200]).map(lambda days: ON + timedelta(days=days))
_amounts = st.sampled_from([10**7, 34_567_891, 10**8, 987_654_321, 1, 10**8, 5 * 10**7])
_groups = st.sampled_from(["G-0", "G-1", "G-2", "G-3"])
_rarely = st.sampled_from([False] * 19 + [True])
_mostly = st.sampled_from([True] * 19 + [False])


@st.composite
def invoices(draw: st.DrawFn, number: str) -> Invoice:
    issued_on = draw(_recent)
    return Invoice(
        number,
        draw(_groups),
        draw(_amounts),
        issued_on,
        issued_on + timedelta(days=draw(st.sampled_from([90, 120, 100, 130, 60, 200, 0, 400]))),
        draw(st.sampled_from([issued_on] * 5 + [issued_on + timedelta(days=5), None])),
        paid=draw(st.sampled_from([0] * 8 + [1000, 10**9])),
        is_voucher=draw(_rarely),
        is_large_buyer=draw(_rarely),
        is_disputed=draw(_rarely),
        is_related_party=draw(_rarely),
        is_financed_elsewhere=draw(_rarely),
    )


@st.composite
def orders(draw: st.DrawFn, number: str) -> PurchaseOrder:
    ordered_on = draw(_recent)
    promised_on = ordered_on + timedelta(days=draw(st.sampled_from([110, 90, 100, 120, 60, 0, 250])))
    days = draw(st.integers(0, 70))
    return PurchaseOrder(number, draw(_groups), draw(_amounts), ordered_on, promised_on, days, draw(_mostly), draw(_rarely), draw(_rarely))


@st.composite
def lots(draw: st.DrawFn, number: str) -> StockLot:
    priced_on = ON - timedelta(days=draw(st.sampled_from([0, 1, 2, 3, 5, 7, 8, -1])))
    kind = draw(st.sampled_from(list(StockKind)))
    keeps_until = draw(st.sampled_from([None, None, None, ON + timedelta(days=draw(st.integers(0, 500)))]))
    quantity, price = draw(st.sampled_from([1000, 333, 2000])), draw(st.sampled_from([10**5, 77_777, 33_333, 1]))
    return StockLot(number, draw(_groups), kind, quantity, price, priced_on, draw(_mostly), draw(_mostly), keeps_until, draw(_rarely))


@st.composite
def requests(draw: st.DrawFn) -> Request:
    return Request(
        "A-1", "S-1", ON, draw(st.integers(10**6, 10**9)), draw(st.integers(1, 400)), draw(st.sampled_from([0, 0, 10**6, 10**8]))
    )


@st.composite
def applications(draw: st.DrawFn) -> Application:
    numbers = [f"N-{i}" for i in range(draw(st.sampled_from([3, 4, 5, 6, 2, 1])))]
    request = draw(requests())
    product = draw(st.integers(0, 2))
    if product == 0:
        return ReceivablesApplication(request, tuple(draw(invoices(number)) for number in numbers))
    if product == 1:
        return PurchaseOrdersApplication(request, tuple(draw(orders(number)) for number in numbers))
    return StockApplication(request, tuple(draw(lots(number)) for number in numbers))


@st.composite
def suppliers(draw: st.DrawFn) -> ScoredSupplier:
    low, pd, high = sorted(draw(st.floats(0.0001, draw(st.sampled_from([0.05, 0.05, 0.12])))) for _ in range(3))
    interval = draw(st.sampled_from([None, (low, high), (low, high)]))
    return ScoredSupplier(600.0, pd, "BBB", interval, draw(st.sampled_from("ABC")))


@st.composite
def turnovers(draw: st.DrawFn) -> Turnover:
    year = draw(st.sampled_from([10**9, 5 * 10**9, 10**10, 123_456_789, 10**8, 3 * 10**9, 0]))
    return Turnover(year, year * draw(st.integers(5, 60)) // 100, year * draw(st.integers(10, 90)) // 100)


def limit_of(decision: Decision) -> int:
    """The limit, nothing where it is a decline."""
    return decision.terms.limit if decision.terms else 0


def rules(decision: Decision) -> set[str]:
    return {rule.code for rule in decision.rules_fired}


def item_rules(decision: Decision) -> dict[str, list[str]]:
    return {item.number: [rule.code for rule in item.rules] for item in decision.items}
