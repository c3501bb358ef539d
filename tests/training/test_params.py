import dataclasses
import re

import lightgbm as lgb
import numpy as np
import pytest

from credit.errors import OutOfRange
from credit.scale import Scale
from training.params import LIGHTLY_SHRUNK, STRONGLY_SHRUNK, BoosterParams, candidates
from training.scorer import Calibration, Kernel, Scorer

PARAMS = BoosterParams()


def test_shrinkage_and_leaves_count_suppliers_not_rows() -> None:
    alone = PARAMS.for_lightgbm(directions=[0], bad_rate=0.2, group_size=1.0, seed=1, threads=1)
    monthly = PARAMS.for_lightgbm(directions=[0], bad_rate=0.2, group_size=12.0, seed=1, threads=1)
    assert alone["min_data_in_leaf"] == PARAMS.groups_in_leaf
    assert alone["lambda_l2"] == pytest.approx(PARAMS.prior_groups * 0.2 * 0.8)
    assert monthly["min_data_in_leaf"] == 12 * alone["min_data_in_leaf"]
    assert monthly["lambda_l2"] == pytest.approx(12 * alone["lambda_l2"])


def test_every_tree_sees_all_bad_rows() -> None:
    settings = PARAMS.for_lightgbm(directions=[0], bad_rate=0.2, group_size=1.0, seed=1, threads=1)
    assert settings["pos_bagging_fraction"] == 1.0
    assert settings["neg_bagging_fraction"] == PARAMS.goods_fraction < 1.0
    assert settings["bagging_freq"] == 1
    assert (
        dataclasses.replace(PARAMS, goods_fraction=1.0).for_lightgbm(directions=[0], bad_rate=0.2, group_size=1.0, seed=1, threads=1)[
            "bagging_freq"
        ]
        == 0
    )


def test_the_leaf_budget_bounds_the_number_of_trees() -> None:
    assert dataclasses.replace(PARAMS, leaf_budget=121).max_rounds == 121 // PARAMS.num_leaves
    with pytest.raises(OutOfRange, match="must hold a tree of 16 leaves, found 15"):
        dataclasses.replace(PARAMS, leaf_budget=15)


def test_where_no_parameters_are_given_the_folds_choose_between_two() -> None:
    assert candidates(None) == (LIGHTLY_SHRUNK, STRONGLY_SHRUNK)
    assert candidates(STRONGLY_SHRUNK) == (STRONGLY_SHRUNK,)
    assert LIGHTLY_SHRUNK == PARAMS
    assert STRONGLY_SHRUNK.prior_groups > LIGHTLY_SHRUNK.prior_groups


@pytest.mark.parametrize("params", candidates(None))
def test_a_model_that_uses_up_its_budget_is_explained_by_tables(params: BoosterParams) -> None:
    """So that its row costs a fifth of what LightGBM's own contributions cost."""
    generator = np.random.default_rng(3)
    values = generator.normal(size=(3000, 8))
    y = (generator.random(3000) < 0.3).astype(np.float64)
    settings = params.for_lightgbm(directions=[0] * 8, bad_rate=0.3, group_size=1.0, seed=1, threads=1)
    booster = lgb.train(settings, lgb.Dataset(values, y, params=dict(settings)), params.max_rounds)
    text = booster.model_to_string()
    leaves = [int(found) for found in re.findall(r"(?m)^num_leaves=(\d+)$", text)]
    assert 0.9 * params.leaf_budget < sum(leaves) <= params.leaf_budget
    scorer = Scorer.from_text(text, Calibration(1.0, 0.0), Scale())
    assert scorer.kernel is Kernel.TABLES
