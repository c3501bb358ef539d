from datetime import date

import pytest

from credit.errors import NoPolicyInForce, PolicyInvalid
from credit.policy import PolicyHistory
from training.settings import POLICIES, packaged_policy

TEXT = """
id = "example"
[default_dpd]
unit = "days"
zh = "天数"
en = "days"
values = [
    { from = 2020-01-01, value = 90, source = "first" },
    { from = 2025-07-01, value = 60, source = "second" },
]
"""


def test_the_newest_value_that_has_begun_is_in_force() -> None:
    history = PolicyHistory.parse(TEXT)
    assert history.on(date(2025, 6, 30)).whole("default_dpd") == 90
    assert history.on(date(2025, 7, 1)).whole("default_dpd") == 60
    assert history.on(date(2025, 7, 1)).version == "2025-07-01"
    assert history.on(date(2025, 7, 1)).numbers["default_dpd"].source == "second"


def test_nothing_is_in_force_before_the_first_day() -> None:
    with pytest.raises(NoPolicyInForce, match="default_dpd begins on 2020-01-01"):
        PolicyHistory.parse(TEXT).on(date(2019, 12, 31))


@pytest.mark.parametrize("name", POLICIES)
def test_packaged_policies_name_a_unit_and_a_source_for_every_number(name: str) -> None:
    policy = packaged_policy(name).on(date(2026, 1, 1))
    assert policy.id == name
    assert all(number.unit and number.source and number.zh and number.en for number in policy.numbers.values())


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('id = "example"', "", "text `id`"),
        ('unit = "days"', "", "unit must be a text"),
        ('unit = "days"', 'unit = "days"\ncolour = "red"', "unknown keys"),
        ("value = 90", "value = nan", "finite number"),
        ("value = 90", "value = true", "finite number"),
        ("value = 90", 'value = "90"', "finite number"),
        ("2020-01-01", "2026-01-01", "must rise"),
        ("2020-01-01", "2020-01-01T00:00:00", "must be a date"),
        ('source = "first"', 'source = ""', "source must say"),
        (', source = "first"', "", "exactly from, value and source"),
        ("[default_dpd]", "default_dpd = 90\n[other]", "must be a section"),
        ("values", "valuess", "unknown keys"),
        ("id =", "id = =", "must be TOML"),
    ],
)
def test_a_policy_text_that_breaks_its_form_is_refused(old: str, new: str, says: str) -> None:
    with pytest.raises(PolicyInvalid, match=says):
        PolicyHistory.parse(TEXT.replace(old, new, 1))


def test_an_empty_policy_is_refused() -> None:
    with pytest.raises(PolicyInvalid, match="no numbers"):
        PolicyHistory.parse('id = "example"')


def test_a_number_that_is_not_there_or_not_whole_is_refused() -> None:
    policy = PolicyHistory.parse(TEXT.replace("value = 60", "value = 60.5")).on(date(2026, 1, 1))
    with pytest.raises(PolicyInvalid, match="has no number"):
        policy.number("pdo")
    with pytest.raises(PolicyInvalid, match="whole number of days"):
        policy.whole("default_dpd")
