"""A part of the zoo through the real commands: the same refusals, the same rows set aside, exit codes, and no traceback."""

import csv
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from features.rejects import without_formula
from features.rules import RULES
from tests.zoo.case import Case
from tests.zoo.walk import KINDS

LIANXIN = Path(sys.executable).parent / "lianxin"
ASKED = [case for cases in KINDS.values() for case in cases if case.command]
BUILT = [
    next(case for case in cases if case.command and case.refused) for cases in KINDS.values() if any(c.command and c.refused for c in cases)
]

Ended = subprocess.CompletedProcess[str]


def _run(*arguments: str | Path) -> Ended:
    return subprocess.run([LIANXIN, *arguments], capture_output=True, text=True, encoding="utf-8", timeout=120, check=False)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Ended]]:
    """The folder of rejects and the end of ``lianxin check`` for each case asked, two at a time."""
    root = tmp_path_factory.mktemp("commands")

    def check(case: Case) -> tuple[Path, Ended]:
        folder, rejects = root / case.name / "tables", root / case.name
        folder.mkdir(parents=True)
        case.build(folder)
        ended = _run("check", folder, "--json", "--rejects", rejects)
        for path in folder.iterdir():
            if path.is_file() and not path.is_symlink():
                path.unlink()
        return rejects, ended

    with ThreadPoolExecutor(2) as pool:
        return dict(zip((case.name for case in ASKED), pool.map(check, ASKED), strict=True))


@pytest.mark.parametrize("case", ASKED, ids=lambda case: case.name)
def test_check_says_what_is_wrong(checked: dict[str, tuple[Path, Ended]], case: Case) -> None:
    rejects, ended = checked[case.name]
    assert "Traceback" not in ended.stderr
    if case.refused:
        assert ended.returncode == 1
        said = "\n".join(json.loads(ended.stdout)["problems"]) if ended.stdout else ended.stderr
        assert [text for text in case.refused if text not in said] == []
        return
    assert ended.returncode == 0, ended.stdout + ended.stderr
    with (rejects / "rejects" / f"{case.table}.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [(int(line["row"]), line["column"], line["rule"], line["value"]) for line in lines] == [
        (one.row, one.column, one.rule, without_formula(one.value)) for one in case.aside
    ]
    assert [(line["remedy_zh"], line["remedy_en"]) for line in lines] == [
        (RULES[one.rule].remedy_zh, RULES[one.rule].remedy_en) for one in case.aside
    ]
    assert all(line["file"].startswith(case.table + ".") for line in lines)


@pytest.mark.parametrize("case", BUILT, ids=lambda case: case.name)
def test_a_ledger_is_not_built_from_damage(tmp_path: Path, case: Case) -> None:
    (tmp_path / "tables").mkdir()
    case.build(tmp_path / "tables")
    ended = _run("ledger", "build", tmp_path / "tables", tmp_path / "ledger")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert [text for text in case.refused if text not in ended.stderr] == []
    assert not (tmp_path / "ledger").exists()
