"""Which groups is a model judged in? Region, industry, kind, size and age of every row."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from features.read import RawTables
from training.dataset import ModelFrame

UNKNOWN = "unknown"
SIZE, AGE = "orders_amount_sum_365d", "supplier_age_days_all"
SIZE_LABELS = ("small", "middle", "large")
AGE_LABELS = ("young", "established", "old")
"""Thirds of the training rows, in their order."""
ORDER = (*SIZE_LABELS, *AGE_LABELS)

_FROM_TABLE = ("province", "industry", "kind")


def segments_of(tables: RawTables, frame: ModelFrame, rows: NDArray[np.intp]) -> Mapping[str, NDArray[np.str_]]:
    """Return by dimension the label of every row of the frame, `UNKNOWN` where nothing is known.

    Province, industry and kind are the platform's last known. Size (orders of a year) and age (days since registration) are the
    row's own features as of its date, divided at the thirds of ``rows``.
    """
    known = tables.con.execute(
        f"SELECT supplier_id, {', '.join(_FROM_TABLE)} FROM suppliers QUALIFY row_number() OVER "
        "(PARTITION BY supplier_id ORDER BY recorded_at DESC NULLS LAST, source_row DESC) = 1"
    ).fetchall()
    by_supplier = {supplier_id: labels for supplier_id, *labels in known}
    nothing = [None] * len(_FROM_TABLE)
    of_row = [by_supplier.get(supplier_id, nothing) for supplier_id in frame.supplier_ids.tolist()]
    segments = {
        name: np.array([str(labels[place] or UNKNOWN) for labels in of_row], dtype=np.str_) for place, name in enumerate(_FROM_TABLE)
    }
    for dimension, feature, labels in (("size", SIZE, SIZE_LABELS), ("age", AGE, AGE_LABELS)):
        segments[dimension] = banded(_column(frame, feature), thirds(frame, rows, feature), labels)
    return segments


def thirds(frame: ModelFrame, rows: NDArray[np.intp], feature: str) -> tuple[float, ...]:
    """Return the two bounds that divide the known values of a feature in ``rows`` into thirds; none where none is known."""
    values = _column(frame, feature)[rows]
    known = values[~np.isnan(values)]
    return tuple(np.quantile(known, [1 / 3, 2 / 3]).tolist()) if len(known) else ()


def banded(values: NDArray[np.float64], bounds: Sequence[float], labels: Sequence[str]) -> NDArray[np.str_]:
    """Return the label of the band each value falls in; a value on a bound belongs to the band above it.

    Examples
    --------
    >>> banded(np.array([1.0, 2.0, np.nan]), (2.0,), ("low", "high")).tolist()
    ['low', 'high', 'unknown']
    """
    place = np.searchsorted(np.asarray(bounds), values, side="right")
    named = np.array([*labels, UNKNOWN], dtype=np.str_)
    return np.asarray(named[np.where(np.isnan(values), len(labels), place)], dtype=np.str_)


def ordered(labels: NDArray[np.str_], order: Sequence[str] = ORDER) -> list[str]:
    """Return the labels there are, once each: those of ``order`` in it, then the others by the alphabet.

    Examples
    --------
    >>> ordered(np.array(["unknown", "large", "small", "large"]))
    ['small', 'large', 'unknown']
    """
    there = np.unique(labels).tolist()
    return [label for label in order if label in there] + [label for label in there if label not in order]


def _column(frame: ModelFrame, name: str) -> NDArray[np.float64]:
    return frame.values[:, frame.names.index(name)] if name in frame.names else np.full(len(frame.y), np.nan)
