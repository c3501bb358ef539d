"""Does a hazard model lose to the 12-month model? On a simulated platform, out of time, judged on the same rows.

    python -m benchmarks.hazard --suppliers 3000 --months 60 --seed 20261121 101 102 103

Both learn by the product's recipe what was known on the first day of the test period, and are calibrated as the product's model is. The
hazard model also knows in which month a default fell, and learns from rows too young for the 12-month model, by the months that were
seen; ``same_rows`` leaves those out. At 3 and 6 months it stands beside the 12-month PD spread evenly over the year, and beside a model
of each horizon of its own, which may contradict one another. Differences are hazard model less 12-month model, with intervals over
redrawn suppliers. ``expected`` measures are taken against the true PD of 12 months instead of drawn outcomes.
"""

import argparse
import json
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.known_truth import directions
from benchmarks.platform import true_pds
from benchmarks.selection import expected_auc, expected_log_loss
from features.build import build_features
from features.ledger import build_ledger
from features.read import read_tables
from features.simulate import simulate
from training.calibrate import calibrate
from training.dataset import ModelFrame, assemble
from training.hazard_candidate import HORIZONS, judge_candidate, learn_candidate, measures, months_of_default
from training.labels import first_day_seen, label_outcomes, last_day_seen
from training.pipeline import outcome_as_ofs
from training.recipe import Columns, learn
from training.scorer import Scorer
from training.settings import SEED, TrainSettings
from training.split import Split, split_out_of_time
from training.term_structure import HazardModel, HazardScorer, HazardScores

Floats = npt.NDArray[np.float64]


def load(folder: Path) -> tuple[ModelFrame, Split, TrainSettings]:
    """Read a folder, build its features and label it as `lianxin train` does."""
    tables, _ = read_tables(folder)
    settings = TrainSettings.in_force(last_day_seen(tables))
    as_ofs = outcome_as_ofs(first_day_seen(tables), last_day_seen(tables), settings)
    frame = assemble(build_features(build_ledger(tables), as_ofs), label_outcomes(tables, as_ofs, settings.outcome))
    return frame, split_out_of_time(frame, settings.split), settings


def pd_of_own_model(frame: ModelFrame, split: Split, settings: TrainSettings, y: Floats, threads: int) -> Floats:
    """Return the PDs of the test rows by a model of the outcome ``y`` of all rows, learnt and calibrated as the product's."""
    rows = split.train
    fit = learn(
        frame.values[rows], y[rows], Columns(frame.names, tuple(directions())), seed=SEED, groups=frame.supplier_ids[rows],
        fold=split.fold, params=settings.params, threads=threads,
    ).fit  # fmt: skip
    margins = fit.margins_out_of_fold
    line = calibrate(margins, y[rows], as_of=frame.as_of[rows], suppliers=frame.supplier_ids[rows], policy=settings.calibration)
    return Scorer.from_text(fit.model_text, line, settings.scale).score(frame.values[split.test]).pd


def compare(frame: ModelFrame, split: Split, settings: TrainSettings, truth: Floats, *, threads: int) -> dict[str, Any]:
    """Fit the models; return their measures on the test rows, the paired differences, and what the curve costs."""
    month = months_of_default(frame, settings)
    started = process_time()
    own = {m: pd_of_own_model(frame, split, settings, ((month > 0) & (month <= m)).astype(np.float64), threads) for m in HORIZONS[:-1]}
    before = process_time()
    pd = pd_of_own_model(frame, split, settings, frame.y, threads)
    between = process_time()
    model = learn_candidate(frame, split, settings, seed=SEED, threads=threads)
    ended = process_time()
    same_rows = learn_candidate(frame, split, settings, seed=SEED, with_young=False, threads=threads)
    scores = HazardScorer(model).score(frame.values[split.test])
    same = HazardScorer(same_rows).score(frame.values[split.test]).pd_within(12)
    within = month[split.test]
    return {
        "rows": {"learnt": len(split.train), "judged": len(split.test), "bads": int(frame.y[split.test].sum())},
        "cpu_seconds": {"own_models": before - started, "twelve_months": between - before, "hazard": ended - between},
        "horizons": judge_candidate(model, frame, split, settings, pd=pd, seed=SEED),
        "horizons_same_rows": judge_candidate(same_rows, frame, split, settings, pd=pd, seed=SEED),
        "own_models": {m: measures(((within > 0) & (within <= m)).astype(np.float64), found) for m, found in own.items()},
        "own_models_contradict": float(np.mean((own[3] > own[6]) | (own[6] > pd))),
        "expected": {
            name: {"auc": expected_auc(truth, risk), "log_loss": expected_log_loss(truth, risk)}
            for name, risk in (("true_pd", truth), ("twelve_months", pd), ("hazard", scores.pd_within(12)), ("hazard_same_rows", same))
        },
        **_curve(model, scores, settings),
    }


def _curve(model: HazardModel, scores: HazardScores, settings: TrainSettings) -> dict[str, Any]:
    """Return how far points lie from those the scale gives the 12-month PD, whether all PDs rank alike and rise with the horizon."""
    pd = scores.pd_within(12)
    off = np.abs(scores.points - np.array([settings.scale.points(p) for p in pd.tolist()]))
    order = np.argsort(-scores.points, kind="stable")
    tenors = np.array([scores.pd_of_tenor(days) for days in range(0, model.window_days + 1, 5)])
    return {
        "points_off_scale": {"median": float(np.median(off)), "p95": float(np.quantile(off, 0.95)), "max": float(off.max())},
        "ranks_alike": all(bool((np.diff(scores.pd_within(m)[order]) >= 0).all()) for m in HORIZONS),
        "curves_rise_from_0": bool((tenors[0] == 0).all() and (np.diff(tenors, axis=0) >= 0).all()),
        "mean_pd_of_75_days": float(scores.pd_of_tenor(75).mean()),
        "slopes_by_month": [round(month.slope, 3) for month in model.by_month],
    }


def main() -> None:
    """Simulate or read, fit, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suppliers", type=int, default=3000)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--seed", type=int, nargs="+", default=[20261121])
    parser.add_argument("--folder", type=Path, help="a platform simulated before")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    for seed in args.seed:
        with tempfile.TemporaryDirectory() as scratch:
            tables = args.folder or Path(scratch) / "tables"
            if args.folder is None:
                simulate(tables, suppliers=args.suppliers, months=args.months, seed=seed)
            digest = json.loads((tables / "truth" / "world.json").read_text(encoding="utf-8"))["digest"]
            frame, split, settings = load(tables)
            truth = true_pds(tables, frame.supplier_ids[split.test], frame.as_of[split.test])
        found = compare(frame, split, settings, truth, threads=args.threads)
        print(json.dumps({"seed": seed, "world_digest": digest, **found}, indent=1), flush=True)


if __name__ == "__main__":
    main()
