"""What the buyers owe and what they think: invoices paid as late as each buyer's weakness says, and reviews."""

from dataclasses import dataclass

import numpy as np

from features.simulate.calendar import DAY_SECONDS, Calendar
from features.simulate.history import History
from features.simulate.population import Ints, Population
from features.simulate.step import QUALITY, REVIEWS
from features.simulate.trade import NONE, Fulfilments, Orders, phase_of
from features.simulate.world import World


@dataclass(frozen=True, slots=True)
class Invoices:
    """Receivables, one row each, by order."""

    order: Ints
    issued: Ints
    due: Ints
    amount: Ints
    paid: Ints
    paid_amount: Ints


@dataclass(frozen=True, slots=True)
class Reviews:
    """Reviews, one row each, by order."""

    order: Ints
    reviewed: Ints
    rating: Ints
    phrases: Ints
    """A number from which the text is composed; -1 is a review without text."""


def bill(
    orders: Orders, fulfilments: Fulfilments, population: Population, history: History, calendar: Calendar,
    world: World, rng: np.random.Generator,
) -> Invoices:  # fmt: skip
    """Return the invoices of delivered orders. Circular trade is settled at once or not invoiced at all."""
    count = orders.supplier.size
    full = np.full(count, NONE)
    np.maximum.at(full, fulfilments.order, fulfilments.delivered)
    back = np.bincount(fulfilments.order, np.maximum(fulfilments.return_amount, 0), count).astype(np.int64)
    rate = np.where(orders.wash, 0.5, world.invoice_rate)
    issued = full + rng.integers(3600, 5 * DAY_SECONDS, count)
    order = np.flatnonzero((full != NONE) & (issued < calendar.end) & (rng.random(count) < rate))
    issued, buyer, wash = issued[order], orders.buyer[order], orders.wash[order]
    term = np.where(wash, 30, population.buyers.term[np.maximum(buyer, 0)])
    due = (issued // DAY_SECONDS + term) * DAY_SECONDS + 12 * 3600
    weakness = history.buyer_late[calendar.month_of(issued), np.maximum(buyer, 0)]
    days = np.exp(np.clip(weakness, -2, 5)) * rng.gamma(world.payment_shape, 1 / world.payment_shape, order.size) - 3.0
    days = np.where(wash, rng.uniform(-29.9, -28, order.size), np.maximum(days, -0.9 * term))
    paid = np.maximum(due + (days * DAY_SECONDS).astype(np.int64), issued + 3600)
    never = np.where(wash, 0.0, np.clip(0.004 * np.exp(weakness - 2.0), 0, 0.08))
    amount = orders.amount[order]
    short = rng.random(order.size) < 0.02
    value = np.maximum(amount - back[order] - np.where(short, amount // 20, 0), amount // 10)
    stands = (rng.random(order.size) >= never) & (paid < calendar.end)
    return Invoices(
        order=order, issued=issued, due=due, amount=amount,
        paid=np.where(stands, paid, NONE), paid_amount=np.where(stands, value, NONE),
    )  # fmt: skip


def review(
    orders: Orders, fulfilments: Fulfilments, population: Population, history: History, calendar: Calendar,
    world: World, rng: np.random.Generator,
) -> Reviews:  # fmt: skip
    """Return the reviews: noisy, late and mostly missing; five stars within hours where they are bought."""
    count = orders.supplier.size
    first = np.full(count, NONE)
    np.maximum.at(first, fulfilments.order, fulfilments.delivered)
    spoilt = np.bincount(fulfilments.order, fulfilments.rejected > 0, count) > 0
    cheat = phase_of(population, history, orders.month, orders.supplier)
    bought = orders.wash | ((cheat == REVIEWS) & (rng.random(count) < 0.75))
    late = np.clip((first - orders.promised) / DAY_SECONDS, 0, 15)
    quality = history.states[orders.month + 1, orders.supplier, QUALITY]
    stars = 4.25 + 0.42 * quality - 0.06 * late - 0.7 * spoilt + world.review_noise * rng.standard_normal(count)
    rating = np.where(bought, 5, np.clip(np.round(stars), 1, 5)).astype(np.int64)
    delay = rng.exponential(world.review_delay_days, count) + 0.05
    delay = np.where(bought, rng.uniform(0.02, 0.4, count), delay)
    reviewed = first + (delay * DAY_SECONDS).astype(np.int64)
    given = rng.random(count) < np.where(bought, 0.95, world.review_rate)
    order = np.flatnonzero((first != NONE) & given & (reviewed < calendar.end))
    phrases = np.where(rng.random(count) < 0.72, rng.integers(0, 10_000, count), NONE)
    phrases = np.where(bought, rng.integers(0, 40, count), phrases)
    return Reviews(order=order, reviewed=reviewed[order], rating=rating[order], phrases=phrases[order])
