from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.errors import OutOfRange, PolicyInvalid
from credit.grade import Grade, GradeScale
from tests.credit.situations import situations
from training.settings import packaged_policy

PACKAGED = packaged_policy("grades")


@pytest.mark.parametrize("situation", situations("grade"))
def test_the_grade_is_what_an_officer_expects(situation: dict[str, Any]) -> None:
    grades = GradeScale.from_policy(PACKAGED.on(situation["on"]))
    assert grades.grade(situation["pd"]).name == situation["grade"]


@given(safer=st.floats(0, 1), riskier=st.floats(0, 1))
def test_a_higher_pd_never_has_a_better_grade(safer: float, riskier: float) -> None:
    grades = GradeScale.from_policy(PACKAGED.on(date(2026, 1, 1)))
    order = list(grades.grades)
    low, high = sorted((safer, riskier))
    assert order.index(grades.grade(low)) <= order.index(grades.grade(high))


@pytest.mark.parametrize("pd", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_pd_outside_its_domain_is_refused(pd: float) -> None:
    with pytest.raises(OutOfRange):
        GradeScale((Grade("A", "甲", "one", 0.0, 1.0),)).grade(pd)


@pytest.mark.parametrize(
    "bounds", [[], [(0.0, 0.5)], [(0.1, 1.0)], [(0.0, 0.5), (0.6, 1.0)], [(0.0, 0.5), (0.4, 1.0)], [(0.0, 0.0), (0.0, 1.0)]]
)
def test_bands_with_gaps_overlaps_or_open_ends_are_refused(bounds: list[tuple[float, float]]) -> None:
    with pytest.raises(PolicyInvalid):
        GradeScale(tuple(Grade(f"G{i}", "级", "grade", low, high) for i, (low, high) in enumerate(bounds)))
