"""Files to tables: the only door through which raw data enters, and the first step of the walk.

`read_tables` gives the accepted rows of every table of the contract in one DuckDB, typed and with times in UTC, and the
rows it set aside. Nothing is filled in: a missing cell stays missing, a wrong row goes to the rejects with its reasons.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from credit.errors import OutOfRange, TableUnreadable
from features.accept import accept_rows, create_empty
from features.columns import Table
from features.raw_files import encoding_remedy, find_files, known_zone, read_import_note
from features.recall import Earlier, begin_recall
from features.rejects import REJECTS_TABLE, Rejects
from features.rules import RULES
from features.stage import open_workspace, refused_by_engine, stage_table, still_answers
from features.tables import CONTRACT, REQUIRED_TABLES

DEFAULT_ZONE = "Asia/Shanghai"
DEFAULT_CURRENCY = "CNY"
DEFAULT_REJECTED_SHARE = 0.05
FEW_ROWS = 3
"""So many rows of a table may always be set aside, unless none may or nothing is left: of a handful of rows a share says nothing."""


@dataclass(frozen=True)
class RawTables:
    """The accepted rows of a folder: one DuckDB table per contract table, under the contract's names.

    Every column of the contract is there (NULL where the file lacks it), and `recorded_at` and `source_row` (the row in
    the file, the first after the header is 1). Times are TIMESTAMP in UTC, dates DATE, money DECIMAL(18,2), numbers
    DOUBLE, all else VARCHAR. Rows of one key with different `recorded_at` are versions and are all kept. A table the
    folder does not have is empty and not in `present`.

    Attributes
    ----------
    con
        The database; its session reads and prints in UTC.
    zone
        The zone whose civil day is a day.
    currency
        The currency of every amount.
    present
        The tables the folder had.
    source
        The folder.
    digests
        SHA-256 of each file read, by file name.
    """

    con: duckdb.DuckDBPyConnection
    zone: str
    currency: str
    present: frozenset[str]
    source: Path
    digests: Mapping[str, str]

    def count(self, table: str) -> int:
        """How many accepted rows a table has."""
        return int(self.con.execute(f"SELECT count(*) FROM {CONTRACT[table].name}").fetchall()[0][0])

    def close(self) -> None:
        """Give the memory back; the tables cannot be used afterwards."""
        self.con.close()


@dataclass(frozen=True, slots=True)
class TableReading:
    """How the reading of one table's file went: rows found and lost, columns not used, and what stops the import.

    `accepted` says that the table was made, even if too many of its rows were lost.
    """

    file: str
    rows: int = 0
    rejected: int = 0
    unknown_columns: tuple[str, ...] = ()
    problem: str | None = None
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class FolderReading:
    """Everything one pass over a folder found, whether or not the import can go on."""

    tables: RawTables
    rejects: Rejects
    readings: Mapping[str, TableReading]
    missing: tuple[str, ...]
    other_files: tuple[str, ...]
    now: datetime
    problems: tuple[str, ...] = field(default=())


def read_tables(
    folder: Path,
    *,
    zone: str | None = None,
    currency: str | None = None,
    max_rejected_share: float = DEFAULT_REJECTED_SHARE,
    now: datetime | None = None,
    tables: Collection[str] | None = None,
) -> tuple[RawTables, Rejects]:
    """Read a folder's tables against the data contract.

    Parameters
    ----------
    folder
        Where the files are, one per table, CSV, CSV.gz or Parquet.
    zone
        IANA zone of times without one, and of the civil day; by default the one the folder's import note names, or
        Asia/Shanghai.
    currency
        ISO 4217 code of every amount; by default the import note's, or CNY.
    max_rejected_share
        The largest share of a table's rows that may be set aside, in [0, 1]; above 0, `FEW_ROWS` of more may be in any case.
    now
        The instant of the import, with a zone; nothing that has happened may lie after it. By default the clock.
    tables
        The tables to read, by default all. Only required tables among them must be present. Rules that need a table
        left out are not asked.

    Returns
    -------
    tuple of RawTables and Rejects
        The accepted rows, and each broken rule of each row set aside.

    Raises
    ------
    TableUnreadable
        If a required table or column is missing, a file cannot be read, or a table loses more than the share. The
        message names every such table.
    OutOfRange
        If zone, share, `now` or a table's name is not one.
    """
    found = read_folder(folder, zone=zone, currency=currency, max_rejected_share=max_rejected_share, now=now, tables=tables)
    if found.problems:
        found.tables.close()
        raise TableUnreadable("\n".join(found.problems))
    return found.tables, found.rejects


def read_folder(
    folder: Path,
    *,
    zone: str | None = None,
    currency: str | None = None,
    max_rejected_share: float = DEFAULT_REJECTED_SHARE,
    now: datetime | None = None,
    tables: Collection[str] | None = None,
    earlier: Earlier | None = None,
) -> FolderReading:
    """Read as `read_tables` does, but keep what stops the import as `problems` instead of raising: for the check.

    With what was imported `earlier`, the folder is what came in since: no table is required, suppliers and orders known before count
    as known, and zone and currency are those of before.

    Raises
    ------
    TableUnreadable
        If the folder itself or its import note cannot be read, or the folder is of another zone or currency than what was imported
        earlier.
    OutOfRange
        If zone, share, `now` or a table's name is not one.
    """
    instant = _checked(max_rejected_share, now, tables)
    files = find_files(folder)
    note = read_import_note(folder)
    used_zone = known_zone(zone or note.zone or (earlier.zone if earlier else DEFAULT_ZONE))
    used_currency = currency or note.currency or (earlier.currency if earlier else DEFAULT_CURRENCY)
    if earlier is not None:
        refuse_another(folder, used_zone, used_currency, earlier)
    wanted = [table for name, table in CONTRACT.items() if tables is None or name in tables]
    con = open_workspace(
        zone=used_zone,
        currency=used_currency,
        now=instant.astimezone(UTC).replace(tzinfo=None),
        today=instant.astimezone(ZoneInfo(used_zone)).date(),
    )
    if earlier is not None:
        create_empty(con, [CONTRACT["suppliers"]])
        begin_recall(con)
    readings: dict[str, TableReading] = {}
    digests: dict[str, str] = {}
    for table in wanted:
        paths = files.files.get(table.name, ())
        if paths:
            readings[table.name] = _read_one(con, table, paths, readings, digests, share=max_rejected_share, earlier=earlier)
    present = frozenset(name for name, reading in readings.items() if reading.accepted)
    create_empty(con, [table for table in CONTRACT.values() if table.name not in present])
    con.execute("SET TimeZone = 'UTC'")
    required = REQUIRED_TABLES if earlier is None else ()
    missing = tuple(name for name in required if name in {t.name for t in wanted} and name not in files.files)
    problems = [f"{folder}: the required table {name} is missing; put {name}.csv, .csv.gz or .parquet there" for name in missing]
    problems += [reading.problem for reading in readings.values() if reading.problem is not None]
    raw = RawTables(con, used_zone, used_currency, present, folder, digests)
    return FolderReading(raw, Rejects(con), readings, missing, files.others, instant, tuple(problems))


def _checked(share: float, now: datetime | None, tables: Collection[str] | None) -> datetime:
    if not 0 <= share <= 1:
        raise OutOfRange(f"max_rejected_share: {share} does not lie from 0 to 1; give a share such as 0.05")
    unknown = sorted(set(tables or ()) - set(CONTRACT))
    if unknown:
        raise OutOfRange(f"tables: {', '.join(unknown)} not in the contract; choose from {', '.join(CONTRACT)}")
    if now is None:
        return datetime.now(UTC)
    if now.tzinfo is None:
        raise OutOfRange(f"now: {now} has no zone; give an instant such as 2024-05-31T00:00:00Z")
    return now


def refuse_another(folder: Path, zone: str, currency: str, earlier: Earlier) -> None:
    """Refuse what is of another zone or currency than what was imported earlier.

    Raises
    ------
    TableUnreadable
        Naming both.
    """
    for what, found, expected in (("zone", zone, earlier.zone), ("currency", currency, earlier.currency)):
        if found != expected:
            raise TableUnreadable(
                f"{folder}: its {what} is {found}, that of the ledger {expected}; a ledger has one {what}: hand the tables over in it, "
                f"or build a ledger of their own from them"
            )


def _read_one(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    paths: tuple[Path, ...],
    readings: Mapping[str, TableReading],
    digests: dict[str, str],
    *,
    share: float,
    earlier: Earlier | None,
) -> TableReading:
    """Stage a table's file, accept its rows, and say how it went."""
    if len(paths) > 1:
        names = " and ".join(path.name for path in paths)
        return TableReading(names, problem=f"{table.name}: {names} are both there; keep one file per table")
    file = paths[0].name
    accepted = {name for name, reading in readings.items() if reading.accepted} | (earlier.present if earlier else frozenset())
    known = accepted & {"suppliers", "orders"}
    try:
        staged = stage_table(con, table, paths[0])
        digests[file] = staged.digest
        rows, rejected = accept_rows(con, table, staged, frozenset(known), earlier)
    except (TableUnreadable, duckdb.Error) as error:
        refusal = error if isinstance(error, TableUnreadable) else refused_by_engine(file, error)
        if not still_answers(con):
            raise refusal from None
        return TableReading(file, problem=str(refusal))
    problem = None
    if loses_too_many(rejected, rows, share):
        lost = f"{rejected} of {rows} rows were set aside, more than the share of {share:.1%} allowed"
        problem = too_many_lost(con, table.name, file, lost)
    return TableReading(file, rows, rejected, staged.unknown_columns, problem, accepted=True)


def loses_too_many(rejected: int, rows: int, share: float) -> bool:
    """Return whether so many rows set aside stop the import: more than the share allowed, and more than a few or all of several.

    Examples
    --------
    >>> loses_too_many(3, 5, 0.05), loses_too_many(4, 5, 0.05), loses_too_many(50, 1000, 0.05), loses_too_many(1, 5, 0)
    (False, True, False, True)
    >>> loses_too_many(1, 1, 0.05), loses_too_many(2, 2, 0.05)
    (False, True)
    """
    return rejected > share * rows and (rejected > FEW_ROWS or rejected == rows > 1 or share == 0)


def too_many_lost(con: duckdb.DuckDBPyConnection, table: str, file: str, lost: str) -> str:
    """The refusal of a table that lost too many rows, with the rule that cost the most."""
    found = con.execute(
        f"""
        SELECT rule, count(DISTINCT "row") AS n, arg_min(("row", "column", value), "row") AS first
        FROM {REJECTS_TABLE} WHERE "table" = $table GROUP BY rule ORDER BY n DESC, rule LIMIT 1
        """,
        {"table": table},
    ).fetchone()
    if found is None:
        return f"{file}: {lost}; `lianxin check` lists each; correct the file, or allow a larger share"
    rule, count, (row, column, value) = found
    if rule == "text_is_utf8":
        return encoding_remedy(file, f"{lost}: in {count} the text is not UTF-8, first in row {row}")
    return (
        f"{file}: {lost}; most often {rule} ({RULES[rule].en}): {count} rows, first row {row}, column {column or '-'}, "
        f"value {value!r}; {RULES[rule].remedy_en}; `lianxin check` lists each; correct the file, or allow a larger share"
    )
