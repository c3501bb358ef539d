"""The user's guide to the data contract: its examples are read as they stand, and it names every column and rule."""

import re
from pathlib import Path

import pytest

from features.catalog_words import STAND_IN
from features.columns import Tier
from features.lineage import id_columns
from features.read import read_tables
from features.rules import RULES
from features.tables import CONTRACT
from tests.features.folders import NOW

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "data-contract.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##)", GUIDE, flags=re.DOTALL | re.MULTILINE))


def test_the_examples_of_all_thirteen_tables_are_accepted_whole(tmp_path: Path) -> None:
    assert list(SECTIONS) == list(CONTRACT)
    for table, section in SECTIONS.items():
        example = re.search(r"```csv\n(.*?)```", section, flags=re.DOTALL)
        assert example is not None
        (tmp_path / f"{table}.csv").write_text(example.group(1), encoding="utf-8")
    tables, rejects = read_tables(tmp_path, now=NOW)
    assert list(rejects) == []
    assert tables.count("orders") == 3
    tables.close()


@pytest.mark.parametrize("table", CONTRACT)
def test_a_section_names_every_column_and_marks_the_required(table: str) -> None:
    for column in CONTRACT[table].columns:
        if column.name != "recorded_at":
            assert (f"**{column.name}**" if column.required else column.name) in SECTIONS[table]


def test_every_rule_is_in_the_guide() -> None:
    assert {rule for rule in RULES if f"`{rule}`" not in GUIDE} == set()


@pytest.mark.parametrize("table", CONTRACT)
def test_a_section_tells_the_tier_of_every_column(table: str) -> None:
    found = re.search(r"^Tiers: (.*?)\.$", SECTIONS[table], flags=re.DOTALL | re.MULTILINE)
    assert found is not None
    told = [part.split(maxsplit=1) for part in re.split(r";\s+", found.group(1))]
    columns = CONTRACT[table].columns
    assert {tier: re.split(r",\s+", names) for tier, names in told} == {
        tier.value: [column.name for column in columns if column.tier is tier] for tier in Tier if any(c.tier is tier for c in columns)
    }


def test_the_guide_says_what_the_tiers_hold_and_how_ids_are_replaced() -> None:
    assert re.findall(r"^\| (\w+) \|.*\|$", GUIDE.partition("## Whose leave")[2].partition("\n## ")[0], flags=re.MULTILINE) == [
        "tier",
        *Tier,
    ]
    assert f"`{STAND_IN}`" in GUIDE
    assert "HMAC-SHA256" in GUIDE
    assert all(column.endswith("_id") for column in id_columns())
