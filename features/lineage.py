"""From a feature back to the columns it rests on, and so to whose leave it takes; and what an extract of a tier holds.

Stands beside the catalogue. A feature's columns are read from what its formula needs of the kernel: the day of the facts it counts, the
values it sums, the counterparties it tells apart, what decides whether such a fact is told at all, and the ids and `recorded_at` that
tell which row, in which version, is believed. tests/features/test_lineage.py holds every pair of feature and column to it.

Whether a supplier has a row at all on a date rests on every table: it has one from the first day anything but its registration was known.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from features.columns import Column, Kind, Tier
from features.facts import KIND_INDEX, KINDS, FactKind
from features.feature import Feature
from features.formula import Party
from features.plan import Elsewhere, Need, Parties, Window
from features.records import RECORDS
from features.tables import CONTRACT, REQUIRED_TABLES


class Role(StrEnum):
    """What a column does for a feature."""

    EVENT = "event"
    VALUE = "value"
    COUNTERPARTY = "counterparty"
    CONDITION = "condition"
    ROW = "row"
    KNOWN = "known"


_COMPLETED: Final = ("orders.cancelled_at", "orders.quantity", "fulfilments.delivered_at", "fulfilments.quantity_delivered")
_ISSUED: Final = ("invoices.issued_at",)
_UNPAID: Final = ("invoices.paid_at", "invoices.amount", "invoices.paid_amount", *_ISSUED)

_CONDITIONS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "order_due": _COMPLETED,
        "delivered": ("orders.ordered_at",),
        "inspected": ("orders.ordered_at", "fulfilments.quantity_rejected"),
        "returned": ("orders.ordered_at",),
        "invoice_due": _UNPAID,
        "invoice_closed": _UNPAID,
        "invoice_aged": _UNPAID,
        "invoice_aged_closed": _UNPAID,
        "invoice_paid": _ISSUED,
        "invoice_paid_late": _ISSUED,
        "certificate_verified": ("certificates.issued_on",),
        "certificate_expired": ("certificates.issued_on",),
        "cooperation_ended": ("cooperations.started_on",),
    }
)
"""Columns that decide, beside those of its day, whether a fact of a kind is told and from when: what is never overdue is not told as due,
no fact of a row is known before the row's own day, nothing is inspected where no reject was counted."""

_WEIGHED: Final = frozenset({"hhi", "top_share"})
"""Measures of the counterparties that look at amounts, the first value of their facts; the others count."""

_ELSEWHERE: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"order_placed": ("amount",), "invoice_paid": ("amount", "late_amount_days"), "purchased": ()}
)
"""Values the buyer network adds up of a kind, the supplier's own and others'; of a kind not named here, all of them."""


@dataclass(frozen=True, slots=True)
class Source:
    """One column of the contract, and what it does for a feature.

    Parameters
    ----------
    table : str
    column : Column
    roles : tuple of Role
        Empty where no feature is spoken of.
    """

    table: str
    column: Column
    roles: tuple[Role, ...] = ()

    @property
    def name(self) -> str:
        """`table.column`."""
        return f"{self.table}.{self.column.name}"


@dataclass(frozen=True, slots=True)
class Extract:
    """What a platform may hand over under a tier.

    Parameters
    ----------
    tier : Tier
    columns : tuple of Source
        The columns it holds, in the contract's order.
    stand_ins : tuple of str
        Required columns it may not hold, of tables it holds: every cell is one and the same word instead.
    features : tuple of Feature
        Those that are computed from it as from the whole; none where it is not readable.
    is_readable : bool
        Whether it holds every required table; one that does not only stands beside another.
    """

    tier: Tier
    columns: tuple[Source, ...]
    stand_ins: tuple[str, ...]
    features: tuple[Feature, ...]
    is_readable: bool


def contract_columns() -> tuple[Source, ...]:
    """Return every column of the contract, in its order."""
    return tuple(Source(table.name, column) for table in CONTRACT.values() for column in table.columns)


def row_columns(table: str) -> tuple[str, ...]:
    """Return the columns that tell which row of a table is meant: the supplier, the key, the order it belongs to.

    Examples
    --------
    >>> row_columns("reviews")
    ('supplier_id', 'review_id', 'order_id')
    """
    spec = RECORDS[table]
    return tuple(dict.fromkeys(("supplier_id", *spec.key, *([spec.link] if spec.link else []))))


def sources(feature: Feature) -> tuple[Source, ...]:
    """Return the columns a feature rests on, in the contract's order, and no other column changes it.

    Examples
    --------
    >>> from features.catalog import CATALOG
    >>> [source.name for source in sources(CATALOG[1])]
    ['suppliers.supplier_id', 'suppliers.registered_on', 'suppliers.recorded_at']
    """
    found: dict[str, set[Role]] = {}
    for need in feature.formula.needs():
        for role, columns in _read_by(need, KINDS[KIND_INDEX[need.kind]], feature):
            for name in columns:
                found.setdefault(name, set()).add(role)
    for table in {name.partition(".")[0] for name in found}:
        for name in row_columns(table):
            found.setdefault(f"{table}.{name}", set()).add(Role.ROW)
        found.setdefault(f"{table}.recorded_at", set()).add(Role.KNOWN)
    return tuple(
        Source(source.table, source.column, tuple(role for role in Role if role in found[source.name]))
        for source in contract_columns()
        if source.name in found
    )


def _read_by(need: Need, kind: FactKind, feature: Feature) -> Iterator[tuple[Role, tuple[str, ...]]]:
    """What one need reads of the facts of its kind."""
    yield Role.EVENT, kind.event
    yield Role.CONDITION, _CONDITIONS.get(kind.name, ())
    if isinstance(need, Parties | Elsewhere):
        yield Role.COUNTERPARTY, (kind.party,)
    named = _values(need, kind, feature)
    for value in kind.values:
        if value.name in named:
            yield Role.VALUE, value.columns


def _values(need: Need, kind: FactKind, feature: Feature) -> tuple[str, ...]:
    """Names of the values one need reads."""
    if isinstance(need, Window):
        return (need.column,)
    if isinstance(need, Parties):
        return (kind.values[0].name,) if _weighs(feature, need) else ()
    if isinstance(need, Elsewhere):
        return _ELSEWHERE.get(kind.name, tuple(value.name for value in kind.values))
    return ()


def _weighs(feature: Feature, need: Parties) -> bool:
    """Whether a feature looks at the amounts of the counterparties, not only at how often they are met."""
    measures = [part.metric for part in _parts(feature.formula) if isinstance(part, Party) and part.needs() == (need,)]
    return not measures or any(metric in _WEIGHED for metric in measures)


def _parts(formula: Any) -> Iterator[Any]:
    """A formula and all it is made of."""
    yield formula
    if is_dataclass(formula):
        for field in fields(formula):
            yield from _parts(getattr(formula, field.name))


def tier_of(feature: Feature) -> Tier:
    """Return whose leave a feature takes: the highest tier of its columns."""
    return max((source.column.tier for source in sources(feature)), key=lambda tier: tier.rank)


def used_by(features: Iterable[Feature]) -> dict[str, tuple[str, ...]]:
    """Return, for each column some feature rests on, the features' names."""
    out: dict[str, tuple[str, ...]] = {}
    for feature in features:
        for source in sources(feature):
            out[source.name] = (*out.get(source.name, ()), feature.name)
    return out


def extract_of(tier: Tier, features: Iterable[Feature]) -> Extract:
    """Return what a platform may hand over under a tier, and which of the features can be computed from it."""
    held = tuple(source for source in contract_columns() if tier.allows(source.column.tier))
    tables = {source.table for source in held}
    withheld = (source for source in contract_columns() if source.table in tables and not tier.allows(source.column.tier))
    is_readable = tables.issuperset(REQUIRED_TABLES)
    return Extract(
        tier=tier,
        columns=held,
        stand_ins=tuple(source.name for source in withheld if source.column.required),
        features=tuple(feature for feature in features if is_readable and tier.allows(tier_of(feature))),
        is_readable=is_readable,
    )


def id_columns() -> tuple[str, ...]:
    """Return the columns that hold ids, which a de-identified extract replaces one to one."""
    return tuple(source.name for source in contract_columns() if source.column.kind is Kind.ID)
