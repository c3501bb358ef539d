"""What each family of features brings: out of time, on the simulated platform and on Olist, paired on the same test rows.

    python -m benchmarks.ablation [--suppliers 5000] [--months 60] [--seed 20261121] [--folder DIR] [--olist SOURCE]

Two questions of every family, by source of its features and by what was added last: what does the whole catalogue lose without it, and
(of the families added to the catalogue of 2026.11) what does that catalogue gain by it alone? Each is a fit with the product's own
parameters and folds, on the same rows and the same split as `lianxin train`; the number of trees is chosen by the folds once, for the
whole catalogue, and kept, so that a difference is the features' and not the stopping's. The difference of two fits also holds the luck of
their random columns and rows, so every variant is fitted under several seeds and the scores (log-odds) are averaged. Standard errors of
the paired differences by resampling suppliers with all their rows, 200 times. Outcomes on the simulated platform are its loans'; on
Olist the seller goes silent, or delivers late (AUC within months), as in `benchmarks.olist_model`.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import lightgbm
import numpy as np
import numpy.typing as npt

from benchmarks.olist import LAST_TEST_AS_OF, Outcome, auc_within
from benchmarks.real_data import real_data_folder
from features.build import build_features
from features.catalog import CATALOG
from features.feature import Family, Feature
from features.ledger import build_ledger
from features.read import RawTables, read_tables
from features.simulate import simulate
from features.sources.olist import import_olist
from training.dataset import ModelFrame, assemble
from training.fit import Fit
from training.labels import first_day_seen as first_day
from training.labels import given_labels, label_outcomes, last_day_seen
from training.measures import auc
from training.pipeline import outcome_as_ofs
from training.recipe import Columns, learn
from training.settings import SEED, TrainSettings
from training.split import Split, split_out_of_time

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

SEEDS = tuple(SEED + shift for shift in range(20))
"""Olist is small, and its fits are averaged over all of them."""

RESAMPLES = 200

_REVIEW_TEXT = ("reviews_text_score_", "reviews_with_text_")
_ADDED_TO_INVOICES = ("invoices_long_term", "invoices_after_sixty", "invoices_aged", "invoices_late_buyer", "invoices_dilution")
_ADDED_TO_PURCHASES = ("purchases_cancel", "purchases_last_age", "purchases_vendor_top", "purchases_vendor_repeat")
_ADDED_TO_TRADE = ("orders_peak_month", "orders_buyer_top_share_90d", "fulfilment_lead_days_change")

ADDED: dict[str, Callable[[Feature], bool]] = {
    "purchases, added": lambda f: f.name.startswith(_ADDED_TO_PURCHASES),
    "invoices, added": lambda f: f.name.startswith(_ADDED_TO_INVOICES),
    "inventory": lambda f: f.family is Family.INVENTORY,
    "production": lambda f: f.family is Family.PRODUCTION,
    "certificates": lambda f: f.family is Family.CERTIFICATES,
    "cooperations": lambda f: f.family is Family.COOPERATION,
    "buyer network": lambda f: f.family is Family.NETWORK,
    "review text": lambda f: f.name.startswith(_REVIEW_TEXT),
    "signs of tampering": lambda f: f.family is Family.AUTHENTICITY,
    "trade, added": lambda f: f.name.startswith(_ADDED_TO_TRADE),
}
"""Families that came after the 97 features of the catalogue 2026.11; every feature that came is in exactly one."""

OLDER: dict[str, Callable[[Feature], bool]] = {
    family.value: lambda f, family=family: f.family is family and not is_added(f)  # type: ignore[misc]
    for family in Family
    if family not in (Family.INVENTORY, Family.PRODUCTION, Family.CERTIFICATES, Family.COOPERATION, Family.NETWORK, Family.AUTHENTICITY)
}
"""Families of the catalogue 2026.11, without what was added to them."""


def is_added(feature: Feature) -> bool:
    """Return whether a feature came after the catalogue 2026.11."""
    return any(belongs(feature) for belongs in ADDED.values())


def places(belongs: Callable[[Feature], bool]) -> Ints:
    """Return where the features of a family stand in the catalogue."""
    return np.array([i for i, feature in enumerate(CATALOG) if belongs(feature)], dtype=np.intp)


@dataclass(frozen=True)
class Study:
    """One platform and outcome: rows, split, and how scores of the test rows are judged.

    Parameters
    ----------
    name : str
    frame, split, settings : ModelFrame, Split, TrainSettings
    within_months : bool
        AUC among the suppliers of one month, months weighted by their pairs.
    """

    name: str
    frame: ModelFrame
    split: Split
    settings: TrainSettings
    within_months: bool = False

    def scores(self, columns: Ints, fit: Fit, seeds: Sequence[int], threads: int) -> Floats:
        """Return the test rows' log-odds by models of some columns, averaged over seeds."""
        train, test = self.split.train, self.split.test
        x, y = np.ascontiguousarray(self.frame.values[np.ix_(train, columns)]), self.frame.y[train]
        asked = np.ascontiguousarray(self.frame.values[np.ix_(test, columns)])
        directions = [CATALOG[i].direction for i in columns]
        group_size = len(train) / len(np.unique(self.frame.supplier_ids[train]))
        total = np.zeros(len(test))
        for seed in seeds:
            settings = fit.params.for_lightgbm(
                directions=directions, bad_rate=float(y.mean()), group_size=group_size, seed=seed, threads=threads
            )
            booster = lightgbm.train(settings, lightgbm.Dataset(x, y, params=dict(settings)), fit.rounds)
            total += np.asarray(booster.predict(asked, raw_score=True, num_threads=threads))
        return total / len(seeds)

    def fit(self, threads: int) -> Fit:
        """Return what the folds choose for the whole catalogue."""
        return learn(
            self.frame.values[self.split.train],
            self.frame.y[self.split.train],
            Columns(self.frame.names, tuple(feature.direction for feature in CATALOG)),
            groups=self.frame.supplier_ids[self.split.train],
            fold=self.split.fold,
            params=self.settings.params,
            seed=SEED,
            threads=threads,
        ).fit

    def judge(self, scores: Floats, rows: Ints | None = None) -> float:
        """Return the AUC of scores of the test rows, or of some of them, drawn with repetition."""
        chosen = np.arange(len(self.split.test)) if rows is None else rows
        y, s, months = self.frame.y[self.split.test][chosen], scores[chosen], self.frame.as_of[self.split.test][chosen]
        return auc_within(months, y, s) if self.within_months else auc(y, s)

    def error(self, one: Floats, other: Floats) -> float:
        """Return the standard error of the difference of two AUCs, resampling suppliers with all their rows."""
        rng = np.random.default_rng(SEED)
        suppliers, place = np.unique(self.frame.supplier_ids[self.split.test], return_inverse=True)
        rows_of = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
        found = []
        for _ in range(RESAMPLES):
            rows = np.concatenate([rows_of[i] for i in rng.integers(0, len(suppliers), len(suppliers))])
            found.append(self.judge(one, rows) - self.judge(other, rows))
        return float(np.std(found, ddof=1))


def simulated(folder: Path) -> Study:
    """Return the study of a simulated platform, outcomes from its loans."""
    tables = read_tables(folder)[0]
    settings = TrainSettings.in_force(last_day_seen(tables))
    as_ofs = outcome_as_ofs(first_day(tables), last_day_seen(tables), settings)
    frame = assemble(build_features(build_ledger(tables), as_ofs), label_outcomes(tables, as_ofs, settings.outcome))
    return Study("simulated platform", frame, split_out_of_time(frame, settings.split), settings)


def olist(source: Path, outcome: Outcome) -> Study:
    """Return the study of Olist under one outcome."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "olist"
        import_olist(source, folder, outcome=outcome)
        tables: RawTables = read_tables(folder)[0]
        tables.con.execute("DELETE FROM labels WHERE as_of > $last", {"last": LAST_TEST_AS_OF})
        settings = TrainSettings.in_force(last_day_seen(tables))
        outcomes = given_labels(tables, settings.outcome)
        dates: list[date] = np.unique(outcomes.as_of).tolist()
        frame = assemble(build_features(build_ledger(tables), dates), outcomes)
    return Study(f"Olist, {outcome}", frame, split_out_of_time(frame, settings.split), settings, within_months=outcome == "late")


def varies(study: Study, columns: Ints) -> bool:
    """Return whether any of the columns has more than one value among the training rows; a platform without the table has none."""
    values = study.frame.values[np.ix_(study.split.train, columns)]
    return any(np.unique(column[~np.isnan(column)]).size > 1 for column in values.T)


def show(study: Study, seeds: Sequence[int], threads: int) -> None:
    """Fit every variant of a study and print its table."""
    everything = np.arange(len(CATALOG))
    before = np.array([i for i, feature in enumerate(CATALOG) if not is_added(feature)])
    fit = study.fit(threads)
    whole = study.scores(everything, fit, seeds, threads)
    older = study.scores(before, fit, seeds, threads)
    y = study.frame.y[study.split.test]
    print(
        f"\n{study.name}: {len(study.split.train)} rows learnt, {len(y)} judged, {int(y.sum())} bad; {fit.rounds} trees, {len(seeds)} seeds"
    )
    gain, error = study.judge(whole) - study.judge(older), study.error(whole, older)
    print(f"{'catalogue':26} {len(everything):3}  AUC {study.judge(whole):.4f}")
    print(f"{'2026.11':26} {len(before):3}  AUC {study.judge(older):.4f}   the whole less this {gain:+.4f} ({error:.4f})")
    print(f"{'family':26} {'n':>3}  whole less family    2026.11 plus family", flush=True)
    for name, belongs in (*ADDED.items(), *OLDER.items()):
        columns = places(belongs)
        if not len(columns) or not varies(study, columns):
            print(f"{name:26} {len(columns):3}  says nothing here")
            continue
        without = study.scores(np.setdiff1d(everything, columns), fit, seeds, threads)
        line = f"{name:26} {len(columns):3}  {study.judge(without) - study.judge(whole):+.4f} ({study.error(without, whole):.4f})"
        if name in ADDED:
            plus = study.scores(np.union1d(before, columns), fit, seeds, threads)
            line += f"     {study.judge(plus) - study.judge(older):+.4f} ({study.error(plus, older):.4f})"
        print(line, flush=True)


def main() -> None:
    """Simulate or read, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suppliers", type=int, default=5000)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--folder", type=Path, help="a platform simulated before")
    parser.add_argument("--olist", type=Path, default=real_data_folder() / "olist")
    parser.add_argument("--seeds", type=int, default=5, help="fits averaged per variant on the simulated platform, at most 20")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    outcomes: tuple[Outcome, ...] = ("silent", "late")
    for outcome in outcomes:
        show(olist(args.olist, outcome), SEEDS, args.threads)
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.folder or Path(scratch)
        if args.folder is None:
            simulate(folder, suppliers=args.suppliers, months=args.months, seed=args.seed)
        show(simulated(folder), SEEDS[: args.seeds], args.threads)


if __name__ == "__main__":
    main()
