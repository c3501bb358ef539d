"""Peers: one SQL query per as-of date in DuckDB, straight over the Parquet files, and over tables typed and joined once for all dates.

The four windows are filtered sums of one grouping by supplier; counterparties are grouped by supplier and buyer first.
"""

import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from benchmarks.features_peers.workload import NAMES, PARTY_QUANTITIES, QUANTITIES, WINDOWS, ZONE_HOURS, Answer, epoch_days

PREPARE = """
CREATE TEMP {kind} o AS
SELECT supplier_id, order_id, buyer_id, {ordered} AS ordered, {promised} AS promised, {cancelled} AS cancelled,
       (amount * 100)::BIGINT AS fen
FROM '{folder}/orders.parquet';
CREATE TEMP {kind} d AS
SELECT f.supplier_id, {delivered} AS delivered, {inspected} AS inspected, {returned} AS returned, o.ordered, o.promised,
       greatest({delivered} - o.promised, 0) AS late_days, f.quantity_delivered AS quantity, f.quantity_rejected AS rejected,
       (f.return_amount * 100)::BIGINT AS fen
FROM '{folder}/fulfilments.parquet' f JOIN o USING (order_id, supplier_id);
CREATE TEMP {kind} r AS SELECT supplier_id, {reviewed} AS reviewed, rating FROM '{folder}/reviews.parquet';
CREATE TEMP {kind} s AS SELECT supplier_id FROM '{folder}/suppliers.parquet';
"""

SUMS = {
    "o_count": ("orders", "count(*)", "ordered"),
    "o_amount": ("orders", "sum(fen)", "ordered"),
    "o_promise_days": ("orders", "sum(promised - ordered)", "ordered"),
    "o_promised": ("orders", "count(promised)", "ordered"),
    "c_count": ("cancelled", "count(*)", "cancelled"),
    "c_amount": ("cancelled", "sum(fen)", "cancelled"),
    "d_count": ("delivered", "count(*)", "delivered"),
    "d_promised": ("delivered", "count(promised)", "delivered"),
    "d_late": ("delivered", "count_if(late_days > 0)", "delivered"),
    "d_late_days": ("delivered", "sum(late_days)", "delivered"),
    "d_lead_days": ("delivered", "sum(delivered - ordered)", "delivered"),
    "i_count": ("inspected", "count(*)", "inspected"),
    "i_quantity": ("inspected", "sum(coalesce(quantity, rejected))", "inspected"),
    "i_rejected": ("inspected", "sum(rejected)", "inspected"),
    "i_with_reject": ("inspected", "count_if(rejected > 0)", "inspected"),
    "b_amount": ("returned", "sum(fen)", "returned"),
    "r_count": ("reviewed", "count(*)", "reviewed"),
    "r_stars": ("reviewed", "sum(rating)", "reviewed"),
    "r_low": ("reviewed", "count_if(rating <= 2)", "reviewed"),
}
"""Each sum: the grouping it belongs to, its aggregate, and the day it is windowed by."""

SOURCES = {
    "orders": ("o", "ordered", "true"),
    "cancelled": ("o", "cancelled", "true"),
    "delivered": ("d", "delivered", "true"),
    "inspected": ("d", "inspected", "rejected IS NOT NULL"),
    "returned": ("d", "returned", "true"),
    "reviewed": ("r", "reviewed", "true"),
}

FORMULAS = {
    "orders_count": "coalesce(o_count, 0)",
    "orders_amount_sum": "coalesce(o_amount, 0) / 100.0::DOUBLE",
    "orders_amount_mean": "o_amount / 100.0::DOUBLE / nullif(o_count, 0)",
    "orders_cancel_ratio": "coalesce(c_count, 0) / nullif(o_count, 0)",
    "orders_cancel_amount_ratio": "coalesce(c_amount, 0) / nullif(o_amount, 0)",
    "orders_promise_days_mean": "o_promise_days / nullif(o_promised, 0)",
    "orders_buyer_distinct": "coalesce(p_distinct, 0)",
    "orders_buyer_hhi": "p_squares / nullif(o_amount, 0) / o_amount",
    "orders_buyer_top_share": "p_top / nullif(o_amount, 0)",
    "orders_buyer_repeat_share": "p_repeat / nullif(p_distinct, 0)",
    "fulfilment_count": "coalesce(d_count, 0)",
    "fulfilment_late_ratio": "d_late / nullif(d_promised, 0)",
    "fulfilment_late_days_mean": "d_late_days / nullif(d_promised, 0)",
    "fulfilment_lead_days_mean": "d_lead_days / nullif(d_count, 0)",
    "fulfilment_late_depth": "d_late_days / nullif(d_late, 0)",
    "fulfilment_reject_ratio": "i_rejected / nullif(i_quantity, 0)",
    "fulfilment_reject_lot_ratio": "i_with_reject / nullif(i_count, 0)",
    "fulfilment_return_amount_ratio": "coalesce(b_amount, 0) / nullif(o_amount, 0)",
    "reviews_count": "coalesce(r_count, 0)",
    "reviews_rating_mean": "r_stars / nullif(r_count, 0)",
    "reviews_low_share": "r_low / nullif(r_count, 0)",
}


def _query() -> str:
    """The query of one date; its day is bound as $day."""
    groups = []
    for group, (table, day, where) in SOURCES.items():
        sums = [
            f"{aggregate} FILTER ({day} >= $day - {window})::DOUBLE AS {name}_{window}"
            for name, (of, aggregate, _) in SUMS.items()
            if of == group
            for window in WINDOWS
        ]
        groups.append(
            f"{group}_g AS (SELECT supplier_id, {', '.join(sums)} FROM {table} "
            f"WHERE {day} >= $day - {max(WINDOWS)} AND {day} < $day AND {where} GROUP BY supplier_id)"
        )
    pairs = ", ".join(
        f"sum(fen) FILTER (ordered >= $day - {w})::DOUBLE AS a{w}, count(*) FILTER (ordered >= $day - {w}) AS n{w}" for w in WINDOWS
    )
    parties = ", ".join(
        f"count_if(n{w} > 0)::DOUBLE AS p_distinct_{w}, sum(a{w} * a{w}) AS p_squares_{w}, max(a{w}) AS p_top_{w}, "
        f"count_if(n{w} > 1)::DOUBLE AS p_repeat_{w}"
        for w in WINDOWS
    )
    groups.append(
        f"pairs AS (SELECT supplier_id, {pairs} FROM o WHERE ordered >= $day - {max(WINDOWS)} AND ordered < $day "
        f"GROUP BY supplier_id, buyer_id), parties_g AS (SELECT supplier_id, {parties} FROM pairs GROUP BY supplier_id)"
    )
    joins = " ".join(f"LEFT JOIN {group}_g USING (supplier_id)" for group in (*SOURCES, "parties"))
    columns = ", ".join(f"({_windowed(FORMULAS[q], w)})::DOUBLE AS {q}_{w}d" for q in QUANTITIES for w in WINDOWS)
    return f"WITH {', '.join(groups)} SELECT supplier_id, {columns} FROM s {joins} ORDER BY supplier_id"


def _windowed(formula: str, window: int) -> str:
    names = sorted([*SUMS, *(f"p_{name}" for name in ("distinct", "squares", "top", "repeat"))], key=len, reverse=True)
    for place, name in enumerate(names):
        formula = formula.replace(name, f"@{place}@")
    for place, name in enumerate(names):
        formula = formula.replace(f"@{place}@", f"{name}_{window}")
    return formula


def prepare(con: duckdb.DuckDBPyConnection, folder: Path, kind: str = "TABLE") -> None:
    """Make the typed tables and the one join; as views they are computed again in every query, as far as its dates need them."""
    days = {
        name: f"(({column} + INTERVAL {ZONE_HOURS} HOUR)::DATE - DATE '1970-01-01')::INTEGER"
        for name, column in {
            "ordered": "ordered_at", "promised": "promised_at", "cancelled": "cancelled_at", "delivered": "f.delivered_at",
            "inspected": "coalesce(f.accepted_at, f.delivered_at)", "returned": "f.returned_at", "reviewed": "reviewed_at",
        }.items()
    }  # fmt: skip
    con.execute(PREPARE.format(folder=folder, kind=kind, **days))


def compute_from_files(folder: Path, as_of: Sequence[date], *, threads: int = 1) -> Answer:
    """Return the features by one query per date that needs nothing but the files."""
    return compute(folder, as_of, threads=threads, kind="VIEW")


def compute(folder: Path, as_of: Sequence[date], *, threads: int = 1, kind: str = "TABLE") -> Answer:
    """Return the features by one query per date over tables made once."""
    began = time.process_time()
    days = epoch_days(as_of)
    with duckdb.connect() as con:
        con.execute(f"SET threads = {threads}")
        prepare(con, folder, kind)
        prepared = time.process_time() - began
        query, blocks, ids = _query(), [], np.empty(0, dtype=np.str_)
        for day in days:
            found: Any = con.execute(query, {"day": int(day)}).fetchnumpy()
            ids = np.asarray(found.pop("supplier_id"), dtype=np.str_)
            blocks.append(np.stack([np.ma.filled(found[name].astype(np.float64), np.nan) for name in NAMES], axis=1))
    values = np.stack(blocks, axis=1).reshape(len(ids) * len(days), len(NAMES))
    return Answer(np.repeat(ids, len(days)), np.tile(days.astype("datetime64[D]"), len(ids)), values, NAMES, prepared)


if set(FORMULAS) != set(QUANTITIES) or len(PARTY_QUANTITIES) != 4:
    raise ValueError("the formulas are not those of the workload")
