"""The real parts a service needs, small: a simulated platform's ledger and a signed bundle of a quick model."""

from datetime import date
from pathlib import Path

import lightgbm
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from credit import policies
from credit.abstention import AbstentionPolicy
from credit.grade import GradeScale
from credit.policy import Policy, PolicyHistory
from credit.scale import Scale
from credit.sufficiency import SufficiencyPolicy
from features.build import build_features, month_starts
from features.catalog import CATALOG, catalog_slice
from features.ledger import Ledger, build_ledger
from features.read import read_tables
from features.simulate.platform import simulate
from features.store import save_ledger
from training.bundle import Calibration, ScoringBundle
from training.intervals import PdIntervals


def make_ledger(folder: Path) -> Ledger:
    simulate(folder / "tables", suppliers=60, months=24, seed=20261121)
    tables, _ = read_tables(folder / "tables")
    ledger = build_ledger(tables)
    save_ledger(ledger, folder / "ledger")
    return ledger


def make_bundle(ledger: Ledger, folder: Path) -> None:
    latest = ledger.latest_as_of
    matrix = build_features(ledger, month_starts(date(latest.year - 1, latest.month, 1), date(latest.year, latest.month - 3, 1)))
    values = matrix.values
    # Late and cancelling suppliers with few orders are the bad ones: enough to have reasons to give.
    names = list(matrix.names)
    risk = sum(_rank(values[:, names.index(name)]) for name in ("fulfilment_late_ratio_90d", "orders_cancel_ratio_180d"))
    risk = risk - _rank(values[:, names.index("orders_count_90d")])
    y = (risk > np.quantile(risk, 0.85)).astype(np.float64)
    parameters = {
        "objective": "binary",
        "num_leaves": 8,
        "verbose": -1,
        "deterministic": True,
        "num_threads": 1,
        "min_data_in_leaf": 10,
        "monotone_constraints": [feature.direction for feature in CATALOG],
    }
    booster = lightgbm.train(parameters, lightgbm.Dataset(values, y, feature_name=names), num_boost_round=30)
    bundle = ScoringBundle.freeze(
        model_text=booster.model_to_string(),
        calibration=Calibration(slope=0.9, intercept=-0.1),
        scale=Scale.from_policy(_policy("scale", latest)),
        grades=GradeScale.from_policy(_policy("grades", latest)),
        catalog=catalog_slice(),
        reference_values=values,
        intervals=PdIntervals(
            policy=AbstentionPolicy.from_policy(_policy("abstention", latest)),
            places=(-5.0, -2.0),
            half_widths=(0.8, 0.6),
            thin_half_width=1.5,
            pool_pd=0.15,
            names=tuple(names),
        ),
        sufficiency=SufficiencyPolicy.from_policy(_policy("sufficiency", latest)),
        model={
            "name": "quick",
            "trained_on": {
                "from": str(matrix.as_of.min()),
                "to": str(matrix.as_of.max()),
                "rows": len(values),
                "bads": int(y.sum()),
                "suppliers": len(np.unique(matrix.supplier_ids)),
            },
            "measures": {"auc": 0.8},
        },
    )
    bundle.save(folder, release={"version": "1", "approved_by": "tests"}, key=Ed25519PrivateKey.generate())


def _rank(column: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.argsort(np.argsort(np.nan_to_num(column))) / len(column)


def _policy(name: str, on: date) -> Policy:
    text = (Path(policies.__file__).parent / f"{name}.toml").read_text("utf-8")
    return PolicyHistory.parse(text).on(on)
