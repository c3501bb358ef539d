import pytest

from tests.spec.claims import MISSING, World, check, claims

JOINED = "supplier_id | joined_at\nS | -400"

A_YEAR = World(
    "a year of deliveries with one on each edge of the windows",
    {
        "suppliers": JOINED,
        "orders": """
            order_id    | supplier_id | buyer_id | ordered_at | amount | promised_at | cancelled_at
            late2       | S           | Li       | -20        | 100    | -10         |
            on_time     | S           | Li       | -50        | 200    | -40         |
            edge90      | S           | Li       | -100       | 300    | -90         |
            late4       | S           | Li       | -120       | 400    | -95         |
            late1       | S           | Li       | -200       | 500    | -181        |
            edge365     | S           | Li       | -380       | 600    | -365        |
            no_promise  | S           | Li       | -30        | 700    |             |
            overdue     | S           | Li       | -60        | 800    | -5          |
            due_later   | S           | Li       | -15        | 900    | 5           |
            cancelled   | S           | Li       | -70        | 50     | -60         | -61
            given_up    | S           | Li       | -80        | 60     | -70         | -65
        """,
        "fulfilments": """
            fulfilment_id | order_id   | supplier_id | delivered_at
            1             | late2      | S           | -8
            2             | on_time    | S           | -40
            3             | edge90     | S           | -90
            4             | late4      | S           | -91
            5             | late1      | S           | -180
            6             | edge365    | S           | -365
            7             | no_promise | S           | -30
        """,
    },
    {
        "fulfilment_count_90d": 4,
        "fulfilment_late_ratio_30d": 1 / 1,
        "fulfilment_late_ratio_90d": 1 / 3,
        "fulfilment_late_ratio_180d": 3 / 5,
        "fulfilment_late_ratio_365d": 3 / 6,
        "fulfilment_late_days_mean_30d": 2 / 1,
        "fulfilment_late_days_mean_90d": 2 / 3,
        "fulfilment_late_days_mean_180d": (2 + 4 + 1) / 5,
        "fulfilment_late_days_mean_365d": (2 + 4 + 1) / 6,
        "fulfilment_late_depth_180d": (2 + 4 + 1) / 3,
        "fulfilment_late_ratio_change_90d": 1 / 3 - 3 / 6,
        "fulfilment_late_days_change_90d": 2 / 3 - 7 / 6,
        "fulfilment_lead_days_mean_90d": (12 + 10 + 10 + 0) / 4,
        "fulfilment_lead_days_mean_365d": (12 + 10 + 10 + 0 + 29 + 20 + 15) / 7,
        "fulfilment_lead_days_change_90d": 32 / 4 - 96 / 7,
        "fulfilment_overdue_count_all": 1,
        "fulfilment_overdue_amount_ratio_90d": 800 / (100 + 200 + 700 + 800 + 900 + 50 + 60),
        "fulfilment_count_growth_90d": (4 - 2) / (4 + 2),
        "fulfilment_last_age_all": 8,
    },
)
THREE_ORDERS = """
    order_id | supplier_id | buyer_id | ordered_at | amount
    p        | S           | Li       | -100       | 1000
    q        | S           | Li       | -60        | 500
    r        | S           | Li       | -300       | 2500
"""
INSPECTED = World(
    "a delivery is inspected on the day it is accepted, or else delivered",
    {
        "suppliers": JOINED,
        "orders": THREE_ORDERS,
        "fulfilments": """
            fulfilment_id | order_id | supplier_id | delivered_at | accepted_at | quantity_delivered | quantity_rejected
            accepted_in90 | p        | S           | -95          | -90         | 10                 | 1
            good          | q        | S           | -50          |             | 20                 | 0
            old           | r        | S           | -290         | -181        | 40                 | 8
            not_inspected | q        | S           | -45          |             | 5                  |
            only_rejects  | p        | S           | -91          |             |                    | 2
            accepts_today | q        | S           | -9           | 0           | 30                 | 30
        """,
    },
    {
        "fulfilment_reject_ratio_90d": 1 / 30,
        "fulfilment_reject_ratio_180d": (1 + 2) / (30 + 2),
        "fulfilment_reject_ratio_365d": (1 + 2 + 8) / (30 + 2 + 40),
        "fulfilment_reject_lot_ratio_180d": 2 / 3,
        "fulfilment_reject_ratio_change_90d": 1 / 30 - 11 / 72,
        "fulfilment_late_ratio_365d": MISSING,
        "fulfilment_late_depth_180d": MISSING,
        "fulfilment_overdue_count_all": 0,
        "fulfilment_count_90d": 3,
        "fulfilment_last_age_all": 9,
    },
)
RETURNED = World(
    "goods come back on the edges of the window and on the as-of date",
    {
        "suppliers": JOINED,
        "orders": THREE_ORDERS,
        "fulfilments": """
            fulfilment_id | order_id | supplier_id | delivered_at | returned_at | return_amount
            1             | q        | S           | -50          | -20         | 125
            2             | r        | S           | -290         | -180        | 60
            3             | r        | S           | -290         | -181        | 40
            4             | q        | S           | -9           | 0           | 500
            5             | p        | S           | -95          | -90         |
        """,
    },
    {
        "fulfilment_return_amount_ratio_180d": (125 + 60) / (1000 + 500),
        "fulfilment_return_amount_ratio_365d": (125 + 60 + 40) / (1000 + 500 + 2500),
        "fulfilment_reject_ratio_365d": MISSING,
    },
)
PARTIAL = World(
    "an order is closed by the delivery that completes it or by its cancellation",
    {
        "suppliers": JOINED,
        "orders": """
            order_id         | supplier_id | buyer_id | ordered_at | amount | quantity | promised_at | cancelled_at
            in_two           | S           | Li       | -40        | 100    | 10       | -20         |
            half             | S           | Li       | -40        | 200    | 10       | -20         |
            unknown_quantity | S           | Li       | -40        | 300    | 10       | -20         |
            any_will_do      | S           | Li       | -40        | 400    |          | -20         |
            half_cancelled   | S           | Li       | -40        | 500    | 10       | -20         | -18
            sent_after_all   | S           | Li       | -40        | 600    | 10       | -20         | -30
        """,
        "fulfilments": """
            fulfilment_id | order_id         | supplier_id | delivered_at | quantity_delivered
            1             | in_two           | S           | -25          | 4
            2             | in_two           | S           | -15          | 6
            3             | half             | S           | -25          | 4
            4             | unknown_quantity | S           | -22          |
            5             | any_will_do      | S           | -10          | 1
            6             | half_cancelled   | S           | -25          | 4
            7             | sent_after_all   | S           | -10          | 10
        """,
    },
    {
        "fulfilment_overdue_count_all": 1,
        "fulfilment_overdue_amount_ratio_90d": 200 / (100 + 200 + 300 + 400 + 500 + 600),
        "fulfilment_count_90d": 7,
        "fulfilment_late_ratio_90d": 3 / 7,
        "fulfilment_late_days_mean_90d": (5 + 10 + 10) / 7,
    },
)
STILL_PARTIAL = World(
    "the delivery that completes an order lies after the as-of date",
    {
        "suppliers": JOINED,
        "orders": """
            order_id | supplier_id | buyer_id | ordered_at | amount | quantity | promised_at
            in_two   | S           | Li       | -40        | 100    | 10       | -20
            by_today | S           | Li       | -40        | 300    | 10       | 0
        """,
        "fulfilments": """
            fulfilment_id | order_id | supplier_id | delivered_at | quantity_delivered
            1             | in_two   | S           | -25          | 4
            2             | in_two   | S           | 3            | 6
        """,
    },
    {"fulfilment_overdue_count_all": 1, "fulfilment_overdue_amount_ratio_90d": 100 / 400, "fulfilment_late_ratio_90d": 0},
)
RECORDED_LATE = World(
    "a delivery in time is recorded today, another was recorded yesterday",
    {
        "suppliers": JOINED,
        "orders": """
            order_id | supplier_id | buyer_id | ordered_at | amount | promised_at
            a        | S           | Li       | -40        | 100    | -20
            b        | S           | Li       | -40        | 300    | -20
        """,
        "fulfilments": """
            fulfilment_id | order_id | supplier_id | delivered_at | recorded_at
            1             | a        | S           | -25          | 0
            2             | b        | S           | -25          | -1
        """,
    },
    {"fulfilment_overdue_count_all": 1, "fulfilment_overdue_amount_ratio_90d": 100 / 400, "fulfilment_count_90d": 1},
)
PROMISE_MOVED = World(
    "promises were moved, one before its day and one only today",
    {
        "suppliers": JOINED,
        "orders": """
            order_id | supplier_id | buyer_id | ordered_at | amount | promised_at | recorded_at
            a        | S           | Li       | -40        | 100    | -20         |
            a        | S           | Li       | -40        | 100    | 10          | -30
            b        | S           | Li       | -40        | 300    | -20         |
            b        | S           | Li       | -40        | 300    | 10          | 0
            c        | S           | Li       | -40        | 500    | 10          |
            c        | S           | Li       | -40        | 500    | -20         | -6
        """,
        "fulfilments": "fulfilment_id | order_id | supplier_id | delivered_at",
    },
    {
        "fulfilment_overdue_count_all": 2,
        "fulfilment_overdue_amount_ratio_90d": (300 + 500) / 900,
        "orders_promise_days_mean_180d": (50 + 20 + 20) / 3,
    },
)
LATE_CORRECTED = World(
    "a delivery first reported in time was corrected to three days late",
    {
        "suppliers": JOINED,
        "orders": "order_id | supplier_id | buyer_id | ordered_at | amount | promised_at\na | S | Li | -40 | 100 | -20",
        "fulfilments": """
            fulfilment_id | order_id | supplier_id | delivered_at | recorded_at
            1             | a        | S           | -22          |
            1             | a        | S           | -17          | -10
        """,
    },
    {
        "fulfilment_count_90d": 1,
        "fulfilment_late_ratio_30d": 1,
        "fulfilment_late_days_mean_90d": 3,
        "fulfilment_lead_days_mean_90d": 23,
        "fulfilment_last_age_all": 17,
        "fulfilment_overdue_count_all": 0,
    },
)
NO_PROMISE = World(
    "an order without a promise is never overdue and pays off no other",
    {
        "suppliers": JOINED,
        "orders": """
            order_id   | supplier_id | buyer_id | ordered_at | amount | promised_at | cancelled_at | recorded_at
            overdue    | S           | Li       | -40        | 100    | -20         |              | -39
            no_promise | S           | Li       | -40        | 300    |             | -10          | -39
            delivered  | S           | Li       | -40        | 500    |             |              | -39
        """,
        "fulfilments": "fulfilment_id | order_id | supplier_id | delivered_at | recorded_at\n1 | delivered | S | -9 | -8",
    },
    {"fulfilment_overdue_count_all": 1, "fulfilment_overdue_amount_ratio_90d": 100 / 900, "fulfilment_late_ratio_90d": MISSING},
)
BEFORE_ITS_ORDER = World(
    "a delivery dated before its order is told with the order",
    {
        "suppliers": JOINED,
        "orders": """
            order_id | supplier_id | buyer_id | ordered_at | amount
            a        | S           | Li       | -2         | 100
            b        | S           | Li       | 0          | 100
        """,
        "fulfilments": """
            fulfilment_id | order_id | supplier_id | delivered_at
            1             | a        | S           | -9
            2             | b        | S           | -8
        """,
    },
    {"fulfilment_count_90d": 1, "fulfilment_last_age_all": 9, "fulfilment_lead_days_mean_90d": -7},
)
NOTHING_YET = World(
    "nothing delivered yet",
    {
        "suppliers": JOINED,
        "orders": "order_id | supplier_id | buyer_id | ordered_at | amount\na | S | Li | -40 | 100",
        "fulfilments": "fulfilment_id | order_id | supplier_id",
    },
    {
        "fulfilment_count_90d": 0,
        "fulfilment_late_ratio_90d": MISSING,
        "fulfilment_lead_days_mean_365d": MISSING,
        "fulfilment_lead_days_change_90d": MISSING,
        "fulfilment_reject_ratio_180d": MISSING,
        "fulfilment_return_amount_ratio_180d": 0,
        "fulfilment_overdue_count_all": 0,
        "fulfilment_overdue_amount_ratio_90d": 0,
        "fulfilment_count_growth_90d": MISSING,
        "fulfilment_last_age_all": MISSING,
    },
)
NO_TABLE = World(
    "no table of fulfilments at all",
    {
        "suppliers": JOINED,
        "orders": "order_id | supplier_id | buyer_id | ordered_at | amount | promised_at\na | S | Li | -40 | 100 | -20",
    },
    {
        "fulfilment_count_90d": MISSING,
        "fulfilment_overdue_count_all": MISSING,
        "fulfilment_return_amount_ratio_180d": MISSING,
        "orders_count_90d": 1,
    },
)


@pytest.mark.parametrize(
    ("world", "name", "value"),
    claims(
        A_YEAR,
        INSPECTED,
        RETURNED,
        PARTIAL,
        STILL_PARTIAL,
        RECORDED_LATE,
        PROMISE_MOVED,
        LATE_CORRECTED,
        NO_PROMISE,
        BEFORE_ITS_ORDER,
        NOTHING_YET,
        NO_TABLE,
    ),
)
def test_features_of_deliveries_are_the_values_worked_out_by_hand(world: World, name: str, value: float) -> None:
    check(world, name, value)
