"""What is known of an order when it is approved, as columns with a direction each: the small catalogue of `benchmarks.olist_orders`.

The carriers' state drifts, so lateness seen lately says where rather than when: a lane's, a region's and a seller's are taken relative
to the platform's of the same days. What says when is fast: orders four days old that still wait, handling of the last week, the week's
demand. Shares of few events are drawn towards those of the wider group. Columns that no direction could be promised of (price, volume,
weekday) made the recipe rank worse on each of the four inner splits, and are left out.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.approved_orders import DAY, Floats, Ints, Window, histories

DIRECTIONS: Mapping[str, int] = {
    "promised_days": -1,
    "freight": 1,
    "weight": 1,
    "approval_hours": 1,
    "lane_days_30d": 1,
    "lane_days_on_promise_30d": 1,
    "lane_days_on_promise_90d": 1,
    "lane_late_30d": 1,
    "lane_late_90d": 1,
    "lane_used_30d": 1,
    "lane_open_at_half_14d": 1,
    "lane_longer_than_promise_30d": 1,
    "lane_longer_than_promise_60d": 1,
    "region_late_90d": 1,
    "region_used_90d": 1,
    "seller_late_90d": 1,
    "seller_late_ever": 1,
    "seller_handling_30d": 1,
    "seller_handling_90d": 1,
    "seller_over_limit_90d": 1,
    "seller_over_limit_ever": 1,
    "seller_used_90d": 1,
    "seller_waiting_14d": 1,
    "seller_backlog_30d": 1,
    "seller_surge_14d": 1,
    "expected_days_on_promise": 1,
    "expected_slack_days": -1,
    "late_log_odds": 1,
    "used_together": 1,
    "platform_waiting_7d": 1,
    "platform_handling_7d": 1,
    "platform_surge_7d": 1,
}
"""Columns in their order: +1 where lateness must not become likelier as the value falls, -1 where it must not as it rises."""


class _Group:
    """The histories of one group, seen from each order's approval."""

    def __init__(self, orders: pd.DataFrame, names: pd.Series) -> None:
        self.members: Ints = pd.factorize(names, sort=True)[0].astype(np.int64)
        self.instants: Ints = orders["approved"].to_numpy()
        self.streams = histories(orders, self.members)

    def past(self, stream: str, days: int | None) -> Window:
        return self.streams[stream].before(self.members, self.instants, days)

    def mean(self, stream: str, amount: str, days: int | None) -> Floats:
        return self.past(stream, days).mean(amount)

    def drawn(self, stream: str, amount: str, days: int | None, towards: Floats, weight: float) -> Floats:
        """The mean, as if so many more events of the wider group's mean had been seen."""
        window = self.past(stream, days)
        own = np.nan_to_num(window.mean(amount)) * window.count
        return np.asarray((own + weight * towards) / (window.count + weight), dtype=np.float64)


class _Seen:
    """What the columns share: the groups, the platform's levels, and the lane's, region's and seller's figures, drawn towards them."""

    def __init__(self, orders: pd.DataFrame) -> None:
        self.platform, self.destination = _Group(orders, pd.Series("", index=orders.index)), _Group(orders, orders["customer_state"])
        self.lane = _Group(orders, orders["seller_state"] + orders["customer_state"])
        self.region, self.seller = _Group(orders, orders["customer_region"]), _Group(orders, orders["seller_id"])
        self.promise: Ints = orders["promised"].to_numpy() - orders["approved"].to_numpy()
        level = self.platform.mean
        self.late, self.late_90, self.used = level("settled", "late", 30), level("settled", "late", 90), level("delivered", "used", 30)
        self.handling, self.over_limit = level("handed", "handling", 30), level("handed", "over_limit", 30)
        self.state_late = self.destination.drawn("settled", "late", 90, self.late, 50)
        self.lane_late = {days: self.of_lane("settled", "late", days, self.late, 50) for days in (30, 90)}
        self.lane_used = {days: self.of_lane("delivered", "used", days, self.used, 20) for days in (30, 90)}
        self.region_late = self.region.drawn("settled", "late", 90, self.state_late, 50)
        self.region_used = self.region.drawn("delivered", "used", 90, self.lane_used[90], 20)
        self.seller_late = {days: self.seller.drawn("settled", "late", days, self.late_90, 20) for days in (90, None)}
        self.seller_used = self.seller.drawn("delivered", "used", 90, self.used, 10)
        self.seller_handling = {days: self.seller.drawn("handed", "handling", days, self.handling, 5) / DAY for days in (30, 90)}

    def of_lane(self, stream: str, amount: str, days: int, towards: Floats, weight: float) -> Floats:
        """The lane's mean, drawn towards the destination's, which is drawn towards the platform's."""
        wider = self.destination.drawn(stream, amount, days, towards, weight)
        return self.lane.drawn(stream, amount, days, wider, weight)


def approval_columns(orders: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of `DIRECTIONS` for each of the orders, from what was known before its approval, NaN where missing."""
    seen = _Seen(orders)
    own = {
        "promised_days": seen.promise / DAY,
        "freight": orders["freight"].to_numpy(),
        "weight": orders["weight"].to_numpy(),
        "approval_hours": (orders["approved"] - orders["purchased"]).to_numpy() / 3600,
    }
    columns = {**own, **_of_places(seen), **_of_seller(seen), **_together(seen)}
    return pd.DataFrame(columns, index=orders.index)[list(DIRECTIONS)]


def _of_places(seen: _Seen) -> dict[str, Floats]:
    """Columns of the lane (seller's state to customer's) and of the customer's region."""
    level = seen.platform.mean("delivered", "days", 30)
    days = {window: seen.of_lane("delivered", "days", window, level, 20) / DAY for window in (30, 90)}
    open_at_half = seen.platform.mean("half", "open", 14)
    return {
        "lane_days_30d": days[30],
        "lane_days_on_promise_30d": days[30] / (seen.promise / DAY),
        "lane_days_on_promise_90d": days[90] / (seen.promise / DAY),
        "lane_late_30d": seen.lane_late[30] - seen.late,
        "lane_late_90d": seen.lane_late[90] - seen.late,
        "lane_used_30d": seen.lane_used[30] - seen.used,
        "lane_open_at_half_14d": seen.of_lane("half", "open", 14, open_at_half, 40) - open_at_half,
        "lane_longer_than_promise_30d": seen.lane.past("delivered", 30).share_above("days", seen.promise),
        "lane_longer_than_promise_60d": seen.lane.past("delivered", 60).share_above("days", seen.promise),
        "region_late_90d": seen.region_late - seen.late,
        "region_used_90d": seen.region_used - seen.used,
    }


def _of_seller(seen: _Seen) -> dict[str, Floats]:
    """Columns of the seller's own past."""
    seller = seen.seller
    over_limit = {days: seller.drawn("handed", "over_limit", days, seen.over_limit, 5) - seen.over_limit for days in (90, None)}
    return {
        "seller_late_90d": seen.seller_late[90] - seen.late_90,
        "seller_late_ever": seen.seller_late[None] - seen.late_90,
        "seller_handling_30d": seen.seller_handling[30],
        "seller_handling_90d": seen.seller_handling[90],
        "seller_over_limit_90d": over_limit[90],
        "seller_over_limit_ever": over_limit[None],
        "seller_used_90d": seen.seller_used - seen.used,
        "seller_waiting_14d": seller.drawn("four_days", "waiting", 14, seen.platform.mean("four_days", "waiting", 14), 5),
        "seller_backlog_30d": seller.past("approved", 30).count - seller.past("handed", 30).count,
        "seller_surge_14d": _surge(seller, 14, 90),
    }


def _together(seen: _Seen) -> dict[str, Floats]:
    """Columns that add lane, region and seller up, and the platform's state of the last week."""
    promised_days = seen.promise / DAY
    transit = seen.of_lane("delivered", "transit", 30, seen.platform.mean("delivered", "transit", 30), 20) / DAY
    expected = seen.seller_handling[90] + transit
    return {
        "expected_days_on_promise": expected / promised_days,
        "expected_slack_days": promised_days - expected,
        "late_log_odds": (_log_odds(seen.lane_late[90]) - _log_odds(seen.late))
        + (_log_odds(seen.region_late) - _log_odds(seen.state_late))
        + (_log_odds(seen.seller_late[None]) - _log_odds(seen.late_90)),
        "used_together": (seen.lane_used[30] - seen.used) + (seen.seller_used - seen.used) + (seen.region_used - seen.lane_used[90]),
        "platform_waiting_7d": seen.platform.mean("four_days", "waiting", 7),
        "platform_handling_7d": seen.platform.mean("handed", "handling", 7) / DAY,
        "platform_surge_7d": _surge(seen.platform, 7, 60),
    }


def _surge(group: _Group, days: int, of: int) -> Floats:
    """Orders of the last days over what as many days had in a longer time, one order added to both."""
    lately, usual = group.past("approved", days).count, group.past("approved", of).count
    return np.asarray((lately + 1) / (usual * days / of + 1), dtype=np.float64)


def _log_odds(share: Floats) -> Floats:
    held: npt.NDArray[np.float64] = np.clip(share, 0.003, 0.9)
    return np.asarray(np.log(held / (1 - held)), dtype=np.float64)
