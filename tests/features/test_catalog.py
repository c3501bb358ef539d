import json
import re
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from features import catalog_page
from features.catalog import CATALOG, CATALOG_VERSION, Family, Feature, Unit, catalog_slice
from features.catalog_document import FORMAT, document
from features.catalog_words import CELLS, DIRECTIONS, FAMILIES, ROLES, TIERS, UNITS
from features.columns import Kind, Tier
from features.facts import KIND_INDEX, KINDS, WINDOWS, column_index
from features.lineage import Role, contract_columns
from features.tables import CONTRACT

PAGE = Path(__file__).parents[2] / "docs" / "features.md"
SCHEMA = PAGE.with_name("catalogue.schema.json")
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
    source = "network" if feature.family is Family.NETWORK else source
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
        assert re.match(rf"(截至月初)?近 {feature.window_days} 天", feature.zh)
        assert re.search(rf", (last {feature.window_days} days|{feature.window_days} days to the month's first)$", feature.en)


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
        assert [column_index(kind.name, value.name) for value in kind.values] == list(range(1, len(kind.values) + 1))
        assert kind.table in CONTRACT


def test_the_page_of_the_catalogue_is_up_to_date() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == catalog_page.page(), "run `python -m features.catalog_page`"


def test_the_page_names_every_feature_once_by_family() -> None:
    lines = [line for line in catalog_page.page().splitlines() if line.startswith("| `")]
    assert [line.split("`")[1] for line in lines] == [feature.name for family in Family for feature in CATALOG if feature.family is family]


def test_the_page_tells_the_lineage_of_every_reason_code_and_every_column() -> None:
    page = catalog_page.page()
    lineage = page.partition("## 血缘 Lineage")[2].partition("\n## ")[0]
    for feature in CATALOG:
        assert re.search(rf"^\| {feature.reason_code.lower()} \([^)]*\b{feature.name.rpartition('_')[2]}\b", lineage, flags=re.MULTILINE)
    for source in contract_columns():
        assert f"| {source.name} |" in page


def test_the_words_of_the_catalogue_know_every_family_unit_direction_tier_role_and_kind_of_cell() -> None:
    for words, known in ((FAMILIES, Family), (UNITS, Unit), (DIRECTIONS, (1, -1, 0)), (TIERS, Tier), (ROLES, Role), (CELLS, Kind)):
        assert set(words) == set(known)
        assert all(re.search(r"[\u4e00-\u9fff]", zh) and not re.search(r"[\u4e00-\u9fff]", en) for zh, en in words.values())


def test_the_document_keeps_its_schema_and_tells_of_everything() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    told = json.loads(json.dumps(document(), ensure_ascii=False))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(told)
    assert [feature["name"] for feature in told["features"]] == [feature.name for feature in CATALOG]
    assert len(told["columns"]) == sum(len(table.columns) for table in CONTRACT.values())
    assert [extract["tier"] for extract in told["extracts"]] == list(Tier)
    tier = {f"{column['table']}.{column['name']}": column["tier"] for column in told["columns"]}
    for feature in told["features"]:
        assert all(tier[column["column"]] == column["tier"] for column in feature["columns"])
        assert feature["tier"] == max((column["tier"] for column in feature["columns"]), key=lambda name: Tier(name).rank)
    for entry in told["columns"]:
        name = f"{entry['table']}.{entry['name']}"
        users = [feature["name"] for feature in told["features"] if name in {column["column"] for column in feature["columns"]}]
        assert entry["features"] == users


def test_the_schema_refuses_what_is_not_the_document() -> None:
    validator = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    told = document()
    assert validator.is_valid(told)
    assert not validator.is_valid({**told, "format": FORMAT + 1})
    assert not validator.is_valid({key: value for key, value in told.items() if key != "columns"})
    assert not validator.is_valid({**told, "features": [{**told["features"][0], "tier": "secret"}]})
    assert not validator.is_valid({**told, "features": [{**told["features"][0], "more": 1}]})


def test_an_extract_withholds_what_is_above_its_tier() -> None:
    extracts = {extract["tier"]: extract for extract in document()["extracts"]}
    assert extracts["platform"]["stand_ins"] == {"orders.buyer_id": "withheld"}
    assert "reviews.text" not in extracts["consent"]["columns"]
    assert not extracts["open"]["readable"]
    assert extracts["open"]["features"] == []
    assert extracts["restricted"]["features"] == [feature.name for feature in CATALOG]
    assert len(extracts["restricted"]["columns"]) == len(contract_columns())


def test_a_page_is_written_whole(tmp_path: Path) -> None:
    catalog_page.write_page(tmp_path / "docs" / "features.md")
    assert (tmp_path / "docs" / "features.md").read_text(encoding="utf-8") == catalog_page.page()
    assert len(list((tmp_path / "docs").iterdir())) == 1


def test_directions_agree_with_the_words() -> None:
    """A share of late, cancelled, rejected, returned or overdue never lowers risk; days since the last one neither."""
    bad = re.compile("late|overdue|cancel|reject|return_amount|low_share|last_age|hhi|top_share|variation")
    assert np.all([feature.direction >= 0 for feature in CATALOG if bad.search(feature.name)])
