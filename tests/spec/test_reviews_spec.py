import pytest

from tests.spec.claims import MISSING, World, check, claims

JOINED = "supplier_id | joined_at\nS | -400"
ORDERS = """
    order_id | supplier_id | buyer_id | ordered_at | amount
    a        | S           | Li       | -5         | 10
    b        | S           | Li       | -60        | 10
    c        | S           | Li       | -80        | 10
    d        | S           | Li       | -200       | 10
"""

A_YEAR = World(
    "a year of reviews with one on each edge of the windows",
    {
        "suppliers": JOINED,
        "orders": ORDERS,
        "reviews": """
            review_id | supplier_id | reviewed_at | rating | text
            1         | S           | -1          | 5      | 好
            2         | S           | -30         | 2      | bad
            3         | S           | -31         | 1      |
            4         | S           | -90         | 4      | 慢了
            5         | S           | -91         | 5      | ok!!
            6         | S           | -180        | 3      |
            7         | S           | -181        | 5      |
            8         | S           | -365        | 2      |
            9         | S           | -366        | 1      | long ago
            10        | S           | 0           | 1      | today
        """,
    },
    {
        "reviews_rating_mean_30d": (5 + 2) / 2,
        "reviews_rating_mean_90d": (5 + 2 + 1 + 4) / 4,
        "reviews_rating_mean_180d": (12 + 5 + 3) / 6,
        "reviews_rating_mean_365d": (20 + 5 + 2) / 8,
        "reviews_rating_change_90d": 12 / 4 - 27 / 8,
        "reviews_low_share_90d": 2 / 4,
        "reviews_low_share_365d": 3 / 8,
        "reviews_full_share_365d": 3 / 8,
        "reviews_per_order_90d": 4 / 3,
        "reviews_per_order_365d": 8 / 4,
        # 2 in the last month against 2 in the two months before, one a month
        "reviews_count_growth_30d": (2 - 1) / (2 + 1),
        "reviews_text_length_mean_365d": (1 + 3 + 0 + 2 + 4 + 0 + 0 + 0) / 8,
        "reviews_with_text_share_365d": 4 / 8,
        # too few texts to learn from: every score is 0
        "reviews_text_score_mean_90d": 0,
        "reviews_text_score_mean_365d": 0,
        "reviews_text_score_change_90d": 0,
        # months, newest first: 2 1 1 1 0 1 1 0 ...; day 365 lies before the twelfth
        "reviews_peak_month_share_365d": 2 / 7,
        "reviews_full_share_change_30d": 1 / 2 - 3 / 8,
    },
)
HALF_STARS = World(
    "half a star above low and below full",
    {
        "suppliers": JOINED,
        "reviews": """
            review_id | supplier_id | reviewed_at | rating
            1         | S           | -5          | 2.0
            2         | S           | -5          | 2.5
            3         | S           | -5          | 4.5
            4         | S           | -5          | 5.0
        """,
    },
    {
        "reviews_rating_mean_30d": 14 / 4,
        "reviews_low_share_90d": 1 / 4,
        "reviews_full_share_365d": 1 / 4,
        "reviews_rating_change_90d": 0,
        "reviews_per_order_90d": MISSING,
        "reviews_with_text_share_365d": 0,
        "reviews_text_score_mean_90d": MISSING,
        "reviews_text_score_change_90d": MISSING,
        "reviews_peak_month_share_365d": 1,
        "reviews_full_share_change_30d": 0,
    },
)
NO_REVIEW = World(
    "orders and not one review",
    {"suppliers": JOINED, "orders": ORDERS, "reviews": "review_id | supplier_id | reviewed_at | rating"},
    {
        "reviews_rating_mean_365d": MISSING,
        "reviews_rating_change_90d": MISSING,
        "reviews_low_share_365d": MISSING,
        "reviews_per_order_90d": 0,
        "reviews_count_growth_30d": MISSING,
        "reviews_text_length_mean_365d": MISSING,
        "reviews_with_text_share_365d": MISSING,
        "reviews_text_score_mean_365d": MISSING,
        "reviews_peak_month_share_365d": MISSING,
        "reviews_full_share_change_30d": MISSING,
    },
)
NO_TABLE = World(
    "no table of reviews at all",
    {"suppliers": JOINED, "orders": ORDERS},
    {"reviews_per_order_90d": MISSING, "reviews_rating_mean_365d": MISSING, "reviews_count_growth_30d": MISSING},
)
_TAUGHT = "\n".join(f"t{i} | T | -200 | {'5 | 好' if i % 2 else '1 | 差'} |" for i in range(200))
"""A hundred good and a hundred low reviews of another supplier, of one text each, half a year ago: 好 weighs ln 101, and 好 alone scores
438 (by hand in tests/features/test_text.py)."""
WORDS = World(
    "what others wrote half a year ago tells the tone of today's words",
    {
        "suppliers": JOINED,
        "reviews": f"""
            review_id | supplier_id | reviewed_at | rating | text | recorded_at
            {_TAUGHT}
            a | S | -10  | 5 | 好   |
            b | S | -20  | 1 | 差   |
            c | S | -30  | 4 | 好   |
            d | S | -40  | 2 | 無關 |
            e | S | -50  | 5 |      |
            f | S | -200 | 3 | 好   |
            g | S | -5   | 1 | 差   | 0
        """,
    },
    {
        # the review of the quarter in which the others wrote knows nothing of them
        "reviews_text_score_mean_90d": (438 - 438 + 438 + 0) / 4,
        "reviews_text_score_mean_365d": (438 - 438 + 438 + 0 + 0) / 5,
        "reviews_text_score_change_90d": 438 / 4 - 438 / 5,
        "reviews_with_text_share_365d": 5 / 6,
    },
)
REWRITTEN = World(
    "a review is rewritten, and one of the past is recorded only now",
    {
        "suppliers": JOINED,
        "reviews": f"""
            review_id | supplier_id | reviewed_at | rating | text | recorded_at
            {_TAUGHT}
            a | S | -60  | 1 | 差 |
            a | S | -60  | 5 | 好 | -2
            b | S | -200 | 2 | 差 | -3
        """,
    },
    {"reviews_text_score_mean_90d": 438, "reviews_text_score_mean_365d": 0},
)
RATING_CHANGED = World(
    "a buyer raised a rating two days ago and lowers another today",
    {
        "suppliers": JOINED,
        "reviews": """
            review_id | supplier_id | reviewed_at | rating | text | recorded_at
            1         | S           | -20         | 1      | no   |
            1         | S           | -20         | 4      | well | -2
            2         | S           | -10         | 5      |      |
            2         | S           | -10         | 1      |      | 0
        """,
    },
    {
        "reviews_rating_mean_30d": (4 + 5) / 2,
        "reviews_low_share_90d": 0,
        "reviews_full_share_365d": 1 / 2,
        "reviews_text_length_mean_365d": 4 / 2,
    },
)
SHANGHAI = World(
    "a review written after midnight in Shanghai counts for the new day",
    {
        "suppliers": JOINED,
        "reviews": """
            review_id | supplier_id | reviewed_at | rating
            in30      | S           | -31 16:00   | 5
            out30     | S           | -31 15:59   | 1
            today     | S           | -1 16:00    | 1
        """,
    },
    {"reviews_rating_mean_30d": 5, "reviews_rating_mean_90d": (5 + 1) / 2},
    zone="Asia/Shanghai",
)


@pytest.mark.parametrize(
    ("world", "name", "value"), claims(A_YEAR, HALF_STARS, NO_REVIEW, NO_TABLE, WORDS, REWRITTEN, RATING_CHANGED, SHANGHAI)
)
def test_features_of_reviews_are_the_values_worked_out_by_hand(world: World, name: str, value: float) -> None:
    check(world, name, value)
