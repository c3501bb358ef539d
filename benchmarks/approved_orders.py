"""Olist's orders as they stood when they were approved, and what became known of others before, to the second.

`read_orders` gives one row per order. `histories` turns the rows into streams of what became known, each at its instant: an approval,
a handing over, a delivery, a promise kept or broken. A stream is asked for the instants before another order's approval alone, so a
row of `benchmarks.approval_columns` cannot see what came later. `order_status` is the last state and is never read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DAY = 86_400
NEVER = np.iinfo(np.int64).max // 4
"""Later than every instant of the files, in seconds."""

FILES: Mapping[str, str] = {
    "orders": "olist_orders_dataset",
    "items": "olist_order_items_dataset",
    "customers": "olist_customers_dataset",
    "sellers": "olist_sellers_dataset",
    "products": "olist_products_dataset",
}

_ORDERS = """
WITH sold AS (
    SELECT i.order_id, arg_max(i.seller_id, (CAST(i.price AS DECIMAL(18, 2)), i.product_id, i.seller_id)) AS seller_id,
           CAST(sum(CAST(i.freight_value AS DECIMAL(18, 2))) AS DOUBLE) AS freight, sum(CAST(p.product_weight_g AS BIGINT)) AS weight,
           max(CAST(i.shipping_limit_date AS TIMESTAMP)) AS limit_at
    FROM items i LEFT JOIN products p USING (product_id) GROUP BY i.order_id)
SELECT o.order_id, s.seller_id, l.seller_state, c.customer_state, left(c.customer_zip_code_prefix, 2) AS customer_region,
       CAST(s.freight AS DOUBLE) AS freight, CAST(s.weight AS DOUBLE) AS weight,
       epoch(CAST(o.order_purchase_timestamp AS TIMESTAMP)) AS purchased, epoch(CAST(o.order_approved_at AS TIMESTAMP)) AS approved,
       epoch(s.limit_at) AS shipping_limit, epoch(CAST(o.order_delivered_carrier_date AS TIMESTAMP)) AS handed,
       epoch(CAST(o.order_delivered_customer_date AS TIMESTAMP)) AS delivered,
       epoch(CAST(o.order_estimated_delivery_date AS TIMESTAMP)) AS promised
FROM orders o JOIN sold s USING (order_id) JOIN customers c USING (customer_id) JOIN sellers l USING (seller_id)
WHERE o.order_approved_at IS NOT NULL ORDER BY approved, o.order_id
"""

INSTANTS = ("purchased", "approved", "shipping_limit", "handed", "delivered", "promised")


def read_orders(source: Path) -> pd.DataFrame:
    """Read one row per approved order from Olist's files, in the order of approval.

    Returns
    -------
    DataFrame
        order_id, seller_id (that of the dearest item), seller_state, customer_state, customer_region (the first two digits of the postal
        code), freight (BRL) and weight (g) of all items, and in whole seconds purchased, approved, shipping_limit (the last item's),
        handed (to the carrier), delivered and promised (the estimated delivery); `NEVER` where it has not happened.
    """
    with duckdb.connect() as con:
        con.execute("SET threads = 1")
        for name, file in FILES.items():
            con.read_csv(str(source / f"{file}.csv.gz"), all_varchar=True).create_view(name)
        frame = con.execute(_ORDERS).df()
    for instant in INSTANTS:
        frame[instant] = frame[instant].fillna(NEVER).astype(np.int64)
    return frame


@dataclass(frozen=True, slots=True)
class Stream:
    """What became known of the members of a group, by member and instant, with the running totals of whole amounts."""

    keys: Ints
    running: Mapping[str, Ints]

    def before(self, members: Ints, instants: Ints, days: int | None) -> "Window":
        """Return what became known of each member in so many days before its instant, or ever; never at the instant itself."""
        start = np.zeros_like(instants) if days is None else np.maximum(instants - days * DAY, 0)
        first = np.searchsorted(self.keys, _key(members, start), side="left")
        return Window(self, first, np.searchsorted(self.keys, _key(members, instants), side="left"))


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a stream for each of n rows, from ``first`` up to but without ``end``."""

    stream: Stream
    first: npt.NDArray[np.intp]
    end: npt.NDArray[np.intp]

    @property
    def count(self) -> Floats:
        """How many became known, shape (n,)."""
        return (self.end - self.first).astype(np.float64)

    def mean(self, amount: str) -> Floats:
        """Return the mean amount, NaN where nothing became known, shape (n,)."""
        total = self.stream.running[amount]
        return self._share((total[self.end] - total[self.first]).astype(np.float64))

    def share_above(self, amount: str, bounds: Ints) -> Floats:
        """Return the share whose amount is above each row's bound, NaN where nothing became known, shape (n,)."""
        amounts = np.diff(self.stream.running[amount])
        above = [np.count_nonzero(amounts[a:b] > bound) for a, b, bound in zip(self.first, self.end, bounds, strict=True)]
        return self._share(np.array(above, dtype=np.float64))

    def _share(self, of: Floats) -> Floats:
        shares: Floats = np.divide(of, self.count, out=np.full(len(of), np.nan), where=self.count > 0)
        return shares


def histories(orders: pd.DataFrame, members: Ints) -> dict[str, Stream]:
    """Return the streams of a group by name; ``members``, shape (n,), says whose order each is.

    Amounts are whole: seconds, thousandths, or 1 where something is true. An event stands at the instant from which all of it is known, and
    none before its order's approval.
    """
    approved, handed, delivered, promised = (orders[name].to_numpy() for name in ("approved", "handed", "delivered", "promised"))
    promise = np.maximum(promised - approved, 1)
    half, four_days = approved + promise // 2, approved + 4 * DAY
    arrived = np.maximum(np.maximum(delivered, handed), approved)
    events: dict[str, tuple[Ints, dict[str, Ints]]] = {
        "approved": (approved, {}),
        # Handed over: how long it took, and whether after the limit the platform set.
        "handed": (
            np.maximum(handed, approved),
            {"handling": handed - approved, "over_limit": _whole(handed > orders["shipping_limit"].to_numpy())},
        ),
        # Four days old and not handed over; half of the promised time gone and not delivered.
        "four_days": (four_days, {"waiting": _whole(handed > four_days)}),
        "half": (np.where(promised > approved, half, NEVER), {"open": _whole(delivered > half)}),
        "delivered": (
            arrived,
            {"days": delivered - approved, "transit": delivered - handed, "used": (delivered - approved) * 1000 // promise},
        ),
        # A promise is broken when its day has come without the delivery, not when the delivery comes at last.
        "settled": (np.maximum(np.minimum(delivered, promised), approved), {"late": _whole(delivered > promised)}),
    }
    return {name: _stream(members, at, amounts) for name, (at, amounts) in events.items()}


def _stream(members: Ints, at: Ints, amounts: Mapping[str, Ints]) -> Stream:
    happened = at < NEVER
    keys = _key(members[happened], at[happened])
    order = np.argsort(keys, kind="stable")
    running = {name: np.concatenate([[0], np.cumsum(amount[happened][order])]) for name, amount in amounts.items()}
    return Stream(keys[order], running)


def _whole(true: npt.NDArray[np.bool_]) -> Ints:
    return true.astype(np.int64)


def _key(members: Ints, instants: Ints) -> Ints:
    """One whole number that sorts by member, then by instant (seconds since 1970, below 2^33)."""
    return (members << 33) + instants
