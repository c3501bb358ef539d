"""Records of a run of suppliers to their feature rows: kernel, then the formulas' program. The one place where the two meet.

Used by the batch over a ledger, by the stream over raw tables, by Spark's workers and by the service.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from features.feature import Feature
from features.kernel import Kernel
from features.network import NO_NETWORK, Network, empty_network, with_room
from features.plan import Plan, schedule
from features.program import Aggregated, Program
from features.segment import Segment

BATCH_ROWS = 4096
"""Feature rows computed at a time: keeps the sums of a batch within the processor's cache."""

_KEPT: Final = 8
"""Evaluators, and plans, each thread keeps."""

_WorkedOut = tuple[tuple[Feature, ...], Plan, Program]

_mine = threading.local()


@dataclass(frozen=True, slots=True)
class Rows:
    """Feature rows of a run of suppliers.

    Parameters
    ----------
    supplier, as_of : int32 arrays (rows,)
        Place of the supplier in the run, and the as-of day; by supplier, then date.
    values : float64 array (rows, features)
    """

    supplier: npt.NDArray[np.int32]
    as_of: npt.NDArray[np.int32]
    values: npt.NDArray[np.float64]


class Evaluator:
    """Computes features of suppliers at given dates; one per thread.

    Parameters
    ----------
    features : tuple of Feature
    as_of : sequence of int
        As-of days, ascending.
    present : frozenset of str
        Contract tables the platform handed over; features of the others are missing.
    known : int, optional
        The day before which a fact must be known; each as-of day by default.
    """

    def __init__(self, features: tuple[Feature, ...], as_of: Sequence[int], present: frozenset[str], known: int | None = None) -> None:
        """Lay the features' plan out on the dates."""
        self._features, self._plan, self._program = _worked_out(features, present)
        self.names = tuple(feature.name for feature in features)
        self._days = np.asarray(as_of, dtype=np.int32)
        self._months = empty_network(self._days, known, 0) if self._plan.has_network else NO_NETWORK
        self._kernel = Kernel(self._plan, schedule(self._plan, as_of, None if known is None else [known] * len(self._days)))

    def network(self, parties: int) -> Network:
        """Return the network the features need of as many counterparties, before anything is added up; empty where they need none."""
        return with_room(self._months, parties) if parties and self._plan.has_network else self._months

    def rows(self, segment: Segment, parties: int, network: Network = NO_NETWORK) -> Rows:
        """Return the rows of every supplier and date of which anything was known before the date.

        Parameters
        ----------
        segment : Segment
        parties : int
            Number of counterparty codes.
        network : Network
            As `network` gives it, added up over all suppliers.
        """
        values = np.empty((segment.suppliers * len(self._days), len(self._features)))
        return self.known_rows(self.fill(segment, parties, network, values), values)

    def fill(self, segment: Segment, parties: int, network: Network, values: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
        """Write the rows of every supplier and date, by supplier, then date; return the first day anything was known of each supplier."""
        known_from = np.empty(segment.suppliers, dtype=np.int32)
        dates = len(self._days)
        step = max(BATCH_ROWS // dates, 1)
        for low in range(0, segment.suppliers, step):
            high = min(low + step, segment.suppliers)
            found = self._kernel.aggregate(segment.records, segment.offsets[:, low : high + 1], parties, network)
            windows, last, measures, elsewhere, known_from[low:high] = found
            days = self._days if high - low == 1 else np.tile(self._days, high - low)
            self._program.run(Aggregated(windows, last, measures, elsewhere, days), values[low * dates : high * dates])
        return known_from

    def known_rows(self, known_from: npt.NDArray[np.int32], values: npt.NDArray[np.float64]) -> Rows:
        """Return what `fill` wrote, less the rows before anything was known."""
        suppliers = np.repeat(np.arange(len(known_from), dtype=np.int32), len(self._days))
        days = np.tile(self._days, len(known_from))
        is_known = np.repeat(known_from, len(self._days)) < days
        return Rows(suppliers, days, values) if is_known.all() else Rows(suppliers[is_known], days[is_known], values[is_known])


def plan_of(features: Sequence[Feature]) -> Plan:
    """Return what the features need of the kernel."""
    return Plan.of(need for feature in features for need in feature.formula.needs())


def evaluator_for(features: tuple[Feature, ...], as_of: Sequence[int], present: frozenset[str], known: int | None = None) -> Evaluator:
    """Return this thread's evaluator, the one it made before for the same features and dates where there is one.

    Laying out a plan costs more than a supplier's features do; parameters are those of `Evaluator`.
    """
    kept: dict[tuple[object, ...], Evaluator] = _mine.__dict__.setdefault("kept", {})
    asked = (id(features), tuple(as_of), present, known)  # an evaluator holds its features, so that no others have their identity
    if asked not in kept:
        if len(kept) >= _KEPT:
            kept.pop(next(iter(kept)))
        kept[asked] = Evaluator(features, as_of, present, known)
    return kept[asked]


def _worked_out(features: tuple[Feature, ...], present: frozenset[str]) -> _WorkedOut:
    """Features, their plan and their program, for any dates: most of what the first call of a day would cost."""
    kept: dict[tuple[int, frozenset[str]], _WorkedOut] = _mine.__dict__.setdefault("plans", {})
    asked = (id(features), present)  # what is kept holds its features, too
    if asked not in kept:
        if len(kept) >= _KEPT:
            kept.pop(next(iter(kept)))
        plan = plan_of(features)
        kept[asked] = features, plan, program_of(plan, features, present)
    return kept[asked]


def program_of(plan: Plan, features: Sequence[Feature], present: frozenset[str]) -> Program:
    """Return the features' formulas as one program; features of tables the platform did not hand over are missing."""
    program = Program(plan)
    program.ask(feature.formula.on(program) if feature.tables <= present else program.missing() for feature in features)
    return program
