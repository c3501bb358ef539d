"""A Spark frame as a matrix, and the one question asked of it: is it the local one, bit for bit?"""

from typing import TYPE_CHECKING

import numpy as np

from features.matrix import FeatureMatrix

if TYPE_CHECKING:
    import pyarrow as pa


def matrix_of(rows: "pa.Table") -> FeatureMatrix:
    """Rows of supplier_id, as_of and numbers as a matrix in the order of a local one."""
    ids = np.array(rows["supplier_id"].to_pylist(), dtype=np.str_)
    as_of = np.array(rows["as_of"].to_pylist(), dtype="datetime64[D]")
    names = tuple(name for name in rows.column_names if name not in ("supplier_id", "as_of"))
    values = np.stack([rows[name].to_numpy() for name in names], axis=1)
    order = np.lexsort((as_of, ids))
    return FeatureMatrix(ids[order], as_of[order], names, values[order])


def assert_same(found: FeatureMatrix, expected: FeatureMatrix) -> None:
    """Same rows, same features, same bits; every missing value is missing."""
    assert len(expected.values)
    assert found.names == expected.names
    assert found.supplier_ids.tolist() == expected.supplier_ids.tolist()
    assert found.as_of.tolist() == expected.as_of.tolist()
    differs = _bits(found.values) != _bits(expected.values)
    places = [f"{expected.supplier_ids[row]} {expected.as_of[row]} {expected.names[column]}" for row, column in np.argwhere(differs)[:5]]
    assert not differs.any(), f"{int(differs.sum())} cells differ: {places}"


def _bits(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.where(np.isnan(values), np.nan, values).view(np.int64)
