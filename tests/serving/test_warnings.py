"""What a reader must know besides the score: each warning comes when it is true, with the points it speaks of."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from markupsafe import escape

from features.ledger import Ledger
from features.tables import CONTRACT
from serving.assess import Assessment, assess, assess_row, scored_features
from serving.explain import ACTIVE_DAYS, LAST_ORDER, moved_points, warnings_of
from serving.http.languages import Language, words
from tests.serving.client import Client
from training.bundle import ScoringBundle


@pytest.fixture
def found(bundle: ScoringBundle, ledger: Ledger, supplier: str) -> Assessment:
    return assess(bundle, ledger, supplier, ledger.latest_as_of)


def with_values(bundle: ScoringBundle, found: Assessment, values: Mapping[str, float]) -> Assessment:
    """The same supplier with other values, scored again."""
    row = np.array([values.get(name, value) for name, value in zip(bundle.names, found.values, strict=True)])
    return assess_row(bundle, found.score.supplier_id, found.score.as_of, row, counts=(12.0, 90.0, 80.0, 30.0), tables=1.0)


def with_points(found: Assessment, points: Mapping[str, float], *, missing: bool) -> Assessment:
    """The same supplier with the points of some features set by hand."""
    parts = tuple(
        part._replace(points=points[part.feature], value=None if missing else part.value) if part.feature in points else part
        for part in found.score.contributions
    )
    return replace(found, score=replace(found.score, contributions=parts))


def texts(bundle: ScoringBundle, ledger: Ledger, found: Assessment, language: Language = Language.EN) -> dict[str, str]:
    return {notice.code: notice.text for notice in warnings_of(bundle, ledger, found, language)}


def test_absent_tables_say_what_they_did_to_the_score(bundle: ScoringBundle, ledger: Ledger, found: Assessment) -> None:
    absent = replace(ledger, present=ledger.present - {"purchases", "invoices"})
    resting = [feature.name for feature in scored_features(bundle.names) if feature.tables & {"purchases", "invoices"}]
    reference = dict(zip(bundle.names, bundle.reference.contributions, strict=True))
    moved = {name: reference[name] for name in resting} | {resting[0]: reference[resting[0]] - 24.04}
    shown = with_points(found, moved, missing=True)
    assert texts(bundle, absent, shown)["tables_missing"] == (
        "The platform handed over no invoices and no purchases; this moved the score by -24.0 points against the reference."
    )
    chinese = texts(bundle, absent, shown, Language.ZH_CN)["tables_missing"]
    assert "-24.0 分" in chinese
    assert "“采购”" in chinese
    assert "values_missing" not in texts(bundle, absent, shown)
    assert "tables_missing" not in texts(bundle, ledger, shown)


def test_absent_values_are_said_from_five_points_on_either_side(bundle: ScoringBundle, ledger: Ledger, found: Assessment) -> None:
    reference = dict(zip(bundle.names, bundle.reference.contributions, strict=True))
    whole = with_points(found, {}, missing=False)
    known = replace(
        whole, score=replace(whole.score, contributions=tuple(part._replace(value=part.value or 0.0) for part in whole.score.contributions))
    )
    two = bundle.names[-2:]
    for moved, together in ((-3.0, "-6.0"), (2.5, "+5.0")):
        shown = with_points(known, {name: reference[name] + moved for name in two}, missing=True)
        assert f": 2. Together they moved the score by {together} points" in texts(bundle, ledger, shown)["values_missing"]
        chinese = texts(bundle, ledger, shown, Language.ZH_CN)["values_missing"]
        assert "2 项特征" in chinese
        assert f"{together} 分" in chinese
    for moved in (2.4, -2.4, 0.0):
        shown = with_points(known, {name: reference[name] + moved for name in two}, missing=True)
        assert "values_missing" not in texts(bundle, ledger, shown)


def test_points_moved_add_up_to_the_whole_difference(bundle: ScoringBundle, found: Assessment) -> None:
    everywhere = moved_points(bundle, found, range(len(bundle.names)))
    expected = found.score.points - found.score.base_points - sum(bundle.reference.contributions)
    assert everywhere == pytest.approx(expected, abs=1e-9)
    assert moved_points(bundle, found, []) == 0.0


def test_a_supplier_without_orders_for_long_is_not_active(bundle: ScoringBundle, ledger: Ledger, found: Assessment) -> None:
    assert "not_active" not in texts(bundle, ledger, with_values(bundle, found, {LAST_ORDER: float(ACTIVE_DAYS)}))
    late = with_values(bundle, found, {LAST_ORDER: 1181.0})
    assert "no order for 1,181 days" in texts(bundle, ledger, late)["not_active"]
    assert "1,181 天" in texts(bundle, ledger, late, Language.ZH_CN)["not_active"]
    never = with_values(bundle, found, {LAST_ORDER: float("nan")})
    assert texts(bundle, ledger, never)["not_active"] == "No order of the supplier is known; the score says little."


def test_a_bundle_that_does_not_look_at_orders_says_nothing_of_them(bundle: ScoringBundle, ledger: Ledger, found: Assessment) -> None:
    place = bundle.names.index(LAST_ORDER)
    kept = [i for i in range(len(bundle.names)) if i != place]
    reference = replace(bundle.reference, contributions=tuple(bundle.reference.contributions[i] for i in kept))
    smaller = replace(bundle, names=tuple(bundle.names[i] for i in kept), reference=reference)
    parts = tuple(found.score.contributions[i] for i in kept)
    assert "not_active" not in texts(smaller, ledger, replace(found, score=replace(found.score, contributions=parts)))


def test_nothing_known_is_told_in_full(bundle: ScoringBundle, ledger: Ledger, found: Assessment) -> None:
    nothing = with_values(bundle, found, dict.fromkeys(bundle.names, float("nan")))
    assert {"few_values", "not_active"} <= texts(bundle, ledger, nothing).keys()


def test_every_table_of_the_contract_can_be_missing_in_words() -> None:
    for language in Language:
        assert {f"missing.{name}" for name in CONTRACT} <= words(language).keys()
    assert words(Language.EN).listing(["no a", "no b", "no c"]) == "no a, no b, and no c"


def test_points_next_to_nothing_have_no_sign() -> None:
    assert [words(Language.EN).points(value) for value in (-0.04, 0.04, -0.06, 12.34)] == ["0.0", "0.0", "-0.1", "+12.3"]


def test_the_page_says_it_too(client: Client, browser: Client, key: str, supplier: str) -> None:
    browser.post("/login", data={"key": key})
    for lang, heading in (("en", "What to know about this score"), ("zh", "使用本分数须知")):
        page = browser.get(f"/report/{supplier}?as_of=2026-03-01&lang={lang}").text
        assert heading in page
        told = words(Language.EN if lang == "en" else Language.ZH_CN).text("warning.as_of_within_training")
        assert str(escape(told)) in page
