"""The search against a plain loop over every change there is, scored by LightGBM."""

import itertools
from collections.abc import Sequence

import lightgbm as lgb
import numpy as np
import pytest
from numpy.typing import NDArray

from serving.advice.levers import LEVERS, LeverPath
from serving.advice.search import SLACK, Change, least_effort, lowest_margin, tabulate
from tests.training import drawn
from training.bundle import Forest

Values = NDArray[np.float64]
GROUPS = ((0,), (1, 5), (2,), (3, 4))
"""Features of four levers; the sixth has no direction."""


@pytest.fixture(scope="module")
def booster() -> lgb.Booster:
    return lgb.Booster(model_str=drawn.model_text())


@pytest.fixture(scope="module")
def forest() -> Forest:
    return Forest.of(drawn.model_text())


def draw(seed: int, *, is_orderly: bool) -> tuple[Values, list[LeverPath]]:
    generator = np.random.default_rng(seed)
    row = drawn.rows(1, seed=seed)[0][0]
    paths = []
    for number, places in enumerate(GROUPS):
        count = int(generator.integers(4, 9))
        values = np.empty((len(places), count))
        for j, place in enumerate(places):
            steps = generator.exponential(0.5, count - 1) * -(drawn.DIRECTIONS[place] or 1)
            if not is_orderly:
                steps *= generator.choice([1, 1, -1], count - 1)
            values[j] = row[place] + np.concatenate([[0.0], np.cumsum(steps)])
        efforts = np.concatenate([[0.0], 3.0 + np.cumsum(generator.integers(1, 6, count - 1))])
        paths.append(LeverPath(LEVERS[number], np.array(places), values, efforts))
    return row, paths


def every_change(booster: lgb.Booster, row: Values, paths: Sequence[LeverPath]) -> tuple[Values, Values]:
    """Return margins and efforts of all changes of one to three levers."""
    rows, efforts = [], []
    for positions in itertools.product(*(range(len(path.efforts)) for path in paths)):
        if not 1 <= sum(position > 0 for position in positions) <= 3:
            continue
        changed = row.copy()
        for path, position in zip(paths, positions, strict=True):
            changed[path.places] = path.values[:, position]
        rows.append(changed)
        efforts.append(sum(path.efforts[position] for path, position in zip(paths, positions, strict=True)))
    return np.asarray(booster.predict(np.array(rows), raw_score=True)), np.array(efforts)


def margin_of(booster: lgb.Booster, row: Values, paths: Sequence[LeverPath], change: Change) -> float:
    changed = row.copy()
    for lever, position in change.positions:
        changed[paths[lever].places] = paths[lever].values[:, position]
    return float(np.asarray(booster.predict(changed[None, :], raw_score=True))[0])


@pytest.mark.parametrize("is_orderly", [True, False])
@pytest.mark.parametrize("seed", range(25))
def test_the_change_found_is_the_least_there_is(seed: int, is_orderly: bool, booster: lgb.Booster, forest: Forest) -> None:
    row, paths = draw(seed, is_orderly=is_orderly)
    margins, efforts = every_change(booster, row, paths)
    tables = tabulate(forest, row, paths, drawn.DIRECTIONS)
    assert tables.today == pytest.approx(forest.margin(row), abs=1e-12)
    for share in (0.0, 0.002, 0.02, 0.1, 0.4):
        target = float(np.quantile(margins, share)) + 1e-6
        least = efforts[margins <= target - SLACK].min()
        found, proof = least_effort(tables, target)
        assert found is not None and found.effort == pytest.approx(least)
        assert margin_of(booster, row, paths, found) == pytest.approx(found.margin, abs=1e-12)
        assert proof.compared + proof.too_costly + proof.out_of_reach == proof.sets
    assert least_effort(tables, float(margins.min()) - 1e-6)[0] is None


@pytest.mark.parametrize("is_orderly", [True, False])
@pytest.mark.parametrize("seed", range(25))
def test_the_nearest_change_has_the_lowest_margin_there_is(seed: int, is_orderly: bool, booster: lgb.Booster, forest: Forest) -> None:
    row, paths = draw(seed, is_orderly=is_orderly)
    margins, efforts = every_change(booster, row, paths)
    found = lowest_margin(tabulate(forest, row, paths, drawn.DIRECTIONS))
    if margins.min() > forest.margin(row) - SLACK:
        assert found is None
        return
    assert found is not None and found.margin == pytest.approx(margins.min(), abs=2 * SLACK)
    assert found.effort == pytest.approx(efforts[margins <= margins.min() + SLACK].min())


def test_ends_that_miss_are_passed_over_only_where_directions_are_proved(forest: Forest) -> None:
    passed_over = 0
    for seed in range(25):
        row, paths = draw(seed, is_orderly=True)
        unproved, proved = (tabulate(forest, row, paths, directions) for directions in (None, drawn.DIRECTIONS))
        target = proved.today - 1.0
        (a, plain), (b, pruned) = least_effort(unproved, target), least_effort(proved, target)
        assert (a is None) == (b is None) and (a is None or b is None or a.effort == b.effort)
        assert plain.out_of_reach == 0
        passed_over += pruned.out_of_reach
    assert passed_over > 0


def test_without_levers_nothing_is_found(forest: Forest) -> None:
    tables = tabulate(forest, np.zeros(drawn.FEATURES), [], drawn.DIRECTIONS)
    assert least_effort(tables, -100.0)[0] is None and lowest_margin(tables) is None
