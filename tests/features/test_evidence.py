from datetime import date, timedelta

import pytest

from credit.errors import OutOfRange, UnknownSupplier
from features.catalog import CATALOG
from features.evidence import Evidence, EvidenceRow, evidence_rows, evidence_tables
from features.ledger import Ledger, build_ledger
from tests.drawn import AS_OF, draw

TABLES = {
    "suppliers": "supplier_id | joined_at\nS | -900\nT | -900",
    "orders": """
        order_id | supplier_id | buyer_id | ordered_at | amount | quantity | promised_at | cancelled_at | recorded_at
        big      | S           | Li       | -50        | 900    |          | -40         |              |
        small    | S           | Wang     | -20        | 100    |          | -15         |              |
        corr     | S           | Li       | -60        | 500    |          | -55         |              |
        corr     | S           | Zhao     | -60        | 550    |          | -45         |              | -30
        gone     | S           | Li       | -70        | 700    |          | -65         | -60          |
        old      | S           | Sun      | -400       | 50     |          | -390        |              |
        future   | S           | Sun      | -9         | 5000   |          | -8          |              | 0
        edge361  | S           | Sun      | -361       | 60     |          |             |              |
        other    | T           | Li       | -10        | 9999   |          | -5          |              |
    """,
    "fulfilments": """
        fulfilment_id | order_id | supplier_id | delivered_at | recorded_at
        1             | small    | S           | -5           |
        2             | edge361  | S           | -100         |
    """,
    "reviews": """
        review_id | supplier_id | buyer_id | reviewed_at | rating | recorded_at
        r1        | S           | Li       | -9          | 5      |
        r2        | S           | Li       | -8          | 2      |
        r3        | S           | Wang     | -7          | 3      |
        r4        | S           | Wang     | -6          | 1      |
        r4        | S           | Wang     | -6          | 4      | -2
        r5        | S           | Wang     | -91         | 1      |
    """,
    "invoices": """
        invoice_id | supplier_id | buyer_id | issued_at | due_at | amount | paid_at | paid_amount
        part       | S           | Li       | -200      | -170   | 600    | -150    | 450
        open       | S           | Wang     | -50       | -20    | 800    |         |
        paid       | S           | Li       | -80       | -50    | 300    | -30     |
        not_due    | S           | Li       | -10       | 20     | 100    |         |
    """,
}


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return build_ledger(draw(TABLES))


def keys(evidence: Evidence) -> list[str]:
    return [row.key for row in evidence.rows]


def back(days: int) -> date:
    return AS_OF - timedelta(days=days)


def test_open_orders_stand_behind_overdue_orders_with_their_promise_as_last_told(ledger: Ledger) -> None:
    evidence = evidence_rows(ledger, "fulfilment_overdue_count_all", "S", AS_OF)
    assert (evidence.kind, evidence.label_zh, evidence.label_en) == ("order_due", "承诺交期已过", "Promised day passed")
    assert evidence.value_names == (("amount", "cny_fen"),)
    assert evidence.rows == (
        EvidenceRow("big", back(40), back(40), "Li", (90000,)),
        EvidenceRow("corr", back(45), back(30), "Zhao", (55000,)),
        EvidenceRow("old", back(390), back(390), "Sun", (5000,)),
    )
    assert evidence.total == 3


def test_an_overdue_item_older_than_the_window_of_its_denominator_is_shown(ledger: Ledger) -> None:
    assert keys(evidence_rows(ledger, "fulfilment_overdue_amount_ratio_90d", "S", AS_OF)) == ["big", "corr", "old"]


def test_before_a_correction_was_recorded_the_older_version_is_shown(ledger: Ledger) -> None:
    evidence = evidence_rows(ledger, "fulfilment_overdue_count_all", "S", back(30))
    assert evidence.rows[1] == EvidenceRow("corr", back(55), back(55), "Li", (50000,))


def test_what_is_left_of_a_part_payment_stands_behind_overdue_receivables(ledger: Ledger) -> None:
    evidence = evidence_rows(ledger, "invoices_overdue_ratio_90d", "S", AS_OF)
    assert [(row.key, row.event_day, row.party, row.values) for row in evidence.rows] == [
        ("open", back(20), "Wang", (80000,)),
        ("part", back(170), "Li", (15000,)),
    ]


def test_invoices_not_paid_in_full_stand_behind_outstanding_receivables(ledger: Ledger) -> None:
    evidence = evidence_rows(ledger, "invoices_outstanding_ratio_90d", "S", AS_OF)
    assert [(row.key, row.values) for row in evidence.rows] == [
        ("open", (80000, 30, 0)),
        ("part", (15000, 30, 0)),
        ("not_due", (10000, 30, 0)),
    ]


def test_a_window_shows_the_events_inside_it_with_the_largest_first_where_more_is_worse(ledger: Ledger) -> None:
    assert keys(evidence_rows(ledger, "orders_buyer_hhi_90d", "S", AS_OF)) == ["big", "gone", "corr", "small"]


def test_where_more_is_safer_the_newest_stand_first(ledger: Ledger) -> None:
    evidence = evidence_rows(ledger, "orders_amount_sum_90d", "S", AS_OF)
    assert keys(evidence) == ["small", "big", "corr", "gone"]
    assert evidence.rows[2] == EvidenceRow("corr", back(60), back(30), "Zhao", (55000, 15, 1, 0))
    assert keys(evidence_rows(ledger, "orders_amount_sum_30d", "S", AS_OF)) == ["small"]


def test_a_count_shows_the_latest_event_first(ledger: Ledger) -> None:
    assert keys(evidence_rows(ledger, "orders_count_90d", "S", AS_OF)) == ["small", "big", "corr", "gone"]


def test_late_deliveries_stand_behind_a_late_ratio(ledger: Ledger) -> None:
    evidence = evidence_rows(ledger, "fulfilment_late_ratio_180d", "S", AS_OF)
    assert [(row.key, row.values) for row in evidence.rows] == [("small/1", (10, 1, 15, 1))]


def test_low_ratings_as_last_told_stand_behind_a_low_share(ledger: Ledger) -> None:
    assert keys(evidence_rows(ledger, "reviews_low_share_90d", "S", AS_OF)) == ["r2"]
    assert keys(evidence_rows(ledger, "reviews_low_share_90d", "S", back(2))) == ["r4", "r2", "r5"]


def test_the_lowest_ratings_stand_first_behind_a_mean(ledger: Ledger) -> None:
    assert keys(evidence_rows(ledger, "reviews_rating_mean_90d", "S", AS_OF)) == ["r2", "r3", "r4", "r1"]


def test_a_monthly_trend_rests_on_twelve_months_of_thirty_days(ledger: Ledger) -> None:
    assert "edge361" not in keys(evidence_rows(ledger, "orders_amount_slope_365d", "S", AS_OF))
    assert "edge361" in keys(evidence_rows(ledger, "orders_amount_sum_365d", "S", AS_OF))


def test_the_orders_of_the_window_stand_behind_a_concentration(ledger: Ledger) -> None:
    assert keys(evidence_rows(ledger, "orders_buyer_hhi_90d", "S", AS_OF)) == ["big", "gone", "corr", "small"]


def test_a_last_day_shows_the_latest_event_of_all_time(ledger: Ledger) -> None:
    evidence = evidence_rows(ledger, "orders_last_age_all", "S", AS_OF, limit=1)
    assert keys(evidence) == ["small"]
    assert evidence.total == 6


def test_a_limit_cuts_the_rows_and_not_the_total(ledger: Ledger) -> None:
    evidence = evidence_rows(ledger, "orders_amount_sum_90d", "S", AS_OF, limit=2)
    assert (keys(evidence), evidence.total) == (["small", "big"], 4)


def test_nothing_known_gives_no_rows_and_a_total_of_zero(ledger: Ledger) -> None:
    evidence = evidence_rows(ledger, "purchases_margin_90d", "T", back(400))
    assert (evidence.rows, evidence.total) == ((), 0)


@pytest.mark.parametrize("feature", CATALOG, ids=lambda feature: feature.name)
def test_the_rows_behind_every_feature_were_known_before_the_date(ledger: Ledger, feature: object) -> None:
    name = getattr(feature, "name", "")
    evidence = evidence_rows(ledger, name, "S", AS_OF)
    assert evidence.total == len(evidence.rows)
    assert all(row.known_day < AS_OF and row.event_day <= row.known_day for row in evidence.rows)


@pytest.mark.parametrize(
    ("feature", "supplier", "limit", "refusal", "says"),
    [
        ("orders_count_7d", "S", 5, OutOfRange, "no feature 'orders_count_7d'"),
        ("orders_count_90d", "nobody", 5, UnknownSupplier, "'nobody' does not stand in the ledger"),
        ("orders_count_90d", "S", 0, OutOfRange, "limit is 0"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    ledger: Ledger, feature: str, supplier: str, limit: int, refusal: type[Exception], says: str
) -> None:
    with pytest.raises(refusal, match=says):
        evidence_rows(ledger, feature, supplier, AS_OF, limit)


def test_a_supplier_id_is_a_value_and_not_part_of_the_query() -> None:
    quoted = "S' OR true --"
    tables = {**TABLES, "suppliers": TABLES["suppliers"] + f"\n{quoted} | -5"}
    evidence = evidence_rows(build_ledger(draw(tables)), "orders_count_90d", quoted, AS_OF)
    assert evidence.total == 0


def test_a_margin_rests_on_orders_and_purchases_and_a_lateness_on_deliveries_alone(ledger: Ledger) -> None:
    kinds = [evidence.kind for evidence in evidence_tables(ledger, "purchases_margin_365d", "S", AS_OF)]
    assert kinds[0] == "order_placed"
    assert set(kinds) <= {"order_placed", "order_cancelled", "purchased", "purchase_cancelled"}
    assert [evidence.kind for evidence in evidence_tables(ledger, "fulfilment_late_ratio_180d", "S", AS_OF)] == ["delivered"]


WORK = {
    "suppliers": "supplier_id | joined_at\nS | -900",
    "production": """
        supplier_id | observed_at | utilisation | state
        S           | -9          | 0.8         | running
        S           | -8          | 0           | stopped
        S           | -7          | 0.3         | reduced
        S           | -99         | 0.1         | reduced
    """,
    "cooperations": """
        supplier_id | partner_id | content | level     | started_on | ended_on
        S           | A          | goods   | strategic | -500       |
        S           | B          | ip      | tactical  | -400       | 30
        S           | C          | ip      | strategic | -300       | -9
    """,
    "certificates": """
        supplier_id | certificate | issued_on | expires_on
        S           | iso_9001    | -400      | 20
        S           | site_audit  | -400      | 200
        S           | iso_9001    | -900      | -1
    """,
    "reviews": "review_id | supplier_id | reviewed_at | rating | text\n"
    + "\n".join(f"t{i} | S | -200 | {'5 | 好' if i % 2 else '1 | 差'}" for i in range(200))
    + "\na | S | -3 | 5 | 好\nb | S | -4 | 5 | 差\nc | S | -5 | 5 |\nd | S | -2 | 2 | 好好",
    "invoices": """
        invoice_id | supplier_id | buyer_id | issued_at | due_at | amount | paid_at
        late       | S           | Li       | -90       | -60    | 100    | -50
        in_time    | S           | Wang     | -90       | -60    | 100    | -60
    """,
}


@pytest.fixture(scope="module")
def work() -> Ledger:
    return build_ledger(draw(WORK))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("production_utilisation_mean_90d", [back(8), back(7), back(9)]),
        ("production_stopped_share_365d", [back(8)]),
        ("cooperations_standing_count_all", [back(400), back(500)]),
        ("cooperations_age_days_mean_all", [back(400), back(500)]),
        ("cooperations_strategic_share_all", [back(500)]),
        ("certificates_expiring_share_all", [back(70)]),
        ("reviews_text_score_mean_90d", [back(4), back(2), back(3)]),
        ("invoices_late_buyer_share_365d", [back(50)]),
    ],
)
def test_the_rows_behind_states_and_words_stand_lowest_first(work: Ledger, name: str, expected: list[date]) -> None:
    assert [row.event_day for row in evidence_rows(work, name, "S", AS_OF).rows] == expected


def test_a_cell_that_did_not_change_keeps_the_day_it_was_first_known() -> None:
    """The order was corrected after its delivery: the delivery is told anew with it, but stands as it stood."""
    tables = {
        "suppliers": "supplier_id | joined_at\nS | -900",
        "orders": """
            order_id | supplier_id | buyer_id | ordered_at | amount | promised_at | recorded_at
            a        | S           | Li       | -60        | 100    | -50         |
            a        | S           | Li       | -60        | 200    | -50         | -20
        """,
        "fulfilments": "fulfilment_id | order_id | supplier_id | delivered_at\n1 | a | S | -40",
    }
    drawn = build_ledger(draw(tables))
    (delivery,) = evidence_rows(drawn, "fulfilment_late_ratio_180d", "S", AS_OF).rows
    (order,) = evidence_rows(drawn, "orders_amount_sum_90d", "S", AS_OF).rows
    assert (delivery.known_day, order.known_day) == (back(40), back(20))
    assert order.values[0] == 20000
