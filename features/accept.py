"""Staged rows to accepted ones: cells are read, rules are asked, and rows that break one are set aside with reasons.

Three passes per table, all SQL: the rules of single cells and of cells of one row (one scan, one bit per rule); the
rules that look into suppliers and orders; and last, among the rows still good, that no key repeats. Where rows of one
key and one `recorded_at` agree in every cell, the first is kept; where they differ nobody can say which is right, and
all are set aside, so that the order of rows never matters.
"""

from collections.abc import Sequence

import duckdb

from features.cells import reading, text_literal
from features.columns import SQL_TYPES, Table
from features.recall import Earlier, recall
from features.rejects import REJECTS_TABLE, VALUE_LENGTH
from features.stage import Staged

_AFTER_THE_ORDER = (
    ("fulfilments", "shipped_at", "shipped_not_before_ordered"),
    ("reviews", "reviewed_at", "reviewed_not_before_ordered"),
)
_ORDER_STARTS = (
    "CREATE OR REPLACE TABLE work.order_starts AS "
    "SELECT order_id, supplier_id, min(ordered_at) AS ordered_at FROM main.orders GROUP BY order_id, supplier_id"
)


def accept_rows(
    con: duckdb.DuckDBPyConnection, table: Table, staged: Staged, known: frozenset[str], earlier: Earlier | None = None
) -> tuple[int, int]:
    """Make the contract's table from ``work.stage``; return how many rows the file had and how many were set aside.

    Parameters
    ----------
    known
        Which of suppliers and orders have been accepted already: rules that look into another are not asked.
    earlier
        What was imported before the folder, and counts as known too.
    """
    checks = _read_cells(con, table, staged)
    _record_row_rules(con, table, staged, checks)
    if earlier is not None and "supplier_id" in {column.name for column in table.columns}:
        recall(con, earlier, with_orders=table.name != "orders" and "order_id" in staged.types)
    _record_rules_across_tables(con, table, staged, known, has_earlier=earlier is not None)
    con.execute(
        f"""
        CREATE OR REPLACE TABLE work.lost AS
        SELECT DISTINCT "row" AS source_row FROM {REJECTS_TABLE} WHERE "table" = '{table.name}' AND "column" <> ''
        """
    )
    _record_repeated_keys(con, table, staged)
    rows = _number(con, "SELECT count(*) FROM work.read") + staged.misshapen
    con.execute("DROP TABLE work.stage")
    _keep_the_good(con, table)
    kept = _number(con, f"SELECT count(*) FROM main.{table.name}")
    for name in ("read", "lost", "shifts"):
        con.execute(f"DROP TABLE work.{name}")
    if table.name == "orders":
        con.execute(_ORDER_STARTS)
    return rows, rows - kept


def create_empty(con: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> None:
    """Make tables without rows, for what the folder does not have."""
    for table in tables:
        columns = ", ".join(f"{column.name} {SQL_TYPES[column.kind]}" for column in table.columns)
        con.execute(f"CREATE OR REPLACE TABLE main.{table.name} ({columns}, source_row BIGINT)")


def _number(con: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(con.execute(query).fetchall()[0][0])


def _read_cells(con: duckdb.DuckDBPyConnection, table: Table, staged: Staged) -> list[tuple[str, str]]:
    """Make ``work.read`` of parsed cells and a bit per broken rule; return each bit's (rule, column)."""
    checks: list[tuple[str, str, str]] = []
    raws, cells = [], []
    for column in table.columns:
        if column.name not in staged.types:
            cells.append(f"CAST(NULL AS {SQL_TYPES[column.kind]}) AS {column.name}")
            continue
        cell = reading(column, staged.types[column.name])
        raws.append(f"{cell.raw} AS raw_{column.name}")
        cells.append(f"CAST({cell.parsed} AS {SQL_TYPES[column.kind]}) AS {column.name}")
        checks += [(rule, column.name, broken) for rule, broken in cell.broken]
    for earlier, later, rule in table.orderings:
        if later in staged.types:
            checks.append((rule, later, f"{later} < {earlier}"))
    bits = " | ".join(
        f"CASE WHEN {broken} THEN CAST({1 << place} AS BIGINT) ELSE CAST(0 AS BIGINT) END" for place, (_, _, broken) in enumerate(checks)
    )
    names = ", ".join(column.name for column in table.columns)
    shifted = _number(con, "SELECT count(*) FROM work.shifts")
    numbered = (
        "SELECT s.*, s.rowid AS stage_row, s.rowid + 1 + coalesce(h.shift, 0) AS source_row "
        "FROM work.stage s ASOF LEFT JOIN work.shifts h ON s.rowid >= h.good_before"
        if shifted
        else "SELECT *, rowid AS stage_row, rowid + 1 AS source_row FROM work.stage"
    )
    con.execute(
        f"""
        CREATE OR REPLACE TABLE work.read AS
        SELECT {names}, source_row, stage_row, {bits} AS broken FROM (
            SELECT *, {", ".join(cells)} FROM (
                SELECT {", ".join(raws)}, source_row, stage_row FROM ({numbered})))
        """
    )
    return [(rule, column) for rule, column, _ in checks]


def _record_row_rules(con: duckdb.DuckDBPyConnection, table: Table, staged: Staged, checks: list[tuple[str, str]]) -> None:
    seen = _number(con, "SELECT coalesce(bit_or(broken), 0) FROM work.read")
    for place, (rule, column) in enumerate(checks):
        if seen >> place & 1:
            con.execute(
                f"""
                INSERT INTO {REJECTS_TABLE}
                SELECT '{table.name}', $file, r.source_row, '{column}', '{rule}',
                       left(coalesce(CAST(s.{column} AS VARCHAR), ''), {VALUE_LENGTH})
                FROM work.read r JOIN work.stage s ON s.rowid = r.stage_row
                WHERE r.broken & {1 << place} <> 0
                """,
                {"file": staged.file},
            )


def _record_rules_across_tables(
    con: duckdb.DuckDBPyConnection, table: Table, staged: Staged, known: frozenset[str], *, has_earlier: bool
) -> None:
    """The rules that look into suppliers and orders, for every row whose cells allow the question."""
    names = {column.name for column in table.columns}
    if "suppliers" in known and table.name != "suppliers" and "supplier_id" in names:
        before = " AND NOT EXISTS (SELECT 1 FROM work.known_suppliers k WHERE k.supplier_id = r.supplier_id)" if has_earlier else ""
        _record_across(
            con,
            table,
            staged.file,
            column="supplier_id",
            rule="supplier_is_known",
            rows="FROM work.read r WHERE r.supplier_id IS NOT NULL "
            "AND NOT EXISTS (SELECT 1 FROM main.suppliers s WHERE s.supplier_id = r.supplier_id)" + before,
        )
    if "orders" not in known or table.name == "orders" or "order_id" not in names:
        return
    if "order_id" in staged.types:
        _record_across(
            con,
            table,
            staged.file,
            column="order_id",
            rule="order_is_known",
            rows="FROM work.read r WHERE r.order_id IS NOT NULL AND r.supplier_id IS NOT NULL AND NOT EXISTS "
            "(SELECT 1 FROM work.order_starts o WHERE o.order_id = r.order_id AND o.supplier_id = r.supplier_id)",
        )
    for owner, column, rule in _AFTER_THE_ORDER:
        if table.name == owner and column in staged.types:
            _record_across(
                con,
                table,
                staged.file,
                column=column,
                rule=rule,
                rows="FROM work.read r JOIN work.order_starts o ON o.order_id = r.order_id "
                f"AND o.supplier_id = r.supplier_id WHERE r.{column} < o.ordered_at",
            )


def _record_across(con: duckdb.DuckDBPyConnection, table: Table, file: str, *, column: str, rule: str, rows: str) -> None:
    """Set aside the rows of ``work.read`` that the SQL `rows` finds, under its name ``r``."""
    con.execute(
        f"""
        INSERT INTO {REJECTS_TABLE}
        SELECT '{table.name}', $file, b.source_row, '{column}', '{rule}',
               left(coalesce(CAST(s.{column} AS VARCHAR), ''), {VALUE_LENGTH})
        FROM (SELECT r.source_row, r.stage_row {rows}) b JOIN work.stage s ON s.rowid = b.stage_row
        """,
        {"file": file},
    )


def _record_repeated_keys(con: duckdb.DuckDBPyConnection, table: Table, staged: Staged) -> None:
    """Among the rows still good: repeats of a key and `recorded_at`, to the rejects and to ``work.lost``."""
    key = (*table.key, "recorded_at")
    cells = ", ".join(column.name for column in table.columns)
    value = " || ', ' || ".join(f"coalesce(CAST(r.{name} AS VARCHAR), '')" for name in table.key)
    same = " AND ".join(f"r.{name} IS NOT DISTINCT FROM t.{name}" for name in key)
    good = "work.read r WHERE NOT EXISTS (SELECT 1 FROM work.lost l WHERE l.source_row = r.source_row)"
    keys = ", ".join(key)
    if not _number(con, f"SELECT count(*) FROM (SELECT 1 FROM {good} GROUP BY {keys} HAVING count(*) > 1)"):
        return
    con.execute(
        f"""
        CREATE OR REPLACE TABLE work.repeats AS
        WITH good AS (
            SELECT {cells}, source_row FROM {good}
        ), twice AS (
            SELECT {keys}, min(source_row) AS first_row,
                   min(hash({cells})) = max(hash({cells})) AS agree
            FROM good GROUP BY {keys} HAVING count(*) > 1
        )
        SELECT r.source_row, left({value}, {VALUE_LENGTH}) AS value
        FROM good r JOIN twice t ON {same} WHERE NOT t.agree OR r.source_row <> t.first_row
        """
    )
    con.execute(
        f"""
        INSERT INTO {REJECTS_TABLE}
        SELECT '{table.name}', $file, source_row, {text_literal(", ".join(table.key))}, 'key_is_unique', value
        FROM work.repeats
        """,
        {"file": staged.file},
    )
    con.execute("INSERT INTO work.lost SELECT source_row FROM work.repeats")
    con.execute("DROP TABLE work.repeats")


def _keep_the_good(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Copy the rows that no rule set aside, in the file's order."""
    cells = ", ".join(column.name for column in table.columns)
    good = "WHERE NOT EXISTS (SELECT 1 FROM work.lost l WHERE l.source_row = r.source_row) ORDER BY r.source_row"
    lost = _number(con, "SELECT count(*) FROM work.lost") + _number(con, "SELECT count(*) FROM work.shifts")
    con.execute(f"CREATE OR REPLACE TABLE main.{table.name} AS SELECT {cells}, r.source_row FROM work.read r {good if lost else ''}")
