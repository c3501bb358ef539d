"""The true probability of the contract's ``bad``, under the law that made the history.

Bad at an as-of (the first day of month a) is an instalment that reaches 90 days past due within 365 days. With due days from
5 to 20 these are exactly the instalments of months a - 3 .. a + 8. Given the state at the end of month a - 1, forward paths
of the same step are drawn and 1 - prod(1 - hazard) over those months is averaged: the default itself is never drawn.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import NDArray

from features.simulate.history import History
from features.simulate.lending import Plan, lives_in
from features.simulate.population import Ints, Population
from features.simulate.step import NORMALS, STATES, UNIFORMS, Floats, Law, hazard, law_of, step
from features.simulate.world import World

HORIZON = 9
"""Months from the as-of on whose missed instalment can reach 90 days past due within 365 days."""
CERTAIN = 0.9999
"""True PD of a supplier whose instalments have stopped but have not reached 90 days past due yet."""


@dataclass(frozen=True, slots=True)
class Truth:
    """One row per supplier and as-of month, by month and then supplier."""

    supplier: Ints
    month: Ints
    pd: Floats
    has_loan: NDArray[np.bool_]
    noise: float
    """Monte-Carlo standard error of the log-odds, root mean square over a sample of rows."""


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _paths(rng: np.random.Generator, states: Floats, traits: Floats, law: Law, first: Ints, last: Ints, paths: int) -> Floats:
    """Return the probability of default in months ``first`` .. ``last`` after the state, given survival before them."""
    out = np.zeros((states.shape[0], 2))
    normals = np.zeros((HORIZON, NORMALS))
    uniforms = np.zeros((HORIZON, UNIFORMS))
    state = np.zeros(STATES)
    for i in range(states.shape[0]):
        before, within = np.zeros(2), np.zeros(2)
        for k in range(paths):
            if k % 2 == 0:
                for t in range(last[i] + 1):
                    for j in range(NORMALS):
                        normals[t, j] = rng.standard_normal()
                    for j in range(UNIFORMS):
                        uniforms[t, j] = rng.random()
            else:
                normals *= -1.0
                uniforms[:] = 1.0 - uniforms
            state[:] = states[i]
            alive, reached = 1.0, 1.0
            for t in range(last[i] + 1):
                step(state, traits[i], law, normals[t], uniforms[t])
                alive *= 1.0 - hazard(state, traits[i], law)
                if t < first[i]:
                    reached = alive
            half = (k // 2) % 2
            before[half] += reached
            within[half] += reached - alive
        out[i, 0] = within.sum() / before.sum()
        p0, p1 = within[0] / before[0], within[1] / before[1]
        out[i, 1] = np.log(p0 / (1 - p0)) - np.log(p1 / (1 - p1))
    return out


def schedule(plan: Plan, count: int, month: int, months: int) -> tuple[Ints, Ints]:
    """Return, per supplier, the first and last month after ``month`` whose default the looked-at loans would show.

    Looked at are the loans open at the as-of or drawn in the three months from it. ``last`` is -1 where there is none. A loan
    drawn after the as-of says that there was no default up to its draw, so its months begin after that.
    """
    opened = (plan.draw_month < month) & (plan.last_month >= month)
    drawn = (plan.draw_month >= month) & (plan.draw_month < min(month + 3, months))
    first, last = np.full(count, HORIZON, dtype=np.int64), np.full(count, -1, dtype=np.int64)
    np.minimum.at(first, plan.supplier[opened], 0)
    np.minimum.at(first, plan.supplier[drawn], plan.draw_month[drawn] + 1 - month)
    both = opened | drawn
    np.maximum.at(last, plan.supplier[both], np.minimum(plan.last_month[both] - month, HORIZON - 1))
    return first, last


def true_pds(population: Population, history: History, plan: Plan, months: int, world: World, rng: np.random.Generator) -> Truth:
    """Return the true PD of every supplier not left out, at the first day of months 1 .. ``months``."""
    law = law_of(world)
    drawn = Plan(*(x[plan.draw_month < months] for x in (plan.supplier, plan.draw_month, plan.tenor, plan.day)))
    supplier, when, pd, loans, noise = [], [], [], [], []
    for month in range(1, months + 1):
        who = np.flatnonzero(lives_in(population, history, month))
        first, last = (x[who] for x in schedule(drawn, population.count, month, months))
        default = history.default_month[who]
        stopped = default < month
        # A loan first drawn after the as-of and after the default was never drawn: the standard loan stands in for it.
        has_loan = (last >= 0) & ((first == 0) | (default >= month + first))
        first, last = np.where(has_loan, first, 0), np.where(has_loan, last, HORIZON - 1)
        forward = _paths(rng, history.states[month, who], population.traits[who], law, first, last, world.truth_paths)
        supplier.append(who)
        when.append(np.full(who.size, month))
        pd.append(np.where(stopped, CERTAIN, np.clip(forward[:, 0], 1e-6, CERTAIN)))
        loans.append(has_loan)
        noise.append(forward[~stopped, 1])
    spread = np.concatenate(noise)
    spread = spread[np.isfinite(spread)]
    return Truth(
        supplier=np.concatenate(supplier),
        month=np.concatenate(when),
        pd=np.round(np.concatenate(pd), 8),
        has_loan=np.concatenate(loans),
        noise=float(np.sqrt(np.mean(spread**2)) / 2) if spread.size else 0.0,
    )
