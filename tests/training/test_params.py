import dataclasses

import pytest

from credit.errors import OutOfRange
from training.params import CANDIDATES, BoosterParams

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


def test_the_finer_way_comes_first_and_the_calmer_one_leans_more_on_the_average() -> None:
    finer, calmer = CANDIDATES
    assert finer == PARAMS
    assert calmer.prior_groups > finer.prior_groups
    assert calmer.learning_rate < finer.learning_rate
