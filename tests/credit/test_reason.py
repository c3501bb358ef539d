import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.errors import OutOfRange
from credit.reason import Factor, principal_reasons, shown_en


def factor(name: str, family: str, direction: int = 1) -> Factor:
    return Factor(name, name.upper(), family, "days", direction, "{value}对{reference}", "{value} against {reference}", "orders")


def reasons(factors: Sequence[Factor], contributions: Sequence[float], values: Sequence[float] | None = None) -> list[tuple[str, float]]:
    found = principal_reasons(
        factors,
        values=values or [5.0] * len(factors),
        contributions=contributions,
        reference_values=[2.0] * len(factors),
        reference_contributions=[1.0] * len(factors),
    )
    return [(reason.feature, reason.points) for reason in found]


def test_reasons_are_ordered_by_points_lost_and_at_most_four() -> None:
    factors = [factor(name, name) for name in "abcdef"]
    assert reasons(factors, [0.0, -9.0, -3.0, 2.0, -4.0, -1.0]) == [("b", 10.0), ("e", 5.0), ("c", 4.0), ("f", 2.0)]


def test_a_family_speaks_once_for_all_it_costs_and_by_its_worst_factor() -> None:
    factors = [factor("late_90d", "lateness"), factor("late_365d", "lateness"), factor("stars", "rating")]
    assert reasons(factors, [-2.0, -5.0, -1.0]) == [("late_365d", 9.0), ("stars", 2.0)]


def test_two_factors_of_a_family_outweigh_one_that_costs_more_than_either() -> None:
    factors = [factor("late_90d", "lateness"), factor("late_365d", "lateness"), factor("stars", "rating")]
    assert reasons(factors, [-2.0, -2.0, -4.0]) == [("late_90d", 6.0), ("stars", 5.0)]


def test_what_reads_worse_and_costs_nothing_is_set_off_within_its_family() -> None:
    factors = [factor("late_90d", "lateness"), factor("late_365d", "lateness"), factor("stars", "rating")]
    assert reasons(factors, [-2.0, 3.0, 0.5]) == [("late_90d", 1.0), ("stars", 0.5)]


def test_what_reads_better_neither_adds_to_its_family_nor_sets_it_off() -> None:
    factors = [factor("late_90d", "lateness"), factor("late_365d", "lateness")]
    assert reasons(factors, [-2.0, 3.0], [5.0, 1.0]) == [("late_90d", 3.0)]


def test_a_value_on_the_safer_side_is_never_a_reason() -> None:
    factors = [factor("late", "lateness", 1), factor("count", "volume", -1)]
    assert reasons(factors, [-2.0, -2.0], [1.0, 9.0]) == []


def test_a_factor_without_a_direction_is_never_a_reason() -> None:
    assert reasons([factor("mixed", "growth", 0)], [-2.0], [9.0]) == []


def test_a_missing_value_is_never_a_reason() -> None:
    assert reasons([factor("late", "lateness")], [-9.0], [math.nan]) == []


def test_values_that_read_alike_are_no_reason() -> None:
    assert reasons([factor("late", "lateness")], [-9.0], [2.04]) == []


def test_a_loss_that_reads_as_nothing_is_no_reason() -> None:
    factors = [factor("late", "lateness"), factor("stars", "rating")]
    assert reasons(factors, [0.96, 0.9375]) == [("stars", 0.0625)]


def test_a_reason_says_value_and_reference_in_both_languages() -> None:
    (reason,) = principal_reasons(
        [factor("late", "lateness")],
        values=[4.0],
        contributions=[-1.0],
        reference_values=[3.0],
        reference_contributions=[0.0],
    )
    assert (reason.text_zh, reason.text_en) == ("4天对3天", "4 days against 3 days")
    assert (reason.value, reason.reference, reason.points) == (4.0, 3.0, 1.0)


def test_a_supplier_who_loses_nothing_has_no_reasons() -> None:
    assert reasons([factor("late", "lateness")], [1.0]) == []


def test_sequences_of_different_lengths_are_refused() -> None:
    with pytest.raises(OutOfRange, match="one length"):
        reasons([factor("late", "lateness")], [1.0, 2.0])


@given(contributions=st.lists(st.floats(-100, 100), min_size=1, max_size=12))
def test_reasons_cost_points_fall_and_never_repeat_a_family(contributions: list[float]) -> None:
    factors = [factor(f"f{i}", f"family{i % 5}") for i in range(len(contributions))]
    found = principal_reasons(
        factors,
        values=[5.0] * len(factors),
        contributions=contributions,
        reference_values=[2.0] * len(factors),
        reference_contributions=[0.0] * len(factors),
    )
    points = [reason.points for reason in found]
    assert len(found) <= 4
    assert all(lost > 0 for lost in points)
    assert points == sorted(points, reverse=True)
    assert len({reason.family for reason in found}) == len(found)


@given(
    unit=st.sampled_from(["cny", "ratio", "days", "stars", "count"]),
    reference=st.floats(-1e6, 1e6),
    worse_by=st.floats(0.0, 3.0) | st.floats(0.0, 1e5),
)
def test_what_is_worse_is_a_reason_unless_it_reads_alike(unit: str, reference: float, worse_by: float) -> None:
    value = reference + worse_by
    one = Factor("late", "LATE", "lateness", unit, 1, "{value}", "{value}", "orders")
    found = principal_reasons([one], values=[value], contributions=[-9.0], reference_values=[reference], reference_contributions=[0.0])
    assert bool(found) == (value > reference and shown_en(value, unit) != shown_en(reference, unit))
