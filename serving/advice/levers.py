"""What can a supplier change, and which numbers move with it? One lever for each thing it can do; the policy `advice` bounds them.

A lever's position is how much of what falls short of the best is put right, in whole percent: of 12 % late deliveries, a quarter on time
leaves 9 %, and mean days late fall by a quarter as well. So all windows, counts and ratios of one quantity move together and no feature
moves alone. Where the data do not tell how far a number moves, the side that looks worse is taken:

- a window longer than the time at hand moves by the part of it that the time covers;
- the level that a window improves from is the worse of its own and those of the shorter windows of the same number;
- a change "against the year" is what the two windows named with it then differ by, less what time alone would do for it;
- a number that doing so could only make safer and that no rule fixes stays (more buyers: more orders), as does all else;
- a number reached is rounded to what a page shows, towards today's.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from credit.policy import Policy

MONTHS: Final = (3, 6, 12)
"""The times at hand a plan is made for."""
DAYS_OF_MONTH: Final = 365 / 12
_GRAINS: Final = {"ratio": 1000.0, "days": 10.0, "stars": 10.0}
"""Steps within one unit that a page shows (`credit.reason.shown_en`)."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Number:
    """A number a lever moves towards ``best``: a level over ``window_days`` (None: as it stands) or, with ``year``, a change against it.

    Without ``best`` the position itself is added.
    """

    feature: str
    window_days: int | None
    best: float | None
    year: str | None = None


@dataclass(frozen=True, slots=True)
class Lever:
    """One thing a supplier can do; the policy `advice` has its words, effort and reach under ``name``."""

    name: str
    numbers: tuple[Number, ...]

    @property
    def is_counted(self) -> bool:
        """Whether a position is a count of things added and no percent."""
        return self.numbers[0].best is None


def _windows(stem: str, windows: Sequence[int], best: float) -> tuple[Number, ...]:
    return tuple(Number(f"{stem}_{window}d", window, best) for window in windows)


def _stock(feature: str, best: float | None) -> Number:
    return Number(feature, None, best)


LEVERS: Final = (
    Lever(
        "lateness",
        (
            *_windows("fulfilment_late_ratio", (30, 90, 180, 365), 0.0),
            *_windows("fulfilment_late_days_mean", (30, 90, 180, 365), 0.0),
            Number("fulfilment_late_ratio_change_90d", 90, 0.0, "fulfilment_late_ratio_365d"),
            Number("fulfilment_late_days_change_90d", 90, 0.0, "fulfilment_late_days_mean_365d"),
            _stock("fulfilment_overdue_count_all", 0.0),
            _stock("fulfilment_overdue_amount_ratio_90d", 0.0),
        ),
    ),
    Lever("cancellation", (*_windows("orders_cancel_ratio", (90, 180, 365), 0.0), *_windows("orders_cancel_amount_ratio", (180,), 0.0))),
    Lever(
        "quality",
        (
            *_windows("fulfilment_reject_ratio", (90, 180, 365), 0.0),
            *_windows("fulfilment_reject_lot_ratio", (180,), 0.0),
            Number("fulfilment_reject_ratio_change_90d", 90, 0.0, "fulfilment_reject_ratio_365d"),
            *_windows("fulfilment_return_amount_ratio", (180, 365), 0.0),
        ),
    ),
    Lever(
        "rating",
        (
            *_windows("reviews_rating_mean", (30, 90, 180, 365), 5.0),
            *_windows("reviews_low_share", (90, 365), 0.0),
            Number("reviews_rating_change_90d", 90, 5.0, "reviews_rating_mean_365d"),
            *_windows("reviews_full_share", (365,), 1.0),
            Number("reviews_full_share_change_30d", 30, 1.0, "reviews_full_share_365d"),
        ),
    ),
    Lever("buyers", (*_windows("orders_buyer_top_share", (90, 365), 0.0), *_windows("orders_buyer_hhi", (90, 180, 365), 0.0))),
    Lever(
        "collection",
        (
            *_windows("invoices_late_ratio", (90, 180, 365), 0.0),
            *_windows("invoices_late_days_mean", (90, 180, 365), 0.0),
            Number("invoices_late_days_change_90d", 90, 0.0, "invoices_late_days_mean_365d"),
            *_windows("invoices_after_sixty_ratio", (180, 365), 0.0),
            _stock("invoices_overdue_ratio_90d", 0.0),
            _stock("invoices_overdue_ratio_365d", 0.0),
        ),
    ),
    Lever("dilution", _windows("invoices_dilution_ratio", (180, 365), 0.0)),
    Lever("purchases", _windows("purchases_cancel_ratio", (90, 365), 0.0)),
    Lever("output", (*_windows("production_stopped_share", (365,), 0.0), *_windows("production_reduced_share", (180,), 0.0))),
    Lever("certificates", (_stock("certificates_quality_count_all", None), _stock("certificates_held_count_all", None))),
    Lever("verification", (_stock("certificates_verified_share_all", 1.0),)),
    Lever("renewal", (_stock("certificates_expiring_share_all", 0.0),)),
)

_FOLLOWS = "follows from trade as a whole; what moves it cannot be promised, and it counts as it stands"
_SAFER = "can only become safer by what the levers do; counted as it stands"
_NO_SIDE = "the model promises no direction for it: neither way is advice"
_BUYERS = "what buyers do towards others; named by no step of the supplier's own"
NOT_ADVISED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "orders_buyer_distinct": _SAFER,
        "orders_buyer_repeat_share": "new buyers are reckoned to come back as the old ones did; counted as it stands",
        "fulfilment_count": _SAFER,
        "fulfilment_count_growth": _FOLLOWS,
        "fulfilment_last_age": _FOLLOWS,
        "fulfilment_late_depth": "fewer late deliveries of the same depth; counted as it stands",
        "fulfilment_lead_days_mean": _SAFER,
        "fulfilment_lead_days_change": _FOLLOWS,
        "reviews_text_score_mean": _SAFER,
        "reviews_text_score_change": _FOLLOWS,
        "purchases_margin": _FOLLOWS,
        "purchases_margin_change": _FOLLOWS,
        "purchases_vendor_distinct": _NO_SIDE,
        "purchases_vendor_hhi": "cannot fall without more vendors, which the model promises no direction for",
        "purchases_vendor_top_share": "cannot fall without more vendors, which the model promises no direction for",
        "purchases_vendor_repeat_share": _NO_SIDE,
        "invoices_overdue_share": "a ratio of two stocks that fall together; counted as it stands",
        "invoices_aged_share": "a ratio of two stocks that fall together; counted as it stands",
        "invoices_outstanding_ratio": _SAFER,
        "invoices_collected_ratio": _SAFER,
        "invoices_cash_margin": _SAFER,
        "invoices_amount_growth": _NO_SIDE,
        "invoices_term_days_mean": _NO_SIDE,
        "invoices_long_term_ratio": _NO_SIDE,
        "invoices_late_buyer_share": _SAFER,
        "invoices_sales_ratio": _NO_SIDE,
        "inventory_cover_days_mean": _NO_SIDE,
        "inventory_cover_days_change": _NO_SIDE,
        "inventory_value_growth": _NO_SIDE,
        "production_utilisation_mean": _FOLLOWS,
        "production_utilisation_change": _FOLLOWS,
        "cooperations_standing_count": "cannot rise without cooperations begun, which the model promises no direction for",
        "cooperations_strategic_share": _NO_SIDE,
        "cooperations_deep_share": _NO_SIDE,
        "cooperations_started_count": _NO_SIDE,
        "cooperations_ended_count": "falls with time alone",
        "network_core_share": _BUYERS,
        "network_lone_share": _BUYERS,
        "network_reciprocal_share": _BUYERS,
        "network_buyer_late_days": _BUYERS,
    }
)
"""Actionable features without a lever, by name without window, and why."""


@dataclass(frozen=True, slots=True)
class LeverPath:
    """What one lever can make of a row within some months.

    Attributes
    ----------
    places
        Of its numbers among the model's features, shape (j,).
    values
        Of its numbers at each position, shape (j, p); column 0 is today.
    efforts
        Of each position, shape (p,), rising; 0 for today.
    """

    lever: Lever
    places: NDArray[np.intp]
    values: Values
    efforts: Values


def lever_paths(catalog: Sequence[Mapping[str, object]], row: Values, policy: Policy, months: int) -> tuple[LeverPath, ...]:
    """Return what each lever can make of a row, shape (f,) in the order of ``catalog``, within 3, 6 or 12 months.

    A lever without a number in the model or a step within reach is left out, and so is one with a change whose year the model lacks.
    """
    places = {str(entry["name"]): place for place, entry in enumerate(catalog)}
    paths = []
    for lever in LEVERS:
        numbers = [number for number in lever.numbers if number.feature in places]
        if not numbers or any(number.year is not None and number.year not in places for number in numbers):
            continue
        reach = policy.number(f"{lever.name}_{months}m")
        steps = math.floor(reach + 1e-9) if lever.is_counted else math.floor(100 * reach + 1e-9)
        where = np.array([places[number.feature] for number in numbers], dtype=np.intp)
        positions = np.arange(steps + 1)
        values = np.vstack([_moved(number, lever, catalog, places, row, positions, months) for number in numbers])
        values[:, 0] = row[where]
        if not steps or (np.isnan(values) | (values == values[:, :1])).all():
            continue
        rate = policy.number(f"{lever.name}_effort") / (1 if lever.is_counted else 100)
        efforts = np.where(positions > 0, policy.number("start_effort") + rate * positions, 0.0)
        paths.append(LeverPath(lever, where, values, efforts))
    return tuple(paths)


def _moved(
    number: Number,
    lever: Lever,
    catalog: Sequence[Mapping[str, object]],
    places: Mapping[str, int],
    row: Values,
    positions: NDArray[np.intp],
    months: int,
) -> Values:
    """Return a number at each position."""
    today = float(row[places[number.feature]])
    if number.best is None:
        return np.asarray(today + positions, dtype=np.float64)
    done = positions / 100.0
    if number.year is not None:
        of = {other.feature: other for other in lever.numbers}
        year = _moved(of[number.year], lever, catalog, places, row, positions, months)
        near = of.get(f"{number.year.rpartition('_')[0]}_{number.window_days}d")
        if near is not None and near.feature in places:
            change = _moved(near, lever, catalog, places, row, positions, months) - year
        else:
            change = _towards(today + float(row[places[number.year]]), number.best, done, _covered(number.window_days, months)) - year
        # What time alone would do for it, as the year takes up the near level, is no change of the supplier's.
        by_time = change[0] - today
        return change - by_time if by_time * (number.best or -1.0) > 0 else change
    level = _level(number, lever, places, row)
    reached = _towards(level, number.best, done, _covered(number.window_days, months))
    unit = str(catalog[places[number.feature]]["unit"])
    return _rounded(reached, level, number.best, _GRAINS.get(unit, 1.0))


def _level(number: Number, lever: Lever, places: Mapping[str, int], row: Values) -> float:
    """Return the level a window improves from: the worse of its own and those of the shorter windows of the same number."""
    stem = number.feature.rpartition("_")[0]
    own = float(row[places[number.feature]])
    if math.isnan(own) or number.window_days is None or number.best is None:
        return own
    shorter = [
        float(row[places[other.feature]])
        for other in lever.numbers
        if other.feature in places and other.year is None and other.feature.rpartition("_")[0] == stem
        if other.window_days is not None and other.window_days < number.window_days
    ]
    known = [own, *(value for value in shorter if not math.isnan(value))]
    return max(known, key=lambda value: abs(value - float(number.best or 0.0)))


def _covered(window_days: int | None, months: int) -> float:
    return 1.0 if window_days is None else min(1.0, months * DAYS_OF_MONTH / window_days)


def _towards(level: float, best: float, done: Values, covered: float) -> Values:
    return level + done * covered * (best - level)


def _rounded(reached: Values, level: float, best: float, grain: float) -> Values:
    """Round towards the level, and not beyond it."""
    if best < level:
        return np.minimum(np.ceil(reached * grain - 1e-9) / grain, level)
    return np.maximum(np.floor(reached * grain + 1e-9) / grain, level)
