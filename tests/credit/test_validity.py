"""Until when a score may be used."""

from datetime import date

import pytest

from credit.errors import PolicyInvalid
from credit.policy import Policy, PolicyHistory
from credit.validity import valid_until
from serving.packaged_policy import packaged_policy


def policy(days: int) -> Policy:
    number = f'{{ from = 2010-01-01, value = {days}, source = "s" }}'
    text = f'id = "validity"\n[score_days]\nunit = "calendar days"\nzh = "z"\nen = "e"\nvalues = [{number}]'
    return PolicyHistory.parse(text).on(date(2026, 1, 1))


@pytest.mark.parametrize(
    ("as_of", "days", "expected"),
    [
        (date(2026, 7, 1), 30, date(2026, 7, 31)),
        (date(2028, 2, 1), 30, date(2028, 3, 2)),  # a leap year
        (date(2026, 7, 1), 0, date(2026, 7, 1)),
    ],
)
def test_the_last_day_is_so_many_calendar_days_later(as_of: date, days: int, expected: date) -> None:
    assert valid_until(as_of, policy(days)) == expected


def test_days_below_0_are_refused() -> None:
    with pytest.raises(PolicyInvalid, match="score_days must not be below 0, found -1"):
        valid_until(date(2026, 7, 1), policy(-1))


def test_the_packaged_policy_gives_a_month() -> None:
    assert valid_until(date(2026, 7, 1), packaged_policy("validity").on(date(2026, 7, 1))) == date(2026, 7, 31)
