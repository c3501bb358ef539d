"""How well does the model rank today, though nobody knows the outcomes yet? Estimated from its own calibrated PDs.

Confidence-based performance estimation: if each supplier defaults with the PD the model gives it, the expected AUC, log loss and bad
rate follow from the PDs alone. The assumption is that the PDs are still calibrated: it sees a changed mix of suppliers and cannot see
a changed relation of features and default. That is what the early defaults are watched for, and what the newest matured vintage, where
estimate and outcome stand side by side, is there to show.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 400
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Expected:
    """Expected AUC, log loss and bad rate of suppliers with given PDs; ``low`` and ``high`` hold 95 % of what chance would show."""

    suppliers: int
    auc: float
    auc_low: float
    auc_high: float
    log_loss: float
    bad_rate: float
    bad_rate_low: float
    bad_rate_high: float


def expect_performance(pd: Values, *, seed: int) -> Expected:
    """Return what outcomes drawn from the PDs would show; ``pd`` has shape (n,), n at least 2."""
    generator = np.random.default_rng(seed)
    ordered = np.sort(pd)
    starts = np.flatnonzero(np.append(True, np.diff(ordered) > 0))
    drawn = np.empty((DRAWS, 2))
    for row in range(DRAWS):
        y = (generator.random(len(ordered)) < ordered).astype(np.float64)
        drawn[row] = _auc(y, 1.0 - y, starts), y.mean()
    low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0) if np.isfinite(drawn[:, 0]).any() else (np.zeros(2), np.ones(2))
    expected = expected_auc(pd)
    entropy = -(pd * np.log(pd) + (1.0 - pd) * np.log1p(-pd))
    return Expected(
        suppliers=len(pd),
        auc=expected,
        auc_low=min(expected, float(low[0])),
        auc_high=max(expected, float(high[0])),
        log_loss=float(entropy.mean()),
        bad_rate=float(pd.mean()),
        bad_rate_low=float(low[1]),
        bad_rate_high=float(high[1]),
    )


def expected_auc(pd: Values) -> float:
    """Return the AUC expected where everybody defaults with its own PD; no supplier is paired with itself.

    Examples
    --------
    Two suppliers, PDs 0.2 and 0.8. The pair is bad-good in the right order with chance 0.8 x 0.8, the wrong way with 0.2 x 0.2.

    >>> round(expected_auc(np.array([0.2, 0.8])), 6)  # 0.64 / 0.68
    0.941176
    """
    ordered = np.sort(pd)
    starts = np.flatnonzero(np.append(True, np.diff(ordered) > 0))
    bads, goods = np.add.reduceat(ordered, starts), np.add.reduceat(1.0 - ordered, starts)
    alone = float(np.sum(ordered * (1.0 - ordered)))
    right = float(bads @ (np.cumsum(goods) - goods + goods / 2.0)) - alone / 2.0
    return right / (float(bads.sum() * goods.sum()) - alone)


def _auc(bad: Values, good: Values, starts: NDArray[np.intp]) -> float:
    bads, goods = np.add.reduceat(bad, starts), np.add.reduceat(good, starts)
    pairs = float(bads.sum() * goods.sum())
    return float(bads @ (np.cumsum(goods) - goods + goods / 2.0)) / pairs if pairs else float("nan")
