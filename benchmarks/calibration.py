"""Do the PDs mean what they say out of time, for whom, and what do their intervals hold? On simulated platforms, where the truth is known.

    python -m benchmarks.calibration --seed 20261121 101 102 103
    python -m benchmarks.calibration --olist SOURCE

Learns as `lianxin train` does and prints, for the test months (a downturn the training months had not seen): the calibration kept beside
those it was chosen from; slope, level, Brier, log loss and ECE by vintage, grade, province, industry and size; what share of true PDs
the intervals hold, by group, beside Venn-Abers intervals; and how often the model abstains, and is wrong where it does not. Wrong is a PD
on the other side of the cut-off than the true PD. Suppliers whose instalments have stopped are left out of the intervals' figures. On
Olist, whose truth nobody knows, the calibrations alone.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np
from sklearn.isotonic import IsotonicRegression

from benchmarks.ablation import Study, olist
from benchmarks.known_truth import STOPPED, Flags, Floats, Platform, Texts, directions, grown, probability, simulated
from benchmarks.olist import Outcome
from credit.abstention import Stance, stand
from training.calibrate import CalibrationPolicy, calibrate, fit_calibration, likeliest_line
from training.calibration_table import CalibrationRow, Estimate, calibration_by
from training.disagreement import measure_disagreement
from training.fit import Fit
from training.intervals import PdIntervals, fit_intervals
from training.measures import calibration_line, ece, log_loss
from training.recipe import rows_per_group
from training.scorer import Calibration
from training.settings import SEED

OUTCOMES: tuple[Outcome, ...] = ("silent", "late")
GROUPINGS = ("vintage", "grade", "province", "industry", "size")


@dataclass(frozen=True)
class Judged:
    """The test rows: outcomes, truth, the product's PDs with their intervals, thin files and groups."""

    y: Floats
    true_pd: Floats
    pd: Floats
    low: Floats
    high: Floats
    is_thin: Flags
    suppliers: Texts
    groups: Mapping[str, Texts]
    is_decided: Flags


def candidates(platform: Platform | Study, fit: Fit) -> dict[str, Calibration]:
    """Return the calibrations compared: of all training rows, of the newest six months alone and drawn to all rows (kept)."""
    rows, margins = platform.split.train, fit.margins_out_of_fold
    y, as_of, suppliers = platform.frame.y[rows], platform.frame.as_of[rows], platform.frame.supplier_ids[rows]
    newest = np.isin(as_of, np.unique(as_of)[-6:])
    found = {"none": Calibration(1.0, 0.0), "all rows": fit_calibration(margins, y)}
    found["newest 6 months alone"] = fit_calibration(margins[newest], y[newest])
    for months in (3, 12):
        policy = CalibrationPolicy(newest_months=months)
        found[f"newest {months}, drawn to all rows"] = calibrate(margins, y, as_of=as_of, suppliers=suppliers, policy=policy)
    found["kept: newest 6, drawn to all rows"] = calibrate(
        margins, y, as_of=as_of, suppliers=suppliers, policy=platform.settings.calibration
    )
    return found


def intervals(platform: Platform, fit: Fit, calibration: Calibration, threads: int = 1) -> PdIntervals:
    """Return the product's intervals."""
    rows = platform.split.train
    values, names = platform.frame.values[rows], platform.frame.names
    found = measure_disagreement(
        values, platform.frame.y[rows], names=names, directions=directions(), fold=platform.split.fold, params=fit.params,
        rounds=fit.rounds, seed=SEED, threads=threads, group_size=rows_per_group(platform.frame.supplier_ids[rows]),
    )  # fmt: skip
    log_odds = calibration.intercept + calibration.slope * fit.margins_out_of_fold
    return fit_intervals(
        calibration.slope * found.distances, log_odds[found.rows], values[found.rows], names=names,
        pool_pd=float(probability(log_odds).mean()), policy=platform.settings.abstention,
    )  # fmt: skip


def judge(platform: Platform, fit: Fit, calibration: Calibration, made: PdIntervals) -> Judged:
    """Score the test rows and put everything that is known of them side by side."""
    test, frame = platform.split.test, platform.frame
    values = frame.values[test]
    margins = np.asarray(lgb.Booster(model_str=fit.model_text).predict(values, raw_score=True))
    pd = probability(calibration.intercept + calibration.slope * margins)
    rows = values.tolist()
    around = [made.around(p, row) for p, row in zip(pd.tolist(), rows, strict=True)]
    is_thin = np.array([made.is_thin(row) for row in rows])
    stands = [
        stand(p, one, cutoff_pd=made.policy.cutoff_pd, is_thin=thin).stance
        for p, one, thin in zip(pd.tolist(), around, is_thin.tolist(), strict=True)
    ]
    place = platform.of_frame[test]
    orders = values[:, frame.names.index("orders_count_365d")]
    size = np.digitize(np.nan_to_num(orders), np.nanquantile(orders, [0.25, 0.5, 0.75]))
    return Judged(
        y=frame.y[test],
        true_pd=platform.true_pd[place],
        pd=pd,
        low=np.array([one.low for one in around]),
        high=np.array([one.high for one in around]),
        is_thin=is_thin,
        suppliers=frame.supplier_ids[test],
        groups={
            "vintage": np.datetime_as_string(frame.as_of[test], unit="M"),
            "grade": np.array([platform.settings.grades.grade(p).name for p in pd.tolist()]),
            "province": platform.province[place],
            "industry": platform.industry[place],
            "size": np.array(["1 smallest", "2", "3", "4 largest"])[size],
        },
        is_decided=np.array([stance is Stance.DECIDED for stance in stands]),
    )


def venn_abers(margins: Floats, y: Floats, asked: Floats, places: int = 60) -> tuple[Floats, Floats]:
    """Return inductive Venn-Abers ends at ``asked`` (Vovk and Petej 2014), interpolated between quantiles of the margins."""
    knots = np.quantile(margins, np.linspace(0.0, 1.0, places))
    ends: list[list[float]] = [[], []]
    for knot in knots:
        for outcome, end in enumerate(ends):
            line = IsotonicRegression(out_of_bounds="clip").fit(np.append(margins, knot), np.append(y, outcome))
            end.append(float(line.predict([knot])[0]))
    return np.interp(asked, knots, ends[0]), np.interp(asked, knots, ends[1])


def cell_means_held(judged: Judged, low: Floats, high: Floats) -> float:
    """Return the share of cells (month by twentieth of the PD) whose mean true PD lies between the mean ends."""
    going = judged.true_pd < STOPPED
    band = np.searchsorted(np.quantile(judged.pd, np.linspace(0, 1, 21)[1:-1]), judged.pd)
    cell = np.unique(judged.groups["vintage"], return_inverse=True)[1] * 20 + band
    held = []
    for one in np.unique(cell[going]):
        of = going & (cell == one)
        held.append(low[of].mean() <= judged.true_pd[of].mean() <= high[of].mean())
    return float(np.mean(held))


def plain_peer(platform: Platform | Study, threads: int = 1) -> Floats:
    """Return the test rows' PDs of a plain LightGBM on all features, as `benchmarks.platform` sets its peer, uncalibrated."""
    rows, frame = platform.split.train, platform.frame
    settings = {
        "objective": "binary", "num_leaves": 15, "learning_rate": 0.05, "min_data_in_leaf": 100, "seed": 1, "verbosity": -1,
        "num_threads": threads, "deterministic": True, "force_row_wise": True,
    }  # fmt: skip
    booster = lgb.train(settings, lgb.Dataset(frame.values[rows], frame.y[rows]), num_boost_round=200)
    return np.asarray(booster.predict(frame.values[platform.split.test]))


def print_candidates(platform: Platform | Study, fit: Fit) -> None:
    """Print the calibrations compared."""
    test = platform.split.test
    y = platform.frame.y[test]
    margins = np.asarray(lgb.Booster(model_str=fit.model_text).predict(platform.frame.values[test], raw_score=True))
    print(f"{'calibration':36} slope  intercept  ECE     log loss  mean PD (bad rate {y.mean():.4f})")
    pds = {name: probability(one.intercept + one.slope * margins) for name, one in candidates(platform, fit).items()}
    for name, pd in {**pds, "peer: plain LightGBM": plain_peer(platform)}.items():
        slope, intercept = calibration_line(y, pd)
        print(f"{name:36} {slope:.3f}  {intercept:+.3f}     {ece(y, pd):.4f}  {log_loss(y, pd):.5f}   {pd.mean():.4f}")


def shown(estimate: Estimate | None) -> str:
    """Return an estimate with its interval."""
    return f"{'':>18}" if estimate is None else f"{estimate.value:+.2f} ({estimate.low:+.2f} {estimate.high:+.2f})"


def slope_of_truth(true_pd: Floats, pd: Floats) -> float:
    """Return the slope of true PDs on the log-odds of PDs: what `calibration_line` would give with endless outcomes."""
    log_odds = np.log(pd) - np.log1p(-pd)
    return float(likeliest_line(np.column_stack([np.ones(len(pd)), log_odds]), true_pd)[1])


def print_slopes(platform: Platform, fit: Fit, calibration: Calibration, judged: Judged) -> None:
    """Print how much of the test months' slope is luck: beside it the newest training months', the true PDs', and that on the true PDs."""
    rows = platform.split.train
    newest = np.isin(platform.frame.as_of[rows], np.unique(platform.frame.as_of[rows])[-platform.settings.calibration.newest_months :])
    pd = probability(calibration.intercept + calibration.slope * fit.margins_out_of_fold[newest])
    kept = rows[newest]
    (before,) = calibration_by(platform.frame.y[kept], pd, {}, suppliers=platform.frame.supplier_ids[kept])
    (after,) = calibration_by(judged.y, judged.pd, {}, suppliers=judged.suppliers)
    going = judged.true_pd < STOPPED
    (luck,) = calibration_by(judged.y[going], judged.true_pd[going], {}, suppliers=judged.suppliers[going])
    on = {"newest training months, out of fold": before, "test months": after, "test months, of outcomes on the true PDs": luck}
    for name, row in on.items():
        print(f"slope on the {name}: {shown(row.slope)}")
    by_truth = slope_of_truth(judged.true_pd, judged.pd), slope_of_truth(judged.true_pd[going], judged.pd[going])
    print(f"slope of the true PDs on the test months: {by_truth[0]:.3f}; without rows whose instalments have stopped {by_truth[1]:.3f}")


def print_table(rows: list[CalibrationRow]) -> None:
    """Print calibration by group."""
    print(f"{'group':28} rows   bads  PD     bad rate  {'slope':18} {'level':18} Brier   log loss  ECE (by luck)")
    for row in rows:
        lines = f"{shown(row.slope)} {shown(row.level)}"
        losses = f"{row.brier.value:.4f}  {row.log_loss.value:.4f}    {row.ece:.4f} ({row.ece_by_luck:.4f})"
        print(f"{row.by + ' ' + row.group:28} {row.rows:6} {row.bads:5} {row.mean_pd:.4f} {row.bad_rate.value:.4f}  {lines} {losses}")


def print_coverage(platform: Platform, fit: Fit, judged: Judged) -> None:
    """Print what the intervals hold, by group, beside Venn-Abers."""
    margins = np.asarray(lgb.Booster(model_str=fit.model_text).predict(platform.frame.values[platform.split.test], raw_score=True))
    peer = venn_abers(fit.margins_out_of_fold, platform.frame.y[platform.split.train], margins)
    going = judged.true_pd < STOPPED
    for name, (low, high) in {"kept": (judged.low, judged.high), "Venn-Abers": peer}.items():
        held = (low <= judged.true_pd) & (judged.true_pd <= high)
        grades = [judged.groups["grade"] == grade for grade in np.unique(judged.groups["grade"])]
        right = sum(bool(low[of].mean() <= judged.y[of].mean() <= high[of].mean()) for of in grades)
        ratio = float(np.median(high / np.maximum(low, 1e-6)))
        print(
            f"{name:10} true PDs held {held[going].mean():.3f}; mean true PD of cells {cell_means_held(judged, low, high):.3f}; "
            f"bad rate of grades {right} of {len(grades)}; high / low {ratio:.1f} in the middle"
        )
    held = (judged.low <= judged.true_pd) & (judged.true_pd <= judged.high)
    for by in ("grade", "size", "province"):
        parts = [f"{group} {held[going & (judged.groups[by] == group)].mean():.2f}" for group in np.unique(judged.groups[by])]
        print(f"  {by}: {', '.join(parts)}")
    thin = going & judged.is_thin
    print(f"  thin files ({int(thin.sum())} rows): {held[thin].mean():.2f}" if thin.any() else "  no thin file among the test rows")


def print_abstention(judged: Judged, cutoff: float) -> None:
    """Print how often the model abstains, and is wrong."""
    wrong = (judged.pd <= cutoff) != (judged.true_pd <= cutoff)
    decided, passed = judged.is_decided, judged.pd <= cutoff
    print(f"abstains on {1 - decided.mean():.1%}; wrong among decided {wrong[decided].mean():.1%}, abstained {wrong[~decided].mean():.1%}")
    parts = {"approved": decided & passed, "abstained": ~decided, "declined": decided & ~passed}
    print("  bad rate: " + ", ".join(f"{name} {judged.y[of].mean():.3f} ({int(of.sum())} rows)" for name, of in parts.items() if of.any()))


def report(platform: Platform, threads: int = 1) -> None:
    """Print everything of one platform."""
    fit = platform.fit(threads)
    print_candidates(platform, fit)
    calibration = candidates(platform, fit)["kept: newest 6, drawn to all rows"]
    judged = judge(platform, fit, calibration, intervals(platform, fit, calibration, threads))
    print_slopes(platform, fit, calibration, judged)
    print_table(calibration_by(judged.y, judged.pd, {by: judged.groups[by] for by in GROUPINGS}, suppliers=judged.suppliers))
    print_coverage(platform, fit, judged)
    print_abstention(judged, platform.settings.abstention.cutoff_pd)


def main() -> None:
    """Simulate, learn, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suppliers", type=int, default=5000)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--seed", type=int, nargs="+", default=[20261121])
    parser.add_argument("--folder", type=Path, help="a platform simulated before, instead of a seed")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--olist", type=Path, help="the folder of Olist's files, instead of a seed")
    args = parser.parse_args()
    if args.olist:
        for outcome in OUTCOMES:
            study = olist(args.olist, outcome)
            print(f"\n{study.name}", flush=True)
            print_candidates(study, grown(study.frame, study.split, study.settings, args.threads))
        return
    for seed in args.seed:
        with simulated(seed, args.folder, suppliers=args.suppliers, months=args.months) as platform:
            print(f"\nworld {platform.digest[:16]}" + ("" if args.folder else f", seed {seed}"), flush=True)
            report(platform, args.threads)


if __name__ == "__main__":
    main()
