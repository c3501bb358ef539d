import pytest

from tests.spec.claims import MISSING, World, check, claims

JOINED = "supplier_id | joined_at\nS | -400"

A_YEAR = World(
    "a year of stock with an observation on each edge of the windows",
    {
        "suppliers": JOINED,
        "inventory": """
            supplier_id | observed_at | category | value | days_of_cover
            S           | -1          | pumps    | 100   | 10
            S           | -90         | pumps    | 200   | 20
            S           | -90         | seals    | 300   |
            S           | -91         | pumps    | 400   | 40
            S           | -180        | pumps    | 500   | 50
            S           | -181        | pumps    | 900   | 90
            S           | -365        | pumps    | 50    | 5
            S           | -366        | pumps    | 999   | 99
            S           | 0           | pumps    | 999   | 99
        """,
    },
    {
        "inventory_cover_days_mean_90d": (10 + 20) / 2,
        "inventory_cover_days_change_90d": 30 / 2 - (10 + 20 + 40 + 50 + 90 + 5) / 6,
        # 200 on average against 450 before
        "inventory_value_growth_90d": (200 - 450) / (200 + 450),
    },
)
EMPTY_SHELVES = World(
    "the shelves are empty",
    {"suppliers": JOINED, "inventory": "supplier_id | observed_at | value | days_of_cover\nS | -9 | 0 | 0\nS | -120 | 700 | 30"},
    {"inventory_cover_days_mean_90d": 0, "inventory_cover_days_change_90d": 0 - 15, "inventory_value_growth_90d": -1},
)
NEVER_ANY = World(
    "the shelves were always empty, and how long they last nobody says",
    {"suppliers": JOINED, "inventory": "supplier_id | observed_at | value\nS | -9 | 0\nS | -120 | 0"},
    {"inventory_cover_days_mean_90d": MISSING, "inventory_cover_days_change_90d": MISSING, "inventory_value_growth_90d": MISSING},
)
NOT_LOOKED = World(
    "nobody looked at the shelves for half a year",
    {"suppliers": JOINED, "inventory": "supplier_id | observed_at | value | days_of_cover\nS | -200 | 100 | 8"},
    {"inventory_cover_days_mean_90d": MISSING, "inventory_cover_days_change_90d": MISSING, "inventory_value_growth_90d": MISSING},
)
NO_TABLE = World(
    "no table of stock at all",
    {"suppliers": JOINED},
    {"inventory_cover_days_mean_90d": MISSING, "inventory_cover_days_change_90d": MISSING, "inventory_value_growth_90d": MISSING},
)
CORRECTED = World(
    "an observation was corrected yesterday and another is corrected today",
    {
        "suppliers": JOINED,
        "inventory": """
            supplier_id | observed_at | category | value | days_of_cover | recorded_at
            S           | -9          | pumps    | 100   | 10            |
            S           | -9          | pumps    | 150   | 12            | -1
            S           | -9          | seals    | 100   | 20            |
            S           | -9          | seals    | 999   | 99            | 0
            S           | -99         | pumps    | 75    |               |
        """,
    },
    {"inventory_cover_days_mean_90d": (12 + 20) / 2, "inventory_value_growth_90d": (125 - 75) / (125 + 75)},
)


@pytest.mark.parametrize(("world", "name", "value"), claims(A_YEAR, EMPTY_SHELVES, NEVER_ANY, NOT_LOOKED, NO_TABLE, CORRECTED))
def test_features_of_the_stock_are_the_values_worked_out_by_hand(world: World, name: str, value: float) -> None:
    check(world, name, value)
