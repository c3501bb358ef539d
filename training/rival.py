"""Is the challenger worse than the champion? Both score the same test rows, and the difference has an interval.

A supplier has many rows, which share most of their outcome: suppliers are drawn again, not rows.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from credit.errors import OutOfRange
from training.bundle import ScoringBundle

REDRAWS = 400
Values = NDArray[np.float64]


def against_champion(
    champion: ScoringBundle, *, names: tuple[str, ...], values: Values, y: Values, suppliers: NDArray[np.str_], pd: Values, seed: int
) -> dict[str, Any]:
    """Return the document of differences, challenger less champion, or why there are none.

    Parameters
    ----------
    champion
        The bundle that scores today.
    names, values, y, suppliers
        The challenger's test rows, shapes (f,), (n, f), (n,), (n,).
    pd
        The challenger's PDs of them.
    seed
        Of the redraws.
    """
    document: dict[str, Any] = {"champion_sha256": champion.content_hash, "measures": {}}
    lacking = [name for name in champion.names if name not in names]
    if lacking:
        return {**document, "why_not": f"the champion scores {len(lacking)} features that are not made any more, first {lacking[0]}"}
    place = {name: index for index, name in enumerate(names)}
    theirs = champion.score(np.ascontiguousarray(values[:, [place[name] for name in champion.names]])).pd
    return {**document, "measures": paired_differences(y, pd, theirs, suppliers, seed=seed)}


def paired_differences(y: Values, pd: Values, other: Values, clusters: NDArray[np.str_], *, seed: int) -> dict[str, dict[str, float]]:
    """Return ``auc`` and ``log_loss`` of ``pd`` less that of ``other`` with 95 % percentile intervals over redrawn clusters.

    Notes
    -----
    Cluster bootstrap: Field and Welsh (2007), Journal of the Royal Statistical Society B 69. Redraws without both outcomes are left
    out.
    """
    _, cluster = np.unique(clusters, return_inverse=True)
    count = int(cluster.max()) + 1
    generator = np.random.default_rng(seed)
    losses = _losses(y, pd) - _losses(y, other)
    orders = [_Ranked(y, risk) for risk in (pd, other)]
    drawn = []
    for _ in range(REDRAWS):
        weight = np.bincount(generator.integers(0, count, count), minlength=count)[cluster].astype(np.float64)
        if 0 < weight @ y < weight.sum():
            drawn.append((orders[0].auc(weight) - orders[1].auc(weight), float(weight @ losses / weight.sum())))
    if not drawn:
        raise OutOfRange(f"a comparison needs good and bad rows in a redraw of {count} suppliers: bring more outcomes")
    ones = np.ones(len(y))
    found = (orders[0].auc(ones) - orders[1].auc(ones), float(losses.mean()))
    ends = np.quantile(np.array(drawn), [0.025, 0.975], axis=0)
    return {
        name: {"value": value, "low": min(value, float(low)), "high": max(value, float(high)), "n": len(y)}
        for name, value, low, high in zip(("auc", "log_loss"), found, *ends, strict=True)
    }


class _Ranked:
    """Outcomes in the order of one risk, so that the AUC of many weightings takes one pass each."""

    def __init__(self, y: Values, risk: Values) -> None:
        self._order = np.argsort(risk, kind="stable")
        self._starts = np.flatnonzero(np.append(True, np.diff(risk[self._order]) > 0))
        self._bad = y[self._order]

    def auc(self, weight: Values) -> float:
        """Return the weighted share of bad-good pairs in the right order, ties a half."""
        weight = weight[self._order]
        bads = np.add.reduceat(weight * self._bad, self._starts)
        goods = np.add.reduceat(weight * (1.0 - self._bad), self._starts)
        below = np.cumsum(goods) - goods
        return float(bads @ (below + goods / 2.0) / (bads.sum() * goods.sum()))


def _losses(y: Values, pd: Values) -> Values:
    return np.asarray(-(y * np.log(pd) + (1.0 - y) * np.log1p(-pd)), dtype=np.float64)
