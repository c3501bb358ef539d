"""What a table declaration is made of: kinds of cells, authorisation tiers, columns, tables.

`features.tables` declares the thirteen tables of the data contract with these types; nothing here touches a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """What a cell holds, and so how it is read and which rules it meets."""

    ID = "id"
    TEXT = "text"
    TIME = "time"
    DATE = "date"
    MONEY = "money"
    NUMBER = "number"
    WORD = "word"
    CURRENCY = "currency"
    USCC = "uscc"


class Tier(StrEnum):
    """Whose leave it takes to hand a column over, from the least to the most; docs/decisions/0011 gives the reasons.

    Open stands in public registers; platform is what the platform sees in the course of its business; consent needs the supplier's
    written consent; restricted names or quotes somebody, or tells of credit.

    Examples
    --------
    >>> Tier.CONSENT.allows(Tier.PLATFORM), Tier.PLATFORM.allows(Tier.CONSENT)
    (True, False)
    """

    OPEN = "open"
    PLATFORM = "platform"
    CONSENT = "consent"
    RESTRICTED = "restricted"

    @property
    def rank(self) -> int:
        """Place from the least, 0, to the most."""
        return tuple(Tier).index(self)

    def allows(self, other: "Tier") -> bool:
        """Whether who may have this tier may have the other."""
        return other.rank <= self.rank


SQL_TYPES: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.ID: "VARCHAR",
        Kind.TEXT: "VARCHAR",
        Kind.TIME: "TIMESTAMP",
        Kind.DATE: "DATE",
        Kind.MONEY: "DECIMAL(18,2)",
        Kind.NUMBER: "DOUBLE",
        Kind.WORD: "VARCHAR",
        Kind.CURRENCY: "VARCHAR",
        Kind.USCC: "VARCHAR",
    }
)
"""How a cell of each kind is held once read; times are UTC without a zone."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name, kind
        The contract's name and what a cell holds.
    tier
        Whose leave it takes to hand it over.
    required
        The file must have the column and every row must fill it.
    words
        The closed set of a `Kind.WORD` column.
    planned
        The time or date may lie in the future (a promise, a due date, an expiry).
    rule
        The rule a number or an amount must meet besides being one, by name.
    """

    name: str
    kind: Kind
    tier: Tier
    required: bool = False
    words: tuple[str, ...] = ()
    planned: bool = False
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the contract: what a row is, when it is known, what to distrust, its columns and its key.

    Attributes
    ----------
    orderings
        Pairs of columns of one row with the rule that the second does not lie before the first.
    """

    name: str
    required: bool
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    row_zh: str
    row_en: str
    known_zh: str
    known_en: str
    distrust_zh: str
    distrust_en: str
    orderings: tuple[tuple[str, str, str], ...] = ()

    def column(self, name: str) -> Column:
        """The column of that name; KeyError where the table has none.

        Examples
        --------
        >>> from features.tables import CONTRACT
        >>> CONTRACT["orders"].column("amount").kind
        <Kind.MONEY: 'money'>
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")
