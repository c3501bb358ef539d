"""The catalogue: every feature declared once, and everything about it read from there.

The matrix, the monotone constraints, the reasons, the advice, the data catalogue and docs/features.md are all read from `CATALOG`.
To add a feature, add its declaration to the file of its source table, and a drawn table to tests/spec.
"""

from collections.abc import Iterable
from typing import Final

from features import (
    buyer_network,
    certificates,
    cooperations,
    fulfilments,
    inventory,
    invoices,
    orders,
    production,
    purchases,
    reviews,
    suppliers,
)
from features.feature import Family, Feature, Unit

__all__ = ["CATALOG", "CATALOG_VERSION", "Family", "Feature", "Unit", "catalog_slice"]

CATALOG_VERSION: Final = "2026.12"
"""Changes whenever a feature's meaning does; stands in every bundle."""

CATALOG: Final[tuple[Feature, ...]] = (
    *suppliers.FEATURES,
    *orders.FEATURES,
    *fulfilments.FEATURES,
    *reviews.FEATURES,
    *purchases.FEATURES,
    *invoices.FEATURES,
    *inventory.FEATURES,
    *production.FEATURES,
    *certificates.FEATURES,
    *cooperations.FEATURES,
    *buyer_network.FEATURES,
)


def catalog_slice(features: Iterable[Feature] = CATALOG) -> list[dict[str, object]]:
    """Return declarations as JSON-able dictionaries, in order: what a bundle carries and a page renders.

    `zh` and `en` hold the reason's text with `{value}` and `{reference}`; `label_zh` and `label_en` the bare name of the number.
    """
    return [
        {
            "name": feature.name,
            "unit": str(feature.unit),
            "family": str(feature.family),
            "direction": feature.direction,
            "code": feature.reason_code,
            "label_zh": feature.zh,
            "label_en": feature.en,
            "zh": f"{feature.zh}为 {{value}}，参照水平为 {{reference}}。",
            "en": f"{feature.en}: {{value}}, against a reference of {{reference}}.",
            "actionable": feature.actionable,
            "source_table": feature.source_table,
            "kinds": list(feature.kinds),
            "window_days": feature.window_days,
            "version": CATALOG_VERSION,
        }
        for feature in features
    ]
