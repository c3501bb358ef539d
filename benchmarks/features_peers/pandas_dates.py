"""Peers: pandas, one group-by per table and window for every as-of date; suppliers and buyers are integer codes from the reading on.

As it is mostly written, each date takes its rows of the frames, joins deliveries with their orders and turns times into days; prepared,
that is done once for all dates, and a date's rows are a slice of frames sorted by day.
"""

import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow

from benchmarks.features_peers.workload import NAMES, PARTY_QUANTITIES, SUMS, WINDOWS, ZONE_HOURS, Answer, Sums, epoch_days, lay_out

EVENTS = {
    "ordered": ("orders", {"orders": "one", "amount": "fen", "promise_days": "promise_days", "promised": "has_promise"}),
    "cancelled": ("orders", {"cancelled": "one", "cancelled_amount": "fen"}),
    "delivered": (
        "deliveries",
        {"deliveries": "one", "due": "has_promise", "late": "late", "late_days": "late_days", "lead_days": "lead_days"},
    ),
    "inspected": (
        "deliveries",
        {
            "inspected": "has_inspection", "inspected_quantity": "inspected_quantity", "rejected_quantity": "rejected_quantity",
            "with_reject": "with_reject",
        },
    ),
    "returned": ("deliveries", {"returned_amount": "returned_fen"}),
    "reviewed": ("reviews", {"reviews": "one", "stars": "rating", "low": "low"}),
}  # fmt: skip
"""Each day column: its frame, and the sums it gives with the columns they sum."""


def _day(times: Any) -> Any:
    """Civil day as float days since 1970, missing where the time is."""
    shifted = times.astype("datetime64[us]") + pd.Timedelta(hours=ZONE_HOURS)
    days = (shifted.to_numpy().astype("datetime64[D]")).astype(np.float64)
    return np.where(shifted.isna().to_numpy(), np.nan, days)


def _fen(amounts: Any) -> Any:
    return np.rint(amounts.astype(np.float64).to_numpy() * 100.0)


def read(folder: Path) -> tuple[npt.NDArray[np.str_], dict[str, Any]]:
    """Return the supplier ids and the frames, suppliers and buyers coded."""
    columns = {
        "orders": ["order_id", "supplier_id", "buyer_id", "ordered_at", "amount", "promised_at", "cancelled_at"],
        "fulfilments": [
            "order_id", "supplier_id", "delivered_at", "accepted_at", "quantity_delivered", "quantity_rejected", "returned_at",
            "return_amount",
        ],
        "reviews": ["supplier_id", "reviewed_at", "rating"],
        "suppliers": ["supplier_id"],
    }  # fmt: skip
    frames = {table: pd.read_parquet(folder / f"{table}.parquet", columns=names) for table, names in columns.items()}
    ids = np.sort(frames.pop("suppliers")["supplier_id"].to_numpy(dtype=np.str_))
    codes = pd.Index(ids)
    for frame in frames.values():
        frame["supplier"] = codes.get_indexer(frame.pop("supplier_id")).astype(np.int32)
    frames["orders"]["buyer"] = pd.factorize(frames["orders"].pop("buyer_id"))[0].astype(np.int32)
    return ids, frames


def prepare(frames: dict[str, Any], all_orders: Any) -> dict[str, Any]:
    """Return per day column the events sorted by that day; deliveries are joined with all orders."""
    orders, reviews = frames["orders"].copy(deep=False), frames["reviews"].copy(deep=False)
    orders["fen"] = _fen(orders.pop("amount"))
    for name in ("ordered", "promised", "cancelled"):
        orders[name] = _day(orders.pop(f"{name}_at"))
    joined = frames["fulfilments"].merge(all_orders[["order_id", "supplier", "ordered_at", "promised_at"]], on=["order_id", "supplier"])
    deliveries = _deliveries(joined)
    orders["one"] = 1.0
    orders["has_promise"] = orders["promised"].notna().astype(np.float64)
    orders["promise_days"] = (orders["promised"] - orders["ordered"]).fillna(0.0)
    reviews["reviewed"] = _day(reviews.pop("reviewed_at"))
    reviews["one"] = 1.0
    reviews["low"] = (reviews["rating"] <= 2).astype(np.float64)
    held = {"orders": orders, "deliveries": deliveries, "reviews": reviews}
    events = {}
    for day, (table, sums) in EVENTS.items():
        columns = list(dict.fromkeys(["supplier", *(["buyer"] if day == "ordered" else []), day, *sums.values()]))
        events[day] = held[table].loc[held[table][day].notna(), columns].sort_values(day, kind="stable", ignore_index=True)
    return events


def _within(frames: dict[str, Any], day: int) -> dict[str, Any]:
    """Return the rows of which anything happened within the longest window before a day."""
    until = pd.Timestamp(day, unit="D") - pd.Timedelta(hours=ZONE_HOURS)
    since = until - pd.Timedelta(days=max(WINDOWS))
    times = {
        "orders": ("ordered_at", "cancelled_at"),
        "fulfilments": ("delivered_at", "accepted_at", "returned_at"),
        "reviews": ("reviewed_at",),
    }
    out = {}
    for table, frame in frames.items():
        is_within = [(frame[name] >= since) & (frame[name] < until) for name in times[table]]
        out[table] = frame[np.logical_or.reduce(is_within)]
    return out


def _deliveries(joined: Any) -> Any:
    """Deliveries beside their orders, as the columns that are summed."""
    delivered, accepted, ordered, promised = (_day(joined[f"{name}_at"]) for name in ("delivered", "accepted", "ordered", "promised"))
    has_promise, late_days = ~np.isnan(promised), np.fmax(delivered - promised, 0.0)
    rejected = joined["quantity_rejected"].to_numpy()
    seen = ~np.isnan(rejected)
    quantity = joined["quantity_delivered"].to_numpy()
    return pd.DataFrame(
        {
            "supplier": joined["supplier"].to_numpy(),
            "delivered": delivered,
            "inspected": np.where(np.isnan(accepted), delivered, accepted),
            "returned": _day(joined["returned_at"]),
            "one": 1.0,
            "has_promise": has_promise.astype(np.float64),
            "late_days": np.where(has_promise, late_days, 0.0),
            "late": (late_days > 0) & has_promise,
            "lead_days": delivered - ordered,
            "has_inspection": seen.astype(np.float64),
            "inspected_quantity": np.where(seen, np.where(np.isnan(quantity), rejected, quantity), 0.0),
            "rejected_quantity": np.where(seen, rejected, 0.0),
            "with_reject": (rejected > 0).astype(np.float64),
            "returned_fen": np.nan_to_num(_fen(joined["return_amount"])),
        }
    ).astype({"late": np.float64})


def one_date(events: dict[str, Any], suppliers: int, day: int) -> npt.NDArray[np.float64]:
    """Return the matrix of one date."""
    sums = {name: np.zeros((suppliers, len(WINDOWS))) for name in SUMS}
    parties = {name: np.full((suppliers, len(WINDOWS)), np.nan) for name in PARTY_QUANTITIES}
    parties["orders_buyer_distinct"].fill(0.0)
    for name, (_, columns) in EVENTS.items():
        frame = events[name]
        for w, window in enumerate(WINDOWS):
            low, high = np.searchsorted(frame[name].to_numpy(), [day - window, day])
            rows = frame.iloc[low:high]
            found = rows.groupby("supplier", sort=False)[list(dict.fromkeys(columns.values()))].sum()
            for target, column in columns.items():
                sums[target][found.index.to_numpy(), w] = found[column].to_numpy()
            if name == "ordered":
                _count_parties(rows, w, parties)
    return lay_out(sums, parties)


def _count_parties(rows: Any, w: int, out: Sums) -> None:
    """Fill distinct, HHI, top and repeat share of one window."""
    pairs = rows.groupby(["supplier", "buyer"], sort=False)["fen"].agg(["sum", "size"])
    supplier = pairs.index.get_level_values(0)
    amount = pairs["sum"].to_numpy()
    made = pd.DataFrame({"amount": amount, "square": amount * amount, "again": (pairs["size"] > 1).to_numpy().astype(np.float64)})
    by = made.groupby(supplier, sort=False)
    total, top, distinct = by.sum(), by["amount"].max().to_numpy(), by.size().to_numpy()
    at = total.index.to_numpy()
    out["orders_buyer_distinct"][at, w] = distinct
    out["orders_buyer_hhi"][at, w] = total["square"].to_numpy() / total["amount"].to_numpy() ** 2
    out["orders_buyer_top_share"][at, w] = top / total["amount"].to_numpy()
    out["orders_buyer_repeat_share"][at, w] = total["again"].to_numpy() / distinct


def compute(folder: Path, as_of: Sequence[date], *, threads: int = 1) -> Answer:
    """Return the features date by date, each date from the frames as they were read."""
    return _compute(folder, as_of, threads, is_prepared=False)


def compute_prepared(folder: Path, as_of: Sequence[date], *, threads: int = 1) -> Answer:
    """Return the features date by date from frames typed, joined and sorted once."""
    return _compute(folder, as_of, threads, is_prepared=True)


def _compute(folder: Path, as_of: Sequence[date], threads: int, *, is_prepared: bool) -> Answer:
    pyarrow.set_cpu_count(threads)
    pyarrow.set_io_thread_count(threads)
    began = time.process_time()
    ids, frames = read(folder)
    events = prepare(frames, frames["orders"]) if is_prepared else {}
    prepared = time.process_time() - began
    days = epoch_days(as_of)
    blocks = []
    for day in days.tolist():
        own = events or prepare(_within(frames, day), frames["orders"])
        blocks.append(one_date(own, len(ids), day))
    values = np.stack(blocks, axis=1).reshape(len(ids) * len(days), len(NAMES))
    return Answer(np.repeat(ids, len(days)), np.tile(days.astype("datetime64[D]"), len(ids)), values, NAMES, prepared)
