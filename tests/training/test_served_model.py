"""What MLflow loads scores as the service does, bit for bit, with no pickle and also where nothing of Lianxin is installed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.training import drawn
from tests.training.releases import record
from training.served_model import example_rows

BUNDLE = drawn.bundle()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the logged model."""
    home = tmp_path_factory.mktemp("served") / "mlruns"
    record(home, BUNDLE)
    (found,) = home.glob("artifacts/models/*/artifacts/MLmodel")
    return found.parent


def frame(count: int) -> pd.DataFrame:
    """Rows with the columns in another order, for names must decide."""
    return pd.DataFrame(drawn.rows(count, seed=21)[0], columns=list(BUNDLE.names))[list(reversed(BUNDLE.names))]


def assert_same_as_bundle(found: pd.DataFrame, rows: pd.DataFrame) -> None:
    scores = BUNDLE.score(rows[list(BUNDLE.names)].to_numpy())
    assert list(found.columns) == ["points", "pd_12m", "grade", "base_points", *(f"points_{name}" for name in BUNDLE.names)]
    assert found["points"].to_numpy().tobytes() == scores.points.tobytes()
    assert found["pd_12m"].to_numpy().tobytes() == scores.pd.tobytes()
    parts = found[[f"points_{name}" for name in BUNDLE.names]].to_numpy()
    assert np.ascontiguousarray(parts).tobytes() == scores.contributions.tobytes()
    assert found["grade"].tolist() == [BUNDLE.grades.grade(one).name for one in scores.pd.tolist()]
    assert set(found["base_points"]) == {scores.base_points}


def test_pyfunc_scores_as_the_bundle_whatever_the_order_of_columns(model: Path) -> None:
    import mlflow

    loaded = mlflow.pyfunc.load_model(str(model))
    rows = frame(200)
    assert_same_as_bundle(loaded.predict(rows), rows)
    with pytest.raises(mlflow.exceptions.MlflowException, match=r"missing inputs \['orders_count_30d'\]"):
        loaded.predict(rows.drop(columns="orders_count_30d"))


def test_signature_example_and_code_are_logged_and_no_pickle(model: Path) -> None:
    import mlflow

    loaded = mlflow.pyfunc.load_model(str(model))
    assert loaded.metadata.signature.inputs.input_names() == list(BUNDLE.names)
    assert loaded.metadata.saved_input_example_info is not None
    suffixes = {path.suffix for path in model.rglob("*") if path.is_file()}
    assert not suffixes & {".pkl", ".pickle", ".joblib", ".skops", ".pyc"}
    assert (model / "code" / "training" / "served_model.py").is_file()
    example = json.loads((model / "input_example.json").read_text(encoding="utf-8"))
    rows = pd.DataFrame(example["data"], columns=example["columns"], dtype=np.float64)
    pd.testing.assert_frame_equal(rows, example_rows(BUNDLE))
    assert_same_as_bundle(loaded.predict(rows), rows)


def test_it_is_loaded_without_lianxin_and_without_pickle(model: Path, tmp_path: Path) -> None:
    """A process that finds neither the packages of this repository nor `pickle.Unpickler.find_class`."""
    rows = frame(50)
    rows.to_parquet(tmp_path / "rows.parquet")
    root = str(Path(__file__).parents[2])
    program = f"""
import sys, pickle
sys.path[:] = [path for path in sys.path if path not in ("", {root!r})]
sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in repr(finder)]
sys.addaudithook(lambda event, arguments: event == "pickle.find_class" and sys.exit("pickle was read"))
import mlflow.pyfunc, pandas as pd
found = mlflow.pyfunc.load_model({str(model)!r}).predict(pd.read_parquet("rows.parquet"))
import training
assert training.__file__.startswith({str(model)!r}), training.__file__
found.to_parquet("found.parquet")
"""
    environment = {**os.environ, "PYTHONPATH": "", "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = pd.read_parquet(tmp_path / "found.parquet")
    assert_same_as_bundle(found, rows)
