import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.abstention import AbstentionPolicy
from credit.errors import BundleInvalid, OutOfRange, TrainingFailed
from credit.sufficiency import SufficiencyPolicy
from tests.training.drawn import DIRECTIONS, FEATURES, NAMES, bundle, rows
from training.bundle import ScoringBundle
from training.disagreement import measure_disagreement
from training.intervals import DAYS, ORDERS, PdIntervals, fit_intervals
from training.params import BoosterParams
from training.seal import dump_json

POLICY = AbstentionPolicy(cutoff_pd=0.08, interval_level=0.9, thin_orders=10, thin_days=60)
NAMED = (ORDERS, DAYS)
USUAL, THIN = [50.0, 700.0], [3.0, 700.0]


def intervals(**changes: object) -> PdIntervals:
    parts: dict[str, object] = {
        "policy": POLICY, "places": (-4.0, -2.0), "half_widths": (0.4, 0.8), "thin_half_width": 1.2, "pool_pd": 0.07, "names": NAMED,
        **changes,
    }  # fmt: skip
    return PdIntervals(**parts)  # type: ignore[arg-type]


def pd_of(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


@pytest.mark.parametrize(("place", "half"), [(-4.0, 0.4), (-3.0, 0.6), (-2.0, 0.8), (-9.0, 0.4), (3.0, 0.8)])
def test_the_half_width_is_read_between_its_places(place: float, half: float) -> None:
    found = intervals().around(pd_of(place), USUAL)
    assert (found.low, found.high) == pytest.approx((pd_of(place - half), pd_of(place + half)))
    assert found.level == 0.9


def test_a_thin_file_gets_the_wider_interval_and_the_pool_in_it() -> None:
    found = intervals().around(pd_of(-5.0), THIN)
    assert found.low == pytest.approx(pd_of(-6.2))
    assert found.high == 0.07  # the pool's, since -5 + 1.2 lies below it
    assert intervals().around(pd_of(-2.0), [math.nan, 700.0]).high == pytest.approx(pd_of(-0.8))


@given(st.floats(1e-9, 1 - 1e-9), st.floats(1e-9, 1 - 1e-9), st.sampled_from([USUAL, THIN]))
def test_the_pd_lies_in_its_interval_and_both_ends_rise_with_it(one: float, other: float, row: list[float]) -> None:
    low, high = sorted((one, other))
    below, above = intervals().around(low, row), intervals().around(high, row)
    assert below.low <= low <= below.high
    assert below.low <= above.low * (1 + 1e-12)
    assert below.high <= above.high * (1 + 1e-12)


def test_a_conformal_half_width_is_worked_out_by_hand() -> None:
    distances = np.tile(np.arange(1.0, 12.0) / 10, 5)  # 11 in each of five bands: the ceil(12 x 0.9) = 11th smallest
    places = np.repeat([-5.0, -4.0, -3.0, -2.0, -1.0], 11)
    found = fit_intervals(distances, places, np.full((55, 2), 900.0), names=NAMED, pool_pd=0.07, policy=POLICY)
    assert found.places == (-5.0, -4.0, -3.0, -2.0, -1.0)
    assert found.half_widths == (1.1,) * 5
    assert found.thin_half_width == 1.1


def test_half_widths_never_fall_faster_than_the_log_odds_rise() -> None:
    distances = np.repeat([5.0, 0.1, 0.1, 0.1, 0.1], 30)
    places = np.repeat([-5.0, -4.0, -3.0, -2.0, -1.0], 30)
    found = fit_intervals(distances, places, np.full((150, 2), 900.0), names=NAMED, pool_pd=0.07, policy=POLICY)
    assert found.half_widths == (5.0, 4.0, 3.0, 2.0, 1.0)


def test_thin_files_have_a_half_width_of_their_own_where_there_are_enough() -> None:
    generator = np.random.default_rng(1)
    distances, places = np.abs(generator.normal(0, 0.3, 1000)), generator.normal(-3, 1, 1000)
    values = np.full((1000, 2), 900.0)
    values[:200, 0] = 2.0
    distances[:200] *= 4
    found = fit_intervals(distances, places, values, names=NAMED, pool_pd=0.07, policy=POLICY)
    assert found.thin_half_width > 1.5 * max(
        fit_intervals(distances[200:], places[200:], values[200:], names=NAMED, pool_pd=0.07, policy=POLICY).half_widths
    )
    fewer = fit_intervals(distances[150:], places[150:], values[150:], names=NAMED, pool_pd=0.07, policy=POLICY)
    assert fewer.thin_half_width == max(fewer.half_widths)


def test_intervals_hold_for_new_suppliers_as_often_as_they_say() -> None:
    values, y, _ = rows(8000)
    fold = np.arange(8000) % 5
    params = BoosterParams(learning_rate=0.1, groups_in_leaf=30)
    found = measure_disagreement(values, y, names=NAMES, directions=DIRECTIONS, fold=fold, params=params, rounds=40, seed=1, threads=1)
    assert (fold[found.rows] == 4).all()
    ours, new = found.distances[::2], found.distances[1::2]
    made = fit_intervals(ours, np.full(800, -2.0), values[found.rows][::2], names=NAMES, pool_pd=0.1, policy=POLICY)
    assert np.mean(new <= made.half_widths[0]) == pytest.approx(0.9, abs=0.03)


def test_a_bundle_carries_its_intervals_to_the_same_bits(tmp_path: Path) -> None:
    made = bundle(intervals=dataclasses.replace(intervals(), names=NAMES))
    made.save(tmp_path / "b")
    loaded = ScoringBundle.load(tmp_path / "b")
    assert loaded.intervals == made.intervals
    assert made.content_hash != bundle().content_hash
    assert bundle().intervals is None


def test_a_table_that_is_none_makes_the_bundle_invalid(tmp_path: Path) -> None:
    made = bundle(intervals=dataclasses.replace(intervals(), names=NAMES))
    content = {**made.content, "interval.json": made.content["interval.json"].replace(b"0.8", b"-0.8")}
    dataclasses.replace(made, content=content).save(tmp_path / "b")
    with pytest.raises(BundleInvalid, match="half widths"):
        ScoringBundle.load(tmp_path / "b")


def test_weights_of_other_features_make_the_bundle_invalid(tmp_path: Path) -> None:
    policy = SufficiencyPolicy(6, 12, 12, 6, 1, 1, 1, 1, 1, 1, grade_a_from=0.8, grade_b_from=0.5)
    made = bundle(sufficiency=policy)
    assert made.sufficiency is not None
    assert made.sufficiency.known_share([math.nan] * FEATURES) == 0.0
    assert made.sufficiency.known_share([1.0] * FEATURES) == 1.0
    fewer = dump_json(dataclasses.replace(made.sufficiency, weights=(1.0,)).to_json())
    dataclasses.replace(made, content={**made.content, "sufficiency.json": fewer}).save(tmp_path / "b")
    with pytest.raises(BundleInvalid, match="must weigh"):
        ScoringBundle.load(tmp_path / "b")


@pytest.mark.parametrize(
    "change",
    [
        {"places": ()},
        {"places": (-2.0, -4.0)},
        {"half_widths": (0.4,)},
        {"half_widths": (-0.1, 0.2)},
        {"thin_half_width": math.inf},
        {"pool_pd": 0.0},
    ],
)
def test_tables_that_are_none_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(OutOfRange):
        intervals(**change)


def test_a_model_without_the_features_has_no_thin_files() -> None:
    assert not dataclasses.replace(intervals(), names=NAMES).is_thin([0.0] * FEATURES)


def test_a_side_without_bads_is_refused_with_what_to_bring() -> None:
    values, _, _ = rows(200)
    fold = np.arange(200) % 5
    y = ((fold == 4) & (np.arange(200) < 100)).astype(np.float64)
    with pytest.raises(TrainingFailed, match="0 bad of 80 on one: bring more suppliers that went bad"):
        measure_disagreement(values, y, names=NAMES, directions=DIRECTIONS, fold=fold, params=BoosterParams(), rounds=5, seed=1, threads=1)


def test_two_folds_are_too_few() -> None:
    values, y, _ = rows(200)
    with pytest.raises(TrainingFailed, match="three folds"):
        measure_disagreement(
            values, y, names=NAMES, directions=DIRECTIONS, fold=np.arange(200) % 2, params=BoosterParams(), rounds=5, seed=1, threads=1
        )
