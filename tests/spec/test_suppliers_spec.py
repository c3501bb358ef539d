import pytest

from tests.spec.claims import MISSING, World, check, claims

LONG_THERE = World(
    "joined 400 and registered 1000 days ago",
    {"suppliers": "supplier_id | joined_at | registered_on\nS | -400 | -1000"},
    {"supplier_tenure_days_all": 400, "supplier_age_days_all": 1000},
)
YESTERDAY = World(
    "joined yesterday and nobody knows when it was registered",
    {"suppliers": "supplier_id | joined_at | registered_on\nS | -1 |"},
    {"supplier_tenure_days_all": 1, "supplier_age_days_all": MISSING},
)
JOINS_TODAY = World(
    "joins on the as-of date after an order placed earlier",
    {
        "suppliers": "supplier_id | joined_at\nS | 0",
        "orders": "order_id | supplier_id | buyer_id | ordered_at | amount\no | S | Li | -3 | 10",
    },
    {"supplier_tenure_days_all": MISSING, "orders_count_30d": 1},
)
CORRECTED = World(
    "the day of joining was corrected five days ago",
    {
        "suppliers": """
            supplier_id | joined_at | recorded_at
            S           | -100      |
            S           | -250      | -5
        """
    },
    {"supplier_tenure_days_all": 250},
)
CORRECTED_TOMORROW = World(
    "the day of joining is corrected on the as-of date",
    {
        "suppliers": """
            supplier_id | joined_at | recorded_at
            S           | -100      |
            S           | -250      | 0
        """
    },
    {"supplier_tenure_days_all": 100},
)
SHANGHAI = World(
    "joined in the small hours of Shanghai",
    {"suppliers": "supplier_id | joined_at | registered_on\nS | -8 16:30 | -20"},
    {"supplier_tenure_days_all": 7, "supplier_age_days_all": 20},
    zone="Asia/Shanghai",
)


@pytest.mark.parametrize(("world", "name", "value"), claims(LONG_THERE, YESTERDAY, JOINS_TODAY, CORRECTED, CORRECTED_TOMORROW, SHANGHAI))
def test_a_suppliers_features_are_the_values_worked_out_by_hand(world: World, name: str, value: float) -> None:
    check(world, name, value)
