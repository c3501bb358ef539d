import dataclasses
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.errors import OutOfRange
from credit.sufficiency import Record, SufficiencyPolicy, data_sufficiency
from tests.credit.situations import situations
from training.settings import packaged_policy

POLICY = SufficiencyPolicy.from_policy(packaged_policy("sufficiency").on(date(2026, 1, 1)))
RECORDS = st.builds(
    Record,
    months=st.floats(0, 12), orders=st.floats(0, 1e4), deliveries=st.floats(0, 1e4), reviews=st.floats(0, 1e4),
    tables=st.floats(0, 1), known=st.floats(0, 1),
)  # fmt: skip
PARTS = ("months", "orders", "deliveries", "reviews", "tables", "known")


@pytest.mark.parametrize("situation", situations("sufficiency"))
def test_the_grade_is_what_an_officer_expects(situation: dict[str, Any]) -> None:
    policy = SufficiencyPolicy.from_policy(packaged_policy("sufficiency").on(situation["on"]))
    found = data_sufficiency(Record(**situation["record"]), policy, is_thin=situation["is_thin"])
    assert found.grade == situation["grade"]
    assert found.index == pytest.approx(situation["index"], abs=5e-4)


@given(RECORDS, st.sampled_from(PARTS), st.floats(0, 1))
def test_more_on_record_never_lowers_the_index(record: Record, part: str, share: float) -> None:
    now = getattr(record, part)
    top = 1.0 if part in ("tables", "known") else 2e4
    more = dataclasses.replace(record, **{part: now + share * (top - now)})
    assert POLICY.index(more) >= POLICY.index(record) - 1e-15
    assert 0.0 <= POLICY.index(record) <= 1.0


@given(RECORDS)
def test_a_thin_file_is_c_whatever_the_index(record: Record) -> None:
    found = data_sufficiency(record, POLICY, is_thin=True)
    assert found.grade == "C"
    assert found.index == POLICY.index(record)


def test_nothing_is_zero_and_plenty_is_one() -> None:
    assert POLICY.index(Record(0, 0, 0, 0, 0, 0)) == 0.0
    assert POLICY.index(Record(1e4, 1e6, 1e6, 1e6, 1, 1)) == 1.0


@pytest.mark.parametrize("part", PARTS)
def test_counts_and_shares_out_of_bounds_are_refused(part: str) -> None:
    for value in (-1.0, float("nan"), float("inf")):
        with pytest.raises(OutOfRange):
            dataclasses.replace(Record(1, 1, 1, 1, 1, 1), **{part: value})


@pytest.mark.parametrize("change", [{"months_half": 0.0}, {"orders_weight": -1.0}, {"grade_a_from": 0.4}, {"grade_b_from": float("nan")}])
def test_a_policy_without_meaning_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(OutOfRange):
        dataclasses.replace(POLICY, **change)
