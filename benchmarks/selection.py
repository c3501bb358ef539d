"""Only financed suppliers have outcomes: what does that do to the model, would a remedy help, and what is a thin file's score worth?

    python -m benchmarks.selection --seed 20261121 101 102 103

Learns from the financed as `lianxin train` does, on simulated platforms whose true PD is known of everybody. Prints for the test months: PD
against true PD and AUC among financed and rejected; what the trial says of each remedy, which sees outcomes of the financed alone, and
what the remedies really did among the rejected; and for thin files the model's PD beside the pool's. AUC and log loss are the expected ones
under the true PD. Suppliers whose instalments have stopped are left out: no feature may see it.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from benchmarks.known_truth import STOPPED, Flags, Floats, Platform, Texts, directions, probability, simulated
from training.calibrate import calibrate
from training.fit import Fit
from training.recipe import rows_per_group
from training.selection import Recipe, Remedy, financing_propensity, overlap, remedied_booster, try_remedy
from training.settings import SEED

FOLDS = 5
THIN = {"fewer than 3 orders": (0, 3), "3 to 4": (3, 5), "5 to 9": (5, 10), "10 to 19": (10, 20)}
YOUNG = {"under a month": (0, 31), "one to two months": (31, 61), "two to four months": (61, 121)}


@dataclass(frozen=True)
class Judged:
    """Suppliers of the test months, financed or not: true PD, the model's log-odds, their feature rows."""

    true_pd: Floats
    log_odds: Floats
    is_financed: Flags
    values: Floats


def expected_auc(true_pd: Floats, risk: Floats) -> float:
    """Return the AUC expected when every supplier goes bad with its true PD.

    Examples
    --------
    >>> expected_auc(np.array([0.0, 1.0]), np.array([0.1, 0.9]))
    1.0
    """
    order = np.argsort(risk, kind="stable")
    bad, good = true_pd[order], 1.0 - true_pd[order]
    return float(np.sum(bad * (np.cumsum(good) - good / 2.0)) / (bad.sum() * good.sum()))


def expected_log_loss(true_pd: Floats, pd: Floats) -> float:
    """Return the log loss expected when every supplier goes bad with its true PD; lowest where the PDs are the true ones."""
    return float(-np.mean(true_pd * np.log(pd) + (1.0 - true_pd) * np.log1p(-pd)))


def learn(platform: Platform, threads: int) -> tuple[Fit, Judged]:
    """Fit the product's model to the financed and score every supplier of the test months."""
    fit, frame, rows = platform.fit(threads), platform.frame, platform.split.train
    calibration = calibrate(
        fit.margins_out_of_fold, frame.y[rows], as_of=frame.as_of[rows], suppliers=frame.supplier_ids[rows],
        policy=platform.settings.calibration,
    )  # fmt: skip
    booster = lgb.Booster(model_str=fit.model_text)
    chosen = np.flatnonzero(np.isin(platform.matrix.as_of, np.unique(frame.as_of[platform.split.test])) & (platform.true_pd < STOPPED))
    values = platform.matrix.values[chosen]
    log_odds = calibration.intercept + calibration.slope * np.asarray(booster.predict(values, raw_score=True))
    return fit, Judged(platform.true_pd[chosen], log_odds, platform.is_financed[chosen], values)


def print_bias(judged: Judged) -> None:
    """Print PD against true PD among financed and rejected."""
    print(f"{'':12} rows    true PD  PD      AUC    (true PD's)  log loss (true PD's)")
    pd = probability(judged.log_odds)
    for name, of in {"financed": judged.is_financed, "rejected": ~judged.is_financed}.items():
        true = judged.true_pd[of]
        print(
            f"{name:12} {int(of.sum()):6}  {true.mean():.4f}   {pd[of].mean():.4f}  {expected_auc(true, judged.log_odds[of]):.4f} "
            f"({expected_auc(true, true):.4f})     {expected_log_loss(true, pd[of]):.4f} ({expected_log_loss(true, true):.4f})"
        )


def print_remedies(platform: Platform, judged: Judged, fit: Fit, threads: int) -> None:
    """Print what the trial says of each remedy, and what it did among the rejected."""
    matrix, frame, split = platform.matrix, platform.frame, platform.split
    dates = np.unique(frame.as_of[split.train])[::3]
    rows = np.flatnonzero(np.isin(matrix.as_of, dates) & (platform.true_pd < STOPPED))
    outcome = np.full(len(matrix.as_of), np.nan)
    outcome[platform.of_frame[split.train]] = frame.y[split.train]
    y, suppliers, values = outcome[rows], matrix.supplier_ids[rows], matrix.values[rows]
    is_known = ~np.isnan(y)
    propensity = financing_propensity(values, is_known, _folds(suppliers), threads=threads)
    recipe = Recipe(frame.names, directions(), fit.params, fit.rounds, SEED, threads, rows_per_group(suppliers[is_known]))
    share = overlap(propensity, is_known)
    print(f"remedies, learnt from {int(is_known.sum())} financed and {int((~is_known).sum())} rejected rows; overlap {share:.3f}")
    plain = None
    rejected = ~judged.is_financed
    for remedy in Remedy:
        booster = remedied_booster(remedy, values, y, is_known, propensity, recipe)
        pd = probability(np.asarray(booster.predict(judged.values[rejected], raw_score=True)))
        loss = expected_log_loss(judged.true_pd[rejected], pd)
        plain = loss if plain is None else plain
        line = f"  {remedy:28} log loss among rejected {loss:.4f} (gain {plain - loss:+.4f})"
        if remedy is not Remedy.NONE:
            trial = try_remedy(remedy, values, y, is_known, propensity, suppliers=suppliers, recipe=recipe)
            verdict = "accepted" if trial.is_accepted else "refused"
            line += f"; trial on {trial.rows} exceptions, {trial.bads} bad: "
            line += f"gain {trial.gain:+.4f} ({trial.low:+.4f} {trial.high:+.4f}), {verdict}"
        print(line, flush=True)


def _folds(suppliers: Texts) -> npt.NDArray[np.intp]:
    place = np.unique(suppliers, return_inverse=True)[1]
    return np.asarray(place % FOLDS, dtype=np.intp)


def print_thin(platform: Platform, judged: Judged) -> None:
    """Print what the model's PD is worth for thin files, beside the pool's rate, half of each, and the higher of both."""
    pool = float(platform.frame.y[platform.split.train].mean())
    middle = np.log(pool) - np.log1p(-pool)
    orders = np.nan_to_num(judged.values[:, platform.frame.names.index("orders_count_365d")])
    days = np.nan_to_num(judged.values[:, platform.frame.names.index("supplier_tenure_days_all")])
    print(f"{'thin files':22} rows   true PD  PD     log loss: model  pool   half   higher  true PD   error of log-odds, sd")
    groups = {name: (orders >= low) & (orders < high) for name, (low, high) in THIN.items()}
    groups |= {name: (days >= low) & (days < high) for name, (low, high) in YOUNG.items()}
    groups["all others"] = (orders >= 20) & (days >= 121)
    for name, of in groups.items():
        if not of.any():
            continue
        true, z = judged.true_pd[of], judged.log_odds[of]
        pd = probability(z)
        tried = (pd, np.full(len(pd), pool), probability((z + middle) / 2.0), np.maximum(pd, pool), true)
        losses = "  ".join(f"{expected_log_loss(true, one):.4f}" for one in tried)
        error = float(np.std(np.log(true) - np.log1p(-true) - z))
        print(f"{name:22} {int(of.sum()):6} {true.mean():.4f}   {pd.mean():.4f}           {losses}    {error:.2f}")


def report(platform: Platform, threads: int = 1) -> None:
    """Print everything of one platform."""
    fit, judged = learn(platform, threads)
    print_bias(judged)
    print_thin(platform, judged)
    print_remedies(platform, judged, fit, threads)


def main() -> None:
    """Simulate, learn, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suppliers", type=int, default=5000)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--seed", type=int, nargs="+", default=[20261121])
    parser.add_argument("--folder", type=Path, help="a platform simulated before, instead of a seed")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    for seed in args.seed:
        with simulated(seed, args.folder, suppliers=args.suppliers, months=args.months) as platform:
            print(f"\nworld {platform.digest[:16]}" + ("" if args.folder else f", seed {seed}"), flush=True)
            report(platform, args.threads)


if __name__ == "__main__":
    main()
