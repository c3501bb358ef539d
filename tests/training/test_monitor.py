"""A released model is watched: drift, early defaults against PDs, performance before labels; one page and one document."""

import json
import re
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import numpy as np
import pytest

from credit.errors import NotEnoughHistory, OutOfRange
from credit.outcome import OutcomePolicy
from features.ledger import Ledger
from features.read import RawTables
from serving.shadow import score_both
from tests.training.loans import Loan, paid, unpaid
from tests.training.tables import raw_tables
from training.bundle import ScoringBundle
from training.drift import Alarm
from training.early_defaults import DefaultTiming, compare_vintages
from training.expected_performance import expect_performance, expected_auc
from training.measures import auc
from training.monitor import Monitoring, monitor
from training.monitor_page import render_monitoring
from training.pipeline import TrainResult

BOUNDS = {"alpha": 0.05, "alarm": 1.25, "watch": 0.8}


Watched = tuple[RawTables, Ledger, ScoringBundle]


@pytest.fixture(scope="module")
def watched(platform: tuple[Path, RawTables, Ledger], trained: TrainResult) -> Watched:
    _, tables, ledger = platform
    return tables, ledger, trained.bundle


@pytest.fixture(scope="module")
def found(watched: Watched) -> Monitoring:
    tables, ledger, bundle = watched
    return monitor(bundle, ledger, as_of=ledger.latest_as_of, tables=tables)


def test_every_part_is_measured_and_the_document_is_plain(found: Monitoring, watched: Watched) -> None:
    _, ledger, bundle = watched
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["bundle_sha256"] == bundle.content_hash
    assert document["population"] == "financed"
    assert len(found.features) == len(bundle.names)
    assert len(found.vintages) == 9
    assert all(ledger.latest_as_of - timedelta(days=365) < one.as_of <= ledger.latest_as_of - timedelta(days=90) for one in found.vintages)
    assert all(one.low <= one.observed <= one.high for one in found.vintages)
    shares = [one.share_by_now for one in found.vintages]
    assert shares == sorted(shares, reverse=True)
    assert found.matured is not None
    assert found.matured.as_of <= ledger.latest_as_of - timedelta(days=365)


def test_the_page_is_whole_in_both_languages_and_fetches_nothing(found: Monitoring) -> None:
    page = render_monitoring(found)
    opened: list[str] = []

    class Balanced(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in ("meta", "br"):
                opened.append(tag)

        def handle_startendtag(self, tag: str, attrs: object) -> None:
            pass

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    Balanced().feed(page)
    assert opened == []
    assert page.count("<svg") == page.count("<figure>") == 4
    assert "早期违约" in page
    assert "Early defaults" in page
    assert not re.search(r"https?://|<script|url\(", page)
    assert all(str(one.as_of) in page for one in found.vintages)


def test_a_ledger_alone_is_watched_without_outcomes(watched: Watched) -> None:
    _, ledger, bundle = watched
    alone = monitor(bundle, ledger, as_of=ledger.latest_as_of)
    assert alone.population == "all"
    assert alone.vintages == ()
    assert set(alone.why_not) == {"vintages", "matured"}
    assert "未测" in render_monitoring(alone)


def test_days_that_cannot_be_answered_for_are_refused(watched: Watched) -> None:
    tables, ledger, bundle = watched
    with pytest.raises(OutOfRange, match="up to"):
        monitor(bundle, ledger, as_of=ledger.latest_as_of + timedelta(days=1), tables=tables)
    with pytest.raises(NotEnoughHistory, match="two suppliers"):
        monitor(bundle, ledger, as_of=ledger.first_day, tables=tables)


def test_what_came_after_the_day_changes_nothing(watched: Watched) -> None:
    """The past is monitored the same when more has happened since."""
    tables, ledger, bundle = watched
    day = date(ledger.latest_as_of.year - 1, ledger.latest_as_of.month, 1)
    before = monitor(bundle, ledger, as_of=day, tables=tables).to_json()
    cursor = tables.con.cursor()
    cursor.execute("BEGIN")
    cursor.execute(f"DELETE FROM loans WHERE drawn_at >= TIMESTAMP '{day}'")
    cursor.execute(f"UPDATE repayments SET paid_at = NULL, amount_paid = NULL WHERE paid_at >= TIMESTAMP '{day}'")
    try:
        after = monitor(bundle, ledger, as_of=day, tables=_seen_through(tables, cursor)).to_json()
    finally:
        cursor.execute("ROLLBACK")
    assert after["vintages"] == before["vintages"]
    assert after == before


def _seen_through(tables: RawTables, cursor: duckdb.DuckDBPyConnection) -> RawTables:
    import dataclasses

    return dataclasses.replace(tables, con=cursor)


def test_expected_auc_is_the_mean_over_outcomes_drawn_from_the_pds() -> None:
    pd = np.random.default_rng(1).beta(1, 8, 300)
    generator = np.random.default_rng(2)
    drawn = [auc((generator.random(300) < pd).astype(float), pd) for _ in range(2000)]
    assert expected_auc(pd) == pytest.approx(np.mean(drawn), abs=0.004)
    found = expect_performance(pd, seed=3)
    assert found.auc_low < np.quantile(drawn, 0.1) < np.quantile(drawn, 0.9) < found.auc_high
    assert found.bad_rate == pytest.approx(pd.mean())
    assert expected_auc(np.full(10, 0.3)) == pytest.approx(0.5)


def test_defaults_are_counted_by_the_day_they_came() -> None:
    """Three suppliers drawn on one day: one misses the first instalment, one the last but one, one pays."""
    as_of, policy = date(2024, 1, 1), OutcomePolicy()
    due = [date(2024, month, 15) for month in (2, 5, 8)]
    loans = [
        Loan("a", "A", date(2023, 12, 1), due[-1], [unpaid(due[0]), unpaid(due[1]), unpaid(due[2])]),
        Loan("b", "B", date(2023, 12, 1), due[-1], [paid(due[0]), unpaid(due[1]), unpaid(due[2])]),
        Loan("c", "C", date(2023, 12, 1), due[-1], [paid(one) for one in due]),
    ]
    timing = DefaultTiming.of(raw_tables(loans), [as_of], policy, [100, 136, 240])
    # 90 days past 15 February is 15 May, 135 days after the as-of date; past 15 May it is 13 August, 225 days after.
    assert dict(timing.by_days) == {100: 0, 136: 1, 240: 2}
    assert (timing.in_window, timing.suppliers, timing.independent) == (2, 2, 1.0)


@pytest.mark.parametrize(("observed", "verdict"), [(30, Alarm.QUIET), (70, Alarm.ALARM), (8, Alarm.WATCH)])
def test_many_more_defaults_than_the_pds_say_are_an_alarm(observed: int, verdict: Alarm) -> None:
    timing = DefaultTiming({181: 300}, 600, 600)
    pd = np.full(1000, 0.06)
    (one,) = compare_vintages([(date(2026, 1, 1), pd, observed)], timing, as_of=date(2026, 7, 1), **BOUNDS)
    assert one.expected == pytest.approx(30.0)
    assert one.verdict is verdict


def test_few_suppliers_or_few_matured_defaults_raise_no_alarm() -> None:
    as_of, day = date(2026, 7, 1), date(2026, 1, 1)
    few = compare_vintages([(day, np.full(20, 0.06), 2)], DefaultTiming({181: 300}, 600, 600), as_of=as_of, **BOUNDS)
    unsure = compare_vintages([(day, np.full(1000, 0.06), 50)], DefaultTiming({181: 3}, 6, 6), as_of=as_of, **BOUNDS)
    assert few[0].observed > 1.25 * few[0].expected
    assert (few[0].verdict, unsure[0].verdict) == (Alarm.QUIET, Alarm.QUIET)


def test_calibrated_pds_raise_false_alarms_as_rarely_as_promised() -> None:
    generator = np.random.default_rng(9)
    alarms = 0
    for _ in range(300):
        pd = generator.beta(1, 15, 400)
        matured = int(generator.poisson(40))
        timing = DefaultTiming({181: int(generator.binomial(matured, 0.5))}, matured, matured)
        observed = int((generator.random(400) < 0.5 * pd).sum())
        (one,) = compare_vintages([(date(2026, 1, 1), pd, observed)], timing, as_of=date(2026, 7, 1), **BOUNDS)
        alarms += one.verdict is Alarm.ALARM
    assert alarms <= 0.05 * 300


def test_the_shadow_says_how_far_the_challenger_is(watched: Watched) -> None:
    _, ledger, bundle = watched
    same = score_both(bundle, bundle, ledger, ledger.latest_as_of).summary()
    assert same["grade_changed"] == 0
    assert same["points_difference"]["least"] == same["points_difference"]["most"] == 0.0
    assert same["rank_correlation"] == pytest.approx(1.0)
    assert sum(sum(row.values()) for row in same["migrations"].values()) == same["suppliers"]


def test_a_shadow_before_the_first_day_is_refused(watched: Watched) -> None:
    _, ledger, bundle = watched
    with pytest.raises(NotEnoughHistory, match=f"the first day of the data is {ledger.first_day}: ask for a later day"):
        score_both(bundle, bundle, ledger, date(2012, 1, 1))
