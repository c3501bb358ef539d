"""Rows to records: each contract table as the few numbers per row that facts are made of.

The only place that says which columns of the contract the ledger reads and how a cell becomes a number: a time the civil day of the
zone, money fen, a quantity thousandths, a word its place in the closed set, an id a hash or a code. An engine only has to hand over
the columns (`select_list`), in any order of rows; DuckDB, Spark and the service meet here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from features.arrow import Cells
from features.civil import ALWAYS, NONE, civil_days
from features.columns import Kind
from features.compiled import jit
from features.identity import IdIndex, mix
from features.tables import CONTRACT

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

_ABSENT: Final[Mapping[str, int]] = MappingProxyType(
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


@jit
def put(numbers, valid, missing, out):
    """Write numbers to a field, and what stands for a missing one."""
    for i in range(len(out)):
        out[i] = numbers[i] if valid[i] else missing


@jit
def put_scaled(numbers, valid, scale, missing, out):
    """Write numbers times a scale, rounded half to even."""
    for i in range(len(out)):
        out[i] = np.int64(np.rint(numbers[i] * scale)) if valid[i] else missing


@jit
def put_missing(numbers, missing, out):
    """Write numbers where a field is missing."""
    for i in range(len(out)):
        if out[i] == missing:
            out[i] = numbers[i]


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes of suppliers and counterparties; counterparties are met as they come, suppliers are known beforehand."""

    suppliers: IdIndex
    parties: IdIndex


Score = Callable[[Cells, npt.NDArray[np.int32]], npt.NDArray[np.int32]]
"""Scores texts, given the day each became known."""


def select_list(table: RecordTable, columns: Iterable[str] | None = None) -> str:
    """Return the SQL list of the columns an engine hands over; money as whole fen, which every engine computes exactly."""
    named = table.columns if columns is None else tuple(columns)
    contract = CONTRACT[table.table]
    return ", ".join(f"CAST({name} * 100 AS BIGINT) AS {name}" if contract.column(name).kind is Kind.MONEY else name for name in named)


def to_records(
    table: RecordTable,
    cells: Mapping[str, Cells],
    codes: Codes,
    zone: str,
    score: Score | None = None,
    *,
    room: Records | None = None,
    moments: bool = True,
) -> Records:
    """Return the records of a run of rows.

    Parameters
    ----------
    table : RecordTable
    cells : mapping of str to Cells
        The table's columns by name. What no feature wants may be left out (`text`), and the key where no row has a second version;
        without `recorded_at` no row has one.
    codes : Codes
    zone : str
        Civil days are days of this zone.
    score : callable, optional
        Scores a review's text; 0 without it.
    room : structured array, optional
        Where the records are written, if it is long enough; its rows are theirs until it is used again.
    moments : bool
        Tell moments, for which only an update asks.
    """
    out = _told(table, cells, codes, zone, _blank(table), room)
    if table.link:
        cells[table.link].hashes(out["order"])
    for field in table.fields:
        if field.column not in cells or (field.kind == "moment" and not moments):
            continue
        if field.kind == "score":
            if score is not None:
                out[field.name] = score(cells[field.column], _known(out, out["reviewed"]))
        elif field.kind == "party":
            party = cells[field.column]
            codes.parties.encode(party.data, party.offsets, party.valid, out=out[field.name])
        else:
            _put_number(field, cells, table.table, zone, out[field.name])
    return out


def void_records(table: RecordTable, cells: Mapping[str, Cells], codes: Codes, zone: str) -> Records:
    """Return records that only end the older version of their key: the row now stands with another supplier."""
    return _told(table, cells, codes, zone, _blank(table, is_void=True))


@lru_cache
def _blank(table: RecordTable, *, is_void: bool = False) -> Records:
    """The record of a row that gives nothing, or only ends another."""
    out = np.zeros(1, dtype=table.dtype)
    out["recorded"], out["recorded_day"] = ALWAYS, NONE
    for field in () if is_void else table.fields:
        out[field.name] = _ABSENT[field.kind]
    if is_void:
        out["amount"], out["party"] = MISSING, -1
    return out


def _told(table: RecordTable, cells: Mapping[str, Cells], codes: Codes, zone: str, blank: Records, room: Records | None = None) -> Records:
    """Records that say of whom, when, and under which key; all else as in the one they begin as."""
    supplier, recorded = cells["supplier_id"], cells.get("recorded_at")
    rows = len(supplier)
    out = np.empty(rows, dtype=table.dtype) if room is None or len(room) < rows else room[:rows]
    _repeat(blank.view(np.int64), out.view(np.int64).reshape(rows, -1))
    codes.suppliers.encode(supplier.data, supplier.offsets, supplier.valid, grow=False, out=out["supplier"])
    if recorded is not None:
        put(recorded.numbers, recorded.valid, ALWAYS, out["recorded"])
        civil_days(recorded.numbers, recorded.valid, zone, out["recorded_day"])
    if table.key and all(name in cells for name in table.key):
        _hash_of([cells[name] for name in table.key], out["key"])
    return out


@jit
def _repeat(words, out):
    """Write the words of one record to each."""
    for i in range(len(out)):
        for j in range(len(words)):
            out[i, j] = words[j]


def _known(records: Records, event: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    return np.asarray(np.maximum(records["recorded_day"], event))


def _hash_of(cells: list[Cells], out: npt.NDArray[np.int64]) -> None:
    cells[0].hashes(out)
    for other in cells[1:]:
        mix(out, other.hashes(), out)


def _put_number(field: Field, cells: Mapping[str, Cells], table: str, zone: str, out: npt.NDArray[Any]) -> None:
    cell = cells[field.column]
    missing = _ABSENT[field.kind]
    if field.kind == "day":
        cell.days(zone, out)
        if field.otherwise:
            put_missing(cells[field.otherwise].days(zone), NONE, out)
    elif field.kind in ("moment", "fen"):
        put(cell.numbers, cell.valid, missing, out)
    elif field.kind == "length":
        out[:] = cell.lengths()
    elif field.kind == "word":
        out[:] = cell.words(CONTRACT[table].column(field.column).words)
    else:
        scale = {"thousandths": 1000.0, "hundredths": 100.0, "ten_thousandths": 10_000.0}[field.kind]
        put_scaled(cell.numbers, cell.valid, scale, missing, out)
