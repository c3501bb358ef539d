"""A whole platform's scores with explanations on Spark, from the released bundle.

Stands beside `training.bundle` for where the suppliers do not fit one machine. Every worker verifies and tries the bundle itself, as
the service does, and scores with it: the numbers are those of `ScoringBundle.score` to the last bit.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark import Broadcast
from pyspark.sql import DataFrame

from credit.errors import BundleInvalid
from credit.reason import principal_reasons
from training.bundle import Scores, ScoringBundle


def score_on_spark(bundle_path: Path, features: DataFrame, *, trusted_key: str | None = None) -> DataFrame:
    """Score every row of a feature frame and explain it.

    Parameters
    ----------
    bundle_path : Path
        The released bundle; its files are shipped to the workers.
    features : DataFrame
        supplier_id, as_of and the bundle's features by name, null where missing, as `features.spark.features_on_spark` returns.
    trusted_key : str, optional
        Ed25519 public key in hexadecimal that must have signed the bundle; by default any, or none.

    Returns
    -------
    DataFrame
        supplier_id, as_of, points, grade, pd_12m, base_points, points_<feature> for each feature, and reasons: the codes of the
        principal reasons, worst first.

    Raises
    ------
    BundleTampered, BundleInvalid
        As `ScoringBundle.load`, or if the frame lacks a feature.
    """
    bundle = ScoringBundle.load(bundle_path, trusted_key=trusted_key)
    lacking = [name for name in bundle.names if name not in features.columns]
    if lacking:
        raise BundleInvalid(f"the frame lacks {len(lacking)} features the bundle scores, first {lacking[0]!r}; compute the bundle's own")
    files = {file.name: file.read_bytes() for file in sorted(bundle_path.iterdir()) if file.is_file()}
    shipped = _Shipped(features.sparkSession.sparkContext.broadcast(files), bundle.content_hash, trusted_key)
    numbers = ("base_points", *(f"points_{name}" for name in bundle.names))
    parts = ", ".join(f"`{name}` double" for name in numbers)
    schema = f"supplier_id string, as_of date, points double, grade string, pd_12m double, {parts}, reasons array<string>"
    return features.select("supplier_id", "as_of", *bundle.names).mapInArrow(shipped.rows, schema)


@dataclass(frozen=True, slots=True)
class _Shipped:
    """A bundle on its way to the workers."""

    files: Broadcast[Mapping[str, bytes]]
    content_hash: str
    trusted_key: str | None

    def rows(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the scores of one partition's rows."""
        for batch in batches:
            if batch.num_rows:
                yield _scored(self.bundle(), batch)

    def bundle(self) -> ScoringBundle:
        """Return the bundle, verified and tried once in each worker."""
        if self.content_hash not in _LOADED:
            with tempfile.TemporaryDirectory(prefix="lianxin-") as folder:
                for name, data in self.files.value.items():
                    (Path(folder) / name).write_bytes(data)
                _LOADED[self.content_hash] = ScoringBundle.load(Path(folder), trusted_key=self.trusted_key)
        return _LOADED[self.content_hash]


_LOADED: dict[str, ScoringBundle] = {}
"""Bundles of this worker by content hash."""


def _scored(bundle: ScoringBundle, batch: pa.RecordBatch) -> pa.RecordBatch:
    values = np.column_stack([batch[name].to_numpy(zero_copy_only=False) for name in bundle.names]).astype(np.float64, copy=False)
    scores = bundle.score(values)
    contributions = np.ascontiguousarray(scores.contributions.T)
    columns = {
        "supplier_id": batch["supplier_id"],
        "as_of": batch["as_of"],
        "points": pa.array(scores.points),
        "grade": pa.array([bundle.grades.grade(pd).name for pd in scores.pd.tolist()], type=pa.string()),
        "pd_12m": pa.array(scores.pd),
        "base_points": pa.array(np.full(len(scores.pd), scores.base_points)),
        **{f"points_{name}": pa.array(column) for name, column in zip(bundle.names, contributions, strict=True)},
        "reasons": pa.array(_reasons(bundle, values, scores), type=pa.list_(pa.string())),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _reasons(bundle: ScoringBundle, values: NDArray[np.float64], scores: Scores) -> list[list[str]]:
    """The codes of each row's principal reasons, as `ScoringBundle.reasons` finds them."""
    told = []
    for row, parts in zip(values.tolist(), scores.contributions.tolist(), strict=True):
        found = principal_reasons(
            bundle.factors,
            values=row,
            contributions=parts,
            reference_values=bundle.reference.medians,
            reference_contributions=bundle.reference.contributions,
        )
        told.append([reason.code for reason in found])
    return told
