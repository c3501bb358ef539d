"""The documentation's example of a history that is handed over: a small workshop made up for it, scored by the code that answers."""

import hashlib
import json
import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from serving.assess import assess_known
from serving.explain import Occasion, score_body
from serving.histories.opening import open_history
from serving.http.languages import Language
from serving.schemas import Purpose
from serving.service import Service
from serving.store import feature_snapshot

_ID = uuid.UUID("2b7c9d1e-3f4a-4b6c-8d0e-5a7f9c1b3d5e")
_REQUEST_ID = "d1c2f4a68b0c9a7e4d2f14f0c8a6b5e3"
_SUPPLIER = "WORKSHOP-7"


def history_request_example(service: Service) -> dict[str, Any]:
    """Return a body for POST /v1/scores/history; its days end where the platform's do."""
    last = datetime.combine(service.ledger.latest_as_of, datetime.min.time(), UTC) - timedelta(days=1)
    today = datetime.now(UTC).date()

    def at(days: int) -> str:
        return (last - timedelta(days=days)).isoformat().replace("+00:00", "Z")

    orders = [(f"O-{n}", f"B-{n % 3}", 30 * (6 - n)) for n in range(1, 7)]
    history = {
        "suppliers": [{"supplier_id": _SUPPLIER, "kind": "enterprise", "joined_at": at(200)}],
        "orders": [
            {"order_id": o, "supplier_id": _SUPPLIER, "buyer_id": b, "ordered_at": at(d + 12), "amount": "12500.00", "promised_at": at(d)}
            for o, b, d in orders
        ],
        "fulfilments": [
            {"fulfilment_id": f"D-{o}", "order_id": o, "supplier_id": _SUPPLIER, "shipped_at": at(d + 4), "delivered_at": at(d + 1)}
            for o, _, d in orders
        ],
        "reviews": [{"review_id": "R-1", "supplier_id": _SUPPLIER, "order_id": "O-1", "reviewed_at": at(orders[0][2]), "rating": 5}],
    }
    basis = {
        "kind": "consent",
        "reference": "CONSENT-2026-0815",
        "given_on": (today - timedelta(days=30)).isoformat(),
        "expires_on": (today + timedelta(days=335)).isoformat(),
    }
    as_of = service.ledger.latest_as_of.isoformat()
    return {"basis": basis, "as_of": as_of, "purpose": Purpose.CREDIT_APPLICATION.value, "history": history}


def history_example(service: Service) -> dict[str, Any]:
    """Return the answer to `history_request_example`; its ids and its place in the audit are made up."""
    sent, ledger = history_request_example(service), service.ledger
    # The first history of a process compiles: on a busy machine that alone is longer than a caller may take.
    opened = open_history(sent["history"], zone=ledger.zone, currency=ledger.currency, now=datetime.now(UTC), seconds=threading.TIMEOUT_MAX)
    with opened as (supplier_id, own):
        assessment = assess_known(service.bundle, own, supplier_id, ledger.latest_as_of)
        body = score_body(service.bundle, own, assessment, Occasion(_ID, _REQUEST_ID, Purpose.CREDIT_APPLICATION, Language.EN))
    history = {
        "basis": sent["basis"],
        "request_sha256": hashlib.sha256(json.dumps(sent).encode()).hexdigest(),
        "rows": {table: len(rows) for table, rows in sent["history"].items()},
    }
    place = {"sequence": 2, "feature_snapshot_sha256": feature_snapshot(assessment.values), "chain_hash": "0" * 64}
    kept = {"consent_ref": None, "tier": "restricted", "history": history, "audit": place}
    return body.model_dump(mode="json", by_alias=True) | kept
