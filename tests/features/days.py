"""A platform handed over day by day: a folder to begin with, one for each few days after, and the folder of everything.

A row arrives when the last of its events has happened, not before its supplier or its order. Some rows come later still, some are
corrected, some invoices and purchases turn out to be another supplier's, some suppliers come with all their past, and some rows come twice.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

EVENTS = {
    "suppliers": ("joined_at",),
    "orders": ("ordered_at", "cancelled_at"),
    "fulfilments": ("shipped_at", "delivered_at", "accepted_at", "returned_at"),
    "reviews": ("reviewed_at",),
    "purchases": ("purchased_at", "cancelled_at"),
    "invoices": ("issued_at", "paid_at"),
    "inventory": ("observed_at",),
    "production": ("observed_at",),
    "certificates": ("issued_on", "verified_at"),
    "cooperations": ("started_on",),
}
CORRECTED = {"orders": "ordered_at", "reviews": "reviewed_at", "purchases": "purchased_at", "invoices": "issued_at"}


@dataclass(frozen=True)
class Days:
    """Folders of a platform: the first, those that came after it in their order, and all of it at once."""

    first: Path
    later: tuple[Path, ...]
    whole: Path


def cut(source: Path, out: Path, *, begins: date, step: int, ends: date) -> Days:
    """Write the folders of a simulated platform, a later one for every `step` days from `begins` to `ends`."""
    bounds = [begins + timedelta(days=back) for back in range(0, (ends - begins).days, step)]
    with duckdb.connect(config={"threads": 1}) as con:
        for table in EVENTS:
            file = source / f"{table}.parquet"
            con.execute(f"CREATE TABLE {table} AS SELECT *, hash({table}) % 1000 AS lot FROM read_parquet('{file}') {table}")
            con.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS recorded_at TIMESTAMP")
        for table, event in CORRECTED.items():
            _correct(con, table, event)
        for table in ("purchases", "invoices"):
            _move(con, table, CORRECTED[table])
        _arrive(con, begins)
        _write(con, out / "first", f"arrives < DATE '{bounds[0]}'")
        later = []
        for low, high in zip(bounds, [*bounds[1:], date(9999, 1, 1)], strict=True):
            again = f"arrives < DATE '{low}' AND arrives >= DATE '{low}' - 20 AND lot % 50 = 7"
            later.append(out / f"{low}")
            _write(con, later[-1], f"(arrives >= DATE '{low}' AND arrives < DATE '{high}') OR ({again})")
        _write(con, out / "whole", "true")
    return Days(out / "first", tuple(later), out / "whole")


def _correct(con: duckdb.DuckDBPyConnection, table: str, event: str) -> None:
    """Add corrected versions of some rows, of some two, the later recorded one first."""
    change = "rating = greatest(1, rating - 1)" if table == "reviews" else "amount = (amount * 0.9)::DECIMAL(18, 2)"
    con.execute(f"CREATE OR REPLACE TABLE again AS FROM {table} WHERE lot % 25 = 4 AND recorded_at IS NULL")
    con.execute(f"UPDATE again SET recorded_at = {event} + INTERVAL 17 DAY, lot = lot + 1, {change}")
    con.execute("CREATE OR REPLACE TABLE third AS FROM again WHERE lot % 3 = 0")
    con.execute(f"UPDATE third SET recorded_at = {event} + INTERVAL 9 DAY, lot = 3, {change}")
    con.execute(f"INSERT INTO {table} FROM again UNION ALL FROM third")


def _move(con: duckdb.DuckDBPyConnection, table: str, event: str) -> None:
    """Tell some rows of the next supplier, and some of these of the first one again."""
    following = "coalesce(lead(supplier_id) OVER (ORDER BY supplier_id), min(supplier_id) OVER ())"
    con.execute(f"CREATE OR REPLACE TABLE neighbour AS SELECT supplier_id AS own, {following} AS other FROM suppliers")
    con.execute(f"CREATE OR REPLACE TABLE moved AS FROM {table} WHERE lot % 25 = 9 AND recorded_at IS NULL")
    if table == "invoices":
        con.execute("UPDATE moved SET order_id = NULL")
    there, back = ("(SELECT other FROM neighbour WHERE own = supplier_id)", "(SELECT own FROM neighbour WHERE other = supplier_id)")
    con.execute(f"UPDATE moved SET recorded_at = {event} + INTERVAL 12 DAY, supplier_id = {there}")
    con.execute("CREATE OR REPLACE TABLE back AS FROM moved WHERE lot % 2 = 0")
    con.execute(f"UPDATE back SET recorded_at = recorded_at + INTERVAL 11 DAY, supplier_id = {back}")
    con.execute(f"INSERT INTO {table} FROM moved UNION ALL FROM back")


def _arrive(con: duckdb.DuckDBPyConnection, begins: date) -> None:
    """Say when each row arrives; a tenth of the suppliers comes forty days after the beginning."""
    since = f"CASE lot % 10 WHEN 0 THEN DATE '{begins}' + 40 ELSE DATE '1900-01-01' END"
    con.execute(f"CREATE TABLE since AS SELECT supplier_id, {since} AS since FROM suppliers")
    for table, events in EVENTS.items():
        own = ", ".join(f"coalesce({table}.{column}::TIMESTAMP, TIMESTAMP '1900-01-01')" for column in (*events, "recorded_at"))
        placed, order = "", ""
        if table in ("fulfilments", "reviews", "invoices"):
            placed, order = ", coalesce(placed.at, TIMESTAMP '1900-01-01')", "LEFT JOIN placed USING (order_id, supplier_id)"
        delay = f"CASE WHEN {table}.lot % 20 = 3 AND '{table}' <> 'orders' THEN INTERVAL 33 DAY ELSE INTERVAL 0 DAY END"
        con.execute(
            f"CREATE TABLE {table}_arrive AS SELECT {table}.*, greatest({own}, since.since{placed}) + {delay} AS arrives "
            f"FROM {table} JOIN since USING (supplier_id) {order}"
        )
        if table == "reviews":  # the words of a review teach from the day it is known: one that comes late says so
            con.execute("UPDATE reviews_arrive SET recorded_at = arrives + lot * INTERVAL 1 SECOND WHERE arrives > reviewed_at")
            con.execute("UPDATE reviews_arrive SET arrives = recorded_at WHERE recorded_at > arrives")
        if table == "orders":
            con.execute("CREATE TABLE placed AS SELECT order_id, supplier_id, min(arrives) AS at FROM orders_arrive GROUP BY ALL")


def _write(con: duckdb.DuckDBPyConnection, folder: Path, where: str) -> None:
    """Write a folder of the rows that hold, without the tables that have none."""
    folder.mkdir(parents=True)
    for table in EVENTS:
        rows = f"SELECT * EXCLUDE (lot, arrives) FROM {table}_arrive WHERE {where}"
        if con.execute(f"SELECT count(*) FROM ({rows})").fetchall()[0][0]:
            con.execute(f"COPY ({rows} ORDER BY ALL) TO '{folder / table}.parquet'")
