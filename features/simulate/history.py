"""What happened: the world's latent months, one after the other, and who defaulted when."""

from dataclasses import dataclass

import numpy as np
from numba import njit  # type: ignore[import-untyped, unused-ignore]

from features.simulate.identity import INDUSTRIES, PROVINCES
from features.simulate.population import Ints, Population
from features.simulate.step import (
    CASH,
    LATE,
    LATE_LEVEL,
    NORMALS,
    STATES,
    UNIFORMS,
    Floats,
    Law,
    hazard,
    innovation,
    law_of,
    step,
)
from features.simulate.world import World

BURN_IN = 36
"""Months run before the data begin, so that the first month is an ordinary one."""
NEVER = 10_000
"""Month of default of a supplier who does not default."""


@dataclass(frozen=True, slots=True)
class History:
    """Latent months: ``states[t]`` is the state in month t, (months + 1, n, STATES) with the month before the data first."""

    states: Floats
    buyer_late: Floats
    """Log-days paid late per buyer, (months, buyers)."""
    default_month: Ints
    """First month of missed instalments, or NEVER, (n,)."""


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _advance(states: Floats, traits: Floats, law: Law, normals: Floats, uniforms: Floats, risk: Floats) -> None:
    for i in range(states.shape[0]):
        step(states[i], traits[i], law, normals[i], uniforms[i])
        risk[i] = hazard(states[i], traits[i], law)


def live(population: Population, months: int, world: World, rng: np.random.Generator) -> History:
    """Run the world for ``months`` months after a burn-in without defaults.

    The regime's path is chosen, not drawn: the downturn begins ``world.downturn_months_before_end`` months before the end.
    """
    n, net, law = population.count, population.network, law_of(world)
    state = np.zeros((n, STATES))
    buyer = population.buyers.level.copy()
    state[:, LATE] = population.traits[:, LATE_LEVEL]
    state[:, CASH] = -law.cash_late * (state[:, LATE] - law.late_mean)
    spread = np.sqrt(np.bincount(net.supplier, net.share**2, n))
    sd = innovation(world.buyer_persistence, world.buyer_drift_sd)
    states = np.zeros((months + 1, n, STATES))
    buyer_late = np.zeros((months, buyer.size))
    default = np.full(n, NEVER, dtype=np.int64)
    risk = np.zeros(n)
    for t in range(-BURN_IN, months):
        if t == 0:
            states[0] = state
        normals, uniforms = rng.standard_normal((n, NORMALS)), rng.random((n, UNIFORMS))
        shock = rng.standard_normal(buyer.size)
        normals[:, 0] = rng.standard_normal(len(INDUSTRIES))[population.industry]
        normals[:, 1] = rng.standard_normal(len(PROVINCES))[population.province]
        normals[:, 2] = np.bincount(net.supplier, net.share * shock[net.buyer], n) / spread
        turning = t == months - world.downturn_months_before_end
        uniforms[:, 0] = 0.0 if turning else 1.0
        uniforms[np.maximum(population.join_month, 0) > t, 2] = 1.0  # no cheat begins before joining and the data
        _advance(state, population.traits, law, normals, uniforms, risk)
        down = float(state[0, 0])
        target = population.buyers.level + world.buyer_downturn * down
        buyer = world.buyer_persistence * buyer + (1 - world.buyer_persistence) * target + sd * shock
        fails = rng.random(n) < risk
        if t >= 0:
            states[t + 1], buyer_late[t] = state, buyer
            default[fails & (default == NEVER) & (population.join_month <= t)] = t
    return History(states=states, buyer_late=buyer_late, default_month=default)
