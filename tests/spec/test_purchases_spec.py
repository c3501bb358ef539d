from math import sqrt

import pytest

from tests.spec.claims import MISSING, World, check, claims

JOINED = "supplier_id | joined_at\nS | -400"
SALES = """
    order_id | supplier_id | buyer_id | ordered_at | amount | cancelled_at
    a        | S           | Li       | -10        | 1000   |
    b        | S           | Li       | -50        | 400    | -45
    c        | S           | Li       | -100       | 500    |
    d        | S           | Li       | -200       | 2000   |
"""

A_YEAR = World(
    "a year of purchases with one on each edge of the windows",
    {
        "suppliers": JOINED,
        "orders": SALES,
        "purchases": """
            purchase_id | supplier_id | vendor_id | purchased_at | amount | cancelled_at
            1           | S           | Jia       | -20          | 300    |
            2           | S           | Yi        | -90          | 200    |
            3           | S           | Jia       | -91          | 100    | -60
            4           | S           | Bing      | -150         | 250    |
            5           | S           | Jia       | -240         | 600    |
            6           | S           | Jia       | -365         | 85     |
            7           | S           | Ding      | -366         | 999    |
            8           | S           | Ding      | 0            | 999    |
        """,
    },
    {
        "purchases_amount_sum_90d": 300 + 200 - 100,
        "purchases_amount_growth_90d": (500 - 350) / (500 + 350),
        # months, newest first: 300 0 200 100 250 0 0 600 0 0 0 0
        "purchases_amount_slope_365d": (300 * 5.5 + 200 * 3.5 + 100 * 2.5 + 250 * 1.5 - 600 * 1.5) / 143 / (1450 / 12),
        "purchases_amount_variation_365d": sqrt(562500 / 12 - (1450 / 12) ** 2) / (1450 / 12),
        "purchases_margin_90d": (1000 - 400) / 1000,
        "purchases_margin_180d": (1500 - 750) / 1500,
        "purchases_margin_365d": (3500 - 1435) / 3500,
        "purchases_margin_change_90d": 600 / 1000 - 2065 / 3500,
        "purchases_margin_change_180d": 750 / 1500 - (2000 - 685) / 2000,
        "purchases_vendor_distinct_365d": 3,
        "purchases_vendor_hhi_365d": (1085**2 + 200**2 + 250**2) / 1535**2,
        "purchases_vendor_top_share_365d": 1085 / 1535,
        "purchases_vendor_repeat_share_365d": 1 / 3,
        "purchases_cancel_ratio_90d": 1 / 2,
        "purchases_cancel_ratio_365d": 1 / 6,
        "purchases_last_age_all": 20,
    },
)
DEAR = World(
    "buys for twice what it sells",
    {
        "suppliers": JOINED,
        "orders": SALES,
        "purchases": "purchase_id | supplier_id | vendor_id | purchased_at | amount\n1 | S | Jia | -9 | 2000",
    },
    {"purchases_margin_90d": -1, "purchases_margin_180d": (1500 - 2000) / 1500, "purchases_vendor_hhi_365d": 1},
)
NOTHING_SOLD = World(
    "everything sold was cancelled",
    {
        "suppliers": JOINED,
        "orders": "order_id | supplier_id | buyer_id | ordered_at | amount | cancelled_at\na | S | Li | -9 | 100 | -8",
        "purchases": "purchase_id | supplier_id | vendor_id | purchased_at | amount\n1 | S | Jia | -9 | 20",
    },
    {"purchases_margin_90d": MISSING, "purchases_margin_change_90d": MISSING, "purchases_amount_sum_90d": 20},
)
NOTHING_BOUGHT = World(
    "sells and never bought",
    {"suppliers": JOINED, "orders": SALES, "purchases": "purchase_id | supplier_id | vendor_id | purchased_at | amount"},
    {
        "purchases_amount_sum_90d": 0,
        "purchases_margin_90d": 1,
        "purchases_margin_change_180d": 0,
        "purchases_amount_growth_90d": MISSING,
        "purchases_amount_slope_365d": MISSING,
        "purchases_amount_variation_365d": MISSING,
        "purchases_vendor_distinct_365d": 0,
        "purchases_vendor_hhi_365d": MISSING,
        "purchases_vendor_top_share_365d": MISSING,
        "purchases_vendor_repeat_share_365d": MISSING,
        "purchases_cancel_ratio_90d": MISSING,
        "purchases_last_age_all": MISSING,
    },
)
NO_TABLE = World(
    "no table of purchases at all",
    {"suppliers": JOINED, "orders": SALES},
    {
        "purchases_amount_sum_90d": MISSING,
        "purchases_margin_90d": MISSING,
        "purchases_vendor_distinct_365d": MISSING,
        "purchases_cancel_ratio_365d": MISSING,
    },
)
CORRECTED = World(
    "a purchase was corrected yesterday and another is recorded today",
    {
        "suppliers": JOINED,
        "orders": SALES,
        "purchases": """
            purchase_id | supplier_id | vendor_id | purchased_at | amount | recorded_at
            1           | S           | Jia       | -20          | 300    |
            1           | S           | Yi        | -20          | 350    | -1
            2           | S           | Bing      | -20          | 999    | 0
        """,
    },
    {
        "purchases_amount_sum_90d": 350,
        "purchases_vendor_distinct_365d": 1,
        "purchases_vendor_top_share_365d": 1,
        "purchases_cancel_ratio_365d": 0,
        "purchases_margin_90d": (1000 - 350) / 1000,
    },
)


@pytest.mark.parametrize(("world", "name", "value"), claims(A_YEAR, DEAR, NOTHING_SOLD, NOTHING_BOUGHT, NO_TABLE, CORRECTED))
def test_features_of_purchases_are_the_values_worked_out_by_hand(world: World, name: str, value: float) -> None:
    check(world, name, value)
