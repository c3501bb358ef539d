"""A simulated platform as the benchmarks of calibration and selection see it: every supplier's features, true PD and where it stands."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt

from features.build import FeatureMatrix, build_features
from features.catalog import CATALOG
from features.ledger import build_ledger
from features.read import read_tables
from features.simulate import simulate
from training.dataset import ModelFrame, assemble
from training.fit import Fit, fit_booster
from training.labels import first_day_seen, label_outcomes, last_day_seen
from training.params import candidates
from training.pipeline import outcome_as_ofs
from training.recipe import rows_per_group
from training.settings import SEED, TrainSettings
from training.split import Split, split_out_of_time

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.str_]

STOPPED = 0.999
"""A true PD above it: the instalments have stopped already, which no feature may see. No interval can hold it."""


@dataclass(frozen=True)
class Platform:
    """Rows of every supplier at every labelled as-of date, ``matrix``, beside its truth; ``frame`` holds those with an outcome.

    ``true_pd`` is NaN where a supplier is left out (90 days past due already); ``is_financed`` says whether a loan stands behind it.
    """

    digest: str
    frame: ModelFrame
    split: Split
    settings: TrainSettings
    matrix: FeatureMatrix
    true_pd: Floats
    is_financed: Flags
    province: Texts
    industry: Texts

    @property
    def of_frame(self) -> npt.NDArray[np.intp]:
        """The matrix row of each row of the frame."""
        rows = {key: i for i, key in enumerate(zip(self.matrix.supplier_ids.tolist(), self.matrix.as_of.tolist(), strict=True))}
        return np.array([rows[key] for key in zip(self.frame.supplier_ids.tolist(), self.frame.as_of.tolist(), strict=True)])

    def fit(self, threads: int = 1) -> Fit:
        """Fit the product's booster to the training rows."""
        return grown(self.frame, self.split, self.settings, threads)


def grown(frame: ModelFrame, split: Split, settings: TrainSettings, threads: int = 1) -> Fit:
    """Fit the product's booster to the training rows of a split."""
    return fit_booster(
        frame.values[split.train],
        frame.y[split.train],
        names=frame.names,
        directions=directions(),
        fold=split.fold,
        candidates=candidates(settings.params),
        seed=SEED,
        threads=threads,
        group_size=rows_per_group(frame.supplier_ids[split.train]),
    )


def directions() -> list[int]:
    """Return the catalogue's directions, in its order."""
    return [feature.direction for feature in CATALOG]


def load(folder: Path) -> Platform:
    """Read a simulated folder, build its features and label it as `lianxin train` does."""
    tables, _ = read_tables(folder)
    settings = TrainSettings.in_force(last_day_seen(tables))
    as_ofs = outcome_as_ofs(first_day_seen(tables), last_day_seen(tables), settings)
    matrix = build_features(build_ledger(tables), as_ofs)
    frame = assemble(matrix, label_outcomes(tables, as_ofs, settings.outcome))
    digest = str(json.loads((folder / "truth" / "world.json").read_text(encoding="utf-8"))["digest"])
    with duckdb.connect() as con:
        query = f"SELECT supplier_id, as_of, true_pd, has_loan FROM read_parquet('{folder / 'truth' / 'true_pd.parquet'}')"
        truth = {(s, d): (p, bool(loan)) for s, d, p, loan in con.execute(query).fetchall()}
        query = f"SELECT supplier_id, province, industry FROM read_parquet('{folder / 'suppliers.parquet'}')"
        places = {s: (str(p), str(i)) for s, p, i in con.execute(query).fetchall()}
    keys = zip(matrix.supplier_ids.tolist(), matrix.as_of.astype("datetime64[D]").tolist(), strict=True)
    known = [truth.get(key, (float("nan"), False)) for key in keys]
    stands = [places[s] for s in matrix.supplier_ids.tolist()]
    return Platform(
        digest=digest,
        frame=frame,
        split=split_out_of_time(frame, settings.split),
        settings=settings,
        matrix=matrix,
        true_pd=np.array([p for p, _ in known]),
        is_financed=np.array([loan for _, loan in known]),
        province=np.array([p for p, _ in stands]),
        industry=np.array([i for _, i in stands]),
    )


@contextmanager
def simulated(seed: int, folder: Path | None, *, suppliers: int, months: int) -> Iterator[Platform]:
    """Simulate a platform and load it; ``folder`` is one simulated before."""
    with tempfile.TemporaryDirectory() as scratch:
        tables = folder or Path(scratch) / "tables"
        if folder is None:
            simulate(tables, suppliers=suppliers, months=months, seed=seed)
        yield load(tables)


def probability(log_odds: Floats) -> Floats:
    """Return the probabilities of log-odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))
