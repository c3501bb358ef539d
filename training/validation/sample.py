"""Which rows judge the model? Those of the windows the bundle names, built again from a bank's own tables.

The bundle says from when to when it was trained and tested and what a bad outcome is; this file finds the same rows in the
tables, so that a validation rests on nothing the trainer computed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from credit.errors import BundleInvalid, NotEnoughHistory
from credit.outcome import OutcomePolicy
from credit.period import first_of_month
from features.build import build_features, month_starts
from features.ledger import Ledger
from features.read import RawTables
from training.bundle import Scores, ScoringBundle
from training.dataset import ModelFrame, assemble
from training.labels import Outcomes, first_day_seen, given_labels, label_outcomes, last_day_seen
from training.pipeline import require_outcome_tables
from training.settings import TrainSettings
from training.validation.segments import segments_of

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Windows:
    """First and last as-of date of training and of test, as the bundle names them; the test may have gone on since."""

    train_from: date
    train_to: date
    test_from: date
    test_to: date

    @classmethod
    def of(cls, bundle: ScoringBundle) -> "Windows":
        """Read the windows of a bundle; raise `BundleInvalid` where it does not say them."""
        try:
            trained, tested = bundle.model["trained_on"], bundle.model["tested_on"]
            days = [date.fromisoformat(block[end]) for block in (trained, tested) for end in ("from", "to")]
        except (KeyError, TypeError, ValueError) as error:
            raise BundleInvalid(
                "a bundle that is validated must say trained_on and tested_on with `from` and `to`, as `lianxin train` writes them; "
                f"in {bundle.version} they are missing or of another form"
            ) from error
        return cls(*days)


@dataclass(frozen=True)
class Sample:
    """The rows of both windows with their scores under the bundle.

    Attributes
    ----------
    frame
        Features and outcomes, one row per supplier and as-of date of either window.
    train, test
        Row numbers; ``train`` may be empty where the tables hold only what came since.
    scores
        Of the test rows, in their order.
    clusters
        The supplier of each test row, as whole numbers.
    segments
        By dimension the label of every row of the frame.
    windows, last_day, outcome
        As the bundle says them, how far the tables reach, and what a bad outcome is.
    """

    frame: ModelFrame
    train: Rows
    test: Rows
    scores: Scores
    clusters: Rows
    segments: Mapping[str, NDArray[np.str_]]
    windows: Windows
    last_day: date
    outcome: Mapping[str, Any]

    @property
    def y(self) -> NDArray[np.float64]:
        """Outcomes of the test rows."""
        return self.frame.y[self.test]

    @property
    def vintages(self) -> NDArray[np.str_]:
        """As-of date of each test row as text."""
        return np.datetime_as_string(self.frame.as_of[self.test], unit="D")


def draw_sample(bundle: ScoringBundle, tables: RawTables, ledger: Ledger, *, progress: Callable[[str, float], None]) -> Sample:
    """Build the rows of the bundle's windows and score the test.

    Raises
    ------
    BundleInvalid
        The bundle does not say its windows or its outcome, or its features are not this catalogue's.
    NotEnoughHistory
        No outcomes, no rows in the test window, or no good and bad ones among them.
    """
    windows, source, policy = Windows.of(bundle), *_outcome_of(bundle)
    require_outcome_tables(tables, source)
    progress("outcomes", 0.1)
    outcomes = _outcomes(tables, source, policy, windows)
    progress("features", 0.2)
    matrix = build_features(ledger, np.unique(outcomes.as_of).tolist())
    if matrix.names != bundle.names:
        raise BundleInvalid(
            f"the bundle must score the features of this catalogue in its order; it has {len(bundle.names)}, catalogue version "
            f"{bundle.model.get('catalog_version')}: validate it with the release of lianxin it was trained with"
        )
    frame = assemble(matrix, outcomes)
    test_from = np.datetime64(windows.test_from)
    train = np.flatnonzero((frame.as_of <= np.datetime64(windows.train_to)) & (frame.mature_on <= test_from))
    test = np.flatnonzero(frame.as_of >= test_from)
    bads = int(frame.y[test].sum())
    if min(bads, len(test) - bads) < 2:
        raise NotEnoughHistory(
            f"the test window from {windows.test_from} must hold at least two good and two bad rows, found {bads} bad of {len(test)} "
            f"in tables that reach to {last_day_seen(tables)}: bring tables whose outcomes are mature, {policy.performance_days} days"
        )
    progress("scores", 0.4)
    return Sample(
        frame=frame,
        train=train,
        test=test,
        scores=bundle.score(frame.values[test]),
        clusters=np.unique(frame.supplier_ids[test], return_inverse=True)[1].astype(np.intp),
        segments=segments_of(tables, frame, train if len(train) else test),
        windows=windows,
        last_day=last_day_seen(tables),
        outcome=bundle.model["outcome"],
    )


def _outcome_of(bundle: ScoringBundle) -> tuple[Any, OutcomePolicy]:
    said = bundle.model.get("outcome")
    names = [field.name for field in fields(OutcomePolicy)]
    if not isinstance(said, dict) or said.get("source") not in ("loans", "labels") or not all(isinstance(said.get(n), int) for n in names):
        raise BundleInvalid(
            f"a bundle that is validated must say its outcome: a source, loans or labels, and {', '.join(names)}; "
            f"{bundle.version} says {said!r}: train it with `lianxin train`"
        )
    return said["source"], OutcomePolicy(**{name: said[name] for name in names})


def _outcomes(tables: RawTables, source: str, policy: OutcomePolicy, windows: Windows) -> Outcomes:
    """Return the outcomes at the as-of dates of both windows; dates between them, whose labels mature in the test, serve neither."""
    if source == "labels":
        outcomes = given_labels(tables, policy)
    else:
        first_day, last_day = first_day_seen(tables), last_day_seen(tables)
        # Where training began before the tables do, the longest feature window is not full until its months have passed.
        history = TrainSettings.in_force(last_day).split.min_history_months
        start = windows.train_from if windows.train_from >= first_day else first_of_month(first_day, 1 + history)
        end = last_day + timedelta(days=1 - policy.performance_days)
        as_ofs = [day for day in (month_starts(start, end) if start <= end else []) if _is_in(windows, day)]
        if not as_ofs:
            raise NotEnoughHistory(
                f"outcomes need {policy.performance_days} days after an as-of date of the test window, from {windows.test_from}; "
                f"the tables reach from {first_day} to {last_day}: bring tables that reach further"
            )
        outcomes = label_outcomes(tables, as_ofs, policy)
    kept = np.array([_is_in(windows, day) for day in outcomes.as_of.tolist()], dtype=np.bool_)
    if not kept.any():
        raise NotEnoughHistory(
            f"no outcome stands at an as-of date of the training window ({windows.train_from} to {windows.train_to}) or the test "
            f"window (from {windows.test_from}): bring the tables the model was trained on, or newer ones"
        )
    rows = {name: getattr(outcomes, name)[kept] for name in ("supplier_ids", "as_of", "status", "y", "mature_on")}
    return replace(outcomes, **rows)


def _is_in(windows: Windows, day: date) -> bool:
    return windows.train_from <= day <= windows.train_to or day >= windows.test_from
