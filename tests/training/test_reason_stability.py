import dataclasses

import lightgbm as lgb
import numpy as np
import pytest

from credit.errors import OutOfRange
from tests.training import drawn
from training.bundle import factor_of
from training.fit import Fit, fit_booster
from training.params import BoosterParams
from training.reason_stability import (
    REFERENCE_ROWS,
    GrownFrom,
    ReasonStability,
    Survival,
    _evenly,
    _reasons,
    _survival,
    newest_rows,
    reason_stability,
)

PARAMS = BoosterParams(learning_rate=0.1, feature_fraction=1.0, leaf_budget=16 * 40)
ROUNDS = 40
FACTORS = [factor_of(entry) for entry in drawn.catalog()]


def learned(months: int = 4, suppliers: int = 500) -> GrownFrom:
    values, y, _ = drawn.rows(months * suppliers, seed=11)
    ids = np.array([f"S{number:04d}" for number in range(suppliers)] * months)
    return GrownFrom(values, y, ids, drawn.DIRECTIONS, PARAMS, ROUNDS)


def fit_of(rows: GrownFrom) -> Fit:
    fold = np.arange(len(rows.y)) % 2
    return fit_booster(
        rows.values,
        rows.y,
        names=drawn.NAMES,
        directions=rows.directions,
        fold=fold,
        candidates=(rows.params,),
        seed=1,
        threads=1,
        group_size=4.0,
    )


ROWS = learned()
TEXT = fit_of(ROWS).model_text
ASKED = drawn.rows(120, seed=12)[0]


POINTS_PER_MARGIN = 57.7


def stability(threads: int = 1, refits: int = 4, rows: GrownFrom = ROWS, points_per_margin: float = POINTS_PER_MARGIN) -> ReasonStability:
    return reason_stability(TEXT, rows, ASKED, FACTORS, points_per_margin=points_per_margin, seed=5, threads=threads, refits=refits)


def test_the_survival_is_the_same_with_one_thread_and_two() -> None:
    assert stability(1) == stability(2)


def test_where_risk_hangs_on_two_things_their_families_survive_and_noise_does_not() -> None:
    found = stability()
    assert 0.6 < found.first_family.value < 1.0
    assert found.first_feature.value <= found.first_family.value <= found.first_family_told.value
    for survival in (found.first_family, found.first_feature, found.first_family_told):
        assert 0 <= survival.low <= survival.value <= survival.high <= 1
        assert 0 < survival.n <= len(ASKED)
    noise = dataclasses.replace(ROWS, y=np.random.default_rng(4).permutation(ROWS.y))
    assert stability(rows=noise).first_family.value < found.first_family.value - 0.1


def test_rows_of_one_supplier_are_drawn_together() -> None:
    # One supplier alone: every resample is the sample, every refit the same model.
    free = dataclasses.replace(ROWS, params=dataclasses.replace(PARAMS, groups_in_leaf=0, prior_groups=0.0))
    fit = fit_of(free)
    alone = dataclasses.replace(free, supplier_ids=np.full(len(ROWS.y), "S1"), rounds=fit.rounds)
    found = reason_stability(fit.model_text, alone, ASKED, FACTORS, points_per_margin=POINTS_PER_MARGIN, seed=1, threads=1, refits=2)
    assert {found.first_family.low, found.first_feature.low, found.first_family_told.low} == {1.0}


def test_the_interval_adds_the_variance_between_refits_to_that_between_suppliers() -> None:
    # 40 suppliers, 10 refits. One in ten always fails: no variance between refits, between suppliers .9 x .1 x 40 / 39; t(9) = 2.262157.
    always = np.ones((10, 40))
    always[:, :4] = 0.0
    survival = _survival(always)
    half = 2.262157 * np.sqrt(0.09 / 39)
    assert survival.n == 40
    np.testing.assert_allclose([survival.value, survival.low, survival.high], [0.9, 0.9 - half, 1.0], atol=1e-6)
    # One refit of ten fails everybody: between refits .9 x .1 x 10 / 9, between suppliers none.
    once = np.ones((10, 40))
    once[0] = 0.0
    assert _survival(once).low == pytest.approx(0.9 - 2.262157 * np.sqrt(0.01), abs=1e-6)
    assert _survival(np.ones((10, 40))) == Survival(1.0, 1.0, 1.0, 40)


def test_each_supplier_is_asked_once_by_its_newest_row() -> None:
    ids = np.array(["b", "a", "b", "a", "c"])
    as_of = np.array(["2024-01-01", "2024-03-01", "2024-02-01", "2024-01-01", "2024-01-01"], dtype="datetime64[D]")
    assert newest_rows(ids, as_of).tolist() == [1, 2, 4]
    many = np.array([f"S{number:05d}" for number in range(3000)])
    assert len(newest_rows(many, np.full(3000, np.datetime64("2024-01-01")))) == 500


def test_what_is_too_little_to_be_a_reason_is_measured_in_points() -> None:
    """A twentieth of a point, not of the log-odds."""
    reference = ROWS.values[_evenly(len(ROWS.values), REFERENCE_ROWS)]
    told = _reasons(lgb.Booster(model_str=TEXT), ASKED, reference, FACTORS, POINTS_PER_MARGIN)
    of_points, of_margins = stability(refits=2).first_family.n, stability(refits=2, points_per_margin=1.0).first_family.n
    assert of_points == sum(bool(reasons) for reasons in told) > of_margins
    with pytest.raises(OutOfRange, match="none of the 120 suppliers"):
        stability(refits=2, points_per_margin=1e-6)


def test_one_refit_or_no_reason_is_refused() -> None:
    with pytest.raises(OutOfRange, match="at least 2 refits"):
        stability(refits=1)
    with pytest.raises(OutOfRange, match="none of the 3 suppliers"):
        reason_stability(
            TEXT, ROWS, np.full((3, drawn.FEATURES), np.nan), FACTORS, points_per_margin=POINTS_PER_MARGIN, seed=5, threads=1, refits=2
        )
