"""Remedies for outcomes that only the financed have, and the trial that refuses them where they bring nothing."""

import numpy as np
import pytest
from numpy.typing import NDArray

from credit.errors import OutOfRange, TrainingFailed
from training.measures import auc
from training.params import BoosterParams
from training.selection import LARGEST_WEIGHT, Recipe, Remedy, financing_propensity, overlap, remedied_booster, try_remedy

Floats = NDArray[np.float64]
ROWS = 6000
SUPPLIERS = np.array([f"s{i:04d}" for i in range(ROWS)])
STUMPS = Recipe(
    names=("merit", "cash"),
    directions=(0, 0),
    params=BoosterParams(max_depth=1, num_leaves=2, learning_rate=0.1, groups_in_leaf=20, feature_fraction=1.0),
    rounds=60,
)
TREES = Recipe(
    names=STUMPS.names,
    directions=(0, 0),
    params=BoosterParams(learning_rate=0.1, feature_fraction=1.0, groups_in_leaf=100, prior_groups=50.0),
    rounds=60,
)


def world(turning: bool) -> tuple[Floats, Floats, NDArray[np.bool_], Floats]:
    """Values, outcomes, who was financed (mostly by merit), and the true propensity. ``turning``: cash means the reverse at low merit."""
    generator = np.random.default_rng(3)
    values = generator.normal(size=(ROWS, 2))
    sign = np.where(values[:, 0] > 0, 1.0, -1.0) if turning else 1.0
    y = generator.random(ROWS) < 1 / (1 + np.exp(1.5 + 1.8 * sign * values[:, 1]))
    propensity = np.where(values[:, 0] > 0, 0.9, 0.15)
    return values, y.astype(np.float64), generator.random(ROWS) < propensity, propensity


def test_the_propensity_ranks_who_was_financed() -> None:
    values, _, is_financed, propensity = world(turning=False)
    found = financing_propensity(values, is_financed, np.arange(ROWS) % 5)
    assert auc(is_financed.astype(np.float64), found) > 0.85
    assert np.corrcoef(found, propensity)[0, 1] > 0.95


@pytest.mark.parametrize("remedy", [Remedy.WEIGHTS, Remedy.FUZZY])
def test_a_remedy_that_is_not_needed_is_refused(remedy: Remedy) -> None:
    values, y, is_financed, propensity = world(turning=False)
    found = try_remedy(remedy, values, y, is_financed, propensity, suppliers=SUPPLIERS, recipe=TREES)
    assert not found.is_accepted
    assert abs(found.gain) < 0.03
    assert found.rows == pytest.approx(0.1 * is_financed.sum(), rel=0.15)


def test_weights_are_accepted_where_they_are_needed() -> None:
    """Stumps cannot turn a feature round: which half of the world they fit is decided by the weights alone."""
    values, y, is_financed, propensity = world(turning=True)
    found = try_remedy(Remedy.WEIGHTS, values, y, is_financed, propensity, suppliers=SUPPLIERS, recipe=STUMPS)
    assert found.is_accepted
    assert found.gain > 0.02


def test_outcomes_of_the_rejected_are_never_looked_at() -> None:
    values, y, is_financed, propensity = world(turning=False)
    hidden = np.where(is_financed, y, np.nan)
    for remedy in Remedy:
        one = remedied_booster(remedy, values, y, is_financed, propensity, TREES).predict(values)
        assert np.array_equal(one, remedied_booster(remedy, values, hidden, is_financed, propensity, TREES).predict(values))


def test_fuzzy_augmentation_leaves_a_right_model_as_it_is() -> None:
    values, y, is_financed, propensity = world(turning=False)
    plain = remedied_booster(Remedy.NONE, values, y, is_financed, propensity, TREES).predict(values, raw_score=True)
    fuzzy = remedied_booster(Remedy.FUZZY, values, y, is_financed, propensity, TREES).predict(values, raw_score=True)
    assert np.corrcoef(plain, fuzzy)[0, 1] > 0.98


def test_no_row_outweighs_ten() -> None:
    values, y, is_financed, propensity = world(turning=False)
    tiny = np.where(SUPPLIERS[is_financed][0] == SUPPLIERS, 1e-9, propensity)
    wild = remedied_booster(Remedy.WEIGHTS, values, y, is_financed, tiny, TREES).predict(values, raw_score=True)
    assert np.isfinite(wild).all()
    assert LARGEST_WEIGHT == 10.0


def test_the_overlap_is_counted() -> None:
    propensity = np.array([0.1, 0.2, 0.5, 0.9, 0.4, 0.8])
    assert overlap(propensity, np.array([False, False, False, False, True, True]), tail=0.0) == 0.5
    with pytest.raises(OutOfRange):
        overlap(propensity, np.ones(6, dtype=np.bool_))


def test_what_cannot_be_tried_is_refused() -> None:
    values, _, is_financed, propensity = world(turning=False)
    with pytest.raises(OutOfRange, match="financed and rejected"):
        financing_propensity(values, np.ones(ROWS, dtype=np.bool_), np.arange(ROWS) % 5)
    with pytest.raises(TrainingFailed, match="good and bad"):
        try_remedy(Remedy.WEIGHTS, values, np.zeros(ROWS), is_financed, propensity, suppliers=SUPPLIERS, recipe=TREES)
    with pytest.raises(TrainingFailed, match="good and bad"):
        remedied_booster(Remedy.NONE, values, np.zeros(ROWS), is_financed, propensity, TREES)
