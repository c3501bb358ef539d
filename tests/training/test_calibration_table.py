import math

import numpy as np
import pytest
from numpy.typing import NDArray

from credit.errors import OutOfRange
from training.calibration_table import CalibrationRow, Estimate, calibration_by
from training.measures import brier, calibration_line, ece, log_loss


def drawn(rows: int, *, slope: float = 1.0, level: float = 0.0, seed: int = 1) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Outcomes whose log-odds are ``level`` + ``slope`` times those of the PDs."""
    generator = np.random.default_rng(seed)
    log_odds = generator.normal(-2.5, 1.3, size=rows)
    y = generator.random(rows) < 1 / (1 + np.exp(-(level + slope * log_odds)))
    return y.astype(np.float64), 1 / (1 + np.exp(-log_odds))


def each_alone(rows: int) -> NDArray[np.str_]:
    return np.array([f"s{i}" for i in range(rows)])


def test_the_figures_are_those_of_the_measures_group_by_group() -> None:
    y, pd = drawn(3000)
    province = np.where(np.arange(3000) % 3 == 0, "浙江", "江苏")
    table = calibration_by(y, pd, {"province": province}, suppliers=each_alone(3000))
    assert [(row.by, row.group, row.rows) for row in table] == [
        ("all", "all", 3000),
        ("province", "江苏", 2000),
        ("province", "浙江", 1000),
    ]
    chosen = province == "浙江"
    row = table[2]
    slope, intercept = calibration_line(y[chosen], pd[chosen])
    assert row.slope is not None
    assert row.intercept is not None
    assert (row.slope.value, row.intercept.value) == pytest.approx((slope, intercept))
    assert row.brier.value == brier(y[chosen], pd[chosen])
    assert row.log_loss.value == log_loss(y[chosen], pd[chosen])
    assert row.ece == ece(y[chosen], pd[chosen])
    assert row.bad_rate.value == y[chosen].mean()


def test_the_level_of_alike_pds_is_worked_out_by_hand() -> None:
    y = np.repeat([1.0, 0.0], [20, 60])
    row = calibration_by(y, np.full(80, 0.5), {}, suppliers=each_alone(80))[0]
    assert row.level is not None
    assert row.level.value == pytest.approx(-math.log(3))  # a quarter is bad: odds 1 to 3
    # standard error of log-odds: 1 / sqrt(n p (1 - p)), times sqrt(80 / 79) for the clusters
    assert (row.level.high - row.level.low) / 2 == pytest.approx(1.959964 / math.sqrt(80 * 0.25 * 0.75) * math.sqrt(80 / 79), rel=1e-6)
    assert row.slope is None


def test_one_supplier_alone_says_nothing_of_a_line() -> None:
    y, pd = drawn(200)
    row = calibration_by(y, pd, {}, suppliers=np.full(200, "供应商"))[0]
    for estimate in (row.level, row.slope, row.intercept, row.bad_rate):
        assert estimate is not None
        assert (estimate.low, estimate.high) == (-math.inf, math.inf)


def test_a_line_as_steep_as_the_pds_are_close_is_measured() -> None:
    # Odds of 11 to 1 turn round within a thousandth of log-odds, and one row lies a whole step away.
    log_odds = np.concatenate([np.repeat([0.0, 0.001], 12), [1.0]])
    y = np.concatenate([np.arange(12) > 0, np.arange(12) == 0, [False]]).astype(np.float64)
    row = calibration_by(y, 1.0 / (1.0 + np.exp(-log_odds)), {}, suppliers=each_alone(25))[0]
    assert row.slope is not None
    assert row.slope.value == pytest.approx(-2000.0 * math.log(11.0), rel=1e-6)
    assert row.slope.low < row.slope.value < row.slope.high < 0.0


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = {"slope": 0, "level": 0, "bad_rate": 0}
    for seed in range(200):
        y, pd = drawn(1500, seed=seed)
        row = calibration_by(y, pd, {}, suppliers=each_alone(1500), confidence=0.9)[0]
        assert row.slope is not None
        assert row.level is not None
        held["slope"] += row.slope.low <= 1 <= row.slope.high
        held["level"] += row.level.low <= 0 <= row.level.high
        held["bad_rate"] += row.bad_rate.low <= pd.mean() <= row.bad_rate.high
    assert all(168 <= count <= 195 for count in held.values()), held


def test_rows_of_one_supplier_that_repeat_each_other_add_nothing() -> None:
    y, pd = drawn(1000)
    once = calibration_by(y, pd, {}, suppliers=each_alone(1000))[0]
    thrice = calibration_by(np.tile(y, 3), np.tile(pd, 3), {}, suppliers=np.tile(each_alone(1000), 3))[0]

    def width(estimate: Estimate | None) -> float:
        assert estimate is not None
        return estimate.high - estimate.low

    for name in ("bad_rate", "brier", "log_loss", "slope", "intercept", "level"):
        assert width(getattr(thrice, name)) == pytest.approx(width(getattr(once, name)), rel=1e-6), name


def test_a_map_that_was_planted_is_found() -> None:
    y, pd = drawn(40_000, slope=0.8, level=-0.3)
    row = calibration_by(y, pd, {}, suppliers=each_alone(40_000))[0]
    assert row.slope is not None
    assert row.intercept is not None
    assert row.slope.low < 0.8 < row.slope.high < 1
    assert row.intercept.low < -0.3 < row.intercept.high


def test_luck_alone_makes_the_ece_that_is_foretold() -> None:
    found = []
    row: CalibrationRow | None = None
    for seed in range(60):
        y, pd = drawn(2000, seed=seed)
        row = calibration_by(y, pd, {}, suppliers=each_alone(2000))[0]
        found.append(row.ece)
    assert row is not None
    assert np.mean(found) == pytest.approx(row.ece_by_luck, rel=0.1)


def test_few_outcomes_draw_no_line() -> None:
    y = np.array([1.0] * 9 + [0.0] * 500)
    row = calibration_by(y, np.linspace(0.01, 0.2, 509), {}, suppliers=each_alone(509))[0]
    assert (row.slope, row.intercept, row.level) == (None, None, None)


def test_one_supplier_says_nothing_of_the_spread() -> None:
    row = calibration_by(np.array([0.0, 1.0]), np.array([0.2, 0.3]), {}, suppliers=np.array(["s", "s"]))[0]
    assert (row.brier.low, row.brier.high) == (-math.inf, math.inf)


def test_lists_of_other_lengths_and_a_confidence_out_of_bounds_are_refused() -> None:
    y, pd = drawn(20)
    with pytest.raises(OutOfRange, match="one length"):
        calibration_by(y, pd, {"grade": np.array(["A"])}, suppliers=each_alone(20))
    with pytest.raises(OutOfRange, match="confidence"):
        calibration_by(y, pd, {}, suppliers=each_alone(20), confidence=1.0)
