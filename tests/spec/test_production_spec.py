import pytest

from tests.spec.claims import MISSING, World, check, claims

JOINED = "supplier_id | joined_at\nS | -400"

A_YEAR = World(
    "a year of production with an observation on each edge of the windows",
    {
        "suppliers": JOINED,
        "production": """
            supplier_id | observed_at | utilisation | state
            S           | -1          | 0.8         | running
            S           | -30         | 0.6         | reduced
            S           | -31         | 0.4         | reduced
            S           | -90         | 0.2         |
            S           | -91         | 0           | stopped
            S           | -180        | 0.5         | reduced
            S           | -181        | 0.9         | running
            S           | -365        | 0           | stopped
            S           | -366        | 1           | stopped
            S           | 0           | 0           | stopped
        """,
    },
    {
        "production_utilisation_mean_30d": (0.8 + 0.6) / 2,
        "production_utilisation_mean_90d": 2.0 / 4,
        "production_utilisation_mean_365d": 3.4 / 8,
        "production_utilisation_change_90d": 2.0 / 4 - 3.4 / 8,
        "production_reduced_share_180d": 3 / 6,
        "production_stopped_share_365d": 2 / 8,
    },
)
NOT_LOOKED = World(
    "the last look at production is two hundred days old",
    {"suppliers": JOINED, "production": "supplier_id | observed_at | utilisation | state\nS | -200 | 0.5 | running"},
    {
        "production_utilisation_mean_30d": MISSING,
        "production_utilisation_mean_90d": MISSING,
        "production_utilisation_mean_365d": 0.5,
        "production_utilisation_change_90d": MISSING,
        "production_reduced_share_180d": MISSING,
        "production_stopped_share_365d": 0,
    },
)
NO_TABLE = World(
    "no table of production at all",
    {"suppliers": JOINED},
    {"production_utilisation_mean_30d": MISSING, "production_reduced_share_180d": MISSING, "production_stopped_share_365d": MISSING},
)
CORRECTED = World(
    "what was told as running stood still, as was corrected yesterday",
    {
        "suppliers": JOINED,
        "production": """
            supplier_id | observed_at | utilisation | state   | recorded_at
            S           | -9          | 0.7         | running |
            S           | -9          | 0.1         | stopped | -1
            S           | -5          | 0.5         | reduced |
            S           | -5          | 0.9         | running | 0
        """,
    },
    {
        "production_utilisation_mean_30d": 0.6 / 2,
        "production_stopped_share_365d": 1 / 2,
        "production_reduced_share_180d": 1 / 2,
    },
)


@pytest.mark.parametrize(("world", "name", "value"), claims(A_YEAR, NOT_LOOKED, NO_TABLE, CORRECTED))
def test_features_of_production_are_the_values_worked_out_by_hand(world: World, name: str, value: float) -> None:
    check(world, name, value)
