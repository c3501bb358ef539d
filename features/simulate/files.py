"""How the rows reach the disk: Parquet through DuckDB on one thread, and a digest over the content of every table."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import duckdb
import numpy as np

from features.simulate.identity import INDUSTRIES, PROVINCES
from features.simulate.phrases import texts
from features.simulate.records import Columns


def _id(prefix: str, column: str, width: int = 8) -> str:
    return f"CASE WHEN {column} >= 0 THEN '{prefix}' || lpad({column}::VARCHAR, {width}, '0') END"


def _time(column: str) -> str:
    return f"CASE WHEN {column} >= 0 THEN make_timestamp({column}::BIGINT * 1000000) END"


def _date(column: str) -> str:
    return f"CASE WHEN {column} >= 0 THEN DATE '1970-01-01' + {column}::INTEGER END"


def _money(column: str) -> str:
    return f"CASE WHEN {column} >= 0 THEN ({column} / 100.0)::DECIMAL(18,2) END"


def _pick(column: str, *words: str) -> str:
    return f"[{', '.join(repr(word) for word in words)}][{column} + 1]"


_SUPPLIER = _id("S", '"supplier"', 6)
_BUYER = _id("B", "buyer", 6)
_CATEGORY = _pick("industry", *(i[1] for i in INDUSTRIES))
_RECORDED = _time("recorded")

PROJECTIONS: Mapping[str, Mapping[str, str]] = {
    "suppliers": {
        "supplier_id": _SUPPLIER, "name": "name", "uscc": "uscc", "kind": _pick("sole", "enterprise", "sole_trader"),
        "registered_on": "DATE '1970-01-01' + registered::INTEGER", "joined_at": _time("joined"),
        "province": _pick("province", *(p[0] for p in PROVINCES)),
        "industry": _pick("industry", *(i[0] for i in INDUSTRIES)), "main_category": _CATEGORY,
    },
    "orders": {
        "order_id": _id("O", "id"), "supplier_id": _SUPPLIER, "buyer_id": _BUYER, "ordered_at": _time("ordered"),
        "amount": _money("amount"), "currency": "'CNY'", "category": _CATEGORY, "quantity": "quantity::DOUBLE",
        "promised_at": _time("promised"), "cancelled_at": _time("cancelled"), "recorded_at": _RECORDED,
    },
    "fulfilments": {
        "fulfilment_id": _id("F", "id"), "order_id": _id("O", '"order"'), "supplier_id": _SUPPLIER,
        "shipped_at": _time("shipped"), "delivered_at": _time("delivered"), "accepted_at": _time("accepted"),
        "quantity_delivered": "quantity::DOUBLE", "quantity_rejected": "rejected::DOUBLE",
        "returned_at": _time("returned"), "return_amount": _money("return_amount"), "recorded_at": _RECORDED,
    },
    "reviews": {
        "review_id": _id("R", "id"), "supplier_id": _SUPPLIER, "order_id": _id("O", '"order"'), "buyer_id": _BUYER,
        "reviewed_at": _time("reviewed"), "rating": "rating::DOUBLE",
        "text": "CASE WHEN \"text\" >= 0 THEN getvariable('texts')[\"text\" + 1] END",
        "recorded_at": _RECORDED,
    },
    "purchases": {
        "purchase_id": _id("P", "id"), "supplier_id": _SUPPLIER,
        "vendor_id": f"CASE WHEN ring = 1 THEN {_id('B', 'vendor', 6)} ELSE {_id('V', 'vendor', 6)} END",
        "purchased_at": _time("purchased"), "amount": _money("amount"), "cancelled_at": _time("cancelled"),
    },
    "invoices": {
        "invoice_id": _id("I", "id"), "supplier_id": _SUPPLIER, "buyer_id": _BUYER, "order_id": _id("O", '"order"'),
        "issued_at": _time("issued"), "due_at": _time("due"), "amount": _money("amount"), "paid_at": _time("paid"),
        "paid_amount": _money("paid_amount"), "recorded_at": _RECORDED,
    },
    "loans": {
        "loan_id": _id("L", "id", 6), "supplier_id": _SUPPLIER, "lender_id": "'LENDER01'",
        "product": _pick("product", "receivable", "order", "inventory", "unsecured"), "drawn_at": _time("drawn"),
        "due_at": _time("due"), "principal": _money("principal"), "annual_rate": "(rate / 10000.0)::DOUBLE",
    },
    "repayments": {
        "loan_id": _id("L", "loan", 6), "due_at": _time("due"), "amount_due": _money("amount"),
        "paid_at": _time("paid"), "amount_paid": f"CASE WHEN paid >= 0 THEN {_money('amount')} END",
    },
    "inventory": {
        "supplier_id": _SUPPLIER, "observed_at": _time("observed"), "category": _CATEGORY, "value": _money("stock"),
        "days_of_cover": "cover",
    },
    "production": {
        "supplier_id": _SUPPLIER, "observed_at": _time("observed"), "utilisation": "utilisation",
        "state": "CASE WHEN utilisation < 0.05 THEN 'stopped' WHEN utilisation < 0.45 THEN 'reduced' ELSE 'running' END",
    },
    "certificates": {
        "supplier_id": _SUPPLIER,
        "certificate": _pick("kind", "business_licence", "tax_registration", "iso_9001", "inspection_report",
                             "process_document", "customer_case", "site_audit"),
        "issued_on": _date("start"), "expires_on": _date("stop"),
        "verified_at": "CASE WHEN start < $last THEN make_timestamp((start + 1) * 86400000000 + 36000000000) END",
    },
    "cooperations": {
        "supplier_id": _SUPPLIER, "partner_id": _id("K", "partner", 5),
        "content": _pick("kind", "goods", "resource", "service", "capability", "technology", "finance", "ip"),
        "level": _pick("level", "operational", "tactical", "strategic"), "started_on": _date("start"),
        "ended_on": _date("stop"),
    },
    "truth/true_pd": {
        "supplier_id": _SUPPLIER, "as_of": _date("as_of"), "true_pd": "pd", "has_loan": "has_loan = 1",
        "is_cheat": _pick("cheat", "", "wash_ring", "bought_reviews", "bust_out"),
    },
}  # fmt: skip


def write_tables(folder: Path, tables: Mapping[str, Columns], *, last_day: int) -> str:
    """Write one Parquet file per table into ``folder`` and return the SHA-256 over their content.

    The digest is over every column's values and the projection that turns them into the contract's columns, table by table in
    the order of their names: it does not depend on the Parquet writer's version.
    """
    digest = hashlib.sha256()
    for name in sorted(tables):
        projection = PROJECTIONS[name]
        digest.update(json.dumps([name, projection], ensure_ascii=False).encode())
        for column in sorted(tables[name]):
            values = tables[name][column]
            digest.update(f"{column}:{values.dtype.kind}".encode())
            plain = values.dtype.kind == "O"
            digest.update("\n".join(values).encode() if plain else np.ascontiguousarray(values).tobytes())
        _write(folder / f"{name}.parquet", tables[name], projection, last_day)
    return digest.hexdigest()


def _write(file: Path, columns: Columns, projection: Mapping[str, str], last_day: int) -> None:
    select = ", ".join(f'{sql} AS "{column}"' for column, sql in projection.items())
    with duckdb.connect(config={"threads": 1, "preserve_insertion_order": True}) as con:
        con.execute(f"SET VARIABLE texts = {texts()!r}")
        con.register("source", columns)
        target = str(file).replace("'", "''")
        con.execute(f"COPY (SELECT {select.replace('$last', str(last_day))} FROM source) TO '{target}' (FORMAT parquet)")
