"""The documentation's example of the rows behind a number: of the example supplier, or of one that does not exist."""

import uuid
from datetime import timedelta
from typing import Any

from features.columns import Tier
from features.evidence import EvidenceRow, feature_named
from features.reckoning import ReckonedRow, ReckonedSum, Reckoning, Source, reckon
from serving.evidence.rows import PageWanted, page_of
from serving.http.languages import Language
from serving.service import Service
from serving.store import ScoreRecord

FEATURE = "fulfilment_late_ratio_180d"


def evidence_example(service: Service, score_id: uuid.UUID, nobody: str) -> dict[str, Any]:
    """Return a page of two rows behind a late ratio."""
    as_of, supplier = service.ledger.latest_as_of, service.settings.example_supplier
    if supplier:
        found = reckon(service.ledger, FEATURE, supplier, as_of)
    else:
        first = as_of - timedelta(days=180)
        sums = (ReckonedSum(0, "late", "count", first, as_of, 1), ReckonedSum(0, "promised", "count", first, as_of, 2))
        days = as_of - timedelta(days=20), as_of - timedelta(days=34)
        rows = (
            ReckonedRow(0, EvidenceRow("O-2/F-2", days[0], days[0], "B-7", (3, 1, 17, 1))),
            ReckonedRow(0, EvidenceRow("O-1/F-1", days[1], days[1], "B-7", (0, 0, 9, 1))),
        )
        found = Reckoning(feature_named(FEATURE), 0.5, (Source("delivered"),), sums, rows, is_whole=True)
    record = ScoreRecord(score_id, supplier or nobody, as_of, "credit_application", "", "", "en", (), b"")
    body = page_of(found, record, found.value, Tier.CONSENT, PageWanted(0, 2), Language.EN, service.ledger)
    return body.model_dump(mode="json", by_alias=True)
