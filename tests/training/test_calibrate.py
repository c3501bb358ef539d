import numpy as np
import pytest

from credit.errors import OutOfRange, TrainingFailed
from training.calibrate import fit_calibration


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
