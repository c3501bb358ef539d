import itertools

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from credit.errors import BundleInvalid
from tests.training import drawn, drawn_trees
from tests.training.drawn_trees import Split, text
from training.trees import Tree, leaf_boxes, parse_trees

EDGES = [-1.7e308, -2.5, -1.0, -2e-35, -drawn_trees.TINY, -1e-40, 0.0, 1e-40, drawn_trees.TINY, 2e-35, 0.7, 1.5, 1.6, 9.0, 1.79e308, np.nan]


def by_boxes(trees: tuple[Tree, ...], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add the leaves whose boxes hold each row, tree by tree as LightGBM adds; every row must lie in one box of each tree."""
    total = np.zeros(len(rows))
    for tree in trees:
        boxes = leaf_boxes(tree)
        inside = np.ones((len(tree.leaf_value), len(rows)), dtype=np.bool_)
        for leaf, column in itertools.product(range(len(tree.leaf_value)), range(rows.shape[1])):
            inside[leaf] &= boxes.holds(leaf, column, rows[:, column])
        assert (inside.sum(axis=0) == 1).all()
        total += tree.leaf_value[inside.argmax(axis=0)]
    return total


@settings(deadline=None, max_examples=150)
@given(tree=drawn_trees.trees, rows=st.lists(st.tuples(*[st.sampled_from(EDGES)] * 3), min_size=1, max_size=30))
def test_the_boxes_of_any_tree_catch_what_lightgbm_sends_there(tree: Split | float, rows: list[tuple[float, float, float]]) -> None:
    model, values = text(tree), np.array(rows)
    predicted = lgb.Booster(model_str=model).predict(values, raw_score=True, num_threads=1)
    np.testing.assert_array_equal(by_boxes(parse_trees(model)[1], values), predicted)


@pytest.mark.parametrize("missing", [{}, {"zero_as_missing": True}, {"use_missing": False}])
def test_the_boxes_of_a_fitted_model_give_its_margins_bit_for_bit(missing: dict[str, bool]) -> None:
    values, y, _ = drawn.rows(1500)
    values[:, 4] = np.round(values[:, 4]).clip(0)
    params = {"objective": "binary", "num_leaves": 15, "min_data_in_leaf": 20, "verbosity": -1, "num_threads": 1, **missing}
    model = lgb.train(params, lgb.Dataset(values, y), 20).model_to_string()
    trees = parse_trees(model)[1]
    on_thresholds = values[:300].copy()
    for tree in trees:
        on_thresholds[: len(tree.feature), tree.feature] = tree.threshold
    asked = np.vstack([values[:300], on_thresholds, np.nextafter(on_thresholds, np.inf), np.where(values[:300] > 0, np.nan, 0.0)])
    np.testing.assert_array_equal(by_boxes(trees, asked), lgb.Booster(model_str=model).predict(asked, raw_score=True))


def test_every_cell_is_a_number_of_its_own_and_missing_comes_first() -> None:
    boxes = leaf_boxes(parse_trees(text(Split(1, 0.5, 8, Split(1, -1e-40, 8, 0.0, 1.0), 2.0)))[1][0])
    assert boxes.features.tolist() == [1]
    assert np.isnan(boxes.cells[0, 0])
    assert (np.diff(boxes.cells[0, 1:]) > 0).all()
    # -1e-40 cuts where a scored value can lie: below the numbers that are zero.
    assert boxes.cells[0, 1] == np.nextafter(-drawn_trees.TINY, -1)
    assert boxes.cells[0, 2:].tolist() == [0.0, 0.5, np.finfo(np.float64).max]


ONE = text(Split(0, 1.0, 8, -1.0, Split(1, 2.0, 8, 0.0, 1.0)))


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        ("num_tree_per_iteration=1", "num_tree_per_iteration=3"),
        ("feature_names=a b c\n", ""),
        ("num_cat=0", "num_cat=1"),
        ("is_linear=0", "is_linear=1"),
        ("decision_type=8 8", "decision_type=8 9"),
        ("decision_type=8 8", "decision_type=8 12"),
        ("decision_type=8 8", "decision_type=8"),
        ("left_child=-1 -2", "left_child=-1 -1"),
        ("left_child=-1 -2", "left_child=1 -2"),
        ("right_child=1 -3", "right_child=0 -3"),
        ("right_child=1 -3", "right_child=1"),
        ("split_feature=0 1", "split_feature=0 3"),
        ("split_feature=0 1", "split_feature=0 -1"),
        ("threshold=1.0 2.0", "threshold=1.0 nan"),
        ("threshold=1.0 2.0", "threshold=1.0 two"),
        ("leaf_value=-1.0 0.0 1.0", "leaf_value=-1.0 0.0 inf"),
        ("leaf_value=-1.0 0.0 1.0", "leaf_value=-1.0 0.0"),
        ("num_leaves=3", "num_leaves=4"),
        ("num_leaves=3\n", ""),
    ],
)
def test_a_text_that_is_no_such_model_is_refused(found: str, instead: str) -> None:
    assert found in ONE
    with pytest.raises(BundleInvalid, match=r"tree 0|header"):
        parse_trees(ONE.replace(found, instead))


def test_lightgbms_categories_and_lines_are_refused() -> None:
    generator = np.random.default_rng(1)
    values = np.column_stack([generator.integers(0, 5, 400), generator.normal(size=400)]).astype(np.float64)
    y = (values[:, 0] == 2).astype(np.float64)
    for params, categories in (({}, [0]), ({"linear_tree": True}, [])):
        data = lgb.Dataset(values, y, categorical_feature=categories, params={"verbosity": -1, "linear_tree": bool(params)})
        model = lgb.train({"objective": "binary", "verbosity": -1, "num_threads": 1, **params}, data, 3).model_to_string()
        with pytest.raises(BundleInvalid, match="split on numbers"):
            parse_trees(model)
