"""Would the reasons have been others, had the sample been another? How often the first one survives a refit.

Suppliers are drawn with replacement, each with all its rows, and the model is grown again with the same parameters and number
of trees. For suppliers of the test period the first principal reason of each refit is compared with the model's own: by family,
which is how reasons are ranked, and for comparison by the feature that tells it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from credit.errors import OutOfRange
from credit.reason import Factor, Reason, principal_reasons
from training.params import BoosterParams
from training.recipe import rows_per_group

REFITS = 10
SUPPLIERS = 500
REFERENCE_ROWS = 1000

Values = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Survival:
    """A share of (supplier, refit) pairs, higher is better, with its interval at 95 %, over ``n`` suppliers who have a reason."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class ReasonStability:
    """How often a reason is the same after a refit on resampled suppliers.

    ``first_family``: the first reason's family is first again; ``first_feature``: the feature that tells it tells the first again;
    ``first_family_told``: the first reason's family is among the principal reasons again.
    """

    first_family: Survival
    first_feature: Survival
    first_family_told: Survival
    refits: int

    def to_json(self) -> dict[str, object]:
        """Return each as ``<name>_survival`` with ``value``, ``low``, ``high`` and ``n``, and ``refits``."""
        return {
            "first_family_survival": asdict(self.first_family),
            "first_feature_survival": asdict(self.first_feature),
            "first_family_told_survival": asdict(self.first_family_told),
            "refits": self.refits,
        }


@dataclass(frozen=True, slots=True)
class GrownFrom:
    """What a model was grown from: rows, shape (n, f), outcomes and suppliers, and how."""

    values: Values
    y: Values
    supplier_ids: NDArray[np.str_]
    directions: Sequence[int]
    params: BoosterParams
    rounds: int


def reason_stability(
    model_text: str,
    grown: GrownFrom,
    asked: Values,
    factors: Sequence[Factor],
    *,
    points_per_margin: float,
    seed: int,
    threads: int,
    refits: int = REFITS,
) -> ReasonStability:
    """Grow the model again on resampled suppliers and compare first reasons.

    Parameters
    ----------
    model_text
        The model whose reasons are asked to survive.
    grown
        The rows it was grown from; the reference of every model is evenly spaced over them.
    asked
        One row per supplier whose reasons are compared, shape (m, f).
    factors
        The f features as reasons speak of them.
    points_per_margin
        Points lost by a margin higher by 1, above 0: what is too little to be a reason is said in points.
    seed, threads
        ``threads`` changes the speed and no bit of the result.
    refits
        At least 2.

    Raises
    ------
    OutOfRange
        Fewer than two refits, or no supplier has a reason.

    Notes
    -----
    The interval is Student's with refits - 1 degrees of freedom; its variance adds that between refits to that between suppliers,
    which counts their interaction twice (Owen, The pigeonhole bootstrap, 2007): it is rather too wide.
    """
    if refits < 2:
        raise OutOfRange(f"the survival of reasons needs at least 2 refits, found {refits}")
    reference = grown.values[_evenly(len(grown.values), REFERENCE_ROWS)]
    own = _reasons(lgb.Booster(model_str=model_text), asked, reference, factors, points_per_margin)
    has_reason = np.flatnonzero([bool(reasons) for reasons in own])
    if not len(has_reason):
        raise OutOfRange(f"none of the {len(asked)} suppliers asked has a reason that could survive")
    first = [own[i][0] for i in has_reason.tolist()]
    kept = np.empty((3, refits, len(first)))
    for index, booster in enumerate(grow_again(grown, refits, seed=seed, threads=threads)):
        found = _reasons(booster, asked[has_reason], reference, factors, points_per_margin)
        for j, (was, now) in enumerate(zip(first, found, strict=True)):
            families = [reason.family for reason in now]
            kept[:, index, j] = families[:1] == [was.family], bool(now) and now[0].feature == was.feature, was.family in families
    return ReasonStability(_survival(kept[0]), _survival(kept[1]), _survival(kept[2]), refits)


def newest_rows(supplier_ids: NDArray[np.str_], as_of: NDArray[np.datetime64]) -> Ints:
    """Return the newest row of each supplier, of at most `SUPPLIERS` of them, evenly spaced in the order of their ids."""
    order = np.lexsort((as_of, supplier_ids))
    is_last = np.append(supplier_ids[order][1:] != supplier_ids[order][:-1], True)
    newest = order[is_last]
    return np.asarray(newest[_evenly(len(newest), SUPPLIERS)], dtype=np.intp)


def grow_again(grown: GrownFrom, refits: int, *, seed: int, threads: int) -> Iterator[lgb.Booster]:
    """Grow the model again, each time on as many suppliers as there are, drawn with replacement."""
    suppliers, place = np.unique(grown.supplier_ids, return_inverse=True)
    settings = grown.params.for_lightgbm(
        directions=grown.directions,
        bad_rate=float(np.mean(grown.y)),
        group_size=rows_per_group(grown.supplier_ids),
        seed=seed,
        threads=threads,
    )
    whole = lgb.Dataset(grown.values, grown.y, free_raw_data=False, params=settings).construct()
    for index in range(refits):
        rng = np.random.default_rng([seed, index])
        times = np.bincount(rng.integers(0, len(suppliers), len(suppliers)), minlength=len(suppliers))[place]
        # A supplier drawn twice weighs twice: the same loss as its rows twice over, without binning them again.
        rows = np.flatnonzero(times)
        drawn = whole.subset(rows.tolist()).construct()
        drawn.set_weight(times[rows].astype(np.float64))
        yield lgb.train(settings, drawn, grown.rounds)


def _reasons(
    booster: lgb.Booster, asked: Values, reference: Values, factors: Sequence[Factor], points_per_margin: float
) -> list[tuple[Reason, ...]]:
    """Return the principal reasons of each row by a booster."""
    margins = np.asarray(booster.predict(np.vstack([asked, reference]), pred_contrib=True, num_threads=1))[:, :-1]
    lost = -points_per_margin * margins
    usual, medians = np.median(lost[len(asked) :], axis=0).tolist(), _medians(reference)
    return [
        principal_reasons(factors, values=row, contributions=parts, reference_values=medians, reference_contributions=usual)
        for row, parts in zip(asked.tolist(), lost[: len(asked)].tolist(), strict=True)
    ]


def _medians(rows: Values) -> list[float]:
    present = [column[~np.isnan(column)] for column in rows.T]
    return [float(np.median(column)) if len(column) else float("nan") for column in present]


def _survival(kept: Values) -> Survival:
    """Return the share of ``kept``, shape (refits, suppliers), and its interval."""
    refits, suppliers = kept.shape
    value = float(kept.mean())
    variance = kept.mean(axis=1).var(ddof=1) / refits + (kept.mean(axis=0).var(ddof=1) / suppliers if suppliers > 1 else 0.0)
    half = float(student.ppf(0.975, refits - 1) * np.sqrt(variance))
    return Survival(value, max(0.0, value - half), min(1.0, value + half), suppliers)


def _evenly(count: int, at_most: int) -> Ints:
    return np.unique(np.linspace(0, count - 1, min(at_most, count)).astype(np.intp))
