"""Examples of the operations on disputes, for the API's description; everything in them is made up."""

from datetime import datetime, timedelta
from typing import Any, Final

_DISPUTE: Final = "1f2e3d4c-5b6a-4798-8a7b-6c5d4e3f2a1b"
_SCORE: Final = "6f1d2f6e-58a2-4c8e-9a0b-2f4f0c6f8a11"
DISPUTE_PATHS: Final = {"dispute_id": (_DISPUTE, "The `id` of a dispute.")}


def dispute_request_example() -> dict[str, Any]:
    """Return a body for POST /v1/disputes."""
    return {
        "kind": "row",
        "score_id": _SCORE,
        "table": "fulfilments",
        "row_id": "O-1001/F-1",
        "statement": "The goods were delivered on the promised day.",
        "evidence": "Signed delivery note 2026-0311.",
    }


def answer_request_example() -> dict[str, Any]:
    """Return a body for POST /v1/disputes/{dispute_id}/decision."""
    row = {"fulfilment_id": "F-1", "order_id": "O-1001", "supplier_id": "S-EXAMPLE", "delivered_at": "2026-03-11T16:00:00+08:00"}
    correction = [{"column": column, "value": value} for column, value in row.items()]
    return {"outcome": "upheld", "reason": "The delivery note bears the promised day.", "correction": correction}


def dispute_examples(now: datetime, supplier: str) -> dict[tuple[str, str], Any]:
    """Return an example of the good answer of every operation on disputes."""
    at = now.isoformat().replace("+00:00", "Z")
    dispute = {
        "id": _DISPUTE,
        "reference": "D20261122-7K3M9QXA",
        **dispute_request_example(),
        "supplier_id": supplier,
        "file": None,
        "state": "received",
        "received_at": at,
        "due_on": (now + timedelta(days=20)).date().isoformat(),
        "is_overdue": False,
        "policy": "2013-03-15",
        "events": [],
    }
    taken = {"event": "taken_up", "at": at, "by": "3f9a0c51d2e7", "outcome": None, "reason": None}
    upheld = taken | {"event": "decided", "outcome": "upheld", "reason": answer_request_example()["reason"]}
    return {
        ("/v1/disputes", "post"): dispute,
        ("/v1/disputes", "get"): {"items": [dispute], "next": None},
        ("/v1/disputes/{dispute_id}", "get"): dispute,
        ("/v1/disputes/{dispute_id}/file", "get"): "%PDF-1.7 ...",
        ("/v1/disputes/{dispute_id}/review", "post"): dispute | {"state": "taken_up", "events": [taken]},
        ("/v1/disputes/{dispute_id}/decision", "post"): dispute | {"state": "upheld", "events": [taken, upheld]},
    }
