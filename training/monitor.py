"""Does the released model still fit the suppliers it scores? Drift, early defaults, and performance before the labels are there.

Whoever has read `monitor` has read the monitoring. The same bundle, tables and date give the same document.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from credit.errors import NotEnoughHistory, OutOfRange
from credit.outcome import OutcomePolicy
from credit.policy import Policy
from features.build import build_features
from features.ledger import Ledger
from features.read import RawTables
from training.bundle import ScoringBundle
from training.drift import Alarm, Drift, measure_drift
from training.early_defaults import Vintage, within
from training.expected_performance import Expected, expect_performance
from training.fit import Progress
from training.labels import label_outcomes
from training.reference import Distribution
from training.settings import SEED, packaged_policy
from training.vintages import Matured, outcomes_so_far, scored_features

FORMAT = 1
DECILES = 10
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Monitoring:
    """What a monitoring found; ``why_not`` names in words, by part, what could not be measured.

    ``population`` is ``financed``: suppliers with a loan open on the day before ``as_of`` and not in default, as the model learnt from,
    or ``all`` where there are no loans.
    """

    bundle_sha256: str
    as_of: date
    population: str
    suppliers: int
    score: Drift
    features: tuple[Drift, ...]
    vintages: tuple[Vintage, ...]
    expected: Expected
    performance: Alarm
    tested: Mapping[str, float]
    matured: Matured | None
    policy: Mapping[str, str]
    why_not: Mapping[str, str]

    @property
    def alarms(self) -> tuple[str, ...]:
        """Names of what is an alarm, in the order of the parts."""
        drifts = [f"psi.{one.name}" for one in (self.score, *self.features) if one.verdict is Alarm.ALARM]
        return (*drifts, *(f"defaults.{one.as_of}" for one in self.vintages if one.verdict is Alarm.ALARM))

    @property
    def watched(self) -> tuple[str, ...]:
        """Names of what is watched and no alarm."""
        drifts = [f"psi.{one.name}" for one in (self.score, *self.features) if one.verdict is Alarm.WATCH]
        vintages = [f"defaults.{one.as_of}" for one in self.vintages if one.verdict is Alarm.WATCH]
        return (*drifts, *vintages, *(["performance"] if self.performance is Alarm.WATCH else []))

    def to_json(self) -> dict[str, Any]:
        """Return the monitoring as a document of plain types."""
        plain: dict[str, Any] = _plain(asdict(self))
        return {"format": FORMAT, **plain, "alarms": list(self.alarms), "watched": list(self.watched)}


def monitor(
    bundle: ScoringBundle,
    ledger: Ledger,
    *,
    as_of: date,
    tables: RawTables | None = None,
    policy: Policy | None = None,
    progress: Progress | None = None,
) -> Monitoring:
    """Look at a released model's suppliers on a day.

    Parameters
    ----------
    bundle
        The released model.
    ledger, tables
        The platform's; without tables, or without loans in them, there are no early defaults and everybody known is looked at.
    as_of
        The day; nothing known on it or later is used.
    policy
        The policy `monitoring`, in place of the packaged one in force on the day.
    progress
        Told each step and the share of it that is done.

    Raises
    ------
    OutOfRange
        The day lies after the last one the ledger can answer for, or the bundle scores features this catalogue does not have.
    NotEnoughHistory
        Fewer than two suppliers are there to look at.
    """
    say: Progress = progress or (lambda _step, _share: None)
    if as_of > ledger.latest_as_of:
        raise OutOfRange(f"the ledger answers for as-of dates up to {ledger.latest_as_of}, found {as_of}: ask for an earlier day")
    policy = policy or packaged_policy("monitoring").on(as_of)
    say("score", 0.0)
    outcome = OutcomePolicy(**{name: value for name, value in bundle.model.get("outcome", {}).items() if name != "source"})
    has_loans = tables is not None and tables.count("loans") > 0 and tables.count("repayments") > 0
    chosen = _financed(tables, as_of, outcome) if tables is not None and has_loans else None
    matrix = build_features(ledger, [as_of], chosen, features=scored_features(bundle)) if chosen is None or chosen else None
    if matrix is None or len(matrix.supplier_ids) < 2:
        raise NotEnoughHistory(f"a monitoring needs two suppliers at least, and {as_of} has fewer: ask for a later day")
    scores = bundle.score(matrix.values)
    say("drift", 0.3)
    drift_of = _drifts(bundle, policy)
    features = drift_of([*zip(bundle.names, bundle.reference.distributions, strict=True)], matrix.values)
    score = score_drift(bundle, scores.points, as_of, policy)
    say("early defaults", 0.5)
    vintages, matured, why_not = outcomes_so_far(bundle, ledger, tables if has_loans else None, as_of, outcome, policy)
    expected = expect_performance(scores.pd, seed=SEED)
    tested = {
        name: float(bundle.model.get("measures", {}).get(name, np.nan)) for name in ("auc", "auc_standard_error", "bad_rate", "log_loss")
    }
    return Monitoring(
        bundle_sha256=bundle.content_hash,
        as_of=as_of,
        population="all" if chosen is None else "financed",
        suppliers=len(matrix.supplier_ids),
        score=score,
        features=tuple(features),
        vintages=tuple(vintages),
        expected=expected,
        performance=_performance(expected, tested, policy),
        tested={name: value for name, value in tested.items() if not np.isnan(value)},
        matured=matured,
        policy={"id": policy.id, "version": policy.version},
        why_not=why_not,
    )


def _financed(tables: RawTables, as_of: date, policy: OutcomePolicy) -> list[str]:
    """Return the suppliers with a loan open on the day before and not in default then: those a label could be of."""
    found = label_outcomes(tables, [as_of - timedelta(days=1)], within(policy, 1))
    return sorted(set(found.supplier_ids.tolist()))


def _drifts(bundle: ScoringBundle, policy: Policy) -> Callable[[Sequence[tuple[str, Distribution]], Values], list[Drift]]:
    trained = bundle.model.get("trained_on", {})
    # Rows of one supplier at many dates say little more than one: without their number the reference counts for less.
    then = int(trained.get("suppliers") or max(1, int(trained.get("rows", 0)) // 12))

    def measured(distributions: Sequence[tuple[str, Distribution]], values: Values) -> list[Drift]:
        return measure_drift(
            distributions,
            values,
            suppliers_then=then,
            alpha=policy.number("alpha"),
            watch=policy.number("psi_watch"),
            alarm=policy.number("psi_alarm"),
        )

    return measured


def score_drift(bundle: ScoringBundle, points: Values, as_of: date, policy: Policy | None = None) -> Drift:
    """Return how far the scores of n suppliers, shape (n,), have moved from those of the training sample."""
    policy = policy or packaged_policy("monitoring").on(as_of)
    return _drifts(bundle, policy)([("score", _score_distribution(bundle))], points[:, None])[0]


def _score_distribution(bundle: ScoringBundle) -> Distribution:
    """Return the reference scores in ten parts; equal percentiles, as of few distinct scores, are one part."""
    percentiles = np.array(bundle.reference.points)
    edges = np.unique(percentiles[DECILES : len(percentiles) - 1 : DECILES])
    edges = edges[edges > percentiles[0]]
    below = np.searchsorted(percentiles, edges, side="left") / (len(percentiles) - 1)
    return Distribution(tuple(edges.tolist()), tuple(np.diff(np.concatenate([[0.0], below, [1.0]])).tolist()), 0.0)


def _performance(expected: Expected, tested: Mapping[str, float], policy: Policy) -> Alarm:
    """Watched where even the luckiest outcome of today's PDs, and the unluckiest of the test, leave a loss that matters."""
    least = tested["auc"] - policy.number("auc_loss_watch") - 1.96 * tested["auc_standard_error"]
    if np.isnan(least):
        return Alarm.NOT_MEASURED
    return Alarm.WATCH if expected.auc_high < least else Alarm.QUIET


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value.isoformat() if isinstance(value, date) else value
