"""What does a financing rest on? Each named thing with its verdict, and how much counts once no buyer or category weighs too much."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from credit.application import Invoice, PurchaseOrder, StockLot
from credit.derivation import Line, Operation, Term
from credit.rule import Effect, RuleFired, fire
from credit.worksheet import Worksheet


@dataclass(frozen=True, slots=True)
class ItemVerdict:
    """A named invoice, order or lot: its open amount in fen, and every rule it meets; it is eligible where none leaves it out."""

    number: str
    amount: int
    rules: tuple[RuleFired, ...]

    @property
    def is_eligible(self) -> bool:
        """Whether it counts at all."""
        return not any(rule.effect is Effect.INELIGIBLE for rule in self.rules)


@dataclass(frozen=True, slots=True)
class Collateral:
    """All verdicts in the order of their numbers, what is eligible, what counts, days until the last money is due, rules met on the whole.

    ``days`` is None where the collateral has no due date of its own.
    """

    items: tuple[ItemVerdict, ...]
    eligible: Line
    counted: Line
    days: Line | None
    fired: tuple[RuleFired, ...]


def counted_by_group(
    sheet: Worksheet, groups: Mapping[str, Sequence[Term | Line]], cap_rate: Callable[[str], Line]
) -> tuple[Line, Line, tuple[RuleFired, ...]]:
    """Return what is eligible, what counts of it once each group is held to its share of the whole, and the caps that were met.

    The share is of all that is eligible before any cap; groups are buyers or categories of stock.
    """
    named = sorted(groups.items())
    eligible = sheet.work_out("collateral.eligible", Operation.SUM, [term for _, terms in named for term in terms], "fen")
    counted = []
    fired = []
    for group, terms in named:
        of = sheet.work_out("collateral.of", Operation.SUM, terms, "fen", of=group)
        rate = cap_rate(group)
        cap = sheet.work_out("collateral.cap", Operation.SHARE, [eligible, rate], "fen", of=group)
        counts = sheet.work_out("collateral.counted_of", Operation.LEAST, [of, cap], "fen", of=group)
        if counts.value < of.value:
            fired.append(fire("SHARE_CAPPED", group, rate))
        counted.append(counts)
    return eligible, sheet.work_out("collateral.counted", Operation.SUM, counted, "fen"), tuple(fired)


def last_money(sheet: Worksheet, days: Sequence[Term]) -> Line | None:
    """Return the days until the last eligible thing turns to money; None where nothing is eligible."""
    return sheet.work_out("collateral.days", Operation.GREATEST, days, "days") if days else None


def similar(eligible: Sequence[Invoice | PurchaseOrder | StockLot]) -> tuple[RuleFired, ...]:
    """Send to a person each eligible thing that has the number of a document financed elsewhere, with another amount or date."""
    return tuple(fire("SIMILAR_FINANCED", item.number) for item in eligible if item.is_similar_elsewhere)


def days_of(days: int) -> Term:
    """Return a number of days as a rule's text shows it."""
    return Term("days", days, "days", "天数", "days")
