"""What a feature is: the declaration every other part reads.

A feature is declared once, in the file of its source table (`features/orders.py` and so on); `features.catalog` collects them.
"""

from dataclasses import dataclass
from enum import StrEnum

from features.facts import KIND_INDEX, KINDS
from features.formula import Formula


class Unit(StrEnum):
    """What a feature's number counts."""

    COUNT = "count"
    CNY = "cny"
    RATIO = "ratio"
    DAYS = "days"
    STARS = "stars"
    MONTHS = "months"
    POINTS = "points"


class Family(StrEnum):
    """What a feature speaks of; reasons are given at most once per family."""

    VOLUME = "volume"
    GROWTH = "growth"
    REGULARITY = "regularity"
    CONCENTRATION = "concentration"
    CANCELLATION = "cancellation"
    LATENESS = "lateness"
    QUALITY = "quality"
    RATING = "rating"
    RECEIVABLES = "receivables"
    MARGIN = "margin"
    TENURE = "tenure"
    AUTHENTICITY = "authenticity"
    INVENTORY = "inventory"
    PRODUCTION = "production"
    CERTIFICATES = "certificates"
    COOPERATION = "cooperation"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature, declared once.

    Parameters
    ----------
    name : str
        `<source>_<quantity>_<statistic>_<window>`.
    unit, family : Unit, Family
    formula : Formula
        Over the kernel's aggregates; its kinds are the feature's lineage.
    direction : int
        +1 where risk must not fall as the value rises, -1 where it must not rise, 0 where neither is promised.
    zh, en : str
        What the number is, in words a supplier knows.
    source_table : str
        Contract table without which the feature is missing.
    window_days : int or None
        Observation window; None where all of the history counts.
    actionable : bool
        Whether the supplier can change it by what it does.
    """

    name: str
    unit: Unit
    family: Family
    formula: Formula
    direction: int
    zh: str
    en: str
    source_table: str
    window_days: int | None = None
    actionable: bool = False

    @property
    def reason_code(self) -> str:
        """Stable id of the reason this feature can give: its name without the window."""
        stem = self.name.rpartition("_")[0]
        return stem.upper()

    @property
    def tables(self) -> frozenset[str]:
        """Contract tables the feature rests on; it is missing where one of them is absent."""
        return frozenset(KINDS[KIND_INDEX[kind]].table for kind in self.kinds) | {self.source_table}

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of facts the feature rests on."""
        return tuple(dict.fromkeys(need.kind for need in self.formula.needs()))
