from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.errors import OutOfRange
from credit.period import observation_window, performance_window

days = st.dates(date(2000, 1, 1), date(2100, 1, 1))


@given(as_of=days, length=st.integers(1, 800))
def test_the_windows_meet_at_the_as_of_date_without_sharing_a_day(as_of: date, length: int) -> None:
    seen, follows = observation_window(as_of, length), performance_window(as_of, length)
    assert seen.ends_before == follows.begins_on == as_of
    assert seen.days == follows.days == length
    assert as_of not in seen
    assert as_of in follows
    assert as_of - timedelta(days=length) in seen
    assert as_of + timedelta(days=length) not in follows


def test_a_window_without_days_is_refused() -> None:
    with pytest.raises(OutOfRange):
        performance_window(date(2026, 1, 1), 0)
