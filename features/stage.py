"""One file to one staged table, as it stands: every row that has the shape of a row, with its number in the file.

CSV cells arrive as text, Parquet cells in the file's types. Rows of the wrong shape go to the rejects here; what the
cells hold is asked in `features.accept`.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from credit.errors import TableUnreadable
from features.cells import quoted, text_literal, unreadable_as
from features.columns import Table
from features.misshapen import set_misshapen_aside
from features.raw_files import csv_header, digest_of, refuse_duplicates
from features.rejects import REJECTS_TABLE

MAX_ROW_BYTES = 16 << 20
_GLOB = frozenset("*?[]{}\\")


@dataclass(frozen=True, slots=True)
class Staged:
    """A staged file: the types of the contract's columns it has, and the names of the others.

    `misshapen` counts the rows lost because they could not be split into cells.
    """

    file: str
    types: dict[str, str]
    unknown_columns: tuple[str, ...]
    digest: str
    misshapen: int


def without_progress_bar(con: duckdb.DuckDBPyConnection) -> None:
    """Turn DuckDB's own progress bar off; a notebook without ipywidgets has none, and DuckDB refuses the question there."""
    with suppress(duckdb.InvalidInputException):
        con.execute("SET enable_progress_bar = false")


def open_workspace(*, zone: str, currency: str, now: datetime, today: date) -> duckdb.DuckDBPyConnection:
    """An empty database in memory that reads times in `zone` and spills to the system's temporary folder.

    `now` is the import's instant in UTC without a zone, `today` its civil day.
    """
    con = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": str(Path(tempfile.gettempdir()) / f"lianxin-duckdb-{os.getpid()}"),
        },
    )
    without_progress_bar(con)
    con.execute(f"SET TimeZone = {text_literal(zone)}")
    for name, value in (("currency", currency), ("now", now), ("today", today)):
        con.execute(f"SET VARIABLE {name} = $value", {"value": value})
    con.execute("CREATE SCHEMA work")
    con.execute(
        f'CREATE TABLE {REJECTS_TABLE} ("table" VARCHAR, file VARCHAR, "row" BIGINT, "column" VARCHAR, rule VARCHAR, value VARCHAR)'
    )
    return con


def stage_table(con: duckdb.DuckDBPyConnection, table: Table, path: Path) -> Staged:
    """Copy a file's rows into ``work.stage`` under the contract's column names, with ``source_row``.

    Raises
    ------
    TableUnreadable
        If the file cannot be read, lacks a required column, or names one twice.
    """
    digest = digest_of(path)
    with _plain_path(path) as plain:
        try:
            if path.name.endswith(".parquet"):
                return _stage_parquet(con, table, plain, path.name, digest)
            return _stage_csv(con, table, plain, path.name, digest)
        except duckdb.Error as error:
            raise TableUnreadable(f"{path.name}: {_reason(error)}; write the file again, or export it as CSV") from None


def _reason(error: duckdb.Error) -> str:
    """What DuckDB says, in one line, without its advice about its own options."""
    text = str(error)
    if "state machine reached an invalid state" in text:
        return "line endings are mixed, or quotes are broken beyond repair"
    first = text.splitlines()[0] if text else type(error).__name__
    return "cannot be read (" + first.removeprefix("Invalid Input Error: ").removeprefix("IO Error: ")[:300] + ")"


@contextmanager
def _plain_path(path: Path) -> Iterator[Path]:
    """The path itself, or a link to it where its name would be taken for a pattern of many files."""
    if not _GLOB & set(str(path)):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="lianxin-") as folder:
        link = Path(folder) / path.name
        link.symlink_to(path.resolve())
        yield link


def _matched(table: Table, names: tuple[str, ...], file: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """The contract's columns by name with the file's own spelling, and the names that are not the contract's."""
    spelled = {name.lower(): name for name in names}
    have = {column.name: spelled[column.name] for column in table.columns if column.name in spelled}
    lacking = [column.name for column in table.columns if column.required and column.name not in have]
    if lacking:
        hint = "; cells must be separated by commas" if len(names) == 1 and set(names[0]) & set(";\t|") else ""
        raise TableUnreadable(f"{file}: required columns are missing ({', '.join(lacking)}); found {', '.join(names)[:300]}{hint}")
    return have, tuple(name for name in names if name not in have.values())


def _stage_parquet(con: duckdb.DuckDBPyConnection, table: Table, path: Path, file: str, digest: str) -> Staged:
    source = f"read_parquet({text_literal(str(path))}, hive_partitioning = false)"
    described = con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    written = {row[0] for row in con.execute(f"SELECT name FROM parquet_schema({text_literal(str(path))})").fetchall()}
    types = {name: str(kind) for name, kind, *_ in described}
    refuse_duplicates(file, tuple(name if name in written else name.rsplit("_", 1)[0] for name in types))
    have, unknown = _matched(table, tuple(types), file)
    for name, own in have.items():
        problem = unreadable_as(table.column(name), types[own])
        if problem is not None:
            raise TableUnreadable(f"{file}: column {name}: {problem}")
    _create_stage(con, have, source)
    return Staged(file, {name: types[own] for name, own in have.items()}, unknown, digest, 0)


def _stage_csv(con: duckdb.DuckDBPyConnection, table: Table, path: Path, file: str, digest: str) -> Staged:
    names = csv_header(path)
    have, unknown = _matched(table, names, file)
    columns = ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in names)
    compression = "gzip" if file.endswith(".gz") else "none"
    source = (
        f"read_csv({text_literal(str(path))}, auto_detect = false, header = true, columns = {{{columns}}}, "
        f"delim = ',', quote = '\"', escape = '\"', nullstr = '', strict_mode = true, null_padding = false, "
        f"hive_partitioning = false, max_line_size = {MAX_ROW_BYTES}, compression = '{compression}', "
        f"store_rejects = true, rejects_table = 'csv_errors', rejects_scan = 'csv_scans')"
    )
    _create_stage(con, have, source)
    misshapen = set_misshapen_aside(con, table.name, path)
    con.execute("DROP TABLE csv_errors; DROP TABLE csv_scans")
    return Staged(file, dict.fromkeys(have, "VARCHAR"), unknown, digest, misshapen)


def _create_stage(con: duckdb.DuckDBPyConnection, have: dict[str, str], source: str) -> None:
    chosen = ", ".join(f"{quoted(own)} AS {name}" for name, own in have.items())
    con.execute(f"CREATE OR REPLACE TABLE work.stage AS SELECT {chosen} FROM {source}")
    con.execute("CREATE OR REPLACE TABLE work.shifts (good_before BIGINT, shift BIGINT)")
