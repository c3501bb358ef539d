"""Alarms are beyond chance and large enough to matter, whatever the number of suppliers and of features."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency
from scipy.stats import false_discovery_control as benjamini_hochberg

from training.drift import Alarm, Drift, holm, homogeneity_p, measure_drift
from training.reference import Distribution, _distribution

BOUNDS = {"alpha": 0.05, "watch": 0.1, "alarm": 0.25}
FEATURES = 60


def distributions(values: np.ndarray) -> list[tuple[str, Distribution]]:
    columns = [column[~np.isnan(column)] for column in values.T]
    return [(f"f{place}", _distribution(column, len(values))) for place, column in enumerate(columns)]


def world(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(count, FEATURES))
    values[:, 0] += shift
    values[generator.random(values.shape) < 0.1] = np.nan
    return values


def drifts(now: np.ndarray, then: int = 1000) -> list[Drift]:
    return measure_drift(distributions(world(then, 1)), now, suppliers_then=then, **BOUNDS)


def test_the_p_value_is_that_of_a_contingency_table() -> None:
    then, now = np.array([40.0, 60.0, 100.0]), np.array([30.0, 30.0, 40.0])
    expected = chi2_contingency(np.vstack([then, now]), correction=False).pvalue
    assert homogeneity_p(then, now) == pytest.approx(expected)
    assert homogeneity_p(np.array([1.0, 1.0]), np.array([1.0, 2.0])) == 1.0
    assert homogeneity_p(np.array([100.0, 1.0]), np.array([100.0, 0.0])) == 1.0


@pytest.mark.parametrize("count", [60, 300, 5000])
def test_without_drift_alarms_are_as_rare_as_promised(count: int) -> None:
    """Sixty features, forty worlds: in at most a few of them anything is said, though many a PSI of few suppliers is above 0.1."""
    found = [drifts(world(count, seed)) for seed in range(100, 140)]
    spoken = sum(any(one.verdict is not Alarm.QUIET for one in each) for each in found)
    assert spoken <= 6
    if count == 60:
        assert max(one.psi for one in found[0]) > 0.1


def test_the_psi_that_chance_exceeds_is_exceeded_once_in_twenty_times() -> None:
    over = [one.psi > one.by_chance for seed in range(200, 240) for one in drifts(world(1000, seed))]
    assert 0.03 < np.mean(over) < 0.09


def test_a_shift_of_many_is_an_alarm_a_trifle_of_a_million_is_not_and_of_few_nothing_can_be_said() -> None:
    assert [one.verdict for one in drifts(world(2000, 7, shift=1.0))][:2] == [Alarm.ALARM, Alarm.QUIET]
    assert drifts(world(2000, 7, shift=0.45))[0].verdict is Alarm.WATCH
    trifle = measure_drift(distributions(world(40000, 1)), world(40000, 8, shift=0.1), suppliers_then=40000, **BOUNDS)[0]
    assert trifle.p_adjusted < 1e-6
    assert trifle.verdict is Alarm.QUIET
    assert drifts(world(8, 9, shift=1.0))[0].verdict is Alarm.QUIET


def test_values_that_went_missing_are_seen() -> None:
    now = world(1000, 11)
    now[np.random.default_rng(3).random(1000) < 0.6, 5] = np.nan
    found = drifts(now)[5]
    assert found.verdict is Alarm.ALARM
    assert found.shares[-1] > 0.5
    assert sum(found.shares) == pytest.approx(1.0)


def test_holm_is_never_below_the_p_value_nor_below_benjamini_hochberg() -> None:
    p_values = np.random.default_rng(5).random(50).tolist()
    adjusted = holm(p_values)
    assert all(a >= p for a, p in zip(adjusted, p_values, strict=True))
    assert (np.array(adjusted) >= benjamini_hochberg(p_values) - 1e-12).all()
