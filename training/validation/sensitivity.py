"""How much does the score move when its inputs do? One feature by one IQR, and a whole table gone."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from credit.errors import LianxinError
from training.bundle import ScoringBundle
from training.measures import auc
from training.validation.calibration import grade_places

Values = NDArray[np.float64]
LARGEST_SAMPLE = 1000
"""Rows that are scored anew per feature: enough for a mean to a few per cent."""


@dataclass(frozen=True, slots=True)
class FeatureSensitivity:
    """Change in points when a feature moves by one IQR of the test rows, up and down; a missing value stays missing.

    ``mean_up`` and ``mean_down`` are signed means, ``largest`` the largest change of any supplier in either direction.
    """

    name: str
    iqr: float
    mean_up: float
    mean_down: float
    largest: float


@dataclass(frozen=True, slots=True)
class TableSensitivity:
    """What the score does when every feature of a source table is missing; ``auc`` is of the rows scored without it."""

    table: str
    features: int
    mean_change: float
    largest_loss: float
    share_other_grade: float
    share_riskier_grade: float
    auc: float | None
    auc_with: float | None


class Rescorer:
    """Scores many changed copies of rows: the bundle's margin, calibration and scale without the points per feature.

    Equal to `ScoringBundle.score` up to the rounding of another order of addition, and some hundred times faster.
    """

    def __init__(self, bundle: ScoringBundle) -> None:
        """Parse the model of a verified bundle."""
        from lightgbm import Booster

        self._booster = Booster(model_str=bundle.content["model.txt"].decode())
        self._bundle = bundle
        self.used: frozenset[int] = frozenset(np.flatnonzero(self._booster.feature_importance("split")).tolist())

    def points(self, values: Values) -> Values:
        """Return the points of rows, shape (n,)."""
        margins = np.asarray(self._booster.predict(values, raw_score=True, num_threads=1), dtype=np.float64)
        scale, calibration = self._bundle.scale, self._bundle.calibration
        return np.asarray(scale.offset - scale.factor * (calibration.intercept + calibration.slope * margins), dtype=np.float64)


def move_features(rescorer: Rescorer, values: Values, names: tuple[str, ...]) -> list[FeatureSensitivity]:
    """Return the sensitivity of every feature the trees use, strongest first; an IQR of 0 is replaced by the span of 90 %."""
    rows = _evenly(values)
    before = rescorer.points(rows)
    found = []
    for column in sorted(rescorer.used):
        known = values[:, column][~np.isnan(values[:, column])]
        if not len(known):
            continue
        low, quarter, three_quarters, high = np.quantile(known, [0.05, 0.25, 0.75, 0.95]).tolist()
        step = three_quarters - quarter or high - low
        changes = [rescorer.points(_moved(rows, column, sign * step)) - before for sign in (1.0, -1.0)]
        found.append(
            FeatureSensitivity(
                names[column], step, float(changes[0].mean()), float(changes[1].mean()), float(np.abs(np.stack(changes)).max())
            )
        )
    return sorted(found, key=lambda one: (-round(max(abs(one.mean_up), abs(one.mean_down)), 6), one.name))


def withhold_tables(rescorer: Rescorer, bundle: ScoringBundle, values: Values, y: Values) -> list[TableSensitivity]:
    """Return what happens to the score when one source table is missing, in the order of the catalogue."""
    before = rescorer.points(values)
    grades = grade_places(bundle.scale.pds(before), bundle.grades)
    found = []
    for table, columns in _columns_by_table(bundle).items():
        without = values.copy()
        without[:, columns] = np.nan
        after = rescorer.points(without)
        places = grade_places(bundle.scale.pds(after), bundle.grades)
        found.append(
            TableSensitivity(
                table=table,
                features=len(columns),
                mean_change=float((after - before).mean()),
                largest_loss=float((before - after).max()),
                share_other_grade=float((places != grades).mean()),
                share_riskier_grade=float((places > grades).mean()),
                auc=_auc(y, -np.round(after, 6)),
                auc_with=_auc(y, -np.round(before, 6)),
            )
        )
    return found


def _columns_by_table(bundle: ScoringBundle) -> Mapping[str, list[int]]:
    tables: dict[str, list[int]] = {}
    for column, entry in enumerate(bundle.catalog):
        tables.setdefault(str(entry["source_table"]), []).append(column)
    return tables


def _evenly(values: Values) -> Values:
    return values[np.unique(np.linspace(0, len(values) - 1, min(LARGEST_SAMPLE, len(values))).astype(np.intp))]


def _moved(rows: Values, column: int, step: float) -> Values:
    moved = rows.copy()
    moved[:, column] += step
    return moved


def _auc(y: Values, risk: Values) -> float | None:
    try:
        return auc(y, risk)
    except LianxinError:
        return None
