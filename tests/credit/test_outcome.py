from typing import Any

import pytest

from credit.errors import OutOfRange, PolicyInvalid
from credit.outcome import OutcomePolicy, classify
from tests.credit.situations import situations


@pytest.mark.parametrize("situation", situations("outcome"))
def test_the_outcome_is_what_an_officer_expects(situation: dict[str, Any]) -> None:
    expected = situation.pop("outcome", None)
    assert classify(**situation, policy=OutcomePolicy()) == expected


def test_negative_days_past_due_are_refused() -> None:
    with pytest.raises(OutOfRange, match="0 or more"):
        classify(days_past_due=-1, seen_to_end=True, repaid_in_full=True, policy=OutcomePolicy())


@pytest.mark.parametrize(
    "numbers",
    [{"default_dpd": 30}, {"indeterminate_dpd": 0}, {"performance_days": 0}, {"drawn_within_days": 400}],
)
def test_an_outcome_policy_that_means_nothing_is_refused(numbers: dict[str, int]) -> None:
    with pytest.raises(PolicyInvalid):
        OutcomePolicy(**numbers)
