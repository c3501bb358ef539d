"""Every damaged file of the zoo, once, in processes of their own: the right refusal or the right rows set aside, and never a traceback.

Two processes walk through all cases and write down what the door said; the tests read that. A case that ends its process
leaves no answer, and fails.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from features.rules import RULES
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


def test_every_rule_of_the_contract_is_broken_in_the_zoo_and_has_a_remedy() -> None:
    broken = {one.rule for _, case in EVERY for one in case.aside}
    assert set(RULES) - broken == {"row_is_readable"}
    assert all(rule.remedy_zh and rule.remedy_en for rule in RULES.values())
