"""Rows in memory to tables: the door for a history that arrives as rows instead of files, under the very same rules.

Stands beside `features.read` in the first step of the walk. A cell is text, a number or nothing; numbers are read by their digits as a
CSV file's are, so that a row means the same however it was handed over. Unlike a folder, rows are taken all or not at all.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import duckdb

from features.accept import accept_rows, create_empty
from features.columns import Kind, Table
from features.read import FolderReading, RawTables, TableReading
from features.rejects import Rejects
from features.stage import Staged, open_workspace
from features.tables import CONTRACT, REQUIRED_TABLES

Cell = str | int | Decimal | None
Row = Mapping[str, Cell]

NUMERIC: Final = frozenset({Kind.MONEY, Kind.NUMBER})
"""Kinds of columns whose cells may be numbers; all others are texts."""

MEMORY: Final = "512MB"
"""What the database of a history may hold."""


def open_rows(*, zone: str, currency: str, now: datetime) -> duckdb.DuckDBPyConnection:
    """Return an empty database to read rows into; whoever opened it may interrupt and must close it."""
    utc, today = now.astimezone(UTC).replace(tzinfo=None), now.astimezone(ZoneInfo(zone)).date()
    return open_workspace(zone=zone, currency=currency, now=utc, today=today, memory=MEMORY)


def read_rows(
    con: duckdb.DuckDBPyConnection, rows: Mapping[str, Sequence[Row]], *, zone: str, currency: str, now: datetime
) -> FolderReading:
    """Read rows against the data contract, each broken rule of each row among the rejects.

    Parameters
    ----------
    con
        As `open_rows` gives it for the same zone, currency and instant.
    rows
        By table; a table that is not there was not handed over, an empty one was, and holds nothing. A row's number among the rejects is
        its place, counted from 1.
    zone, currency, now
        As in `features.read.read_folder`.

    Returns
    -------
    FolderReading
        Its ``tables`` hold the rows that broke no rule.
    """
    readings: dict[str, TableReading] = {}
    for table in CONTRACT.values():
        if table.name in rows:
            known = frozenset(readings) & {"suppliers", "orders"}
            found, rejected = accept_rows(con, table, _stage(con, table, rows[table.name]), known)
            readings[table.name] = TableReading(table.name, found, rejected, accepted=True)
    create_empty(con, [table for table in CONTRACT.values() if table.name not in readings])
    con.execute("SET TimeZone = 'UTC'")
    missing = tuple(name for name in REQUIRED_TABLES if name not in rows)
    tables = RawTables(con, zone, currency, frozenset(readings), Path("rows"), {})
    return FolderReading(tables, Rejects(con), readings, missing, (), now)


def _stage(con: duckdb.DuckDBPyConnection, table: Table, rows: Sequence[Row]) -> Staged:
    """Copy rows into ``work.stage`` as texts, as `features.stage` does with those of a CSV file."""
    names = [column.name for column in table.columns]
    cells = {name: [_text(row.get(name)) for row in rows] for name in names}
    chosen = ", ".join(f"unnest(CAST(${name} AS VARCHAR[])) AS {name}" for name in names)
    con.execute(f"CREATE OR REPLACE TABLE work.stage AS SELECT {chosen}", cells)
    con.execute("CREATE OR REPLACE TABLE work.shifts (good_before BIGINT, shift BIGINT)")
    return Staged(table.name, dict.fromkeys(names, "VARCHAR"), (), "", 0)


def _text(cell: Cell) -> str | None:
    return cell if cell is None or isinstance(cell, str) else str(cell)
