"""The tables obey the data contract and look like a platform's: seasons, late records, corrections, valid credit codes."""

from itertools import pairwise
from pathlib import Path

import pytest

from features.simulate.identity import organisation_check, uscc_check
from tests.features.simulate.conftest import rows

REQUIRED = {
    "suppliers": {"supplier_id": "VARCHAR", "uscc": "VARCHAR", "registered_on": "DATE", "joined_at": "TIMESTAMP"},
    "orders": {
        "order_id": "VARCHAR",
        "supplier_id": "VARCHAR",
        "buyer_id": "VARCHAR",
        "ordered_at": "TIMESTAMP",
        "amount": "DECIMAL(18,2)",
    },
    "fulfilments": {"fulfilment_id": "VARCHAR", "order_id": "VARCHAR", "supplier_id": "VARCHAR", "shipped_at": "TIMESTAMP"},
    "reviews": {"review_id": "VARCHAR", "supplier_id": "VARCHAR", "reviewed_at": "TIMESTAMP", "rating": "DOUBLE"},
    "purchases": {
        "purchase_id": "VARCHAR",
        "supplier_id": "VARCHAR",
        "vendor_id": "VARCHAR",
        "purchased_at": "TIMESTAMP",
        "amount": "DECIMAL(18,2)",
    },
    "invoices": {
        "invoice_id": "VARCHAR",
        "supplier_id": "VARCHAR",
        "buyer_id": "VARCHAR",
        "issued_at": "TIMESTAMP",
        "due_at": "TIMESTAMP",
        "amount": "DECIMAL(18,2)",
        "paid_at": "TIMESTAMP",
    },
    "loans": {
        "loan_id": "VARCHAR",
        "supplier_id": "VARCHAR",
        "drawn_at": "TIMESTAMP",
        "due_at": "TIMESTAMP",
        "principal": "DECIMAL(18,2)",
    },
    "repayments": {"loan_id": "VARCHAR", "due_at": "TIMESTAMP", "amount_due": "DECIMAL(18,2)", "paid_at": "TIMESTAMP"},
    "inventory": {"supplier_id": "VARCHAR", "observed_at": "TIMESTAMP", "value": "DECIMAL(18,2)"},
    "production": {"supplier_id": "VARCHAR", "observed_at": "TIMESTAMP", "utilisation": "DOUBLE", "state": "VARCHAR"},
    "certificates": {"supplier_id": "VARCHAR", "certificate": "VARCHAR", "issued_on": "DATE"},
    "cooperations": {"supplier_id": "VARCHAR", "partner_id": "VARCHAR", "content": "VARCHAR", "started_on": "DATE"},
}
NULLABLE = {"paid_at"}
KEYS = {
    "suppliers": "supplier_id",
    "orders": "order_id, supplier_id, recorded_at",
    "fulfilments": "fulfilment_id, order_id, supplier_id, recorded_at",
    "reviews": "review_id, order_id, supplier_id, recorded_at",
    "purchases": "purchase_id",
    "invoices": "invoice_id, recorded_at",
    "loans": "loan_id",
    "repayments": "loan_id, due_at",
    "inventory": "supplier_id, observed_at",
    "production": "supplier_id, observed_at",
    "certificates": "supplier_id, certificate, issued_on",
    "cooperations": "supplier_id, content, started_on",
}
BREACHES = {
    "amount_is_positive": "SELECT 1 FROM orders WHERE amount <= 0 UNION ALL SELECT 1 FROM purchases WHERE amount <= 0 "
    "UNION ALL SELECT 1 FROM invoices WHERE amount <= 0 UNION ALL SELECT 1 FROM repayments WHERE amount_due <= 0",
    "promised_not_before_ordered": "SELECT 1 FROM orders WHERE promised_at < ordered_at",
    "cancelled_not_before_ordered": "SELECT 1 FROM orders WHERE cancelled_at < ordered_at "
    "UNION ALL SELECT 1 FROM purchases WHERE cancelled_at < purchased_at",
    "shipped_not_before_ordered": "SELECT 1 FROM fulfilments f JOIN orders o USING (order_id) WHERE f.shipped_at < o.ordered_at",
    "delivered_not_before_shipped": "SELECT 1 FROM fulfilments WHERE delivered_at < shipped_at OR accepted_at < delivered_at "
    "OR returned_at < accepted_at OR (accepted_at IS NOT NULL AND delivered_at IS NULL)",
    "rejected_not_above_delivered": "SELECT 1 FROM fulfilments WHERE quantity_rejected > quantity_delivered",
    "rating_from_1_to_5": "SELECT 1 FROM reviews WHERE rating NOT BETWEEN 1 AND 5",
    "reviewed_not_before_ordered": "SELECT 1 FROM reviews r JOIN orders o USING (order_id) WHERE r.reviewed_at < o.ordered_at",
    "order_is_known": "SELECT 1 FROM (SELECT order_id, supplier_id FROM fulfilments UNION ALL SELECT order_id, supplier_id "
    "FROM reviews WHERE order_id IS NOT NULL UNION ALL SELECT order_id, supplier_id FROM invoices) x "
    "ANTI JOIN orders o USING (order_id, supplier_id)",
    "due_not_before_drawn": "SELECT 1 FROM loans WHERE due_at < drawn_at",
    "instalments_add_up": "SELECT 1 FROM loans JOIN repayments r USING (loan_id) GROUP BY loan_id, principal "
    "HAVING sum(amount_due) < principal",
    "paid_not_before_issued": "SELECT 1 FROM invoices WHERE paid_at < issued_at OR due_at < issued_at",
    "nothing_before_joining": "SELECT 1 FROM orders JOIN suppliers USING (supplier_id) WHERE ordered_at < joined_at "
    "UNION ALL SELECT 1 FROM loans JOIN suppliers USING (supplier_id) WHERE drawn_at < joined_at",
    "nothing_after_the_end": "SELECT 1 FROM orders WHERE greatest(ordered_at, cancelled_at, recorded_at) >= DATE '2026-07-01' "
    "UNION ALL SELECT 1 FROM fulfilments WHERE greatest(shipped_at, delivered_at, accepted_at, returned_at, recorded_at) "
    ">= DATE '2026-07-01' UNION ALL SELECT 1 FROM invoices WHERE greatest(issued_at, paid_at, recorded_at) >= DATE '2026-07-01' "
    "UNION ALL SELECT 1 FROM reviews WHERE greatest(reviewed_at, recorded_at) >= DATE '2026-07-01' "
    "UNION ALL SELECT 1 FROM repayments WHERE paid_at >= DATE '2026-07-01' "
    "UNION ALL SELECT 1 FROM purchases WHERE greatest(purchased_at, cancelled_at) >= DATE '2026-07-01' "
    "UNION ALL SELECT 1 FROM certificates WHERE greatest(issued_on, verified_at) >= DATE '2026-07-01' "
    "UNION ALL SELECT 1 FROM inventory WHERE observed_at >= DATE '2026-07-01' "
    "UNION ALL SELECT 1 FROM cooperations WHERE greatest(started_on, ended_on) >= DATE '2026-07-01'",
}


@pytest.mark.parametrize("table", REQUIRED)
def test_every_required_column_stands_with_its_type_and_without_gaps(small_world: Path, table: str) -> None:
    types = {r[0]: r[1] for r in rows(small_world, f"DESCRIBE SELECT * FROM {table}")}
    assert REQUIRED[table].items() <= types.items()
    full = [c for c in REQUIRED[table] if c not in NULLABLE]
    gaps = " OR ".join(f"{c} IS NULL" for c in full)
    assert rows(small_world, f"SELECT count(*) FILTER ({gaps}), count(*) > 50 FROM {table}") == [(0, True)]


def test_the_root_holds_the_contracts_tables_only(small_world: Path) -> None:
    assert {f.stem for f in small_world.glob("*.parquet")} == set(REQUIRED)
    assert [f.name for f in small_world.iterdir() if f.is_dir()] == ["truth"]


@pytest.mark.parametrize("table", KEYS)
def test_key_is_unique(small_world: Path, table: str) -> None:
    assert rows(small_world, f"SELECT 1 FROM {table} GROUP BY {KEYS[table]} HAVING count(*) > 1") == []


@pytest.mark.parametrize("table", [t for t in REQUIRED if t not in ("suppliers", "repayments")])
def test_supplier_is_known(small_world: Path, table: str) -> None:
    assert rows(small_world, f"SELECT 1 FROM {table} ANTI JOIN suppliers USING (supplier_id)") == []


@pytest.mark.parametrize("rule", BREACHES)
def test_rule_holds(small_world: Path, rule: str) -> None:
    assert rows(small_world, BREACHES[rule]) == []


def test_credit_codes_carry_their_check_digits(small_world: Path) -> None:
    for (code,) in rows(small_world, "SELECT uscc FROM suppliers"):
        assert isinstance(code, str)
        assert (len(code), code[16], code[17]) == (18, organisation_check(code[8:16]), uscc_check(code[:17]))


def test_trade_dips_at_the_new_year(middling_world: Path) -> None:
    counts = rows(
        middling_world,
        "SELECT count(*) FILTER (ordered_at BETWEEN DATE '2025-01-25' AND DATE '2025-02-05'), "
        "count(*) FILTER (ordered_at BETWEEN DATE '2025-03-08' AND DATE '2025-03-19') FROM orders",
    )
    stop, normal = (float(str(n)) for n in counts[0])
    assert stop < 0.3 * normal


def test_some_rows_are_recorded_late(middling_world: Path) -> None:
    for table in ("reviews", "fulfilments", "invoices"):
        ((share,),) = rows(middling_world, f"SELECT avg((recorded_at IS NOT NULL)::INT)::DOUBLE FROM {table}")
        assert 0.02 < float(str(share)) < 0.06


def test_corrections_are_second_versions_recorded_later(middling_world: Path) -> None:
    sql = """SELECT count(*)::INT, bool_and(a.amount <> b.amount OR a.amount < 1000),
        bool_and(b.recorded_at > greatest(a.ordered_at, a.recorded_at))
        FROM orders a JOIN orders b USING (order_id) WHERE a.recorded_at IS NULL AND b.recorded_at IS NOT NULL"""
    ((count, differ, later),) = rows(middling_world, sql)
    assert int(str(count)) > 500
    assert (differ, later) == (True, True)
    moved = "SELECT count(*)::INT FROM fulfilments GROUP BY fulfilment_id HAVING count(*) = 2 AND min(delivered_at) < max(delivered_at)"
    assert len(rows(middling_world, moved)) > 500


def test_stress_shows_before_the_default(middling_world: Path) -> None:
    """Late buyers, late deliveries and cancellations all rise with the true PD: the drivers are visible to who looks."""
    sql = """WITH risk AS (SELECT supplier_id, ntile(3) OVER (ORDER BY true_pd) AS third FROM true_pd
            WHERE as_of = DATE '2025-01-01' AND true_pd < 0.999),
        seen AS (SELECT third, avg((cancelled_at IS NOT NULL)::INT) AS cancelled FROM orders JOIN risk USING (supplier_id)
            WHERE ordered_at BETWEEN DATE '2024-01-01' AND DATE '2025-01-01' GROUP BY 1),
        paid AS (SELECT third, avg(datediff('day', due_at, paid_at)) AS days FROM invoices JOIN risk USING (supplier_id)
            WHERE paid_at BETWEEN DATE '2024-01-01' AND DATE '2025-01-01' GROUP BY 1)
        SELECT cancelled, days FROM seen JOIN paid USING (third) ORDER BY third"""
    for column in zip(*rows(middling_world, sql), strict=True):
        assert all(float(str(a)) < float(str(b)) for a, b in pairwise(column))
