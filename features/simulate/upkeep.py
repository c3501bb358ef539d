"""What suppliers do besides selling: purchases, stock, production, certificates and cooperations."""

from dataclasses import dataclass

import numpy as np

from features.simulate.calendar import DAY_SECONDS, Calendar
from features.simulate.history import History
from features.simulate.population import Ints, Population
from features.simulate.step import CASH, DELIVERY, DEMAND, MARGIN, Floats
from features.simulate.trade import NONE, Orders, activity, prepares_bust
from features.simulate.world import World


@dataclass(frozen=True, slots=True)
class Purchases:
    """Purchases upstream, one row each, by time; a circular one has a vendor of -1 - row of the ring's partner."""

    supplier: Ints
    vendor: Ints
    purchased: Ints
    amount: Ints
    cancelled: Ints


@dataclass(frozen=True, slots=True)
class Monthly:
    """Month-end observations of stock and production, one row per supplier and month of trade."""

    supplier: Ints
    observed: Ints
    stock: Ints
    """Fen."""
    cover: Floats
    """Days of sales the stock lasts."""
    utilisation: Floats


@dataclass(frozen=True, slots=True)
class Papers:
    """Certificates and cooperations, as day numbers since 1970; NONE for open ends."""

    supplier: Ints
    kind: Ints
    partner: Ints
    level: Ints
    start: Ints
    stop: Ints


def purchase(
    orders: Orders, population: Population, history: History, calendar: Calendar, world: World, rng: np.random.Generator
) -> Purchases:
    """Return the purchases: a month's sales less the margin, in a few orders; circular ones mirror the wash orders."""
    n, months = population.count, calendar.months
    alive, now = activity(population, history, calendar), history.states[1:]
    genuine = ~orders.wash
    cell = orders.month[genuine] * n + orders.supplier[genuine]
    sold = np.bincount(cell, orders.amount[genuine], months * n).reshape(months, n)
    usual = population.orders * np.exp(population.amount_log + 0.15) * 100 * calendar.season()[:, None]
    usual = usual * np.exp(now[:, :, DEMAND]) * alive
    cost = np.clip(1 - world.margin_level - world.margin_unit * now[:, :, MARGIN], 0.45, 1.05)
    failing = (alive > 0) & (alive < 1)
    need = (0.9 * sold + 0.1 * usual) * cost * np.exp(world.purchase_noise * rng.standard_normal(sold.shape))
    need = need * np.where(prepares_bust(population, history), world.bust_purchase_ratio, 1.0) * (1 - 0.6 * failing)
    count = np.where(need > 50_000, 1 + rng.poisson(2.0, need.shape), 0)
    row = np.repeat(np.arange(need.size), count.ravel())
    weight = rng.gamma(4.0, 0.25, row.size)
    amount = need.ravel()[row] * weight / np.bincount(row, weight, need.size)[row]
    supplier, month = row % n, row // n
    vendor = supplier * 7 % (max(n // 2, 40)) + np.minimum(rng.geometric(0.45, row.size), 6) * 11
    when = calendar.draw(month, rng)
    wash = np.flatnonzero(orders.wash)
    supplier = np.concatenate([supplier, orders.supplier[wash]])
    vendor = np.concatenate([vendor, orders.buyer[wash]])
    when = np.concatenate([when, orders.ordered[wash] + rng.integers(600, 20_000, wash.size)])
    amount = np.concatenate([amount, orders.amount[wash] * rng.uniform(0.985, 1.0, wash.size)])
    keep = when < calendar.end
    supplier, vendor, when, amount = supplier[keep], vendor[keep], when[keep], amount[keep]
    cash = np.where(vendor < 0, 3.0, now[calendar.month_of(when), supplier, CASH])
    dropped = rng.random(when.size) < np.minimum(world.purchase_cancel_rate * np.exp(-0.6 * cash), 0.4)
    cancelled = when + rng.integers(DAY_SECONDS // 4, 9 * DAY_SECONDS, when.size)
    cancelled = np.where(dropped & (cancelled < calendar.end), cancelled, NONE)
    by_time = np.argsort(when, kind="stable")
    fen = np.maximum(np.round(amount), 100).astype(np.int64)
    return Purchases(*(x[by_time] for x in (supplier, vendor, when, fen, cancelled)))


def observe(population: Population, history: History, calendar: Calendar, rng: np.random.Generator) -> Monthly:
    """Return month-end stock and utilisation: both run down under stress, and stand nearly still after a default."""
    alive, now = activity(population, history, calendar), history.states[1:]
    shape = alive.shape
    cover = 32 * np.exp(0.28 * now[:, :, CASH] + 0.1 * now[:, :, DELIVERY] + 0.15 * rng.standard_normal(shape))
    cover = np.clip(np.where(alive < 1, 0.4, 1.0) * cover, 0.0, 180.0)
    daily = population.orders * np.exp(population.amount_log + now[:, :, DEMAND]) / 30 * np.maximum(alive, 0.05)
    growth = now[:, :, DEMAND] + 0.05 * now[:, :, DELIVERY] + 0.06 * rng.standard_normal(shape)
    use = np.clip((0.74 + 0.22 * growth) * np.maximum(alive, 0.02) * np.minimum(calendar.season()[:, None] + 0.15, 1), 0, 1)
    month, supplier = np.nonzero(alive > 0)
    second = (calendar.starts[month + 1] - 1) * DAY_SECONDS + rng.integers(18 * 3600, 22 * 3600, month.size)
    value = np.round(cover * daily * 0.8 * 100).astype(np.int64)
    return Monthly(
        supplier=supplier,
        observed=second,
        stock=value[month, supplier],
        cover=np.round(cover[month, supplier], 1),
        utilisation=np.round(use[month, supplier], 3),
    )


def joining_day(population: Population, calendar: Calendar) -> Ints:
    """Return the day each supplier joined the platform: the first of its month."""
    first = np.int64(calendar.starts[0]).astype("datetime64[D]").astype("datetime64[M]")
    return np.asarray((first + population.join_month).astype("datetime64[D]").astype(np.int64))


def certify(population: Population, calendar: Calendar, rng: np.random.Generator) -> Papers:
    """Return qualification documents: everybody has a licence, fewer have the rest; each is renewed while it is used."""
    last = int(calendar.starts[-1]) - 1
    joined = joining_day(population, calendar)
    chance, years = np.array([1.0, 0.97, 0.55, 0.45, 0.35, 0.3, 0.25]), np.array([0, 0, 3, 1, 0, 0, 2])
    supplier, kind = np.nonzero(rng.random((population.count, chance.size)) < chance)
    start = joined[supplier] - rng.integers(0, 300, supplier.size)
    rows = []
    while supplier.size:
        stop = np.where(years[kind] > 0, start + 365 * years[kind], NONE)
        rows.append((supplier, kind, start, stop))
        again = (stop != NONE) & (stop <= last) & (rng.random(stop.size) < 0.85)
        supplier, kind, start = supplier[again], kind[again], stop[again]
    supplier, kind, start, stop = (np.concatenate([r[k] for r in rows]) for k in range(4))
    keep = start <= last
    supplier, kind, start, stop = supplier[keep], kind[keep], start[keep], stop[keep]
    none = np.zeros_like(supplier)
    return Papers(supplier=supplier, kind=kind, partner=none, level=none, start=start, stop=stop)


def cooperate(population: Population, calendar: Calendar, rng: np.random.Generator) -> Papers:
    """Return cooperations with partners; about a fifth have ended."""
    last = int(calendar.starts[-1]) - 1
    joined = np.maximum(joining_day(population, calendar), int(calendar.starts[0]) - 1000)
    supplier = np.repeat(np.arange(population.count), rng.poisson(1.2, population.count))
    start = joined[supplier] + rng.integers(0, 900, supplier.size)
    stop = start + rng.integers(200, 1500, supplier.size)
    stop = np.where((rng.random(supplier.size) < 0.4) & (stop <= last), stop, NONE)
    keep = start <= last
    kind = rng.choice(7, supplier.size, p=[0.45, 0.1, 0.15, 0.1, 0.1, 0.06, 0.04])
    level = rng.choice(3, supplier.size, p=[0.6, 0.28, 0.12])
    partner = rng.integers(0, max(population.count // 3, 20), supplier.size)
    order = np.lexsort((partner, kind, start, supplier))
    order = order[keep[order]]
    key = np.stack([supplier, kind, start])[:, order]
    order = order[np.append(True, np.any(key[:, 1:] != key[:, :-1], axis=0))] if order.size else order
    return Papers(*(x[order] for x in (supplier, kind, partner, level, start, stop)))
