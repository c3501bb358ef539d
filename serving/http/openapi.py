"""The API's description (OpenAPI 3.1): every answer an operation can give, each with a working example in both languages."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serving.access.bodies import ConsentRequest, TokenProblem
from serving.bank_policies.bodies import ActivationRequest, PolicyRequest, SimulationRequest
from serving.bank_policies.examples import policy_answers, policy_requests
from serving.batches.rows import PARQUET
from serving.decisions.examples import decision_answers, decision_request_example, step_request_example
from serving.decisions.requests import DecisionRequest, StepRequest
from serving.disputes.bodies import AnswerRequest, DisputeRequest
from serving.disputes.examples import answer_request_example, dispute_request_example
from serving.histories.bodies import HistoryRequest
from serving.histories.example import history_request_example
from serving.http.examples import (
    TOKEN_ERRORS,
    answer_examples,
    batch_file_example,
    bundle_request_example,
    consent_request_example,
    path_examples,
    problem_example,
    request_example,
)
from serving.http.languages import Language
from serving.http.problems import PROBLEM_TYPE
from serving.schemas import Problem, ScoreRequest
from serving.service import Service
from serving.swap.bodies import BundleRequest
from serving.webhooks.bodies import WebhookRequest
from serving.webhooks.examples import webhook_request_example

DESCRIPTION: Final = (
    "Scores of suppliers from their orders, deliveries and reviews, each with its reasons, and the financing decisions that rest on them. "
    "Send your key as `X-API-Key`, or a token "
    "from `/v1/oauth/token` as `Authorization: Bearer`. A bank needs the consent of the supplier it asks about. "
    "Errors are RFC 9457 problems in the language of `Accept-Language` (zh-CN, en). "
    "Every answer carries `X-Request-Id`; a valid one you send is kept."
)
SENT: Final[tuple[type[BaseModel], ...]] = (
    ScoreRequest, ConsentRequest, HistoryRequest, DecisionRequest, StepRequest, BundleRequest, PolicyRequest, SimulationRequest,
    ActivationRequest, WebhookRequest, DisputeRequest, AnswerRequest,
)  # fmt: skip
"""Bodies of requests that the framework does not describe itself: it does not read them."""
_FAILURES: Final = ((500, "internal"), (503, "not_ready"))
_ALWAYS: Final = ((401, "not_authenticated"), (403, "scope_missing"), (429, "rate_limited"), *_FAILURES)
_BODY: Final = ((400, "body_not_json"), (413, "body_too_large"), (415, "media_type_refused"), (422, "validation_failed"))
_CREATE: Final = (*_BODY, (400, "idempotency_key_missing"), (422, "idempotency_key_reused"), *_ALWAYS)
_FINISHED: Final = (
    (404, "batch_unknown"),
    (409, "batch_unfinished"),
    (409, "batch_failed"),
    (422, "validation_failed"),
    *_ALWAYS,
)
PROBLEMS: Final[dict[tuple[str, str], tuple[tuple[int, str], ...]]] = {
    ("/v1/scores", "post"): (
        (403, "consent_missing"),
        (404, "supplier_unknown"),
        (409, "request_in_flight"),
        (422, "as_of_out_of_range"),
        *_CREATE,
    ),
    ("/v1/scores/history", "post"): (
        (409, "request_in_flight"),
        (422, "history_invalid"),
        (422, "history_too_slow"),
        (422, "as_of_out_of_range"),
        (422, "not_enough_history"),
        (429, "histories_busy"),
        *_CREATE,
    ),
    ("/v1/decisions", "post"): (
        (403, "consent_missing"),
        (403, "tier_too_low"),
        (404, "supplier_unknown"),
        (409, "request_in_flight"),
        (422, "as_of_out_of_range"),
        (422, "no_policy_in_force"),
        (422, "not_enough_history"),
        *_CREATE,
    ),
    ("/v1/decisions", "get"): ((422, "validation_failed"), *_ALWAYS),
    ("/v1/decisions/{decision_id}", "get"): ((404, "decision_unknown"), *_ALWAYS),
    ("/v1/decisions/{decision_id}/steps", "get"): ((404, "decision_unknown"), *_ALWAYS),
    ("/v1/decisions/{decision_id}/steps", "post"): (
        (403, "second_person_needed"),
        (404, "decision_unknown"),
        (409, "step_not_allowed"),
        (409, "documents_taken"),
        (409, "request_in_flight"),
        (422, "reason_missing"),
        (422, "terms_out_of_bounds"),
        *_CREATE,
    ),
    ("/v1/scores/{score_id}", "get"): ((404, "score_unknown"), *_ALWAYS),
    ("/v1/batches", "post"): (
        (400, "batch_unreadable"),
        (400, "body_not_json"),
        (400, "idempotency_key_missing"),
        (409, "request_in_flight"),
        (409, "too_many_batches"),
        (413, "body_too_large"),
        (415, "media_type_refused"),
        (422, "validation_failed"),
        (422, "idempotency_key_reused"),
        *_ALWAYS,
    ),
    ("/v1/batches", "get"): ((422, "validation_failed"), *_ALWAYS),
    ("/v1/batches/{batch_id}", "get"): ((404, "batch_unknown"), *_ALWAYS),
    ("/v1/batches/{batch_id}/results", "get"): _FINISHED,
    ("/v1/batches/{batch_id}/errors", "get"): _FINISHED,
    ("/v1/policies", "post"): ((409, "request_in_flight"), (422, "policy_invalid"), *_CREATE),
    ("/v1/policies", "get"): ((422, "validation_failed"), *_ALWAYS),
    ("/v1/policies/{policy_id}", "get"): ((404, "policy_unknown"), *_ALWAYS),
    ("/v1/policies/{policy_id}/simulation", "post"): (
        (404, "policy_unknown"),
        (409, "request_in_flight"),
        (422, "no_policy_in_force"),
        *_CREATE,
    ),
    ("/v1/policies/{policy_id}/simulations/{simulation_id}", "get"): ((404, "simulation_unknown"), *_ALWAYS),
    ("/v1/policies/{policy_id}/activate", "post"): (
        (403, "second_person_needed"),
        (404, "policy_unknown"),
        (409, "simulation_needed"),
        (409, "simulation_outdated"),
        (409, "request_in_flight"),
        (422, "reason_missing"),
        *_CREATE,
    ),
    ("/v1/scores/{score_id}/evidence/{feature}", "get"): (
        (403, "consent_missing"),
        (403, "evidence_withheld"),
        (404, "score_unknown"),
        (404, "feature_unknown"),
        (404, "supplier_unknown"),
        (422, "validation_failed"),
        *_ALWAYS,
    ),
    ("/v1/models/current", "get"): _ALWAYS,
    ("/v1/oauth/token", "post"): (
        (400, "invalid_request"),
        (400, "unsupported_grant_type"),
        (400, "invalid_scope"),
        (400, "body_not_json"),
        (401, "invalid_client"),
        (413, "body_too_large"),
        (415, "media_type_refused"),
        (429, "rate_limited"),
        *_FAILURES,
    ),
    ("/v1/banks", "get"): _ALWAYS,
    ("/v1/consents", "get"): ((422, "validation_failed"), *_ALWAYS),
    ("/v1/consents", "post"): ((404, "bank_unknown"), *_CREATE),
    ("/v1/consents/{consent_id}", "get"): ((404, "consent_unknown"), *_ALWAYS),
    ("/v1/consents/{consent_id}/withdrawal", "post"): ((404, "consent_unknown"), *_ALWAYS),
    ("/v1/webhooks", "get"): ((422, "validation_failed"), *_ALWAYS),
    ("/v1/webhooks", "post"): ((422, "webhook_url_refused"), (422, "webhooks_too_many"), *_CREATE),
    ("/v1/webhooks/{webhook_id}", "get"): ((404, "webhook_unknown"), *_ALWAYS),
    ("/v1/webhooks/{webhook_id}", "delete"): ((404, "webhook_unknown"), *_ALWAYS),
    ("/v1/webhooks/{webhook_id}/secret", "post"): ((400, "idempotency_key_missing"), (404, "webhook_unknown"), *_ALWAYS),
    ("/v1/webhooks/{webhook_id}/test", "post"): ((400, "idempotency_key_missing"), (404, "webhook_unknown"), *_ALWAYS),
    ("/v1/webhooks/{webhook_id}/messages", "get"): ((404, "webhook_unknown"), (422, "validation_failed"), *_ALWAYS),
    ("/v1/webhooks/{webhook_id}/messages/{message_id}", "get"): ((404, "webhook_unknown"), (404, "message_unknown"), *_ALWAYS),
    ("/v1/webhooks/{webhook_id}/messages/{message_id}/replay", "post"): ((404, "webhook_unknown"), (404, "message_unknown"), *_ALWAYS),
    ("/v1/disputes", "get"): ((422, "validation_failed"), *_ALWAYS),
    ("/v1/disputes", "post"): ((404, "score_unknown"), (422, "row_unknown"), *_CREATE),
    ("/v1/disputes/{dispute_id}", "get"): ((404, "dispute_unknown"), *_ALWAYS),
    ("/v1/disputes/{dispute_id}/file", "get"): ((404, "dispute_unknown"), *_ALWAYS),
    ("/v1/disputes/{dispute_id}/review", "post"): ((404, "dispute_unknown"), *_ALWAYS),
    ("/v1/disputes/{dispute_id}/decision", "post"): (
        (404, "dispute_unknown"),
        (409, "dispute_decided"),
        (422, "correction_refused"),
        *_BODY,
        *_ALWAYS,
    ),
    ("/v1/lookups", "get"): ((422, "validation_failed"), *_ALWAYS),
    ("/v1/operations/bundle", "get"): _ALWAYS,
    ("/v1/operations/bundle", "post"): (
        (404, "bundle_unknown"),
        (409, "exchange_under_way"),
        (422, "bundle_not_trusted"),
        (422, "bundle_unusable"),
        *_BODY,
        *_ALWAYS,
    ),
    ("/metrics", "get"): _ALWAYS,
    ("/healthz", "get"): ((500, "internal"),),
    ("/readyz", "get"): _FAILURES,
}


def describe_api(app: FastAPI) -> dict[str, Any]:
    """Return the description, made once per bundle and ledger in service: its examples are theirs."""
    service: Service = app.state.service
    described: tuple[Service | None, dict[str, Any]] = getattr(app.state, "described", (None, {}))
    if described[0] is not service:
        described = app.state.described = (service, _describe(app, service))
    return described[1]


def _describe(app: FastAPI, service: Service) -> dict[str, Any]:
    """Take the framework's description and put in what it cannot know: the strict body, the problems, the examples."""
    schema = get_openapi(
        title="Lianxin", version=app.version, description=DESCRIPTION, routes=app.routes, separate_input_output_schemas=False
    )
    read = [(Problem, "serialization"), (TokenProblem, "serialization"), *((body, "validation") for body in SENT)]
    _, defined = models_json_schema(read, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    schemas = schema["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas.update(defined["$defs"])
    for (path, method), problems in PROBLEMS.items():
        operation = schema["paths"][path][method]
        operation["responses"].pop("422", None)
        for status in sorted({status for status, _ in problems}):
            of_status = list(dict.fromkeys(code for each, code in problems if each == status))
            operation["responses"][str(status)] = _problem_response(service, status, of_status)
    _put_examples(schema, service)
    return schema


def _problem_response(service: Service, status: int, codes: list[str]) -> dict[str, Any]:
    """Describe the problems of one status."""
    examples = {
        f"{code} ({language.value})": {"value": problem_example(service, status, code, language)}
        for code in codes
        for language in (Language.EN, Language.ZH_CN)
    }
    titles = [problem_example(service, status, code, Language.EN)["title"] for code in codes]
    kind = "TokenProblem" if TOKEN_ERRORS & set(codes) else "Problem"
    content = {"schema": {"$ref": f"#/components/schemas/{kind}"}, "examples": examples}
    return {"description": "; ".join(titles), "content": {PROBLEM_TYPE: content}}


def _put_examples(schema: dict[str, Any], service: Service) -> None:
    """Add the requests' bodies, and the examples of what is sent and answered."""
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "/v1/scores": ("ScoreRequest", request_example(service)),
        "/v1/scores/history": ("HistoryRequest", history_request_example(service)),
        "/v1/consents": ("ConsentRequest", consent_request_example()),
        "/v1/decisions": ("DecisionRequest", decision_request_example(service)),
        "/v1/decisions/{decision_id}/steps": ("StepRequest", step_request_example()),
        "/v1/operations/bundle": ("BundleRequest", bundle_request_example(service)),
        **policy_requests(service),
        "/v1/webhooks": ("WebhookRequest", webhook_request_example()),
        "/v1/disputes": ("DisputeRequest", dispute_request_example()),
        "/v1/disputes/{dispute_id}/decision": ("AnswerRequest", answer_request_example()),
    }
    for path, (name, example) in bodies.items():
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}, "example": example}}
        schema["paths"][path]["post"]["requestBody"] = {"required": True, "content": content}
    schema["paths"]["/v1/batches"]["post"]["requestBody"] = {"required": True, "content": _batch_file(service)}
    schema["paths"]["/v1/oauth/token"]["post"]["requestBody"] = {"required": True, "content": _token_form()}
    places = path_examples()
    for (path, method), example in (answer_examples(service) | decision_answers(service) | policy_answers(service)).items():
        operation = schema["paths"][path][method]
        for parameter in operation.get("parameters", ()):
            if parameter["name"] == "Idempotency-Key":
                parameter.update(
                    required=True, example="3b0f6a52-first-try", schema={"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"}
                )
            elif parameter["name"] in places:
                value, description = places[parameter["name"]]
                parameter.update(example=value, description=description)
        good = next(status for status in operation["responses"] if status.startswith("2"))
        for content in operation["responses"][good]["content"].values():
            content["example"] = example
    for name in ("results", "errors"):
        content = schema["paths"][f"/v1/batches/{{batch_id}}/{name}"]["get"]["responses"]["200"]["content"]
        content["application/x-ndjson"] = {"schema": {"type": "string"}, "example": '{"row": 1, ...}\n'}
        if name == "results":
            content[PARQUET] = {"schema": {"type": "string", "format": "binary"}, "example": "PAR1..."}


def _batch_file(service: Service) -> dict[str, Any]:
    """Describe the file of a batch."""
    told = "One column supplier_id, and if you like one as_of (YYYY-MM-DD)."
    return {
        "text/csv": {"schema": {"type": "string", "description": told}, "example": batch_file_example(service)},
        PARQUET: {"schema": {"type": "string", "format": "binary", "description": told}, "example": "PAR1..."},
    }


def _token_form() -> dict[str, Any]:
    """Describe the form of the token endpoint."""
    texts = {"grant_type": "client_credentials", "client_id": "3f9a0c51d2e7", "client_secret": "lx_3f9a0c51d2e7_..."}
    properties: dict[str, dict[str, Any]] = {name: {"type": "string"} for name in (*texts, "scope")}
    properties["grant_type"]["enum"] = [texts["grant_type"]]
    form = {"type": "object", "properties": properties, "required": ["grant_type"]}
    return {"application/x-www-form-urlencoded": {"schema": form, "example": texts}}
