"""Features and outcomes side by side: the table a model learns from, one row per supplier and as-of date."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit.errors import NotEnoughHistory
from credit.outcome import Outcome
from features.build import FeatureMatrix
from training.labels import Outcomes


@dataclass(frozen=True, slots=True)
class ModelFrame:
    """Rows that have both features and a good or bad outcome, in the order of as-of date and supplier.

    ``values`` has shape (n, f), NaN where missing; ``y`` is 1 for bad; ``default_on`` is the day of default, NaT where there was none or
    nobody says; ``counts`` says what became of the labels.
    """

    supplier_ids: NDArray[np.str_]
    as_of: NDArray[np.datetime64]
    mature_on: NDArray[np.datetime64]
    names: tuple[str, ...]
    values: NDArray[np.float64]
    y: NDArray[np.float64]
    default_on: NDArray[np.datetime64]
    counts: Mapping[str, int]


def assemble(matrix: FeatureMatrix, outcomes: Outcomes) -> ModelFrame:
    """Join features and outcomes on supplier and as-of date.

    Indeterminate outcomes, labels that were not yet mature at the end of the data (of those only the bad ones would show)
    and labels of suppliers without features are left out and counted.
    """
    matrix_keys = _keys(matrix.supplier_ids, matrix.as_of)
    order = np.argsort(matrix_keys, kind="stable")
    wanted = _keys(outcomes.supplier_ids, outcomes.as_of)
    place = np.searchsorted(matrix_keys[order], wanted).clip(0, max(0, len(order) - 1))
    has_features = matrix_keys[order][place] == wanted if len(order) else np.zeros(len(wanted), dtype=np.bool_)
    is_settled = ~np.isnan(outcomes.y)
    kept = np.flatnonzero(has_features & is_settled & outcomes.is_mature)
    kept = kept[np.lexsort((outcomes.supplier_ids[kept], outcomes.as_of[kept]))]
    counts = {
        **{f"labelled_{outcome}": int((outcomes.status == outcome).sum()) for outcome in Outcome},
        **{f"unlabelled_{reason}": count for reason, count in outcomes.left_out.items()},
        "left_out_not_mature": int((~outcomes.is_mature).sum()),
        "left_out_without_features": int((~has_features).sum()),
        "rows": len(kept),
        "bads": int(outcomes.y[kept].sum()),
    }
    if not len(kept):
        raise NotEnoughHistory(f"no row has both features and a mature good or bad outcome; what was found: {counts}")
    return ModelFrame(
        supplier_ids=outcomes.supplier_ids[kept],
        as_of=outcomes.as_of[kept],
        mature_on=outcomes.mature_on[kept],
        names=matrix.names,
        values=np.ascontiguousarray(matrix.values[order[place[kept]]], dtype=np.float64),
        y=outcomes.y[kept],
        default_on=outcomes.default_on[kept],
        counts=counts,
    )


def _keys(supplier_ids: NDArray[np.str_], as_of: NDArray[np.datetime64]) -> NDArray[np.str_]:
    # The date first and of fixed width, so that no supplier's id can run into it.
    return np.char.add(np.datetime_as_string(as_of, unit="D"), supplier_ids)
