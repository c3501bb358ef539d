"""What the platform wrote down: events as table rows, some learned late, a few corrected by a later version."""

import numpy as np
from numpy.typing import NDArray

from features.simulate.calendar import DAY_SECONDS
from features.simulate.lending import Loans
from features.simulate.population import Ints, Population
from features.simulate.receivables import Invoices, Reviews
from features.simulate.trade import NONE, Fulfilments, Orders
from features.simulate.upkeep import Purchases
from features.simulate.world import World

Columns = dict[str, NDArray[np.generic]]


def order_rows(orders: Orders, population: Population, end: int, world: World, rng: np.random.Generator) -> Columns:
    """Return orders; some have a second version with a corrected amount."""
    columns: Columns = {
        "id": np.arange(orders.supplier.size),
        "supplier": orders.supplier,
        "buyer": buyer_number(orders.buyer, population),
        "ordered": orders.ordered,
        "amount": orders.amount,
        "industry": population.industry[orders.supplier],
        "quantity": orders.quantity,
        "promised": orders.promised,
        "cancelled": orders.cancelled,
        "recorded": np.full(orders.supplier.size, NONE),
    }
    pick, recorded = _corrected(orders.ordered, columns["recorded"], end, world, rng)
    change = rng.choice(np.array([0.9, 0.95, 1.05, 1.1]), pick.size)
    amount = np.maximum(np.round(orders.amount[pick] * change / 100) * 100, 100).astype(np.int64)
    return _append(columns, pick, {"amount": amount, "recorded": recorded})


def fulfilment_rows(fulfilments: Fulfilments, orders: Orders, end: int, world: World, rng: np.random.Generator) -> Columns:
    """Return deliveries; some are recorded late, some have a second version with a corrected delivery time."""
    f = fulfilments
    known = np.maximum(f.shipped, f.delivered)
    columns: Columns = {
        "id": np.arange(f.order.size),
        "order": f.order,
        "supplier": orders.supplier[f.order],
        "shipped": f.shipped,
        "delivered": f.delivered,
        "accepted": f.accepted,
        "quantity": f.quantity,
        "rejected": np.where(f.delivered == NONE, 0, f.rejected),
        "returned": f.returned,
        "return_amount": f.return_amount,
        "recorded": _late(known, world, rng),
    }
    columns = _known_by(columns, end)
    delivered = np.asarray(columns["delivered"], dtype=np.int64)
    accepted = np.asarray(columns["accepted"], dtype=np.int64)
    final = np.where((accepted == NONE) | (accepted + 3 * DAY_SECONDS >= end), end, accepted)
    pick, recorded = _corrected(final, columns["recorded"], end, world, rng)
    shift = rng.integers(1, 4, pick.size) * DAY_SECONDS // 2
    change: Columns = {"delivered": delivered[pick] + shift, "accepted": accepted[pick] + shift, "recorded": recorded}
    # A return keeps its time: it stands at least two days after acceptance, so the order of steps holds.
    return _append(columns, pick, change)


def review_rows(reviews: Reviews, orders: Orders, population: Population, end: int, world: World, rng: np.random.Generator) -> Columns:
    """Return reviews; some are recorded late, and one in a hundred is of the supplier and names no order."""
    size = reviews.order.size
    text = np.where(reviews.phrases == NONE, NONE, (reviews.rating - 1) * 120 + reviews.phrases % 120)
    return _known_by(
        {
            "id": np.arange(size),
            "supplier": orders.supplier[reviews.order],
            "order": np.where(rng.random(size) < 0.01, NONE, reviews.order),
            "buyer": buyer_number(orders.buyer[reviews.order], population),
            "reviewed": reviews.reviewed,
            "rating": reviews.rating,
            "text": text,
            "recorded": _late(reviews.reviewed, world, rng),
        },
        end,
    )


def invoice_rows(invoices: Invoices, orders: Orders, population: Population, end: int, world: World, rng: np.random.Generator) -> Columns:
    """Return receivables; a payment recorded late stands in a second version of its invoice."""
    late = (invoices.paid != NONE) & (rng.random(invoices.paid.size) < world.late_record_rate)
    recorded = invoices.paid + _lag(invoices.paid.size, world, rng)
    columns: Columns = {
        "id": np.arange(invoices.order.size),
        "supplier": orders.supplier[invoices.order],
        "buyer": buyer_number(orders.buyer[invoices.order], population),
        "order": invoices.order,
        "issued": invoices.issued,
        "due": invoices.due,
        "amount": invoices.amount,
        "paid": np.where(late, NONE, invoices.paid),
        "paid_amount": np.where(late, NONE, invoices.paid_amount),
        "recorded": np.full(late.size, NONE),
    }
    pick = np.flatnonzero(late & (recorded < end))
    change: Columns = {"paid": invoices.paid[pick], "paid_amount": invoices.paid_amount[pick], "recorded": recorded[pick]}
    return _append(columns, pick, change)


def purchase_rows(purchases: Purchases, population: Population) -> Columns:
    """Return purchases; a ring's partner is a vendor under the number it has as a buyer."""
    ring = purchases.vendor < 0
    return {
        "id": np.arange(purchases.supplier.size),
        "supplier": purchases.supplier,
        "ring": ring.astype(np.int64),
        "vendor": np.where(ring, buyer_number(purchases.vendor, population), purchases.vendor),
        "purchased": purchases.purchased,
        "amount": purchases.amount,
        "cancelled": purchases.cancelled,
    }


def loan_rows(loans: Loans) -> tuple[Columns, Columns]:
    """Return loans and their instalments."""
    size = loans.supplier.size
    drawn: Columns = {
        "id": np.arange(size),
        "supplier": loans.supplier,
        "product": loans.product,
        "drawn": loans.drawn_at,
        "due": loans.due_at,
        "principal": loans.principal,
        "rate": np.round(loans.rate * 10_000).astype(np.int64),
    }
    instalments: Columns = {
        "loan": loans.instalment_loan,
        "due": loans.instalment_due,
        "amount": loans.instalment_amount,
        "paid": loans.instalment_paid,
    }
    return drawn, instalments


def buyer_number(buyer: Ints, population: Population) -> Ints:
    """Return a buyer's public number; a ring's front companies follow the ordinary buyers."""
    return np.where(buyer < 0, population.buyers.level.size - 1 - buyer, buyer)


def _lag(size: int, world: World, rng: np.random.Generator) -> Ints:
    return np.asarray((rng.exponential(world.late_record_days, size) + 0.5) * DAY_SECONDS).astype(np.int64)


def _late(known: Ints, world: World, rng: np.random.Generator) -> Ints:
    late = rng.random(known.size) < world.late_record_rate
    return np.where(late, known + _lag(known.size, world, rng), NONE)


def _known_by(columns: Columns, end: int) -> Columns:
    known = np.asarray(columns["recorded"], dtype=np.int64) < end
    return {name: values[known] for name, values in columns.items()}


def _corrected(known: Ints, recorded: NDArray[np.generic], end: int, world: World, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return the rows that get a second version and when; only rows recorded in time, so that versions are ordered."""
    when = known + rng.integers(3 * DAY_SECONDS, 30 * DAY_SECONDS, known.size)
    chosen = (rng.random(known.size) < world.correction_rate) & (recorded == NONE) & (when < end)
    pick = np.flatnonzero(chosen)
    return pick, when[pick]


def _append(columns: Columns, pick: Ints, change: Columns) -> Columns:
    return {name: np.concatenate([values, change.get(name, values[pick])]) for name, values in columns.items()}
