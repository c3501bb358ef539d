"""What is computed: suppliers, dates, 21 quantities over four windows, and when two answers are equal.

Needs numpy alone, so that a peer whose packages cannot stand beside the project's can run in an environment of its own.
A window of w days is [as_of - w, as_of) by civil days of Asia/Shanghai, which has kept one offset since 1991: peers may shift by
`ZONE_HOURS`; ours goes by the zone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

LAST_AS_OF: Final = date(2026, 1, 1)
ZONE_HOURS: Final = 8
WINDOWS: Final = (30, 90, 180, 365)

ORDER_QUANTITIES: Final = (
    "orders_count", "orders_amount_sum", "orders_amount_mean", "orders_cancel_ratio", "orders_cancel_amount_ratio",
    "orders_promise_days_mean",
)  # fmt: skip
PARTY_QUANTITIES: Final = ("orders_buyer_distinct", "orders_buyer_hhi", "orders_buyer_top_share", "orders_buyer_repeat_share")
DELIVERY_QUANTITIES: Final = (
    "fulfilment_count", "fulfilment_late_ratio", "fulfilment_late_days_mean", "fulfilment_lead_days_mean", "fulfilment_late_depth",
    "fulfilment_reject_ratio", "fulfilment_reject_lot_ratio", "fulfilment_return_amount_ratio",
)  # fmt: skip
REVIEW_QUANTITIES: Final = ("reviews_count", "reviews_rating_mean", "reviews_low_share")
QUANTITIES: Final = (*ORDER_QUANTITIES, *PARTY_QUANTITIES, *DELIVERY_QUANTITIES, *REVIEW_QUANTITIES)
NAMES: Final = tuple(f"{quantity}_{window}d" for quantity in QUANTITIES for window in WINDOWS)
"""Columns of every answer, in order."""

EXACT: Final = frozenset({"orders_count", "orders_amount_sum", "orders_buyer_distinct", "fulfilment_count", "reviews_count"})
"""Counts and sums: equal to the last bit. The others are ratios, equal within `RELATIVE`."""

RELATIVE: Final = 1e-9

SUMS: Final = (
    "orders", "amount", "promise_days", "promised", "cancelled", "cancelled_amount", "deliveries", "due", "late", "late_days", "lead_days",
    "inspected", "inspected_quantity", "rejected_quantity", "with_reject", "returned_amount", "reviews", "stars", "low",
)  # fmt: skip
"""What the quantities are made of besides counterparties; amounts in fen, rating in stars."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A peer's features, sorted by supplier, then date.

    Parameters
    ----------
    supplier_ids : str array (rows,)
    as_of : datetime64[D] array (rows,)
    values : float64 array (rows, features)
        Missing is NaN.
    names : tuple of str
        Columns; a peer that cannot express all of `NAMES` names those it has.
    prepared : float
        CPU seconds spent before the first date, which more dates would not cost again; 0 where the dates are not apart.
    elsewhere : float
        CPU seconds of a server the peer drives, which are not those of its own process or of children that have ended.
    cells : int
        Cells computed in all, with those of no use to the comparison; 0 where they are the values.
    """

    supplier_ids: npt.NDArray[np.str_]
    as_of: npt.NDArray[np.datetime64]
    values: npt.NDArray[np.float64]
    names: tuple[str, ...] = NAMES
    prepared: float = 0.0
    elsewhere: float = 0.0
    cells: int = 0


Peer = Callable[..., Answer]
"""`compute(folder: Path, as_of: Sequence[date], *, threads: int = 1) -> Answer`."""


def as_of_dates(count: int) -> list[date]:
    """Return the first days of the last `count` months up to `LAST_AS_OF`.

    Examples
    --------
    >>> as_of_dates(2)
    [datetime.date(2025, 12, 1), datetime.date(2026, 1, 1)]
    """
    last = LAST_AS_OF.year * 12 + LAST_AS_OF.month - 1
    return [date(month // 12, month % 12 + 1, 1) for month in range(last - count + 1, last + 1)]


def epoch_days(dates: Sequence[date]) -> npt.NDArray[np.int32]:
    """Return dates as int32 days since 1970-01-01, ascending."""
    return np.unique(np.array(dates, dtype="datetime64[D]")).astype(np.int32)


Sums = dict[str, npt.NDArray[np.float64]]
"""By name, each an array (rows, len(WINDOWS)): all of `SUMS`, or all of `PARTY_QUANTITIES`."""


def lay_out(of: Sums, parties: Sums) -> npt.NDArray[np.float64]:
    """Return the matrix (rows, len(NAMES)) from sums and counterparty measures: the arithmetic every columnar peer ends with."""
    rows = len(of["orders"])
    values = np.empty((rows, len(QUANTITIES), len(WINDOWS)))
    ratios = {
        "orders_amount_mean": ("amount", "orders"),
        "orders_cancel_ratio": ("cancelled", "orders"),
        "orders_cancel_amount_ratio": ("cancelled_amount", "amount"),
        "orders_promise_days_mean": ("promise_days", "promised"),
        "fulfilment_late_ratio": ("late", "due"),
        "fulfilment_late_days_mean": ("late_days", "due"),
        "fulfilment_lead_days_mean": ("lead_days", "deliveries"),
        "fulfilment_late_depth": ("late_days", "late"),
        "fulfilment_reject_ratio": ("rejected_quantity", "inspected_quantity"),
        "fulfilment_reject_lot_ratio": ("with_reject", "inspected"),
        "fulfilment_return_amount_ratio": ("returned_amount", "amount"),
        "reviews_rating_mean": ("stars", "reviews"),
        "reviews_low_share": ("low", "reviews"),
    }
    counts = {"orders_count": "orders", "fulfilment_count": "deliveries", "reviews_count": "reviews"}
    for place, quantity in enumerate(QUANTITIES):
        out = values[:, place]
        if quantity in parties:
            out[...] = parties[quantity]
        elif quantity in counts:
            out[...] = of[counts[quantity]]
        elif quantity == "orders_amount_sum":
            np.divide(of["amount"], 100.0, out=out)
        else:
            num, den = ratios[quantity]
            with np.errstate(divide="ignore", invalid="ignore"):
                np.divide(of[num], of[den], out=out)
            out[of[den] == 0] = np.nan
            if quantity == "orders_amount_mean":
                out /= 100.0
    return values.reshape(rows, len(NAMES))


def differences(ours: Answer, theirs: Answer) -> list[str]:
    """Return one line per column in which two answers differ, none where they are equal.

    `theirs` may hold fewer dates, suppliers and columns; each of its rows must be a row of ours.
    """
    at = _rows_of(ours, theirs)
    found = [] if at is not None else ["rows: the suppliers and dates are not the same"]
    for column, name in enumerate(theirs.names if at is not None else ()):
        if name not in ours.names:
            found.append(f"{name}: not among ours")
            continue
        left, right = ours.values[at, ours.names.index(name)], theirs.values[:, column]
        if not np.array_equal(np.isnan(left), np.isnan(right)):
            found.append(f"{name}: missing in {np.isnan(left).sum()} rows against {np.isnan(right).sum()}")
            continue
        there = ~np.isnan(left)
        gap = np.abs(left[there] - right[there]) / np.maximum(np.abs(left[there]), 1e-300)
        worst = float(np.where(left[there] == right[there], 0.0, gap).max(initial=0.0))
        if worst > (0.0 if name.rpartition("_")[0] in EXACT else RELATIVE):
            found.append(f"{name}: relative difference {worst:.2e}")
    return found


def _rows_of(ours: Answer, theirs: Answer) -> Any:
    """Where in ours each row of theirs stands, or None where it does not."""
    suppliers, dates = np.unique(ours.supplier_ids), np.unique(ours.as_of)
    if len(ours.as_of) != len(suppliers) * len(dates) or not len(theirs.as_of):
        return None
    supplier = np.minimum(np.searchsorted(suppliers, theirs.supplier_ids), len(suppliers) - 1)
    day = np.minimum(np.searchsorted(dates, theirs.as_of), len(dates) - 1)
    at = supplier * len(dates) + day
    same = np.array_equal(ours.supplier_ids[at], theirs.supplier_ids) and np.array_equal(ours.as_of[at], theirs.as_of)
    whole = len(theirs.as_of) == len(suppliers) * len(np.unique(theirs.as_of))
    return at if same and whole and len(np.unique(at)) == len(at) else None


def save(answer: Answer, folder: Path) -> None:
    """Write an answer's arrays to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "supplier_ids.npy", answer.supplier_ids)
    np.save(folder / "as_of.npy", answer.as_of.astype("datetime64[D]"))
    np.save(folder / "values.npy", answer.values)
    (folder / "names.txt").write_text("\n".join(answer.names), encoding="utf-8")


def load(folder: Path) -> Answer:
    """Read what `save` wrote, its values mapped into memory."""
    names = tuple((folder / "names.txt").read_text(encoding="utf-8").split("\n"))
    values = np.load(folder / "values.npy", mmap_mode="r")
    return Answer(np.load(folder / "supplier_ids.npy"), np.load(folder / "as_of.npy"), values, names)
