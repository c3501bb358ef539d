"""What the model is made of and what stays out of it: the model card, and the data no feature rests on, read from the catalogue."""

from collections import Counter
from typing import Any

from credit.policy import Policy
from features.catalog import CATALOG
from features.lineage import contract_columns, used_by
from training.bundle import ScoringBundle

OUTCOME_TABLES = ("loans", "repayments", "labels")
"""Tables that say the outcome; `features` cannot read them, and an import contract holds it."""


def describe_model(bundle: ScoringBundle) -> dict[str, Any]:
    """Return the model card's facts; nothing in them depends on the release, the run or the time."""
    return {
        "name": bundle.model.get("name"),
        "bundle_sha256": bundle.content_hash,
        "catalog_version": bundle.model.get("catalog_version"),
        "lightgbm": bundle.model.get("lightgbm"),
        "contributions": bundle.model.get("contributions", "lightgbm"),
        "trained_on": bundle.model["trained_on"],
        "tested_on": bundle.model["tested_on"],
        "outcome": bundle.model["outcome"],
        "params": bundle.model.get("params"),
        "candidates": bundle.model.get("candidates", []),
        "policies": bundle.model.get("policies"),
        "calibration": {"slope": bundle.calibration.slope, "intercept": bundle.calibration.intercept},
        "scale": {"base_score": bundle.scale.base_score, "base_odds": bundle.scale.base_odds, "pdo": bundle.scale.pdo},
        "features": len(bundle.names),
        "directed_features": sum(factor.direction != 0 for factor in bundle.factors),
        "features_by_family": _counted([factor.family for factor in bundle.factors]),
        "features_by_table": _counted([factor.source_table for factor in bundle.factors]),
    }


def describe_data_use(bundle: ScoringBundle) -> dict[str, Any]:
    """Return the contract's columns by whether a feature of the bundle rests on them, with the leave each takes.

    Columns of the outcome's tables are told apart: they say who turned out bad and never reach a feature.
    """
    names = set(bundle.names)
    used = used_by(feature for feature in CATALOG if feature.name in names)
    columns = [
        {"column": source.name, "tier": source.column.tier.value, "features": len(used.get(source.name, ()))}
        for source in contract_columns()
    ]
    return {
        "used": [one for one in columns if one["features"]],
        "outcome_only": [one["column"] for one in columns if not one["features"] and _table(one) in OUTCOME_TABLES],
        "not_used": [one["column"] for one in columns if not one["features"] and _table(one) not in OUTCOME_TABLES],
    }


def describe_policy(policy: Policy) -> dict[str, Any]:
    """Return the policy `validation` in force: every number with its unit, words and source."""
    return {
        "version": policy.version,
        "numbers": [
            {"name": one.name, "value": one.value, "unit": one.unit, "zh": one.zh, "en": one.en, "source": one.source}
            for one in policy.numbers.values()
        ],
    }


def _table(column: dict[str, Any]) -> str:
    return str(column["column"]).partition(".")[0]


def _counted(words: list[str]) -> list[dict[str, Any]]:
    return [{"label": word, "features": count} for word, count in sorted(Counter(words).items(), key=lambda pair: (-pair[1], pair[0]))]
