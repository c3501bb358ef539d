"""The floor: DuckDB reads and decodes the columns the features rest on, and does nothing else with them.

min and max of a column would be answered from Parquet's statistics, so every cell is passed through an expression.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.features_peers.workload import Answer

COLUMNS = {
    "suppliers": ("supplier_id", "joined_at", "recorded_at"),
    "orders": ("order_id", "supplier_id", "buyer_id", "ordered_at", "amount", "promised_at", "cancelled_at", "recorded_at"),
    "fulfilments": (
        "order_id", "supplier_id", "delivered_at", "accepted_at", "quantity_delivered", "quantity_rejected", "returned_at",
        "return_amount", "recorded_at",
    ),
    "reviews": ("supplier_id", "reviewed_at", "rating", "recorded_at"),
}  # fmt: skip


def _decoded(column: str) -> str:
    if column.endswith("_id"):
        return f"sum(length({column}))"
    return f"max(epoch_us({column}) + 1)" if column.endswith("_at") else f"sum({column})"


def compute(folder: Path, as_of: Sequence[date], *, threads: int = 1) -> Answer:
    """Read every cell of `COLUMNS`; the answer is empty."""
    with duckdb.connect() as con:
        con.execute(f"SET threads = {threads}")
        for table, columns in COLUMNS.items():
            con.execute(f"SELECT {', '.join(map(_decoded, columns))} FROM '{folder / table}.parquet'").fetchall()
    return Answer(np.empty(0, dtype=np.str_), np.empty(0, dtype="datetime64[D]"), np.empty((0, 0)), ())
