"""How did the score come to where it is? The points of each month of two years, each as they would have been given then.

The same kernel and bundle, from what was known before each date: nothing that came in since moves an earlier point. What moved it is told
by family of factors, whose points add up to the score at every date.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from features.build import build_features, month_starts
from features.catalog_words import FAMILIES
from features.civil import to_day
from features.feature import Family
from features.ledger import Ledger
from serving.assess import Assessment, scored_features
from training.bundle import ScoringBundle

MONTHS = 24
MOVERS = 2
LEAST_MOVE = 1.0
"""Points from which on a family is named as having moved the score."""


@dataclass(frozen=True, slots=True)
class Mover:
    """A family of factors and the points it moved the score by since the month before; its label in Chinese and English."""

    label: tuple[str, str]
    points: float


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """The score as of one date; ``change`` since the one before is of the points as shown, None for the first."""

    as_of: date
    points: int
    change: int | None
    movers: tuple[Mover, ...]


def trend_dates(as_of: date) -> list[date]:
    """Return the first days of the months of the two years to ``as_of``, the 24 months' and its own.

    Examples
    --------
    >>> found = trend_dates(date(2026, 7, 15))
    >>> len(found), found[0], found[-1]
    (25, datetime.date(2024, 7, 1), datetime.date(2026, 7, 1))
    """
    return month_starts(date(as_of.year - MONTHS // 12, as_of.month, 1), as_of)


def trend_of(bundle: ScoringBundle, ledger: Ledger, assessment: Assessment) -> tuple[TrendPoint, ...]:
    """Return the score's way to the assessment, oldest first; the last point is the assessment's own.

    Dates before anything was known of the supplier are left out.
    """
    score = assessment.score
    first = int(ledger.known_from[ledger.position(score.supplier_id)])
    dates = [day for day in trend_dates(score.as_of) if first < to_day(day) and day != score.as_of]
    families = [Family(str(entry["family"])) for entry in bundle.catalog]
    points, parts = [score.points], [_by_family(families, [part.points for part in score.contributions])]
    if dates:
        matrix = build_features(ledger, dates, [score.supplier_id], features=scored_features(bundle.names))
        scores = bundle.score(matrix.values)
        points = [*scores.points.tolist(), *points]
        parts = [*(_by_family(families, row.tolist()) for row in scores.contributions), *parts]
    shown = [round(each) for each in points]
    return tuple(
        TrendPoint(
            day,
            shown[place],
            shown[place] - shown[place - 1] if place else None,
            _movers(parts[place - 1], parts[place]) if place else (),
        )
        for place, day in enumerate([*dates, score.as_of])
    )


def _by_family(families: list[Family], contributions: list[float]) -> dict[Family, float]:
    """Return each family's points."""
    totals = dict.fromkeys(families, 0.0)
    for family, points in zip(families, contributions, strict=True):
        totals[family] += points
    return totals


def _movers(before: Mapping[Family, float], after: Mapping[Family, float]) -> tuple[Mover, ...]:
    """Return the families that moved the score most, up or down."""
    moved = [(after[family] - before[family], family) for family in after]
    largest = sorted(moved, key=lambda item: (-abs(item[0]), item[1]))[:MOVERS]
    return tuple(Mover(FAMILIES[family], points) for points, family in largest if abs(points) >= LEAST_MOVE)


def overall(trend: tuple[TrendPoint, ...]) -> tuple[int, int, int]:
    """Return the first, the lowest and the highest points of a trend."""
    points = np.array([each.points for each in trend])
    return int(points[0]), int(points.min()), int(points.max())
