import pytest

from tests.spec.claims import MISSING, World, check, claims

JOINED = "supplier_id | joined_at\nS | -400"

PAPERS = World(
    "papers that expire yesterday, today, within ninety days and after",
    {
        "suppliers": JOINED,
        "certificates": """
            supplier_id | certificate       | issued_on | expires_on | verified_at
            S           | business_licence  | -1000     |            | -999
            S           | iso_9001          | -400      | 0          |
            S           | inspection_report | -300      | -1         |
            S           | site_audit        | -200      | 89         |
            S           | process_document  | -100      | 90         |
            S           | customer_case     | -50       |            | 0
            S           | tax_registration  | 0         |            |
        """,
    },
    {
        # licence, iso, audit, process, case; the tax registration is of today
        "certificates_held_count_all": 5,
        "certificates_quality_count_all": 4,
        "certificates_verified_share_all": 1 / 6,
        # iso ends today, the audit in 89 days; ninety days before its end the process document is not yet expiring
        "certificates_expiring_share_all": 2 / 5,
    },
)
ALL_EXPIRED = World(
    "the only paper, of five days, has expired",
    {
        "suppliers": JOINED,
        "certificates": "supplier_id | certificate | issued_on | expires_on | verified_at\nS | iso_9001 | -10 | -5 | -9",
    },
    {
        "certificates_held_count_all": 0,
        "certificates_quality_count_all": 0,
        "certificates_verified_share_all": 1,
        "certificates_expiring_share_all": MISSING,
    },
)
NO_PAPER = World(
    "not one paper",
    {"suppliers": JOINED, "certificates": "supplier_id | certificate | issued_on"},
    {
        "certificates_held_count_all": 0,
        "certificates_quality_count_all": 0,
        "certificates_verified_share_all": MISSING,
        "certificates_expiring_share_all": MISSING,
    },
)
NO_TABLE = World(
    "no table of certificates at all",
    {"suppliers": JOINED},
    {
        "certificates_held_count_all": MISSING,
        "certificates_quality_count_all": MISSING,
        "certificates_verified_share_all": MISSING,
        "certificates_expiring_share_all": MISSING,
    },
)
EXTENDED = World(
    "one certificate was extended yesterday, another is verified today",
    {
        "suppliers": JOINED,
        "certificates": """
            supplier_id | certificate | issued_on | expires_on | verified_at | recorded_at
            S           | iso_9001    | -400      | -5         |             |
            S           | iso_9001    | -400      | 300        |             | -1
            S           | site_audit  | -400      | 20         |             |
            S           | site_audit  | -400      | 20         | -3          | 0
        """,
    },
    {
        "certificates_held_count_all": 2,
        "certificates_quality_count_all": 2,
        "certificates_expiring_share_all": 1 / 2,
        "certificates_verified_share_all": 0,
    },
)


@pytest.mark.parametrize(("world", "name", "value"), claims(PAPERS, ALL_EXPIRED, NO_PAPER, NO_TABLE, EXTENDED))
def test_features_of_certificates_are_the_values_worked_out_by_hand(world: World, name: str, value: float) -> None:
    check(world, name, value)
