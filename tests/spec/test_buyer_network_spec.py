from datetime import date

import pytest

from tests.spec.claims import MISSING, World, check, claims

OTHERS = "\n".join(f"T{n} | -400" for n in range(1, 11))
SOLD_TO_LI = "\n".join(f"t{n} | T{n} | Li | -20 | 100" for n in range(1, 11))

A_NETWORK = World(
    "sells to a core enterprise, to a buyer with one other supplier, and to one that also sells to it",
    {
        "suppliers": f"supplier_id | joined_at\nS | -400\n{OTHERS}",
        "orders": f"""
            order_id | supplier_id | buyer_id | ordered_at | amount
            a        | S           | Li       | -10        | 1000
            b        | S           | Wang     | -200       | 600
            c        | S           | Zhao     | -365       | 400
            d        | S           | Zhao     | -366       | 9000
            e        | S           | Li       | 0          | 9000
            f        | T1          | Wang     | -120       | 300
            g        | T1          | Qian     | -10        | 7000
            {SOLD_TO_LI}
        """,
        "purchases": """
            purchase_id | supplier_id | vendor_id | purchased_at | amount
            1           | S           | Zhao      | -30          | 50
            2           | S           | Jia       | -30          | 80
            3           | T1          | Li        | -30          | 80
        """,
        "invoices": """
            invoice_id | supplier_id | buyer_id | issued_at | due_at | paid_at | amount
            i          | T1          | Li       | -60       | -40    | -30     | 200
            j          | T2          | Li       | -60       | -40    | -40     | 300
            k          | S           | Li       | -90       | -80    | -30     | 5000
            l          | T1          | Wang     | -60       | -33    | -30     | 100
            m          | T1          | Wang     | -60       | -33    |         | 999
        """,
    },
    {
        "network_core_share_365d": 1000 / 2000,
        "network_lone_share_365d": 400 / 2000,
        "network_reciprocal_share_365d": 400 / 2000,
        # Li pays the others 200 ten days late and 300 in time: 4 days a yuan; Wang 3 days; Zhao nobody else
        "network_buyer_late_days_365d": (1000 * 4 + 600 * 3) / 1600,
        # ordered from the others: by Li 1000 in the last 90 days, by Wang 300 before
        "network_demand_growth_90d": (1000 - 300) / (1000 + 300),
    },
)
NINE_OTHERS = World(
    "nine other suppliers do not make a core enterprise",
    {
        "suppliers": f"supplier_id | joined_at\nS | -400\n{OTHERS}",
        "orders": "order_id | supplier_id | buyer_id | ordered_at | amount\na | S | Li | -10 | 10\n" + SOLD_TO_LI.rpartition("\n")[0],
    },
    {"network_core_share_365d": 0, "network_lone_share_365d": 0, "network_reciprocal_share_365d": MISSING},
)
WITHIN_A_MONTH = World(
    "the network is that of the month's first day",
    {
        "suppliers": "supplier_id | joined_at\nS | -400\nT | -400",
        "orders": """
            order_id | supplier_id | buyer_id | ordered_at | amount
            a        | S           | Wang     | -30        | 100
            b        | S           | Li       | -10        | 900
            c        | T           | Wang     | -9         | 900
        """,
        "purchases": "purchase_id | supplier_id | vendor_id | purchased_at | amount\n1 | S | Wang | -3 | 5",
        "invoices": "invoice_id | supplier_id | buyer_id | issued_at | due_at | paid_at | amount\ni | T | Wang | -8 | -7 | -3 | 10",
    },
    {
        "network_core_share_365d": 0,
        "network_lone_share_365d": 1,
        "network_reciprocal_share_365d": 0,
        "network_buyer_late_days_365d": MISSING,
        "network_demand_growth_90d": MISSING,
    },
    as_of=date(2026, 1, 15),
)
NO_SALES = World(
    "sold nothing for a year",
    {
        "suppliers": "supplier_id | joined_at\nS | -400",
        "orders": "order_id | supplier_id | buyer_id | ordered_at | amount\na | S | Wang | -380 | 100",
        "purchases": "purchase_id | supplier_id | vendor_id | purchased_at | amount\n1 | S | Wang | -3 | 5",
    },
    {"network_core_share_365d": MISSING, "network_lone_share_365d": MISSING, "network_reciprocal_share_365d": MISSING},
)


@pytest.mark.parametrize(("world", "name", "value"), claims(A_NETWORK, NINE_OTHERS, WITHIN_A_MONTH, NO_SALES))
def test_the_buyer_network(world: World, name: str, value: float) -> None:
    check(world, name, value)
