"""Levers move what moves together, within bounds, and never better than the data bear out."""

from datetime import date

import numpy as np
import pytest

from credit.policy import Policy
from features.catalog import CATALOG, catalog_slice
from serving.advice.advise import advice_policy
from serving.advice.levers import LEVERS, MONTHS, NOT_ADVISED, LeverPath, lever_paths

NAMES = [feature.name for feature in CATALOG]
SLICE = catalog_slice()


@pytest.fixture(scope="module")
def policy() -> Policy:
    return advice_policy(date(2026, 7, 1))


def row_of(**values: float) -> np.ndarray:
    row = np.full(len(NAMES), np.nan)
    for name, value in values.items():
        row[NAMES.index(name)] = value
    return row


def path_of(name: str, policy: Policy, months: int, **values: float) -> tuple[LeverPath, dict[str, np.ndarray]]:
    (path,) = [p for p in lever_paths(SLICE, row_of(**values), policy, months) if p.lever.name == name]
    return path, {NAMES[place]: numbers for place, numbers in zip(path.places, path.values, strict=True)}


def test_every_actionable_feature_has_one_lever_or_a_reason_why_not() -> None:
    moved = [number.feature for lever in LEVERS for number in lever.numbers]
    assert len(moved) == len(set(moved))
    by_name = {feature.name: feature for feature in CATALOG}
    assert set(moved) <= set(by_name)
    for feature in CATALOG:
        stem = feature.name.rpartition("_")[0]
        if feature.actionable:
            assert (feature.name in moved) != (stem in NOT_ADVISED), feature.name
        elif feature.name in moved:
            # Moves along with an actionable one and is promised nothing of.
            assert feature.direction == 0, feature.name
    assert set(NOT_ADVISED) <= {feature.name.rpartition("_")[0] for feature in CATALOG if feature.actionable}


def test_windows_of_the_declaration_are_the_catalogues() -> None:
    by_name = {feature.name: feature for feature in CATALOG}
    for lever in LEVERS:
        for number in lever.numbers:
            feature = by_name[number.feature]
            assert number.window_days in (feature.window_days, None)
            if number.best is not None and feature.direction:
                assert (number.best > 0) == (feature.direction < 0), number.feature


def test_the_policy_bounds_every_lever_and_more_time_never_reaches_less(policy: Policy) -> None:
    for lever in LEVERS:
        reach = [policy.number(f"{lever.name}_{months}m") for months in MONTHS]
        assert reach == sorted(reach) and reach[0] >= 0 and policy.number(f"{lever.name}_effort") > 0
        assert lever.is_counted or reach[-1] <= 1
    assert len(policy.numbers) == 1 + 4 * len(LEVERS)


def test_a_quarter_less_lateness_is_a_quarter_less_in_every_number(policy: Policy) -> None:
    path, numbers = path_of(
        "lateness", policy, 12, fulfilment_late_ratio_90d=0.12, fulfilment_late_ratio_365d=0.12, fulfilment_late_days_mean_90d=2.0
    )
    assert numbers["fulfilment_late_ratio_90d"][[0, 25]].tolist() == [0.12, 0.09]
    assert numbers["fulfilment_late_ratio_365d"][25] == 0.09
    assert numbers["fulfilment_late_days_mean_90d"][25] == 1.5
    assert np.isnan(numbers["fulfilment_late_ratio_30d"]).all()
    assert path.efforts[[0, 1, 25]].tolist() == [0.0, policy.number("start_effort") + 0.4, policy.number("start_effort") + 10.0]
    assert len(path.efforts) == 71


def test_a_window_longer_than_the_time_moves_by_the_part_it_covers_from_the_worse_level(policy: Policy) -> None:
    numbers = path_of("cancellation", policy, 3, orders_cancel_ratio_90d=0.4, orders_cancel_ratio_365d=0.2)[1]
    assert numbers["orders_cancel_ratio_90d"][30] == pytest.approx(0.28)
    # The year's level is taken as bad as the last quarter's, and a quarter of it improves by 30 %: .4 - .25 x .3 x .4, rounded up.
    assert numbers["orders_cancel_ratio_365d"][30] == pytest.approx(0.37)


def test_a_change_against_the_year_is_what_the_two_windows_then_differ_by(policy: Policy) -> None:
    falling = {"fulfilment_reject_ratio_90d": 0.1, "fulfilment_reject_ratio_365d": 0.3, "fulfilment_reject_ratio_change_90d": -0.2}
    moved = path_of("quality", policy, 12, **falling)[1]
    assert moved["fulfilment_reject_ratio_change_90d"][50] == pytest.approx(0.05 - 0.15)
    rising = {"fulfilment_reject_ratio_90d": 0.3, "fulfilment_reject_ratio_365d": 0.1, "fulfilment_reject_ratio_change_90d": 0.2}
    moved = path_of("quality", policy, 12, **rising)[1]
    # The quarter's level, held for a year, is the year's; that the change is gone then is the work of time and not counted.
    assert moved["fulfilment_reject_ratio_365d"][50] == pytest.approx(0.15)
    assert moved["fulfilment_reject_ratio_change_90d"][50] == pytest.approx(0.2)


def test_a_change_whose_near_window_is_no_feature_is_worked_out_from_the_year(policy: Policy) -> None:
    moved = path_of("rating", policy, 12, reviews_full_share_365d=0.6, reviews_full_share_change_30d=-0.2)[1]
    # Full marks were 40 % in 30 days: half of what is missing leaves 70 %, and the year 80 %.
    assert moved["reviews_full_share_365d"][50] == pytest.approx(0.8)
    assert moved["reviews_full_share_change_30d"][50] == pytest.approx(0.7 - 0.8)


def test_counts_stay_whole_and_nothing_passes_its_best(policy: Policy) -> None:
    numbers = path_of("certificates", policy, 12, certificates_held_count_all=3.0, certificates_quality_count_all=1.0)[1]
    assert numbers["certificates_quality_count_all"].tolist() == [1.0, 2.0, 3.0]
    assert numbers["certificates_held_count_all"].tolist() == [3.0, 4.0, 5.0]
    overdue = path_of("lateness", policy, 12, fulfilment_overdue_count_all=3.0)[1]["fulfilment_overdue_count_all"]
    assert set(overdue.tolist()) == {3.0, 2.0, 1.0}
    stars = path_of("rating", policy, 12, reviews_rating_mean_90d=4.93, reviews_rating_mean_365d=4.0)[1]
    assert stars["reviews_rating_mean_90d"].max() <= 5.0 and stars["reviews_rating_mean_365d"].max() == 4.5


def test_a_lever_at_its_best_or_without_numbers_is_not_offered(policy: Policy) -> None:
    names = [path.lever.name for path in lever_paths(SLICE, row_of(orders_cancel_ratio_90d=0.0), policy, 12)]
    assert names == []
    assert [path.lever.name for path in lever_paths(SLICE, row_of(certificates_held_count_all=0.0), policy, 3)] == []


def test_a_change_without_its_year_in_the_model_is_not_offered(policy: Policy) -> None:
    some = [entry for entry in SLICE if entry["name"] == "fulfilment_reject_ratio_change_90d"]
    assert lever_paths(some, np.array([0.2]), policy, 12) == ()
