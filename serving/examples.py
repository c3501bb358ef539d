"""The documentation's examples: made by the very code that answers, from the bundle and ledger in service.

They name a real supplier only where the settings do (``example_supplier``, for simulated data); otherwise they show a supplier that does
not exist, with the reference supplier's values.
"""

import uuid
from typing import Any

import numpy as np

from serving.assess import Assessment, assess, assess_row
from serving.explain import Occasion, score_body
from serving.languages import Language, words
from serving.schemas import Purpose
from serving.service import Service

NOBODY = "S-EXAMPLE"
_USUAL_COUNTS = (12.0, 120.0, 110.0, 45.0)
"""Months with orders, orders, deliveries and reviews of the supplier that does not exist."""
_ID = uuid.UUID("6f1d2f6e-58a2-4c8e-9a0b-2f4f0c6f8a11")
_REQUEST_ID = "b0c9a7e4d2f14f0c8a6b5e3d1c2f4a68"


def request_example(service: Service) -> dict[str, Any]:
    """Return a body for POST /v1/scores."""
    return {
        "supplier_id": service.settings.example_supplier or NOBODY,
        "as_of": service.ledger.latest_as_of.isoformat(),
        "purpose": Purpose.CREDIT_APPLICATION.value,
    }


def score_example(service: Service) -> dict[str, Any]:
    """Return the answer to `request_example`; the score's id is made up."""
    occasion = Occasion(_ID, _REQUEST_ID, Purpose.CREDIT_APPLICATION, Language.EN)
    body = score_body(service.bundle, service.ledger, _assessment(service), occasion)
    return body.model_dump(mode="json", by_alias=True)


def _assessment(service: Service) -> Assessment:
    """Assess the example supplier."""
    bundle, as_of = service.bundle, service.ledger.latest_as_of
    if service.settings.example_supplier:
        return assess(bundle, service.ledger, service.settings.example_supplier, as_of)
    values = np.array(bundle.reference.medians, dtype=np.float64)
    return assess_row(bundle, NOBODY, as_of, values, counts=_USUAL_COUNTS, tables=1.0)


def problem_example(service: Service, status: int, code: str, language: Language) -> dict[str, Any]:
    """Return the body of a problem."""
    spoken = words(language)
    facts: dict[str, object] = {"latest": service.ledger.latest_as_of, "limit": 65536}
    field = {"validation_failed": ("/supplier_id", "string_too_long"), "body_not_json": ("", "key_twice")}.get(code)
    return {
        "type": f"/docs#{code}",
        "title": spoken.text(f"problem.{code}.title"),
        "status": status,
        "detail": spoken.text(f"problem.{code}.detail", **facts),
        "instance": f"urn:lianxin:request:{_REQUEST_ID}",
        "request_id": _REQUEST_ID,
        "errors": [{"pointer": field[0], "code": field[1], "detail": spoken.text(f"field.{field[1]}")}] if field else [],
    }
