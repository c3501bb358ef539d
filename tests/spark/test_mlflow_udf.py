"""MLflow's own way to score on Spark gives the bundle's numbers."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.training import drawn
from tests.training.releases import record

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow


def test_spark_udf_scores_as_the_bundle(spark: "SparkSession", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow
    import pandas as pd

    bundle = drawn.bundle()
    record(tmp_path / "mlruns", bundle)
    (model,) = (tmp_path / "mlruns").glob("artifacts/models/*/artifacts/MLmodel")
    monkeypatch.setitem(os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    values = drawn.rows(300, seed=23)[0]
    frame = spark.createDataFrame(pd.DataFrame({"row": np.arange(300), **dict(zip(bundle.names, values.T, strict=True))}))
    numbers = ["points", "pd_12m", "base_points", *(f"points_{name}" for name in bundle.names)]
    schema = ", ".join(["grade string", *(f"{name} double" for name in numbers)])
    score = mlflow.pyfunc.spark_udf(spark, str(model.parent), result_type=schema, env_manager="local")
    scored = frame.repartition(3).withColumn("score", score(*bundle.names)).select("row", "score.*").orderBy("row").toArrow()
    expected = bundle.score(values)
    assert scored["points"].to_numpy().tobytes() == expected.points.tobytes()
    assert scored["pd_12m"].to_numpy().tobytes() == expected.pd.tobytes()
    parts = np.column_stack([scored[f"points_{name}"].to_numpy() for name in bundle.names])
    assert parts.tobytes() == expected.contributions.tobytes()
    assert scored["grade"].to_pylist() == [bundle.grades.grade(one).name for one in expected.pd.tolist()]
