"""The direction of the house: every import contract holds, and every contract is seen to break on a planted import."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("credit", "features", "training", "serving", "lianxin")
PLANTED = {
    "direction": ("features/ledger.py", "import serving.settings\n"),
    "serving enters training through training.bundle alone": ("serving/assess.py", "import training.measures\n"),
    "serving runs without mlflow": ("serving/assess.py", "import pandas\n"),
    "mlflow is imported in training.track alone": ("training/fit.py", "import mlflow\n"),
    "pyspark is imported in": ("features/build.py", "import pyspark\n"),
    "features cannot see outcomes": ("features/build.py", "import credit.outcome\n"),
    "credit is pure": ("credit/scale.py", "import os\n"),
}


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the contracts on the packages of a folder."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("house")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_every_contract_holds(copied: Path) -> None:
    found = _lint(copied)
    assert found.returncode == 0, found.stdout + found.stderr
    assert f"{len(PLANTED)} kept, 0 broken" in found.stdout


@pytest.mark.parametrize(("contract", "file", "planted"), [(name, *where) for name, where in PLANTED.items()])
def test_a_planted_import_breaks_its_contract(copied: Path, contract: str, file: str, planted: str) -> None:
    target = copied / file
    kept = target.read_text(encoding="utf-8")
    try:
        target.write_text(kept + "\n" + planted, encoding="utf-8")
        found = _lint(copied)
    finally:
        target.write_text(kept, encoding="utf-8")
    assert found.returncode != 0
    broken = [line for line in found.stdout.splitlines() if " BROKEN" in line]
    assert any(line.startswith(contract) for line in broken), found.stdout
