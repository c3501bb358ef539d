"""The trees as arrays say what LightGBM says."""

import lightgbm as lgb
import numpy as np

from tests.training import drawn
from training.bundle import Forest


def test_margins_are_those_of_the_booster_missing_values_and_zeros_included() -> None:
    text = drawn.model_text()
    forest = Forest.of(text)
    values = drawn.rows(200, seed=5)[0]
    values[::7, 0] = 0.0
    values[1::7, 1] = 1e-36
    values[2] = np.nan
    told = lgb.Booster(model_str=text).predict(values, raw_score=True)
    found = [forest.margin(row) for row in values]
    assert np.abs(np.asarray(told) - found).max() < 1e-12
    assert len(set(np.round(found, 6))) > 100


def test_a_tree_that_is_one_leaf_counts_for_every_row() -> None:
    head, _, rest = drawn.model_text().partition("Tree=0")
    one = head + "Tree=0\nnum_leaves=1\nnum_cat=0\nleaf_value=0.25\nis_linear=0\n\nend of trees\n"
    assert rest and Forest.of(one).margin(np.zeros(drawn.FEATURES)) == 0.25
