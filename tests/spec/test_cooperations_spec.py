import pytest

from tests.spec.claims import MISSING, World, check, claims

JOINED = "supplier_id | joined_at\nS | -400"

PARTNERS = World(
    "cooperations that begin and end on the edges of the year",
    {
        "suppliers": JOINED,
        "cooperations": """
            supplier_id | partner_id | content    | level       | started_on | ended_on
            S           | A          | goods      | strategic   | -500       |
            S           | B          | technology | operational | -100       |
            S           | C          | finance    | tactical    | -365       | 100
            S           | D          | ip         | strategic   | -700       | -365
            S           | E          | goods      | operational | -800       | -366
            S           | F          | capability | strategic   | -30        | 0
            S           | G          | service    | strategic   | 0          |
        """,
    },
    {
        "cooperations_standing_count_all": 4,
        "cooperations_strategic_share_all": 2 / 4,
        "cooperations_deep_share_all": 3 / 4,
        "cooperations_age_days_mean_all": (500 + 100 + 365 + 30) / 4,
        "cooperations_started_count_365d": 3,
        "cooperations_ended_count_365d": 1,
    },
)
ALL_ENDED = World(
    "the only cooperation has ended",
    {
        "suppliers": JOINED,
        "cooperations": "supplier_id | partner_id | content | level | started_on | ended_on\nS | A | ip | strategic | -90 | -1",
    },
    {
        "cooperations_standing_count_all": 0,
        "cooperations_strategic_share_all": MISSING,
        "cooperations_age_days_mean_all": MISSING,
        "cooperations_started_count_365d": 1,
        "cooperations_ended_count_365d": 1,
    },
)
NO_PARTNER = World(
    "not one cooperation",
    {"suppliers": JOINED, "cooperations": "supplier_id | partner_id | content | started_on"},
    {
        "cooperations_standing_count_all": 0,
        "cooperations_strategic_share_all": MISSING,
        "cooperations_deep_share_all": MISSING,
        "cooperations_age_days_mean_all": MISSING,
        "cooperations_started_count_365d": 0,
        "cooperations_ended_count_365d": 0,
    },
)
NO_TABLE = World(
    "no table of cooperations at all",
    {"suppliers": JOINED},
    {"cooperations_standing_count_all": MISSING, "cooperations_age_days_mean_all": MISSING, "cooperations_ended_count_365d": MISSING},
)
TOLD_LATE = World(
    "an end is told a week later, another today, and a level is corrected",
    {
        "suppliers": JOINED,
        "cooperations": """
            supplier_id | partner_id | content | level       | started_on | ended_on | recorded_at
            S           | A          | goods   | operational | -500       |          |
            S           | A          | goods   | operational | -500       | -20      | -13
            S           | B          | goods   | operational | -400       |          |
            S           | B          | goods   | operational | -400       | -20      | 0
            S           | C          | goods   |             | -100       |          |
            S           | C          | goods   | strategic   | -100       |          | -1
        """,
    },
    {
        "cooperations_standing_count_all": 2,
        "cooperations_strategic_share_all": 1 / 2,
        "cooperations_age_days_mean_all": (400 + 100) / 2,
        "cooperations_ended_count_365d": 1,
    },
)


@pytest.mark.parametrize(("world", "name", "value"), claims(PARTNERS, ALL_ENDED, NO_PARTNER, NO_TABLE, TOLD_LATE))
def test_features_of_cooperations_are_the_values_worked_out_by_hand(world: World, name: str, value: float) -> None:
    check(world, name, value)
