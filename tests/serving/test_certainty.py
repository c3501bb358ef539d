"""How sure is a score? Interval, sufficiency and standing, from the ledger to the answer and the page; and what a thin file gets."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from credit.abstention import Ground, Stance
from credit.sufficiency import Record
from features.build import build_features
from features.ledger import Ledger, build_ledger
from features.on_record import ON_RECORD
from features.read import read_tables
from features.simulate import simulate
from serving.assess import Assessment, assess, assess_row
from serving.explain import warnings_of
from serving.http.languages import Language
from tests.drawn import AS_OF, draw
from tests.serving.client import Client
from tests.serving.test_scores import ask
from training.bundle import ScoringBundle
from training.intervals import DAYS, ORDERS

PLENTY = (12.0, 120.0, 110.0, 45.0)


@pytest.fixture
def found(bundle: ScoringBundle, ledger: Ledger, supplier: str) -> Assessment:
    return assess(bundle, ledger, supplier, ledger.latest_as_of)


def thin_row(bundle: ScoringBundle, found: Assessment, orders: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    row = np.array(found.values)
    row[bundle.names.index(ORDERS)] = orders
    row[bundle.names.index(DAYS)] = 400.0
    return row


def test_every_supplier_is_assessed_with_its_certainty(bundle: ScoringBundle, ledger: Ledger) -> None:
    assert bundle.intervals is not None
    for supplier in ledger.supplier_ids:
        found = assess(bundle, ledger, str(supplier), ledger.latest_as_of)
        assert found.interval == bundle.intervals.around(found.score.pd, found.values)
        assert found.interval.low <= found.score.pd <= found.interval.high
        assert found.sufficiency is not None
        assert found.standing is not None
        assert (found.standing.ground is Ground.THIN_FILE) == bundle.intervals.is_thin(found.values)
        assert found.standing.stance is Stance.ABSTAIN or found.standing.recommendation == (
            "approve" if found.score.pd <= 0.08 else "decline"
        )


def test_what_is_on_record_is_counted_from_the_ledger(bundle: ScoringBundle, ledger: Ledger, supplier: str, found: Assessment) -> None:
    counts = build_features(ledger, [ledger.latest_as_of], [supplier], features=ON_RECORD).values[0].tolist()
    months, orders, deliveries, reviews = counts
    assert bundle.sufficiency is not None
    assert found.sufficiency is not None
    known = bundle.sufficiency.known_share(found.values)
    record = Record(months=months, orders=orders, deliveries=deliveries, reviews=reviews, tables=1.0, known=known)
    assert record.orders >= record.months >= 1
    assert found.sufficiency.index == bundle.sufficiency.policy.index(record)


def test_what_is_on_record_is_worked_out_by_hand() -> None:
    tables = draw(
        {
            "suppliers": "supplier_id | joined_at\nS | -700",
            "orders": """
                order_id | supplier_id | buyer_id | ordered_at | amount | promised_at
                a        | S           | Li       | -2         | 100    | 9
                b        | S           | Li       | -5         | 100    | -1
                c        | S           | Wang     | -100       | 100    | -90
                d        | S           | Wang     | -400       | 100    | -390
            """,
            "fulfilments": """
                fulfilment_id | order_id | supplier_id | delivered_at
                f             | b        | S           | -1
                g             | c        | S           | -90
            """,
        }
    )
    values = build_features(build_ledger(tables), [AS_OF], ["S"], features=ON_RECORD).values[0]
    assert np.nan_to_num(values).tolist() == [2.0, 3.0, 2.0, 0.0]


def test_a_thin_file_keeps_its_score_and_is_referred_with_the_pool_in_a_wide_interval(
    bundle: ScoringBundle, ledger: Ledger, found: Assessment
) -> None:
    assert bundle.intervals is not None
    row = thin_row(bundle, found, 3.0)
    thin = assess_row(bundle, found.score.supplier_id, found.score.as_of, row, counts=PLENTY, tables=1.0)
    usual = assess_row(bundle, found.score.supplier_id, found.score.as_of, thin_row(bundle, found, 30.0), counts=PLENTY, tables=1.0)
    assert thin.score == bundle.score_of(found.score.supplier_id, found.score.as_of, row)
    assert abs(thin.score.added_up - thin.score.points) == 0.0
    assert thin.interval is not None
    assert usual.interval is not None
    assert thin.interval.low <= bundle.intervals.pool_pd <= thin.interval.high
    assert thin.interval.high - thin.interval.low > usual.interval.high - usual.interval.low
    assert thin.sufficiency is not None
    assert usual.sufficiency is not None
    assert (thin.sufficiency.grade, usual.sufficiency.grade) == ("C", "A")
    assert thin.standing is not None
    assert (thin.standing.recommendation, thin.standing.ground) == ("refer", Ground.THIN_FILE)
    for language, word in ((Language.EN, "too little history"), (Language.ZH_CN, "历史记录过少")):
        first = warnings_of(bundle, ledger, thin, language)[0]
        assert first.code == "thin_file"
        assert word in first.text


def test_a_newcomer_is_assessed_end_to_end(bundle: ScoringBundle, tmp_path: Path) -> None:
    """A supplier a fortnight after it joined, from a simulated platform's own tables."""
    simulate(tmp_path / "tables", suppliers=60, months=24, seed=20261121)
    tables, _ = read_tables(tmp_path / "tables")
    rows = tables.con.execute("SELECT supplier_id, CAST(joined_at AS DATE) FROM suppliers ORDER BY joined_at DESC LIMIT 1").fetchall()
    newest, joined = rows[0]
    young = build_ledger(tables)
    found = assess(bundle, young, newest, joined + timedelta(days=14))
    assert found.standing is not None
    assert found.standing.ground is Ground.THIN_FILE
    assert found.sufficiency is not None
    assert found.sufficiency.grade == "C"
    assert found.sufficiency.index < 0.5
    assert found.interval is not None
    assert found.interval.high > 2 * found.interval.low


def test_absent_tables_lower_the_sufficiency(bundle: ScoringBundle, ledger: Ledger, supplier: str, found: Assessment) -> None:
    fewer = assess(bundle, replace(ledger, present=ledger.present - {"invoices", "purchases"}), supplier, ledger.latest_as_of)
    assert found.sufficiency is not None
    assert fewer.sufficiency is not None
    assert fewer.sufficiency.index < found.sufficiency.index


def test_an_abstention_is_said_in_the_answer_and_on_the_page(
    client: Client, browser: Client, bundle: ScoringBundle, ledger: Ledger
) -> None:
    standings = {str(s): assess(bundle, ledger, str(s), ledger.latest_as_of).standing for s in ledger.supplier_ids}
    for supplier, standing in standings.items():
        assert standing is not None
        codes = [notice["code"] for notice in ask(client, supplier).json()["warnings"]]
        assert (standing.ground.value in codes) == (standing.stance is Stance.ABSTAIN)
    assert {standing.stance for standing in standings.values() if standing} == set(Stance)


def test_a_bundle_without_intervals_leaves_them_unsaid(bundle: ScoringBundle, ledger: Ledger, supplier: str) -> None:
    plain = replace(bundle, intervals=None, sufficiency=None)
    found = assess(plain, ledger, supplier, ledger.latest_as_of)
    assert (found.interval, found.standing, found.sufficiency) == (None, None, None)
