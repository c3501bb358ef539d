"""Where does a supplier stand among its peers? Those of its industry and size, scored on the same day by the same model.

Industry is what the platform last told, size the amount ordered from the supplier in the year before. A group that is too small to say
anything, or to hide anybody in, is widened: to the industry, then to the size, then to all.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.build import build_features
from features.ledger import Ledger
from serving.assess import scored_features
from training.bundle import ScoringBundle

LEAST_PEERS: Final = 20
MOST_SUPPLIERS: Final = 20_000
"""A platform of up to so many suppliers is scored whole, about 5 seconds of work."""
SAMPLE: Final = 2_000
"""Of a larger one so many are, evenly over their ids: reading suppliers one by one costs more, and a share of so many is known to 1 %."""
SIZE: Final = "orders_amount_sum_365d"
SIZES: Final = (200_000, 1_000_000, 5_000_000, 20_000_000)
"""Amounts ordered in a year, CNY, from which on the next size begins."""
_KEPT: Final = 4


@dataclass(frozen=True, slots=True)
class Standing:
    """A place among peers.

    Attributes
    ----------
    count
        How many peers there are, the supplier not among them.
    below
        Share of them with fewer points, 0 to 1; one with as many counts half.
    industry
        Theirs, None where it does not tell them apart.
    size
        Place of their size among `SIZES`, 0 below the first; None where it does not tell them apart.
    """

    count: int
    below: float
    industry: str | None
    size: int | None


@dataclass(frozen=True, slots=True)
class _Day:
    """Everybody on one day: ids ascending, points, sizes."""

    suppliers: NDArray[np.str_]
    points: NDArray[np.float64]
    sizes: NDArray[np.int64]


class Peers:
    """Scores of a platform's suppliers by day, worked out when first asked for and kept for some days."""

    def __init__(self, bundle: ScoringBundle, ledger: Ledger) -> None:
        """Work out nothing yet."""
        self._bundle, self._ledger = bundle, ledger
        self._days: OrderedDict[date, _Day] = OrderedDict()
        self._industries: dict[str, str | None] = {}
        self._guard = threading.Lock()

    def standing(self, supplier_id: str, points: float, as_of: date) -> Standing | None:
        """Return the place of a supplier with so many points; None where there is nobody to compare with."""
        day = self.on(as_of)
        industries = np.array([self._industries.get(name) or "" for name in day.suppliers.tolist()])
        own_industry = self._industries.get(supplier_id)
        place = int(np.searchsorted(day.suppliers, supplier_id))
        is_there = place < len(day.suppliers) and day.suppliers[place] == supplier_id
        others = np.ones(len(day.suppliers), dtype=np.bool_)
        others[place : place + is_there] = False
        own_size = int(day.sizes[place]) if is_there else _size_of(self._ledger, supplier_id, as_of)
        same_industry = others & (industries == own_industry) if own_industry else np.zeros_like(others)
        same_size = others & (day.sizes == own_size)
        groups = ((same_industry & same_size, own_industry, own_size), (same_industry, own_industry, None), (same_size, None, own_size))
        for chosen, industry, size in (*groups, (others, None, None)):
            if chosen.sum() >= LEAST_PEERS:
                theirs = day.points[chosen]
                below = float((theirs < points).mean() + (theirs == points).mean() / 2)
                return Standing(int(chosen.sum()), below, industry, size)
        return None

    def on(self, as_of: date) -> "_Day":
        """Return everybody on a day."""
        with self._guard:
            if as_of in self._days:
                self._days.move_to_end(as_of)
            else:
                if not self._industries:
                    told = self._ledger.profiles.cursor().execute("SELECT supplier_id, industry FROM profiles").fetchall()
                    self._industries = dict(told)
                self._days[as_of] = _everybody(self._bundle, self._ledger, as_of)
                while len(self._days) > _KEPT:
                    self._days.popitem(last=False)
            return self._days[as_of]


def _everybody(bundle: ScoringBundle, ledger: Ledger, as_of: date) -> _Day:
    """Score the platform, or an even part of it."""
    names = ledger.supplier_ids[ledger.known_from < np.datetime64(as_of).astype("datetime64[D]").astype(np.int64)]
    chosen = None if len(names) <= MOST_SUPPLIERS else names[np.linspace(0, len(names) - 1, SAMPLE).astype(np.int64)].tolist()
    features = (*scored_features(bundle.names), *scored_features((SIZE,)))
    matrix = build_features(ledger, [as_of], chosen, features=features)
    points = bundle.score(np.ascontiguousarray(matrix.values[:, : len(bundle.names)])).points
    return _Day(matrix.supplier_ids, points, _sizes(matrix.values[:, -1]))


def _sizes(amounts: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the place of each amount among `SIZES`."""
    return np.searchsorted(np.array(SIZES), np.nan_to_num(amounts), side="right").astype(np.int64)


def _size_of(ledger: Ledger, supplier_id: str, as_of: date) -> int:
    """Return the size of one supplier."""
    return int(_sizes(build_features(ledger, [as_of], [supplier_id], features=scored_features((SIZE,))).values[:, 0])[0])
