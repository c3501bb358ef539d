"""A test period that ranks the wrong way, or perfectly, is measured: a training does not stop at its last step."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training import hazard_candidate, measures
from training.judge import out_of_time
from training.scorer import Scores

Values = NDArray[np.float64]

Y = np.tile([1.0, 0.0], 30)
TURNED = np.where(np.arange(60) < 10, 1.0 - Y, Y)
AGAINST = np.where(Y == 1.0, 0.05, 0.2)


ALONE = np.array([f"S{row:02d}" for row in range(60)])


def scored(pd: Values) -> Scores:
    return Scores(pd=pd, points=-np.log(pd), base_points=0.0, contributions=np.zeros((len(pd), 1)))


def test_pds_that_rank_the_wrong_way_have_a_slope_below_0_by_hand() -> None:
    # Of 30 rows at 5 % 25 are bad, of 30 at 20 % 5: log-odds ln 5 and -ln 5 over a distance of ln 4.75.
    slope, intercept = measures.calibration_line(TURNED, AGAINST)
    assert slope == pytest.approx(-2.0 * np.log(5.0) / np.log(4.75))
    assert intercept == pytest.approx(np.log(5.0) - slope * np.log(0.05 / 0.95))
    found = out_of_time(TURNED, scored(AGAINST), suppliers=ALONE, reference_points=np.linspace(0.0, 4.0, 50))
    assert (found["calibration_slope"], found["auc"]) == (slope, measures.auc(TURNED, AGAINST))
    assert hazard_candidate.measures(TURNED, AGAINST)["slope"] == slope


@pytest.mark.parametrize("pd", [np.where(Y == 1.0, 0.3, 0.01), np.full(60, 0.1), AGAINST], ids=["perfectly", "all alike", "never right"])
def test_where_no_slope_is_likeliest_the_other_measures_stand(pd: Values) -> None:
    found = out_of_time(Y, scored(pd), suppliers=ALONE, reference_points=np.linspace(0.0, 4.0, 50))
    assert not {"calibration_slope", "calibration_intercept"} & set(found)
    assert (found["auc"], found["brier"]) == (measures.auc(Y, pd), measures.brier(Y, pd))
    assert np.isfinite(list(found.values())).all()
    assert hazard_candidate.measures(Y, pd)["slope"] is None


def test_the_error_of_the_auc_knows_whose_rows_they_are() -> None:
    pd = 0.1 + 0.1 * TURNED + np.arange(60) / 300.0
    reference = np.linspace(0.0, 4.0, 50)
    alone = out_of_time(TURNED, scored(pd), suppliers=ALONE, reference_points=reference)
    three_each = (np.tile(TURNED, 3), scored(np.tile(pd, 3)))
    known = out_of_time(*three_each, suppliers=np.tile(ALONE, 3), reference_points=reference)
    assert known["auc_standard_error"] == pytest.approx(alone["auc_standard_error"])
    assert known["auc_standard_error"] > 1.5 * measures.auc_standard_error(three_each[0], three_each[1].pd)
    one = out_of_time(TURNED, scored(pd), suppliers=np.full(60, "S"), reference_points=reference)
    assert "auc_standard_error" not in one
    assert one["auc"] == alone["auc"]
