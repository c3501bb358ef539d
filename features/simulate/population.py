"""Who trades on the simulated platform: suppliers with their permanent traits, and the buyers they sell to."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.simulate.identity import INDUSTRIES, PROVINCES
from features.simulate.step import (
    CHEAT,
    CONCENTRATION,
    DELIVERY_LEVEL,
    LATE_LEVEL,
    LATE_SD,
    MARGIN_LEVEL,
    QUALITY_LEVEL,
    SIZE,
    TRAITS,
    Floats,
    innovation,
)
from features.simulate.world import World

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Buyers:
    """The buyers: one row each."""

    level: Floats
    """Permanent log-days paid late."""
    size: Floats
    """Size of their orders against an ordinary buyer's."""
    term: Ints
    """Days of credit they take."""


@dataclass(frozen=True, slots=True)
class Network:
    """Which buyers each supplier sells to, one row per pair, sorted by supplier."""

    supplier: Ints
    buyer: Ints
    share: Floats
    """Share of the supplier's amount; sums to 1 per supplier."""
    chance: Floats
    """Share of the supplier's orders; sums to 1 per supplier."""


@dataclass(frozen=True, slots=True)
class Population:
    """Suppliers by row number, their traits (n, TRAITS), and their buyers."""

    traits: Floats
    orders: Floats
    """Orders per normal month."""
    amount_log: Floats
    lead_days: Floats
    join_month: Ints
    """Month of joining; negative for those who joined before the data begin."""
    age_years: Floats
    """Years from registration to joining."""
    province: Ints
    industry: Ints
    sole_trader: NDArray[np.bool_]
    buyers: Buyers
    network: Network

    @property
    def count(self) -> int:
        """Return the number of suppliers."""
        return int(self.traits.shape[0])


def _buyers(count: int, world: World, rng: np.random.Generator) -> Buyers:
    level = np.sort(world.buyer_late_log_days + world.buyer_level_sd * rng.standard_normal(count))
    core = rng.random(count) < world.core_buyer_share
    size = np.where(core, world.core_buyer_size, 1.0) * np.exp(0.4 * rng.standard_normal(count))
    return Buyers(level=level, size=size, term=rng.choice(np.array([30, 45, 60, 90]), count, p=[0.4, 0.25, 0.3, 0.05]))


def _network(suppliers: int, buyers: Buyers, world: World, rng: np.random.Generator) -> Network:
    """Match like with like: a supplier of low standing sells to buyers who pay late."""
    degree = 3 + np.minimum(rng.geometric(0.16, suppliers), 22)
    supplier = np.repeat(np.arange(suppliers), degree)
    standing = rng.standard_normal(suppliers)[supplier]
    rank = world.buyer_matching * standing + np.sqrt(1 - world.buyer_matching**2) * rng.standard_normal(supplier.size)
    order = np.argsort(np.argsort(rank, kind="stable"), kind="stable")
    buyer = order * buyers.level.size // supplier.size
    pull = (buyers.size[buyer] ** 0.7) * np.exp(0.9 * rng.standard_normal(supplier.size))
    pair, first = np.unique(supplier * buyers.level.size + buyer, return_index=True)
    supplier, buyer, pull = pair // buyers.level.size, pair % buyers.level.size, pull[first]
    share = pull / np.bincount(supplier, pull, suppliers)[supplier]
    rate = share / buyers.size[buyer]
    return Network(supplier, buyer, share, rate / np.bincount(supplier, rate, suppliers)[supplier])


def _cheats(count: int, world: World, rng: np.random.Generator) -> Floats:
    kind = np.zeros(count)
    chosen = rng.permutation(count)[: round(world.cheat_share * count)]
    kind[chosen] = 1 + np.arange(chosen.size) % 3
    return kind


def populate(count: int, months: int, world: World, rng: np.random.Generator) -> Population:
    """Draw ``count`` suppliers and their buyers for a platform of ``months`` months."""
    buyers = _buyers(max(int(count * world.buyers_per_supplier), 30), world, rng)
    network = _network(count, buyers, world, rng)
    hhi = np.bincount(network.supplier, network.share**2, count)
    traits = np.zeros((count, TRAITS))
    traits[:, LATE_LEVEL] = np.bincount(network.supplier, network.share * buyers.level[network.buyer], count)
    traits[:, LATE_SD] = innovation(world.buyer_persistence, world.buyer_drift_sd) * np.sqrt(hhi)
    traits[:, MARGIN_LEVEL] = world.margin_between_sd * rng.standard_normal(count)
    traits[:, DELIVERY_LEVEL] = world.delivery_between_sd * rng.standard_normal(count)
    traits[:, QUALITY_LEVEL] = world.quality_between_sd * rng.standard_normal(count)
    traits[:, CONCENTRATION] = hhi
    traits[:, CHEAT] = _cheats(count, world, rng)
    join = rng.integers(-48, int(0.75 * months), count)
    join = np.where(rng.random(count) < 0.45, rng.integers(-60, 0, count), join)
    size = np.exp(world.orders_sd * rng.standard_normal(count) - world.orders_sd**2 / 2)
    orders = np.clip(world.orders_per_month * size, world.orders_least, 150.0)
    traits[:, SIZE] = np.log(orders / world.orders_per_month)
    return Population(
        traits=traits,
        orders=orders,
        amount_log=world.order_amount_log + world.order_amount_between_sd * rng.standard_normal(count),
        lead_days=np.round(np.clip(np.exp(2.7 + 0.35 * rng.standard_normal(count)), 5, 45)),
        join_month=join.astype(np.int64),
        age_years=np.minimum(rng.gamma(1.6, 3.5, count), 30.0),
        province=rng.choice(len(PROVINCES), count, p=[p[2] for p in PROVINCES]),
        industry=rng.choice(len(INDUSTRIES), count, p=np.array([i[2] for i in INDUSTRIES])),
        sole_trader=rng.random(count) < 0.18,
        buyers=buyers,
        network=network,
    )
