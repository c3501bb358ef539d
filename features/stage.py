"""One file to one staged table, as it stands: every row that has the shape of a row, with its number in the file.

CSV cells arrive as text, Parquet cells in the file's types. Rows of the wrong shape go to the rejects here; what the
cells hold is asked in `features.accept`.
"""

import os
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from credit.errors import OutOfRange, TableUnreadable
from features.cells import quoted, text_literal, unreadable_as
from features.columns import Table
from features.misshapen import refuse_many_misshapen, set_misshapen_aside
from features.raw_files import (
    csv_header,
    digest_of,
    known_currency,
    most_unpacked,
    readable,
    refuse_duplicates,
    refuse_no_file,
    refuse_too_many,
    shown,
    unpacks_too_far,
)
from features.rejects import create_rejects

MAX_ROW_BYTES = 16 << 20
_SMALLEST_PARQUET = 12
_FEW_ROWS = 1_000_000
_MOST_ROWS_PER_BYTE = 100
MEMORY_LIMIT = "2GB"
"""What the database of a reading may hold in memory; the rest goes to the temporary folder (TMPDIR)."""
_OTHER_DELIMITERS = frozenset(";\t|，；、")
_GLOB = frozenset("*?[]{}\\")
# DuckDB lets a row end in one cell too many if that cell is its null text, so no cell may be it; empty cells are read in `features.cells`.
_NO_NULL_TEXT = "\x1fnothing is written like this\x1f"


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


def open_workspace(*, zone: str, currency: str, now: datetime, today: date, memory: str = MEMORY_LIMIT) -> duckdb.DuckDBPyConnection:
    """An empty database that reads times in `zone` and spills to the system's temporary folder what `memory` does not hold.

    `now` is the import's instant in UTC without a zone, `today` its civil day.

    Raises
    ------
    OutOfRange
        If the currency is not a code, or DuckDB does not know the zone.
    """
    con = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": memory,
            "temp_directory": str(Path(tempfile.gettempdir()) / f"lianxin-duckdb-{os.getpid()}"),
        },
    )
    without_progress_bar(con)
    try:
        con.execute(f"SET TimeZone = {text_literal(zone)}")
    except duckdb.Error:
        raise OutOfRange(f"zone: {zone!r} is not a time zone that can be read in; name one such as Asia/Shanghai") from None
    for name, value in (("currency", known_currency(currency)), ("now", now), ("today", today)):
        con.execute(f"SET VARIABLE {name} = $value", {"value": value})
    create_rejects(con)
    return con


def stage_table(con: duckdb.DuckDBPyConnection, table: Table, path: Path) -> Staged:
    """Copy a file's rows into ``work.stage`` under the contract's column names, with ``source_row``.

    Raises
    ------
    TableUnreadable
        If the file cannot be read, lacks a required column, or names one twice.
    """
    with _plain_path(path) as plain:
        try:
            if path.name.endswith(".parquet"):
                return _stage_parquet(con, table, plain, path.name)
            return _stage_csv(con, table, plain, path.name)
        except duckdb.Error as error:
            raise refused_by_engine(path.name, error) from None


def refused_by_engine(file: str, error: duckdb.Error) -> TableUnreadable:
    """The refusal of a file at which DuckDB stopped: what it says, in one line, without advice about its own options."""
    text = str(error)
    if "state machine reached an invalid state" in text:
        return TableUnreadable(
            f"{file}: line endings are mixed, or quotes are broken beyond repair; write the file again, or export it as CSV"
        )
    first = text.splitlines()[0] if text else type(error).__name__
    reason = first.removeprefix("Invalid Input Error: ").removeprefix("IO Error: ").removeprefix("TransactionContext Error: ")
    return TableUnreadable(f"{file}: cannot be read ({shown(reason)[:300]}); write the file again, or export it as CSV")


def still_answers(con: duckdb.DuckDBPyConnection) -> bool:
    """True unless DuckDB gave the database up: some damaged files make it distrust its own state."""
    try:
        con.execute("SELECT 1")
    except duckdb.Error:
        return False
    return True


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
    unknown = tuple(name for name in names if name not in have.values())
    absent = {_letters(column.name): column.name for column in table.columns if column.name not in have}
    for name in unknown:
        meant = absent.get(_letters(name))
        if meant is not None:
            raise TableUnreadable(
                f"{file}: the column '{shown(name)[:100]}' is not {meant}, though it looks like it; name it {meant}, or otherwise"
            )
    lacking = [column.name for column in table.columns if column.required and column.name not in have]
    if lacking:
        found = shown(", ".join(names))[:300]
        apart = len(names) == 1 and set(names[0]) & _OTHER_DELIMITERS
        hint = "cells must be separated by commas" if apart else "the first line must be a header with the contract's names"
        raise TableUnreadable(f"{file}: required columns are missing ({', '.join(lacking)}); found {found}; {hint}")
    return have, tuple(shown(name) for name in unknown)


def _letters(name: str) -> str:
    """The letters and digits of a column's name: two names that agree in them are the same to the eye."""
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", name)).lower()


def _refuse_no_parquet(path: Path, file: str) -> None:
    """Refuse what does not begin and end as a Parquet file does, before anything reads the rest of it."""
    with readable(path):
        refuse_no_file(path)
        with path.open("rb") as stream:
            first = stream.read(4)
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - 4))
            last = stream.read(4)
    if b"PARE" in (first, last):
        raise TableUnreadable(f"{file}: cannot be read (it is encrypted); write it without encryption")
    if first == b"PAR1" and last != b"PAR1":
        raise TableUnreadable(f"{file}: cannot be read (it was cut short: its end is missing); copy it again")
    if first != b"PAR1" or size < _SMALLEST_PARQUET:
        raise TableUnreadable(f"{file}: cannot be read (it is not a Parquet file); write it as Parquet, or name it as what it is")


def _refuse_impossible_rows(con: duckdb.DuckDBPyConnection, path: Path, file: str) -> None:
    """Refuse a file that says it holds far more rows than its bytes could tell apart."""
    (rows,) = con.execute(f"SELECT num_rows FROM parquet_file_metadata({text_literal(str(path))})").fetchall()[0]
    allowed = max(_FEW_ROWS, _MOST_ROWS_PER_BYTE * path.stat().st_size)
    if rows > allowed:
        raise TableUnreadable(
            f"{file}: says it has {rows:,} rows, more than {allowed:,}, as no table of its size does; export the table again"
        )


def _refuse_unpacked(con: duckdb.DuckDBPyConnection, path: Path, file: str, source: str, texts: list[str]) -> None:
    """Refuse a file whose cells are far larger than it is: pages that unpack to it, or one long text that stands in row after row."""
    allowed = most_unpacked(path)
    query = f"SELECT coalesce(sum(total_uncompressed_size), 0) FROM parquet_metadata({text_literal(str(path))})"
    (found,) = con.execute(query).fetchall()[0]
    if found <= allowed and texts:
        lengths = " + ".join(f"coalesce(sum(strlen({quoted(name)})), 0)" for name in texts)
        (found,) = con.execute(f"SELECT {lengths} FROM {source}").fetchall()[0]
    if found > allowed:
        raise unpacks_too_far(file, allowed)


def sound_parquet(con: duckdb.DuckDBPyConnection, path: Path, file: str) -> tuple[str, dict[str, str]]:
    """Return what reads a Parquet file, and its columns' types, after everything was looked at that can be before a row is read.

    Raises
    ------
    TableUnreadable
        It is no Parquet file, was cut short, says it has impossibly many rows, unpacks to far more than its size, or names a column
        twice.
    """
    _refuse_no_parquet(path, file)
    source = f"read_parquet({text_literal(str(path))}, hive_partitioning = false)"
    try:
        _refuse_impossible_rows(con, path, file)
        types = {name: str(kind) for name, kind, *_ in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
        refuse_too_many(file, len(types))
        refuse_duplicates(file, tuple(types))
        _refuse_unpacked(con, path, file, source, [name for name, kind in types.items() if kind == "VARCHAR"])
    except duckdb.Error as error:
        raise refused_by_engine(file, error) from None
    return source, types


def _stage_parquet(con: duckdb.DuckDBPyConnection, table: Table, path: Path, file: str) -> Staged:
    _refuse_no_parquet(path, file)
    digest = digest_of(path)
    source = f"read_parquet({text_literal(str(path))}, hive_partitioning = false)"
    _refuse_impossible_rows(con, path, file)
    described = con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    written = {row[0] for row in con.execute(f"SELECT name FROM parquet_schema({text_literal(str(path))})").fetchall()}
    types = {name: str(kind) for name, kind, *_ in described}
    refuse_too_many(file, len(types))
    refuse_duplicates(file, tuple(name if name in written else name.rsplit("_", 1)[0] for name in types))
    have, unknown = _matched(table, tuple(types), file)
    for name, own in have.items():
        problem = unreadable_as(table.column(name), types[own])
        if problem is not None:
            raise TableUnreadable(f"{file}: column {name}: {problem}")
    _refuse_unpacked(con, path, file, source, [own for own in have.values() if types[own] == "VARCHAR"])
    _create_stage(con, have, source)
    return Staged(file, {name: types[own] for name, own in have.items()}, unknown, digest, 0)


def _stage_csv(con: duckdb.DuckDBPyConnection, table: Table, path: Path, file: str) -> Staged:
    """Read strictly first: only there does DuckDB stop at everything it cannot split. Then, if it stopped, with a record of each row."""
    names = csv_header(path)
    digest = digest_of(path)
    have, unknown = _matched(table, names, file)
    columns = ", ".join(f"{text_literal(name)}: 'VARCHAR'" for name in names)
    compression = "gzip" if file.endswith(".gz") else "none"
    source = (
        f"read_csv({text_literal(str(path))}, auto_detect = false, header = true, columns = {{{columns}}}, "
        f"delim = ',', quote = '\"', escape = '\"', nullstr = {text_literal(_NO_NULL_TEXT)}, strict_mode = true, "
        f"null_padding = false, hive_partitioning = false, max_line_size = {MAX_ROW_BYTES}, compression = '{compression}'"
    )
    misshapen = 0
    try:
        _create_stage(con, have, source + ")")
    except duckdb.Error as error:
        refuse_many_misshapen(path, file, len(names))
        _create_stage(con, have, source + ", store_rejects = true, rejects_table = 'csv_errors', rejects_scan = 'csv_scans')")
        misshapen = set_misshapen_aside(con, table.name, path)
        con.execute("DROP TABLE csv_errors; DROP TABLE csv_scans")
        if not misshapen:
            raise refused_by_engine(file, error) from None
    return Staged(file, dict.fromkeys(have, "VARCHAR"), unknown, digest, misshapen)


def _create_stage(con: duckdb.DuckDBPyConnection, have: dict[str, str], source: str) -> None:
    chosen = ", ".join(f"{quoted(own)} AS {name}" for name, own in have.items())
    con.execute(f"CREATE OR REPLACE TABLE work.stage AS SELECT {chosen} FROM {source}")
    con.execute("CREATE OR REPLACE TABLE work.shifts (good_before BIGINT, shift BIGINT)")
