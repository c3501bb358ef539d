"""The tests of a grade's PD against values worked out by hand, and what must hold of all of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.errors import OutOfRange
from training.validation import backtests
from training.validation.backtests import Light

counts = st.integers(1, 60).flatmap(lambda rows: st.tuples(st.integers(0, rows), st.just(rows)))
pds = st.floats(0.001, 0.6)


@given(count=counts, pd=pds)
def test_the_tail_is_the_sum_of_binomial_probabilities(count: tuple[int, int], pd: float) -> None:
    bads, rows = count
    by_hand = sum(math.comb(rows, k) * pd**k * (1 - pd) ** (rows - k) for k in range(bads, rows + 1))
    assert backtests.binomial_tail(bads, rows, pd) == pytest.approx(by_hand, abs=1e-12)


@given(count=counts, pd=pds)
def test_the_two_sided_p_counts_every_outcome_at_most_as_likely(count: tuple[int, int], pd: float) -> None:
    bads, rows = count
    chance = [math.comb(rows, k) * pd**k * (1 - pd) ** (rows - k) for k in range(rows + 1)]
    by_hand = sum(one for one in chance if one <= chance[bads] * (1 + 1e-7))
    assert backtests.binomial_p(bads, rows, pd) == pytest.approx(by_hand, abs=1e-9)


def test_jeffreys_by_hand() -> None:
    # No bad of one row: Beta(1/2, 3/2), whose distribution function is 2/pi (arcsin sqrt x + sqrt(x (1 - x))); at 1/4 that is
    # 2/pi (pi/6 + sqrt(3)/4) = 1/3 + sqrt(3) / (2 pi).
    assert backtests.jeffreys_p(0, 1, 0.25) == pytest.approx(1 / 3 + math.sqrt(3) / (2 * math.pi))


def test_two_suppliers_in_one_economy_by_hand() -> None:
    # Both of two bad at a PD of one half: two normals with correlation r both below 0, which is 1/4 + arcsin(r) / (2 pi);
    # at r = 1/2 that is 1/4 + 1/12.
    assert backtests.common_factor_tail(2, 2, 0.5, 0.5) == pytest.approx(1 / 3, abs=1e-9)
    assert backtests.common_factor_tail(2, 2, 0.5, 0.0) == pytest.approx(1 / 4)


@given(count=counts, pd=pds, correlation=st.floats(0.0, 0.5))
def test_the_common_economy_keeps_the_expectation(count: tuple[int, int], pd: float, correlation: float) -> None:
    # The sum of the tails from 1 on is the expected number of bads, whatever moves them together.
    rows = min(count[1], 20)
    expected = sum(backtests.common_factor_tail(k, rows, pd, correlation) for k in range(1, rows + 1))
    assert expected == pytest.approx(rows * pd, rel=1e-5)


@given(count=counts, low=pds, high=pds)
def test_more_bads_and_a_lower_pd_speak_more_against_it(count: tuple[int, int], low: float, high: float) -> None:
    bads, rows = count
    low, high = min(low, high), max(low, high)
    for test in (backtests.binomial_tail, backtests.jeffreys_p, lambda b, n, p: backtests.common_factor_tail(b, n, p, 0.1)):
        assert test(bads, rows, low) <= test(bads, rows, high) + 1e-12
        assert bads == rows or test(bads + 1, rows, low) <= test(bads, rows, low) + 1e-12
        assert 0.0 <= test(bads, rows, low) <= 1.0


@given(count=counts, level=st.sampled_from([0.9, 0.95, 0.99]))
def test_the_interval_of_a_rate_holds_it_and_its_ends_solve_the_tails(count: tuple[int, int], level: float) -> None:
    bads, rows = count
    low, high = backtests.rate_interval(bads, rows, level=level)
    assert low <= bads / rows <= high
    if bads:
        assert backtests.binomial_tail(bads, rows, low) == pytest.approx((1 - level) / 2)
    if bads < rows:
        assert 1 - backtests.binomial_tail(bads + 1, rows, high) == pytest.approx((1 - level) / 2)


def test_fewer_effective_rows_give_a_wider_interval() -> None:
    whole, half = backtests.rate_interval(20, 200, level=0.95), backtests.rate_interval(10, 100, level=0.95)
    between = backtests.rate_interval(15.5, 155, level=0.95)
    assert half[0] < between[0] < whole[0]
    assert half[1] > between[1] > whole[1]


def test_hosmer_lemeshow_by_hand() -> None:
    # (13 - 10)^2 / (100 * 0.1 * 0.9) = 1, and with a design effect of 4 a quarter of it; one degree per grade.
    assert backtests.hosmer_lemeshow([13], [100], [0.1])[:2] == pytest.approx((1.0, 1))
    assert backtests.hosmer_lemeshow([13], [100], [0.1])[2] == pytest.approx(math.erfc(math.sqrt(0.5)))
    assert backtests.hosmer_lemeshow([13], [100], [0.1], [4.0])[0] == pytest.approx(0.25)


def test_hosmer_lemeshow_rejects_a_true_scale_as_often_as_it_says() -> None:
    generator = np.random.default_rng(4)
    rows, pd = np.array([800, 400, 200]), np.array([0.02, 0.06, 0.2])
    rejected = np.mean(
        [backtests.hosmer_lemeshow(generator.binomial(rows, pd).tolist(), rows.tolist(), pd.tolist())[2] < 0.05 for _ in range(2000)]
    )
    assert 0.035 <= rejected <= 0.065


def test_the_light_at_its_levels() -> None:
    # Of 100 rows at 2 %: 4 bads or more in 14 % of samples, 5 in 5.1 %, 6 in 1.5 %, 8 in 0.09 %.
    lights = [backtests.light(backtests.binomial_tail(bads, 100, 0.02), yellow=0.95, red=0.999) for bads in range(10)]
    assert lights == [Light.GREEN] * 6 + [Light.YELLOW] * 2 + [Light.RED] * 2


@pytest.mark.parametrize(
    ("bads", "rows", "pd"), [(-1, 10, 0.1), (11, 10, 0.1), (1, 10, 0.0), (1, 10, 1.0), (math.nan, 10, 0.1), (1, 10, math.nan)]
)
def test_counts_and_pds_outside_their_domain_are_refused(bads: float, rows: float, pd: float) -> None:
    for test in (backtests.binomial_tail, backtests.jeffreys_p, lambda b, n, p: backtests.common_factor_tail(b, n, p, 0.1)):
        with pytest.raises(OutOfRange):
            test(bads, rows, pd)


def test_levels_and_correlations_outside_their_domain_are_refused() -> None:
    with pytest.raises(OutOfRange, match="correlation"):
        backtests.common_factor_tail(1, 10, 0.1, 1.0)
    with pytest.raises(OutOfRange, match="levels"):
        backtests.light(0.5, yellow=0.999, red=0.95)
    with pytest.raises(OutOfRange, match="rows"):
        backtests.rate_interval(0, 0, level=0.95)
    with pytest.raises(OutOfRange, match="at least one"):
        backtests.hosmer_lemeshow([], [], [])
