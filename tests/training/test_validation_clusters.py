"""Rows of one supplier are not independent: what that does to errors and tests, by hand and by drawing worlds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.errors import OutOfRange
from training.measures import auc, auc_difference, auc_standard_error
from training.validation import backtests
from training.validation.clusters import design_effect, interval, outcome_correlation, resample
from training.validation.stability import psi_bound, shares


def world(
    seed: int, *, suppliers: int = 150, rows: int = 6, pd: float = 0.1, kept: float = 0.8
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return outcomes, PDs and suppliers; every row keeps its supplier's first outcome with chance ``kept``."""
    generator = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(suppliers), rows)
    own = generator.random(suppliers) < pd
    again = generator.random((suppliers, rows)) < pd
    is_kept = generator.random((suppliers, rows)) < np.sqrt(kept)
    return np.where(is_kept, own[:, None], again).ravel().astype(float), np.full(len(clusters), pd), clusters


def test_the_correlation_of_a_known_world_is_found() -> None:
    # Two rows share the supplier's outcome where both kept it: with chance sqrt(0.6)^2.
    found = [outcome_correlation(*world(seed, suppliers=400, kept=0.6)) for seed in range(20)]
    assert np.mean(found) == pytest.approx(0.6, abs=0.03)


def test_rows_of_their_own_suppliers_have_no_correlation() -> None:
    y, pd, _ = world(1)
    assert outcome_correlation(y, pd, np.arange(len(y))) == 0.0
    assert design_effect(np.arange(10), 0.9) == 1.0
    assert design_effect(np.empty(0, dtype=np.intp), 0.9) == 1.0


@given(seed=st.integers(0, 10_000), kept=st.floats(0, 1))
def test_correlation_and_effect_stay_in_their_domain(seed: int, kept: float) -> None:
    y, pd, clusters = world(seed, suppliers=12, rows=3, kept=kept)
    correlation = outcome_correlation(y, pd, clusters)
    assert 0.0 <= correlation <= 1.0
    assert 1.0 <= design_effect(clusters, correlation) <= 3.0


def test_the_clustered_tail_holds_its_level_where_the_plain_one_does_not() -> None:
    plain = clustered = 0
    for seed in range(400):
        y, pd, clusters = world(seed)
        bads, rows = y.sum(), len(y)
        effect = design_effect(clusters, outcome_correlation(y, pd, clusters))
        plain += backtests.binomial_tail(bads, rows, 0.1) < 0.05
        clustered += backtests.binomial_tail(bads / effect, rows / effect, 0.1) < 0.05
    assert plain / 400 > 0.15  # three times as often as it says
    assert clustered / 400 < 0.08


def test_the_error_of_the_auc_does_not_fall_when_every_row_is_told_twice() -> None:
    generator = np.random.default_rng(5)
    y = (generator.random(300) < 0.2).astype(float)
    risk, other = y + generator.normal(size=300), y + generator.normal(size=300)
    twice, clusters = np.repeat(np.arange(300), 2), np.repeat(np.arange(300), 2)
    assert auc_standard_error(y[twice], risk[twice], clusters) == pytest.approx(auc_standard_error(y, risk), rel=1e-12)
    assert auc_standard_error(y[twice], risk[twice]) == pytest.approx(auc_standard_error(y, risk) / np.sqrt(2), rel=0.01)
    once = auc_difference(y, risk, other)
    again = auc_difference(y[twice], risk[twice], other[twice], clusters)
    assert (again.difference, again.standard_error) == pytest.approx((once.difference, once.standard_error))


def test_the_clustered_error_by_hand() -> None:
    # Bads at 2 and 4 beat 1/2 and 2/2 of the goods at 1 and 3; goods lose to 2/2 and 1/2 of the bads; AUC 3/4.
    # Supplier 0 has the bad at 2 and the good at 1, supplier 1 the others: deviations -1/4 and 1/4 of the bads, 1/4 and -1/4
    # of the goods, each over 2 rows, cancel within a supplier. Variance 2 (2/64) + 2 (2/64) - 2 * 2 (2/64) = 0.
    y, risk = np.array([1.0, 0.0, 1.0, 0.0]), np.array([2.0, 1.0, 4.0, 3.0])
    assert auc_standard_error(y, risk, np.array([0, 0, 1, 1])) == 0.0
    # Paired the other way round they add: supplier 0 holds the bad at 2 and the good at 3. 4 (2/64) + 4 (2/64) = 1/4 of a variance.
    assert auc_standard_error(y, risk, np.array([0, 1, 1, 0])) == pytest.approx(np.sqrt(1 / 4))
    # Alone: 1/8 / 2 twice is 1/8.
    assert auc_standard_error(y, risk) == pytest.approx(np.sqrt(1 / 8))


def test_bads_of_one_supplier_alone_have_no_error() -> None:
    with pytest.raises(OutOfRange, match="two suppliers each"):
        auc_standard_error(np.array([1.0, 1.0, 0.0, 0.0]), np.arange(4.0), np.array([0, 0, 1, 2]))


def test_suppliers_are_drawn_whole() -> None:
    clusters = np.array([2, 0, 2, 5, 5, 5])
    drawn: list[np.ndarray] = []

    def counted(rows: np.ndarray) -> np.ndarray:
        drawn.append(rows)
        return np.array([float(len(rows))])

    draws = resample(counted, clusters, draws=50, seed=1)
    assert draws.shape == (50, 1)
    for rows in drawn:
        times = np.bincount(rows, minlength=6)
        assert times[0] == times[2]
        assert times[3] == times[4] == times[5]
        assert times[0] + times[1] + times[3] == 3  # as many suppliers as there are
    assert resample(counted, clusters, draws=50, seed=1).tolist() == draws.tolist()


def test_a_draw_without_a_value_is_no_number_and_too_many_of_them_give_no_interval() -> None:
    y = np.array([1.0, 0.0, 0.0, 0.0])
    draws = resample(lambda rows: np.array([auc(y[rows], y[rows])]), np.arange(4), draws=200, seed=1)
    assert 0.2 < np.isnan(draws).mean() < 0.5  # (3/4)^4 of the draws have no bad
    assert interval(1.0, draws[:, 0], level=0.95) == (None, None)
    assert interval(1.0, np.empty(0), level=0.95) == (None, None)


def test_one_supplier_drawn_again_is_no_certainty() -> None:
    draws = resample(lambda rows: np.array([float(len(rows)), 1.0]), np.zeros(5, dtype=np.intp), draws=20, seed=1)
    assert draws.shape == (20, 2)
    assert interval(5.0, draws[:, 0], level=0.95) == (None, None)


@given(value=st.floats(0, 1), seed=st.integers(0, 99), is_biased=st.booleans())
def test_an_interval_holds_its_value(value: float, seed: int, is_biased: bool) -> None:
    low, high = interval(value, np.random.default_rng(seed).random(100), level=0.95, is_biased=is_biased)
    assert low is not None
    assert high is not None
    assert low <= value <= high


def test_the_bootstrap_of_the_auc_covers_the_truth_where_rows_come_together() -> None:
    hits = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        suppliers, rows = 120, 4
        y = np.repeat((generator.random(suppliers) < 0.3).astype(float), rows)
        clusters = np.repeat(np.arange(suppliers), rows)
        risk = y + np.repeat(generator.normal(size=suppliers), rows)

        def area(chosen: np.ndarray, y: np.ndarray = y, risk: np.ndarray = risk) -> np.ndarray:
            return np.array([auc(y[chosen], risk[chosen])])

        draws = resample(area, clusters, draws=100, seed=seed)
        low, high = interval(auc(y, risk), draws[:, 0], level=0.95)
        hits += low is not None and high is not None and low <= 0.7602 <= high  # Phi(1 / sqrt 2)
    assert 0.87 <= hits / 100 <= 1.0


def test_chance_exceeds_the_bound_of_psi_as_often_as_it_says() -> None:
    from training.measures import psi

    generator = np.random.default_rng(6)
    bound = psi_bound(reference=1500, found=600, bins=10, level=0.95)
    found = [psi(shares(generator.integers(0, 10, 1500), 10), shares(generator.integers(0, 10, 600), 10)) > bound for _ in range(1500)]
    assert 0.035 <= np.mean(found) <= 0.065
    assert psi_bound(reference=10, found=10, bins=1, level=0.95) == 0.0
    with pytest.raises(OutOfRange):
        psi_bound(reference=0, found=10, bins=3, level=0.95)
