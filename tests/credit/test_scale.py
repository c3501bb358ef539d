import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.errors import OutOfRange
from credit.scale import Scale

pds = st.floats(1e-9, 1 - 1e-9)
scales = st.builds(Scale, base_score=st.floats(0, 1000), base_odds=st.floats(0.5, 200), pdo=st.floats(5, 100))


@given(scale=scales, one=pds, other=pds)
def test_points_fall_as_pd_rises(scale: Scale, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert scale.points(low) >= scale.points(high)
    if high > low * (1 + 1e-6) and (1 - low) > (1 - high) * (1 + 1e-6):
        assert scale.points(low) > scale.points(high)


@given(scale=scales, pd=pds)
def test_pd_to_points_to_pd_returns(scale: Scale, pd: float) -> None:
    assert math.isclose(scale.pd(scale.points(pd)), pd, rel_tol=1e-9)


@given(scale=scales, pd=st.floats(1e-6, 0.3))
def test_pdo_points_double_the_odds(scale: Scale, pd: float) -> None:
    better = scale.pd(scale.points(pd) + scale.pdo)
    assert math.isclose((1 - better) / better, 2 * (1 - pd) / pd, rel_tol=1e-9)


def test_points_are_never_clipped() -> None:
    assert Scale().points(1e-12) > 1900
    assert Scale().points(1 - 1e-12) < -1100


@pytest.mark.parametrize("pd", [0.0, 1.0, -0.1, math.nan])
def test_a_pd_without_log_odds_is_refused(pd: float) -> None:
    with pytest.raises(OutOfRange, match="strictly between"):
        Scale().points(pd)


@pytest.mark.parametrize("numbers", [{"pdo": 0.0}, {"base_odds": -1.0}, {"base_score": math.inf}, {"pdo": math.nan}])
def test_a_scale_that_means_nothing_is_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(OutOfRange):
        Scale(**numbers)


@pytest.mark.parametrize("points", [math.nan, math.inf])
def test_points_that_are_no_number_have_no_pd(points: float) -> None:
    with pytest.raises(OutOfRange, match="finite"):
        Scale().pd(points)


def test_many_points_have_the_pds_of_each_to_the_last_bit() -> None:
    points = np.concatenate([np.linspace(-3000.0, 3000.0, 4001), [Scale().offset]])
    assert Scale().pds(points).tolist() == [Scale().pd(each) for each in points.tolist()]
    with pytest.raises(OutOfRange, match="must be finite"):
        Scale().pds(np.array([600.0, np.inf]))
