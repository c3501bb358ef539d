from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.errors import OutOfRange, PolicyInvalid
from credit.policy import PolicyHistory
from credit.scale import Scale
from tests.training.drawn import bundle, rows
from training.anchor import Anchor, anchor_calibration
from training.bundle import Calibration, ScoringBundle
from training.settings import packaged_policy

MARGINS = np.random.default_rng(4).normal(-2.7, 1.4, size=3000)


def anchor(rate: float, weight: float) -> Anchor:
    return Anchor("all", rate, weight, date(2026, 1, 1), "committee")


def mean_pd(calibration: Calibration) -> float:
    return float(np.mean(1 / (1 + np.exp(-(calibration.intercept + calibration.slope * MARGINS)))))


def log_odds(share: float) -> float:
    return float(np.log(share / (1 - share)))


@given(rate=st.floats(0.001, 0.6), slope=st.floats(0.3, 2.0), intercept=st.floats(-2.0, 2.0))
def test_through_the_cycle_the_mean_pd_is_the_long_run_rate(rate: float, slope: float, intercept: float) -> None:
    found = anchor_calibration(Calibration(slope, intercept), MARGINS, anchor(rate, 1.0))
    assert found.slope == slope
    assert mean_pd(found) == pytest.approx(rate, rel=1e-9)


def test_a_weight_between_is_between_in_log_odds() -> None:
    now = Calibration(slope=0.9, intercept=0.1)
    found = anchor_calibration(now, MARGINS, anchor(0.02, 0.5))
    assert log_odds(mean_pd(found)) == pytest.approx((log_odds(mean_pd(now)) + log_odds(0.02)) / 2)


def test_point_in_time_leaves_every_bit() -> None:
    now = Calibration(slope=0.9, intercept=0.1)
    assert anchor_calibration(now, MARGINS, anchor(0.02, 0.0)) is now


def test_base_and_contributions_still_add_up_and_only_the_base_moves() -> None:
    values = rows(200)[0]
    before = bundle()
    moved = anchor_calibration(before.calibration, MARGINS, anchor(0.03, 1.0))
    after = bundle(calibration=moved)
    was, now = before.score(values), after.score(values)
    assert now.contributions.tobytes() == was.contributions.tobytes()
    assert now.base_points - was.base_points == pytest.approx(-Scale().factor * (moved.intercept - before.calibration.intercept))
    assert (
        np.add.accumulate(np.column_stack([np.full(200, now.base_points), now.contributions]), axis=1)[:, -1].tobytes()
        == now.points.tobytes()
    )


def test_an_anchored_bundle_is_saved_and_loaded_to_the_same_bits(tmp_path: Path) -> None:
    made = bundle(calibration=anchor_calibration(Calibration(0.93, -0.04), MARGINS, anchor(0.03, 1.0)))
    made.save(tmp_path / "b")
    values = rows(50)[0]
    assert ScoringBundle.load(tmp_path / "b").score(values).points.tobytes() == made.score(values).points.tobytes()


def test_the_packaged_policy_is_point_in_time() -> None:
    found = Anchor.from_policy(packaged_policy("anchor").on(date(2026, 1, 1)))
    assert found.rating_philosophy == "point_in_time"


def test_a_bank_sets_a_rate_for_its_portfolio_from_a_day_on() -> None:
    text = """
id = "anchor"
[textiles_long_run_rate]
unit = "share"
zh = "长期平均违约率"
en = "long-run default rate"
values = [{ from = 2020-01-01, value = 0.04, source = "2010 to 2019" }, { from = 2026-01-01, value = 0.045, source = "2010 to 2025" }]
[textiles_weight]
unit = "share"
zh = "权重"
en = "weight"
values = [{ from = 2020-01-01, value = 1, source = "committee" }]
"""
    history = PolicyHistory.parse(text)
    assert Anchor.from_policy(history.on(date(2025, 12, 31)), "textiles").long_run_rate == 0.04
    later = Anchor.from_policy(history.on(date(2026, 1, 1)), "textiles")
    assert (later.long_run_rate, later.since, later.source) == (0.045, date(2026, 1, 1), "2010 to 2025")
    assert later.rating_philosophy == "through_the_cycle"
    with pytest.raises(PolicyInvalid, match="textiles"):
        Anchor.from_policy(history.on(date(2026, 1, 1)), "all")


@pytest.mark.parametrize(("rate", "weight"), [(0.0, 1.0), (1.0, 1.0), (0.05, -0.1), (0.05, 1.1), (float("nan"), 1.0)])
def test_a_rate_or_weight_that_is_none_is_refused(rate: float, weight: float) -> None:
    with pytest.raises(OutOfRange):
        anchor(rate, weight)


def test_no_supplier_to_anchor_by_is_refused() -> None:
    with pytest.raises(OutOfRange, match="at least one supplier"):
        anchor_calibration(Calibration(1.0, 0.0), np.empty(0), anchor(0.05, 1.0))
