"""With which numbers is a financing decided? The statute, what all products share, and each product's own: exact, dated, with source.

A number is called by its policy and name, ``receivables.lgd``. Amounts are held in fen, ratios in millionths, so nothing is a float.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from credit.derivation import Line, Operation, Term
from credit.errors import NoPolicyInForce, OutOfRange, PolicyInvalid
from credit.money import fen, ppm
from credit.policy import PolicyHistory, PolicyNumber

STATUTE = "statute"
PRODUCTS = ("receivables", "purchase_orders", "stock")
FINANCING_POLICIES = (STATUTE, "financing", *PRODUCTS)
"""The policies a financing is decided by; a bank changes any but the statute."""

LONGEST_OFFER_DAYS = 90
"""No bank keeps documents from others for longer without paying out."""

_RATIO_UNITS = frozenset({"pd", "lgd", "ratio", "ratio a year"})


@dataclass(frozen=True, slots=True)
class FinancingPolicy:
    """The numbers in force on one day. ``version`` is the hash of everything the bank's policy says, whatever its day."""

    id: str
    version: str
    numbers: Mapping[str, PolicyNumber]

    def line(self, code: str) -> Line:
        """Return the number called ``code`` as a line of a derivation; raise `PolicyInvalid` where the policy lacks it."""
        if code not in self.numbers:
            raise PolicyInvalid(f"policy {self.id!r} has no number {code!r}: add it, with unit, zh, en and dated values")
        number = self.numbers[code]
        value, unit = exact(number)
        term = Term(code, value, unit, number.zh, number.en)
        return Line(code, number.zh, number.en, Operation.GIVEN, (term,), value, unit, code, number.source)

    def value(self, code: str) -> int:
        """Return the number called ``code`` in fen, millionths, or whole days, months or pieces."""
        return self.line(code).value


@dataclass(frozen=True, slots=True)
class FinancingPolicyHistory:
    """All dated numbers a bank decides by, the packaged ones among them; ``id`` is the bank's name for it."""

    id: str
    numbers: Mapping[str, tuple[PolicyNumber, ...]]

    @classmethod
    def packaged(cls, histories: Mapping[str, PolicyHistory]) -> "FinancingPolicyHistory":
        """Join the packaged policies, by their ids; raise `PolicyInvalid` where one is missing or its numbers contradict each other."""
        lacking = [name for name in FINANCING_POLICIES if name not in histories]
        if lacking:
            raise PolicyInvalid(f"financing is decided by the policies {', '.join(FINANCING_POLICIES)}; missing: {', '.join(lacking)}")
        numbers = {f"{name}.{number}": values for name in FINANCING_POLICIES for number, values in histories[name].numbers.items()}
        history = cls("packaged", MappingProxyType(numbers))
        for code, values in numbers.items():
            for value in values:
                fault = fault_of_number(value)
                if fault:
                    raise PolicyInvalid(f"policy number {code} of {value.since}: {fault}")
        for day, says in history.contradictions():
            raise PolicyInvalid(f"the packaged policies of {day} contradict each other: {says}")
        return history

    @property
    def version(self) -> str:
        """SHA-256 of `canonical`, as 64 hexadecimal digits; the layout of the text it was read from does not matter."""
        return hashlib.sha256(self.canonical().encode("ascii")).hexdigest()

    def canonical(self) -> str:
        """Return all that is said, the packaged numbers too, as the one JSON text that stands for it: what is stored for a replay."""
        said = {
            code: [[n.name, n.value, n.unit, n.zh, n.en, n.since.isoformat(), n.source] for n in values]
            for code, values in self.numbers.items()
        }
        return json.dumps({"id": self.id, "numbers": said}, sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_canonical(cls, text: str) -> "FinancingPolicyHistory":
        """Return the policy a `canonical` text stands for; raise `PolicyInvalid` where it is none. An altered one has another `version`."""
        try:
            said = json.loads(text)
            numbers = {
                code: tuple(PolicyNumber(n, v, u, zh, en, date.fromisoformat(since), source) for n, v, u, zh, en, since, source in values)
                for code, values in said["numbers"].items()
            }
            return cls(said["id"], MappingProxyType(numbers))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise PolicyInvalid(f"a stored policy must be the text that `canonical` gave: {error!r}") from error

    def on(self, as_of: date) -> FinancingPolicy:
        """Return what is in force on ``as_of``; raise `NoPolicyInForce` where a number had not begun."""
        in_force = {}
        for code, values in self.numbers.items():
            begun = [value for value in values if value.since <= as_of]
            if not begun:
                raise NoPolicyInForce(f"policy {self.id!r}: {code} begins on {values[0].since}, nothing is in force on {as_of}")
            in_force[code] = begun[-1]
        return FinancingPolicy(self.id, self.version, MappingProxyType(in_force))

    def contradictions(self) -> Iterator[tuple[date, str]]:
        """Yield the days on which numbers contradict each other or the statute, with the rule that is broken and what was found."""
        begins = max(values[0].since for values in self.numbers.values())
        days = {begins} | {number.since for values in self.numbers.values() for number in values if number.since > begins}
        for day in sorted(days):
            in_force = {code: exact(number)[0] for code, number in self._in_force(day)}
            for rule, holds in RULES_BETWEEN_NUMBERS.items():
                if not holds(in_force):
                    yield day, rule

    def _in_force(self, day: date) -> Iterator[tuple[str, PolicyNumber]]:
        for code, values in self.numbers.items():
            yield code, [value for value in values if value.since <= day][-1]


def exact(number: PolicyNumber) -> tuple[int, str]:
    """Return a policy number as a whole number and its unit: fen for yuan, ppm for ratios, else the unit it has.

    Raises `OutOfRange` where it has more decimals than can be held.
    """
    if number.unit == "cny":
        return fen(number.value), "fen"
    if number.unit in _RATIO_UNITS:
        return ppm(number.value), "ppm"
    if number.value != int(number.value):
        raise OutOfRange(f"a number of {number.unit} must be whole, found {number.value}")
    return int(number.value), number.unit


def fault_of_number(number: PolicyNumber) -> str | None:
    """Return what is wrong with a single number, or None: held exactly, not below 0, a ratio at most 1, above 0 if a divisor."""
    try:
        value, unit = exact(number)
    except OutOfRange as error:
        return str(error)
    if value < 0 or (unit == "ppm" and value > 1_000_000):
        return f"must lie between 0 and 1, found {number.value}" if unit == "ppm" else f"must not be below 0, found {number.value}"
    if value == 0 and (number.name in _ABOVE_ZERO or number.unit in {"pd", "lgd"}):
        return "must be above 0, found 0"
    if unit in {"days", "months"} and value > _LONGEST:
        return f"must be at most {_LONGEST} {unit}, found {value}"
    if number.name == "offer_days" and value > LONGEST_OFFER_DAYS:
        return f"must be at most {LONGEST_OFFER_DAYS} days, found {value}: nobody else is financed on the documents meanwhile"
    return None


_ABOVE_ZERO = frozenset(
    {"rounding_unit", "rate_step", "ead_share", "grace_days", "max_tenor_days", "top_up_days", "call_ltv", "sale_ltv", "offer_days"}
)
_LONGEST = 3660

_Rule = Callable[[Mapping[str, int]], bool]


def _not_above(lower: str, upper: str) -> tuple[str, _Rule]:
    return f"{lower} must not be above {upper}", lambda n: n[lower] <= n[upper]


def _rules_between_numbers() -> Iterator[tuple[str, _Rule]]:
    for product in PRODUCTS:
        yield _not_above(f"{product}.max_annual_rate", "statute.annual_rate_ceiling")
        yield _not_above(f"{product}.max_tenor_days", "statute.working_capital_tenor_days")
        yield _not_above(f"{product}.least_advance_rate", f"{product}.top_advance_rate")
        yield _not_above("financing.least_limit", f"{product}.max_limit")
    yield _not_above("receivables.late_buyer_share_cap", "receivables.buyer_share_cap")
    yield (
        "financing.least_limit must be a multiple of financing.rounding_unit",
        lambda n: n["financing.least_limit"] % n["financing.rounding_unit"] == 0,
    )
    yield "financing.pd_floor must be below financing.cutoff_pd", lambda n: n["financing.pd_floor"] < n["financing.cutoff_pd"]
    yield (
        "purchase_orders.milestone_materials, purchase_orders.milestone_production and purchase_orders.milestone_shipment must add up to 1",
        lambda n: sum(n[f"purchase_orders.milestone_{name}"] for name in ("materials", "production", "shipment")) == 1_000_000,
    )
    yield (
        "stock.top_advance_rate on stock after its smallest haircut must stay below stock.call_ltv, or a call is due on the first day",
        lambda n: (
            n["stock.top_advance_rate"] * (1_000_000 - min(n[f"stock.haircut_{kind}"] for kind in ("commodity", "finished", "other")))
            < n["stock.call_ltv"] * 1_000_000
        ),
    )
    yield "stock.call_ltv must be below stock.sale_ltv", lambda n: n["stock.call_ltv"] < n["stock.sale_ltv"]


RULES_BETWEEN_NUMBERS: Mapping[str, _Rule] = MappingProxyType(dict(_rules_between_numbers()))
"""What must hold between numbers on every day, as a sentence and a test of it."""
