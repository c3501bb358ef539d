"""What suppliers sell and deliver: orders, genuine and washed, and their fulfilments, as the latent months show in them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.simulate.calendar import DAY_SECONDS, Calendar
from features.simulate.history import NEVER, History
from features.simulate.population import Ints, Population
from features.simulate.step import BUST, CASH, CHEAT, DELIVERY, DEMAND, PHASE, QUALITY, RING, Floats
from features.simulate.world import World

NONE = np.int64(-1)
"""A time that does not stand: written as NULL."""
DECAY = np.array([0.60, 0.35, 0.18, 0.08, 0.04, 0.02, 0.01])
"""Share of normal business in the month of default and those after it; then none."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders, one row each, by time; money in fen, times in local seconds."""

    supplier: Ints
    buyer: Ints
    """Buyer's row; for a wash order -1 - row of the ring's front company."""
    month: Ints
    ordered: Ints
    promised: Ints
    cancelled: Ints
    amount: Ints
    quantity: Ints
    wash: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fulfilments:
    """Deliveries, one row each, by order; NONE where a step has not happened by the end."""

    order: Ints
    shipped: Ints
    delivered: Ints
    accepted: Ints
    quantity: Ints
    rejected: Ints
    returned: Ints
    return_amount: Ints


def activity(population: Population, history: History, calendar: Calendar) -> Floats:
    """Return the share of normal business alive per month and supplier: 0 before joining, decaying from the default on."""
    t = np.arange(calendar.months)[:, None]
    since = t - history.default_month[None, :]
    share = np.where(since < 0, 1.0, np.append(DECAY, 0.0)[np.clip(since, 0, DECAY.size)])
    return np.asarray(share * (t >= population.join_month[None, :]))


def _genuine(
    population: Population, history: History, calendar: Calendar, world: World, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Return supplier, month and buyer of every genuine order, by month and supplier."""
    now = history.states[1:]
    rate = population.orders * np.exp(now[:, :, DEMAND]) * calendar.season()[:, None]
    rate *= activity(population, history, calendar)
    shape = world.order_dispersion * np.exp(0.6 * np.clip(now[:, :, CASH], -3.0, 1.5))
    count = rng.poisson(rate * rng.gamma(shape) / shape)
    cell = np.repeat(np.arange(count.size), count.ravel())
    month, supplier = cell // population.count, cell % population.count
    net = population.network
    edge = np.cumsum(net.chance)
    base = np.concatenate([[0.0], edge])[np.searchsorted(net.supplier, np.arange(population.count))]
    pick = np.searchsorted(edge, base[supplier] + rng.random(cell.size) * (1 - 1e-9), side="right")
    pick = np.minimum(pick, np.searchsorted(net.supplier, supplier, side="right") - 1)
    return supplier, month, net.buyer[pick]


def _washed(
    population: Population, history: History, calendar: Calendar, world: World, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Return supplier, month and front company of every wash order: three neighbours in a ring buy from one another."""
    ring = np.flatnonzero(population.traits[:, CHEAT] == RING)
    washing = (history.states[1:, ring, PHASE] > 0) & (activity(population, history, calendar)[:, ring] == 1.0)
    rate = washing * population.orders[ring] * world.ring_wash_ratio * calendar.season()[:, None]
    count = rng.poisson(rate)
    cell = np.repeat(np.arange(count.size), count.ravel())
    month, member = cell // max(ring.size, 1), cell % max(ring.size, 1)
    partner = (member // 3) * 3 + (member % 3 + rng.integers(1, 3, cell.size)) % 3
    partner = np.where(partner < ring.size, partner, (member + 1) % max(ring.size, 1))
    return ring[member], month, -1 - ring[partner]


def place_orders(population: Population, history: History, calendar: Calendar, world: World, rng: np.random.Generator) -> Orders:
    """Return all orders in order of time."""
    genuine = _genuine(population, history, calendar, world, rng)
    washed = _washed(population, history, calendar, world, rng)
    supplier, month, buyer = (np.concatenate(pair) for pair in zip(genuine, washed, strict=True))
    ordered = calendar.draw(month, rng)
    by_time = np.argsort(ordered, kind="stable")
    supplier, month, buyer, ordered = supplier[by_time], month[by_time], buyer[by_time], ordered[by_time]
    wash, size = buyer < 0, supplier.size
    large = np.where(wash, 0.0, np.log(population.buyers.size[np.maximum(buyer, 0)]))
    within = np.where(wash, 0.2, world.order_amount_within_sd)
    amount = np.exp(population.amount_log[supplier] + large + within * rng.standard_normal(size))
    amount = np.where(wash, np.maximum(np.round(amount / 1000), 1) * 1000, np.maximum(np.round(amount, 2), 100.0))
    lead = np.maximum(np.round(population.lead_days[supplier] * rng.uniform(0.7, 1.4, size)), 3).astype(np.int64)
    now = history.states[month + 1, supplier]
    chance = world.cancel_rate * np.exp(-world.cancel_from_cash * now[:, CASH] - 0.2 * now[:, DELIVERY])
    failing = month >= history.default_month[supplier]
    chance = np.where(wash, 0.0, np.minimum(chance, 0.35) + 0.3 * failing)
    cancelled = ordered + (rng.uniform(0.05, 0.8, size) * lead * DAY_SECONDS).astype(np.int64)
    cancelled = np.where((rng.random(size) < chance) & (cancelled < calendar.end), cancelled, NONE)
    return Orders(
        supplier=supplier,
        buyer=buyer,
        month=month,
        ordered=ordered,
        promised=(ordered // DAY_SECONDS + lead) * DAY_SECONDS + 18 * 3600,
        cancelled=cancelled,
        amount=np.round(amount * 100).astype(np.int64),
        quantity=2 + rng.geometric(0.02, size),
        wash=wash,
    )


def _delays(now: Floats, wash: NDArray[np.bool_], world: World, rng: np.random.Generator) -> Floats:
    """Return the days from promise to delivery; negative is early."""
    ability = now[:, DELIVERY]
    late = rng.random(ability.size) < 1 / (1 + np.exp(world.late_from_delivery * ability - world.late_logit))
    days = 0.5 + world.late_days * np.exp(-0.4 * np.clip(ability, -3, 3)) * rng.gamma(1.5, 1 / 1.5, ability.size)
    return np.where(late & ~wash, days, -rng.uniform(0.1, 6.0, ability.size))


def deliver(
    orders: Orders, population: Population, history: History, calendar: Calendar, world: World, rng: np.random.Generator
) -> Fulfilments:
    """Return what was shipped of the orders not cancelled, up to the end of the simulation."""
    now, who = history.states[orders.month + 1, orders.supplier], orders.supplier
    due = orders.promised + (_delays(now, orders.wash, world, rng) * DAY_SECONDS).astype(np.int64)
    due = np.maximum(due, orders.ordered + DAY_SECONDS)
    shipped = np.maximum(due - (rng.uniform(0.5, 4.0, due.size) * DAY_SECONDS).astype(np.int64), orders.ordered + 7200)
    failing = calendar.month_of(due) >= history.default_month[who]
    never = np.where(failing, 0.65, np.minimum(world.dispute_rate * np.exp(-0.8 * now[:, DELIVERY]), 0.1))
    sent = (orders.cancelled == NONE) & (orders.wash | (rng.random(due.size) >= never)) & (shipped < calendar.end)
    parts = np.where((rng.random(due.size) < world.partial_rate) & ~orders.wash, 2, 1) * sent
    order = np.repeat(np.arange(due.size), parts)
    second = np.concatenate([[False], order[1:] == order[:-1]]) if order.size else np.zeros(0, dtype=bool)
    split = parts[order] == 2
    gap = np.where(second, rng.integers(2, 15, order.size), 0) * DAY_SECONDS
    part = np.maximum(orders.quantity[order] * 6 // 10, 1)
    quantity = np.where(split, np.where(second, orders.quantity[order] - part, part), orders.quantity[order])
    quality = np.clip(now[order, QUALITY], -3, 3)
    genuine = ~orders.wash[order]
    bad = genuine & (rng.random(order.size) < world.reject_rate * np.exp(-world.reject_from_quality * quality))
    rejected = np.where(bad, np.ceil(quantity * rng.uniform(0.05, 0.5, order.size)), 0).astype(np.int64)
    shipped, delivered = shipped[order] + gap, due[order] + gap
    accepted = delivered + rng.integers(0, 3 * DAY_SECONDS, order.size)
    back = genuine & (rng.random(order.size) < world.return_rate * np.exp(-world.reject_from_quality * quality))
    returned = np.where(back, accepted + rng.integers(2 * DAY_SECONDS, 30 * DAY_SECONDS, order.size), NONE)
    value = np.round(orders.amount[order] * quantity / orders.quantity[order] * rng.uniform(0.1, 0.9, order.size))
    keep, end = shipped < calendar.end, calendar.end
    return Fulfilments(
        order=order[keep],
        shipped=shipped[keep],
        delivered=_until(delivered, end)[keep],
        accepted=_until(accepted, end)[keep],
        quantity=quantity[keep],
        rejected=rejected[keep],
        returned=_until(returned, end)[keep],
        return_amount=np.where((returned == NONE) | (returned >= end), NONE, value)[keep].astype(np.int64),
    )


def _until(second: Ints, end: int) -> Ints:
    return np.where(second < end, second, NONE)


def phase_of(population: Population, history: History, month: Ints, supplier: Ints) -> Ints:
    """Return the kind of cheat at work per (month, supplier), HONEST where none is."""
    started = history.states[month + 1, supplier, PHASE] > 0
    return np.where(started, population.traits[supplier, CHEAT], 0).astype(np.int64)


def prepares_bust(population: Population, history: History) -> NDArray[np.bool_]:
    """Return, per month and supplier, whether a bust-out is being prepared."""
    alive = np.arange(history.buyer_late.shape[0])[:, None] < np.minimum(history.default_month, NEVER)[None, :]
    return np.asarray((population.traits[:, CHEAT] == BUST) & (history.states[1:, :, PHASE] > 0) & alive)
