"""A job that loses one of its executors at work finishes, and nothing of it shows in the features."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from features.accepted import write_accepted
from features.build import build_features
from features.ledger import build_ledger
from features.read import read_tables
from features.simulate import simulate
from tests.spark.java import lacking

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_an_executor_killed_at_work_changes_nothing(tmp_path: Path) -> None:
    reason = lacking()
    if reason is not None:
        pytest.skip(f"Spark: {reason}")
    if not Path("/proc/self/stat").exists():
        pytest.skip("finds the executor in /proc: Linux only")
    import pyarrow.parquet as pq

    from tests.spark.same import assert_same, matrix_of

    simulate(tmp_path / "tables", suppliers=80, months=24, seed=9)
    raw, _ = read_tables(tmp_path / "tables")
    ledger = build_ledger(raw)
    write_accepted(raw, tmp_path / "accepted")
    out, as_of = tmp_path / "features.parquet", ledger.latest_as_of
    command = [sys.executable, "-m", "tests.spark.losing", str(tmp_path / "accepted"), raw.zone, str(as_of), str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["executors"] == 2
    assert told["completed"] >= 1
    assert told["after"], "no executor was left or started anew"
    assert told["killed"] not in told["after"]
    assert_same(matrix_of(pq.read_table(out)), build_features(ledger, [as_of]))
