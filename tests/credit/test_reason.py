import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.errors import OutOfRange
from credit.reason import Factor, principal_reasons


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


def test_a_family_speaks_once_by_its_worst_factor() -> None:
    factors = [factor("late_90d", "lateness"), factor("late_365d", "lateness"), factor("stars", "rating")]
    assert reasons(factors, [-2.0, -5.0, -1.0]) == [("late_365d", 6.0), ("stars", 2.0)]


def test_a_value_on_the_safer_side_is_never_a_reason() -> None:
    factors = [factor("late", "lateness", 1), factor("count", "volume", -1), factor("mixed", "growth", 0)]
    assert reasons(factors, [-2.0, -2.0, -2.0], [1.0, 9.0, 1.0]) == [("mixed", 3.0)]


def test_a_missing_value_is_said_in_words() -> None:
    (reason,) = principal_reasons(
        [factor("late", "lateness")],
        values=[math.nan],
        contributions=[-1.0],
        reference_values=[3.0],
        reference_contributions=[0.0],
    )
    assert (reason.text_zh, reason.text_en) == ("无记录对3天", "no record against 3 days")
    assert reason.value is None
    assert reason.reference == 3.0


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
