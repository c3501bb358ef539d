"""The world's own law: one month of one supplier, and the hazard of default that follows from it.

History and the forward paths of the true PD call these same two functions, so the truth is the law's and no fit's.
The state is Markov: nothing but the columns below carries over from month to month.
"""

from typing import NamedTuple

import numpy as np
from numba import njit  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import NDArray

from features.simulate.world import World

Floats = NDArray[np.float64]

REGIME, INDUSTRY, PROVINCE, LATE, MARGIN, DEMAND, DEMAND_SLOW, CASH, DELIVERY, QUALITY, PHASE = range(11)
STATES = 11
LATE_LEVEL, LATE_SD, MARGIN_LEVEL, DELIVERY_LEVEL, QUALITY_LEVEL, CONCENTRATION, CHEAT, SIZE = range(8)
TRAITS = 8
NORMALS, UNIFORMS = 8, 3
HONEST, RING, REVIEWS, BUST = range(4)
CHEAT_NAMES = ("", "wash_ring", "bought_reviews", "bust_out")


class Law(NamedTuple):
    """The numbers the monthly step needs, as plain floats for compiled code."""

    start: float
    end: float
    rho_industry: float
    sd_industry: float
    rho_province: float
    sd_province: float
    late_mean: float
    rho_late: float
    late_downturn: float
    rho_margin: float
    sd_margin: float
    margin_downturn: float
    rho_demand: float
    sd_demand: float
    demand_downturn: float
    demand_cash: float
    memory: float
    rho_cash: float
    cash_margin: float
    cash_late: float
    cash_growth: float
    sd_cash: float
    jump_rate: float
    jump: float
    rho_delivery: float
    sd_delivery: float
    delivery_cash: float
    delivery_province: float
    rho_quality: float
    sd_quality: float
    quality_delivery: float
    h_level: float
    h_cash: float
    h_margin: float
    h_delivery: float
    h_quality: float
    h_growth: float
    h_late: float
    h_concentration: float
    h_size: float
    h_cap: float
    cheat_start: float
    ring_hazard: float
    review_hazard: float
    bust_months: float
    bust_hazard: float


def innovation(persistence: float, sd: float) -> float:
    """Return the sd of an AR(1)'s innovation that gives the stationary ``sd``.

    >>> innovation(0.6, 1.0)
    0.8
    """
    return float(sd * np.sqrt(1.0 - persistence * persistence))


def law_of(world: World) -> Law:
    """Return the step's numbers for ``world``."""
    w = world
    return Law(
        w.downturn_start, w.downturn_end,
        w.industry_persistence, innovation(w.industry_persistence, w.industry_sd),
        w.province_persistence, innovation(w.province_persistence, w.province_sd),
        w.buyer_late_log_days, w.buyer_persistence, w.buyer_downturn,
        w.margin_persistence, innovation(w.margin_persistence, w.margin_drift_sd), w.margin_downturn,
        w.demand_persistence, innovation(w.demand_persistence, w.demand_drift_sd), w.demand_downturn,
        w.demand_from_cash, w.demand_memory,
        w.cash_persistence, w.cash_from_margin, w.cash_from_receivables, w.cash_from_growth, w.cash_noise,
        w.cash_jump_rate, w.cash_jump,
        w.delivery_persistence, innovation(w.delivery_persistence, w.delivery_drift_sd),
        w.delivery_from_cash, w.delivery_from_province,
        w.quality_persistence, innovation(w.quality_persistence, w.quality_drift_sd), w.quality_from_delivery,
        w.hazard_log_level, w.hazard_from_cash, w.hazard_from_margin, w.hazard_from_delivery, w.hazard_from_quality,
        w.hazard_from_growth, w.hazard_from_receivables, w.hazard_from_concentration, w.hazard_from_size, w.hazard_cap,
        w.cheat_start, w.ring_hazard, w.review_hazard, float(w.bust_months), w.bust_hazard,
    )  # fmt: skip


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def step(s: Floats, trait: Floats, law: Law, n: Floats, u: Floats) -> None:
    """Move one supplier's state ``s`` on by a month, in place.

    Parameters
    ----------
    s, trait : float64 (STATES,), (TRAITS,)
    n : float64 (NORMALS,)
        Standard normals; the first three (industry, province, buyers) are shared in the history.
    u : float64 (UNIFORMS,)
        Uniforms for the regime, a cash loss and the beginning of a cheat.
    """
    if s[REGIME] == 0.0:
        s[REGIME] = 1.0 if u[0] < law.start else 0.0
    else:
        s[REGIME] = 0.0 if u[0] < law.end else 1.0
    down = s[REGIME]
    if trait[CHEAT] > 0.0 and (s[PHASE] > 0.0 or u[2] < law.cheat_start):
        s[PHASE] += 1.0
    faking = 1.0 if trait[CHEAT] == 2.0 and s[PHASE] > 0.0 else 0.0
    s[INDUSTRY] = law.rho_industry * s[INDUSTRY] + law.sd_industry * n[0]
    s[PROVINCE] = law.rho_province * s[PROVINCE] + law.sd_province * n[1]
    target = trait[LATE_LEVEL] + law.late_downturn * down
    s[LATE] = law.rho_late * s[LATE] + (1.0 - law.rho_late) * target + trait[LATE_SD] * n[2]
    target = trait[MARGIN_LEVEL] + s[INDUSTRY] - law.margin_downturn * down
    s[MARGIN] = law.rho_margin * s[MARGIN] + (1.0 - law.rho_margin) * target + law.sd_margin * n[3]
    target = law.demand_cash * s[CASH] - law.demand_downturn * down
    s[DEMAND] = law.rho_demand * s[DEMAND] + (1.0 - law.rho_demand) * target + law.sd_demand * n[4]
    s[DEMAND_SLOW] = law.memory * s[DEMAND_SLOW] + (1.0 - law.memory) * s[DEMAND]
    growth = s[DEMAND] - s[DEMAND_SLOW]
    target = law.cash_margin * s[MARGIN] - law.cash_late * (s[LATE] - law.late_mean) + law.cash_growth * growth
    s[CASH] = law.rho_cash * s[CASH] + (1.0 - law.rho_cash) * target + law.sd_cash * n[5]
    if u[1] < law.jump_rate:
        s[CASH] -= law.jump
    target = trait[DELIVERY_LEVEL] + law.delivery_cash * s[CASH] + law.delivery_province * s[PROVINCE] - faking
    s[DELIVERY] = law.rho_delivery * s[DELIVERY] + (1.0 - law.rho_delivery) * target + law.sd_delivery * n[6]
    target = trait[QUALITY_LEVEL] + law.quality_delivery * s[DELIVERY] - faking
    s[QUALITY] = law.rho_quality * s[QUALITY] + (1.0 - law.rho_quality) * target + law.sd_quality * n[7]


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def hazard(s: Floats, trait: Floats, law: Law) -> float:
    """Return the probability that a living supplier defaults this month, given this month's state; lower is safer."""
    x = law.h_level + law.h_concentration * trait[CONCENTRATION] + law.h_late * (s[LATE] - law.late_mean)
    x -= law.h_cash * s[CASH] + law.h_margin * s[MARGIN] + law.h_delivery * s[DELIVERY] + law.h_quality * s[QUALITY]
    x -= law.h_growth * (s[DEMAND] - s[DEMAND_SLOW]) + law.h_size * trait[SIZE]
    if s[PHASE] > 0.0:
        if trait[CHEAT] == 1.0:
            x += law.ring_hazard
        elif trait[CHEAT] == 2.0:
            x += law.review_hazard
        elif s[PHASE] > law.bust_months:
            x += law.bust_hazard
    return float(min(np.exp(x), law.h_cap))
