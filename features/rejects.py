"""The rows that were set aside: counted, listed, and saved as files a person can work through.

A row is set aside once per rule it breaks, with the file, the row (the first row after the header is 1; blank lines do
not count), the column, the rule, the value cut at 80 characters, and what to do.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from features.rules import RULES
from features.tables import CONTRACT

REJECTS_TABLE = "work.rejects"
VALUE_LENGTH = 80
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def create_rejects(con: duckdb.DuckDBPyConnection) -> None:
    """Make the table of rows set aside, where it is not there."""
    con.execute("CREATE SCHEMA IF NOT EXISTS work")
    con.execute(
        f"CREATE TABLE IF NOT EXISTS {REJECTS_TABLE} "
        '("table" VARCHAR, file VARCHAR, "row" BIGINT, "column" VARCHAR, rule VARCHAR, value VARCHAR)'
    )


@dataclass(frozen=True, slots=True)
class Reject:
    """One broken rule of one row. `row` is 0 where a rule concerns the file."""

    table: str
    file: str
    row: int
    column: str
    rule: str
    value: str

    def remedy(self, language: str = "en") -> str:
        """What to do about it, in English, or in Chinese for ``zh``."""
        rule = RULES[self.rule]
        return rule.remedy_zh if language.startswith("zh") else rule.remedy_en


@dataclass(frozen=True)
class Rejects:
    """All broken rules of a reading, in the order of tables and rows, held where the rows are."""

    con: duckdb.DuckDBPyConnection

    def __len__(self) -> int:
        """How many (row, rule) pairs were set aside; a row that breaks two rules counts twice."""
        return int(self.con.execute(f"SELECT count(*) FROM {REJECTS_TABLE}").fetchall()[0][0])

    def __bool__(self) -> bool:
        """True if anything was set aside."""
        return len(self) > 0

    def __iter__(self) -> Iterator[Reject]:
        """Each broken rule, by table, row, rule and column."""
        for table in CONTRACT:
            yield from self.of(table)

    def of(self, table: str, *, limit: int | None = None) -> Iterator[Reject]:
        """The broken rules of one table, by row; at most `limit` of them."""
        cursor = self.con.cursor()
        cursor.execute(
            f'SELECT file, "row", "column", rule, value FROM {REJECTS_TABLE} WHERE "table" = $table '
            f'ORDER BY "row", rule, "column" LIMIT $limit',
            {"table": table, "limit": 2**62 if limit is None else limit},
        )
        while rows := cursor.fetchmany(1000):
            for file, row, column, rule, value in rows:
                yield Reject(table, file, row, column, rule, value)

    @property
    def counts(self) -> Mapping[tuple[str, str], int]:
        """How many rows broke each rule, by (table, rule)."""
        rows = self.con.execute(f'SELECT "table", rule, count(DISTINCT "row") FROM {REJECTS_TABLE} GROUP BY ALL ORDER BY ALL').fetchall()
        return {(table, rule): count for table, rule, count in rows}

    def save(self, folder: Path) -> tuple[Path, ...]:
        """Write ``rejects/<table>.csv`` under `folder` for each table with rows set aside; return the files.

        Files of an earlier reading are replaced or removed. A value that a spreadsheet would run as a formula gets a
        leading apostrophe.
        """
        target = folder / "rejects"
        target.mkdir(parents=True, exist_ok=True)
        written = []
        for table in CONTRACT:
            path = target / f"{table}.csv"
            path.unlink(missing_ok=True)
            rows = self.of(table)
            first = next(rows, None)
            if first is None:
                continue
            with path.open("w", encoding="utf-8", newline="") as stream:
                writer = csv.writer(stream)
                writer.writerow(("file", "row", "column", "rule", "value", "remedy_zh", "remedy_en"))
                writer.writerow(_line(first))
                writer.writerows(_line(reject) for reject in rows)
            written.append(path)
        return tuple(written)


def _line(reject: Reject) -> tuple[str, int, str, str, str, str, str]:
    value = without_formula(reject.value)
    return reject.file, reject.row, reject.column, reject.rule, value, reject.remedy("zh"), reject.remedy()


def without_formula(value: str) -> str:
    """The value, with a leading apostrophe where a spreadsheet would take it for a formula.

    Examples
    --------
    >>> without_formula("=1+1"), without_formula("plain")
    ("'=1+1", 'plain')
    """
    return "'" + value if value.lstrip(" ").startswith(_FORMULA_STARTS) or value.startswith(_FORMULA_STARTS) else value
