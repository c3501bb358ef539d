"""Scores on Spark are those of the bundle: points, PD, grade, every contribution, and the reasons."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from credit.errors import BundleInvalid, BundleTampered
from features.accepted import write_accepted
from features.matrix import FeatureMatrix
from features.read import read_tables
from serving.assess import assess, score_batch, scored_features
from tests.serving.parts import make_bundle, make_ledger
from training.bundle import ScoringBundle

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow


def test_a_platform_scored_on_spark_has_the_scores_of_the_bundle(spark: "SparkSession", tmp_path: Path) -> None:
    from features.spark import features_on_spark, open_tables
    from tests.spark.same import assert_same, matrix_of
    from training.spark_scores import score_on_spark

    ledger = make_ledger(tmp_path)
    make_bundle(ledger, tmp_path / "bundle")
    bundle = ScoringBundle.load(tmp_path / "bundle")
    raw, _ = read_tables(tmp_path / "tables")
    write_accepted(raw, tmp_path / "accepted")
    tables = open_tables(spark, str(tmp_path / "accepted"), zone=raw.zone)
    features = features_on_spark(tables, [ledger.latest_as_of], features=scored_features(bundle.names), partitions=3)
    found = score_on_spark(tmp_path / "bundle", features, trusted_key=bundle.signed_by).orderBy("supplier_id").toArrow()

    local = score_batch(bundle, ledger, ledger.latest_as_of)
    base = np.full(len(local.grades), local.scores.base_points)
    parts = tuple(f"points_{name}" for name in bundle.names)
    expected = np.column_stack([local.scores.points, local.scores.pd, base, local.scores.contributions])
    names = ("points", "pd_12m", "base_points", *parts)
    matrix = FeatureMatrix(local.matrix.supplier_ids, local.matrix.as_of, names, expected)
    assert_same(matrix_of(found.drop_columns(["grade", "reasons"])), matrix)
    assert found["grade"].to_pylist() == [grade.name for grade in local.grades]
    told = [
        [reason.code for reason in assess(bundle, ledger, supplier, ledger.latest_as_of).reasons] for supplier in local.matrix.supplier_ids
    ]
    assert any(told)
    assert found["reasons"].to_pylist() == told

    with pytest.raises(BundleTampered):
        score_on_spark(tmp_path / "bundle", features, trusted_key="0" * 64)
    with pytest.raises(BundleInvalid, match="the frame lacks 1 features"):
        score_on_spark(tmp_path / "bundle", features.drop(bundle.names[0]))
