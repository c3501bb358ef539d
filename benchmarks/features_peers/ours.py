"""Our side: the 84 features declared in the catalogue's language and computed by the engine, from the Parquet files to the matrix."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

import duckdb

from benchmarks.features_peers.workload import QUANTITIES, WINDOWS, Answer
from features.accept import create_empty
from features.columns import SQL_TYPES
from features.feature import Family, Feature, Unit
from features.formula import Formula, Party, Ratio, Sum
from features.read import RawTables
from features.stream import stream_features
from features.tables import CONTRACT

TABLES: Final = ("suppliers", "orders", "fulfilments", "reviews")
_FEN: Final = 100.0


def _formulas(window: int) -> dict[str, tuple[Formula, Unit]]:
    """The 21 quantities over one window."""

    def of(kind: str, column: str, scale: float = 1.0) -> Sum:
        return Sum(kind, column, window, 0, scale)

    orders, amount = of("order_placed", "count"), of("order_placed", "amount", _FEN)
    deliveries, due, late_days = of("delivered", "count"), of("delivered", "promised"), of("delivered", "late_days")
    reviews = of("reviewed", "count")
    return {
        "orders_count": (orders, Unit.COUNT),
        "orders_amount_sum": (amount, Unit.CNY),
        "orders_amount_mean": (Ratio(amount, orders), Unit.CNY),
        "orders_cancel_ratio": (Ratio(of("order_cancelled", "count"), orders), Unit.RATIO),
        "orders_cancel_amount_ratio": (Ratio(of("order_cancelled", "amount", _FEN), amount), Unit.RATIO),
        "orders_promise_days_mean": (Ratio(of("order_placed", "promise_days"), of("order_placed", "promised")), Unit.DAYS),
        "orders_buyer_distinct": (Party("order_placed", "distinct", window), Unit.COUNT),
        "orders_buyer_hhi": (Party("order_placed", "hhi", window), Unit.RATIO),
        "orders_buyer_top_share": (Party("order_placed", "top_share", window), Unit.RATIO),
        "orders_buyer_repeat_share": (Party("order_placed", "repeat_share", window), Unit.RATIO),
        "fulfilment_count": (deliveries, Unit.COUNT),
        "fulfilment_late_ratio": (Ratio(of("delivered", "late"), due), Unit.RATIO),
        "fulfilment_late_days_mean": (Ratio(late_days, due), Unit.DAYS),
        "fulfilment_lead_days_mean": (Ratio(of("delivered", "lead_days"), deliveries), Unit.DAYS),
        "fulfilment_late_depth": (Ratio(late_days, of("delivered", "late")), Unit.DAYS),
        "fulfilment_reject_ratio": (Ratio(of("inspected", "rejected"), of("inspected", "delivered")), Unit.RATIO),
        "fulfilment_reject_lot_ratio": (Ratio(of("inspected", "with_reject"), of("inspected", "count")), Unit.RATIO),
        "fulfilment_return_amount_ratio": (Ratio(of("returned", "amount", _FEN), amount), Unit.RATIO),
        "reviews_count": (reviews, Unit.COUNT),
        "reviews_rating_mean": (Ratio(of("reviewed", "stars", 100.0), reviews), Unit.STARS),
        "reviews_low_share": (Ratio(of("reviewed", "low"), reviews), Unit.RATIO),
    }


def declared(windows: Sequence[int] = WINDOWS) -> tuple[Feature, ...]:
    """Return the workload's features in the order of `NAMES`."""
    formulas = {window: _formulas(window) for window in windows}
    return tuple(
        Feature(
            name=f"{quantity}_{window}d",
            unit=formulas[window][quantity][1],
            family=Family.VOLUME,
            formula=formulas[window][quantity][0],
            direction=0,
            zh=quantity,
            en=quantity,
            source_table={"orders": "orders", "fulfilment": "fulfilments", "reviews": "reviews"}[quantity.split("_")[0]],
            window_days=window,
        )
        for quantity in QUANTITIES
        for window in windows
    )


def open_tables(folder: Path, *, threads: int = 1, memory: str | None = None) -> RawTables:
    """Return views on the Parquet files under the tables' names, missing columns NULL; nothing is read yet.

    Parameters
    ----------
    folder : Path
    threads : int
        DuckDB's threads.
    memory : str, optional
        DuckDB's memory limit, such as "2GB"; what does not fit spills into the folder.
    """
    con = duckdb.connect()
    con.execute(f"SET TimeZone = 'UTC'; SET threads = {threads}; SET temp_directory = '{folder}/.spill'")
    if memory is not None:
        con.execute(f"SET memory_limit = '{memory}'")
    create_empty(con, [table for name, table in CONTRACT.items() if name not in TABLES])
    for name in TABLES:
        source = f"read_parquet('{folder / name}.parquet', file_row_number = true)"
        there = {row[0] for row in con.execute(f"DESCRIBE FROM {source}").fetchall()}
        cells = [
            column.name if column.name in there else f"NULL::{SQL_TYPES[column.kind]} AS {column.name}" for column in CONTRACT[name].columns
        ]
        con.execute(f"CREATE VIEW {name} AS SELECT {', '.join(cells)}, file_row_number + 1 AS source_row FROM {source}")
    return RawTables(con, "Asia/Shanghai", "CNY", frozenset(TABLES), folder, dict.fromkeys(TABLES, "0" * 64))


def compute(folder: Path, as_of: Sequence[date], *, threads: int = 1, memory: str | None = None) -> Answer:
    """Return the features by the engine."""
    tables = open_tables(folder, threads=threads, memory=memory)
    matrix = stream_features(tables, as_of, features=declared(), threads=threads)
    tables.close()
    return Answer(matrix.supplier_ids, matrix.as_of, matrix.values, matrix.names)
