"""Rows to records: each contract table as the few numbers per row that facts are made of.

The only place that says which columns of the contract the ledger reads and what a record holds of them: of a time the civil day of the
zone, of money fen, of a quantity thousandths, of a word its place in the closed set, of an id a hash or a code. `features.record_columns`
turns cells into these numbers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from features.civil import NONE

MISSING: Final = np.iinfo(np.int64).min
"""The number of a cell that is not given."""

Records = npt.NDArray[np.void]
"""Structured array of one table's records; its fields are those of `RECORDS`."""


@dataclass(frozen=True, slots=True)
class Field:
    """One number of a record.

    Parameters
    ----------
    name : str
    kind : str
        How the cell becomes a number: day, fen, thousandths, hundredths, ten_thousandths, word, party, length, score, moment.
    column : str
        The contract column it is read from.
    otherwise : str
        The column that stands in where the first is missing, empty for none.
    """

    name: str
    kind: str
    column: str
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class RecordTable:
    """How one contract table becomes records.

    Parameters
    ----------
    table : str
    fields : tuple of Field
    key : tuple of str
        Columns besides the supplier's id that tell rows of one supplier apart; versions of a row share them.
    shown : tuple of str
        Columns whose values, joined by "/", name the row to a reader.
    link : str
        Column of the order the row belongs to, empty for none.
    always : tuple of str
        Columns that are read whatever the features ask for: they decide whether and since when the row tells anything.
    """

    table: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    shown: tuple[str, ...] = ()
    link: str = ""
    always: tuple[str, ...] = ()

    @property
    def dtype(self) -> np.dtype[np.void]:
        """The record: 8-byte numbers first, so that every field lies aligned."""
        wide = [("key", "i8"), *([("order", "i8")] if self.link else []), ("recorded", "i8")]
        wide += [(field.name, "i8") for field in self.fields if _WIDE[field.kind]]
        narrow = [("supplier", "i4"), ("recorded_day", "i4"), *((field.name, "i4") for field in self.fields if not _WIDE[field.kind])]
        return np.dtype([*wide, *narrow], align=True)

    @property
    def columns(self) -> tuple[str, ...]:
        """Contract columns it is read from."""
        fields = (column for field in self.fields for column in (field.column, field.otherwise) if column)
        link = [self.link] if self.link else []
        return tuple(dict.fromkeys(["supplier_id", *self.key, *link, *fields, "recorded_at"]))

    def columns_read(self, is_wanted: Callable[[str], bool], *, is_keyed: bool, is_corrected: bool = True) -> tuple[str, ...]:
        """Return the columns that are read where only some are wanted (asked as table.column); the time of recording only where
        any row has one, the key only where rows have versions.
        """
        needed = {"supplier_id", self.link, *self.always, *(("recorded_at",) if is_corrected else ()), *(self.key if is_keyed else ())}
        return tuple(name for name in self.columns if name in needed or is_wanted(f"{self.table}.{name}"))


_WIDE: Final[Mapping[str, bool]] = MappingProxyType(
    {
        "day": False,
        "fen": True,
        "thousandths": True,
        "hundredths": True,
        "ten_thousandths": False,
        "word": False,
        "party": False,
        "length": False,
        "score": False,
        "moment": True,
    }
)

ABSENT: Final[Mapping[str, int]] = MappingProxyType(
    {
        **dict.fromkeys(("fen", "thousandths", "hundredths", "moment"), MISSING),
        **dict.fromkeys(("day", "ten_thousandths"), NONE),
        **dict.fromkeys(("word", "length", "score"), 0),
        "party": -1,
    }
)
"""What stands for a cell that is not given."""

_TABLES: Final = (
    RecordTable("suppliers", (Field("joined", "day", "joined_at"), Field("registered", "day", "registered_on")), (), always=("joined_at",)),
    RecordTable(
        "orders",
        (
            Field("ordered_at", "moment", "ordered_at"),
            Field("ordered", "day", "ordered_at"),
            Field("promised", "day", "promised_at"),
            Field("cancelled", "day", "cancelled_at"),
            Field("quantity", "thousandths", "quantity"),
            Field("amount", "fen", "amount"),
            Field("party", "party", "buyer_id"),
        ),
        ("order_id",),
        ("order_id",),
        always=("ordered_at",),
    ),
    RecordTable(
        "fulfilments",
        (
            Field("delivered", "day", "delivered_at"),
            Field("inspected", "day", "accepted_at", "delivered_at"),
            Field("returned", "day", "returned_at"),
            Field("quantity_delivered", "thousandths", "quantity_delivered"),
            Field("quantity_rejected", "thousandths", "quantity_rejected"),
            Field("return_amount", "fen", "return_amount"),
        ),
        ("fulfilment_id", "order_id"),
        ("order_id", "fulfilment_id"),
        "order_id",
    ),
    RecordTable(
        "reviews",
        (
            Field("reviewed", "day", "reviewed_at"),
            Field("stars", "hundredths", "rating"),
            Field("text_length", "length", "text"),
            Field("text_score", "score", "text"),
            Field("party", "party", "buyer_id"),
        ),
        ("review_id", "order_id"),
        ("order_id", "review_id"),
        always=("reviewed_at",),
    ),
    RecordTable(
        "purchases",
        (
            Field("purchased", "day", "purchased_at"),
            Field("cancelled", "day", "cancelled_at"),
            Field("amount", "fen", "amount"),
            Field("party", "party", "vendor_id"),
        ),
        ("purchase_id",),
        ("purchase_id",),
        always=("amount",),
    ),
    RecordTable(
        "invoices",
        (
            Field("issued", "day", "issued_at"),
            Field("due", "day", "due_at"),
            Field("paid", "day", "paid_at"),
            Field("amount", "fen", "amount"),
            Field("paid_amount", "fen", "paid_amount"),
            Field("party", "party", "buyer_id"),
        ),
        ("invoice_id",),
        ("invoice_id",),
        always=("issued_at", "amount"),
    ),
    RecordTable(
        "inventory",
        (Field("observed", "day", "observed_at"), Field("value", "fen", "value"), Field("cover", "hundredths", "days_of_cover")),
        ("observed_at", "category"),
        ("observed_at", "category"),
    ),
    RecordTable(
        "production",
        (
            Field("observed", "day", "observed_at"),
            Field("utilisation", "ten_thousandths", "utilisation"),
            Field("state", "word", "state"),
        ),
        ("observed_at",),
        ("observed_at",),
    ),
    RecordTable(
        "certificates",
        (
            Field("certificate", "word", "certificate"),
            Field("issued", "day", "issued_on"),
            Field("expires", "day", "expires_on"),
            Field("verified", "day", "verified_at"),
        ),
        ("certificate", "issued_on"),
        ("certificate", "issued_on"),
        always=("issued_on",),
    ),
    RecordTable(
        "cooperations",
        (
            Field("content", "word", "content"),
            Field("level", "word", "level"),
            Field("started", "day", "started_on"),
            Field("ended", "day", "ended_on"),
            Field("party", "party", "partner_id"),
        ),
        ("partner_id", "content", "started_on"),
        ("partner_id", "content", "started_on"),
        always=("started_on",),
    ),
)

RECORDS: Final[Mapping[str, RecordTable]] = MappingProxyType({table.table: table for table in _TABLES})
"""How each table of the contract the ledger reads becomes records, by name."""

MOVABLE: Final = ("purchases", "invoices")
"""Tables whose key is the platform's alone: a correction may move a row from one supplier to another."""
