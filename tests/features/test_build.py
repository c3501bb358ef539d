from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from credit.errors import OutOfRange, UnknownSupplier
from features.build import FeatureMatrix, build_features, month_starts, write_parquet
from features.catalog import CATALOG
from features.ledger import Ledger, build_ledger
from tests.drawn import AS_OF, draw

YESTERDAY = AS_OF - timedelta(days=1)


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return build_ledger(
        draw(
            {
                "suppliers": """
                    supplier_id | joined_at | registered_on
                    S           | -400      |
                    New         | -1        | -900
                    Tomorrow    | 0         | -900
                    Registered  |           | -900
                """,
                "orders": """
                order_id | supplier_id | buyer_id | ordered_at | amount
                a        | S           | Li       | -40        | 100
                b        | S           | Li       | -39        | 100.55
                c        | New         | Li       | -1         | 7
                d        | Tomorrow    | Li       | 0          | 7
            """,
                "fulfilments": "fulfilment_id | order_id | supplier_id",
            }
        )
    )


def row_keys(matrix: FeatureMatrix) -> list[tuple[str, date]]:
    return list(zip(matrix.supplier_ids.tolist(), matrix.as_of.tolist(), strict=True))


def test_a_row_stands_for_each_supplier_known_before_each_date_by_supplier_then_date(ledger: Ledger) -> None:
    matrix = build_features(ledger, [AS_OF, YESTERDAY])
    assert row_keys(matrix) == [("New", AS_OF), ("S", YESTERDAY), ("S", AS_OF)]
    assert matrix.values.shape == (3, len(CATALOG))
    assert matrix.names == tuple(feature.name for feature in CATALOG)


def test_a_registration_alone_does_not_make_a_supplier_known(ledger: Ledger) -> None:
    suppliers = {supplier for supplier, _ in row_keys(build_features(ledger, [AS_OF + timedelta(days=900)]))}
    assert suppliers == {"S", "New", "Tomorrow"}


def test_dates_given_twice_or_out_of_order_are_given_once_and_in_order(ledger: Ledger) -> None:
    one = build_features(ledger, [AS_OF, YESTERDAY, AS_OF])
    other = build_features(ledger, [YESTERDAY, AS_OF])
    assert row_keys(one) == row_keys(other)
    assert one.values.tobytes() == other.values.tobytes()


def test_suppliers_named_twice_or_out_of_order_are_given_once_and_in_order(ledger: Ledger) -> None:
    matrix = build_features(ledger, [AS_OF], ["S", "New", "S"])
    assert row_keys(matrix) == [("New", AS_OF), ("S", AS_OF)]


def test_nobody_asked_for_is_no_row(ledger: Ledger) -> None:
    matrix = build_features(ledger, [AS_OF], [])
    assert matrix.values.shape == (0, len(CATALOG))
    assert len(matrix.supplier_ids) == len(matrix.as_of) == 0


def test_a_date_before_anything_was_known_gives_no_row(ledger: Ledger) -> None:
    matrix = build_features(ledger, [date(1980, 1, 1)])
    assert matrix.values.shape == (0, len(CATALOG))
    assert matrix.as_of.dtype == np.dtype("datetime64[D]")


def test_no_date_is_refused(ledger: Ledger) -> None:
    with pytest.raises(OutOfRange, match="no as-of date"):
        build_features(ledger, [])


def test_an_unknown_supplier_is_refused_by_name(ledger: Ledger) -> None:
    with pytest.raises(UnknownSupplier, match="'Nobody' does not stand in the ledger"):
        build_features(ledger, [AS_OF], ["S", "Nobody"])


@pytest.mark.parametrize("name", ["Tomorrow", "Registered"])
def test_a_named_supplier_not_known_yet_is_refused(ledger: Ledger, name: str) -> None:
    with pytest.raises(UnknownSupplier, match=f"'{name}' was not yet known at 2026-01-01"):
        build_features(ledger, [AS_OF], ["S", name])


def test_the_refusal_names_the_date_at_which_the_supplier_was_unknown(ledger: Ledger) -> None:
    with pytest.raises(UnknownSupplier, match="'New' was not yet known at 2025-12-31"):
        build_features(ledger, [AS_OF, YESTERDAY], ["New"])


def test_only_the_features_asked_for_are_computed(ledger: Ledger) -> None:
    two = (CATALOG[0], CATALOG[2])
    matrix = build_features(ledger, [AS_OF], ["S"], features=two)
    assert matrix.names == (two[0].name, two[1].name)
    assert matrix.values.tolist() == [[400.0, 0.0]]


CORRECTED = {
    "suppliers": "supplier_id | joined_at\nS | -400\nLate | -2",
    "orders": """
        order_id | supplier_id | buyer_id | ordered_at | amount | recorded_at
        a        | S           | Li       | -40        | 100    |
        a        | S           | Li       | -40        | 70     | 5
        b        | S           | Wang     | -20        | 10     | -3
        c        | S           | Zhao     | -10        | 1      | 9
        d        | S           | Zhao     | 2          | 5000   |
    """,
}


@pytest.mark.parametrize(
    ("known", "amount"),
    [(-41, 0.0), (-40, 0.0), (-39, 100.0), (-3, 100.0), (-2, 110.0), (0, 110.0), (5, 110.0), (6, 80.0), (9, 80.0), (10, 81.0), (99, 81.0)],
)
def test_a_date_can_be_seen_as_it_was_known_on_another_day(known: int, amount: float) -> None:
    ledger = build_ledger(draw(CORRECTED))
    chosen = tuple(feature for feature in CATALOG if feature.name == "orders_amount_sum_90d")
    matrix = build_features(ledger, [AS_OF], ["S"], features=chosen, as_known_at=AS_OF + timedelta(days=known))
    assert matrix.values.tolist() == [[amount]]


def test_as_known_on_the_date_itself_is_the_plain_answer() -> None:
    ledger = build_ledger(draw(CORRECTED))
    plain, known = build_features(ledger, [AS_OF]), build_features(ledger, [AS_OF], as_known_at=AS_OF)
    assert row_keys(plain) == row_keys(known)
    assert plain.values.tobytes() == known.values.tobytes()


def test_before_a_supplier_was_known_there_is_no_row_of_it_as_known_then() -> None:
    ledger = build_ledger(draw(CORRECTED))
    assert row_keys(build_features(ledger, [AS_OF], as_known_at=AS_OF - timedelta(days=2))) == [("S", AS_OF)]
    with pytest.raises(UnknownSupplier, match="'Late' was not yet known at 2025-12-30"):
        build_features(ledger, [AS_OF], ["Late"], as_known_at=AS_OF - timedelta(days=2))
    later = build_features(ledger, [AS_OF - timedelta(days=2), AS_OF], as_known_at=AS_OF + timedelta(days=90))
    assert ("Late", AS_OF) in row_keys(later)
    assert ("Late", AS_OF - timedelta(days=2)) not in row_keys(later), "what became known later does not make it known then"


def test_no_value_is_infinite(ledger: Ledger) -> None:
    assert not np.isinf(build_features(ledger, [AS_OF]).values).any()


def test_a_saved_matrix_holds_a_row_per_supplier_and_date_and_missing_as_null(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "it's features.parquet"
    build_features(ledger, [AS_OF, YESTERDAY], ["S"]).save(file)
    with duckdb.connect() as con:
        source = "'" + str(file).replace("'", "''") + "'"
        kinds = dict(row[:2] for row in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall())
        rows = con.execute(
            f"SELECT supplier_id, as_of, orders_amount_sum_90d, supplier_age_days_all, invoices_late_ratio_90d FROM {source}"
        ).fetchall()
    assert list(kinds) == ["supplier_id", "as_of", *(feature.name for feature in CATALOG)]
    assert (kinds["supplier_id"], kinds["as_of"], kinds["orders_count_30d"]) == ("VARCHAR", "DATE", "DOUBLE")
    assert rows == [("S", YESTERDAY, 200.55, None, None), ("S", AS_OF, 200.55, None, None)]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_an_empty_matrix_can_be_saved(ledger: Ledger, tmp_path: Path) -> None:
    build_features(ledger, [date(1980, 1, 1)]).save(tmp_path / "empty.parquet")
    with duckdb.connect() as con:
        assert con.execute(f"SELECT count(*) FROM '{tmp_path / 'empty.parquet'}'").fetchall() == [(0,)]


def test_a_write_that_fails_leaves_the_older_file(tmp_path: Path) -> None:
    file = tmp_path / "out.parquet"
    write_parquet({"a": np.array([1, 2])}, file)
    before = file.read_bytes()
    with pytest.raises(duckdb.Error):
        write_parquet({"a": np.array([1, 2])}, file, select="no_such_column")
    assert file.read_bytes() == before


def test_months_must_be_given_in_order_of_time() -> None:
    with pytest.raises(OutOfRange, match="give them in order of time"):
        month_starts(date(2026, 1, 1), date(2025, 12, 31))


def test_month_starts_include_both_ends() -> None:
    assert month_starts(date(2025, 11, 1), date(2026, 1, 1)) == [date(2025, 11, 1), date(2025, 12, 1), date(2026, 1, 1)]
    assert month_starts(date(2025, 11, 2), date(2025, 11, 30)) == []
