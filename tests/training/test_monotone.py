import dataclasses
import functools
import itertools
import json
import re

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from credit.errors import BundleInvalid, OutOfRange
from tests.training import drawn, drawn_trees
from tests.training.drawn_trees import MISSING_IS_ZERO_LEFT, MISSING_OWN_LEFT, NAMES, Split, text
from training.monotone import Certificate, prove
from training.monotone_witness import Witness
from training.seal import dump_json

CELLS = np.array([np.nan, -3.0, -2e-35, 0.0, 2e-35, 0.7, 1.5, 1.5000000000000002, 9.0, 1.7976931348623157e308])
"""One value in every cell the drawn thresholds can make."""
UP = (1, 0, 0)


def falls(model: str, directions: tuple[int, ...]) -> bool:
    """Whether LightGBM's own margins break a direction anywhere on the grid of all cells."""
    grid = np.array(list(itertools.product(CELLS, repeat=len(NAMES))))
    margins = np.asarray(lgb.Booster(model_str=model).predict(grid, raw_score=True, num_threads=1)).reshape([len(CELLS)] * 3)
    return any(
        direction and (np.diff(margins.take(range(1, len(CELLS)), axis=axis), axis=axis) * direction < 0).any()
        for axis, direction in enumerate(directions)
    )


def shown(witness: Witness, model: str, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Return LightGBM's margins of the witness's two rows."""
    rows = np.full((2, len(names)), np.nan)
    for name, value in witness.row.items():
        rows[:, names.index(name)] = np.nan if value is None else value
    rows[:, names.index(witness.feature)] = witness.lower, witness.higher
    return np.asarray(lgb.Booster(model_str=model).predict(rows, raw_score=True))


@settings(deadline=None, max_examples=200)
@given(tree=drawn_trees.trees, directions=st.tuples(*[st.sampled_from([-1, 0, 1])] * 3))
def test_of_one_tree_the_verdict_is_that_of_trying_every_cell(tree: Split | float, directions: tuple[int, ...]) -> None:
    model = text(tree)
    certificate = prove(model, NAMES, directions)
    assert certificate.verdict == ("violated" if falls(model, directions) else "monotone")
    if certificate.witness is not None:
        low, high = shown(certificate.witness, model, NAMES)
        assert (low, high) == (certificate.witness.margin_at_lower, certificate.witness.margin_at_higher)
        assert (high - low) * directions[NAMES.index(certificate.witness.feature)] < 0


@settings(deadline=None, max_examples=100)
@given(trees=st.lists(drawn_trees.trees, min_size=2, max_size=4), directions=st.tuples(*[st.sampled_from([-1, 0, 1])] * 3))
def test_of_several_trees_no_fall_is_ever_called_monotone_and_no_witness_is_invented(
    trees: list[Split | float], directions: tuple[int, ...]
) -> None:
    model = text(*trees)
    certificate = prove(model, NAMES, directions)
    if falls(model, directions):
        assert certificate.verdict == "violated"
    else:
        assert certificate.verdict in ("monotone", "undecided")


def test_a_fall_that_another_tree_makes_good_is_undecided_and_refused() -> None:
    falling, rising = Split(0, 1.0, 8, 0.0, -1.0), Split(0, 1.0, 8, 0.0, 5.0)
    model = text(falling, rising)
    certificate = prove(model, NAMES, UP)
    assert (certificate.verdict, certificate.violations, certificate.witness) == ("undecided", 1, None)
    with pytest.raises(BundleInvalid, match=r"undecided.*leaf 0 to leaf 1 of tree 0"):
        certificate.require(model, dict(zip(NAMES, UP, strict=True)))


@pytest.mark.parametrize("decision", [8, MISSING_OWN_LEFT])
def test_a_missing_value_is_its_own_and_is_not_ordered(decision: int) -> None:
    # The second split can be reached by missing values alone: its other side is empty.
    to_missing = Split(0, 1.0, decision, 0.0, 3.0)
    certificate = prove(text(to_missing), NAMES, UP)
    assert (certificate.verdict, certificate.pairs_checked) == ("monotone", 1)
    entry = certificate.features[0]
    assert (entry.missing, entry.missing_safer, entry.missing_riskier) == ("own_branch", int(decision == 10), int(decision == 8))


def test_another_features_missing_value_is_a_place_where_directions_must_hold() -> None:
    # b missing: a falls. Of numbers of b: a rises.
    tree = Split(1, 1.7976931348623157e308, 8, Split(0, 1.0, 8, 0.0, 1.0), Split(0, 1.0, 8, 1.0, 0.0))
    certificate = prove(text(tree), NAMES, UP)
    assert certificate.verdict == "violated"
    assert certificate.example is not None
    assert certificate.example.box == {"b": {"above": None, "up_to": None, "missing": True}}
    assert certificate.witness is not None
    assert certificate.witness.row == {"b": None}


def test_where_missing_is_read_as_zero_it_is_ordered_as_zero() -> None:
    # Zero and missing go left although 0 > -1: from -0.5 to 0 the risk falls.
    tree = Split(0, -1.0, MISSING_IS_ZERO_LEFT, 0.0, 1.0)
    certificate = prove(text(tree), NAMES, UP)
    assert certificate.verdict == "violated"
    assert certificate.features[0].missing == "as_zero"
    assert certificate.witness is not None
    assert certificate.witness.higher == 0.0
    assert prove(text(Split(0, 1.0, MISSING_IS_ZERO_LEFT, 0.0, 1.0)), NAMES, UP).verdict == "monotone"


@functools.cache
def fitted(method: str, *, has_missing: bool = True) -> str:
    values, y, _ = drawn.rows(4000, seed=9)
    params = {
        "objective": "binary",
        "num_leaves": 31,
        "learning_rate": 0.1,
        "min_data_in_leaf": 5,
        "monotone_constraints": list(drawn.DIRECTIONS),
        "monotone_constraints_method": method,
        "deterministic": True,
        "force_row_wise": True,
        "seed": 7,
        "num_threads": 1,
        "verbosity": -1,
    }
    data = lgb.Dataset(values if has_missing else np.nan_to_num(values), y, feature_name=list(drawn.NAMES))
    # Without its table of lengths a text may be edited.
    return re.sub(r"(?m)^tree_sizes=.*\n", "", str(lgb.train(params, data, 60).model_to_string()))


@pytest.mark.parametrize(("method", "has_missing"), [("basic", True), ("basic", False), ("intermediate", False), ("advanced", False)])
def test_what_lightgbm_keeps_is_proved(method: str, has_missing: bool) -> None:
    certificate = prove(fitted(method, has_missing=has_missing), drawn.NAMES, drawn.DIRECTIONS)
    assert (certificate.verdict, certificate.violations, certificate.trees) == ("monotone", 0, 60)
    assert certificate.pairs_checked > 1000
    assert {entry.name for entry in certificate.features} == set(drawn.NAMES[:5])
    assert {entry.missing for entry in certificate.features} == {"own_branch" if has_missing else "as_zero"}


@pytest.mark.parametrize(("method", "at_least"), [("intermediate", 5), ("advanced", 500)])
def test_what_lightgbm_breaks_where_values_are_missing_is_caught_with_two_rows_that_show_it(method: str, at_least: int) -> None:
    certificate = prove(fitted(method), drawn.NAMES, drawn.DIRECTIONS)
    assert certificate.verdict == "violated"
    assert certificate.violations >= at_least
    assert certificate.witness is not None
    low, high = shown(certificate.witness, fitted(method), drawn.NAMES)
    assert (high - low) * drawn.DIRECTIONS[drawn.NAMES.index(certificate.witness.feature)] < -1e-3


def test_one_leaf_moved_by_one_ulp_is_found() -> None:
    model = fitted("basic")
    planted = []
    for number in range(0, 60, 4):
        block = model[model.index(f"Tree={number}\n") :]
        line = block[block.index("leaf_value=") :].partition("\n")[0]
        values = [float(value) for value in line.removeprefix("leaf_value=").split(" ")]
        level = next((value for value in values if values.count(value) > 1), None)
        if level is None:
            continue
        # Of two neighbours that are level, one moved up or down breaks the order.
        for towards in (np.inf, -np.inf):
            moved = list(values)
            moved[values.index(level)] = float(np.nextafter(level, towards))
            other = "leaf_value=" + " ".join(repr(value) for value in moved)
            planted.append(prove(model.replace(line, other, 1), drawn.NAMES, drawn.DIRECTIONS))
    broken = [certificate for certificate in planted if certificate.violations]
    assert len(broken) >= 5
    # Whether so small a fall shows in the model's sum depends on its rounding; it is no proof either way.
    assert {certificate.verdict for certificate in broken} <= {"violated", "undecided"}


@pytest.mark.parametrize(("names", "directions"), [(("a", "b"), (1, 0)), (("b", "a", "c"), (1, 0, 0)), (NAMES, (2, 0, 0)), (NAMES, (1, 0))])
def test_other_names_or_directions_than_the_models_are_refused(names: tuple[str, ...], directions: tuple[int, ...]) -> None:
    with pytest.raises(OutOfRange):
        prove(text(Split(0, 1.0, 8, 0.0, 1.0)), names, directions)


@pytest.mark.parametrize("tree", [Split(0, 1.0, 8, 0.0, 1.0), Split(0, 1.0, 8, 1.0, Split(1, 0.0, 8, 0.5, 2.0)), 0.25])
def test_a_certificate_is_read_back_as_it_was_written(tree: Split | float) -> None:
    certificate = prove(text(tree), NAMES, UP)
    document = dump_json(certificate.to_json())
    assert Certificate.from_json(json.loads(document)) == certificate
    assert dump_json(Certificate.from_json(json.loads(document)).to_json()) == document


def test_a_certificate_proves_its_own_text_and_its_own_directions_alone() -> None:
    model = text(Split(0, 1.0, 8, 0.0, 1.0))
    certificate = prove(model, NAMES, UP)
    certificate.require(model, {"a": 1, "b": 0, "c": 0})
    with pytest.raises(BundleInvalid, match=r"must be of this model\.txt"):
        certificate.require(model + " ", {"a": 1})
    for directions in ({"a": 1, "b": 1}, {"a": -1}, {"a": 0}):
        with pytest.raises(BundleInvalid, match="every promised direction"):
            certificate.require(model, directions)
    with pytest.raises(BundleInvalid, match="train again"):
        dataclasses.replace(certificate, verdict="violated").require(model, {"a": 1})
