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
        "invoices_long_term_ratio_365d": 0,
        "invoices_after_sixty_ratio_180d": 0 / 4,
        "invoices_after_sixty_ratio_365d": 1 / 7,
        # of the part payment 150 are open, and they are older than sixty days too
        "invoices_aged_share_all": (800 + 150) / (4900 - 3550),
        "invoices_late_buyer_share_365d": 1 / 1,
        "invoices_dilution_ratio_180d": 150 / (1000 + 500 + 400 + 600),
        "invoices_dilution_ratio_365d": 150 / (2500 + 700 + 200 + 300),
        "invoices_sales_ratio_180d": MISSING,
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
        "invoices_after_sixty_ratio_180d": 0,
        "invoices_aged_share_all": MISSING,
        "invoices_late_buyer_share_365d": 0,
        "invoices_dilution_ratio_180d": 0,
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
        "invoices_long_term_ratio_365d": MISSING,
        "invoices_after_sixty_ratio_365d": MISSING,
        "invoices_aged_share_all": 1,
        "invoices_late_buyer_share_365d": MISSING,
        "invoices_dilution_ratio_365d": MISSING,
    },
)
NO_TABLE = World(
    "no table of invoices at all",
    {"suppliers": JOINED},
    {"invoices_overdue_share_all": MISSING, "invoices_collected_ratio_90d": MISSING, "invoices_late_buyer_share_365d": MISSING},
)
SIXTY_DAYS = World(
    "sixty days and one more, of payments, of terms and of waiting",
    {
        "suppliers": JOINED,
        "orders": """
            order_id | supplier_id | buyer_id | ordered_at | amount | cancelled_at
            a        | S           | Li       | -100       | 4000   |
            b        | S           | Li       | -50        | 1000   | -45
        """,
        "invoices": """
            invoice_id  | supplier_id | buyer_id | issued_at | due_at | amount | paid_at
            paid_60     | S           | Li       | -100      | -70    | 100    | -40
            paid_61     | S           | Wang     | -101      | -30    | 200    | -40
            waiting_60  | S           | Zhao     | -60       | 30     | 400    |
            waiting_61  | S           | Zhao     | -61       | 5      | 800    |
            term_60     | S           | Sun      | -50       | 10     | 1600   | -49
        """,
    },
    {
        "invoices_after_sixty_ratio_180d": 1 / 3,
        "invoices_after_sixty_ratio_365d": 1 / 3,
        "invoices_long_term_ratio_365d": 3 / 5,
        "invoices_aged_share_all": 800 / (400 + 800),
        "invoices_overdue_share_all": 0,
        "invoices_late_buyer_share_365d": 1 / 3,
        "invoices_dilution_ratio_180d": 0,
        "invoices_sales_ratio_180d": (100 + 200 + 400 + 800 + 1600) / 4000,
    },
)
SHORT_PAID = World(
    "one payment falls short and another goes beyond its invoice",
    {
        "suppliers": JOINED,
        "invoices": """
            invoice_id | supplier_id | buyer_id | issued_at | due_at | amount | paid_at | paid_amount
            short      | S           | Li       | -60       | -30    | 100    | -35     | 80
            beyond     | S           | Li       | -60       | -30    | 100    | -35     | 150
            long_ago   | S           | Li       | -260      | -230   | 300    | -200    | 0
        """,
    },
    {"invoices_dilution_ratio_180d": 20 / 200, "invoices_dilution_ratio_365d": (20 + 300) / (200 + 300)},
)
NOT_LATE_AFTER_ALL = World(
    "a payment thought late turns out to have been in time, and another buyer is late again and again",
    {
        "suppliers": JOINED,
        "invoices": """
            invoice_id | supplier_id | buyer_id | issued_at | due_at | amount | paid_at | recorded_at
            1          | S           | Li       | -60       | -30    | 1000   | -10     | -9
            1          | S           | Li       | -60       | -30    | 1000   | -33     | -1
            2          | S           | Wang     | -60       | -30    | 1000   | -10     |
            3          | S           | Wang     | -70       | -40    | 1000   | -10     |
        """,
    },
    {"invoices_late_buyer_share_365d": 1 / 2, "invoices_late_ratio_90d": 2 / 3},
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
    claims(
        A_YEAR,
        NO_PURCHASES,
        ALL_PAID,
        NOTHING_PAID,
        NO_TABLE,
        SIXTY_DAYS,
        SHORT_PAID,
        NOT_LATE_AFTER_ALL,
        PAID_BIT_BY_BIT,
        PAYMENT_KNOWN_LATE,
        PAID_IN_ADVANCE,
    ),
)
def test_features_of_receivables_are_the_values_worked_out_by_hand(world: World, name: str, value: float) -> None:
    check(world, name, value)
