"""`lianxin catalogue`: what it prints, what it exports, and how it refuses."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from features.catalog import CATALOG, Family
from features.catalog_document import document
from features.columns import Tier
from features.lineage import contract_columns, sources, tier_of
from features.tables import CONTRACT

ROOT = Path(__file__).parents[2]
LIANXIN = Path(sys.executable).with_name("lianxin")
SCHEMA = json.loads((ROOT / "docs" / "catalogue.schema.json").read_text(encoding="utf-8"))


def _run(*arguments: str, folder: Path = ROOT, code: int = 0) -> str:
    """What the command says, having ended with the code."""
    done = subprocess.run([str(LIANXIN), "catalogue", *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


def _json(*arguments: str) -> Any:
    told = json.loads(_run("--json", *arguments))
    Draft202012Validator(SCHEMA).validate(told)
    return told


def _names(told: Any) -> list[str]:
    return [feature["name"] for feature in told["features"]]


def test_the_json_is_the_whole_catalogue() -> None:
    assert _json() == json.loads(json.dumps(document()))


@pytest.mark.parametrize(("language", "words"), [("zh", ("含义", "近 30 天订单数")), ("en", ("meaning", "Orders received, last 30 days"))])
def test_every_feature_stands_in_the_table_in_the_language_asked(language: str, words: tuple[str, str]) -> None:
    printed = _run("--lang", language)
    assert re.findall(r"^ ?(\w+_(?:all|\d+d)) ", printed, flags=re.MULTILINE) == [feature.name for feature in CATALOG]
    assert all(word in printed for word in words)


def test_filters_add_up() -> None:
    asked = _json("--family", "concentration", "--table", "orders", "--tier", "consent")
    assert _names(asked) == [
        feature.name
        for feature in CATALOG
        if feature.family is Family.CONCENTRATION and any(source.table == "orders" for source in sources(feature))
    ]
    assert _names(_json("--family", "concentration", "--table", "orders", "--tier", "platform")) == []
    assert {column["table"] for column in asked["columns"]} == {"orders"}


@pytest.mark.parametrize("tier", Tier)
def test_a_tier_tells_the_features_and_the_columns_it_allows(tier: Tier) -> None:
    told = _json("--tier", tier.value)
    assert _names(told) == [feature.name for feature in CATALOG if tier.allows(tier_of(feature))]
    shown = [f"{column['table']}.{column['name']}" for column in told["columns"]]
    assert shown == [source.name for source in contract_columns() if tier.allows(source.column.tier)]
    printed = _run("--tier", tier.value, "--columns", "--lang", "en")
    assert re.findall(r"^ ?([a-z]+\.[a-z_]+)  ", printed, flags=re.MULTILINE) == shown
    assert "HMAC-SHA256" in printed


def test_the_columns_of_the_platform_tier_say_what_stands_in_for_the_buyer() -> None:
    printed = _run("--columns", "--tier", "platform", "--lang", "en")
    assert "orders.buyer_id is required but withheld: every cell holds withheld." in printed
    assert "整列写 withheld" in _run("--columns", "--tier", "platform")
    assert "only beside a platform extract" in _run("--columns", "--tier", "open", "--lang", "en")


def test_one_feature_is_told_whole() -> None:
    printed = _run("--feature", "orders_buyer_hhi_90d", "--lang", "en")
    (feature,) = (feature for feature in CATALOG if feature.name == "orders_buyer_hhi_90d")
    for word in (feature.zh, feature.en, feature.reason_code, "consent", "90 days", *(source.name for source in sources(feature))):
        assert word in printed
    told = _json("--feature", "orders_buyer_hhi_90d")
    assert [f"{column['table']}.{column['name']}" for column in told["columns"]] == [source.name for source in sources(feature)]
    assert all(column["features"] == [feature.name] for column in told["columns"])


def test_the_file_is_the_json(tmp_path: Path) -> None:
    said = _run("--out", "new/catalogue.json", "--table", "reviews", folder=tmp_path)
    told = json.loads((tmp_path / "new" / "catalogue.json").read_text(encoding="utf-8"))
    assert told == _json("--table", "reviews")
    assert said.strip() == f"new/catalogue.json: {len(told['features'])} features, {len(CONTRACT['reviews'].columns)} columns"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--feature", "orders_buyer_hhi_91d"], 2, "orders_buyer_hhi_90d"),
        (["--family", "latenes"], 2, "lateness"),
        (["--table", "order"], 2, "orders"),
        (["--tier", "secret"], 2, "platform"),
        (["--out", "."], 1, "directory"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(arguments: list[str], code: int, said: str, tmp_path: Path) -> None:
    assert said in _run(*arguments, folder=tmp_path, code=code)


def test_the_help_shows_every_option() -> None:
    printed = _run("--help")
    for option in ("--family", "--table", "--tier", "--feature", "--columns", "--lang", "--out", "--json"):
        assert option in printed
