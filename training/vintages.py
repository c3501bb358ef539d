"""What has become of the vintages by today: the young ones against their PDs, the newest matured one against its estimate."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from credit.errors import OutOfRange
from credit.outcome import Outcome, OutcomePolicy
from credit.period import first_of_month
from credit.policy import Policy
from features.build import build_features, month_starts
from features.catalog import CATALOG
from features.feature import Feature
from features.ledger import Ledger
from features.matrix import FeatureMatrix
from features.read import RawTables
from training.bundle import ScoringBundle
from training.early_defaults import DefaultTiming, Vintage, compare_vintages, matured_as_ofs, within
from training.expected_performance import Expected, expect_performance
from training.labels import first_day_seen, label_outcomes
from training.measures import auc, auc_standard_error, log_loss
from training.settings import SEED

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Matured:
    """The newest vintage whose outcomes are all known: what was estimated of it from its PDs, and what came.

    ``auc`` has its standard error (DeLong), ``holds`` says whether the estimate lies within two of it.
    """

    as_of: date
    suppliers: int
    defaults: int
    estimated: Expected
    auc: float
    auc_standard_error: float
    log_loss: float
    bad_rate: float
    holds: bool


def scored_features(bundle: ScoringBundle) -> tuple[Feature, ...]:
    """Return the catalogue's declarations of what a bundle scores, in its order; raise `OutOfRange` where one is lacking."""
    known = {feature.name: feature for feature in CATALOG}
    lacking = [name for name in bundle.names if name not in known]
    if lacking:
        raise OutOfRange(f"the bundle scores {len(lacking)} features this catalogue does not have, first {lacking[0]!r}: use its version")
    return tuple(known[name] for name in bundle.names)


def outcomes_so_far(
    bundle: ScoringBundle, ledger: Ledger, tables: RawTables | None, as_of: date, outcome: OutcomePolicy, policy: Policy
) -> tuple[list[Vintage], Matured | None, dict[str, str]]:
    """Return the young vintages, the newest matured one, and why one of them is missing; ``tables`` are None where there are no loans."""
    if tables is None:
        return [], None, {"vintages": "there are no loans and repayments", "matured": "there are no loans and repayments"}
    last = as_of - timedelta(days=outcome.default_dpd)
    young = month_starts(as_of - timedelta(days=outcome.performance_days - 1), last)
    first = first_of_month(first_day_seen(tables), 12)
    months = month_starts(first, last) if first <= last else []
    matured = matured_as_ofs(first, as_of, outcome, months, policy.whole("matured_months"))
    young = [day for day in young if day >= first]
    if not matured or not young:
        why = f"no vintage is older than {outcome.performance_days} days and another younger"
        return [], None, {"vintages": why, "matured": why}
    timing = DefaultTiming.of(tables, matured, outcome, [(as_of - day).days for day in young])
    matrix = build_features(ledger, [matured[-1], *young], features=scored_features(bundle))
    newest = _judge_matured(bundle, matrix, tables, matured[-1], outcome)
    why_not = {} if newest else {"matured": f"the vintage {matured[-1]} has no good and bad suppliers to rank"}
    if not timing.in_window:
        return [], newest, {**why_not, "vintages": "no supplier of a matured vintage defaulted, so nothing says when defaults come"}
    seen = [(day, *_scored(bundle, matrix, tables, day, within(outcome, (as_of - day).days))) for day in young]
    vintages = compare_vintages(
        [(day, pd, int((status == Outcome.BAD).sum())) for day, pd, status in seen if len(pd)],
        timing,
        as_of=as_of,
        alpha=policy.number("alpha"),
        alarm=policy.number("default_ratio_alarm"),
        watch=policy.number("default_ratio_watch"),
    )
    return vintages, newest, why_not


def _scored(
    bundle: ScoringBundle, matrix: FeatureMatrix, tables: RawTables, day: date, outcome: OutcomePolicy
) -> tuple[Values, NDArray[np.str_]]:
    """Return PD and outcome so far of the suppliers labelled at a date."""
    labels = label_outcomes(tables, [day], outcome)
    rows = np.flatnonzero(matrix.as_of == np.datetime64(day))
    place = {supplier: row for supplier, row in zip(matrix.supplier_ids[rows].tolist(), rows.tolist(), strict=True)}
    found = zip(labels.supplier_ids.tolist(), labels.status.tolist(), strict=True)
    kept = [(place[supplier], status) for supplier, status in found if supplier in place]
    values = matrix.values[[row for row, _ in kept]] if kept else np.empty((0, len(bundle.names)))
    return bundle.score(np.ascontiguousarray(values)).pd, np.array([status for _, status in kept], dtype=np.str_)


def _judge_matured(bundle: ScoringBundle, matrix: FeatureMatrix, tables: RawTables, day: date, outcome: OutcomePolicy) -> Matured | None:
    pd, status = _scored(bundle, matrix, tables, day, outcome)
    settled = status != Outcome.INDETERMINATE
    pd, y = pd[settled], (status[settled] == Outcome.BAD).astype(np.float64)
    bads = int(y.sum())
    if min(bads, len(y) - bads) < 2:
        return None
    estimated, error = expect_performance(pd, seed=SEED), auc_standard_error(y, pd)
    found = auc(y, pd)
    holds = abs(found - estimated.auc) <= 1.96 * error
    return Matured(day, len(y), bads, estimated, found, error, log_loss(y, pd), float(y.mean()), holds)
