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


def approval_columns(orders: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of `DIRECTIONS` for each of the orders, from what was known before its approval, NaN where missing."""
    nobody = pd.Series("", index=orders.index)
    platform, destination = _Group(orders, nobody), _Group(orders, orders["customer_state"])
    lane = _Group(orders, orders["seller_state"] + orders["customer_state"])
    region, seller = _Group(orders, orders["customer_region"]), _Group(orders, orders["seller_id"])
    promise: Ints = orders["promised"].to_numpy() - orders["approved"].to_numpy()
    promised_days = promise / DAY

    late_30, late_90 = (platform.mean("settled", "late", days) for days in (30, 90))
    used_30, waiting_14 = platform.mean("delivered", "used", 30), platform.mean("four_days", "waiting", 14)
    handling_30, over_30 = platform.mean("handed", "handling", 30), platform.mean("handed", "over_limit", 30)

    def of_lane(stream: str, amount: str, days: int, towards: Floats, weight: float) -> Floats:
        wider = destination.drawn(stream, amount, days, towards, weight)
        return lane.drawn(stream, amount, days, wider, weight)

    lane_days = {days: of_lane("delivered", "days", days, platform.mean("delivered", "days", 30), 20) / DAY for days in (30, 90)}
    lane_late = {days: of_lane("settled", "late", days, late_30, 50) for days in (30, 90)}
    lane_used = {days: of_lane("delivered", "used", days, used_30, 20) for days in (30, 90)}
    lane_transit = of_lane("delivered", "transit", 30, platform.mean("delivered", "transit", 30), 20) / DAY
    to_state = destination.drawn("settled", "late", 90, late_30, 50)
    region_late = region.drawn("settled", "late", 90, to_state, 50)
    region_used = region.drawn("delivered", "used", 90, lane_used[90], 20)
    seller_late = {days: seller.drawn("settled", "late", days, late_90, 20) for days in (90, None)}
    seller_used = seller.drawn("delivered", "used", 90, used_30, 10)
    handling = {days: seller.drawn("handed", "handling", days, handling_30, 5) / DAY for days in (30, 90)}
    over_limit = {days: seller.drawn("handed", "over_limit", days, over_30, 5) - over_30 for days in (90, None)}
    expected = handling[90] + lane_transit
    open_at_half = platform.mean("half", "open", 14)
    columns = {
        "promised_days": promised_days,
        "freight": orders["freight"].to_numpy(),
        "weight": orders["weight"].to_numpy(),
        "approval_hours": (orders["approved"] - orders["purchased"]).to_numpy() / 3600,
        "lane_days_30d": lane_days[30],
        "lane_days_on_promise_30d": lane_days[30] / promised_days,
        "lane_days_on_promise_90d": lane_days[90] / promised_days,
        "lane_late_30d": lane_late[30] - late_30,
        "lane_late_90d": lane_late[90] - late_30,
        "lane_used_30d": lane_used[30] - used_30,
        "lane_open_at_half_14d": of_lane("half", "open", 14, open_at_half, 40) - open_at_half,
        "lane_longer_than_promise_30d": lane.past("delivered", 30).share_above("days", promise),
        "lane_longer_than_promise_60d": lane.past("delivered", 60).share_above("days", promise),
        "region_late_90d": region_late - late_30,
        "region_used_90d": region_used - used_30,
        "seller_late_90d": seller_late[90] - late_90,
        "seller_late_ever": seller_late[None] - late_90,
        "seller_handling_30d": handling[30],
        "seller_handling_90d": handling[90],
        "seller_over_limit_90d": over_limit[90],
        "seller_over_limit_ever": over_limit[None],
        "seller_used_90d": seller_used - used_30,
        "seller_waiting_14d": seller.drawn("four_days", "waiting", 14, waiting_14, 5),
        "seller_backlog_30d": seller.past("approved", 30).count - seller.past("handed", 30).count,
        "seller_surge_14d": _surge(seller, 14, 90),
        "expected_days_on_promise": expected / promised_days,
        "expected_slack_days": promised_days - expected,
        "late_log_odds": (_log_odds(lane_late[90]) - _log_odds(late_30))
        + (_log_odds(region_late) - _log_odds(to_state))
        + (_log_odds(seller_late[None]) - _log_odds(late_90)),
        "used_together": (lane_used[30] - used_30) + (seller_used - used_30) + (region_used - lane_used[90]),
        "platform_waiting_7d": platform.mean("four_days", "waiting", 7),
        "platform_handling_7d": platform.mean("handed", "handling", 7) / DAY,
        "platform_surge_7d": _surge(platform, 7, 60),
    }
    return pd.DataFrame(columns, index=orders.index)[list(DIRECTIONS)]


def _surge(group: _Group, days: int, of: int) -> Floats:
    """Orders of the last days over what as many days had in a longer time, one order added to both."""
    lately, usual = group.past("approved", days).count, group.past("approved", of).count
    return np.asarray((lately + 1) / (usual * days / of + 1), dtype=np.float64)


def _log_odds(share: Floats) -> Floats:
    held: npt.NDArray[np.float64] = np.clip(share, 0.003, 0.9)
    return np.asarray(np.log(held / (1 - held)), dtype=np.float64)
