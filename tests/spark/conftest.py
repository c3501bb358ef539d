"""One small Spark for these tests, on loopback, stopped after the last of them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.spark.java import SMALL, lacking

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="package")
def spark() -> "Iterator[SparkSession]":
    reason = lacking()
    if reason is not None:
        pytest.skip(f"Spark: {reason}")
    from features.spark import open_session

    session = open_session("local[2]", SMALL)
    yield session
    session.stop()
