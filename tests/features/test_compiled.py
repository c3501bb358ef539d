"""Several processes that start at once where nothing is compiled yet, or what is there is of another version, all get it right."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROCESSES = 3
WORK = """
import sys
import numpy as np
sys.stdin.readline()  # all begin together
from features import identity
data, starts = identity.utf8([f"id {number}" for number in range(500)])
hashes = np.empty(500, dtype=np.int64)
identity.hash_ids(data, starts, np.ones(500, dtype=np.bool_), hashes)
assert identity.__file__.startswith(sys.argv[1]), identity.__file__
print(hashes.tolist())
"""


def at_once(folder: Path) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of processes that compile from the same folder at the same time."""
    arguments = [sys.executable, "-W", "error", "-c", WORK, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    environment.pop("NUMBA_CACHE_DIR", None)
    started = [
        subprocess.Popen(
            arguments, cwd=folder, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(PROCESSES)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120) for process in started]
    return [(process.returncode, *told) for process, told in zip(started, said, strict=True)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The packages without anything compiled."""
    for package in ("credit", "features"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_processes_that_compile_at_once_agree(folder: Path) -> None:
    cold = at_once(folder)
    assert [(code, errors) for code, _, errors in cold] == [(0, "")] * PROCESSES
    assert len({told for _, told, _ in cold}) == 1
    assert len(cold[0][1]) > 5000
    cache = folder / "features" / "__pycache__"
    compiled = sorted([*cache.glob("*.nbi"), *cache.glob("*.nbc")])
    assert compiled, "nothing was kept"
    for file in compiled:
        file.write_bytes(file.read_bytes()[:40])
    (cache / "compiled.sha256").write_text("of another version")
    assert at_once(folder) == cold
    assert (cache / "compiled.sha256").read_text() != "of another version"
