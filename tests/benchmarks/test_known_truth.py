"""The benchmarks' own arithmetic, where the truth is a probability."""

import numpy as np
import pytest

from benchmarks.calibration import slope_of_truth, venn_abers
from benchmarks.selection import expected_auc, expected_log_loss
from training.measures import auc, log_loss

Y = np.array([0.0, 0.0, 1.0, 1.0])
RISK = np.array([0.1, 0.4, 0.35, 0.8])


def test_where_the_truth_is_certain_the_expected_measures_are_the_plain_ones() -> None:
    assert expected_auc(Y, RISK) == pytest.approx(auc(Y, RISK))
    assert expected_log_loss(Y, RISK) == pytest.approx(log_loss(Y, RISK))


def test_no_pd_loses_less_than_the_true_one() -> None:
    true = np.array([0.02, 0.1, 0.4])
    assert expected_log_loss(true, true) < expected_log_loss(true, np.array([0.03, 0.1, 0.35]))
    assert expected_auc(true, true) > expected_auc(true, -true)


def test_true_pds_half_as_far_apart_as_said_have_the_slope_of_a_half() -> None:
    log_odds = np.array([-4.0, -2.0, 0.0, 2.0])
    truth, said = 1 / (1 + np.exp(-log_odds / 2 - 0.3)), 1 / (1 + np.exp(-log_odds))
    assert slope_of_truth(truth, said) == pytest.approx(0.5)


def test_venn_abers_ends_are_worked_out_by_hand() -> None:
    """One good at -1 and one bad at 1; asked at 1: with a good there the pool is a half, with a bad there it is 1."""
    low, high = venn_abers(np.array([-1.0, 1.0]), np.array([0.0, 1.0]), np.array([1.0]), places=2)
    assert (low[0], high[0]) == (0.5, 1.0)
