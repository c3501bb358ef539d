"""Loans drawn by hand or by hypothesis, as raw tables, and the slow, plain reading of the contract's Outcome text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from credit.outcome import Outcome, OutcomePolicy
from features.columns import SQL_TYPES
from features.read import RawTables
from features.tables import CONTRACT

ZONE = "Asia/Shanghai"
LAST_DAY = date(2026, 6, 30)


@dataclass
class Instalment:
    due: date
    amount_due: int = 100
    # (recorded on, paid on, amount paid), oldest first; the last one is what is known at the end.
    versions: list[tuple[date | None, date | None, int | None]] = field(default_factory=lambda: [(None, None, None)])


@dataclass
class Loan:
    loan_id: str
    supplier_id: str
    drawn: date
    due: date
    instalments: list[Instalment]
    principal: int = 100


def paid(due: date, on: date | None = None, *, amount: int | None = None, recorded: date | None = None) -> Instalment:
    return Instalment(due, versions=[(recorded, on or due, amount)])


def unpaid(due: date) -> Instalment:
    return Instalment(due)


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
    _insert(
        con,
        "loans",
        [
            {
                "loan_id": loan.loan_id,
                "supplier_id": loan.supplier_id,
                "drawn_at": utc(loan.drawn),
                "due_at": utc(loan.due),
                "principal": loan.principal,
            }
            for loan in loans
        ],
    )
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


def plain_outcomes(
    loans: Sequence[Loan], as_ofs: Sequence[date], policy: OutcomePolicy, last_day: date = LAST_DAY
) -> dict[tuple[str, date], Outcome]:
    """Walk day by day through every instalment of every loan: slow, and close to the contract's words."""
    labels = {}
    for supplier_id in {loan.supplier_id for loan in loans}:
        for as_of in as_ofs:
            outcome = _plain_outcome([loan for loan in loans if loan.supplier_id == supplier_id], as_of, policy, last_day)
            if outcome is not None:
                labels[supplier_id, as_of] = outcome
    return labels


def _plain_outcome(loans: Sequence[Loan], as_of: date, policy: OutcomePolicy, last_day: date) -> Outcome | None:
    if as_of > last_day:
        return None
    counted = [loan for loan in loans if loan.instalments and _counts(loan, as_of, policy)]
    instalments = [instalment for loan in counted for instalment in loan.instalments]
    if not counted:
        return None
    if any(_days_past_due(instalment, as_of) >= policy.default_dpd for instalment in instalments):
        return None
    window = [as_of + timedelta(days=n) for n in range(policy.performance_days)]
    worst = max(_days_past_due(instalment, day) for instalment in instalments for day in window if day <= last_day)
    if worst >= policy.default_dpd:
        return Outcome.BAD
    if window[-1] > last_day and not all(_closed_on(loan) for loan in counted):
        return None
    return Outcome.INDETERMINATE if worst >= policy.indeterminate_dpd else Outcome.GOOD


def _counts(loan: Loan, as_of: date, policy: OutcomePolicy) -> bool:
    closed = _closed_on(loan)
    is_open = loan.drawn < as_of and (closed is None or closed >= as_of)
    is_drawn_soon = as_of <= loan.drawn < as_of + timedelta(days=policy.drawn_within_days)
    return is_open or (is_drawn_soon and (closed is None or closed >= as_of))


def _closed_on(loan: Loan) -> date | None:
    paid_on = [_paid_on(instalment) for instalment in loan.instalments]
    days = [day for day in paid_on if day is not None]
    is_whole = (
        max(instalment.due for instalment in loan.instalments) >= loan.due
        or sum(instalment.amount_due for instalment in loan.instalments) >= loan.principal
    )
    return max(days) if len(days) == len(paid_on) and is_whole else None


def _days_past_due(instalment: Instalment, day: date) -> int:
    """Calendar days past due on a day; an instalment paid on a day was still open on it."""
    paid_on = _paid_on(instalment)
    is_open = paid_on is None or paid_on >= day
    return max(0, (day - instalment.due).days) if is_open else 0


def _paid_on(instalment: Instalment) -> date | None:
    _, on, amount = instalment.versions[-1]
    return on if amount is None or amount >= instalment.amount_due else None


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, object]]) -> None:
    for number, row in enumerate(rows, start=1):
        columns = [*row, "source_row"]
        marks = ", ".join("?" for _ in columns)
        con.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", [*row.values(), number])
