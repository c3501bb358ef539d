"""Ledger to features: one row per supplier and as-of date, from nothing that was not known before that date.

The third step of the walk. The same function serves a whole platform in training and one supplier in the service.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt

from credit.errors import CannotWrite, OutOfRange, UnknownSupplier
from features.catalog import CATALOG
from features.feature import Feature
from features.formula import Aggregates
from features.kernel import aggregate
from features.ledger import Ledger, to_date, to_day

_BUCKET_ROWS: Final = 4096
"""Rows per call of the kernel: keeps its int64 sums below 40 MB whatever the platform's size."""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMatrix:
    """Features, one row per supplier and as-of date, sorted by supplier, then date.

    Parameters
    ----------
    supplier_ids : str array (rows,)
    as_of : datetime64[D] array (rows,)
    names : tuple of str
        Feature names, in the catalogue's order.
    values : float64 array (rows, features)
        NaN is the one meaning of missing; never infinite.
    """

    supplier_ids: npt.NDArray[np.str_]
    as_of: npt.NDArray[np.datetime64]
    names: tuple[str, ...]
    values: npt.NDArray[np.float64]

    def save(self, path: Path) -> None:
        """Write the matrix as Parquet: supplier_id, as_of, then one DOUBLE per feature (missing is NULL)."""
        frame: dict[str, Any] = {"supplier_id": self.supplier_ids.astype(object), "day": self.as_of.astype(np.int64).astype(np.int32)}
        frame.update({name: np.ascontiguousarray(self.values[:, i]) for i, name in enumerate(self.names)})
        write_parquet(frame, path, select="supplier_id, DATE '1970-01-01' + day AS as_of, * EXCLUDE (supplier_id, day)")


def write_parquet(columns: dict[str, Any], path: Path, *, select: str = "*") -> None:
    """Write named arrays as one Parquet file, complete or not at all."""
    if path.is_dir():
        raise CannotWrite(f"{path} is a folder; name a file, such as {path / 'file.parquet'}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"{path.parent} cannot be made ({error.strerror}); name a file in a folder that can be written") from error
    part = path.with_name(f".{path.name}.part")
    target = str(part).replace("'", "''")
    try:
        with duckdb.connect() as con:
            con.register("columns_to_write", columns)
            con.execute(f"COPY (SELECT {select} FROM columns_to_write) TO '{target}' (FORMAT parquet)")
        part.replace(path)
    except (duckdb.IOException, OSError) as error:
        raise CannotWrite(
            f"{path} cannot be written ({str(error).splitlines()[0]}); name a file in a folder that can be written"
        ) from error
    finally:
        part.unlink(missing_ok=True)


def month_starts(first: date, last: date) -> list[date]:
    """Return the first day of every month from `first` to `last`, both included where they are first days.

    Examples
    --------
    >>> month_starts(date(2025, 11, 15), date(2026, 1, 1))
    [datetime.date(2025, 12, 1), datetime.date(2026, 1, 1)]
    """
    if last < first:
        raise OutOfRange(f"the last as-of ({last}) lies before the first ({first}); give them in order of time")
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    starts = [date(month // 12, month % 12 + 1, 1) for month in months]
    return [start for start in starts if first <= start <= last]


def build_features(
    ledger: Ledger, as_of: Sequence[date], suppliers: Sequence[str] | None = None, *, features: tuple[Feature, ...] = CATALOG
) -> FeatureMatrix:
    """Compute the catalogue's features from facts with event day and known day before each as-of date.

    Parameters
    ----------
    ledger : Ledger
    as_of : sequence of date
        A date stands for its start: what became known on it is not used.
    suppliers : sequence of str, optional
        Only these; all by default. A named supplier of whom nothing was known before an as-of date is refused.
    features : tuple of Feature
        What to compute, the whole catalogue by default.

    Returns
    -------
    FeatureMatrix
        A row for each supplier of whom anything was known before the date.

    Raises
    ------
    UnknownSupplier
        If a named supplier does not stand in the ledger, or was not yet known at one of the dates.
    OutOfRange
        If no as-of date is given.
    """
    days = np.unique(np.array([to_day(day) for day in as_of], dtype=np.int32))
    if not len(days):
        raise OutOfRange("no as-of date was given; name at least one")
    chosen = (
        np.arange(len(ledger.supplier_ids))
        if suppliers is None
        else np.unique(np.array([ledger.position(s) for s in suppliers], dtype=np.int64))
    )
    known_from = ledger.arrays["known_from"][chosen]
    first_row = np.searchsorted(days, known_from, side="right")
    if suppliers is not None and first_row.any():
        late = int(np.argmax(first_row))
        name = str(ledger.supplier_ids[chosen[late]])
        raise UnknownSupplier(f"supplier {name!r} was not yet known at {to_date(days[0])}; its first record became known later")
    counts = len(days) - first_row
    blocks = [_build_bucket(ledger, chosen[low:high], days, first_row[low:high], features) for low, high in _buckets(counts)]
    values = np.concatenate(blocks) if blocks else np.empty((0, len(features)))
    row_days = [days[first:] for first in first_row]
    return FeatureMatrix(
        supplier_ids=np.repeat(ledger.supplier_ids[chosen], counts),
        as_of=(np.concatenate(row_days) if row_days else days[:0]).astype(np.int64).astype("datetime64[D]"),
        names=tuple(feature.name for feature in features),
        values=values,
    )


def _buckets(counts: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Runs of suppliers whose rows together fit a call of the kernel."""
    bucket = (np.cumsum(counts) - 1) // _BUCKET_ROWS
    edges = [0, *(np.flatnonzero(np.diff(bucket)) + 1).tolist(), len(counts)]
    return [(low, high) for low, high in pairwise(edges) if high > low]


def _build_bucket(
    ledger: Ledger,
    suppliers: npt.NDArray[np.int64],
    days: npt.NDArray[np.int32],
    first_row: npt.NDArray[np.int64],
    features: tuple[Feature, ...],
) -> npt.NDArray[np.float64]:
    """Kernel, then formulas, for one run of suppliers."""
    arrays = ledger.arrays
    spans = [(int(arrays["offsets"][s]), int(arrays["on_time"][s]), int(arrays["offsets"][s + 1])) for s in suppliers]
    sizes = np.array([high - low for low, _, high in spans], dtype=np.int64)
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])
    on_time = offsets[:-1] + np.array([middle - low for low, middle, _ in spans], dtype=np.int64)
    names = ("kind", "event_day", "known_day", "party", "values")
    facts = tuple(_gather(arrays[name], spans) for name in names)
    row_offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(len(days) - first_row)])
    as_of = np.concatenate([days[first:] for first in first_row]).astype(np.int32)
    sums, last, parties = aggregate(
        facts, offsets=offsets, on_time=on_time, party_counts=arrays["party_counts"][suppliers], row_offsets=row_offsets, as_of=as_of
    )
    rows = Aggregates(sums=sums, last=last, parties=parties, as_of=as_of)
    return evaluate(rows, features, ledger.present)


def evaluate(rows: Aggregates, features: tuple[Feature, ...], present: frozenset[str]) -> npt.NDArray[np.float64]:
    """Compute formulas over aggregates; features of tables the platform did not hand over are missing."""
    values = np.full((len(rows.as_of), len(features)), np.nan)
    for i, feature in enumerate(features):
        if feature.tables <= present:
            values[:, i] = feature.formula.of(rows)
    return values


def _gather(array: npt.NDArray[Any], spans: list[tuple[int, int, int]]) -> npt.NDArray[Any]:
    """The facts of a run of suppliers, contiguous; a view where they already lie together."""
    if spans[-1][2] - spans[0][0] == sum(high - low for low, _, high in spans):
        return np.ascontiguousarray(array[spans[0][0] : spans[-1][2]])
    return np.concatenate([array[low:high] for low, _, high in spans])
