import json
import re
from pathlib import Path

import numpy as np
import pytest

from features import catalog_page
from features.catalog import CATALOG, CATALOG_VERSION, Family, Feature, Unit, catalog_slice
from features.facts import KIND_INDEX, KINDS, WINDOWS, column_index
from features.tables import CONTRACT

PAGE = Path(__file__).parents[2] / "docs" / "features.md"
EACH = pytest.mark.parametrize("feature", CATALOG, ids=lambda feature: feature.name)


def test_the_catalogue_has_at_least_sixty_features_of_different_names() -> None:
    names = [feature.name for feature in CATALOG]
    assert len(names) >= 60
    assert len(set(names)) == len(names)


def test_every_family_and_every_unit_is_used() -> None:
    assert {feature.family for feature in CATALOG} == set(Family)
    assert {feature.unit for feature in CATALOG} == set(Unit)


@EACH
def test_a_name_says_source_quantity_and_window(feature: Feature) -> None:
    source = {"suppliers": "supplier", "fulfilments": "fulfilment"}.get(feature.source_table, feature.source_table)
    window = "all" if feature.window_days is None else f"{feature.window_days}d"
    assert re.fullmatch(rf"{source}_[a-z_]+_{window}", feature.name)
    assert feature.window_days in (None, *WINDOWS)
    assert feature.reason_code == feature.name.rpartition("_")[0].upper()


@EACH
def test_a_feature_rests_on_facts_of_known_kinds_and_tables(feature: Feature) -> None:
    assert feature.kinds
    assert set(feature.kinds) <= set(KIND_INDEX)
    assert feature.source_table in feature.tables <= set(CONTRACT)
    assert not feature.tables & {"loans", "repayments", "labels"}, "outcomes are no features"


@EACH
def test_a_direction_and_a_text_in_both_languages_are_declared(feature: Feature) -> None:
    assert feature.direction in (-1, 0, 1)
    assert re.search(r"[\u4e00-\u9fff]", feature.zh)
    assert not re.search(r"[\u4e00-\u9fff]", feature.en)
    if feature.window_days is not None:
        assert feature.zh.startswith(f"近 {feature.window_days} 天")
        assert feature.en.endswith(f"last {feature.window_days} days")


def test_no_two_features_are_told_by_the_same_words() -> None:
    for words in ([feature.zh for feature in CATALOG], [feature.en for feature in CATALOG]):
        assert len(set(words)) == len(words)


def test_features_of_one_reason_code_agree_in_family_unit_and_direction() -> None:
    by_code: dict[str, set[tuple[object, ...]]] = {}
    for feature in CATALOG:
        by_code.setdefault(feature.reason_code, set()).add((feature.family, feature.unit, feature.direction, feature.actionable))
    assert {code: found for code, found in by_code.items() if len(found) > 1} == {}


def test_the_slice_is_plain_json_with_places_for_value_and_reference() -> None:
    entries = json.loads(json.dumps(catalog_slice(), ensure_ascii=False))
    assert [entry["name"] for entry in entries] == [feature.name for feature in CATALOG]
    for entry in entries:
        assert entry["version"] == CATALOG_VERSION
        for text in (entry["zh"], entry["en"]):
            assert text.count("{value}") == text.count("{reference}") == 1
            assert text.format(value=1, reference=2)


def test_a_slice_of_some_features_keeps_their_order() -> None:
    assert [entry["name"] for entry in catalog_slice(CATALOG[5:2:-1])] == [feature.name for feature in CATALOG[5:2:-1]]


def test_every_kind_of_fact_and_every_value_has_its_place() -> None:
    for kind in KINDS:
        assert [column_index(kind.name, name) for name, _ in kind.values] == list(range(1, len(kind.values) + 1))
        assert kind.table in CONTRACT


def test_the_page_of_the_catalogue_is_up_to_date() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == catalog_page.page(), "run `python -m features.catalog_page`"


def test_the_page_names_every_feature_once() -> None:
    lines = [line for line in catalog_page.page().splitlines() if line.startswith("| `")]
    assert [line.split("`")[1] for line in lines] == [feature.name for feature in CATALOG]


def test_a_page_is_written_whole(tmp_path: Path) -> None:
    catalog_page.write_page(tmp_path / "docs" / "features.md")
    assert (tmp_path / "docs" / "features.md").read_text(encoding="utf-8") == catalog_page.page()
    assert len(list((tmp_path / "docs").iterdir())) == 1


def test_directions_agree_with_the_words() -> None:
    """A share of late, cancelled, rejected, returned or overdue never lowers risk; days since the last one neither."""
    bad = re.compile("late|overdue|cancel|reject|return_amount|low_share|last_age|hhi|top_share|variation")
    assert np.all([feature.direction >= 0 for feature in CATALOG if bad.search(feature.name)])
