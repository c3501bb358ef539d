"""Who got loans, and how they were repaid: an older, imperfect policy that looks at size, age and recent volume."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.simulate.calendar import DAY_SECONDS, Calendar
from features.simulate.history import NEVER, History
from features.simulate.population import Ints, Population
from features.simulate.step import CASH, DEMAND, Floats
from features.simulate.world import World


@dataclass(frozen=True, slots=True)
class Plan:
    """Loans as planned, one row each: those drawn before a default are the loans, the others are never drawn."""

    supplier: Ints
    draw_month: Ints
    tenor: Ints
    """Monthly instalments; the first is due the month after the draw."""
    day: Ints
    """Day of the month of the draw and of every instalment, 5 to 20: draws of three months lie within 90 days."""

    @property
    def last_month(self) -> Ints:
        """Return the month of the last instalment."""
        return np.asarray(self.draw_month + self.tenor)


@dataclass(frozen=True, slots=True)
class Loans:
    """Drawn loans, one row each, and their whole schedules; money in fen, times in local seconds, -1 for none."""

    supplier: Ints
    drawn_at: Ints
    due_at: Ints
    principal: Ints
    rate: Floats
    product: Ints
    instalment_loan: Ints
    instalment_due: Ints
    instalment_amount: Ints
    instalment_paid: Ints


def plan_loans(population: Population, history: History, months: int, world: World, rng: np.random.Generator) -> Plan:
    """Return every planned loan. Whether a loan will be renewed is settled when it is drawn, on half its run."""
    size = np.log(population.orders)
    size = (size - size.mean()) / size.std()
    score = world.loan_volume_weight * size + world.loan_noise * rng.standard_normal(population.count)
    next_draw = np.full(population.count, -1, dtype=np.int64)
    busy_to = np.full(population.count, -1, dtype=np.int64)
    rows: list[tuple[Ints, Ints, Ints]] = []
    for t in range(1, months):
        tenor = rng.integers(12, 19, population.count)
        u, renews = rng.random(population.count), rng.random(population.count) < world.loan_renewal
        years = np.minimum(population.age_years + (t - population.join_month) / 12, 15) / 5
        merit = score + world.loan_age_weight * (years - 1) + world.loan_recent_weight * history.states[t, :, DEMAND] / 0.3
        applies = (population.join_month <= t - 6) & (busy_to < t) & (u < world.loan_apply_rate)
        draws = np.flatnonzero((next_draw == t) | (applies & (next_draw < t) & (merit > world.loan_threshold)))
        busy_to[draws] = t + tenor[draws]
        next_draw[draws] = np.where(renews[draws], busy_to[draws] - world.loan_renewal_left, -1)
        rows.append((draws, np.full(draws.size, t), tenor[draws]))
    supplier, month, tenor = (np.concatenate([r[k] for r in rows]).astype(np.int64) for k in range(3))
    return Plan(supplier=supplier, draw_month=month, tenor=tenor, day=rng.integers(5, 21, supplier.size))


def repay(plan: Plan, population: Population, history: History, calendar: Calendar, world: World, rng: np.random.Generator) -> Loans:
    """Return the loans drawn and how each instalment was paid: none from the month of the default on."""
    drawn = plan.draw_month < history.default_month[plan.supplier]
    supplier, month, tenor, day = (x[drawn] for x in (plan.supplier, plan.draw_month, plan.tenor, plan.day))
    edges = _month_starts(calendar, int(tenor.max(initial=0)))
    turnover = population.orders[supplier] * np.exp(population.amount_log[supplier])
    wish = turnover * rng.uniform(0.4, 1.6, supplier.size) * 1.2
    principal = np.maximum(np.round(wish / 1000), 10).astype(np.int64) * 100_000
    rate = np.round(rng.uniform(0.045, 0.085, supplier.size), 4)
    loan = np.repeat(np.arange(supplier.size), tenor)
    number = np.arange(loan.size) - np.repeat(np.cumsum(tenor) - tenor, tenor) + 1
    due_month = month[loan] + number
    due = (edges[due_month] + day[loan] - 1) * DAY_SECONDS
    interest = (principal * rate / 12 * (tenor + 1) / 2 / tenor).astype(np.int64)
    amount = principal[loan] // tenor[loan] + interest[loan]
    amount += np.where(number == tenor[loan], principal[loan] % tenor[loan], 0)
    who = supplier[loan]
    cash = history.states[np.minimum(due_month, calendar.months - 1) + 1, who, CASH]
    u, size = rng.random(loan.size), loan.size
    spell = world.spell_rate * np.exp(-0.5 * np.clip(cash, -3, 3))
    late = np.where(u < spell, rng.integers(30, 86, size), 0)
    late = np.where((u >= spell) & (u < spell + world.late_payment_rate), rng.integers(1, 21, size), late)
    paid = due + late * DAY_SECONDS + rng.integers(9 * 3600, 17 * 3600, size)
    missed = (due_month >= history.default_month[who]) | (paid >= calendar.end)
    return Loans(
        supplier=supplier,
        drawn_at=(edges[month] + day - 1) * DAY_SECONDS + rng.integers(9 * 3600, 17 * 3600, supplier.size),
        due_at=(edges[month + tenor] + day - 1) * DAY_SECONDS,
        principal=principal,
        rate=rate,
        product=rng.choice(4, supplier.size, p=[0.5, 0.25, 0.1, 0.15]),
        instalment_loan=loan,
        instalment_due=due,
        instalment_amount=amount,
        instalment_paid=np.where(missed, -1, paid),
    )


def _month_starts(calendar: Calendar, beyond: int) -> Ints:
    first = np.int64(calendar.starts[0]).astype("datetime64[D]").astype("datetime64[M]")
    return np.asarray((first + np.arange(calendar.months + beyond + 1)).astype("datetime64[D]").astype(np.int64))


def lives_in(population: Population, history: History, month: int) -> NDArray[np.bool_]:
    """Return who has joined before ``month`` and has not been 90 days past due at its first day.

    An instalment due on day 5 to 20 of month t reaches 90 days past due in month t + 3, after its first day.
    """
    failed = (history.default_month < NEVER) & (history.default_month < month - 3)
    return np.asarray((population.join_month < month) & ~failed)
