"""Does a hazard model lose to the 12-month model? On a simulated platform, out of time, on the same rows.

    python -m benchmarks.hazard --suppliers 5000 --months 60 --seed 20261121

Both learn from the same training rows by the product's recipe and are calibrated as the product's model is; the hazard model also knows
in which month a default fell. Differences are hazard model less 12-month model, with intervals over redrawn suppliers. ``--survivors``
is the share of the months without default the hazard model learns from, drawn once; its log-odds are put right by the share's logarithm.
"""

import argparse
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.known_truth import directions
from benchmarks.platform import true_pds
from features.build import build_features
from features.ledger import build_ledger
from features.read import read_tables
from features.simulate import simulate
from training.calibrate import calibrate
from training.dataset import ModelFrame, assemble
from training.hazard import MONTHS, HazardScorer, HazardScores, learn_hazard, month_of_default
from training.labels import Outcomes, first_day_seen, label_outcomes, last_day_seen
from training.measures import auc, brier, calibration_line, ece, log_loss
from training.pipeline import outcome_as_ofs
from training.recipe import Columns, learn
from training.rival import paired_differences
from training.scorer import Scorer
from training.settings import SEED, TrainSettings
from training.split import Split, split_out_of_time

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Watched:
    """Rows with an outcome, the month of default of each (0: none), and which are learnt from."""

    frame: ModelFrame
    default_month: Ints
    split: Split
    settings: TrainSettings


def fewer(watched: Watched, share: float) -> Watched:
    """Return the same rows with a share of the suppliers to learn from; all test rows stay."""
    split, suppliers = watched.split, watched.frame.supplier_ids[watched.split.train]
    known = np.unique(suppliers)
    chosen = known[np.random.default_rng(SEED).random(len(known)) < share]
    kept = np.isin(suppliers, chosen)
    return replace(watched, split=replace(split, train=split.train[kept], fold=split.fold[kept]))


def load(folder: Path) -> Watched:
    """Read a folder, build its features and label it as `lianxin train` does, with the month of each default."""
    tables, _ = read_tables(folder)
    settings = TrainSettings.in_force(last_day_seen(tables))
    as_ofs = outcome_as_ofs(first_day_seen(tables), last_day_seen(tables), settings)
    outcomes = label_outcomes(tables, as_ofs, settings.outcome)
    frame = assemble(build_features(build_ledger(tables), as_ofs), outcomes)
    months = months_of(frame, outcomes, settings)
    return Watched(frame, months, split_out_of_time(frame, settings.split), settings)


def months_of(frame: ModelFrame, outcomes: Outcomes, settings: TrainSettings) -> Ints:
    """Return the month of default of each row of the frame, 0 for none."""
    months = month_of_default(outcomes.as_of, outcomes.default_on, performance_days=settings.outcome.performance_days)
    known = dict(zip(zip(outcomes.supplier_ids.tolist(), outcomes.as_of.tolist(), strict=True), months.tolist(), strict=True))
    return np.array([known[key] for key in zip(frame.supplier_ids.tolist(), frame.as_of.tolist(), strict=True)], dtype=np.intp)


def twelve_month_pd(watched: Watched, threads: int) -> Floats:
    """Return the 12-month model's PDs of the test rows."""
    frame, split, settings = watched.frame, watched.split, watched.settings
    rows = split.train
    fit = learn(
        frame.values[rows], frame.y[rows], Columns(frame.names, tuple(directions())), seed=SEED, groups=frame.supplier_ids[rows],
        fold=split.fold, params=settings.params, threads=threads,
    ).fit  # fmt: skip
    margins = fit.margins_out_of_fold
    line = calibrate(margins, frame.y[rows], as_of=frame.as_of[rows], suppliers=frame.supplier_ids[rows], policy=settings.calibration)
    return Scorer.from_text(fit.model_text, line, settings.scale).score(frame.values[split.test]).pd


def hazard_scores(watched: Watched, survivors: float, threads: int) -> HazardScores:
    """Return the hazard model's scores of the test rows."""
    frame, split, settings = watched.frame, watched.split, watched.settings
    rows = split.train
    found = learn_hazard(
        frame.values[rows], watched.default_month[rows], np.full(len(rows), MONTHS), Columns(frame.names, tuple(directions())), seed=SEED,
        groups=frame.supplier_ids[rows], fold=split.fold, params=settings.params, survivors=survivors,
        threads=threads,
    )  # fmt: skip
    of, log_odds = rows[found.periods.row], found.log_odds_out_of_fold
    line = calibrate(log_odds, found.periods.y, as_of=frame.as_of[of], suppliers=frame.supplier_ids[of], policy=settings.calibration)
    return HazardScorer(found.model_text, found.by_month(line), settings.scale).score(frame.values[split.test])


def measures(y: Floats, pd: Floats) -> dict[str, float]:
    """Return AUC, log loss, Brier, slope, ECE, and the mean PD beside the rate of bad."""
    return {
        "auc": auc(y, pd),
        "log_loss": log_loss(y, pd),
        "brier": brier(y, pd),
        "slope": calibration_line(y, pd)[0],
        "ece": ece(y, pd),
        "mean_pd": float(pd.mean()),
        "rate": float(y.mean()),
    }


def compare(watched: Watched, truth: Floats, *, survivors: float, threads: int = 1) -> dict[str, Any]:
    """Fit both models; return their measures on the test rows, the paired differences at 12 months, and what the curve costs."""
    test, frame = watched.split.test, watched.frame
    started = process_time()
    pd = twelve_month_pd(watched, threads)
    between = process_time()
    scores = hazard_scores(watched, survivors, threads)
    seconds = {"twelve_months": between - started, "hazard": process_time() - between}
    y, month, suppliers = frame.y[test], watched.default_month[test], frame.supplier_ids[test]
    by_month = {m: ((month > 0) & (month <= m)).astype(np.float64) for m in (3, 6, 12)}
    found = {
        "rows": {"learnt": len(watched.split.train), "judged": len(test), "bads": int(y.sum())},
        "cpu_seconds": seconds,
        "true_pd": measures(y, np.clip(truth, 1e-9, 1.0 - 1e-9)),
        "twelve_months": measures(y, pd),
        "hazard": {str(m): measures(of_month, scores.pd_within(m)) for m, of_month in by_month.items()},
        # Ranks are the same at every horizon: what the 12-month model's ranks are worth at the shorter ones is the rival there.
        "twelve_months_ranks": {str(m): auc(of_month, pd) for m, of_month in by_month.items()},
        "difference": paired_differences(y, scores.pd_within(12), pd, suppliers, seed=SEED),
    }
    return {**found, **_points(scores, watched)}


def _points(scores: HazardScores, watched: Watched) -> dict[str, Any]:
    """Return how far points lie from those the scale gives the 12-month PD, and whether they rank as the PDs."""
    pd = scores.pd_within(MONTHS)
    on_scale = np.array([watched.settings.scale.points(p) for p in np.clip(pd, 1e-12, 1.0 - 1e-12).tolist()])
    off = np.abs(scores.points - on_scale)
    order = np.argsort(-scores.points, kind="stable")
    return {
        "points_off_scale": {"median": float(np.median(off)), "p95": float(np.quantile(off, 0.95)), "max": float(off.max())},
        "ranks_alike": all(bool((np.diff(scores.pd_within(m)[order]) >= 0).all()) for m in (3, 6, 12)),
        "curves_rise": bool((scores.pd_within(3) <= scores.pd_within(6)).all() and (scores.pd_within(6) <= pd).all()),
    }


def main() -> None:
    """Simulate or read, fit, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suppliers", type=int, default=5000)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--seed", type=int, nargs="+", default=[20261121])
    parser.add_argument("--folder", type=Path, help="a platform simulated before")
    parser.add_argument("--survivors", type=float, default=0.1)
    parser.add_argument("--learners", type=float, default=1.0, help="share of the training suppliers to learn from")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    for seed in args.seed:
        with tempfile.TemporaryDirectory() as scratch:
            tables = args.folder or Path(scratch) / "tables"
            if args.folder is None:
                simulate(tables, suppliers=args.suppliers, months=args.months, seed=seed)
            watched = fewer(load(tables), args.learners)
            test = watched.split.test
            truth = true_pds(tables, watched.frame.supplier_ids[test], watched.frame.as_of[test])
        found = compare(watched, truth, survivors=args.survivors, threads=args.threads)
        print(json.dumps({"seed": seed, "survivors": args.survivors, "learners": args.learners, **found}, indent=1), flush=True)


if __name__ == "__main__":
    main()
