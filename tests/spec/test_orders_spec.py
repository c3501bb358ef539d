from math import sqrt

import pytest

from tests.spec.claims import MISSING, World, check, claims

JOINED = "supplier_id | joined_at\nS | -400"

A_YEAR = World(
    "a year of orders with one on each edge of the windows",
    {
        "suppliers": JOINED,
        "orders": """
            order_id | supplier_id | buyer_id | ordered_at | amount | promised_at | cancelled_at
            a        | S           | Li       | -1         | 100    | 9           |
            b        | S           | Li       | -30        | 200    | -26         | -28
            c        | S           | Wang     | -31        | 300    |             |
            d        | S           | Zhao     | -90        | 400    | -84         |
            e        | S           | Li       | -91        | 500    |             | -5
            f        | S           | Wang     | -180       | 600    | -178        |
            g        | S           | Li       | -181       | 700    |             |
            h        | S           | Sun      | -365       | 800    |             |
            i        | S           | Qian     | -366       | 900    |             |
            j        | S           | Qian     | 0          | 5000   |             |
        """,
    },
    {
        "orders_count_30d": 2,
        "orders_count_90d": 4,
        "orders_count_180d": 6,
        "orders_count_365d": 8,
        "orders_amount_sum_30d": 100 + 200,
        "orders_amount_sum_90d": 300 + 300 + 400,
        "orders_amount_sum_180d": 1000 + 500 + 600,
        "orders_amount_sum_365d": 2100 + 700 + 800,
        "orders_amount_mean_365d": 3600 / 8,
        "orders_last_age_all": 1,
        # 300 in the last month against a monthly (300 + 400) / 2 before it
        "orders_amount_growth_30d": (300 - 350) / (300 + 350),
        "orders_amount_growth_90d": (1000 - 1100) / (1000 + 1100),
        "orders_amount_growth_180d": (2100 - 1500) / (2100 + 1500),
        "orders_count_growth_90d": (4 - 2) / (4 + 2),
        # months, newest first: 300 300 400 500 0 600 700 0 0 0 0 0; day 365 lies before the twelfth
        "orders_amount_slope_365d": (300 * 5.5 + 300 * 4.5 + 400 * 3.5 + 500 * 2.5 + 600 * 0.5 - 700 * 0.5) / 143 / (2800 / 12),
        "orders_amount_variation_365d": sqrt(59) / 7,  # mean 700/3, mean square 120000, variance 590000/9
        "orders_active_months_365d": 6,
        "orders_buyer_distinct_90d": 3,
        "orders_buyer_distinct_365d": 4,
        "orders_buyer_hhi_90d": (30**2 + 30**2 + 40**2) / 100**2,
        "orders_buyer_hhi_180d": (8**2 + 9**2 + 4**2) / 21**2,
        "orders_buyer_hhi_365d": (15**2 + 9**2 + 4**2 + 8**2) / 36**2,
        "orders_buyer_top_share_90d": 400 / 1000,
        "orders_buyer_top_share_365d": 1500 / 3600,
        "orders_peak_month_share_365d": 700 / 2800,
        "orders_round_share_365d": 0,
        "orders_buyer_repeat_share_365d": 2 / 4,
        "orders_cancel_ratio_90d": 2 / 4,
        "orders_cancel_ratio_180d": 2 / 6,
        "orders_cancel_ratio_365d": 2 / 8,
        "orders_cancel_amount_ratio_180d": (200 + 500) / 2100,
        "orders_promise_days_mean_180d": (10 + 4 + 6 + 2) / 4,
    },
)
NO_ORDER = World(
    "no order yet",
    {"suppliers": JOINED, "orders": "order_id | supplier_id | buyer_id | ordered_at | amount"},
    {
        "orders_count_30d": 0,
        "orders_amount_sum_365d": 0,
        "orders_buyer_distinct_90d": 0,
        "orders_amount_mean_365d": MISSING,
        "orders_last_age_all": MISSING,
        "orders_amount_growth_90d": MISSING,
        "orders_amount_slope_365d": MISSING,
        "orders_amount_variation_365d": MISSING,
        "orders_active_months_365d": MISSING,
        "orders_buyer_hhi_365d": MISSING,
        "orders_buyer_top_share_90d": MISSING,
        "orders_buyer_top_share_365d": MISSING,
        "orders_peak_month_share_365d": MISSING,
        "orders_round_share_365d": MISSING,
        "orders_buyer_repeat_share_365d": MISSING,
        "orders_cancel_ratio_90d": MISSING,
        "orders_promise_days_mean_180d": MISSING,
    },
)
NO_TABLE = World(
    "no table of orders at all",
    {"suppliers": JOINED},
    {"orders_count_30d": MISSING, "orders_amount_sum_365d": MISSING, "orders_buyer_distinct_90d": MISSING, "supplier_tenure_days_all": 400},
)
SILENT = World(
    "the only order is 200 days old",
    {"suppliers": JOINED, "orders": "order_id | supplier_id | buyer_id | ordered_at | amount\na | S | Li | -200 | 100"},
    {
        "orders_count_180d": 0,
        "orders_count_365d": 1,
        "orders_last_age_all": 200,
        "orders_amount_growth_90d": MISSING,
        "orders_amount_growth_180d": -1,
        "orders_active_months_365d": 1,
        "orders_buyer_distinct_90d": 0,
        "orders_buyer_hhi_180d": MISSING,
        "orders_buyer_hhi_365d": 1,
        "orders_buyer_repeat_share_365d": 0,
        "orders_peak_month_share_365d": 1,
        "orders_cancel_ratio_180d": MISSING,
        "orders_cancel_ratio_365d": 0,
    },
)
LONG_SILENT = World(
    "the only order is 700 days old",
    {"suppliers": JOINED, "orders": "order_id | supplier_id | buyer_id | ordered_at | amount\na | S | Li | -700 | 100"},
    {"orders_count_365d": 0, "orders_last_age_all": 700, "orders_active_months_365d": 0, "orders_amount_slope_365d": MISSING},
)
ROUND = World(
    "two orders of whole thousands, one of them corrected from another amount",
    {
        "suppliers": JOINED,
        "orders": """
            order_id | supplier_id | buyer_id | ordered_at | amount  | recorded_at
            a        | S           | Li       | -1         | 1000    |
            b        | S           | Li       | -365       | 24999   |
            b        | S           | Li       | -365       | 25000   | -1
            c        | S           | Li       | -2         | 1000.01 |
            d        | S           | Li       | -2         | 999.99  |
            e        | S           | Li       | -2         | 500     |
            f        | S           | Li       | -366       | 3000    |
            g        | S           | Li       | 0          | 2000    |
        """,
    },
    {"orders_round_share_365d": 2 / 5},
)
SHANGHAI = World(
    "an order at 16:30 UTC belongs to the next day of Shanghai",
    {
        "suppliers": JOINED,
        "orders": """
            order_id | supplier_id | buyer_id | ordered_at | amount
            in30     | S           | Li       | -31 16:30  | 10
            out30    | S           | Li       | -31 15:59  | 20
            today    | S           | Li       | -1 16:30   | 40
            in90     | S           | Li       | -91 16:00  | 80
            out90    | S           | Li       | -91 15:59  | 160
            last     | S           | Li       | -1 15:59   | 320
        """,
    },
    {
        "orders_amount_sum_30d": 10 + 320,
        "orders_amount_sum_90d": 10 + 20 + 80 + 320,
        "orders_amount_sum_180d": 10 + 20 + 80 + 160 + 320,
        "orders_last_age_all": 1,
    },
    zone="Asia/Shanghai",
)
CORRECTED = World(
    "amount and buyer were corrected twenty days ago",
    {
        "suppliers": JOINED,
        "orders": """
            order_id | supplier_id | buyer_id | ordered_at | amount | recorded_at
            a        | S           | Li       | -40        | 100    |
            a        | S           | Wang     | -40        | 150    | -20
            b        | S           | Wang     | -50        | 50     |
        """,
    },
    {
        "orders_count_90d": 2,
        "orders_amount_sum_90d": 150 + 50,
        "orders_buyer_distinct_90d": 1,
        "orders_buyer_hhi_90d": 1,
        "orders_buyer_repeat_share_365d": 1,
        "orders_last_age_all": 40,
    },
)
CORRECTED_TODAY = World(
    "a correction recorded on the as-of date is not known yet",
    {
        "suppliers": JOINED,
        "orders": """
            order_id | supplier_id | buyer_id | ordered_at | amount | recorded_at
            a        | S           | Li       | -40        | 100    |
            a        | S           | Wang     | -40        | 150    | 0
            b        | S           | Wang     | -50        | 50     |
        """,
    },
    {"orders_amount_sum_90d": 100 + 50, "orders_buyer_distinct_90d": 2, "orders_buyer_hhi_90d": (2**2 + 1**2) / 3**2},
)
MOVED = World(
    "a correction moved the latest order from ten to forty days ago",
    {
        "suppliers": JOINED,
        "orders": """
            order_id | supplier_id | buyer_id | ordered_at | amount | recorded_at
            a        | S           | Li       | -10        | 100    |
            a        | S           | Li       | -40        | 100    | -5
        """,
    },
    {
        "orders_count_30d": 0,
        "orders_count_90d": 1,
        "orders_last_age_all": 40,
        "orders_active_months_365d": 1,
        "orders_amount_sum_90d": 100,
    },
)
RECORDED_LATE = World(
    "two orders of one day, one recorded yesterday and one today",
    {
        "suppliers": JOINED,
        "orders": """
            order_id | supplier_id | buyer_id | ordered_at | amount | recorded_at
            a        | S           | Li       | -40        | 100    | -1
            b        | S           | Wang     | -40        | 150    | 0
        """,
    },
    {"orders_count_90d": 1, "orders_amount_sum_90d": 100, "orders_buyer_distinct_90d": 1, "orders_last_age_all": 40},
)
CANCELLED_LATER = World(
    "a cancellation came as a later version, another was withdrawn",
    {
        "suppliers": JOINED,
        "orders": """
            order_id | supplier_id | buyer_id | ordered_at | amount | cancelled_at | recorded_at
            a        | S           | Li       | -40        | 100    |              |
            a        | S           | Li       | -40        | 100    | -12          | -8
            b        | S           | Li       | -50        | 300    | -12          |
            b        | S           | Li       | -50        | 300    |              | -3
        """,
    },
    {"orders_count_90d": 2, "orders_cancel_ratio_90d": 1 / 2, "orders_cancel_amount_ratio_180d": 100 / 400, "orders_amount_sum_90d": 400},
)


@pytest.mark.parametrize(
    ("world", "name", "value"),
    claims(
        A_YEAR, NO_ORDER, NO_TABLE, SILENT, LONG_SILENT, ROUND, SHANGHAI, CORRECTED, CORRECTED_TODAY, MOVED, RECORDED_LATE, CANCELLED_LATER
    ),
)
def test_features_of_orders_are_the_values_worked_out_by_hand(world: World, name: str, value: float) -> None:
    check(world, name, value)
