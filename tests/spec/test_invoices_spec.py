import pytest

from tests.spec.claims import MISSING, World, check, claims

JOINED = "supplier_id | joined_at\nS | -400"
INVOICES = """
    invoice_id   | supplier_id | buyer_id | issued_at | due_at | amount | paid_at | paid_amount
    late10       | S           | Li       | -60       | -30    | 1000   | -20     |
    on_time      | S           | Li       | -90       | -60    | 500    | -60     |
    overdue      | S           | Li       | -91       | -31    | 800    |         |
    edge90       | S           | Li       | -150      | -91    | 400    | -91     |
    part         | S           | Li       | -200      | -170   | 600    | -150    | 450
    late40       | S           | Li       | -300      | -270   | 700    | -230    |
    early        | S           | Li       | -365      | -335   | 200    | -336    |
    old          | S           | Li       | -366      | -346   | 300    | -340    |
    not_due      | S           | Li       | -10       | 20     | 250    |         |
    due_today    | S           | Li       | -5        | 0      | 150    |         |
    issued_today | S           | Li       | 0         | 30     | 9000   |         |
"""

A_YEAR = World(
    "a year of receivables with one on each edge of the windows",
    {
        "suppliers": JOINED,
        "orders": "order_id | supplier_id | buyer_id | ordered_at | amount",
        "purchases": """
            purchase_id | supplier_id | vendor_id | purchased_at | amount
            1           | S           | Jia       | -20          | 300
            2           | S           | Jia       | -100         | 200
            3           | S           | Jia       | -200         | 100
        """,
        "invoices": INVOICES,
    },
    {
        "invoices_late_ratio_90d": 1 / 2,
        "invoices_late_ratio_180d": 2 / 4,
        "invoices_late_ratio_365d": 4 / 7,
        "invoices_late_days_mean_90d": 1000 * 10 / 1500,
        "invoices_late_days_mean_180d": (1000 * 10 + 450 * 20) / (1500 + 400 + 450),
        "invoices_late_days_mean_365d": (19000 + 700 * 40 + 300 * 6) / (2350 + 700 + 200 + 300),
        "invoices_late_days_change_90d": 10000 / 1500 - 48800 / 3550,
        "invoices_overdue_ratio_90d": (800 + 150) / (1000 + 500 + 250 + 150),
        "invoices_overdue_ratio_365d": (800 + 150) / (1900 + 800 + 400 + 600 + 700 + 200),
        "invoices_overdue_share_all": 950 / (4900 - 3550),
        "invoices_outstanding_ratio_90d": (800 + 150 + 250 + 150) / 1900,
        "invoices_collected_ratio_90d": 1500 / 1900,
        "invoices_collected_ratio_180d": 2350 / 3100,
        "invoices_cash_margin_90d": (1500 - 300) / 1900,
        "invoices_cash_margin_180d": (2350 - 500) / 3100,
        "invoices_cash_margin_365d": (3550 - 600) / 4600,
        "invoices_amount_growth_90d": (1900 - 1200) / (1900 + 1200),
        "invoices_term_days_mean_365d": (30 + 30 + 60 + 59 + 30 + 30 + 30 + 30 + 5) / 9,
    },
)
NO_PURCHASES = World(
    "receivables without a table of purchases",
    {"suppliers": JOINED, "invoices": INVOICES},
    {"invoices_cash_margin_90d": MISSING, "invoices_late_ratio_90d": 1 / 2},
)
ALL_PAID = World(
    "the only invoice was paid in time",
    {
        "suppliers": JOINED,
        "invoices": "invoice_id | supplier_id | buyer_id | issued_at | due_at | amount | paid_at\n1 | S | Li | -50 | -20 | 100 | -30",
    },
    {
        "invoices_overdue_ratio_90d": 0,
        "invoices_overdue_share_all": MISSING,
        "invoices_outstanding_ratio_90d": 0,
        "invoices_collected_ratio_90d": 1,
        "invoices_late_ratio_90d": 0,
        "invoices_late_days_mean_90d": 0,
    },
)
NOTHING_PAID = World(
    "nobody ever paid",
    {
        "suppliers": JOINED,
        "invoices": "invoice_id | supplier_id | buyer_id | issued_at | due_at | amount\n1 | S | Li | -500 | -470 | 100",
    },
    {
        "invoices_late_ratio_365d": MISSING,
        "invoices_late_days_mean_365d": MISSING,
        "invoices_overdue_share_all": 1,
        "invoices_overdue_ratio_365d": MISSING,
        "invoices_amount_growth_90d": MISSING,
        "invoices_term_days_mean_365d": MISSING,
    },
)
NO_TABLE = World(
    "no table of invoices at all",
    {"suppliers": JOINED},
    {"invoices_overdue_share_all": MISSING, "invoices_collected_ratio_90d": MISSING},
)
PAID_BIT_BY_BIT = World(
    "payments come as later versions, the last one only today",
    {
        "suppliers": JOINED,
        "invoices": """
            invoice_id | supplier_id | buyer_id | issued_at | due_at | amount | paid_at | paid_amount | recorded_at
            1          | S           | Li       | -60       | -30    | 1000   |         |             |
            1          | S           | Li       | -60       | -30    | 1000   | -25     | 400         | -24
            1          | S           | Li       | -60       | -30    | 1000   | -10     | 700         | -9
            1          | S           | Li       | -60       | -30    | 1000   | -1      | 1000        | 0
        """,
    },
    {
        "invoices_overdue_share_all": 1,
        "invoices_overdue_ratio_90d": 300 / 1000,
        "invoices_outstanding_ratio_90d": 300 / 1000,
        "invoices_collected_ratio_90d": 700 / 1000,
        "invoices_late_ratio_90d": 1 / 1,
        "invoices_late_days_mean_90d": 20,
    },
)
PAYMENT_KNOWN_LATE = World(
    "a payment made in time was booked yesterday, another is booked today",
    {
        "suppliers": JOINED,
        "invoices": """
            invoice_id | supplier_id | buyer_id | issued_at | due_at | amount | paid_at | recorded_at
            1          | S           | Li       | -60       | -30    | 1000   |         |
            1          | S           | Li       | -60       | -30    | 1000   | -33     | -1
            2          | S           | Li       | -60       | -30    | 600    |         |
            2          | S           | Li       | -60       | -30    | 600    | -33     | 0
        """,
    },
    {"invoices_overdue_ratio_90d": 600 / 1600, "invoices_late_ratio_90d": 0, "invoices_collected_ratio_90d": 1000 / 1600},
)

PAID_IN_ADVANCE = World(
    "a payment made before its invoice is told with the invoice",
    {
        "suppliers": JOINED,
        "invoices": """
            invoice_id | supplier_id | buyer_id | issued_at | due_at | amount | paid_at
            issued     | S           | Li       | -2        | 28     | 1000   | -9
            not_yet    | S           | Li       | 0         | 30     | 600    | -9
        """,
    },
    {"invoices_collected_ratio_90d": 1, "invoices_outstanding_ratio_90d": 0, "invoices_late_ratio_90d": 0},
)


@pytest.mark.parametrize(
    ("world", "name", "value"),
    claims(A_YEAR, NO_PURCHASES, ALL_PAID, NOTHING_PAID, NO_TABLE, PAID_BIT_BY_BIT, PAYMENT_KNOWN_LATE, PAID_IN_ADVANCE),
)
def test_features_of_receivables_are_the_values_worked_out_by_hand(world: World, name: str, value: float) -> None:
    check(world, name, value)
