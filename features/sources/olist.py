"""The Olist marketplace's files as contract tables: real orders, deliveries and reviews of some 3,000 sellers.

Source: Brazilian E-Commerce Public Dataset by Olist, CC BY-NC-SA 4.0, September 2016 to October 2018. One supplier is one
seller. What maps to what, and why:

- orders: one per order and seller, from the items; amount = price + freight over that seller's items, quantity = items,
  category = that of the dearest item, in English where the translation has it. Orders without items have no seller and
  are left out (775).
- buyer = `customer_unique_id`: `customer_id` is new for every order.
- promised_at = the estimated delivery date, a midnight: the day by which the buyer was told to have it.
- fulfilments: one per order and seller, from the carrier and delivery times, which the order's sellers share. Its id is
  the order's.
- reviews: one per review, order and seller. reviewed_at is the answer's time: only then did the platform learn the
  rating; the creation date is the day it sent the question, about two days earlier.
- cancelled_at stays empty: `order_status` is the last state and says not when, so it is never read.
- payments become no table; they check the items (an order's payments against its items).
- Sellers' province = state. Their main category is not written: it would be read off later orders.

Times stay as the files wrote them, without a zone; the import note beside the tables names America/Sao_Paulo and BRL.
Rows that break a rule of the contract are not mended here: the reading sets them aside.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from credit.errors import OutOfRange, TableUnreadable
from features.cells import text_literal
from features.raw_files import IMPORT_NOTE, SUFFIXES, csv_header, digest_of
from features.read import DEFAULT_REJECTED_SHARE, read_tables
from features.sources.olist_labels import label_rows
from features.tables import CONTRACT

ZONE = "America/Sao_Paulo"
CURRENCY = "BRL"

FILES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "orders": (
        "olist_orders_dataset",
        (
            "order_id", "customer_id", "order_purchase_timestamp", "order_delivered_carrier_date",
            "order_delivered_customer_date", "order_estimated_delivery_date",
        ),
    ),
    "items": ("olist_order_items_dataset", ("order_id", "product_id", "seller_id", "price", "freight_value")),
    "payments": ("olist_order_payments_dataset", ("order_id", "payment_value")),
    "reviews": (
        "olist_order_reviews_dataset",
        (
            "review_id", "order_id", "review_score", "review_comment_title", "review_comment_message",
            "review_answer_timestamp",
        ),
    ),
    "customers": ("olist_customers_dataset", ("customer_id", "customer_unique_id")),
    "sellers": ("olist_sellers_dataset", ("seller_id", "seller_state")),
    "products": ("olist_products_dataset", ("product_id", "product_category_name")),
    "translation": (
        "product_category_name_translation", ("product_category_name", "product_category_name_english"),
    ),
}  # fmt: skip
"""The source files by short name, with the columns that are read."""

_PARTS = """
CREATE TABLE sold AS
SELECT i.order_id, i.seller_id, count(*) AS items,
       sum(TRY_CAST(i.price AS DECIMAL(18,2)) + TRY_CAST(i.freight_value AS DECIMAL(18,2))) AS amount,
       arg_max(coalesce(t.product_category_name_english, p.product_category_name),
               (TRY_CAST(i.price AS DECIMAL(18,2)), i.product_id)) AS category
FROM items i LEFT JOIN products p USING (product_id) LEFT JOIN translation t USING (product_category_name)
GROUP BY i.order_id, i.seller_id;
"""

_TABLES: Mapping[str, str] = {
    "suppliers": "SELECT seller_id AS supplier_id, seller_state AS province FROM sellers ORDER BY seller_id",
    "orders": """
        SELECT s.order_id, s.seller_id AS supplier_id, c.customer_unique_id AS buyer_id,
               o.order_purchase_timestamp AS ordered_at, s.amount, s.category, s.items AS quantity,
               o.order_estimated_delivery_date AS promised_at
        FROM sold s JOIN orders o USING (order_id) LEFT JOIN customers c USING (customer_id)
        ORDER BY s.order_id, s.seller_id
    """,
    "fulfilments": """
        SELECT s.order_id AS fulfilment_id, s.order_id, s.seller_id AS supplier_id,
               o.order_delivered_carrier_date AS shipped_at, o.order_delivered_customer_date AS delivered_at
        FROM sold s JOIN orders o USING (order_id)
        WHERE coalesce(o.order_delivered_carrier_date, o.order_delivered_customer_date) IS NOT NULL
        ORDER BY s.order_id, s.seller_id
    """,
    "reviews": """
        SELECT r.review_id, s.seller_id AS supplier_id, r.order_id, c.customer_unique_id AS buyer_id,
               r.review_answer_timestamp AS reviewed_at, r.review_score AS rating,
               nullif(concat_ws(chr(10), r.review_comment_title, r.review_comment_message), '') AS text
        FROM reviews r JOIN sold s USING (order_id) JOIN orders o USING (order_id)
        LEFT JOIN customers c USING (customer_id)
        ORDER BY r.review_id, r.order_id, s.seller_id
    """,
}

_PAYMENTS = """
    SELECT count(*), count(*) FILTER (abs(i.total - p.total) <= 0.01)
    FROM (SELECT order_id, sum(amount) AS total FROM sold GROUP BY order_id) i
    JOIN (SELECT order_id, sum(TRY_CAST(payment_value AS DECIMAL(18,2))) AS total FROM payments GROUP BY order_id) p
    USING (order_id)
"""


@dataclass(frozen=True, slots=True)
class OlistImport:
    """What an import wrote: rows by table, rows the contract sets aside by (table, rule), labels, and the payment check.

    `orders_paid` orders have payments and items; in `orders_paid_exactly` of them both agree to the cent.
    """

    out: Path
    outcome: str
    rows: Mapping[str, int]
    set_aside: Mapping[tuple[str, str], int]
    labels_good: int
    labels_bad: int
    orders_paid: int
    orders_paid_exactly: int


def import_olist(
    source: Path,
    out: Path,
    *,
    outcome: Literal["silent", "late"],
    max_rejected_share: float = DEFAULT_REJECTED_SHARE,
) -> OlistImport:
    """Write the contract's tables from Olist's files: suppliers, orders, fulfilments, reviews and labels, as Parquet.

    Parameters
    ----------
    source
        The folder of the original files, ``.csv`` or ``.csv.gz``.
    out
        The folder to write; tables of an earlier import are replaced.
    outcome
        Which labels: ``silent`` or ``late``, as `features.sources.olist_labels` defines them.
    max_rejected_share
        The largest share of a table's rows that may break a rule of the contract; the files as published lose 0.2 %.

    Raises
    ------
    TableUnreadable
        If a file is missing, damaged, lacks a column that is read, or a table loses more rows than the share.
    OutOfRange
        If `outcome` is neither.
    """
    if outcome not in ("silent", "late"):
        raise OutOfRange(f"outcome: {outcome!r} is not one; choose silent or late")
    paths = {name: _source_file(source, stem) for name, (stem, _) in FILES.items()}
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".import-") as folder:
        fresh = Path(folder)
        paid, exactly = _convert(paths, fresh)
        _write_note(fresh, outcome, {path.name: digest_of(path) for path in paths.values()})
        rows, set_aside, labels = _label(fresh, outcome, max_rejected_share)
        _replace(fresh, out)
    return OlistImport(
        out=out,
        outcome=outcome,
        rows={**rows, "labels": sum(labels.values())},
        set_aside=set_aside,
        labels_good=labels.get("good", 0),
        labels_bad=labels.get("bad", 0),
        orders_paid=paid,
        orders_paid_exactly=exactly,
    )


def _convert(paths: Mapping[str, Path], fresh: Path) -> tuple[int, int]:
    """Write the four tables; return how many orders have payments and items, and in how many both agree."""
    with duckdb.connect(":memory:") as con:
        con.execute("SET enable_progress_bar = false")
        for name, path in paths.items():
            _load(con, name, path)
        con.execute(_PARTS)
        for table, query in _TABLES.items():
            _write(con, query, fresh / f"{table}.parquet")
        return con.execute(_PAYMENTS).fetchone() or (0, 0)


def _label(fresh: Path, outcome: str, max_rejected_share: float) -> tuple[dict[str, int], dict[tuple[str, str], int], dict[str, int]]:
    """Write the labels from the accepted rows; return accepted rows by table, rows set aside by rule, and labels."""
    tables, rejects = read_tables(fresh, max_rejected_share=max_rejected_share)
    with tables.con as con:
        con.execute(f"CREATE TABLE work.labels AS {label_rows(outcome, zone=ZONE)}")
        _write(con, "SELECT * FROM work.labels ORDER BY as_of, supplier_id", fresh / "labels.parquet")
        labels = dict(con.execute("SELECT outcome, count(*) FROM work.labels GROUP BY outcome").fetchall())
        return {table: tables.count(table) for table in _TABLES}, dict(rejects.counts), labels


def _source_file(source: Path, stem: str) -> Path:
    for suffix in (".csv", ".csv.gz"):
        if (source / (stem + suffix)).is_file():
            return source / (stem + suffix)
    raise TableUnreadable(f"{source}: {stem}.csv or .csv.gz is missing; name the folder of Olist's original files")


def _load(con: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    """One source file as a table of text."""
    columns = FILES[name][1]
    digest_of(path)
    names = csv_header(path)
    lacking = [column for column in columns if column not in names]
    if lacking:
        raise TableUnreadable(f"{path.name}: columns are missing ({', '.join(lacking)}); use Olist's original files")
    spelled = ", ".join(f"{text_literal(column)}: 'VARCHAR'" for column in names)
    try:
        con.execute(
            f"CREATE TABLE {name} AS SELECT {', '.join(columns)} FROM read_csv({text_literal(str(path))}, "
            f"auto_detect = false, header = true, columns = {{{spelled}}}, delim = ',', quote = '\"', escape = '\"', "
            "nullstr = '', max_line_size = 16777216)"
        )
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        raise TableUnreadable(f"{path.name}: cannot be read ({first}); use Olist's original files") from None


def _write(con: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    con.execute(f"COPY ({query}) TO {text_literal(str(path))} (FORMAT parquet, COMPRESSION zstd)")


def _write_note(folder: Path, outcome: str, digests: Mapping[str, str]) -> None:
    note = {"source": "olist", "zone": ZONE, "currency": CURRENCY, "outcome": outcome, "sources": digests}
    (folder / IMPORT_NOTE).write_text(json.dumps(note, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _replace(fresh: Path, out: Path) -> None:
    """Put the new files in the place of the old ones, and drop other files of the same tables."""
    for path in sorted(fresh.iterdir()):
        os.replace(path, out / path.name)
    for table in CONTRACT:
        for suffix in SUFFIXES:
            old = out / (table + suffix)
            if old.exists() and (suffix != ".parquet" or table not in (*_TABLES, "labels")):
                old.unlink()
    shutil.rmtree(out / "rejects", ignore_errors=True)
