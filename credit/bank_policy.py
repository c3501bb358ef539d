"""What does a bank decide by? Its own TOML over the packaged numbers: every fault found at once, with key, line, rule and remedy.

A bank writes only what it decides otherwise, under the packaged number's name; unit and names stay:

    bank = "example"
    [receivables.top_advance_rate]
    values = [{ from = 2026-01-01, value = 0.8, source = "credit committee, minutes of 2025-12-15" }]

Before its first day the packaged number holds. The statute is nobody's to change.
"""

import json
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from credit.errors import PolicyInvalid
from credit.financing_policy import FINANCING_POLICIES, STATUTE, FinancingPolicyHistory, fault_of_number
from credit.policy import PolicyNumber

LONGEST_TEXT = 200_000
"""Characters a policy text may have; the packaged numbers take a tenth of it."""

LONGEST_NAME = 100
"""Characters a bank's name may have."""

MOST_FAULTS = 100
"""So many faults are told at once."""


@dataclass(frozen=True, slots=True)
class PolicyFault:
    """One thing wrong with a policy text: the key, its line where it can be told, the rule with what was found, and the remedy.

    ``code`` is the rule's stable name and ``facts`` are values of ours that tell it without a word of the text: for who may not repeat it.
    """

    key: str
    line: int | None
    rule: str
    remedy: str
    code: str
    facts: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return it as one sentence for a reader."""
        where = f"{self.key} (line {self.line})" if self.line else self.key
        return f"{where}: {self.rule}; {self.remedy}"


class BankPolicyInvalid(PolicyInvalid):
    """A bank's policy text has faults; ``faults`` holds all of them."""

    def __init__(self, faults: tuple[PolicyFault, ...]) -> None:
        """Keep the faults and say them all."""
        self.faults = faults
        super().__init__(f"the policy has {len(faults)} fault(s): " + " | ".join(map(str, faults)))


def parse_bank_policy(text: str, packaged: FinancingPolicyHistory) -> FinancingPolicyHistory:
    """Return the bank's policy: its numbers in place of the packaged ones from their first day on.

    Raises
    ------
    BankPolicyInvalid
        With every fault of the text, up to `MOST_FAULTS` and those of the last section looked at.
    """
    document = _document(text)
    bank = document.pop("bank", None)
    faults = (
        []
        if isinstance(bank, str) and bank.strip() and len(bank) <= LONGEST_NAME
        else [_fault(text, "bank", f"must be a text, found {_cut(bank)}", "name the bank", "bank_unnamed")]
    )
    numbers = dict(packaged.numbers)
    for policy, sections in document.items():
        fault = _fault_of_policy(text, policy, sections)
        if fault:
            faults.append(fault)
            continue
        for name, section in sections.items():
            if len(faults) >= MOST_FAULTS:
                break
            code = f"{policy}.{name}"
            own, found = _own_values(text, code, section, packaged)
            faults += found
            if own:
                earlier = tuple(value for value in packaged.numbers[code] if value.since < own[0].since)
                numbers[code] = earlier + own
    if not faults:
        history = FinancingPolicyHistory(str(bank), MappingProxyType(numbers))
        faults = [_contradiction(text, day, rule) for day, rule in history.contradictions()]
    if faults:
        raise BankPolicyInvalid(tuple(faults))
    return history


def bank_policy_text(history: FinancingPolicyHistory, packaged: FinancingPolicyHistory) -> str:
    """Return a policy as the TOML text it can be read from again: the numbers that differ from the packaged ones."""
    lines = [f"bank = {_toml_text(history.id)}"]
    for code, values in numbers_changed(packaged, history).items():
        unchanged = packaged.numbers[code]
        own = [value for place, value in enumerate(values) if values[: place + 1] != unchanged[: place + 1]]
        entries = "".join(
            f"    {{ from = {value.since.isoformat()}, value = {value.value!r}, source = {_toml_text(value.source)} }},\n" for value in own
        )
        lines.append(f"\n[{code}]\n# {own[0].en}, {own[0].unit}\nvalues = [\n{entries}]")
    return "\n".join(lines) + "\n"


def _document(text: str) -> dict[str, Any]:
    if len(text) > LONGEST_TEXT:
        rule = f"must have at most {LONGEST_TEXT} characters, found {len(text)}"
        remedy = "write only what differs from the packaged numbers"
        raise BankPolicyInvalid((PolicyFault("text", None, rule, remedy, "policy_too_long", {"limit": LONGEST_TEXT}),))
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        line = re.search(r"at line (\d+)", str(error))
        last = len(text.splitlines()) if "end of document" in str(error) else None
        place, remedy = int(line[1]) if line else last, "correct the text at that place"
        fault = PolicyFault("text", place, f"must be TOML, found: {error}", remedy, "not_toml")
        raise BankPolicyInvalid((fault,)) from error


def _fault_of_policy(text: str, policy: str, sections: Any) -> PolicyFault | None:
    allowed = [name for name in FINANCING_POLICIES if name != STATUTE]
    if policy == STATUTE:
        return _fault(text, policy, "the statute is not a bank's to change", "leave it out; numbers within it may be stricter", "statute")
    if policy not in allowed:
        return _fault(
            text, policy, f"must be one of {', '.join(allowed)}", _nearest(policy, allowed), "section_unknown", _near(policy, allowed)
        )
    if not isinstance(sections, dict):
        return _fault(
            text, policy, f"must hold sections, found {_cut(sections)}", f"write [{policy}.name_of_the_number]", "section_holds_no_numbers"
        )
    return None


def _own_values(text: str, code: str, section: Any, packaged: FinancingPolicyHistory) -> tuple[tuple[PolicyNumber, ...], list[PolicyFault]]:
    """Return a section's dated values, and what is wrong with them."""
    if code not in packaged.numbers:
        known = [name for name in packaged.numbers if not name.startswith(f"{STATUTE}.")]
        return (), [_fault(text, code, "is no number of this policy", _nearest(code, known), "number_unknown", _near(code, known))]
    if not isinstance(section, dict) or set(section) != {"values"} or not isinstance(section["values"], list) or not section["values"]:
        found = sorted(section) if isinstance(section, dict) else _cut(section)
        rule = f"must hold exactly a list `values`, not empty; found {found}"
        return (), [_fault(text, code, rule, "write values = [{from, value, source}]", "values_missing")]
    own: list[PolicyNumber] = []
    faults: list[PolicyFault] = []
    for place, entry in enumerate(section["values"]):
        if len(faults) >= MOST_FAULTS:
            break
        said = _fault_of_entry(entry, packaged.numbers[code][0], own)
        if said:
            facts = {"unit": packaged.numbers[code][0].unit}
            faults.append(_fault(text, code, f"value {place + 1}: {said[0]}", said[1], said[2], facts, place))
        else:
            number = packaged.numbers[code][0]
            own.append(replace(number, value=float(entry["value"]), since=entry["from"], source=entry["source"]))
    return tuple(own), faults


def _fault_of_entry(entry: Any, number: PolicyNumber, earlier: list[PolicyNumber]) -> tuple[str, str, str] | None:
    """Return the rule one dated value breaks, the remedy and the rule's code, or None."""
    if not isinstance(entry, dict) or set(entry) != {"from", "value", "source"}:
        remedy = "write { from = 2026-01-01, value = ..., source = ... }"
        return f"must have exactly from, value and source, found {_cut(entry)}", remedy, "entry_form"
    since, value, source = entry["from"], entry["value"], entry["source"]
    if not isinstance(since, date) or isinstance(since, datetime):
        return f"`from` must be a date, found {_cut(since)}", "write the day it begins, such as 2026-01-01", "from_is_no_date"
    if earlier and since <= earlier[-1].since:
        return f"`from` must rise, found {since} after {earlier[-1].since}", "put the values in the order of their days", "from_must_rise"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > 1e12:
        return f"value must be a finite number up to 1e12, found {_cut(value)}", f"write a number in {number.unit}", "value_is_no_number"
    if not isinstance(source, str) or not source.strip():
        return f"source must be a text, found {_cut(source)}", "say who decided the number and when", "source_missing"
    fault = fault_of_number(replace(number, value=float(value)))
    return (fault, f"give it in {number.unit}", "value_out_of_domain") if fault else None


def _contradiction(text: str, day: date, rule: str) -> PolicyFault:
    named = re.findall(rf"\b(?:{'|'.join(FINANCING_POLICIES)})\.[a-z_]+", rule)
    own = next((code for code in named if _line(text, code) is not None), named[0] if named else "policy")
    remedy = "change one of them, or the day it begins"
    return _fault(text, own, f"{rule}, broken from {day} on", remedy, "numbers_contradict", {"rule": rule}, 0)


def _fault(
    text: str, key: str, rule: str, remedy: str, code: str, facts: Mapping[str, object] = MappingProxyType({}), place: int = -1
) -> PolicyFault:
    return PolicyFault(key, _line(text, key, place), rule, remedy, code, facts)


def _line(text: str, key: str, place: int = -1) -> int | None:
    """Return the line of a key, or of the dated value at ``place`` of its section; None where the text does not spell it plainly."""
    header = re.compile(rf"^\s*(?:\[\s*{re.escape(key)}[\].]|{re.escape(key)}\s*=)")
    inside = False
    seen = -1
    first = None
    for number, content in enumerate(text.splitlines(), start=1):
        if first is None and header.match(content):
            first, inside = number, True
        elif re.match(r"^\s*\[[^\[\]{}]+\]\s*(?:#.*)?$", content):
            inside = False
        if inside:
            seen += len(re.findall(r"\bfrom\s*=", content))
            if seen >= place:
                return number
    return first


def _nearest(word: str, known: list[str]) -> str:
    near = get_close_matches(word[:80], known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"use one of: {', '.join(known)}"


def _near(word: str, known: list[str]) -> dict[str, object]:
    """Return the known names to use instead: the nearest one, or all."""
    near = get_close_matches(word[:80], known, n=1, cutoff=0.6)
    return {"names": ", ".join(near or known)}


def _cut(found: Any) -> str:
    return repr(found)[:80]


def _toml_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def numbers_changed(before: FinancingPolicyHistory, after: FinancingPolicyHistory) -> Mapping[str, tuple[PolicyNumber, ...]]:
    """Return the numbers of ``after`` that ``before`` does not hold alike, by code: what a committee is asked to approve."""
    return MappingProxyType({code: values for code, values in after.numbers.items() if before.numbers.get(code) != values})
