"""Small folders of raw tables for tests: one good row in each of the thirteen, and ways to change a row and a format."""

import csv
import gzip
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from features.cells import text_literal

NOW = datetime(2024, 6, 30, tzinfo=UTC)

Row = dict[str, str]

GOOD: Mapping[str, Row] = {
    "suppliers": {
        "supplier_id": "001", "name": "甲公司", "uscc": "91350100M000100Y43", "kind": "enterprise",
        "registered_on": "2010-05-06", "joined_at": "2020-01-01T08:00:00", "province": "福建", "industry": "服装",
        "main_category": "鞋",
    },
    "orders": {
        "order_id": "o1", "supplier_id": "001", "buyer_id": "b1", "ordered_at": "2024-01-10T09:00:00",
        "amount": "120.50", "currency": "CNY", "category": "鞋", "quantity": "3", "promised_at": "2024-01-20",
        "cancelled_at": "",
    },
    "fulfilments": {
        "fulfilment_id": "f1", "order_id": "o1", "supplier_id": "001", "shipped_at": "2024-01-12T10:00:00",
        "delivered_at": "2024-01-15T10:00:00", "accepted_at": "2024-01-16", "quantity_delivered": "3",
        "quantity_rejected": "0", "returned_at": "", "return_amount": "",
    },
    "reviews": {
        "review_id": "r1", "supplier_id": "001", "order_id": "o1", "buyer_id": "b1",
        "reviewed_at": "2024-01-20T12:00:00", "rating": "4.5", "text": "不错, \"很好\"\n下次再来",
    },
    "purchases": {
        "purchase_id": "p1", "supplier_id": "001", "vendor_id": "v1", "purchased_at": "2024-01-05",
        "amount": "60.00", "cancelled_at": "",
    },
    "invoices": {
        "invoice_id": "i1", "supplier_id": "001", "buyer_id": "b1", "order_id": "o1", "issued_at": "2024-01-16",
        "due_at": "2024-07-16", "amount": "120.50", "paid_at": "", "paid_amount": "",
    },
    "loans": {
        "loan_id": "l1", "supplier_id": "001", "lender_id": "k1", "product": "receivable",
        "drawn_at": "2024-01-17", "due_at": "2024-07-17", "principal": "100", "annual_rate": "0.08",
    },
    "repayments": {
        "loan_id": "l1", "due_at": "2024-07-17", "amount_due": "104.00", "paid_at": "", "amount_paid": "",
    },
    "inventory": {
        "supplier_id": "001", "observed_at": "2024-02-01", "category": "鞋", "value": "5000", "days_of_cover": "31.5",
    },
    "production": {
        "supplier_id": "001", "observed_at": "2024-02-01", "utilisation": "0.75", "state": "running",
    },
    "certificates": {
        "supplier_id": "001", "certificate": "iso_9001", "issued_on": "2022-03-01", "expires_on": "2025-03-01",
        "verified_at": "2022-03-05",
    },
    "cooperations": {
        "supplier_id": "001", "partner_id": "q1", "content": "goods", "level": "strategic",
        "started_on": "2021-01-01", "ended_on": "",
    },
    "labels": {"supplier_id": "001", "as_of": "2024-01-01", "outcome": "good"},
}  # fmt: skip


def csv_text(rows: Sequence[Row]) -> str:
    """The rows as CSV under the first row's columns."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def write_folder(folder: Path, tables: Mapping[str, Sequence[Row]] | None = None, *, suffix: str = ".csv") -> Path:
    """A folder of all thirteen tables with their good row, where `tables` replaces the rows of some."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, row in GOOD.items():
        write_table(folder, name, (tables or {}).get(name, [row]), suffix=suffix)
    return folder


def write_table(folder: Path, name: str, rows: Sequence[Row], *, suffix: str = ".csv") -> None:
    """One table as CSV, CSV.gz, or Parquet of text columns."""
    text = csv_text(rows)
    if suffix == ".csv":
        (folder / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
    elif suffix == ".csv.gz":
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))
    else:
        names = ", ".join(rows[0])
        cells = ", ".join("(" + ", ".join(_cell(value) for value in row.values()) + ")" for row in rows)
        write_parquet(folder / f"{name}.parquet", f"SELECT * FROM (VALUES {cells}) t({names})")


def _cell(value: str) -> str:
    return f"CAST({text_literal(value)} AS VARCHAR)" if value else "CAST(NULL AS VARCHAR)"


def write_parquet(path: Path, query: str) -> None:
    """The result of a DuckDB query as a Parquet file, its types those of the query."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"COPY ({query}) TO {text_literal(str(path))} (FORMAT parquet)")


def changed(table: str, **cells: str) -> Row:
    """The table's good row with some cells changed."""
    return {**GOOD[table], **cells}
