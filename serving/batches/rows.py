"""What does an uploaded file ask for? Its rows with their numbers, each fit to be scored or with the rule it breaks.

CSV is UTF-8 with commas; Parquet passes the guards of the data contract's reader. Row 1 is the first after the header. What cannot be
read at all is refused with a code; nothing of the file is ever repeated.
"""

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from credit.errors import TableUnreadable
from features.stage import sound_parquet
from serving.http.refusals import BatchUnreadable
from serving.schemas import SUPPLIER_ID_PATTERN

COLUMNS = ("supplier_id", "as_of")
PARQUET = "application/vnd.apache.parquet"
_ID = re.compile(SUPPLIER_ID_PATTERN)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One row: whom to score as of when (None: the batch's day), or, with a ``code``, the rule it breaks and in which column."""

    number: int
    supplier_id: str | None
    as_of: date | None
    column: str | None = None
    code: str | None = None


def read_rows(data: bytes, *, is_parquet: bool, most: int) -> list[BatchRow]:
    """Return the rows of an upload.

    Raises
    ------
    BatchUnreadable
        It is empty, not what it is announced as, in another encoding, lacks the supplier's column or has others than it may, has more
        than ``most`` rows, or unpacks beyond all measure.
    """
    cells = _parquet_cells(data, most) if is_parquet else _csv_cells(data)
    rows: list[BatchRow] = []
    seen: set[tuple[str | None, date | None]] = set()
    for found in cells:
        if len(rows) >= most:
            raise BatchUnreadable("too_many_batch_rows", limit=most)
        row = _row(len(rows) + 1, found)
        if row.code is None and (row.supplier_id, row.as_of) in seen:
            row = BatchRow(row.number, None, None, "supplier_id", "row_twice")
        seen.add((row.supplier_id, row.as_of))
        rows.append(row)
    if not rows:
        raise BatchUnreadable("body_empty")
    return rows


def _row(number: int, cells: tuple[str | None, str | None] | None) -> BatchRow:
    """Return a row as it can be scored, or with the first rule it breaks."""
    if cells is None:
        return BatchRow(number, None, None, None, "row_misshapen")
    supplier_id, day = cells
    fault = _fault(supplier_id)
    if fault is not None:
        return BatchRow(number, None, None, "supplier_id", fault)
    try:
        return BatchRow(number, supplier_id, _day(day))
    except ValueError:
        return BatchRow(number, None, None, "as_of", "date")


def _fault(supplier_id: str | None) -> str | None:
    """Return the rule a supplier's id breaks."""
    if not supplier_id:
        return "missing"
    if len(supplier_id) > _LONGEST_ID:
        return "string_too_long"
    return None if _ID.fullmatch(supplier_id) else "string_pattern_mismatch"


def _day(text: str | None) -> date | None:
    """Read a day, None where there is none; ValueError where it is written otherwise or is no day."""
    if not text:
        return None
    if not _DAY.fullmatch(text):
        raise ValueError("a day is written YYYY-MM-DD")
    return date.fromisoformat(text)


def _places(names: Iterable[str]) -> dict[str, int]:
    """Return where the columns stand."""
    found = [name.strip() for name in names]
    if "supplier_id" not in found:
        raise BatchUnreadable("column_missing")
    if len(set(found)) != len(found) or set(found) - set(COLUMNS):
        raise BatchUnreadable("column_unknown")
    return {name: place for place, name in enumerate(found)}


def _csv_cells(data: bytes) -> Iterator[tuple[str | None, str | None] | None]:
    """Read CSV; a row of another number of cells is None, a blank line nothing."""
    if data[:4] == b"PAR1" or data[:2] in (b"PK", b"\x1f\x8b"):
        raise BatchUnreadable("file_not_csv")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise BatchUnreadable("file_not_utf8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BatchUnreadable("file_not_utf8") from None
    if not text.strip():
        raise BatchUnreadable("body_empty")
    if "\x00" in text:
        raise BatchUnreadable("file_not_csv")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader)
        places = _places(header)
        for cells in reader:
            if len(cells) == len(header):
                yield cells[places["supplier_id"]].strip(), cells[places["as_of"]].strip() if "as_of" in places else None
            elif cells:
                yield None
    except csv.Error:
        raise BatchUnreadable("file_not_csv") from None


def _parquet_cells(data: bytes, most: int) -> Iterator[tuple[str | None, str | None]]:
    """Read Parquet through the guards against files that are none, or far larger than they look."""
    with tempfile.TemporaryDirectory(prefix="lianxin-batch-") as folder, duckdb.connect() as con:
        path = Path(folder) / "upload.parquet"
        path.write_bytes(data)
        con.execute(f"SET memory_limit = '512MB'; SET threads = 1; SET temp_directory = '{folder}'")
        try:
            source, types = sound_parquet(con, path, "the upload")
        except TableUnreadable:
            raise BatchUnreadable("file_not_parquet") from None
        places = _places(types)
        if types["supplier_id"] != "VARCHAR" or types.get("as_of", "DATE") not in ("DATE", "VARCHAR"):
            raise BatchUnreadable("column_type")
        day = "as_of::VARCHAR" if "as_of" in places else "NULL"
        try:
            found = con.execute(f"SELECT supplier_id, {day} FROM {source} LIMIT {most + 1}").fetchall()
        except duckdb.Error:
            raise BatchUnreadable("file_not_parquet") from None
    yield from found
