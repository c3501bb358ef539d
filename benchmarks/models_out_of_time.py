"""Our recipe beside the peers of `benchmarks.models`, out of time: the simulated platform against the true PD, and Olist's outcomes.

    python -m benchmarks.models_out_of_time [--only platform silent late] [--scorers lianxin XGBoost] [--seed 20261121] [--save FOLDER]

All learn from the product's features of the product's training rows, without those that do not vary there, and are judged on its test
months. `lianxin` is the recipe with the catalogue's directions and the product's calibration, `lianxin undirected` the same without
directions, so that their price shows; the peers know no directions and their inner splits keep a supplier's rows together. Printed: AUC
(late deliveries: within months), on the platform its share of the true PD's Gini and the log loss expected under the true PDs, log loss,
slope and expected calibration error, and lianxin less each peer with a standard error over redrawn suppliers. `--save` keeps every
scorer's log-odds and continues where it was stopped. Peers need the extra `bench`; those not installed are left out.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from lightgbm import Booster

from benchmarks.ablation import Study, olist, simulated
from benchmarks.models import OURS, Judged, installed, probability, read, save, with_average
from benchmarks.models_peers.peers import PEERS
from benchmarks.models_peers.tables import CreditTable
from benchmarks.olist import Outcome
from benchmarks.platform import true_pds
from benchmarks.real_data import real_data_folder
from benchmarks.selection import expected_log_loss
from features.catalog import CATALOG
from features.simulate import simulate
from training.calibrate import calibrate
from training.measures import calibration_line, ece, gini, log_loss
from training.recipe import Columns, learn
from training.settings import SEED

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

UNDIRECTED = "lianxin undirected"
OUTCOMES: tuple[Outcome, ...] = ("silent", "late")
TABLES = ("platform", *OUTCOMES)


@dataclass(frozen=True)
class OutOfTime:
    """A study, the columns that vary in its training rows, and the true PDs of its test rows where they are known."""

    study: Study
    columns: Ints
    true_pd: Floats | None = None

    @property
    def learnt(self) -> CreditTable:
        """The training rows."""
        frame, rows = self.study.frame, self.study.split.train
        names = tuple(frame.names[i] for i in self.columns)
        directions = tuple(CATALOG[i].direction for i in self.columns)
        groups = np.unique(frame.supplier_ids[rows], return_inverse=True)[1]
        return CreditTable(np.ascontiguousarray(frame.values[np.ix_(rows, self.columns)]), frame.y[rows], names, directions, (), groups)

    @property
    def asked(self) -> Floats:
        """The values of the test rows."""
        return np.ascontiguousarray(self.study.frame.values[np.ix_(self.study.split.test, self.columns)])

    @property
    def y(self) -> Floats:
        """The outcomes of the test rows."""
        return self.study.frame.y[self.study.split.test]


def varying(study: Study) -> Ints:
    """Return the columns with more than one value, or some missing and some not, among the training rows."""
    values = study.frame.values[study.split.train]
    return np.array([i for i, column in enumerate(values.T) if len(np.unique(column)) > 1], dtype=np.intp)


def recipe(asked: OutOfTime, *, is_directed: bool) -> Floats:
    """Return the log-odds of the test rows by the product's recipe and calibration."""
    table, study = asked.learnt, asked.study
    directions = table.directions if is_directed else (0,) * len(table.names)
    rows = study.split.train
    suppliers = study.frame.supplier_ids[rows]
    fit = learn(table.values, table.y, Columns(table.names, directions), seed=SEED, groups=suppliers, fold=study.split.fold).fit
    line = calibrate(
        fit.margins_out_of_fold, table.y, as_of=study.frame.as_of[rows], suppliers=suppliers, policy=study.settings.calibration
    )  # fmt: skip
    margins = Booster(model_str=fit.model_text).predict(asked.asked, raw_score=True, num_threads=1)
    return np.asarray(line.intercept + line.slope * np.asarray(margins), dtype=np.float64)


def score(asked: OutOfTime, scorer: str) -> Floats:
    """Return the log-odds of the test rows by one scorer."""
    if scorer in (OURS, UNDIRECTED):
        return recipe(asked, is_directed=scorer == OURS)
    return PEERS[scorer](asked.learnt, asked.asked, SEED)


def score_all(asked: OutOfTime, scorers: Sequence[str], path: Path | None) -> Judged:
    """Score the test rows, all one fold, by every scorer; what a file at the path holds already is read from it."""
    judged = Judged(asked.study.name, asked.y, np.zeros(len(asked.y), dtype=np.intp), {})
    if path and path.exists():
        (kept,) = read([path])
        if not np.array_equal(kept.y, judged.y):
            raise SystemExit(f"{path} holds other rows than the {len(asked.y)} to judge: give --save another folder")
        judged = kept
    for scorer in scorers:
        if scorer not in judged.scores:
            began = time.process_time()
            judged.scores[scorer] = score(asked, scorer)
            print(f"{asked.study.name}: {scorer}, {time.process_time() - began:.0f} s of CPU", file=sys.stderr, flush=True)
            if path:
                save(path, [judged])
    return replace(judged, scores={scorer: judged.scores[scorer] for scorer in scorers})


def describe(asked: OutOfTime, scores: dict[str, Floats]) -> list[str]:
    """Return the lines of one table's result."""
    study, y, true = asked.study, asked.y, asked.true_pd
    within = " within months" if study.within_months else ""
    lines = [f"{study.name}: learnt from {len(study.split.train)} rows, {len(asked.columns)} columns; judged {len(y)}, {y.mean():.1%} bad"]
    if true is not None:
        lines.append(
            f"  {'true PD':19} {study.judge(true):.4f}  share of Gini 100.0%  expected log loss {expected_log_loss(true, true):.4f}"
        )
    for scorer, log_odds in scores.items():
        pd = probability(log_odds)
        slope, _ = calibration_line(y, pd)
        line = f"  {scorer:19} {study.judge(log_odds):.4f}{within}  log loss {log_loss(y, pd):.4f}  slope {slope:.2f}  ECE {ece(y, pd):.4f}"
        if true is not None:
            line += f"  share of Gini {gini(y, pd) / gini(y, true):.1%}  expected log loss {expected_log_loss(true, pd):.4f}"
        if scorer != OURS and OURS in scores:
            error = study.error(scores[OURS], log_odds)
            line += f"  lianxin less it {study.judge(scores[OURS]) - study.judge(log_odds):+.4f} ({error:.4f})"
        lines.append(line)
    return lines


def of_platform(folder: Path) -> OutOfTime:
    """Return a simulated platform's rows beside their true PDs."""
    study = simulated(folder)
    test = study.split.test
    return OutOfTime(study, varying(study), true_pds(folder, study.frame.supplier_ids[test], study.frame.as_of[test]))


def main() -> None:
    """Simulate or read, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES))
    scorers = (OURS, UNDIRECTED, *PEERS)
    parser.add_argument("--scorers", nargs="+", choices=scorers, default=list(scorers))
    parser.add_argument("--suppliers", type=int, default=5000)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--olist", type=Path, default=real_data_folder() / "olist")
    parser.add_argument("--save", type=Path, help="a folder for the log-odds")
    args = parser.parse_args()
    for name in args.only:
        if name == "platform":
            with tempfile.TemporaryDirectory() as scratch:
                simulate(Path(scratch), suppliers=args.suppliers, months=args.months, seed=args.seed)
                asked = of_platform(Path(scratch))
        else:
            study = olist(args.olist, name)
            asked = OutOfTime(study, varying(study))
        if args.save:
            args.save.mkdir(parents=True, exist_ok=True)
        judged = score_all(asked, installed(args.scorers), args.save and args.save / f"{name}.json")
        print("\n".join(describe(asked, with_average(judged).scores)), flush=True)


if __name__ == "__main__":
    main()
