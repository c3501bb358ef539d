"""The parts of the report: two years of points, peers, certificates, advice in few lines, who looked, and the page of a number's rows."""

import re
from collections import defaultdict
from datetime import date, timedelta

import pytest
from fastapi import FastAPI

from credit.reason import shown_en, shown_zh
from features.catalog_words import FAMILIES
from features.columns import Tier
from features.feature import Family
from features.ledger import Ledger, build_ledger
from serving.access.tiers import report_within
from serving.advice.advise import NumberMove, Step
from serving.assess import assess
from serving.http.languages import Language
from serving.report import peers as peers_
from serving.report.build import build_report
from serving.report.certificates import Certificate, Validity, certificates_of
from serving.report.chart import HEIGHT, WIDTH, trend_chart
from serving.report.page import quantities, report_html
from serving.report.peers import Peers
from serving.report.trend import LEAST_MOVE, TrendPoint, trend_dates, trend_of
from serving.store import Store
from tests.drawn import AS_OF, draw
from tests.features.test_evidence import WORK
from tests.serving.client import Client
from tests.serving.conftest import bank_with_consents
from training.bundle import ScoringBundle


def test_every_point_of_the_trend_is_the_score_of_that_day(bundle: ScoringBundle, ledger: Ledger) -> None:
    for supplier in map(str, ledger.supplier_ids[:6]):
        found = trend_of(bundle, ledger, assess(bundle, ledger, supplier, ledger.latest_as_of))
        assert found[-1].as_of == ledger.latest_as_of
        before = None
        for month in found:
            score = assess(bundle, ledger, supplier, month.as_of).score
            assert month.points == round(score.points)
            by_family: dict[str, float] = defaultdict(float)
            for part, entry in zip(score.contributions, bundle.catalog, strict=True):
                by_family[str(entry["family"])] += part.points
            if before is None:
                assert (month.change, month.movers) == (None, ())
            else:
                assert month.change == month.points - before[0]
                moves = {FAMILIES[Family(family)]: by_family[family] - before[1][family] for family in by_family}
                expected = [move for move in sorted(moves.values(), key=abs, reverse=True)[:2] if abs(move) >= LEAST_MOVE]
                assert [mover.points for mover in month.movers] == pytest.approx(expected)
                assert all(moves[mover.label] == pytest.approx(mover.points) for mover in month.movers)
            before = month.points, by_family


def test_a_trend_begins_when_the_supplier_was_known(bundle: ScoringBundle, ledger: Ledger) -> None:
    lengths = set()
    for place, supplier in enumerate(map(str, ledger.supplier_ids)):
        found = trend_of(bundle, ledger, assess(bundle, ledger, supplier, ledger.latest_as_of))
        known = date(1970, 1, 1) + timedelta(days=int(ledger.known_from[place]))
        assert found[0].as_of > known
        assert len(found) <= len(trend_dates(ledger.latest_as_of)) + 1
        lengths.add(len(found))
    assert len(lengths) > 1


def test_the_chart_holds_every_point_and_a_calm_score_stays_calm() -> None:
    months = tuple(TrendPoint(date(2025, month, 1), 600 + month % 2, None, ()) for month in range(1, 13))
    chart = trend_chart(months, ())
    assert len(chart.dots) == 12
    assert all(0 < dot.x < WIDTH and 0 < dot.y < HEIGHT for dot in chart.dots)
    assert max(dot.y for dot in chart.dots) - min(dot.y for dot in chart.dots) < HEIGHT / 20
    assert [dot.points for dot in chart.dots] == [each.points for each in months]


def test_peers_are_others_and_a_share_of_them(bundle: ScoringBundle, ledger: Ledger) -> None:
    peers = Peers(bundle, ledger)
    supplier = str(ledger.supplier_ids[3])
    everyone = len(peers.on(ledger.latest_as_of).suppliers)
    best, worst = (peers.standing(supplier, points, ledger.latest_as_of) for points in (9_999.0, -9_999.0))
    assert best is not None
    assert worst is not None
    assert (best.below, worst.below) == (1.0, 0.0)
    assert 20 <= best.count < everyone
    assert peers.on(ledger.latest_as_of) is peers.on(ledger.latest_as_of)


def test_of_a_large_platform_an_even_part_is_scored(bundle: ScoringBundle, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Peers(bundle, ledger).on(ledger.latest_as_of)
    monkeypatch.setattr(peers_, "MOST_SUPPLIERS", 40)
    monkeypatch.setattr(peers_, "SAMPLE", 25)
    peers = Peers(bundle, ledger)
    part = peers.on(ledger.latest_as_of)
    assert len(part.suppliers) == 25
    points = dict(zip(whole.suppliers.tolist(), whole.points.tolist(), strict=True))
    assert [points[name] for name in part.suppliers.tolist()] == part.points.tolist()
    for supplier in map(str, ledger.supplier_ids[:4]):
        found = peers.standing(supplier, points[supplier], ledger.latest_as_of)
        assert found is not None
        assert found.count >= 20


def test_certificates_stand_with_their_expiry_as_last_told() -> None:
    found = {held.kind: held for held in certificates_of(build_ledger(draw(WORK)), "S", AS_OF)}
    issued = AS_OF - timedelta(days=400)
    assert found["iso_9001"] == Certificate("iso_9001", issued, AS_OF + timedelta(days=20), None, Validity.EXPIRING)
    assert found["site_audit"] == Certificate("site_audit", issued, AS_OF + timedelta(days=200), None, Validity.VALID)
    before = {held.kind: held for held in certificates_of(build_ledger(draw(WORK)), "S", AS_OF - timedelta(days=500))}
    assert (list(before), before["iso_9001"].issued_on) == (["iso_9001"], AS_OF - timedelta(days=900))


def test_numbers_of_one_quantity_stand_in_one_line() -> None:
    def move(window: int, today: float, *, is_shown: bool = True) -> NumberMove:
        label = (f"近 {window} 天迟交比例", f"Share of deliveries later than promised, last {window} days")
        return NumberMove(f"fulfilment_late_ratio_{window}d", label, "ratio", today, 0.1, is_shown)

    count = NumberMove("fulfilment_overdue_count_all", ("当前逾期未交订单数", "Orders overdue"), "count", 4.0, 1.0, True)
    step = Step("lateness", ("按时", "On time"), 1.0, (move(90, 0.3), move(30, 0.4), move(365, 0.2, is_shown=False), count))
    told = [(each.label, each.today, each.reach) for each in quantities(step, shown_zh, in_chinese=True)]
    assert told == [("迟交比例（近 30–90 天）", "30.0%–40.0%", "10.0%"), ("当前逾期未交订单数", "4", "1")]
    assert quantities(step, shown_en, in_chinese=False)[0].label == "Share of deliveries later than promised (last 30–90 days)"


def test_a_lower_tier_sees_the_same_points_and_no_number_above_it(bundle: ScoringBundle, ledger: Ledger, supplier: str) -> None:
    whole = build_report(bundle, ledger, assess(bundle, ledger, supplier, ledger.latest_as_of), others=(bundle,))
    seen = report_within(whole, Tier.OPEN, bundle)
    assert (seen.points, seen.trend, seen.bands) == (whole.points, whole.trend, whole.bands)
    assert (seen.peers, seen.certificates, seen.profile.name) == (None, None, None)
    assert seen.advice is not None
    plans = [*seen.advice.plans, *([seen.advice.nearest] if seen.advice.nearest else [])]
    assert not any(number.is_shown for plan in plans for step in plan.steps for number in step.numbers)


def test_the_page_tells_whether_other_models_agree(bundle: ScoringBundle, ledger: Ledger) -> None:
    told = 0
    for supplier in map(str, ledger.supplier_ids[:15]):
        report = build_report(bundle, ledger, assess(bundle, ledger, supplier, ledger.latest_as_of), others=(bundle,))
        text = report_html(report, Language.EN, warnings=[], looks=None, addresses=None)
        told += text.count(f"Version {bundle.version} of the scoring comes to it as well")
        assert "does not come to it" not in text
    assert told


def test_the_supplier_sees_which_bank_looked_and_the_bank_its_own_looks(
    app: FastAPI, owner: Store, ledger: Ledger, supplier: str, supplier_key: str
) -> None:
    names = ("Looking <b>bank</b>", "Another bank")
    for name in names:
        browser = Client(app, Accept="text/html")
        browser.post("/login", data={"key": bank_with_consents(owner, ledger, name)})
        assert browser.get(f"/report/{supplier}?lang=en").status_code == 200
    own = browser.get(f"/report/{supplier}?lang=en").text
    assert "Another bank" in own
    assert "Looking" not in own
    login = Client(app, Accept="text/html")
    login.post("/login", data={"key": supplier_key})
    text = login.get(f"/report/{supplier}?lang=en").text
    assert "Looking &lt;b&gt;bank&lt;/b&gt;" in text
    assert "Another bank" in text
    assert "the supplier itself" in text


def rows_of(text: str) -> int:
    return sum(part.count("<tr>") - 1 for part in re.findall(r'<table class="evidence".*?</table>', text, re.S))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_rows_behind_every_number_have_a_page(browser: Client, key: str, bundle: ScoringBundle, supplier: str, lang: str) -> None:
    browser.post("/login", data={"key": key})
    for feature in bundle.names:
        address = f"/evidence/{feature}/{supplier}?lang={lang}"
        text, seen = browser.get(address).text, 0
        while True:
            seen += rows_of(text)
            following = re.search(r'href="([^"]+&amp;after=\d+)"', text)
            if following is None:
                break
            text = browser.get(following[1].replace("&amp;", "&")).text
        totals = re.findall(r"(?:共|of) ([\d,]+)", text[text.rindex("</section>") :])
        assert seen == (int(totals[-1].replace(",", "")) if totals else 0), feature


def test_the_report_leads_to_the_rows(browser: Client, key: str, ledger: Ledger) -> None:
    browser.post("/login", data={"key": key})
    led = 0
    for supplier in map(str, ledger.supplier_ids[:5]):
        for address in re.findall(r'href="(/evidence/[^"]+)"', browser.get(f"/report/{supplier}?lang=en&as_of=2026-05-01").text):
            assert "as_of=2026-05-01" in address
            found = browser.get(address.replace("&amp;", "&"))
            assert found.status_code == 200
            assert "known before May 1, 2026" in found.text
            led += 1
    assert led > 4


@pytest.mark.parametrize(("path", "status"), [("no_such/{}", 404), ("orders_count_90d/nobody", 404), ("orders_count_90d/{}?after=-1", 422)])
def test_a_wrong_evidence_page_says_so(browser: Client, key: str, supplier: str, path: str, status: int) -> None:
    browser.post("/login", data={"key": key})
    assert browser.get("/evidence/" + path.format(supplier)).status_code == status


def test_rows_above_the_tier_have_no_page(app: FastAPI, owner: Store, ledger: Ledger, supplier: str) -> None:
    browser = Client(app, Accept="text/html", Accept_Language="en")
    browser.post("/login", data={"key": bank_with_consents(owner, ledger, "open pages", Tier.OPEN)})
    answer = browser.get(f"/evidence/orders_count_90d/{supplier}")
    assert answer.status_code == 403
    assert "beyond the consent" in answer.text
