"""The documentation's examples: made by the very code that answers, from the bundle and ledger in service.

They name a real supplier only where the settings do (``example_supplier``, for simulated data); otherwise they show a supplier that does
not exist, with the reference supplier's values.
"""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from features.columns import Tier
from serving.access.caller import SCOPES_OF, TenantKind
from serving.access.tiers import body_within
from serving.assess import Assessment, assess, assess_row
from serving.batches.results import COLUMNS, Page, csv_lines, flat_rows
from serving.disputes.examples import DISPUTE_PATHS, dispute_examples
from serving.evidence.example import FEATURE, evidence_example
from serving.explain import Occasion, current_model, score_body
from serving.histories.example import history_example
from serving.http.languages import Language, words
from serving.http.problems import told_error
from serving.http.refusals import FieldError
from serving.schemas import Purpose, ScoreBody
from serving.service import Service
from serving.store import feature_snapshot
from serving.webhooks.endpoints import AT_MOST as WEBHOOKS_AT_MOST
from serving.webhooks.examples import WEBHOOK_PATHS, webhook_examples

NOBODY = "S-EXAMPLE"
_USUAL_COUNTS = (12.0, 120.0, 110.0, 45.0)
"""Months with orders, orders, deliveries and reviews of the supplier that does not exist."""
TOKEN_ERRORS = frozenset({"invalid_request", "invalid_client", "unsupported_grant_type", "invalid_scope"})
DECISION_ID = uuid.UUID("c4e8b1d2-3a5f-4f7e-8d9c-0b1a2c3d4e5f")
_ID = uuid.UUID("6f1d2f6e-58a2-4c8e-9a0b-2f4f0c6f8a11")
_BANK = uuid.UUID("0d9f3a52-7c1e-4b8d-9e6a-3f2b1c0d4e5f")
_CONSENT = uuid.UUID("a3c5e7f9-1b2d-4e6f-8a0b-c1d2e3f4a5b6")
_ERRORS = "row,column,code,remedy\r\n2,supplier_id,missing,This field is required.\r\n"
_AS_IT_STANDS = {"disputed": False, "supersedes": None, "superseded_by": None}
_REQUEST_ID = "b0c9a7e4d2f14f0c8a6b5e3d1c2f4a68"


def request_example(service: Service) -> dict[str, Any]:
    """Return a body for POST /v1/scores."""
    return {
        "supplier_id": service.settings.example_supplier or NOBODY,
        "as_of": service.ledger.latest_as_of.isoformat(),
        "purpose": Purpose.CREDIT_APPLICATION.value,
    }


def score_example(service: Service) -> dict[str, Any]:
    """Return the answer to `request_example` as a bank with a consent gets it; its ids and its place in the audit are made up."""
    return told_example(score_body_example(service), service) | _AS_IT_STANDS


def score_body_example(service: Service) -> ScoreBody:
    """Return the example's score as far as a consent goes."""
    occasion = Occasion(_ID, _REQUEST_ID, Purpose.CREDIT_APPLICATION, Language.EN)
    body = score_body(service.bundle, service.ledger, example_assessment(service), occasion)
    return body_within(body, Tier.CONSENT, service.bundle, Language.EN)


def told_example(body: ScoreBody, service: Service) -> dict[str, Any]:
    """Return a body with a leave and a place in the audit that are made up."""
    snapshot = feature_snapshot(example_assessment(service).values)
    place = {"sequence": 1, "feature_snapshot_sha256": snapshot, "chain_hash": "0" * 64}
    return body.model_dump(mode="json", by_alias=True) | {"consent_ref": str(_CONSENT), "tier": Tier.CONSENT.value, "audit": place}


def consent_request_example() -> dict[str, Any]:
    """Return a body for POST /v1/consents; the bank is made up."""
    ends = (datetime.now(UTC) + timedelta(days=365)).date()
    return {"bank_id": str(_BANK), "purpose": Purpose.CREDIT_APPLICATION.value, "expires_on": ends.isoformat(), "tier": Tier.CONSENT.value}


def bundle_request_example(service: Service) -> dict[str, Any]:
    """Return a body for POST /v1/operations/bundle that changes nothing: it names the bundle in service."""
    return {"bundle": "bundle", "bundle_sha256": service.bundle.content_hash}


def answer_examples(service: Service) -> dict[tuple[str, str], Any]:
    """Return an example of the good answer of every operation."""
    score, supplier = score_example(service), service.settings.example_supplier or NOBODY
    model = current_model(service.bundle, service.ledger, Language.EN).model_dump(mode="json", by_alias=True)
    given, ends = datetime.now(UTC).replace(microsecond=0), datetime.now(UTC).replace(microsecond=0) + timedelta(days=365)
    about = {"bank_id": str(_BANK), "supplier_id": supplier, "purpose": Purpose.CREDIT_APPLICATION.value}
    consent = {
        "id": str(_CONSENT),
        **about,
        "tier": "consent",
        "granted_at": instant(given),
        "expires_at": instant(ends),
        "withdrawn_at": None,
    }
    look = {"at": instant(given), **about, "operation": "score", "consent_id": str(_CONSENT), "score_id": str(_ID)}
    in_service = {"version": service.bundle.version, "bundle_sha256": service.bundle.content_hash}
    event = {"at": instant(given), "bundle": "bundle", **in_service, "outcome": "in_service", "code": None, "reason": None}
    token = {"access_token": "eyJhbGciOi...", "token_type": "Bearer", "expires_in": service.tokens.seconds}
    return {
        ("/v1/scores", "post"): score,
        ("/v1/scores/history", "post"): history_example(service),
        ("/v1/scores/{score_id}", "get"): score,
        ("/v1/scores/{score_id}/evidence/{feature}", "get"): evidence_example(service, _ID, NOBODY),
        ("/v1/models/current", "get"): model,
        ("/v1/oauth/token", "post"): token | {"scope": " ".join(sorted(SCOPES_OF[TenantKind.BANK]))},
        ("/v1/banks", "get"): {"items": [{"id": str(_BANK), "name": "Bank A"}]},
        ("/v1/consents", "post"): consent,
        ("/v1/consents", "get"): {"items": [consent], "next": None},
        ("/v1/consents/{consent_id}", "get"): consent,
        ("/v1/consents/{consent_id}/withdrawal", "post"): consent | {"withdrawn_at": instant(given)},
        ("/v1/lookups", "get"): {"items": [look], "next": None},
        ("/v1/batches", "post"): _batch_example(service, is_finished=False),
        ("/v1/batches", "get"): {"items": [_batch_summary(service, is_finished=True)], "next": None},
        ("/v1/batches/{batch_id}", "get"): _batch_example(service, is_finished=True),
        ("/v1/batches/{batch_id}/results", "get"): b"".join(csv_lines(flat_rows(_one_page(score)), tuple(COLUMNS))).decode("utf-8-sig"),
        ("/v1/batches/{batch_id}/errors", "get"): _ERRORS,
        **webhook_examples(given),
        **dispute_examples(given, supplier),
        ("/v1/operations/bundle", "get"): {"in_service": in_service, "events": [event]},
        ("/v1/operations/bundle", "post"): in_service | {"former": in_service, "changed": False},
        ("/metrics", "get"): "lianxin_scores_total 1.0\n",
        ("/healthz", "get"): {"status": "alive"},
        ("/readyz", "get"): {"status": "ready"},
    }


def _batch_example(service: Service, *, is_finished: bool) -> dict[str, Any]:
    """Return a batch of two rows."""
    place = f"/v1/batches/{_ID}"
    return _batch_summary(service, is_finished=is_finished) | {
        "scored": 1 if is_finished else 0,
        "refused": 1 if is_finished else 0,
        "results_url": f"{place}/results" if is_finished else None,
        "errors_url": f"{place}/errors" if is_finished else None,
    }


def _batch_summary(service: Service, *, is_finished: bool) -> dict[str, Any]:
    """Return a batch of two rows as it stands in a list."""
    now = instant(datetime.now(UTC).replace(microsecond=0))
    return {
        "id": str(_ID),
        "state": "finished" if is_finished else "queued",
        "failed_code": None,
        "created_at": now,
        "finished_at": now if is_finished else None,
        "purpose": Purpose.PORTFOLIO_REVIEW.value,
        "bundle_sha256": service.bundle.content_hash,
        "rows": 2,
    }


def _one_page(score: dict[str, Any]) -> Page:
    """Return the results of a batch that scored one row."""
    return lambda after: [] if after else [(1, json.dumps(score).encode())]


def batch_file_example(service: Service) -> str:
    """Return a file for POST /v1/batches."""
    return f"supplier_id,as_of\n{service.settings.example_supplier or NOBODY},{service.ledger.latest_as_of.isoformat()}\n"


def path_examples() -> dict[str, tuple[str, str]]:
    """Return an example and a description of every id in a path."""
    own = {
        "score_id": (str(_ID), "The `id` of a score."),
        "batch_id": (str(_ID), "The `id` of a batch."),
        "purpose": (Purpose.PORTFOLIO_REVIEW.value, "What the scores are for; kept with each."),
        "feature": (FEATURE, "The `feature` of a reason or a contribution."),
        "decision_id": (str(DECISION_ID), "The `id` of a decision."),
        "consent_id": (str(_CONSENT), "The `id` of a consent."),
        "policy_id": ("8e1f0a9b-6c5d-4e3f-a2b1-0c9d8e7f6a5b", "The `id` of a policy."),
        "simulation_id": ("f0e1d2c3-b4a5-4968-8776-655443322110", "The `id` of a simulation."),
    }
    return own | WEBHOOK_PATHS | DISPUTE_PATHS


def instant(moment: datetime) -> str:
    """Return an instant as it is sent."""
    return moment.isoformat().replace("+00:00", "Z")


def example_assessment(service: Service) -> Assessment:
    """Assess the example supplier."""
    bundle, as_of = service.bundle, service.ledger.latest_as_of
    if service.settings.example_supplier:
        return assess(bundle, service.ledger, service.settings.example_supplier, as_of)
    values = np.array(bundle.reference.medians, dtype=np.float64)
    return assess_row(bundle, NOBODY, as_of, values, counts=_USUAL_COUNTS, tables=1.0)


_FIELDS = {
    "validation_failed": FieldError("/supplier_id", "string_too_long"),
    "body_not_json": FieldError("", "key_twice"),
    "batch_unreadable": FieldError("", "file_not_utf8"),
    "history_invalid": FieldError("/history/orders/3/amount", "amount_is_positive"),
    "policy_invalid": FieldError("/toml", "value_out_of_domain", {"unit": "ratio", "line": 3, "key": "receivables.top_advance_rate"}),
}


def problem_example(service: Service, status: int, code: str, language: Language) -> dict[str, Any]:
    """Return the body of a problem."""
    spoken = words(language)
    facts: dict[str, object] = {"latest": service.ledger.latest_as_of, "limit": 65536, "scope": "score:write", "seconds": 2, "found": 1}
    facts |= {"limit": WEBHOOKS_AT_MOST} if code == "webhooks_too_many" else {}
    field = _FIELDS.get(code)
    return {
        "type": f"/docs#{code}",
        "title": spoken.text(f"problem.{code}.title"),
        "status": status,
        "detail": spoken.text(f"problem.{code}.detail", **facts),
        "instance": f"urn:lianxin:request:{_REQUEST_ID}",
        "request_id": _REQUEST_ID,
        "errors": [told_error(spoken, field)] if field else [],
        **({"error": code} if code in TOKEN_ERRORS else {}),
    }
