import math
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from credit.errors import BundleInvalid, OutOfRange
from credit.scale import Scale
from tests.training import drawn, drawn_trees
from tests.training.drawn_trees import Split, text
from training import contributions
from training.bundle import ScoringBundle
from training.bundle_check import compare_kernels
from training.contributions import FEW_ROWS, TreeTables
from training.scorer import BoosterContributions, Calibration, Kernel, Scorer
from training.seal import dump_json, load_json, seal
from training.trees import parse_trees

Values = NDArray[np.float64]
EDGES = [-1.7e308, -2.5, -1.0, -2e-35, -drawn_trees.TINY, -1e-40, 0.0, 1e-40, drawn_trees.TINY, 2e-35, 0.7, 1.5, 1.6, 9.0, 1.79e308, np.nan]


def agree(model: str, values: Values) -> TreeTables:
    """Tables say what LightGBM says, add up to its margin, and say the same of a row alone and among others."""
    tables, booster = TreeTables.of(model), lgb.Booster(model_str=model)
    theirs = np.asarray(booster.predict(values, pred_contrib=True, num_threads=1))
    ours = tables.contributions(values)
    largest = max(1.0, float(np.abs(theirs).max()))
    np.testing.assert_allclose(ours, theirs[:, :-1], rtol=0, atol=1e-12 * largest)
    np.testing.assert_allclose(tables.bias, theirs[:, -1], rtol=0, atol=1e-12 * largest)
    margin = np.asarray(booster.predict(values, raw_score=True, num_threads=1))
    np.testing.assert_allclose(tables.bias + ours.sum(axis=1), margin, rtol=0, atol=1e-12 * largest)
    many = tables.contributions(np.tile(values, (FEW_ROWS // len(values) + 1, 1)))[: len(values)]
    assert many.tobytes() == ours.tobytes()
    assert tables.contributions(values[:1]).tobytes() == ours[:1].tobytes()
    return tables


def fitted(values: Values, y: Values, rounds: int = 12, **params: Any) -> str:
    settings = {"objective": "binary", "min_data_in_leaf": 5, "verbosity": -1, "num_threads": 1, "seed": 7, **params}
    return str(lgb.train(settings, lgb.Dataset(values, y), rounds).model_to_string())


def asked(model: str, values: Values) -> Values:
    """Rows as they come, on every threshold and just beside it, with zeros and with nothing."""
    rows = values[:150].copy()
    for place, tree in enumerate(parse_trees(model)[1]):
        rows[place % 150, tree.feature] = tree.threshold
    return np.vstack([rows, np.nextafter(rows, np.inf), np.where(rows > 0, np.nan, 0.0), np.full((1, values.shape[1]), np.nan)])


@settings(deadline=None, max_examples=150)
@given(
    trees=st.lists(drawn_trees.trees, min_size=1, max_size=3),
    rows=st.lists(st.tuples(*[st.sampled_from(EDGES)] * 3), min_size=1, max_size=30),
)
def test_tables_of_any_trees_say_what_lightgbm_says(trees: list[Split | float], rows: list[tuple[float, float, float]]) -> None:
    agree(text(*trees), np.array(rows))


@pytest.mark.parametrize("missing", [{}, {"zero_as_missing": True}, {"use_missing": False}])
@pytest.mark.parametrize("depth", range(1, 9))
def test_tables_of_a_fitted_model_say_what_lightgbm_says(depth: int, missing: dict[str, bool]) -> None:
    values, y, _ = drawn.rows(1500)
    values[:, 4] = np.round(values[:, 4]).clip(0)
    sampled: dict[str, Any] = {"bagging_fraction": 0.6, "bagging_freq": 1, "feature_fraction": 0.7, "lambda_l2": 3.0}
    model = fitted(values, y, max_depth=depth, num_leaves=min(2**depth, 40), **sampled, **missing)
    tables = agree(model, asked(model, values))
    assert all(len(group.splits) <= contributions.GROUP_BITS for group in tables.groups)


def test_a_model_that_learns_nothing_is_its_base() -> None:
    values, y, _ = drawn.rows(300)
    model = fitted(values, y, rounds=2, min_data_in_leaf=1000)
    tables = agree(model, values[:20])
    assert len(tables.groups) == 0
    assert tables.bias == pytest.approx(math.log(y.mean() / (1 - y.mean())))


def chain(depth: int) -> Split | float:
    node: Split | float = 1.0
    for step in range(depth):
        node = Split(step % 3, 0.1 * step - 0.5, (0, 2, 8, 10)[step % 4], node, float(step) - 3.0)
    return node


def test_a_leaf_far_down_has_a_table_of_its_own() -> None:
    rows = np.random.default_rng(3).normal(size=(60, 3)).round(1)
    tables = agree(text(chain(contributions.MOST_BITS)), rows)
    assert max(len(group.splits) for group in tables.groups) == contributions.MOST_BITS


def refused() -> dict[str, str]:
    values, y, _ = drawn.rows(600)
    kinds = values.copy()
    kinds[:, 0] = np.arange(len(kinds)) % 9
    sorts = lgb.train(
        {"objective": "binary", "verbosity": -1, "min_data_in_leaf": 5}, lgb.Dataset(kinds, kinds[:, 0] % 2, categorical_feature=[0]), 3
    )
    own = text(Split(0, 0.5, 8, -1.0, Split(1, 0.5, 8, 0.5, 2.0)))
    return {
        "categories": sorts.model_to_string(),
        "an average": fitted(values, y, boosting="rf", bagging_fraction=0.5, bagging_freq=1),
        "counts that do not add up": own.replace("internal_count=3", "internal_count=4"),
        "an empty leaf": own.replace("leaf_count=1 1 1", "leaf_count=0 2 1"),
        "a path that is too long": text(chain(contributions.MOST_BITS + 1)),
    }


REFUSED = refused()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("what", REFUSED)
def test_what_tables_cannot_hold_is_left_to_lightgbm(what: str) -> None:
    model, (calibration, scale) = REFUSED[what], (Calibration(1.0, 0.0), Scale())
    with pytest.raises(BundleInvalid):
        Scorer.from_text(model, calibration, scale, kernel=Kernel.TABLES)
    scorer = Scorer.from_text(model, calibration, scale)
    assert scorer.kernel is Kernel.LIGHTGBM
    row = np.zeros((1, scorer.width))
    expected = np.asarray(lgb.Booster(model_str=model).predict(row, pred_contrib=True, num_threads=1))[0, :-1]
    np.testing.assert_array_equal(scorer.score(row).contributions[0], -scale.factor * expected)


def test_leaves_that_are_lines_are_refused_by_both() -> None:
    values, y, _ = drawn.rows(600)
    with pytest.raises(BundleInvalid, match="explain"):
        Scorer.from_text(fitted(values, y, linear_tree=True), Calibration(1.0, 0.0), Scale())


def test_trees_that_do_not_count_their_rows_are_refused() -> None:
    with pytest.raises(BundleInvalid, match="add up"):
        TreeTables.of(text(Split(0, 0.5, 8, -1.0, 2.0)).replace("leaf_count", "leaf_number"))


def test_tables_that_would_be_too_large_are_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    model = text(Split(0, 0.5, 8, -1.0, 2.0))
    TreeTables.of(model)
    monkeypatch.setattr(contributions, "MOST_CELLS", 1)
    with pytest.raises(BundleInvalid, match="at most 1 numbers"):
        TreeTables.of(model)


def test_tables_that_say_something_else_than_lightgbm_make_no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    content = drawn.bundle().content
    model, rows = content["model.txt"].decode(), drawn.rows(50)[0]
    compare_kernels(model, rows)
    honest = TreeTables.contributions
    monkeypatch.setattr(TreeTables, "contributions", lambda self, values: honest(self, values) * (1 + 1e-6))
    with pytest.raises(BundleInvalid, match="found"):
        compare_kernels(model, rows)


def test_a_bundle_says_what_computes_it_and_an_older_one_is_scored_by_lightgbm(tmp_path: Any) -> None:
    bundle, rows = drawn.bundle(), drawn.rows(200)[0]
    assert bundle.model["contributions"] == "tables"
    model = bundle.content["model.txt"].decode()
    scorer = Scorer.from_text(model, bundle.calibration, bundle.scale, kernel=Kernel.LIGHTGBM)
    assert rescored(bundle, scorer, {}, tmp_path / "old").score(rows).points.tobytes() == scorer.score(rows).points.tobytes()
    assert scorer.score(rows).points.tobytes() != bundle.score(rows).points.tobytes()
    np.testing.assert_allclose(scorer.score(rows).contributions, bundle.score(rows).contributions, rtol=0, atol=1e-9)
    with pytest.raises(BundleInvalid):
        rescored(bundle, scorer, {"contributions": "abacus"}, tmp_path / "other")


def rescored(bundle: ScoringBundle, scorer: Scorer, said: dict[str, str], folder: Any) -> ScoringBundle:
    """The bundle as it was made by another kernel, which it names or not."""
    golden = load_json(bundle.content["golden.json"], "golden.json")
    rows = [[np.nan if cell is None else float.fromhex(cell) for cell in row] for row in golden["rows"]]
    scores = scorer.score(np.array(rows))
    golden |= {"points": [x.hex() for x in scores.points.tolist()], "pd": [x.hex() for x in scores.pd.tolist()]}
    told = {name: value for name, value in bundle.model.items() if name != "contributions"} | said
    seal(folder, {**bundle.content, "golden.json": dump_json(golden), "model.json": dump_json(told)}, {}, None)
    return ScoringBundle.load(folder)


@given(points=st.lists(st.floats(-2e4, 2e4), min_size=1, max_size=20))
def test_the_pds_of_a_batch_are_those_of_the_scale(points: list[float]) -> None:
    scale, model = Scale(), contributions.TreeTables.of(text(0.0))
    scorer = Scorer(model, Kernel.TABLES, Calibration(1.0, 0.0), scale)
    for base in points:
        scorer.base_points = base
        assert scorer.score(np.zeros((2, 3))).pd.tolist() == [scale.pd(base)] * 2


def test_points_without_end_are_refused() -> None:
    scorer = Scorer.from_text(text(*[Split(0, 0.5, 8, -1e308, 1e308)] * 3), Calibration(1.0, 0.0), Scale())
    with pytest.raises(OutOfRange, match="finite"):
        scorer.score(np.zeros((1, 3)))


def test_the_boosters_own_names_and_base_are_those_of_the_tables() -> None:
    model = drawn.bundle().content["model.txt"].decode()
    assert BoosterContributions(model).names == TreeTables.of(model).names
    assert BoosterContributions(model).bias == pytest.approx(TreeTables.of(model).bias, abs=1e-12)
