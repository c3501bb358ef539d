import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from credit.errors import OutOfRange
from training import measures

RANKING = (measures.auc, measures.gini, measures.ks)
PROBABILITY = (measures.brier, measures.log_loss, measures.ece)

cases = st.integers(4, 40).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float64, n, elements=st.sampled_from([0.0, 1.0])),
        hnp.arrays(np.float64, n, elements=st.sampled_from([i / 20 for i in range(1, 20)])),
    )
)


@given(case=cases)
def test_auc_is_the_share_of_pairs_won(case: tuple[np.ndarray, np.ndarray]) -> None:
    y, risk = case
    assume(0 < y.sum() < len(y))
    pairs = [(b > g) + 0.5 * (b == g) for b in risk[y == 1] for g in risk[y == 0]]
    assert math.isclose(measures.auc(y, risk), float(np.mean(pairs)), abs_tol=1e-12)


@given(case=cases)
def test_ranking_measures_see_the_order_only(case: tuple[np.ndarray, np.ndarray]) -> None:
    y, risk = case
    assume(0 < y.sum() < len(y))
    for measure in RANKING:
        assert math.isclose(measure(y, risk), measure(y, np.exp(3 * risk)), abs_tol=1e-12)
    assert math.isclose(measures.auc(y, risk), 1 - measures.auc(y, -risk), abs_tol=1e-12)


@given(case=cases, seed=st.integers(0, 99))
def test_row_order_never_matters(case: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    y, risk = case
    assume(0 < y.sum() < len(y))
    order = np.random.default_rng(seed).permutation(len(y))
    for measure in (*RANKING, measures.brier, measures.log_loss):
        assert math.isclose(measure(y, risk), measure(y[order], risk[order]), abs_tol=1e-12)


@given(case=cases)
def test_measures_stay_in_their_domain(case: tuple[np.ndarray, np.ndarray]) -> None:
    y, risk = case
    assume(0 < y.sum() < len(y))
    assert all(0 <= measure(y, risk) <= 1 for measure in (measures.auc, measures.ks, measures.brier, measures.ece))
    assert measures.log_loss(y, risk) >= 0


def test_a_perfect_ranking_has_no_standard_error_and_a_coin_has_one() -> None:
    y = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    assert measures.auc_standard_error(y, np.arange(6.0)) == 0.0
    # Placements by hand: bads beat 1/3, 2/3 and 3/3 of the goods; goods lose to 3/3, 2/3 and 1/3 of the bads.
    risk = np.array([1.0, 3.0, 5.0, 2.0, 4.0, 6.0])
    assert math.isclose(measures.auc_standard_error(y, risk), math.sqrt(2 * (1 / 9) / 3))


def test_the_paired_difference_is_far_more_precise_than_two_errors_apart() -> None:
    generator = np.random.default_rng(1)
    y = (generator.random(2000) < 0.1).astype(float)
    good = y + generator.normal(size=2000)
    slightly_worse = good + 0.1 * generator.normal(size=2000)
    paired = measures.auc_difference(y, good, slightly_worse)
    assert math.isclose(paired.difference, measures.auc(y, good) - measures.auc(y, slightly_worse), abs_tol=1e-12)
    assert 0 < paired.standard_error < measures.auc_standard_error(y, good) / 3
    assert measures.auc_difference(y, good, good).standard_error == 0.0


def test_the_standard_error_covers_the_truth() -> None:
    generator = np.random.default_rng(2)
    truth = 0.5 * (1 + math.erf(1 / 2))  # normal scores one apart: Phi(1 / sqrt 2)
    hits = 0
    for _ in range(300):
        y = np.repeat([0.0, 1.0], [150, 50])
        risk = y + generator.normal(size=200)
        hits += abs(measures.auc(y, risk) - truth) < 1.96 * measures.auc_standard_error(y, risk)
    assert 0.91 <= hits / 300 <= 0.98


def test_a_true_pd_has_slope_one_and_an_overfitted_one_less() -> None:
    generator = np.random.default_rng(3)
    log_odds = generator.normal(-2, 1, size=40_000)
    y = (generator.random(40_000) < 1 / (1 + np.exp(-log_odds))).astype(float)
    slope, intercept = measures.calibration_line(y, 1 / (1 + np.exp(-log_odds)))
    assert abs(slope - 1) < 0.05
    assert abs(intercept) < 0.1
    assert measures.calibration_line(y, 1 / (1 + np.exp(-2 * log_odds)))[0] == pytest.approx(slope / 2, rel=1e-6)


@given(shares=hnp.arrays(np.float64, 5, elements=st.floats(0.01, 1)))
def test_psi_is_zero_against_itself_and_never_negative(shares: np.ndarray) -> None:
    shares = shares / shares.sum()
    even = np.full(5, 0.2)
    assert measures.psi(shares, shares) == 0.0
    assert measures.psi(even, shares) >= 0.0
    assert math.isclose(measures.psi(even, shares), measures.psi(shares, even), abs_tol=1e-12)


@pytest.mark.parametrize("measure", [*RANKING, *PROBABILITY])
@pytest.mark.parametrize(
    ("y", "risk"),
    [
        ([0.0, 1.0], [0.5]),
        ([0.0, 2.0], [0.5, 0.5]),
        ([0.0, np.nan], [0.5, 0.5]),
        ([0.0, 1.0], [0.5, np.nan]),
        ([], []),
    ],
)
def test_input_outside_the_domain_is_refused(measure: object, y: list[float], risk: list[float]) -> None:
    with pytest.raises(OutOfRange):
        measure(np.array(y), np.array(risk))  # type: ignore[operator]


def test_one_outcome_alone_cannot_be_ranked() -> None:
    with pytest.raises(OutOfRange, match="good and bad"):
        measures.auc(np.zeros(3), np.array([0.1, 0.2, 0.3]))
