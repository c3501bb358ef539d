"""From a supplier's facts to its score: features from the stored ledger, points from the bundle, grade and principal reasons.

The step of the walk that scores. One supplier here and a whole platform in a batch go through the same features and the same booster, and
come out the same to the last bit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from credit.abstention import Interval, Standing, stand
from credit.errors import BundleInvalid, NotEnoughHistory
from credit.grade import Grade
from credit.reason import Reason
from credit.score import Score
from credit.sufficiency import Record, Sufficiency, data_sufficiency
from features.build import FeatureMatrix, build_features
from features.catalog import CATALOG
from features.feature import Feature
from features.ledger import Ledger
from features.on_record import ON_RECORD
from serving.http.refusals import AsOfOutOfRange
from training.bundle import Scores, ScoringBundle


@dataclass(frozen=True, slots=True)
class Assessment:
    """A score with its grade, its principal reasons (worst first) and the feature values it rests on, in the bundle's order.

    ``interval`` and ``standing`` (what the interval says against the cut-off) are None where the bundle carries no intervals,
    ``sufficiency`` where it carries no policy for it.
    """

    score: Score
    grade: Grade
    reasons: tuple[Reason, ...]
    values: tuple[float, ...]
    interval: Interval | None = None
    standing: Standing | None = None
    sufficiency: Sufficiency | None = None


@dataclass(frozen=True, slots=True)
class BatchScores:
    """Scores of many suppliers: row i of everything belongs to supplier i at its as-of date."""

    matrix: FeatureMatrix
    scores: Scores
    grades: tuple[Grade, ...]


def assess(bundle: ScoringBundle, ledger: Ledger, supplier_id: str, as_of: date, *, as_known_at: date | None = None) -> Assessment:
    """Score one supplier from what was known of it before the start of ``as_of``, or of ``as_known_at`` where that is given.

    Raises
    ------
    AsOfOutOfRange
        The date lies after the last one the ledger can answer for.
    UnknownSupplier
        The supplier does not stand in the ledger, or nothing was known of it yet.
    BundleInvalid
        The bundle asks for a feature this version of the catalogue does not have.
    """
    refuse_later_as_of(ledger, as_of)
    return assess_known(bundle, ledger, supplier_id, as_of, as_known_at=as_known_at)


def assess_known(bundle: ScoringBundle, ledger: Ledger, supplier_id: str, as_of: date, *, as_known_at: date | None = None) -> Assessment:
    """Score one supplier of a ledger that is complete up to ``as_of``, whatever its last known day; raises as `assess` does."""
    matrix = build_features(ledger, [as_of], [supplier_id], features=_read_features(bundle.names), as_known_at=as_known_at)
    row, counts = matrix.values[0, : len(bundle.names)], matrix.values[0, len(bundle.names) :].tolist()
    return assess_row(bundle, supplier_id, as_of, row, counts=counts, tables=_tables_present(bundle.names, ledger.present))


def assess_row(
    bundle: ScoringBundle, supplier_id: str, as_of: date, row: npt.NDArray[np.float64], *, counts: Sequence[float], tables: float
) -> Assessment:
    """Assess a supplier from its feature row, what `ON_RECORD` counts of it, and the share of the model's tables that are there.

    Notes
    -----
    A thin file keeps the model's score, which still ranks there (docs/decisions/0013); its interval is the widest and holds the pool's
    PD, its sufficiency is C, and it is referred whatever the score.
    """
    score, values = bundle.score_of(supplier_id, as_of, row), tuple(row.tolist())
    interval = standing = sufficiency = None
    is_thin = bundle.intervals is not None and bundle.intervals.is_thin(values)
    if bundle.intervals is not None:
        interval = bundle.intervals.around(score.pd, values)
        standing = stand(score.pd, interval, cutoff_pd=bundle.intervals.policy.cutoff_pd, is_thin=is_thin)
    if bundle.sufficiency is not None:
        months, orders, deliveries, reviews = (0.0 if math.isnan(count) else count for count in counts)
        known = bundle.sufficiency.known_share(values)
        on_record = Record(months=months, orders=orders, deliveries=deliveries, reviews=reviews, tables=tables, known=known)
        sufficiency = data_sufficiency(on_record, bundle.sufficiency.policy, is_thin=is_thin)
    return Assessment(score, bundle.grades.grade(score.pd), bundle.reasons(score), values, interval, standing, sufficiency)


def score_batch(bundle: ScoringBundle, ledger: Ledger, as_of: date, suppliers: Sequence[str] | None = None) -> BatchScores:
    """Score all suppliers known before ``as_of``, or the named ones.

    Raises as `assess` does, and `NotEnoughHistory` where none of them was known.
    """
    refuse_later_as_of(ledger, as_of)
    batch = score_matrix(bundle, build_features(ledger, [as_of], suppliers, features=scored_features(bundle.names)))
    if not batch.grades:
        raise NotEnoughHistory(
            f"nothing was known of any supplier before {as_of}; the first day of the data is {ledger.first_day}: ask for a later day"
        )
    return batch


def score_matrix(bundle: ScoringBundle, matrix: FeatureMatrix) -> BatchScores:
    """Score every row of a matrix; its columns are found by name, never by position."""
    scores = bundle.score(_in_order(matrix, bundle.names))
    return BatchScores(matrix, scores, tuple(bundle.grades.grade(pd) for pd in scores.pd.tolist()))


def refuse_later_as_of(ledger: Ledger, as_of: date) -> None:
    """Refuse a date after the day that follows the ledger's last known one: what happened in between is not there."""
    latest = ledger.latest_as_of
    if as_of > latest:
        raise AsOfOutOfRange(
            f"The ledger answers for as-of dates up to {latest}, found {as_of}. Ask for an earlier date, or build it anew.",
            latest=latest,
        )


@lru_cache(maxsize=8)
def scored_features(names: tuple[str, ...]) -> tuple[Feature, ...]:
    """Return the catalogue's declarations of the names, in their order.

    Raises
    ------
    BundleInvalid
        The catalogue lacks one of them.
    """
    known = {feature.name: feature for feature in CATALOG}
    lacking = [name for name in names if name not in known]
    if lacking:
        raise BundleInvalid(
            f"The bundle scores {len(lacking)} features that this version's catalogue does not have, first {lacking[0]!r}. "
            f"Serve it with the version it was trained with, or release it again."
        )
    return tuple(known[name] for name in names)


@lru_cache(maxsize=8)
def _read_features(names: tuple[str, ...]) -> tuple[Feature, ...]:
    """Return what is read for one supplier: the scored features, and the counts of what is on record."""
    return (*scored_features(names), *ON_RECORD)


@lru_cache(maxsize=8)
def _tables_present(names: tuple[str, ...], present: frozenset[str]) -> float:
    """Return the share of the tables the features rest on that are there; 1 where they rest on none."""
    needed = {table for feature in scored_features(names) for table in feature.tables}
    return len(needed & present) / len(needed) if needed else 1.0


def _in_order(matrix: FeatureMatrix, names: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """Return the matrix's values with the columns in the order of ``names``."""
    if matrix.names == names:
        return matrix.values
    places = {name: place for place, name in enumerate(matrix.names)}
    lacking = [name for name in names if name not in places]
    if lacking:
        raise BundleInvalid(
            f"The matrix lacks {len(lacking)} features the bundle scores, first {lacking[0]!r}. Build it from the ledger again."
        )
    return np.ascontiguousarray(matrix.values[:, [places[name] for name in names]])
