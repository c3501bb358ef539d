"""Tables drawn as text, as a reader would sketch them, turned into the accepted rows the ledger is built from."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from features.columns import SQL_TYPES
from features.read import RawTables
from features.tables import CONTRACT

Row = Mapping[str, object]


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
        for number, row in enumerate(rows.get(name, ()), 1):
            given = {**row, "source_row": number}
            marks = ", ".join("?" for _ in given)
            con.execute(f"INSERT INTO {name} ({', '.join(given)}) VALUES ({marks})", list(given.values()))
    return RawTables(
        con=con, zone=zone, currency="CNY", present=frozenset(rows), source=Path("drawn"), digests={name: "0" * 64 for name in rows}
    )


def draw(**drawings: str) -> RawTables:
    """Accepted rows from drawings by table name; days in the drawings are Shanghai days when written without a time."""
    rows = {name: parse(drawing) for name, drawing in drawings.items()}
    return tables_of(rows, zone="UTC")
