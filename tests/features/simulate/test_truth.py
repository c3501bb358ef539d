"""The truth is what it says: a probability under the law that made the history, aligned with the suppliers."""

from pathlib import Path

import numpy as np

from features.simulate.step import CHEAT, LATE, LATE_LEVEL, NORMALS, REGIME, STATES, TRAITS, UNIFORMS, hazard, law_of, step
from features.simulate.world import World
from tests.features.simulate.conftest import rows

BAD = """SELECT t.as_of, t.supplier_id, t.true_pd,
    bool_or(r.due_at + INTERVAL 90 DAY > t.as_of AND r.due_at + INTERVAL 90 DAY <= t.as_of + INTERVAL 365 DAY
      AND (r.paid_at IS NULL OR r.paid_at > r.due_at + INTERVAL 90 DAY)) AS bad
    FROM true_pd t JOIN loans l USING (supplier_id) JOIN repayments r USING (loan_id)
    WHERE t.has_loan AND l.drawn_at < t.as_of + INTERVAL 90 DAY GROUP BY ALL"""


def test_truth_is_a_probability_per_supplier_and_month(small_world: Path) -> None:
    sql = """SELECT bool_and(true_pd > 0 AND true_pd < 1), bool_and(day(as_of) = 1), count(*) = count(DISTINCT (supplier_id, as_of)),
        count(DISTINCT as_of)::INT, max(as_of)::VARCHAR, count(*) FILTER (true_pd IS NULL OR has_loan IS NULL OR is_cheat IS NULL)
        FROM true_pd"""
    assert rows(small_world, sql) == [(True, True, True, 26, "2026-07-01", 0)]
    assert rows(small_world, "SELECT 1 FROM true_pd ANTI JOIN suppliers USING (supplier_id)") == []
    early = "SELECT 1 FROM true_pd JOIN suppliers USING (supplier_id) WHERE joined_at >= as_of"
    assert rows(small_world, early) == []


def test_who_is_ninety_days_past_due_is_left_out(middling_world: Path) -> None:
    sql = """SELECT 1 FROM true_pd t JOIN loans USING (supplier_id) JOIN repayments r USING (loan_id)
        WHERE r.due_at + INTERVAL 90 DAY <= t.as_of AND r.paid_at IS NULL"""
    assert rows(middling_world, sql) == []


def test_every_label_of_a_drawn_loan_has_its_truth(middling_world: Path) -> None:
    sql = """SELECT count(*) FROM true_pd t WHERE NOT has_loan AND EXISTS (SELECT 1 FROM loans l JOIN repayments r USING (loan_id)
        WHERE l.supplier_id = t.supplier_id AND l.drawn_at < t.as_of AND r.due_at >= t.as_of)"""
    assert rows(middling_world, sql) == [(0,)]


def test_the_truth_is_calibrated_before_the_downturn(middling_world: Path) -> None:
    sql = f"SELECT avg(true_pd), avg(bad::INT), count(*)::INT FROM ({BAD}) WHERE as_of BETWEEN DATE '2023-01-01' AND DATE '2024-07-01'"
    ((said, happened, count),) = rows(middling_world, sql)
    assert int(str(count)) > 8_000
    # About 150 defaults, shared by neighbouring as-ofs, with industry shocks in common: three standard errors are a third.
    assert 0.67 < float(str(happened)) / float(str(said)) < 1.5


def test_the_truth_orders_the_outcomes(middling_world: Path) -> None:
    sql = f"""SELECT avg(bad::INT) FROM (SELECT bad, ntile(4) OVER (ORDER BY true_pd) AS q FROM ({BAD})
        WHERE as_of BETWEEN DATE '2023-01-01' AND DATE '2025-06-01') GROUP BY q ORDER BY q"""
    rates = [float(str(r[0])) for r in rows(middling_world, sql)]
    assert rates == sorted(rates)
    assert rates[3] > 8 * max(rates[0], 0.001)


def test_the_step_moves_the_regime_by_its_law() -> None:
    law, trait, normals = law_of(World()), np.zeros(TRAITS), np.zeros(NORMALS)
    state = np.zeros(STATES)
    step(state, trait, law, normals, np.array([0.0, 1.0, 1.0]))
    assert state[REGIME] == 1.0
    step(state, trait, law, normals, np.ones(UNIFORMS))
    assert state[REGIME] == 1.0
    step(state, trait, law, normals, np.array([0.0, 1.0, 1.0]))
    assert state[REGIME] == 0.0


def test_a_bust_out_looks_good_for_half_a_year_and_then_fails() -> None:
    world = World()
    law, trait, state = law_of(world), np.zeros(TRAITS), np.zeros(STATES)
    trait[CHEAT], trait[LATE_LEVEL], state[LATE] = 3.0, world.buyer_late_log_days, world.buyer_late_log_days
    calm, normals, uniforms = [], np.zeros(NORMALS), np.array([1.0, 1.0, 0.0])
    for _ in range(world.bust_months + 1):
        step(state, trait, law, normals, uniforms)
        calm.append(hazard(state, trait, law))
    assert max(calm[:-1]) < 0.02
    assert calm[-1] > 0.1
