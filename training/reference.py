"""Whom is a supplier compared with? The training rows: their medians, their points per feature, their distributions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.scorer import Scores

BINS = 10
PERCENTILES = 100
REFERENCE_ROWS = 5000
"""Rows that stand for the training sample: enough for shares to half a per cent, at a tenth of the time."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Distribution:
    """How one feature lies in the reference rows: inner bin edges, the share per bin, and the share missing.

    ``shares`` has one more entry than ``edges``; a value on an edge belongs to the bin above it.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    missing: float


@dataclass(frozen=True, slots=True)
class Reference:
    """The reference sample in the order of the bundle's names.

    ``medians`` are of the values (NaN where every row lacks one), ``contributions`` the median points per feature,
    ``points`` the 0th to 100th percentile of the reference scores.
    """

    medians: tuple[float, ...]
    contributions: tuple[float, ...]
    distributions: tuple[Distribution, ...]
    points: tuple[float, ...]

    @classmethod
    def of(cls, values: Values, scores: Scores) -> "Reference":
        """Describe the reference rows ``values``, shape (n, f), and their scores."""
        columns = [column[~np.isnan(column)] for column in values.T]
        return cls(
            medians=tuple(float(np.median(column)) if len(column) else float("nan") for column in columns),
            contributions=tuple(np.median(scores.contributions, axis=0).tolist()),
            distributions=tuple(_distribution(column, len(values)) for column in columns),
            points=tuple(np.quantile(scores.points, np.linspace(0, 1, PERCENTILES + 1)).tolist()),
        )

    def percentile(self, points: float) -> float:
        """Return the share, 0 to 1, of the reference suppliers who score lower than ``points``."""
        return float(np.searchsorted(self.points, points, side="left").clip(0, PERCENTILES)) / PERCENTILES

    def to_json(self) -> dict[str, Any]:
        """Return a document that `from_json` reads back to the same bits."""
        return {
            "medians": [None if np.isnan(median) else median for median in self.medians],
            "contributions": list(self.contributions),
            "distributions": [{"edges": list(d.edges), "shares": list(d.shares), "missing": d.missing} for d in self.distributions],
            "points": list(self.points),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Reference":
        """Read a document written by `to_json`."""
        return cls(
            medians=tuple(float("nan") if median is None else float(median) for median in document["medians"]),
            contributions=tuple(map(float, document["contributions"])),
            distributions=tuple(
                Distribution(tuple(map(float, d["edges"])), tuple(map(float, d["shares"])), float(d["missing"]))
                for d in document["distributions"]
            ),
            points=tuple(map(float, document["points"])),
        )


def reference_rows(values: Values) -> Values:
    """Return at most `REFERENCE_ROWS` training rows, evenly spaced over all of them in their order by as-of date."""
    chosen = np.unique(np.linspace(0, len(values) - 1, min(REFERENCE_ROWS, len(values))).astype(np.intp))
    return np.asarray(values[chosen], dtype=np.float64)


def _distribution(present: Values, rows: int) -> Distribution:
    if not len(present):
        return Distribution((), (0.0,), 1.0)
    quantiles = np.unique(np.quantile(present, np.linspace(0, 1, BINS + 1)[1:-1]))
    # An edge at the very bottom would leave the bin below it empty for ever.
    edges = quantiles[quantiles > present.min()]
    counts = np.bincount(np.searchsorted(edges, present, side="right"), minlength=len(edges) + 1)
    return Distribution(
        edges=tuple(edges.tolist()),
        shares=tuple((counts / rows).tolist()),
        missing=(rows - len(present)) / rows,
    )
