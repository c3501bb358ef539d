"""Loans and labels as raw tables in a database of their own."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from features.columns import SQL_TYPES
from features.read import RawTables
from features.tables import CONTRACT
from tests.training.loans import LAST_DAY, Loan

ZONE = "Asia/Shanghai"


def raw_tables(
    loans: Sequence[Loan],
    *,
    last_day: date = LAST_DAY,
    labels: Sequence[tuple[str, date, str, date | None]] = (),
    shuffled: bool = False,
) -> RawTables:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    for name, table in CONTRACT.items():
        columns = ", ".join(f"{column.name} {SQL_TYPES[column.kind]}" for column in table.columns)
        con.execute(f"CREATE TABLE {name} ({columns}, source_row BIGINT)")
    _insert(
        con,
        "orders",
        [{"order_id": "o", "supplier_id": "s", "buyer_id": "b", "ordered_at": utc(last_day), "amount": 1}],
    )
    loan_rows = [
        {
            "loan_id": loan.loan_id,
            "supplier_id": loan.supplier_id,
            "drawn_at": utc(drawn),
            "due_at": utc(loan.due),
            "principal": principal,
            "recorded_at": utc(recorded),
        }
        for loan in loans
        for recorded, drawn, principal in [(loan.recorded, loan.drawn, loan.principal), *loan.corrections]
    ]
    _insert(con, "loans", loan_rows[::-1] if shuffled else loan_rows)
    rows = [
        {
            "loan_id": loan.loan_id,
            "due_at": utc(instalment.due),
            "amount_due": instalment.amount_due,
            "paid_at": utc(on),
            "amount_paid": amount,
            "recorded_at": utc(recorded),
        }
        for loan in loans
        for instalment in loan.instalments
        for recorded, on, amount in instalment.versions
    ]
    _insert(con, "repayments", rows[::-1] if shuffled else rows)
    _insert(
        con,
        "labels",
        [
            {"supplier_id": supplier_id, "as_of": as_of, "outcome": outcome, "recorded_at": utc(recorded)}
            for supplier_id, as_of, outcome, recorded in labels
        ],
    )
    present = frozenset({"orders", "loans", "repayments", "labels"})
    return RawTables(con=con, zone=ZONE, currency="CNY", present=present, source=Path("drawn"), digests={})


def utc(day: date | None) -> datetime | None:
    """One in the morning in Shanghai: the day before in UTC, so that a forgotten zone shows."""
    if day is None:
        return None
    local = datetime.combine(day, time(1), ZoneInfo(ZONE))
    return local.astimezone(ZoneInfo("UTC")).replace(tzinfo=None)


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, object]]) -> None:
    for number, row in enumerate(rows, start=1):
        columns = [*row, "source_row"]
        marks = ", ".join("?" for _ in columns)
        con.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", [*row.values(), number])
