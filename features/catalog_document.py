"""The catalogue as one JSON document: every feature with its lineage and tier, every column, and what an extract of each tier holds.

The form is docs/catalogue.schema.json; a reader checks `format` first.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from features.catalog import CATALOG, CATALOG_VERSION
from features.catalog_words import PSEUDONYMS, STAND_IN, TIERS
from features.columns import Tier
from features.feature import Feature
from features.lineage import Source, contract_columns, extract_of, id_columns, sources, tier_of, used_by

FORMAT: Final = 1
"""Changes when a reader of the document must change."""


def document(features: Sequence[Feature] = CATALOG, columns: Sequence[Source] | None = None) -> dict[str, Any]:
    """Return the catalogue as JSON-able dictionaries.

    Parameters
    ----------
    features : sequence of Feature
    columns : sequence of Source, optional
        The columns told of, every column of the contract by default.

    Returns
    -------
    dict
        `format`, `catalogue_version`, `features`, `columns`, `extracts` and `pseudonyms`; the features of an extract, and of a column,
        are those among `features`.
    """
    users = used_by(features)
    zh, en = PSEUDONYMS
    return {
        "format": FORMAT,
        "catalogue_version": CATALOG_VERSION,
        "features": [feature_entry(feature) for feature in features],
        "columns": [_column_entry(source, users.get(source.name, ())) for source in (contract_columns() if columns is None else columns)],
        "extracts": [_extract_entry(tier, features) for tier in Tier],
        "pseudonyms": {"columns": list(id_columns()), "zh": zh, "en": en},
    }


def feature_entry(feature: Feature) -> dict[str, Any]:
    """Return everything about one feature."""
    return {
        "name": feature.name,
        "unit": str(feature.unit),
        "family": str(feature.family),
        "direction": feature.direction,
        "window_days": feature.window_days,
        "zh": feature.zh,
        "en": feature.en,
        "reason_code": feature.reason_code,
        "actionable": feature.actionable,
        "source_table": feature.source_table,
        "tier": str(tier_of(feature)),
        "kinds": list(feature.kinds),
        "columns": [
            {"column": source.name, "tier": str(source.column.tier), "roles": [str(role) for role in source.roles]}
            for source in sources(feature)
        ],
    }


def _column_entry(source: Source, users: Sequence[str]) -> dict[str, Any]:
    return {
        "table": source.table,
        "name": source.column.name,
        "kind": str(source.column.kind),
        "required": source.column.required,
        "tier": str(source.column.tier),
        "features": list(users),
    }


def _extract_entry(tier: Tier, features: Sequence[Feature]) -> dict[str, Any]:
    extract = extract_of(tier, features)
    zh, en = TIERS[tier]
    return {
        "tier": str(tier),
        "zh": zh,
        "en": en,
        "readable": extract.is_readable,
        "columns": [source.name for source in extract.columns],
        "stand_ins": {name: STAND_IN for name in extract.stand_ins},
        "features": [feature.name for feature in extract.features],
    }


def write_document(path: Path, told: dict[str, Any]) -> None:
    """Write a document to a file, UTF-8, two spaces deep."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
