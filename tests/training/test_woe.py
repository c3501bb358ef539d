"""The challenger: bins, weights and points by hand, and what must hold of any scorecard."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit.errors import OutOfRange, TrainingFailed
from credit.scale import Scale
from tests.training import drawn
from training.measures import auc
from training.woe import bin_feature, fit_scorecard


def test_bins_and_weights_by_hand() -> None:
    # 40 rows at 0 with 10 bad, 40 at 1 with 20 bad, 20 missing with 15 bad: 45 bad, 55 good.
    values = np.concatenate([np.zeros(40), np.ones(40), np.full(20, np.nan)])
    y = np.concatenate([np.repeat([1.0, 0.0], [10, 30]), np.repeat([1.0, 0.0], [20, 20]), np.repeat([1.0, 0.0], [15, 5])])
    found = bin_feature("late", values, y, direction=1)
    woe = [math.log(((good + 0.5) / 55) / ((bad + 0.5) / 45)) for good, bad in ((30, 10), (20, 20), (5, 15))]
    assert found.edges == (1.0,)
    assert found.woe == pytest.approx(woe[:2])
    assert found.missing == pytest.approx(woe[2])
    shares = [30 / 55 - 10 / 45, 20 / 55 - 20 / 45, 5 / 55 - 15 / 45]
    assert found.information_value == pytest.approx(sum(share * weight for share, weight in zip(shares, woe, strict=True)))
    assert found.transform(np.array([-5.0, 0.999, 1.0, 7.0, np.nan])) == pytest.approx([woe[0], woe[0], woe[1], woe[1], woe[2]])


def test_a_direction_against_the_data_leaves_one_bin() -> None:
    values, y = np.repeat([0.0, 1.0], 50), np.concatenate([np.repeat([1.0, 0.0], [10, 40]), np.repeat([1.0, 0.0], [25, 25])])
    assert bin_feature("late", values, y, direction=-1).edges == ()
    assert bin_feature("late", values, y, direction=0) == bin_feature("late", values, y, direction=1)


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), direction=st.sampled_from([-1, 1]))
def test_weights_only_move_in_the_direction_and_every_bin_holds_a_twentieth(seed: int, direction: int) -> None:
    generator = np.random.default_rng(seed)
    values = np.round(generator.normal(size=400), int(generator.integers(0, 3)))
    values[generator.random(400) < 0.1] = np.nan
    y = (generator.random(400) < 0.3).astype(float)
    found = bin_feature("drawn", values, y, direction=direction)
    steps = np.diff(found.woe)
    assert (direction * steps < 1e-9).all() or not len(steps)
    known = values[~np.isnan(values)]
    counts = np.bincount(np.searchsorted(found.edges, known, side="right"), minlength=len(found.woe))
    assert len(found.woe) == 1 or counts.min() >= 20
    assert found.information_value >= -0.05


@pytest.fixture(scope="module")
def card() -> tuple[np.ndarray, np.ndarray, object]:
    values, y, _ = drawn.rows(6000, seed=3)
    return values, y, fit_scorecard(values, y, names=drawn.NAMES, directions=drawn.DIRECTIONS, scale=Scale())


def test_base_and_a_bin_of_each_feature_add_up_to_the_points(card: tuple[np.ndarray, np.ndarray, object]) -> None:
    values, y, fitted = card
    from training.woe import Scorecard

    assert isinstance(fitted, Scorecard)
    row = values[17]
    total = fitted.base_points
    for place, (bins, column) in enumerate(zip(fitted.bins, fitted.columns, strict=True)):
        points = fitted.points_per_bin(place)
        value = row[column]
        total += points[-1] if np.isnan(value) else points[int(np.searchsorted(bins.edges, value, side="right"))]
    assert total == pytest.approx(fitted.points(row[None])[0], abs=1e-9)
    assert all(weight > 0 for weight in fitted.coefficients)
    assert auc(y, -fitted.points(values)) > 0.75


def test_points_stand_on_the_scale_of_odds(card: tuple[np.ndarray, np.ndarray, object]) -> None:
    values, y, _ = card
    fitted = fit_scorecard(values, y, names=drawn.NAMES, directions=drawn.DIRECTIONS, scale=Scale(600, 20, 40))
    wider = fit_scorecard(values, y, names=drawn.NAMES, directions=drawn.DIRECTIONS, scale=Scale(600, 20, 80))
    assert wider.points(values) - 600 == pytest.approx(2 * (fitted.points(values) - 600))
    pd = np.array([Scale(600, 20, 40).pd(points) for points in fitted.points(values).tolist()])
    assert pd.mean() == pytest.approx(y.mean(), rel=0.02)


def test_a_feature_the_regression_would_turn_around_goes_out() -> None:
    # Beside orders, returns only show how large a supplier is: alone they rise with safety, with orders they fall.
    generator = np.random.default_rng(2)
    orders = generator.normal(size=8000)
    returns = 0.7 * orders + 0.72 * generator.normal(size=8000)
    y = (generator.random(8000) < 1 / (1 + np.exp(1.5 + 2.0 * orders - 0.9 * returns))).astype(float)
    values = np.column_stack([orders, returns])
    assert bin_feature("returns", values[:, 1], y, direction=-1).information_value > 0.02
    fitted = fit_scorecard(values, y, names=("orders", "returns"), directions=(-1, -1), scale=Scale())
    assert [bins.name for bins in fitted.bins] == ["orders"]


def test_nothing_to_learn_is_said() -> None:
    generator = np.random.default_rng(1)
    y = (generator.random(3000) < 0.2).astype(float)
    with pytest.raises(TrainingFailed, match="information value"):
        fit_scorecard(np.zeros((3000, 2)), y, names=("a", "b"), directions=(1, 1), scale=Scale())
    with pytest.raises(OutOfRange, match="good and bad"):
        fit_scorecard(np.zeros((10, 1)), np.zeros(10), names=("a",), directions=(1,), scale=Scale())
