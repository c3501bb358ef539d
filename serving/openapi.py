"""The API's description (OpenAPI 3.1): every answer an operation can give, each with a working example in both languages."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from serving.examples import problem_example, request_example, score_example
from serving.explain import current_model
from serving.languages import Language
from serving.problems import PROBLEM_TYPE
from serving.schemas import Problem, ScoreRequest
from serving.service import Service

DESCRIPTION: Final = (
    "Scores of suppliers from their orders, deliveries and reviews, each with its reasons. Send your key as `X-API-Key`. "
    "Errors are RFC 9457 problems in the language of `Accept-Language` (zh-CN, en). "
    "Every answer carries `X-Request-Id`; a valid one you send is kept."
)
_ALWAYS: Final = ((401, "not_authenticated"), (500, "internal"), (503, "not_ready"))
PROBLEMS: Final[dict[tuple[str, str], tuple[tuple[int, str], ...]]] = {
    ("/v1/scores", "post"): (
        (400, "body_not_json"),
        (400, "idempotency_key_missing"),
        (404, "supplier_unknown"),
        (409, "request_in_flight"),
        (413, "body_too_large"),
        (415, "media_type_refused"),
        (422, "validation_failed"),
        (422, "as_of_out_of_range"),
        (422, "idempotency_key_reused"),
        *_ALWAYS,
    ),
    ("/v1/scores/{score_id}", "get"): ((404, "score_unknown"), *_ALWAYS),
    ("/v1/models/current", "get"): _ALWAYS,
    ("/healthz", "get"): ((500, "internal"),),
    ("/readyz", "get"): ((500, "internal"), (503, "not_ready")),
}


def describe_api(app: FastAPI) -> dict[str, Any]:
    """Return the description, made once per application."""
    if app.openapi_schema is None:
        app.openapi_schema = _describe(app)
    return app.openapi_schema


def _describe(app: FastAPI) -> dict[str, Any]:
    """Take the framework's description and put in what it cannot know: the strict body, the problems, the examples."""
    service: Service = app.state.service
    schema = get_openapi(
        title="Lianxin", version=app.version, description=DESCRIPTION, routes=app.routes, separate_input_output_schemas=False
    )
    _, defined = models_json_schema([(Problem, "serialization"), (ScoreRequest, "validation")], ref_template="#/components/schemas/{model}")
    schemas = schema["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas.update(defined["$defs"])
    for (path, method), problems in PROBLEMS.items():
        operation = schema["paths"][path][method]
        operation["responses"].pop("422", None)
        for status in sorted({status for status, _ in problems}):
            operation["responses"][str(status)] = _problem_response(service, status, [c for s, c in problems if s == status])
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
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
    return {"description": "; ".join(titles), "content": {PROBLEM_TYPE: content}}


def _put_examples(schema: dict[str, Any], service: Service) -> None:
    """Add the request's body and the examples of what is answered."""
    score = score_example(service)
    post = schema["paths"]["/v1/scores"]["post"]
    post["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ScoreRequest"}, "example": request_example(service)}},
    }
    for parameter in post["parameters"]:
        if parameter["name"] == "Idempotency-Key":
            parameter.update(required=True, example="3b0f6a52-first-try", schema={"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"})
    post["responses"]["201"]["content"]["application/json"]["example"] = score
    read = schema["paths"]["/v1/scores/{score_id}"]["get"]
    read["parameters"][0].update(example=score["id"], description="The `id` of a score.")
    read["responses"]["200"]["content"]["application/json"]["example"] = score
    model = current_model(service.bundle, service.ledger, Language.EN).model_dump(mode="json", by_alias=True)
    schema["paths"]["/v1/models/current"]["get"]["responses"]["200"]["content"]["application/json"]["example"] = model
    for path, status in (("/healthz", "alive"), ("/readyz", "ready")):
        schema["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["example"] = {"status": status}
