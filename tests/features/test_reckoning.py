"""The rows behind a number are all of it: the formula over them alone gives the number, to the last bit."""

import math
from datetime import date

import pytest

from credit.errors import OutOfRange, UnknownSupplier
from features.build import build_features
from features.catalog import CATALOG
from features.ledger import Ledger, build_ledger
from features.reckoning import Reckoning, Source, reckon
from tests.drawn import AS_OF, draw
from tests.features.test_evidence import TABLES, WORK, back


@pytest.fixture(scope="module", params=[TABLES, WORK], ids=["trade", "states"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    return build_ledger(draw(request.param))


@pytest.fixture(scope="module")
def trade() -> Ledger:
    return build_ledger(draw(TABLES))


def keys(found: Reckoning) -> list[tuple[str, str]]:
    return [(found.sources[each.source].kind, each.row.key) for each in found.rows]


@pytest.mark.parametrize("as_of", [AS_OF, back(2), back(30), back(61), back(365)], ids=str)
def test_the_rows_of_every_feature_give_its_number(ledger: Ledger, as_of: date) -> None:
    known, values = 0, build_features(ledger, [as_of], ["S"]).values[0].tolist()
    for feature, expected in zip(CATALOG, values, strict=True):
        found = reckon(ledger, feature.name, "S", as_of)
        if found.is_whole:
            assert found.value == expected or (math.isnan(found.value) and math.isnan(expected)), feature.name
            known += not math.isnan(expected)
        assert all(each.row.known_day < as_of for each in found.rows)
    assert known > 10


def test_the_sums_are_those_of_the_rows(ledger: Ledger) -> None:
    for feature in CATALOG:
        found = reckon(ledger, feature.name, "S", AS_OF)
        for each in found.sums:
            source = found.sources[each.source]
            names = [value.name for value in source.fact_kind.values]
            own = [r.row for r in found.rows if r.source == each.source and r.row.event_day < each.until]
            own = [row for row in own if each.first is None or row.event_day >= each.first]
            total = len(own) if each.column == "count" else sum(row.values[names.index(each.column)] for row in own)
            if each.column != "count" or source.closed_by is None:
                assert total == each.total, (feature.name, each)


def test_late_deliveries_stand_before_those_in_time_and_both_are_there(trade: Ledger) -> None:
    found = reckon(trade, "fulfilment_late_ratio_180d", "S", AS_OF)
    assert (found.sources, found.value) == ((Source("delivered"),), 1.0)
    assert [(each.column, each.first, each.until, each.total) for each in found.sums] == [
        ("late", back(180), AS_OF, 1),
        ("promised", back(180), AS_OF, 1),
    ]
    assert keys(found) == [("delivered", "small/1")]


def test_of_a_stock_what_is_left_and_of_a_window_what_is_in_it(trade: Ledger) -> None:
    found = reckon(trade, "invoices_overdue_ratio_90d", "S", AS_OF)
    assert found.sources == (Source("invoice_due", "invoice_closed"), Source("invoiced"))
    assert keys(found) == [
        ("invoice_due", "open"),
        ("invoice_due", "part"),
        ("invoiced", "open"),
        ("invoiced", "paid"),
        ("invoiced", "not_due"),
    ]
    assert [each.row.values[0] for each in found.rows] == [80000, 15000, 80000, 30000, 10000]
    assert found.value == 95000 / 120000


def test_of_a_last_day_the_last_row_alone(trade: Ledger) -> None:
    found = reckon(trade, "orders_last_age_all", "S", AS_OF)
    assert (keys(found), found.sums, found.value) == ([("order_placed", "small")], (), 20.0)


def test_what_rests_on_other_suppliers_rows_is_not_whole(trade: Ledger) -> None:
    found = reckon(trade, "network_core_share_365d", "S", AS_OF)
    assert (found.is_whole, math.isnan(found.value)) == (False, True)


@pytest.mark.parametrize(
    ("feature", "supplier", "refusal"), [("no_such", "S", OutOfRange), ("orders_count_90d", "nobody", UnknownSupplier)]
)
def test_what_is_not_there_is_refused(trade: Ledger, feature: str, supplier: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        reckon(trade, feature, supplier, AS_OF)
