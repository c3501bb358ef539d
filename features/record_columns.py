"""Rows to the numbers of their records, a column at a time.

Stands inside the second step of the walk. An engine only has to hand over the columns (`select_list`), in any order of rows; DuckDB, Spark
and the service meet here. Columns are kept apart, and what is not given once for all rows, until something asks for whole records.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from features.arrow import Cells
from features.civil import ALWAYS, NONE, civil_days
from features.columns import Kind
from features.compiled import jit
from features.identity import IdIndex, mix
from features.records import ABSENT, MISSING, RECORDS, Field, Records, RecordTable
from features.tables import CONTRACT

_SCALES: Final = {"thousandths": 1000.0, "hundredths": 100.0, "ten_thousandths": 10_000.0}


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes of suppliers and counterparties; counterparties are met as they come, suppliers are known beforehand."""

    suppliers: IdIndex
    parties: IdIndex


Score = Callable[[Cells, npt.NDArray[np.int32]], npt.NDArray[np.int32]]
"""Scores texts, given the day each became known."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Records of a run of rows, field by field.

    Parameters
    ----------
    table : str
    common : structured array (1,)
        The record of a row that gives nothing.
    given : dict of str to array (rows,)
        Fields in which rows may differ from it, each in the record's own type; always the supplier's code.
    """

    table: str
    common: Records
    given: dict[str, npt.NDArray[Any]]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.given["supplier"])

    def records(self) -> Records:
        """Return the whole records."""
        out = np.empty(len(self), dtype=self.common.dtype)
        _repeat(self.common.view(np.int64), out.view(np.int64).reshape(len(self), -1))
        for name, values in self.given.items():
            out[name] = values
        return out


def select_list(table: RecordTable, columns: Iterable[str] | None = None) -> str:
    """Return the SQL list of the columns an engine hands over; money as whole fen, which every engine computes exactly."""
    named = table.columns if columns is None else tuple(columns)
    contract = CONTRACT[table.table]
    return ", ".join(f"CAST({name} * 100 AS BIGINT) AS {name}" if contract.column(name).kind is Kind.MONEY else name for name in named)


def to_columns(
    table: RecordTable, cells: Mapping[str, Cells], codes: Codes, zone: str, score: Score | None = None, *, moments: bool = True
) -> Columns:
    """Return the fields of a run of rows.

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
    moments : bool
        Tell moments, for which only an update asks.
    """
    out = _told(table, cells, codes, zone, _blank(table))
    if table.link:
        out.given["order"] = cells[table.link].hashes()
    for field in table.fields:
        if field.column not in cells or (field.kind == "moment" and not moments):
            continue
        if field.kind == "score":
            if score is not None:
                out.given[field.name] = score(cells[field.column], _known(out, out.given["reviewed"]))
        elif field.kind == "party":
            party = cells[field.column]
            out.given[field.name] = codes.parties.encode(party.data, party.offsets, party.valid)
        else:
            out.given[field.name] = _numbers(field, cells, table.table, zone)
    return out


def to_records(table: RecordTable, cells: Mapping[str, Cells], codes: Codes, zone: str, score: Score | None = None) -> Records:
    """Return the records of a run of rows; the arguments are those of `to_columns`."""
    return to_columns(table, cells, codes, zone, score).records()


def void_columns(table: RecordTable, cells: Mapping[str, Cells], codes: Codes, zone: str) -> Columns:
    """Return the fields of records that only end the older version of their key: the row now stands with another supplier."""
    return _told(table, cells, codes, zone, _blank(table, is_void=True))


@lru_cache
def _blank(table: RecordTable, *, is_void: bool = False) -> Records:
    """The record of a row that gives nothing, or only ends another."""
    out = np.zeros(1, dtype=table.dtype)
    out["recorded"], out["recorded_day"] = ALWAYS, NONE
    for field in () if is_void else table.fields:
        out[field.name] = ABSENT[field.kind]
    if is_void:
        out["amount"], out["party"] = MISSING, -1
    return out


def _told(table: RecordTable, cells: Mapping[str, Cells], codes: Codes, zone: str, blank: Records) -> Columns:
    """Of whom, when, and under which key; all else as in the record they begin as."""
    supplier, recorded = cells["supplier_id"], cells.get("recorded_at")
    given: dict[str, npt.NDArray[Any]] = {"supplier": codes.suppliers.encode(supplier.data, supplier.offsets, supplier.valid, grow=False)}
    if recorded is not None:
        given["recorded"] = np.where(recorded.valid, recorded.numbers, ALWAYS)
        given["recorded_day"] = civil_days(recorded.numbers, recorded.valid, zone)
    if table.key and all(name in cells for name in table.key):
        given["key"] = _hash_of([cells[name] for name in table.key])
    return Columns(table.table, blank, given)


def _known(rows: Columns, event: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    recorded: npt.NDArray[np.int32] = rows.given.get("recorded_day", rows.common["recorded_day"])
    return np.asarray(np.maximum(recorded, event))


def _hash_of(cells: list[Cells]) -> npt.NDArray[np.int64]:
    out = cells[0].hashes()
    for other in cells[1:]:
        mix(out, other.hashes(), out)
    return out


def _numbers(field: Field, cells: Mapping[str, Cells], table: str, zone: str) -> npt.NDArray[Any]:
    """The numbers of a field, in the type its records have."""
    cell, missing = cells[field.column], ABSENT[field.kind]
    if field.kind == "day":
        days = cell.days(zone)
        return np.where(days == NONE, cells[field.otherwise].days(zone), days) if field.otherwise else days
    if field.kind in ("moment", "fen"):
        return np.where(cell.valid, cell.numbers, missing)
    if field.kind == "length":
        return cell.lengths()
    if field.kind == "word":
        return cell.words(CONTRACT[table].column(field.column).words)
    out = np.empty(len(cell), dtype=RECORDS[table].dtype[field.name])
    _put_scaled(cell.numbers, cell.valid, _SCALES[field.kind], missing, out)
    return out


@jit
def _repeat(words, out):
    """Write the words of one record to each."""
    for i in range(len(out)):
        for j in range(len(words)):
            out[i, j] = words[j]


@jit
def _put_scaled(numbers, valid, scale, missing, out):
    """Write numbers times a scale, rounded half to even."""
    for i in range(len(out)):
        out[i] = np.int64(np.rint(numbers[i] * scale)) if valid[i] else missing
