import dataclasses
import functools
import json
from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray

from credit.errors import BundleInvalid, OutOfRange, TrainingFailed
from credit.outcome import OutcomePolicy
from credit.scale import Scale
from tests.training.loans import Loan, paid, unpaid
from tests.training.tables import raw_tables
from training.calibrate import CalibrationPolicy
from training.hazard import LearnedHazard, calibrate_months, learn_hazard, month_of_default, periods_of
from training.labels import label_outcomes
from training.measures import auc, calibration_line
from training.monotone import prove
from training.params import BoosterParams
from training.recipe import Columns, learn
from training.term_structure import MONTHS, HazardModel, HazardScorer, HazardScores

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

ROWS = 3000
COLUMNS = Columns(("late", "amount", "noise"), (1, -1, 0))
QUICK = dataclasses.replace(BoosterParams(), learning_rate=0.1, leaf_budget=1200)
MONTHLY = -4.5 + 1.2 * np.sin(np.arange(MONTHS) / 2.0)
"""The world's log-odds of default in months 1 to 12, where everything else is average."""


FADING = np.linspace(1.4, 0.6, MONTHS)
"""How much what is known today says of each month."""


def drawn(seed: int = 1, rows: int = ROWS) -> tuple[Floats, Ints, Floats]:
    """Return values, the month of default (0: none), and the true hazards, shape (n, 12)."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(rows, 3))
    log_odds = (1.1 * values[:, 0] - 0.7 * values[:, 1])[:, None] * FADING + MONTHLY
    hazards = 1.0 / (1.0 + np.exp(-log_odds))
    happens = generator.random((rows, MONTHS)) < hazards
    values[generator.random((rows, 3)) < 0.03] = np.nan
    return values, np.where(happens.any(axis=1), happens.argmax(axis=1) + 1, 0), hazards


@functools.cache
def learnt(*, is_censored: bool = False, survivors: float = 1.0) -> LearnedHazard:
    values, months, _ = drawn()
    seen = np.full(ROWS, MONTHS)
    if is_censored:
        seen[:] = np.random.default_rng(3).integers(0, MONTHS + 1, ROWS)
        months = np.where(months <= seen, months, 0)
    return learn_hazard(values, months, seen, COLUMNS, seed=7, params=QUICK, survivors=survivors)


def model(found: LearnedHazard) -> HazardModel:
    return HazardModel(found.model_text, found.by_month(), 365, Scale())


def scorer(found: LearnedHazard) -> HazardScorer:
    return HazardScorer(model(found))


@functools.cache
def scored() -> HazardScores:
    return scorer(learnt()).score(drawn(seed=2)[0])


def test_points_are_the_base_and_the_contributions_added_up() -> None:
    found = scored()
    for points, row in zip(found.points.tolist(), found.contributions.tolist(), strict=True):
        total = found.base_points
        for part in row:
            total += part
        assert total == points


def test_contributions_are_f_whatever_the_month() -> None:
    """Differences of the booster's own margins, month by month, are the differences of points."""
    import lightgbm as lgb

    found = learnt()
    values = drawn(seed=2)[0][:200]
    booster = lgb.Booster(model_str=found.model_text)
    margins = [booster.predict(np.column_stack([values, np.full(200, m)]), raw_score=True, num_threads=1) for m in range(1, MONTHS + 1)]
    f = np.asarray(margins).T
    assert np.ptp(f, axis=1).min() > 0.5  # months differ
    np.testing.assert_allclose(f - f[0], np.repeat((f - f[0])[:, :1], MONTHS, axis=1), atol=1e-9)
    points = scored().points[:200]
    ratio = (points - points[0])[1:] / (f[1:, 0] - f[0, 0])
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
    curve = np.array([m.intercept for m in found.by_month()]) + np.array([m.slope for m in found.by_month()]) * f
    survival = np.cumprod(1.0 / (1.0 + np.exp(curve)), axis=1)
    np.testing.assert_allclose(np.exp(scored().log_survival[:200, 1:]), survival, rtol=1e-9)


def test_points_rank_as_the_pd_at_every_horizon() -> None:
    found = scored()
    order = np.argsort(-found.points, kind="stable")
    for months in (0.5, 1, 3, 4.2, 6, 12):
        assert (np.diff(found.pd_within(months)[order]) >= 0).all()


def test_the_pd_never_falls_with_the_horizon() -> None:
    found = scored()
    horizons = [*np.linspace(0.01, 12, 240).tolist(), 3, 6, 12]
    curve = np.array([found.pd_within(months) for months in sorted(horizons)])
    assert (np.diff(curve, axis=0) >= 0).all()
    assert (found.pd_within(3) < found.pd_within(6)).all() and (found.pd_within(6) < found.pd_within(12)).all()


def test_within_a_month_the_log_survival_is_a_line() -> None:
    found = scored()
    half = np.sqrt((1 - found.pd_within(2)) * (1 - found.pd_within(3)))
    np.testing.assert_allclose(1 - found.pd_within(2.5), half, rtol=1e-12)


def test_the_base_is_the_pd_of_a_row_without_contributions_and_points_touch_the_scale_there() -> None:
    found, scale = scored(), Scale()
    near = np.argsort(np.abs(found.points - found.base_points))[:20]
    by_pd = np.array([scale.points(pd) for pd in found.pd_within(12)[near].tolist()])
    step = np.abs(found.points[near] - found.base_points).max()
    assert np.abs(by_pd - found.points[near]).max() < 0.01 * step + 1e-9


@pytest.mark.parametrize(("is_censored", "survivors"), [(False, 1.0), (True, 1.0), (False, 0.25)])
def test_the_curve_is_that_of_the_world_it_was_drawn_from(is_censored: bool, survivors: float) -> None:
    values, default, hazards = drawn(seed=2)
    found = scorer(learnt(is_censored=is_censored, survivors=survivors)).score(values)
    for months in (3, 6, 12):
        truth = 1.0 - np.prod(1.0 - hazards[:, :months], axis=1)
        pd = found.pd_within(months)
        y = ((default > 0) & (default <= months)).astype(np.float64)
        assert pd.mean() == pytest.approx(truth.mean(), rel=0.2)
        assert auc(y, pd) > auc(y, truth) - 0.04
        assert calibration_line(y, pd)[0] == pytest.approx(1.0, abs=0.3)


def test_what_is_known_today_says_less_of_later_months() -> None:
    slopes = [month.slope for month in learnt().by_month()]
    assert np.mean(slopes[:4]) > 1.2 * np.mean(slopes[-4:])


def test_a_map_for_every_month_is_needed() -> None:
    with pytest.raises(OutOfRange, match="each of 12 months, found 11"):
        dataclasses.replace(model(learnt()), by_month=learnt().by_month()[:-1])


def test_no_tree_shares_the_month_and_a_model_that_mixes_it_is_refused() -> None:
    values, months, _ = drawn()
    periods = periods_of(months, np.full(ROWS, MONTHS))
    mixed = Columns((*COLUMNS.names, "month_ahead"), (*COLUMNS.directions, 0))
    by_month = np.column_stack([values[periods.row], periods.month])
    learned = learn(by_month, periods.y, mixed, seed=7, groups=periods.row, params=QUICK)
    with pytest.raises(TrainingFailed, match="mixes it"):
        HazardModel(learned.fit.model_text, (learned.calibration,) * MONTHS, 365, Scale())


def test_the_directions_are_kept_and_proved() -> None:
    certificate = prove(learnt().model_text, (*COLUMNS.names, "month_ahead"), (*COLUMNS.directions, 0))
    assert certificate.verdict == "monotone"
    rows = np.repeat([[0.3, 0.2, 0.1]], 9, axis=0)
    rows[:, 0] = np.linspace(-2, 2, 9)
    pd = scorer(learnt()).score(rows).pd_within(3)
    assert (np.diff(pd) >= 0).all() and pd[-1] > pd[0]


def test_months_beyond_what_was_seen_give_no_row() -> None:
    found = periods_of(np.array([0, 3, 0, 12]), np.array([0, 12, 2, 12]))
    assert np.bincount(found.row, minlength=4).tolist() == [0, 3, 2, 12]
    assert found.month[found.y == 1].tolist() == [3, 12]


@pytest.mark.parametrize(("default", "seen"), [(4, 3), (-1, 12), (0, 13), (13, 13)])
def test_impossible_months_are_refused(default: int, seen: int) -> None:
    with pytest.raises(OutOfRange, match="month of default"):
        periods_of(np.array([default]), np.array([seen]))


@pytest.mark.parametrize("survivors", [0.0, 1.01, float("nan")])
def test_a_share_of_no_months_is_refused(survivors: float) -> None:
    values, months, _ = drawn(rows=20)
    with pytest.raises(OutOfRange, match="share"):
        learn_hazard(values, months, np.full(20, MONTHS), COLUMNS, seed=7, survivors=survivors)


@pytest.mark.parametrize("months", [-1.0, 12.01, float("nan")])
def test_a_horizon_beyond_the_curve_is_refused(months: float) -> None:
    with pytest.raises(OutOfRange, match="horizon"):
        scored().pd_within(months)


def test_the_pd_of_a_tenor_is_0_at_0_days_and_the_years_at_its_end() -> None:
    found = scored()
    curve = np.array([found.pd_of_tenor(days) for days in (0, 1, 30, 75, 91.25, 200, 364, 365)])
    assert (curve[0] == 0.0).all()
    assert (np.diff(curve, axis=0) > 0).all() and (curve[1:] < 1.0).all()
    assert curve[4].tobytes() == found.pd_within(3).tobytes()
    assert curve[-1].tobytes() == found.pd_within(12).tobytes()


@pytest.mark.parametrize("days", [-1, 365.5, float("nan")])
def test_a_tenor_beyond_the_curve_is_refused(days: float) -> None:
    with pytest.raises(OutOfRange, match="365 days"):
        scored().pd_of_tenor(days)


def test_a_row_scores_alone_as_in_the_batch() -> None:
    values = drawn(seed=2)[0][:50]
    batch, judge = scorer(learnt()).score(values), scorer(learnt())
    for place, row in enumerate(values):
        alone = judge.score(row.reshape(1, -1))
        assert alone.points[0] == batch.points[place]
        assert [alone.pd_within(m)[0] for m in (2.5, 12)] == [batch.pd_within(m)[place] for m in (2.5, 12)]


def test_the_document_gives_the_same_curves_to_the_last_bit() -> None:
    told = json.loads(json.dumps(model(learnt()).to_json()))
    found = HazardScorer(HazardModel.from_json(told)).score(drawn(seed=2)[0])
    assert found.log_survival.tobytes() == scored().log_survival.tobytes()
    assert found.points.tobytes() == scored().points.tobytes()


@pytest.mark.parametrize("change", [{"by_month": None}, {"scale": {"base": 1}}, {"model_text": 3}])
def test_a_document_of_another_form_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(BundleInvalid, match="another form"):
        HazardModel.from_json(model(learnt()).to_json() | change)


def test_the_newest_as_ofs_move_the_level_of_every_month_and_a_suppliers_rows_count_as_one() -> None:
    """Newest rows with more defaults raise all months; months of one row do not weaken one another, rows of one supplier do."""
    values, months, _ = drawn()
    newest = np.arange(ROWS) >= ROWS - 600
    more = np.where(newest & (months == 0) & (np.arange(ROWS) % 3 == 0), 6, months)
    found = learn_hazard(values, more, np.full(ROWS, MONTHS), COLUMNS, seed=7, params=QUICK)
    day = np.where(newest, np.datetime64("2025-02-01"), np.datetime64("2024-02-01"))
    alone = np.arange(ROWS).astype(np.str_)

    def moved(level_sd: float, suppliers: NDArray[np.str_]) -> float:
        policy = CalibrationPolicy(newest_months=1, slope_sd=0.01, level_sd=level_sd)
        after = calibrate_months(found, as_of=day, suppliers=suppliers, policy=policy)
        steps = [a.intercept - b.intercept for a, b in zip(after, found.by_month(), strict=True)]
        assert min(steps) > 0
        return steps[0]

    once, thrice = moved(0.05, alone), moved(0.05, np.where(newest, (np.arange(ROWS) // 3).astype(np.str_), alone))
    assert 0.3 * moved(10.0, alone) < once
    assert thrice < 0.85 * once


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(OutOfRange, match=r"shape \(n, 3\)"):
        scorer(learnt()).score(np.zeros((2, 4)))


def test_the_day_of_default_is_the_first_day_ninety_days_past_due() -> None:
    as_of = date(2025, 1, 1)
    loans = [
        Loan("l1", "early", date(2024, 12, 1), date(2025, 4, 2), [paid(date(2025, 1, 11), date(2025, 4, 21)), unpaid(date(2025, 4, 2))]),
        Loan("l2", "late", date(2024, 12, 1), date(2025, 10, 3), [unpaid(date(2025, 10, 2))]),
        Loan("l3", "never", date(2024, 12, 1), date(2025, 10, 3), [paid(date(2025, 10, 3))]),
    ]
    tables = raw_tables(loans)
    found = label_outcomes(tables, [as_of], OutcomePolicy())
    tables.close()
    said = dict(zip(found.supplier_ids.tolist(), found.default_on.astype(str).tolist(), strict=True))
    assert said == {"early": "2025-04-11", "late": "2025-12-31", "never": "NaT"}
    months = month_of_default(found.as_of, found.default_on, performance_days=365)
    assert dict(zip(found.supplier_ids.tolist(), months.tolist(), strict=True)) == {"early": 4, "late": 12, "never": 0}


def test_a_default_outside_the_window_is_refused() -> None:
    as_of = np.array(["2025-01-01"], dtype="datetime64[D]")
    with pytest.raises(OutOfRange, match="as-of date"):
        month_of_default(as_of, as_of + 365, performance_days=365)
