"""Only financed suppliers have outcomes: does that bend the model, and would a remedy help or hurt?

Two remedies are offered, inverse-propensity weights and fuzzy augmentation, behind a trial that can refuse them. The trial needs no outcome
of a rejected supplier: of the financed whom the lender would least have been expected to finance, half are set aside as exceptions; the
remedy is applied as if they had been rejected, and must foretell their outcomes better than the plain model does. What does not win by more
than luck is refused, and the product trains without it.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import NormalDist

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from credit.errors import OutOfRange, TrainingFailed
from training.params import BoosterParams

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

LARGEST_WEIGHT = 10.0
"""No financed row stands for more than this many rows of its like: beyond it a handful of rows would decide."""
UNLIKELY_SHARE = 0.2
"""Share of the financed suppliers, by lowest propensity, of whom half are set aside in a trial."""
_ROUNDS = 150


class Remedy(StrEnum):
    """What is done about suppliers without an outcome."""

    NONE = "none"
    WEIGHTS = "inverse_propensity_weights"
    FUZZY = "fuzzy_augmentation"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a booster is grown in a trial: the product's parameters with a number of trees, names and directions of the features."""

    names: Sequence[str]
    directions: Sequence[int]
    params: BoosterParams
    rounds: int
    seed: int = 0
    threads: int = 1
    group_size: float = 1.0

    def grow(self, values: Values, y: Values, weights: Values) -> lgb.Booster:
        """Grow a booster on weighted rows."""
        # Its log-odds are taken as they are, without a calibration after: goods left out of the trees would shift them.
        settings = replace(self.params, goods_fraction=1.0).for_lightgbm(
            directions=self.directions,
            bad_rate=float(np.average(y, weights=weights)),
            group_size=self.group_size,
            seed=self.seed,
            threads=self.threads,
        )
        data = lgb.Dataset(values, y, weight=weights, feature_name=list(self.names), params=dict(settings))
        return lgb.train(settings, data, self.rounds)


@dataclass(frozen=True, slots=True)
class Trial:
    """How a remedy did on the exceptions.

    ``gain`` is the plain model's log loss less the remedy's, above 0 where the remedy is better, with ``low`` and ``high`` around it;
    ``overlap`` is the share of rejected rows whose propensity financed rows have too.
    """

    remedy: Remedy
    rows: int
    bads: int
    gain: float
    low: float
    high: float
    overlap: float

    @property
    def is_accepted(self) -> bool:
        """Whether the remedy wins by more than luck."""
        return self.low > 0.0


def financing_propensity(values: Values, is_financed: Flags, fold: NDArray[np.intp], *, seed: int = 0, threads: int = 1) -> Values:
    """Return for each row the probability of having been financed, from boosters that never saw its supplier.

    Parameters
    ----------
    values
        Features of financed and rejected rows, shape (n, f).
    is_financed
        Whether an outcome could be seen, shape (n,).
    fold
        Fold of each row's supplier, shape (n,).
    """
    if not 0 < is_financed.sum() < len(is_financed):
        raise OutOfRange(f"a propensity needs financed and rejected rows, found {int(is_financed.sum())} financed of {len(is_financed)}")
    settings = {
        "objective": "binary", "learning_rate": 0.05, "num_leaves": 12, "min_data_in_leaf": 100, "feature_fraction": 0.5, "lambda_l2": 10.0,
        "seed": seed, "deterministic": True, "force_row_wise": True, "num_threads": threads, "verbosity": -1,
    }  # fmt: skip
    found = np.empty(len(values))
    for k in np.unique(fold):
        own, other = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        data = lgb.Dataset(values[other], is_financed[other].astype(np.float64), params={"verbosity": -1})
        found[own] = lgb.train(settings, data, _ROUNDS).predict(values[own], num_threads=threads)
    return found


def overlap(propensity: Values, is_financed: Flags, *, tail: float = 0.01) -> float:
    """Return the share of rejected rows whose propensity lies where financed rows lie, 0 to 1; higher is better.

    Where it is low no remedy can help: the financed hold nobody like the rejected. The financed's lowest ``tail`` is left out.

    Examples
    --------
    >>> overlap(np.array([0.1, 0.6, 0.6, 0.9]), np.array([False, False, True, True]), tail=0.0)
    0.5
    """
    rejected = propensity[~is_financed]
    if not len(rejected) or not is_financed.any():
        raise OutOfRange("an overlap needs financed and rejected rows")
    return float(np.mean(rejected >= np.quantile(propensity[is_financed], tail)))


def remedied_booster(remedy: Remedy, values: Values, y: Values, is_financed: Flags, propensity: Values, recipe: Recipe) -> lgb.Booster:
    """Grow a booster under a remedy.

    Parameters
    ----------
    values
        Features of financed and rejected rows, shape (n, f).
    y
        1 bad, 0 good; of rejected rows it is not looked at, shape (n,).
    is_financed, propensity
        Shape (n,).
    recipe
        How boosters are grown.

    Notes
    -----
    Weights: a financed row weighs 1 / propensity, divided by their mean and cut at `LARGEST_WEIGHT` (Horvitz and Thompson 1952; Banasik,
    Crook and Thomas, Sample selection bias in credit scoring models, 2003). Fuzzy: a rejected row comes in twice, as bad with the PD the
    plain model gives it for a weight and as good with the rest (Siddiqi, Credit Risk Scorecards, 2006, chapter 6).
    """
    own = np.flatnonzero(is_financed)
    if not 0 < y[own].sum() < len(own):
        raise TrainingFailed(f"a remedy needs good and bad financed rows, found {int(y[own].sum())} bad of {len(own)}")
    even = np.ones(len(own))
    if remedy is Remedy.WEIGHTS:
        weights = 1.0 / np.maximum(propensity[own], 1e-6)
        return recipe.grow(values[own], y[own], np.minimum(weights / weights.mean(), LARGEST_WEIGHT))
    plain = recipe.grow(values[own], y[own], even)
    if remedy is Remedy.NONE:
        return plain
    rest = np.flatnonzero(~is_financed)
    pd = np.asarray(plain.predict(values[rest], num_threads=recipe.threads), dtype=np.float64)
    stacked = np.concatenate([own, rest, rest])
    outcome = np.concatenate([y[own], np.ones(len(rest)), np.zeros(len(rest))])
    return recipe.grow(values[stacked], outcome, np.concatenate([even, pd, 1.0 - pd]))


def try_remedy(
    remedy: Remedy,
    values: Values,
    y: Values,
    is_financed: Flags,
    propensity: Values,
    *,
    suppliers: NDArray[np.str_],
    recipe: Recipe,
    confidence: float = 0.95,
) -> Trial:
    """Try a remedy on financed suppliers whom the lender would least have been expected to finance.

    Parameters
    ----------
    values, y, is_financed, propensity
        As for `remedied_booster`.
    suppliers
        Of each row, shape (n,): a supplier is an exception with all its rows or with none, and its rows share their luck.
    recipe
        How boosters are grown.
    confidence
        Of the interval around the gain; the remedy is accepted where all of it is above 0.

    Notes
    -----
    Of the `UNLIKELY_SHARE` of financed suppliers with the lowest mean propensity, half, by a hash of their ids, are exceptions: plain and
    remedied model learn with them counted among the rejected, and their likes' propensity halved. The gain's interval is normal, from
    sums over suppliers.
    """
    names, place = np.unique(suppliers[is_financed], return_inverse=True)
    mean = np.bincount(place, weights=propensity[is_financed]) / np.bincount(place)
    unlikely = names[np.argsort(mean, kind="stable")[: round(UNLIKELY_SHARE * len(names))]]
    exceptions = [name for name in unlikely.tolist() if zlib.crc32(name.encode()) % 2]
    judged = np.flatnonzero(is_financed & np.isin(suppliers, exceptions))
    if len(exceptions) < 2 or not 0 < y[judged].sum() < len(judged):
        raise TrainingFailed(f"a trial needs exceptions with good and bad outcomes, found {int(y[judged].sum())} bad of {len(judged)} rows")
    known = is_financed.copy()
    known[judged] = False
    propensity_known = np.where(np.isin(suppliers, unlikely), propensity / 2.0, propensity)
    losses = [
        _losses(remedied_booster(chosen, values, y, known, propensity_known, recipe), values[judged], y[judged], recipe.threads)
        for chosen in (Remedy.NONE, remedy)
    ]
    gains = losses[0] - losses[1]
    cluster = np.unique(suppliers[judged], return_inverse=True)[1]
    sums = np.bincount(cluster, weights=gains - gains.mean())
    error = float(np.sqrt(len(sums) / (len(sums) - 1) * (sums @ sums))) / len(gains)
    reach = NormalDist().inv_cdf(0.5 + confidence / 2.0) * error
    gain = float(gains.mean())
    return Trial(remedy, len(judged), int(y[judged].sum()), gain, gain - reach, gain + reach, overlap(propensity, is_financed))


def _losses(booster: lgb.Booster, values: Values, y: Values, threads: int) -> Values:
    margins = np.asarray(booster.predict(values, raw_score=True, num_threads=threads), dtype=np.float64)
    return np.asarray(np.logaddexp(0.0, margins) - y * margins, dtype=np.float64)
