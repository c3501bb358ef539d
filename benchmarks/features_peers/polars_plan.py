"""Peer: Polars by the plan the engine itself follows, on POLARS_MAX_THREADS threads.

One lazy scan per table and one join; every event falls into the elementary interval between two neighbouring window edges of all dates
and is grouped once by supplier and interval; a window is the difference of two running sums. Counterparties are grouped once by supplier,
buyer and interval, and each date's four nested windows are four groupings of that. Two plans are measured and the faster
stands for Polars: `compute` as said, `compute_daily` groups by supplier and day and finds running sums by `join_asof`.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.features_peers.workload import NAMES, PARTY_QUANTITIES, WINDOWS, ZONE_HOURS, Answer, Sums, epoch_days, lay_out

COLUMNS = {
    "ordered": {
        "orders": pl.len(),
        "amount": pl.col("fen").sum(),
        "promise_days": (pl.col("promised") - pl.col("ordered")).sum(),
        "promised": pl.col("promised").count(),
    },
    "cancelled": {"cancelled": pl.len(), "cancelled_amount": pl.col("fen").sum()},
    "delivered": {
        "deliveries": pl.len(),
        "due": pl.col("promised").count(),
        "late": (pl.col("late_days") > 0).sum(),
        "late_days": pl.col("late_days").sum(),
        "lead_days": (pl.col("delivered") - pl.col("ordered")).sum(),
    },
    "inspected": {
        "inspected": pl.len(),
        "inspected_quantity": pl.coalesce("quantity_delivered", "quantity_rejected").sum(),
        "rejected_quantity": pl.col("quantity_rejected").sum(),
        "with_reject": (pl.col("quantity_rejected") > 0).sum(),
    },
    "returned": {"returned_amount": pl.col("returned_fen").sum()},
    "reviewed": {"reviews": pl.len(), "stars": pl.col("rating").sum(), "low": (pl.col("rating") <= 2).sum()},
}
"""Each day column and the sums grouped by it."""


def _day(column: str, name: str) -> Any:
    return pl.col(column).dt.offset_by(f"{ZONE_HOURS}h").dt.date().to_physical().alias(name)


def _fen(column: str) -> Any:
    return (pl.col(column).cast(pl.Float64) * 100.0).round().cast(pl.Int64)


def frames(folder: Path) -> tuple[npt.NDArray[np.str_], dict[str, Any], Any]:
    """Return supplier ids, the events of each day column, and the orders; suppliers and buyers are codes, days int32."""
    suppliers = pl.scan_parquet(folder / "suppliers.parquet").select("supplier_id").sort("supplier_id").collect()
    ids = suppliers["supplier_id"].to_numpy().astype(np.str_)
    known = pl.Enum(suppliers["supplier_id"])
    supplier = pl.col("supplier_id").cast(known).to_physical().cast(pl.Int32).alias("supplier")
    orders = (
        pl.scan_parquet(folder / "orders.parquet")
        .select(
            "order_id", supplier, pl.col("buyer_id").cast(pl.Categorical).to_physical().alias("buyer"), _day("ordered_at", "ordered"),
            _day("promised_at", "promised"), _day("cancelled_at", "cancelled"), _fen("amount").alias("fen"),
        )
        .collect(engine="streaming")
    )  # fmt: skip
    deliveries = (
        pl.scan_parquet(folder / "fulfilments.parquet")
        .select(
            "order_id", supplier, _day("delivered_at", "delivered"), _day("returned_at", "returned"), "quantity_delivered",
            pl.coalesce("accepted_at", "delivered_at").alias("inspected_at"), "quantity_rejected",
            _fen("return_amount").alias("returned_fen"),
        )
        .with_columns(_day("inspected_at", "inspected"))
        .join(orders.lazy().select("order_id", "supplier", "ordered", "promised"), on=["order_id", "supplier"])
        .drop("order_id", "inspected_at")
        .with_columns((pl.col("delivered") - pl.col("promised")).clip(lower_bound=0).alias("late_days"))
        .collect(engine="streaming")
    )  # fmt: skip
    reviews = pl.scan_parquet(folder / "reviews.parquet").select(supplier, _day("reviewed_at", "reviewed"), "rating").collect()
    events = {
        "ordered": orders,
        "cancelled": orders.filter(pl.col("cancelled").is_not_null()),
        "delivered": deliveries,
        "inspected": deliveries.filter(pl.col("quantity_rejected").is_not_null()),
        "returned": deliveries.filter(pl.col("returned").is_not_null()),
        "reviewed": reviews,
    }
    return ids, events, orders


def _interval(day: str, edges: npt.NDArray[np.int32]) -> Any:
    """How many edges lie at or before the day, by a table over the days."""
    first = int(edges[0]) - 1
    table = np.searchsorted(edges, np.arange(first, int(edges[-1]) + 1), side="right").astype(np.int16)
    place = (pl.col(day) - first).clip(0, len(table) - 1)
    return pl.lit(pl.Series(table)).gather(place)


def _window_sums(events: dict[str, Any], suppliers: int, days: npt.NDArray[np.int32], edges: npt.NDArray[np.int32]) -> Sums:
    """Sums of every supplier, date and window, as differences of running sums over the elementary intervals."""
    out: Sums = {}
    ends = np.searchsorted(edges, days)
    starts = np.searchsorted(edges, days[:, None] - np.array(WINDOWS))
    for day, sums in COLUMNS.items():
        made = (
            events[day]
            .lazy()
            .filter(pl.col(day) < int(edges[-1]), pl.col(day) >= int(edges[0]))
            .with_columns(_interval(day, edges).alias("interval"))
            .group_by("supplier", "interval")
            .agg(*(total.cast(pl.Float64).alias(f"sum_{name}") for name, total in sums.items()))
            .collect(engine="streaming")
        )
        at = made["supplier"].to_numpy(), made["interval"].to_numpy()
        for name in sums:
            running = np.zeros((suppliers, len(edges)))
            running[at] = made[f"sum_{name}"].to_numpy()
            np.cumsum(running, axis=1, out=running)
            out[name] = (running[:, ends][:, :, None] - running[:, starts]).reshape(-1, len(WINDOWS))
    return out


def _daily_sums(events: dict[str, Any], suppliers: int, days: npt.NDArray[np.int32]) -> Sums:
    """The same sums from daily running sums, looked up at each edge by `join_asof`."""
    out: Sums = {}
    backs = np.array((0, *WINDOWS), dtype=np.int32)
    asked = pl.DataFrame(
        {
            "supplier": np.repeat(np.arange(suppliers, dtype=np.int32), len(days) * len(backs)),
            "edge": np.tile((days[:, None] - backs - 1).ravel().astype(np.int32), suppliers),
        }
    ).with_row_index("row").sort("edge")  # fmt: skip
    for day, sums in COLUMNS.items():
        daily = (
            events[day]
            .lazy()
            .group_by("supplier", day)
            .agg(*(total.cast(pl.Float64).alias(f"sum_{name}") for name, total in sums.items()))
            .sort("supplier", day)
            .with_columns(pl.col("^sum_.*$").cum_sum().over("supplier"))
            .sort(day)
            .collect()
        )
        found = asked.join_asof(daily, left_on="edge", right_on=day, by="supplier", check_sortedness=False).sort("row")
        for name in sums:
            running = found[f"sum_{name}"].fill_null(0.0).to_numpy().reshape(suppliers, len(days), len(backs))
            out[name] = (running[:, :, :1] - running[:, :, 1:]).reshape(-1, len(WINDOWS))
    return out


def _party_measures(orders: Any, suppliers: int, days: npt.NDArray[np.int32], edges: npt.NDArray[np.int32]) -> Sums:
    """Distinct, HHI, top and repeat share of every supplier, date and window."""
    out = {name: np.full((suppliers, len(days), len(WINDOWS)), np.nan) for name in PARTY_QUANTITIES}
    count, hhi, top_share, repeat_share = out.values()
    count.fill(0.0)
    pairs = (
        orders.lazy()
        .filter(pl.col("ordered") < int(edges[-1]), pl.col("ordered") >= int(edges[0]))
        .select(
            (pl.col("supplier").cast(pl.Int64) * 2**32 + pl.col("buyer")).alias("pair"),
            _interval("ordered", edges).alias("interval"),
            "fen",
        )
        .group_by("pair", "interval")
        .agg(pl.col("fen").sum(), pl.len().alias("n"))
        .collect(engine="streaming")
    )
    for d, day in enumerate(days):
        end = int(np.searchsorted(edges, day))
        for w, window in enumerate(WINDOWS):
            start = int(np.searchsorted(edges, day - window))
            found = (
                pairs.lazy()
                .filter(pl.col("interval") > start, pl.col("interval") <= end)
                .group_by("pair")
                .agg(pl.col("fen").sum(), pl.col("n").sum())
                .group_by((pl.col("pair") // 2**32).alias("supplier"))
                .agg(
                    pl.len().alias("distinct"),
                    (pl.col("fen").cast(pl.Float64) ** 2).sum().alias("squares"),
                    pl.col("fen").max().alias("top"),
                    (pl.col("n") > 1).sum().alias("again"),
                    pl.col("fen").sum().alias("total"),
                )
                .collect()
            )
            at = found["supplier"].to_numpy()
            distinct, squares, top, again, total = (found[name].to_numpy() for name in found.columns[1:])
            count[at, d, w] = distinct
            hhi[at, d, w] = squares / (total * 1.0 * total)
            top_share[at, d, w] = top / total
            repeat_share[at, d, w] = again / distinct
    return {name: measure.reshape(-1, len(WINDOWS)) for name, measure in out.items()}


def compute(folder: Path, as_of: Sequence[date], *, threads: int = 1) -> Answer:
    """Return the features by elementary intervals."""
    return _compute(folder, as_of, daily=False)


def compute_daily(folder: Path, as_of: Sequence[date], *, threads: int = 1) -> Answer:
    """Return the features by daily running sums."""
    return _compute(folder, as_of, daily=True)


def _compute(folder: Path, as_of: Sequence[date], *, daily: bool) -> Answer:
    days = epoch_days(as_of)
    edges = np.unique(np.concatenate([days - window for window in (0, *WINDOWS)])).astype(np.int32)
    ids, events, orders = frames(folder)
    sums = _daily_sums(events, len(ids), days) if daily else _window_sums(events, len(ids), days, edges)
    parties = _party_measures(orders, len(ids), days, edges)
    values = lay_out(sums, parties)
    return Answer(np.repeat(ids, len(days)), np.tile(days.astype("datetime64[D]"), len(ids)), values, NAMES)
