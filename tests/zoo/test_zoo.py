"""Every damaged file of the zoo, once, in processes of their own: the right refusal or the right rows set aside, and never a traceback.

Two processes walk through all cases and write down what the door said; the tests read that. A case that ends its process
leaves no answer, and fails.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from credit.errors import TableUnreadable
from features.read import read_folder, read_tables
from features.rules import RULES
from tests.features.folders import NOW, changed, write_folder, write_parquet
from tests.zoo.case import Case
from tests.zoo.walk import KINDS

ROOT = Path(__file__).resolve().parents[2]
PARTS = 2
MOST_MEGABYTES = 1000
EVERY = [(kind, case) for kind, cases in KINDS.items() for case in cases]

Said = dict[str, Any]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Said]:
    """What the door said of each case, by its name."""
    folder = tmp_path_factory.mktemp("zoo")
    outs = [folder / f"{part}.jsonl" for part in range(PARTS)]
    walks = [
        subprocess.Popen([sys.executable, "-m", "tests.zoo.walk", str(out), str(part), str(PARTS)], cwd=ROOT)
        for part, out in enumerate(outs)
    ]
    for walk in walks:
        walk.wait(timeout=600)
    found = [json.loads(line) for out in outs for line in out.read_text(encoding="utf-8").splitlines()]
    return {said["name"]: said for said in found}


def test_the_zoo_is_large_and_no_two_cases_share_a_name() -> None:
    assert len(EVERY) >= 130
    assert [name for name, count in Counter(case.name for _, case in EVERY).items() if count > 1] == []


def test_every_case_says_what_must_be_told() -> None:
    for _, case in EVERY:
        assert len(case.refused) >= 2 or (case.aside and case.rows == case.kept + len({one.row for one in case.aside})), case.name


@pytest.mark.parametrize("case", [case for _, case in EVERY], ids=[f"{kind}: {case.name}" for kind, case in EVERY])
def test_damage_is_refused_or_set_aside_with_its_remedy(answers: dict[str, Said], case: Case) -> None:
    said = answers[case.name]
    assert "traceback" not in said
    assert said["seconds"] < case.seconds
    if case.refused:
        assert [text for text in case.refused if text not in said.get("refused", f"accepted: {said}")] == []
        return
    assert "refused" not in said
    told = [tuple(line[:4]) for line in said["aside"]]
    assert told == [(one.row, one.column, one.rule, one.value) for one in case.aside]
    assert [line[4:] for line in said["aside"]] == [[RULES[one.rule].remedy_zh, RULES[one.rule].remedy_en] for one in case.aside]
    assert said["kept"] == case.kept
    assert said["elsewhere"] == []


def test_the_whole_zoo_stays_under_a_gigabyte(answers: dict[str, Said]) -> None:
    assert len(answers) == len(EVERY)
    assert max(said["megabytes"] for said in answers.values()) < MOST_MEGABYTES


def test_a_folder_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    folder = write_folder(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xbc\xd7")))
    with pytest.raises(TableUnreadable, match=r"udcbc.*name is not UTF-8; give it another name"):
        read_tables(folder, now=NOW)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    (write_folder(tmp_path) / "orders.csv").chmod(0)
    with pytest.raises(TableUnreadable, match=r"orders\.csv: cannot be opened \(Permission denied\); check the file and its rights"):
        read_tables(tmp_path, now=NOW)


def test_names_that_look_like_patterns_or_are_no_text_are_named_and_not_read(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a[1]*?{b}")
    for name in ("orders*.csv", "[orders].csv", "orders.csv.bak"):
        (folder / name).write_text("x")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xbc.csv")).write_text("x")
    found = read_folder(folder, now=NOW)
    assert found.problems == ()
    assert found.other_files == ("[orders].csv", "orders*.csv", "orders.csv.bak", r"\udcbc.csv")
    assert found.readings["orders"].rows == 1
    found.tables.close()


def test_zero_with_a_minus_is_zero(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {"orders": [changed("orders", quantity="-0.0")]})
    tables, rejects = read_tables(folder, now=NOW)
    assert not rejects
    assert tables.con.execute("SELECT CAST(quantity AS VARCHAR) FROM orders").fetchall() == [("0.0",)]
    tables.close()


def test_an_optional_parquet_column_without_any_value_is_missing(tmp_path: Path) -> None:
    write_parquet(tmp_path / "suppliers.parquet", "SELECT '1' AS supplier_id, NULL AS name, NULL AS joined_at, NULL AS uscc")
    tables, rejects = read_tables(tmp_path, now=NOW, tables=["suppliers"])
    assert not rejects
    assert tables.con.execute("SELECT name, joined_at, uscc FROM suppliers").fetchall() == [(None, None, None)]
    tables.close()


def test_every_rule_of_the_contract_is_broken_in_the_zoo_and_has_a_remedy() -> None:
    broken = {one.rule for _, case in EVERY for one in case.aside}
    assert set(RULES) - broken == {"row_is_readable", "text_is_of_an_open_quarter"}, "the last is asked of an update alone"
    assert all(rule.remedy_zh and rule.remedy_en for rule in RULES.values())
