"""Our recipe beside scorecard, LightGBM, XGBoost, CatBoost, EBM and their average, on the same folds of real credit tables.

    python -m benchmarks.models [--only taiwan polish sba] [--scorers lianxin XGBoost] [--save FILE] [--read FILE ...]

Five stratified folds, shuffled with seed 20261121. `lianxin` is `training.recipe.learn`, which `lianxin train` calls, with its defaults and
the same knowledge as the peers; `lianxin directed` has the tables' directions besides, so that their price shows. Printed per table: mean
over the folds of AUC, log loss, calibration slope and expected calibration error (ten bins), and lianxin less each peer on the same folds
with the standard error of the mean difference; then mean ranks over the tables. `--save` keeps the log-odds after every fold and continues
a file that was stopped; `--read` sums saved files up without fitting, so that tables and scorers can be run one by one. Where folds are
missing it says which, compares on those that are there, and gives no rank. Peers need the extra `bench`; those not installed are left out.

The choice of the recipe must not look at these folds (docs/decisions/0012, 0018). Out of time: `python -m benchmarks.olist_model` (a real
marketplace) and `python -m benchmarks.platform` (simulated, against the true PD), which train by the same recipe; both beside these
peers: `python -m benchmarks.models_out_of_time`.
"""

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedKFold

from benchmarks.models_peers.peers import AVERAGED, PEERS, Peer
from benchmarks.models_peers.tables import TABLES, CreditTable, credit_table
from training.measures import auc, calibration_line, ece, log_loss
from training.params import CANDIDATES
from training.recipe import Columns, learn

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

SEED, FOLDS = 20261121, 5
OURS, DIRECTED, AVERAGE = "lianxin", "lianxin directed", "average of four"
NEEDED = {"scorecard": "optbinning", "LightGBM tuned": "optuna", "XGBoost": "xgboost", "CatBoost": "catboost", "EBM": "interpret"}
MEASURES = ("auc", "log_loss", "slope", "ece")
RECIPE = repr(CANDIDATES)
"""Kept beside our scores, which are another recipe's where it differs."""


def recipe(train: CreditTable, values: Floats, seed: int) -> Floats:
    """Log-odds of bad by the product's recipe, without directions."""
    return recipe_with(train, values, seed, (0,) * len(train.names))


def recipe_directed(train: CreditTable, values: Floats, seed: int) -> Floats:
    """Log-odds of bad by the product's recipe, with the table's directions."""
    return recipe_with(train, values, seed, train.directions)


def recipe_with(train: CreditTable, values: Floats, seed: int, directions: tuple[int, ...], groups: Ints | None = None) -> Floats:
    """Log-odds of bad by the product's recipe with these directions; ``groups`` says whose row each is, by default each its own."""
    from lightgbm import Booster

    learned = learn(train.values, train.y, Columns(train.names, directions, train.categorical), seed=seed, groups=groups)
    margins = Booster(model_str=learned.fit.model_text).predict(values, raw_score=True, num_threads=1)
    return np.asarray(learned.calibration.intercept + learned.calibration.slope * np.asarray(margins), dtype=np.float64)


SCORERS: Mapping[str, Peer] = {OURS: recipe, DIRECTED: recipe_directed, **PEERS}


@dataclass(frozen=True)
class Judged:
    """One table: outcomes, the fold of each row, and each scorer's log-odds from models that did not see the row.

    A fold not run yet has NaN.
    """

    name: str
    y: Floats
    fold: Ints
    scores: dict[str, Floats]

    def missing(self, scorer: str) -> list[int]:
        """Return the folds a scorer has not been run on, from 1."""
        return [int(k) + 1 for k in np.unique(self.fold) if np.isnan(self.scores[scorer][self.fold == k]).any()]

    def measures(self, scorer: str) -> dict[str, Floats]:
        """Return each measure of a scorer, fold by fold; NaN for a fold it has not been run on."""
        found: dict[str, list[float]] = {measure: [] for measure in MEASURES}
        for k in np.unique(self.fold):
            rows = self.fold == k
            if k + 1 in self.missing(scorer):
                for values in found.values():
                    values.append(np.nan)
                continue
            y, pd = self.y[rows], probability(self.scores[scorer][rows])
            slope, _ = calibration_line(y, pd)
            for measure, value in zip(MEASURES, (auc(y, pd), log_loss(y, pd), slope, ece(y, pd)), strict=True):
                found[measure].append(value)
        return {measure: np.array(values) for measure, values in found.items()}


def outer_folds(y: Floats) -> Ints:
    """Return the published fold of each row."""
    fold = np.empty(len(y), dtype=np.intp)
    for k, (_, test) in enumerate(StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(np.zeros(len(y)), y)):
        fold[test] = k
    return fold


def probability(log_odds: Floats) -> Floats:
    """Return the PDs of log-odds, held within what a double can tell from 0 and 1."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -35.0, 35.0))), dtype=np.float64)


def not_run(name: str, table: CreditTable) -> Judged:
    """Return a table with its folds and no scorer yet."""
    return Judged(name, table.y, outer_folds(table.y), {})


def judge(
    begun: Judged, table: CreditTable, scorers: Sequence[str], after_fold: Callable[[Judged], None] = lambda judged: None
) -> Judged:  # fmt: skip
    """Fit every scorer on four folds and score the fifth, for each fold it has not been run on; progress goes to standard error."""
    scores = {**{scorer: np.full(len(table.y), np.nan) for scorer in scorers}, **begun.scores}
    judged = replace(begun, scores=scores)
    for scorer in scorers:
        for number in judged.missing(scorer):
            began = time.process_time()
            held_out = judged.fold == number - 1
            learn_from = table.rows(np.flatnonzero(~held_out))
            scores[scorer][held_out] = SCORERS[scorer](learn_from, table.values[held_out], SEED + number - 1)
            print(f"{judged.name}: {scorer}, fold {number}, {time.process_time() - began:.0f} s of CPU", file=sys.stderr, flush=True)
            after_fold(judged)
    return judged


def judge_tables(names: Sequence[str], scorers: Sequence[str], path: Path | None) -> list[Judged]:
    """Judge the scorers on each table; a file at the path is continued, and written after every fold."""
    tables = {judged.name: judged for judged in (read([path]) if path and path.exists() else [])}

    def keep(judged: Judged) -> None:
        tables[judged.name] = judged
        if path:
            save(path, list(tables.values()))

    for name in names:
        table = credit_table(name)
        begun = tables.get(name) or not_run(name, table)
        if not np.array_equal(begun.y, table.y):
            raise SystemExit(f"{path} holds other outcomes of {name} than the table: give --save another file")
        keep(judge(begun, table, scorers, keep))
    return list(tables.values())


def with_average(judged: Judged) -> Judged:
    """Add the mean of the peers' log-odds, where all of them are there."""
    if not set(AVERAGED) <= set(judged.scores):
        return judged
    average = np.mean([judged.scores[scorer] for scorer in AVERAGED], axis=0)
    return replace(judged, scores={**judged.scores, AVERAGE: average})


def ranks(tables: Sequence[Judged], measure: str, scorers: Sequence[str]) -> dict[str, float]:
    """Return each scorer's mean rank over the tables by the mean of a measure over the folds; 1 is best."""
    total = dict.fromkeys(scorers, 0.0)
    for judged in tables:
        means = {scorer: float(judged.measures(scorer)[measure].mean()) for scorer in scorers}
        for place, scorer in enumerate(sorted(scorers, key=lambda s: means[s], reverse=measure == "auc"), start=1):
            total[scorer] += place / len(tables)
    return total


def describe(judged: Judged) -> list[str]:
    """Return the lines of one table's result; means and differences are of the folds that were run."""
    ours = judged.measures(OURS)
    lines = [
        f"{judged.name}: {len(judged.y)} rows, {judged.y.mean():.1%} bad",
        f"  {'':17} AUC     log loss  slope  ECE     lianxin less it: AUC, log loss",
    ]
    for scorer in judged.scores:
        found = judged.measures(scorer)
        there = ~np.isnan(found["auc"] + ours["auc"])
        if not there.any():
            lines.append(f"  {scorer:17} not run on any fold")
            continue
        mean = {measure: float(values[there].mean()) for measure, values in found.items()}
        line = f"  {scorer:17} {mean['auc']:.4f}  {mean['log_loss']:.4f}    {mean['slope']:.2f}   {mean['ece']:.4f}"
        if scorer != OURS:
            less = {measure: (ours[measure] - found[measure])[there] for measure in ("auc", "log_loss")}
            line += "".join(f"  {difference.mean():+.4f} ({paired_error(difference):.4f})" for difference in less.values())
        if missing := judged.missing(scorer):
            line += f"  without the folds {missing}, on which it has not been run"
        lines.append(line)
    return lines


def paired_error(difference: Floats) -> float:
    """Return the standard error of the mean difference over the folds, NaN for one fold alone.

    The folds share training rows, so it is a little small.
    """
    return float(np.std(difference, ddof=1) / np.sqrt(len(difference))) if len(difference) > 1 else float("nan")


def summary(tables: Sequence[Judged]) -> list[str]:
    """Return the mean ranks, among single models and with the average of the peers besides; directions are no scorer of their own.

    A scorer that lacks a fold of any table has no rank.
    """
    common = [s for s in tables[0].scores if s != DIRECTED and all(s in judged.scores and not judged.missing(s) for judged in tables)]
    lines = []
    for title, scorers in (("single models", [s for s in common if s != AVERAGE]), ("with the average", common)):
        by = {measure: ranks(tables, measure, scorers) for measure in ("auc", "log_loss")}
        lines.append(f"mean rank of {len(scorers)} over {len(tables)} tables, {title}: by AUC, by log loss")
        lines += [f"  {s:17} {by['auc'][s]:.1f}  {by['log_loss'][s]:.1f}" for s in sorted(scorers, key=lambda s: by["auc"][s])]
    return lines


def save(path: Path, tables: Sequence[Judged]) -> None:
    """Write outcomes, folds and log-odds as JSON, and by which recipe ours were made."""
    content = [
        {
            "name": j.name,
            "recipe": RECIPE,
            "y": j.y.tolist(),
            "fold": j.fold.tolist(),
            "scores": {s: v.tolist() for s, v in j.scores.items()},
        }
        for j in tables
    ]
    path.write_text(json.dumps(content), encoding="utf-8")


def read(paths: Sequence[Path]) -> list[Judged]:
    """Read what `save` wrote; scorers of one table, and folds of one scorer, may lie in several files."""
    tables: dict[str, Judged] = {}
    for path in paths:
        for kept in json.loads(path.read_text(encoding="utf-8")):
            begun = tables.get(kept["name"]) or Judged(kept["name"], np.array(kept["y"]), np.array(kept["fold"]), {})
            if any(scorer.startswith(OURS) for scorer in kept["scores"]) and kept.get("recipe") != RECIPE:
                raise SystemExit(f"{path} holds lianxin's scores of {kept['name']} by another recipe: take another file, or run them again")
            for scorer, values in kept["scores"].items():
                found = np.array(values)
                begun.scores[scorer] = np.where(np.isnan(found), begun.scores.get(scorer, found), found)
            tables[begun.name] = begun
    return list(tables.values())


def installed(scorers: Sequence[str]) -> list[str]:
    """Return the scorers whose library is there, and name the others on standard error."""
    missing = [s for s in scorers if s in NEEDED and importlib.util.find_spec(NEEDED[s]) is None]
    if missing:
        print(f"left out, not installed (pip install 'lianxin[bench]'): {', '.join(missing)}", file=sys.stderr)
    return [s for s in scorers if s not in missing]


def main() -> None:
    """Fit or read, then print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--scorers", nargs="+", choices=SCORERS, default=list(SCORERS))
    parser.add_argument("--save", type=Path)
    parser.add_argument("--read", type=Path, nargs="+")
    args = parser.parse_args()
    tables = read(args.read) if args.read else judge_tables(args.only, installed(args.scorers), args.save)
    if any(OURS not in judged.scores for judged in tables):
        return
    tables = [with_average(judged) for judged in tables]
    for judged in tables:
        print("\n".join(describe(judged)))
    print("\n".join(summary(tables)))


if __name__ == "__main__":
    main()
