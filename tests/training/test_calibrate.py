import numpy as np
import pytest

from credit.errors import OutOfRange, TrainingFailed
from training.calibrate import CalibrationPolicy, calibrate, fit_calibration, likeliest_line


def test_the_map_equals_that_of_an_unpenalised_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    generator = np.random.default_rng(1)
    margins = generator.normal(-2, 1.5, size=4000)
    y = (generator.random(4000) < 1 / (1 + np.exp(0.3 - 0.7 * margins))).astype(float)
    found = fit_calibration(margins, y)
    peer = LogisticRegression(C=np.inf, tol=1e-10).fit(margins[:, None], y)
    assert found.slope == pytest.approx(peer.coef_[0, 0], rel=1e-5)
    assert found.intercept == pytest.approx(peer.intercept_[0], rel=1e-5)


def test_calibrated_margins_give_the_bad_rate() -> None:
    generator = np.random.default_rng(2)
    margins = generator.normal(size=1000)
    y = (generator.random(1000) < 1 / (1 + np.exp(2 - margins))).astype(float)
    found = fit_calibration(margins, y)
    assert np.mean(1 / (1 + np.exp(-(found.intercept + found.slope * margins)))) == pytest.approx(y.mean(), abs=1e-9)


def test_margins_that_run_the_wrong_way_are_refused() -> None:
    margins = np.linspace(-2, 2, 200)
    y = (np.arange(200) % 3 == 0).astype(float) * (margins < 0.5)
    with pytest.raises(OutOfRange, match="slope above 0"):
        fit_calibration(margins, y)


@pytest.mark.parametrize(
    ("margins", "y"),
    [
        (np.arange(10.0), np.zeros(10)),
        (np.arange(10.0), (np.arange(10) > 4).astype(float)),
        (np.zeros(10), (np.arange(10) % 2).astype(float)),
    ],
)
def test_outcomes_no_finite_map_fits_are_refused(margins: np.ndarray, y: np.ndarray) -> None:
    with pytest.raises(TrainingFailed):
        fit_calibration(margins, y)


MONTHS = np.array(["2025-01", "2025-02", "2025-03", "2025-04"], dtype="datetime64[M]").astype("datetime64[D]")


def history(suppliers: int, *, newest_level: float, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Margins, outcomes, as-of dates and suppliers of four months; in the newest the level is another one."""
    generator = np.random.default_rng(seed)
    margins = generator.normal(-2.5, 1.2, size=4 * suppliers)
    as_of = np.repeat(MONTHS, suppliers)
    level = np.where(as_of == MONTHS[-1], newest_level, 0.0)
    y = (generator.random(4 * suppliers) < 1 / (1 + np.exp(-(level + margins)))).astype(float)
    return margins, y, as_of, np.tile(np.array([f"s{i}" for i in range(suppliers)]), 4)


def level_of(suppliers: int, newest_level: float, **changes: float) -> float:
    """How far the calibrated log-odds lie above the margins at margin -2.5."""
    margins, y, as_of, names = history(suppliers, newest_level=newest_level)
    found = calibrate(margins, y, as_of=as_of, suppliers=names, policy=CalibrationPolicy(1, **changes))
    return found.intercept + found.slope * -2.5 + 2.5


def test_a_downturn_in_the_newest_month_moves_the_level_where_many_saw_it_and_hardly_where_few_did() -> None:
    whole = fit_calibration(*history(20_000, newest_level=0.8)[:2])
    of_all = whole.intercept + whole.slope * -2.5 + 2.5
    many, few = level_of(20_000, 0.8), level_of(60, 0.8)
    assert of_all < 0.3
    assert of_all + 0.3 < many < 0.8
    assert abs(few - 0.2) < 0.3


def test_a_free_hand_gives_the_newest_months_map_and_a_tight_one_that_of_all_rows() -> None:
    margins, y, as_of, names = history(3000, newest_level=0.5)
    newest, whole = fit_calibration(margins[-3000:], y[-3000:]), fit_calibration(margins, y)
    free = calibrate(margins, y, as_of=as_of, suppliers=names, policy=CalibrationPolicy(1, 1e4, 1e4))
    tight = calibrate(margins, y, as_of=as_of, suppliers=names, policy=CalibrationPolicy(1, 1e-6, 1e-6))
    assert (free.slope, free.intercept) == pytest.approx((newest.slope, newest.intercept), abs=1e-5)
    assert (tight.slope, tight.intercept) == pytest.approx((whole.slope, whole.intercept), abs=1e-5)


def test_rows_of_one_supplier_count_as_one() -> None:
    margins, y, as_of, names = history(800, newest_level=0.8)
    policy = CalibrationPolicy(1)
    once = calibrate(margins, y, as_of=as_of, suppliers=names, policy=policy)
    thrice = calibrate(np.tile(margins, 3), np.tile(y, 3), as_of=np.tile(as_of, 3), suppliers=np.tile(names, 3), policy=policy)
    assert (thrice.slope, thrice.intercept) == pytest.approx((once.slope, once.intercept), abs=1e-9)


def test_a_window_without_a_bad_row_is_no_obstacle() -> None:
    margins, y, as_of, names = history(300, newest_level=0.0)
    y[as_of == MONTHS[-1]] = 0.0
    found = calibrate(margins, y, as_of=as_of, suppliers=names, policy=CalibrationPolicy(1))
    whole = fit_calibration(margins, y)
    assert found.intercept < whole.intercept + 0.5
    assert 0.5 < found.slope < 1.5


def test_the_prior_is_worked_out_by_hand() -> None:
    """One row of even odds that was bad: the mode solves 1 - p = (w - prior) / sd squared."""
    w = float(likeliest_line(np.ones((1, 1)), np.ones(1), prior=np.zeros(1), prior_sd=np.ones(1))[0])
    assert 1 - 1 / (1 + np.exp(-w)) == pytest.approx(w)


@pytest.mark.parametrize("change", [{"newest_months": 0}, {"slope_sd": 0.0}, {"level_sd": float("inf")}])
def test_a_policy_without_meaning_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(OutOfRange):
        CalibrationPolicy(**change)  # type: ignore[arg-type]
