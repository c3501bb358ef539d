"""Retraining by MLflow: `mlflow run` gives the bundle that the function gives."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from features.simulate import simulate
from training.pipeline import train
from training.track import CHALLENGER, version_at

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


def test_mlflow_run_gives_the_same_bundle_hash_as_the_function(tmp_path: Path) -> None:
    simulate(tmp_path / "tables", suppliers=200, months=48, seed=9)
    expected = train(tmp_path / "tables", home=tmp_path / "own" / "mlruns").bundle.content_hash
    home = tmp_path / "project" / "mlruns"
    programs = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'outer.db'}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command = [str(programs / "mlflow"), "run", str(ROOT), "--env-manager", "local"]
    done = subprocess.run(
        [*command, "-P", f"data={tmp_path / 'tables'}", "-P", f"home={home}"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert version_at(home, CHALLENGER).tags["bundle_sha256"] == expected
    assert expected in done.stdout
