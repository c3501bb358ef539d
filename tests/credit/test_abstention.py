import dataclasses
import math
import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.abstention import AbstentionPolicy, Interval, Stance, stand
from credit.errors import OutOfRange
from tests.credit.situations import situations
from training.settings import packaged_policy

POLICY = AbstentionPolicy.from_policy(packaged_policy("abstention").on(date(2026, 1, 1)))


@pytest.mark.parametrize("situation", situations("abstention"))
def test_the_recommendation_is_what_an_officer_expects(situation: dict[str, Any]) -> None:
    policy = AbstentionPolicy.from_policy(packaged_policy("abstention").on(situation["on"]))
    interval = Interval(situation["low"], situation["high"], policy.interval_level)
    found = stand(situation["pd"], interval, cutoff_pd=policy.cutoff_pd, is_thin=situation["is_thin"])
    assert (found.stance, found.recommendation) == (situation["stance"], situation["recommendation"])
    assert re.search(r"[\u4e00-\u9fff]", found.text_zh)
    assert found.text_en.isascii()


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5).map(sorted), st.floats(0.01, 0.99))
def test_a_wider_interval_never_decides_what_a_narrower_one_left_open(bounds: list[float], cutoff: float) -> None:
    wide_low, low, pd, high, wide_high = bounds
    narrow = stand(pd, Interval(low, high, 0.9), cutoff_pd=cutoff)
    wide = stand(pd, Interval(wide_low, wide_high, 0.9), cutoff_pd=cutoff)
    assert narrow.stance is Stance.DECIDED or wide.stance is Stance.ABSTAIN
    assert wide.recommendation in ("refer", narrow.recommendation)


@pytest.mark.parametrize(
    ("orders", "days", "is_thin"), [(10, 60, False), (9, 60, True), (10, 59, True), (math.nan, 900, True), (50, math.nan, True)]
)
def test_a_file_is_thin_below_either_number(orders: float, days: float, is_thin: bool) -> None:
    assert POLICY.is_thin(orders=orders, days=days) is is_thin


@pytest.mark.parametrize(
    ("low", "high", "level"), [(0.2, 0.1, 0.9), (-0.1, 0.1, 0.9), (0.1, 1.1, 0.9), (0.1, 0.2, 1.0), (math.nan, 0.1, 0.9)]
)
def test_bounds_that_are_none_are_refused(low: float, high: float, level: float) -> None:
    with pytest.raises(OutOfRange):
        Interval(low, high, level)


def test_a_pd_outside_its_interval_and_a_cutoff_out_of_bounds_are_refused() -> None:
    with pytest.raises(OutOfRange, match="in its interval"):
        stand(0.3, Interval(0.1, 0.2, 0.9), cutoff_pd=0.08)
    with pytest.raises(OutOfRange, match="cutoff_pd"):
        stand(0.15, Interval(0.1, 0.2, 0.9), cutoff_pd=0.0)


@pytest.mark.parametrize("change", [{"cutoff_pd": 1.0}, {"interval_level": 0.0}, {"thin_orders": -1.0}, {"thin_days": math.inf}])
def test_a_policy_without_meaning_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(OutOfRange):
        dataclasses.replace(POLICY, **change)
