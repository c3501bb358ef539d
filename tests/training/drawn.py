"""A small world with known log-odds, for tests that need a fitted model and no tables."""

import functools
from collections.abc import Mapping
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from credit.grade import Grade, GradeScale
from credit.scale import Scale
from training.bundle import Calibration, ScoringBundle

FEATURES = 6
NAMES = (
    "fulfilment_late_ratio_90d",
    "orders_amount_sum_180d",
    "reviews_stars_mean_365d",
    "invoices_overdue_days_90d",
    "orders_buyer_hhi_180d",
    "orders_count_30d",
)
DIRECTIONS = (1, -1, -1, 1, 1, 0)
GRADES = GradeScale(
    (
        Grade("A", "低风险", "low risk", 0.0, 0.02),
        Grade("B", "中风险", "moderate risk", 0.02, 0.1),
        Grade("C", "高风险", "high risk", 0.1, 1.0),
    )
)


def catalog() -> list[dict[str, Any]]:
    families = ("lateness", "volume", "rating", "receivables", "concentration", "volume")
    units = ("ratio", "cny", "stars", "days", "ratio", "count")
    return [
        {
            "name": name,
            "unit": unit,
            "family": family,
            "direction": direction,
            "code": name.rpartition("_")[0].upper(),
            "label_zh": name,
            "label_en": name,
            "zh": f"{name}为 {{value}}，参照 {{reference}}。",
            "en": f"{name}: {{value}}, against {{reference}}.",
            "actionable": True,
            "source_table": name.partition("_")[0],
            "kinds": [],
            "window_days": 90,
            "version": "drawn",
        }
        for name, unit, family, direction in zip(NAMES, units, families, DIRECTIONS, strict=True)
    ]


def rows(count: int, seed: int = 1) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return values (with missing cells), outcomes, and the true log-odds of bad."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(count, FEATURES))
    log_odds = -2.5 + 0.9 * values[:, 0] - 0.7 * values[:, 1] - 0.5 * values[:, 2] + 0.4 * values[:, 3]
    y = (generator.random(count) < 1 / (1 + np.exp(-log_odds))).astype(np.float64)
    values[generator.random(values.shape) < 0.05] = np.nan
    return values, y, log_odds


@functools.cache
def model_text(threads: int = 1) -> str:
    values, y, _ = rows(3000)
    data = lgb.Dataset(values, y, feature_name=list(NAMES))
    booster = lgb.train(
        {
            "objective": "binary",
            "num_leaves": 12,
            "max_depth": 4,
            "learning_rate": 0.1,
            "min_data_in_leaf": 40,
            "monotone_constraints": list(DIRECTIONS),
            "monotone_constraints_method": "basic",
            "deterministic": True,
            "force_row_wise": True,
            "seed": 7,
            "num_threads": threads,
            "verbosity": -1,
        },
        data,
        60,
    )
    return str(booster.model_to_string())


def bundle(**changes: Any) -> ScoringBundle:
    parts: Mapping[str, Any] = {
        "model_text": model_text(),
        "calibration": Calibration(slope=0.93, intercept=-0.04),
        "scale": Scale(),
        "grades": GRADES,
        "catalog": catalog(),
        "reference_values": rows(500)[0],
        "model": {"name": "lianxin-credit", "trained_on": {"from": "2024-01-01", "to": "2024-08-01", "rows": 500}},
        **changes,
    }
    return ScoringBundle.freeze(**parts)
