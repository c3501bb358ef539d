"""Which numbers were in force on a given day? Policy is dated data: numbers a committee decides, apart from the code.

A policy text is TOML. Each number is one section with its ``unit``, its name in Chinese (``zh``) and English (``en``),
and its dated ``values``; each value says ``from`` which day it holds, and its ``source``. Reading a file is somebody
else's work: this module parses text, so that a bank's own policy can come from anywhere.
"""

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from credit.errors import NoPolicyInForce, PolicyInvalid


@dataclass(frozen=True, slots=True)
class PolicyNumber:
    """One number in force: its value, unit, names, the day it began and who says so."""

    name: str
    value: float
    unit: str
    zh: str
    en: str
    since: date
    source: str


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers of one policy in force on one day; ``version`` is the day the newest of them began."""

    id: str
    version: str
    numbers: Mapping[str, PolicyNumber]

    def number(self, name: str) -> float:
        """Return the number called ``name``; raise `PolicyInvalid` where the policy lacks it."""
        if name not in self.numbers:
            raise PolicyInvalid(
                f"policy {self.id!r} of {self.version} has no number {name!r}: add the section; it has {', '.join(self.numbers)}"
            )
        return self.numbers[name].value

    def whole(self, name: str) -> int:
        """Return the number called ``name``, which must be whole (days, months, counts)."""
        value = self.number(name)
        if value != int(value):
            raise PolicyInvalid(f"policy {self.id!r}: {name} must be a whole number of {self.numbers[name].unit}, found {value}")
        return int(value)


@dataclass(frozen=True, slots=True)
class PolicyHistory:
    """All dated values of one policy.

    Examples
    --------
    >>> text = '''
    ... id = "example"
    ... [default_dpd]
    ... unit = "days"
    ... zh = "违约逾期天数"
    ... en = "days past due that count as default"
    ... values = [{from = 2015-01-01, value = 90, source = "Basel II, paragraph 452"}]
    ... '''
    >>> PolicyHistory.parse(text).on(date(2026, 1, 1)).whole("default_dpd")
    90
    """

    id: str
    numbers: Mapping[str, tuple[PolicyNumber, ...]]

    @classmethod
    def parse(cls, text: str) -> "PolicyHistory":
        """Read a policy text; raise `PolicyInvalid` naming the section and the rule it breaks."""
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise PolicyInvalid(f"a policy must be TOML: {error}") from error
        policy_id = document.pop("id", None)
        if not isinstance(policy_id, str) or not policy_id:
            raise PolicyInvalid(f"a policy must begin with a text `id`, found {policy_id!r}")
        if not document:
            raise PolicyInvalid(f"policy {policy_id!r} holds no numbers: add at least one section")
        numbers = {name: tuple(_dated_values(policy_id, name, section)) for name, section in document.items()}
        return cls(id=policy_id, numbers=MappingProxyType(numbers))

    def on(self, as_of: date) -> Policy:
        """Return the policy in force on ``as_of``: of each number the newest value whose ``from`` is not after it.

        Raises `NoPolicyInForce` where a number had not begun by then.
        """
        in_force: dict[str, PolicyNumber] = {}
        for name, values in self.numbers.items():
            begun = [value for value in values if value.since <= as_of]
            if not begun:
                raise NoPolicyInForce(
                    f"policy {self.id!r}: {name} begins on {values[0].since}, nothing is in force on {as_of}: "
                    "ask for a later day or add an earlier value"
                )
            in_force[name] = begun[-1]
        version = max(number.since for number in in_force.values()).isoformat()
        return Policy(id=self.id, version=version, numbers=MappingProxyType(in_force))


def _dated_values(policy_id: str, name: str, section: Any) -> Iterator[PolicyNumber]:
    where = f"policy {policy_id!r}, section {name!r}"
    if not isinstance(section, dict):
        raise PolicyInvalid(f"{where}: must be a section with unit, zh, en and values, found {section!r}")
    unknown = set(section) - {"unit", "zh", "en", "values"}
    if unknown:
        raise PolicyInvalid(f"{where}: unknown keys {sorted(unknown)}; allowed are unit, zh, en, values")
    for key in ("unit", "zh", "en"):
        if not isinstance(section.get(key), str) or not section[key]:
            raise PolicyInvalid(f"{where}: {key} must be a text, found {section.get(key)!r}")
    values = section.get("values")
    if not isinstance(values, list) or not values:
        raise PolicyInvalid(f"{where}: values must be a list of at least one {{from, value, source}}, found {values!r}")
    earlier = date.min
    for entry in values:
        since, value, source = _dated_value(where, entry)
        if since <= earlier:
            raise PolicyInvalid(f"{where}: `from` must rise from value to value, found {since} after {earlier}")
        earlier = since
        yield PolicyNumber(name, value, section["unit"], section["zh"], section["en"], since, source)


def _dated_value(where: str, entry: Any) -> tuple[date, float, str]:
    if not isinstance(entry, dict) or set(entry) != {"from", "value", "source"}:
        raise PolicyInvalid(f"{where}: each value must have exactly from, value and source, found {entry!r}")
    since, value, source = entry["from"], entry["value"], entry["source"]
    if not isinstance(since, date) or isinstance(since, datetime):
        raise PolicyInvalid(f"{where}: `from` must be a date such as 2026-01-01, found {since!r}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise PolicyInvalid(f"{where}: value must be a finite number, found {value!r}")
    if not isinstance(source, str) or not source:
        raise PolicyInvalid(f"{where}: source must say who decided the number, found {source!r}")
    return since, float(value), source
