"""A bank's own policy: what it changes and from when, every way it can be wrong, and that it reads back the same."""

import re
from dataclasses import replace
from datetime import date
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit.bank_policy import (
    LONGEST_NAME,
    LONGEST_TEXT,
    BankPolicyInvalid,
    PolicyFault,
    bank_policy_text,
    numbers_changed,
    parse_bank_policy,
)
from credit.errors import NoPolicyInForce, PolicyInvalid
from credit.financing_policy import FINANCING_POLICIES, RULES_BETWEEN_NUMBERS, FinancingPolicyHistory
from credit.policy import PolicyNumber
from tests.credit.financing import ON, PACKAGED, POLICY, bank
from training.settings import packaged_policy

TEXT = """
[receivables.top_advance_rate]
values = [
    { from = 2026-03-01, value = 0.8, source = "minutes of February" },
    { from = 2026-08-01, value = 0.75, source = "minutes of July" },
]
[financing.expected_loss_budget]
values = [{ from = 2026-03-01, value = 15000.5, source = "risk appetite 2026" }]
"""


def faults(text: str, head: str = 'bank = "example"\n') -> tuple[PolicyFault, ...]:
    with pytest.raises(BankPolicyInvalid) as refused:
        parse_bank_policy(head + text, PACKAGED)
    return refused.value.faults


def test_the_banks_number_holds_from_its_day_and_the_packaged_one_before() -> None:
    history = bank(TEXT)
    rates = [history.on(day).value("receivables.top_advance_rate") for day in (date(2026, 2, 28), date(2026, 3, 1), date(2026, 8, 1))]
    assert rates == [850_000, 800_000, 750_000]
    assert history.on(ON).value("financing.expected_loss_budget") == 1_500_050
    assert history.on(ON).line("receivables.top_advance_rate").source == "minutes of February"
    assert history.on(ON).value("stock.lgd") == POLICY.value("stock.lgd")
    assert sorted(numbers_changed(PACKAGED, history)) == ["financing.expected_loss_budget", "receivables.top_advance_rate"]


def test_the_version_follows_the_content_not_the_layout() -> None:
    spaced = TEXT.replace(" = ", "   =   ") + "\n# a remark\n"
    assert bank(TEXT).version == bank(spaced).version
    assert bank(TEXT).version != bank(TEXT.replace("0.75", "0.74")).version
    assert bank(TEXT).version != bank(TEXT.replace("minutes of July", "minutes of June")).version
    assert bank(TEXT).version != bank(TEXT.replace("2026-08-01", "2026-08-02")).version
    assert re.fullmatch("[0-9a-f]{64}", PACKAGED.version)


@pytest.mark.parametrize(
    ("text", "key", "line", "rule", "remedy"),
    [
        ("[receivables", "text", 2, "must be TOML", "correct the text"),
        (
            "[statute.annual_rate_ceiling]\nvalues = [{ from = 2026-01-01, value = 0.36, source = 'x' }]",
            "statute",
            2,
            "not a bank's",
            "leave it",
        ),
        ("[receivable.lgd]\nvalues = []", "receivable", 2, "must be one of", "did you mean receivables?"),
        ("[receivables.lgdd]\nvalues = []", "receivables.lgdd", 2, "no number of this policy", "did you mean receivables.lgd?"),
        ("\nreceivables = 3", "receivables", 3, "must hold sections", "write [receivables."),
        ("[receivables]\nlgd = 0.3", "receivables.lgd", None, "exactly a list `values`", "write values"),
        ("[receivables.lgd]\nvalues = []", "receivables.lgd", 2, "not empty", "write values"),
        ("[receivables.lgd]\nvalue = 1", "receivables.lgd", 2, "found ['value']", "write values"),
        ("[receivables.lgd]\nvalues = [{ value = 0.3, source = 'x' }]", "receivables.lgd", 2, "exactly from, value and source", "write {"),
        ("[receivables.lgd]\nvalues = [{ from = '2026', value = 0.3, source = 'x' }]", "receivables.lgd", 3, "must be a date", "such as"),
        (
            "[receivables.lgd]\nvalues = [{ from = 2026-01-01, value = true, source = 'x' }]",
            "receivables.lgd",
            3,
            "finite number",
            "in lgd",
        ),
        ("[receivables.lgd]\nvalues = [{ from = 2026-01-01, value = nan, source = 'x' }]", "receivables.lgd", 3, "finite number", "in lgd"),
        (
            "[receivables.lgd]\nvalues = [{ from = 2026-01-01, value = 1e400, source = 'x' }]",
            "receivables.lgd",
            3,
            "finite number",
            "in lgd",
        ),
        (
            "[receivables.lgd]\nvalues = [{ from = 2026-01-01, value = 40, source = 'x' }]",
            "receivables.lgd",
            3,
            "between 0 and 1",
            "in lgd",
        ),
        ("[receivables.lgd]\nvalues = [{ from = 2026-01-01, value = 0, source = 'x' }]", "receivables.lgd", 3, "above 0", "in lgd"),
        (
            "[receivables.lgd]\nvalues = [{ from = 2026-01-01, value = 0.1234567, source = 'x' }]",
            "receivables.lgd",
            3,
            "six decimals",
            "in lgd",
        ),
        (
            "[receivables.lgd]\nvalues = [{ from = 2026-01-01, value = 0.3, source = ' ' }]",
            "receivables.lgd",
            3,
            "source must",
            "who decided",
        ),
        ("[stock.grace_days]\nvalues = [{ from = 2026-01-01, value = 1.5, source = 'x' }]", "stock.grace_days", 3, "whole", "in days"),
        (
            "[stock.grace_days]\nvalues = [{ from = 2026-01-01, value = 4000, source = 'x' }]",
            "stock.grace_days",
            3,
            "at most 3660",
            "in days",
        ),
        ("[stock.max_limit]\nvalues = [{ from = 2026-01-01, value = -1, source = 'x' }]", "stock.max_limit", 3, "not be below 0", "in cny"),
        ("[stock.max_limit]\nvalues = [{ from = 2026-01-01, value = 0.001, source = 'x' }]", "stock.max_limit", 3, "whole fen", "in cny"),
    ],
)
def test_a_fault_says_key_line_rule_and_remedy(text: str, key: str, line: int | None, rule: str, remedy: str) -> None:
    (fault,) = faults(text)
    assert (fault.key, fault.line) == (key, line)
    assert rule in fault.rule
    assert remedy in fault.remedy
    assert fault.key in str(fault)


def test_dated_values_must_rise_and_the_fault_points_at_the_later_one() -> None:
    (fault,) = faults(TEXT.replace("2026-08-01", "2026-03-01"))
    assert (fault.key, fault.line) == ("receivables.top_advance_rate", 6)
    assert "must rise" in fault.rule


def test_all_faults_are_said_at_once() -> None:
    found = faults(
        "[stock.lgd]\nvalues = [{ from = 2026-01-01, value = 2, source = 'x' }]\n[stock.lgx]\nvalues = []\n[other]\nx = 1", head=""
    )
    assert [fault.key for fault in found] == ["bank", "stock.lgd", "stock.lgx", "other"]


CONTRADICTIONS = {
    "receivables.max_annual_rate": (0.25, "statute.annual_rate_ceiling"),
    "stock.max_tenor_days": (1096, "statute.working_capital_tenor_days"),
    "stock.least_advance_rate": (0.8, "stock.top_advance_rate"),
    "financing.least_limit": (6_000_000, "max_limit"),
    "financing.rounding_unit": (3000, "multiple"),
    "financing.pd_floor": (0.08, "cutoff_pd"),
    "receivables.late_buyer_share_cap": (0.5, "buyer_share_cap"),
    "purchase_orders.milestone_materials": (0.5, "add up to 1"),
    "stock.top_advance_rate": (1.0, None),
    "stock.call_ltv": (0.45, "call is due on the first day"),
    "stock.sale_ltv": (0.75, "below stock.sale_ltv"),
}


@pytest.mark.parametrize(("code", "value", "says"), [(code, *said) for code, said in CONTRADICTIONS.items() if said[1]])
def test_numbers_that_contradict_each_other_are_refused_with_the_day(code: str, value: float, says: str) -> None:
    found = faults(f"[{code}]\nvalues = [{{ from = 2027-01-01, value = {value}, source = 'x' }}]")
    assert any(says in fault.rule and "from 2027-01-01" in fault.rule for fault in found)
    assert {fault.line for fault in found} == {3}


def test_every_rule_between_numbers_is_seen_to_break() -> None:
    broken = set()
    numbers = {code: PACKAGED.on(ON).value(code) for code in PACKAGED.numbers}
    for code in numbers:
        for value in (0, 10**9):
            broken |= {
                rule
                for rule, holds in RULES_BETWEEN_NUMBERS.items()
                if code != "financing.rounding_unit" and not holds({**numbers, code: value})
            }
    broken |= {rule for rule, holds in RULES_BETWEEN_NUMBERS.items() if not holds({**numbers, "financing.rounding_unit": 300_000})}
    assert broken == set(RULES_BETWEEN_NUMBERS)


@pytest.mark.parametrize("text", ["\x00", "[" * 5000, "a = " + "[" * 100_000, '"' * 50, "bank = 'x'\nbank = 'y'", "\ud800"])
def test_hostile_text_is_a_fault_not_a_crash(text: str) -> None:
    assert faults(text)


def test_a_text_too_long_to_be_a_policy_is_refused_unread() -> None:
    (fault,) = faults("#" * LONGEST_TEXT)
    assert "characters" in fault.rule


def test_an_id_or_source_cannot_forge_the_text() -> None:
    history = bank("[stock.lgd]\nvalues = [{ from = 2026-01-01, value = 0.5, source = 'a\"] \\\\ \\u007f #' }]".replace("\\u007f", "\x09"))
    assert parse_bank_policy(bank_policy_text(history, PACKAGED), PACKAGED) == history


_codes = sorted(code for code in PACKAGED.numbers if not code.startswith("statute."))


@settings(max_examples=80, deadline=None)
@given(data=st.data(), name=st.text(min_size=1, max_size=LONGEST_NAME).filter(lambda text: text.strip() and text.isprintable()))
def test_a_policy_text_reads_back_the_same(data: st.DataObject, name: str) -> None:
    numbers = dict(PACKAGED.numbers)
    for code in data.draw(st.lists(st.sampled_from(_codes), unique=True, max_size=5)):
        days = sorted(data.draw(st.lists(st.dates(date(2026, 1, 1), date(2030, 1, 1)), unique=True, min_size=1, max_size=3)))
        source = data.draw(st.text(min_size=1).filter(lambda text: text.strip() and "\ud800" not in text))
        newest = numbers[code][-1]
        numbers[code] = (*numbers[code], *(replace(newest, since=day, source=source) for day in days))
    history = FinancingPolicyHistory(name, MappingProxyType(numbers))
    again = parse_bank_policy(bank_policy_text(history, PACKAGED), PACKAGED)
    assert again == history
    assert again.version == history.version


def test_a_stored_policy_is_read_without_the_packaged_one() -> None:
    history = bank(TEXT)
    again = FinancingPolicyHistory.from_canonical(history.canonical())
    assert again == history
    assert again.version == history.version
    for text in ("", "[]", "{}", '{"id": 1, "numbers": {"a": [[1]]}}'):
        with pytest.raises(PolicyInvalid, match="stored policy"):
            FinancingPolicyHistory.from_canonical(text)


def test_nothing_is_decided_before_the_statute_began() -> None:
    with pytest.raises(NoPolicyInForce, match="statute"):
        PACKAGED.on(date(2025, 6, 14))
    assert PACKAGED.on(date(2025, 6, 15)).value("statute.voucher_longest_months") == 12


def test_packaged_policies_must_be_whole_and_sound() -> None:
    histories = {name: packaged_policy(name) for name in FINANCING_POLICIES}
    with pytest.raises(PolicyInvalid, match="missing: stock"):
        FinancingPolicyHistory.packaged({name: histories[name] for name in FINANCING_POLICIES if name != "stock"})
    number: PolicyNumber = histories["stock"].numbers["lgd"][0]
    for value, says in ((1.5, "between 0 and 1"), (0.5, None)):
        changed = replace(histories["stock"], numbers={**histories["stock"].numbers, "lgd": (replace(number, value=value),)})
        if says:
            with pytest.raises(PolicyInvalid, match=says):
                FinancingPolicyHistory.packaged({**histories, "stock": changed})
        else:
            FinancingPolicyHistory.packaged({**histories, "stock": changed})
    with pytest.raises(PolicyInvalid, match="has no number"):
        POLICY.value("stock.colour")
    for name in FINANCING_POLICIES:
        assert all(n.source and n.zh and n.en for values in histories[name].numbers.values() for n in values)


def test_documents_are_kept_from_others_for_ninety_days_at_most() -> None:
    text = "[financing.offer_days]\nvalues = [{{ from = 2026-01-01, value = {days}, source = 'committee' }}]"
    assert bank(text.format(days=90)).on(ON).value("financing.offer_days") == 90
    for days, says in ((91, "must be at most 90 days, found 91"), (0, "must be above 0")):
        with pytest.raises(BankPolicyInvalid, match=says):
            bank(text.format(days=days))
