from datetime import date, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from credit.errors import OutOfRange
from features.build import FeatureMatrix, build_features
from features.catalog import CATALOG
from features.collect import collect
from features.ledger import build_ledger
from features.read import RawTables
from features.stream import stream_features
from tests.drawn import AS_OF, draw, tables_of
from tests.features.whole_platform import whole_platform

DATES = [AS_OF, AS_OF - timedelta(days=40), AS_OF]


@pytest.fixture(scope="module")
def tables() -> RawTables:
    return tables_of(whole_platform(3))


@pytest.fixture(scope="module")
def batch(tables: RawTables) -> FeatureMatrix:
    return build_features(build_ledger(tables), DATES)


def assert_same(found: FeatureMatrix, expected: FeatureMatrix) -> None:
    assert found.names == expected.names
    assert found.supplier_ids.tolist() == expected.supplier_ids.tolist()
    assert found.as_of.tolist() == expected.as_of.tolist()
    assert found.as_of.dtype == expected.as_of.dtype
    assert found.values.tobytes() == np.ascontiguousarray(expected.values).tobytes()


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize(("bucket_rows", "memory"), [(1 << 60, 1 << 60), (200, 1 << 60), (200, 0), (1, 3000)])
def test_streamed_features_are_those_through_a_ledger(
    tables: RawTables, batch: FeatureMatrix, threads: int, bucket_rows: int, memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("features.stream.collect", partial(collect, bucket_rows=bucket_rows))
    assert_same(stream_features(tables, DATES, threads=threads, memory=memory), batch)


@pytest.mark.parametrize("feature", CATALOG, ids=lambda feature: feature.name)
def test_each_feature_alone_reads_all_that_it_rests_on(tables: RawTables, batch: FeatureMatrix, feature: object) -> None:
    place = next(place for place, other in enumerate(CATALOG) if other is feature)
    found = stream_features(tables, DATES, features=(CATALOG[place],))
    expected = FeatureMatrix(batch.supplier_ids, batch.as_of, (CATALOG[place].name,), batch.values[:, place : place + 1])
    assert_same(found, expected)


def test_no_date_is_refused(tables: RawTables) -> None:
    with pytest.raises(OutOfRange, match="no as-of date"):
        stream_features(tables, [])


@pytest.mark.parametrize("suppliers", ["supplier_id | joined_at", "supplier_id | joined_at\nS |", "supplier_id | joined_at\nS | 5"])
def test_where_nobody_is_known_there_is_no_row(suppliers: str) -> None:
    matrix = stream_features(draw({"suppliers": suppliers}), [AS_OF, date(1980, 1, 1)])
    assert matrix.values.shape == (0, len(CATALOG))
    assert len(matrix.supplier_ids) == len(matrix.as_of) == 0
    assert matrix.as_of.dtype == np.dtype("datetime64[D]")


def test_a_streamed_matrix_can_be_saved(tables: RawTables, tmp_path: Path) -> None:
    stream_features(tables, [AS_OF], features=CATALOG[:2]).save(tmp_path / "out.parquet")
    assert (tmp_path / "out.parquet").stat().st_size > 0
