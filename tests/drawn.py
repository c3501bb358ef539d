"""Tables drawn as text, as a reader would sketch them, turned into the accepted rows the ledger is built from.

A cell in a column of times or dates may be written as days from the as-of date: `-90` is ninety days before it, `0` the as-of date
itself, `-3 16:30` half past four (UTC) three days before. All other cells stand as they are; an empty cell is missing.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path

import duckdb

from features.columns import SQL_TYPES, Kind, Table
from features.read import RawTables
from features.tables import CONTRACT

Row = Mapping[str, object]

AS_OF = date(2026, 1, 1)
"""The as-of date of drawings that name no other: 365 days before it begins 2025."""

_DAYS_FROM_AS_OF = re.compile(r"([+-]?\d{1,4})(?: (\d\d):(\d\d))?")


def parse(drawing: str) -> list[dict[str, object]]:
    """Rows of a drawing: first line the columns, cells between bars, an empty cell is missing."""
    lines = [line for line in drawing.strip().splitlines() if line.strip()]
    names = [name.strip() for name in lines[0].split("|")]
    cells = [[cell.strip() or None for cell in line.split("|")] for line in lines[1:]]
    return [dict(zip(names, row, strict=True)) for row in cells]


def tables_of(rows: Mapping[str, Sequence[Row]], *, zone: str = "Asia/Shanghai") -> RawTables:
    """Accepted rows as the reader would hold them; times are given in UTC. Absent tables are absent."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    for name, table in CONTRACT.items():
        columns = ", ".join(f"{column.name} {SQL_TYPES[column.kind]}" for column in table.columns)
        con.execute(f"CREATE TABLE {name} ({columns}, source_row BIGINT)")
        order = [column.name for column in table.columns]
        cells = [[*(row.get(column) for column in order), number] for number, row in enumerate(rows.get(name, ()), 1)]
        if unknown := {column for row in rows.get(name, ()) for column in row} - set(order):
            raise ValueError(f"{name} has no column {', '.join(sorted(unknown))}")
        if cells:
            marks = ", ".join(["(" + ", ".join("?" for _ in (*order, "source_row")) + ")"] * len(cells))
            con.execute(f"INSERT INTO {name} VALUES {marks}", [cell for row in cells for cell in row])
    return RawTables(
        con=con, zone=zone, currency="CNY", present=frozenset(rows), source=Path("drawn"), digests={name: "0" * 64 for name in rows}
    )


def draw(drawings: Mapping[str, str], *, as_of: date = AS_OF, zone: str = "UTC") -> RawTables:
    """Accepted rows from drawings by table name; a day is a UTC day unless a zone is named, and times are UTC in any case."""
    rows = {name: [_dated(row, CONTRACT[name], as_of) for row in parse(text)] for name, text in drawings.items()}
    return tables_of(rows, zone=zone)


def _dated(row: Row, table: Table, as_of: date) -> dict[str, object]:
    return {name: _day_cell(cell, as_of) if table.column(name).kind in (Kind.TIME, Kind.DATE) else cell for name, cell in row.items()}


def _day_cell(cell: object, as_of: date) -> object:
    found = _DAYS_FROM_AS_OF.fullmatch(str(cell))
    if found is None:
        return cell
    days, hour, minute = found.groups()
    return datetime.combine(as_of, time(int(hour or 0), int(minute or 0))) + timedelta(days=int(days))
