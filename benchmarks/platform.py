"""How much of what can be known does the product's model reach? On a simulated platform, where the truth is known, out of time.

    python -m benchmarks.platform --suppliers 5000 --months 60 --seed 20261121

Simulates the platform, trains as `lianxin train` does, and prints, for the same test rows, the AUC and Gini of the true PD, of the
product's model, and of a simple peer: a plain LightGBM on recency, counts, amounts, on-time rate and stars, learnt from the same rows.
The truth is read here and in tests alone; no training sees it. The world's digest stands beside the result.
"""

import argparse
import json
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import lightgbm
import numpy as np
import numpy.typing as npt

from benchmarks.world import ALTERED
from features.ledger import Ledger
from features.read import RawTables
from features.simulate import World, simulate
from training.measures import auc, auc_standard_error, gini
from training.pipeline import TrainResult, train

Floats = npt.NDArray[np.float64]

PEER = ("orders_last_age_", "orders_count_", "orders_amount_sum_", "orders_amount_mean_", "fulfilment_late_ratio_", "reviews_rating_mean_")
"""The simple peer's columns: recency, counts, amounts, on-time rate, stars, over every window the catalogue has."""


def true_pds(folder: Path, supplier_ids: npt.NDArray[np.str_], as_of: npt.NDArray[np.datetime64]) -> Floats:
    """Return the true PD of each (supplier, as-of) row."""
    query = f"SELECT supplier_id, as_of, true_pd FROM read_parquet('{folder / 'truth' / 'true_pd.parquet'}')"
    known: dict[tuple[str, date], float] = {(s, d): p for s, d, p in duckdb.connect().execute(query).fetchall()}
    return np.array([known[s, d] for s, d in zip(supplier_ids.tolist(), as_of.astype("datetime64[D]").tolist(), strict=True)])


def peer_margins(result: TrainResult, threads: int) -> Floats:
    """Return the simple peer's log-odds of the test rows, learnt from the product's training rows."""
    columns = [i for i, name in enumerate(result.frame.names) if name.startswith(PEER)]
    x, y, split = result.frame.values[:, columns], result.frame.y, result.split
    settings = {
        "objective": "binary", "num_leaves": 15, "learning_rate": 0.05, "min_data_in_leaf": 100, "seed": 1, "verbosity": -1,
        "num_threads": threads, "deterministic": True, "force_row_wise": True,
    }  # fmt: skip
    booster = lightgbm.train(settings, lightgbm.Dataset(x[split.train], y[split.train]), num_boost_round=200)
    return np.asarray(booster.predict(x[split.test], raw_score=True))


def compare(
    folder: Path, home: Path, *, threads: int = 1, tables: RawTables | None = None, ledger: Ledger | None = None
) -> tuple[dict[str, Any], TrainResult]:
    """Train on a simulated folder; return the comparison with truth and peer on the same test rows, and the training itself."""
    result = train(folder, home=home, threads=threads, tables=tables, ledger=ledger)
    test = result.split.test
    y = result.frame.y[test]
    truth = true_pds(folder, result.frame.supplier_ids[test], result.frame.as_of[test])
    ceiling = gini(y, truth)
    scored = {"true PD": truth, "lianxin": result.scores.pd, "simple peer": peer_margins(result, threads)}
    found = {
        "world_digest": json.loads((folder / "truth" / "world.json").read_text(encoding="utf-8"))["digest"],
        "bundle_sha256": result.bundle.content_hash,
        "rounds": result.fit.rounds,
        "trained_on": result.bundle.model["trained_on"],
        "tested_on": result.bundle.model["tested_on"],
        "calibration_slope": result.measures["calibration_slope"],
        "ece": result.measures["ece"],
        "measures": {
            name: {
                "auc": auc(y, s),
                "standard_error": auc_standard_error(y, s),
                "gini": gini(y, s),
                "share_of_truth": gini(y, s) / ceiling,
            }
            for name, s in scored.items()
        },
    }
    return found, result


def main() -> None:
    """Simulate, train, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suppliers", type=int, default=5000)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--seed", type=int, nargs="+", default=[20261121])
    parser.add_argument("--altered", action="store_true", help="the world with altered parameters")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    for seed in args.seed:
        with tempfile.TemporaryDirectory() as scratch:
            tables = Path(scratch) / "tables"
            world = ALTERED if args.altered else World()
            simulate(tables, suppliers=args.suppliers, months=args.months, seed=seed, world=world)
            found, _ = compare(tables, Path(scratch) / "mlruns", threads=args.threads)
        if args.json:
            print(json.dumps({"seed": seed, **found}))
            continue
        trained, tested = found["trained_on"], found["tested_on"]
        print(f"{args.suppliers} suppliers x {args.months} months, seed {seed}, world {found['world_digest'][:16]}")
        print(f"learnt {trained['from']} to {trained['to']}: {trained['rows']} rows, {trained['bads']} bad; {found['rounds']} trees")
        print(f"judged {tested['from']} to {tested['to']}: {tested['rows']} rows, {tested['bads']} bad")
        print(f"{'':12}  AUC     s.e.    Gini    share of the truth's Gini")
        for name, m in found["measures"].items():
            print(f"{name:12}  {m['auc']:.4f}  {m['standard_error']:.4f}  {m['gini']:.4f}  {m['share_of_truth']:.1%}")
        print(f"calibration slope {found['calibration_slope']:.3f}, ECE {found['ece']:.4f}", flush=True)


if __name__ == "__main__":
    main()
