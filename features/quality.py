"""How good a folder of raw tables is, in five names: accuracy, completeness, consistency, timeliness, validity.

All five are shares in [0, 1], higher is better, per table over the rows its file holds:

- validity: rows that break no rule of shape, kind or domain;
- accuracy: rows that break no rule of identity or plausibility (the check digit of a code, nothing in the future);
- consistency: rows that break no rule of order in time, between tables, or of keys;
- completeness: of the cells that any row could fill, those filled, over the accepted rows, times the share of rows with
  no required cell empty; a column the file lacks counts as empty; the times and amounts of what may never happen (a
  cancellation, a return, a payment) are left out;
- timeliness: of the accepted rows with an event, those recorded within `PROMPT_DAYS` of their last one; a row that does
  not say when it was recorded counts as recorded then, as the contract has it, and a correction counts by its own
  recording. None for a table where no row says. With it stand the days from the table's last event to the check.

Overall, each is the mean over the tables present that have it, weighted by rows; how many of the thirteen tables are
present is said beside it. The check asks every rule of the reading and reports all it finds instead of stopping.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from features.columns import Table
from features.read import DEFAULT_REJECTED_SHARE, FolderReading, TableReading, read_folder
from features.rejects import Rejects
from features.rules import RULES, Dimension
from features.tables import CONTRACT

PROMPT_DAYS = 7
"""A row recorded at most this many days after its last event is recorded promptly."""

NAMES: Mapping[Dimension, tuple[str, str]] = {
    Dimension.ACCURACY: ("准确性", "accuracy"),
    Dimension.COMPLETENESS: ("完整性", "completeness"),
    Dimension.CONSISTENCY: ("一致性", "consistency"),
    Dimension.TIMELINESS: ("及时性", "timeliness"),
    Dimension.VALIDITY: ("有效性", "validity"),
}

_MAY_NEVER_HAPPEN = frozenset(
    {
        "currency", "cancelled_at", "shipped_at", "delivered_at", "accepted_at", "quantity_delivered",
        "quantity_rejected", "returned_at", "return_amount", "paid_at", "paid_amount", "amount_paid", "expires_on",
        "ended_on", "verified_at", "recorded_at",
    }
)  # fmt: skip

_EVENTS: Mapping[str, tuple[str, ...]] = {
    "suppliers": ("joined_at",),
    "orders": ("ordered_at", "cancelled_at"),
    "fulfilments": ("shipped_at", "delivered_at", "accepted_at", "returned_at"),
    "reviews": ("reviewed_at",),
    "purchases": ("purchased_at", "cancelled_at"),
    "invoices": ("issued_at", "paid_at"),
    "loans": ("drawn_at",),
    "repayments": ("paid_at",),
    "inventory": ("observed_at",),
    "production": ("observed_at",),
    "certificates": ("issued_on", "verified_at"),
    "cooperations": ("started_on",),
}


@dataclass(frozen=True, slots=True)
class TableQuality:
    """One table's rows, what was set aside by which rule, the five shares, and what stops the import."""

    table: str
    file: str
    rows: int
    rejected: int
    unknown_columns: tuple[str, ...]
    rules: Mapping[str, int]
    shares: Mapping[Dimension, float | None]
    filled: Mapping[str, float]
    last_event_at: datetime | None
    days_since_last_event: float | None
    problem: str | None


@dataclass(frozen=True)
class QualityReport:
    """The quality of a folder: per table and overall, with everything that stops an import.

    Attributes
    ----------
    overall
        The five shares, weighted by rows over the tables present.
    missing
        Required tables the folder lacks.
    absent
        Optional tables it lacks; the features that need them stay missing.
    other_files
        Files that belong to no table.
    rejects
        Every broken rule of every row, to list or save.
    """

    folder: Path
    zone: str
    currency: str
    checked_at: datetime
    tables: tuple[TableQuality, ...]
    overall: Mapping[Dimension, float | None]
    problems: tuple[str, ...]
    missing: tuple[str, ...]
    absent: tuple[str, ...]
    other_files: tuple[str, ...]
    rejects: Rejects = field(repr=False)

    @property
    def passed(self) -> bool:
        """True if the folder can be imported as it is."""
        return not self.problems

    @property
    def shares(self) -> dict[str, float | None]:
        """The five overall shares by name."""
        return {dimension.value: share for dimension, share in self.overall.items()}

    def to_dict(self) -> dict[str, object]:
        """The report as JSON can hold it, without the single rejects."""
        return {
            "folder": str(self.folder),
            "zone": self.zone,
            "currency": self.currency,
            "checked_at": self.checked_at.isoformat(),
            "passed": self.passed,
            "overall": self.shares,
            "tables_present": len(self.tables),
            "tables_in_contract": len(CONTRACT),
            "missing": list(self.missing),
            "absent": list(self.absent),
            "other_files": list(self.other_files),
            "problems": list(self.problems),
            "tables": [_table_dict(table) for table in self.tables],
        }

    def lines(self, language: str = "en") -> tuple[str, ...]:
        """The report as lines of text, in English, or in Chinese for ``zh``."""
        return _lines(self, chinese=language.startswith("zh"))


def check_tables(
    folder: Path,
    *,
    zone: str | None = None,
    currency: str | None = None,
    max_rejected_share: float = DEFAULT_REJECTED_SHARE,
    now: datetime | None = None,
    tables: Collection[str] | None = None,
) -> QualityReport:
    """Read a folder as `features.read.read_tables` does and report everything, stopping at nothing a table holds.

    Raises
    ------
    TableUnreadable
        If the folder itself or its import note cannot be read.
    OutOfRange
        If an argument lies outside its domain.
    """
    return measure_quality(read_folder(folder, zone=zone, currency=currency, max_rejected_share=max_rejected_share, now=now, tables=tables))


def measure_quality(found: FolderReading) -> QualityReport:
    """Report on a folder that was read: everything, whether or not the import can go on."""
    counts = _rows_by_rule(found.tables.con)
    broken = _rows_by_dimension(found.tables.con)
    measured = tuple(
        _table_quality(found, CONTRACT[name], reading, counts.get(name, {}), broken.get(name, {}))
        for name, reading in found.readings.items()
    )
    return QualityReport(
        folder=found.tables.source,
        zone=found.tables.zone,
        currency=found.tables.currency,
        checked_at=found.now.astimezone(UTC),
        tables=measured,
        overall={dimension: _overall(measured, dimension) for dimension in Dimension},
        problems=found.problems,
        missing=found.missing,
        absent=tuple(name for name, table in CONTRACT.items() if name not in found.readings and not table.required),
        other_files=found.other_files,
        rejects=found.rejects,
    )


def _rows_by_rule(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for (table, rule), count in Rejects(con).counts.items():
        counts.setdefault(table, {})[rule] = count
    return counts


def _rows_by_dimension(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    """How many rows break at least one rule of each dimension, by table."""
    cases = " ".join(f"WHEN '{rule.name}' THEN '{rule.dimension}'" for rule in RULES.values())
    rows = con.execute(
        f'SELECT "table", CASE rule {cases} END AS dimension, count(DISTINCT "row") FROM work.rejects GROUP BY ALL'
    ).fetchall()
    broken: dict[str, dict[str, int]] = {}
    for table, dimension, count in rows:
        broken.setdefault(table, {})[dimension] = count
    return broken


def _table_quality(
    found: FolderReading, table: Table, reading: TableReading, rules: dict[str, int], broken: dict[str, int]
) -> TableQuality:
    con, now = found.tables.con, found.now.astimezone(UTC).replace(tzinfo=None)
    filled: dict[str, float] = {}
    last: datetime | None = None
    shares: dict[Dimension, float | None] = dict.fromkeys(Dimension)
    if reading.accepted and reading.rows:
        filled = _filled(con, table)
        last, prompt = _timeliness(con, table)
        expected = [share for name, share in filled.items() if name not in _MAY_NEVER_HAPPEN]
        given = 1 - broken.get(Dimension.COMPLETENESS, 0) / reading.rows
        for dimension in (Dimension.VALIDITY, Dimension.ACCURACY, Dimension.CONSISTENCY):
            shares[dimension] = 1 - broken.get(dimension, 0) / reading.rows
        shares[Dimension.COMPLETENESS] = given * (sum(expected) / len(expected) if expected else 1.0)
        shares[Dimension.TIMELINESS] = prompt
    return TableQuality(
        table=table.name,
        file=reading.file,
        rows=reading.rows,
        rejected=reading.rejected,
        unknown_columns=reading.unknown_columns,
        rules=rules,
        shares=shares,
        filled=filled,
        last_event_at=None if last is None else last.replace(tzinfo=UTC),
        days_since_last_event=None if last is None else (now - last).total_seconds() / 86400,
        problem=reading.problem,
    )


def _filled(con: duckdb.DuckDBPyConnection, table: Table) -> dict[str, float]:
    """The share of accepted rows that fill each optional column."""
    optional = [column.name for column in table.columns if not column.required]
    counts = con.execute(f"SELECT count(*), {', '.join(f'count({name})' for name in optional)} FROM main.{table.name}").fetchall()[0]
    if not counts[0]:
        return {}
    return {name: count / counts[0] for name, count in zip(optional, counts[1:], strict=True)}


def _timeliness(con: duckdb.DuckDBPyConnection, table: Table) -> tuple[datetime | None, float | None]:
    """The table's last event, and the share recorded promptly, if any row says when it was recorded."""
    events = _EVENTS.get(table.name)
    if events is None:
        return None, None
    last = f"greatest({', '.join(f'CAST({name} AS TIMESTAMP)' for name in events)})"
    found = con.execute(
        f"""
        SELECT max({last}), CASE WHEN count(recorded_at) > 0 THEN
            avg(CASE WHEN recorded_at > {last} + INTERVAL {PROMPT_DAYS} DAY THEN 0.0 ELSE 1.0 END)
                FILTER ({last} IS NOT NULL) END
        FROM main.{table.name}
        """
    ).fetchall()
    return found[0][0], found[0][1]


def _overall(tables: tuple[TableQuality, ...], dimension: Dimension) -> float | None:
    weighed = [(share, table.rows) for table in tables if (share := table.shares[dimension]) is not None]
    rows = sum(weight for _, weight in weighed)
    return sum(share * weight for share, weight in weighed) / rows if rows else None


def _table_dict(table: TableQuality) -> dict[str, object]:
    return {
        "table": table.table,
        "file": table.file,
        "rows": table.rows,
        "rejected": table.rejected,
        "rules": dict(table.rules),
        "unknown_columns": list(table.unknown_columns),
        **{dimension.value: share for dimension, share in table.shares.items()},
        "filled": dict(table.filled),
        "last_event_at": None if table.last_event_at is None else table.last_event_at.isoformat(),
        "days_since_last_event": table.days_since_last_event,
        "problem": table.problem,
    }


def _shares_text(shares: Mapping[Dimension, float | None], *, chinese: bool) -> str:
    return "  ".join(
        f"{NAMES[dimension][0 if chinese else 1]} " + ("-" if share is None else f"{share:.1%}") for dimension, share in shares.items()
    )


def _lines(report: QualityReport, *, chinese: bool) -> tuple[str, ...]:
    def say(zh: str, en: str) -> str:
        return zh if chinese else en

    lines = [
        f"{report.folder}  {report.zone}  {report.currency}",
        say("总体  ", "overall  ") + _shares_text(report.overall, chinese=chinese),
        say(f"有 {len(report.tables)}/{len(CONTRACT)} 张表", f"{len(report.tables)} of {len(CONTRACT)} tables present")
        + (say("；缺少可选表：", "; optional ones absent: ") + ", ".join(report.absent) if report.absent else ""),
    ]
    for table in report.tables:
        set_aside = say(f"{table.rows} 行，隔离 {table.rejected} 行", f"{table.rows} rows, {table.rejected} set aside")
        lines.append(f"{table.file}: {set_aside}  {_shares_text(table.shares, chinese=chinese)}")
        if table.days_since_last_event is not None:
            days = f"{table.days_since_last_event:.1f}"
            lines.append("  " + say(f"最后一笔距检查 {days} 天", f"last event {days} days before the check"))
        if table.unknown_columns:
            lines.append("  " + say("未用的列：", "columns not used: ") + ", ".join(table.unknown_columns))
        for rule, count in table.rules.items():
            lines.append(f"  {rule} ({say(RULES[rule].zh, RULES[rule].en)}): {count}")
    if report.other_files:
        lines.append(say("不属于任何表的文件：", "files of no table: ") + ", ".join(report.other_files))
    lines += [say("不能导入：", "cannot be imported: ") + problem for problem in report.problems]
    return tuple(lines)
