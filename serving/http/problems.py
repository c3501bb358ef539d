"""What does a caller read when something is refused? RFC 9457 problems, in their language, and never a word of their own input.

The one table where refusals meet HTTP statuses. Texts come from the language files under ``problem.<code>`` and ``field.<code>``; what a
text may mention are values of ours (a limit, the ledger's last day), never what was sent.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Mount

from credit.errors import (
    BundleInvalid,
    BundleTampered,
    LedgerUnreadable,
    LianxinError,
    NoPolicyInForce,
    NotEnoughHistory,
    ReasonMissing,
    SecondPersonNeeded,
    ServiceUnavailable,
    StepNotAllowed,
    TermsOutOfBounds,
    UnknownSupplier,
)
from features.rules import RULES
from serving.http.languages import Language, Words, choose_language, words
from serving.http.refusals import (
    AsOfOutOfRange,
    BankUnknown,
    BatchFailed,
    BatchUnfinished,
    BatchUnknown,
    BatchUnreadable,
    BodyNotJson,
    BodyTooLarge,
    BundleNotTrusted,
    BundleUnknown,
    BundleUnusable,
    ClientUnknown,
    ConsentMissing,
    ConsentUnknown,
    CorrectionRefused,
    CrossSiteRefused,
    DecisionUnknown,
    DisputeDecided,
    DisputeUnknown,
    DocumentsTaken,
    EvidenceWithheld,
    ExchangeUnderWay,
    FeatureUnknown,
    FieldError,
    GrantTypeUnsupported,
    HistoriesBusy,
    HistoryInvalid,
    HistoryTooSlow,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    MediaTypeRefused,
    MessageUnknown,
    NotAuthenticated,
    PdfNotAvailable,
    PolicyFaulty,
    PolicyUnknown,
    RateLimited,
    RequestInFlight,
    RowUnknown,
    ScopeMissing,
    ScopeRefused,
    ScoreUnknown,
    ServiceRefusal,
    SimulationNeeded,
    SimulationOutdated,
    SimulationUnknown,
    TierTooLow,
    TokenRefusal,
    TokenRequestInvalid,
    TooManyBatches,
    WebhooksTooMany,
    WebhookUnknown,
    WebhookUrlRefused,
)
from serving.pages import page

PROBLEM_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = 2
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
REFUSALS: Final[Mapping[type[LianxinError], tuple[int, str]]] = {
    BodyNotJson: (400, "body_not_json"),
    BatchUnreadable: (400, "batch_unreadable"),
    IdempotencyKeyMissing: (400, "idempotency_key_missing"),
    TokenRequestInvalid: (400, "invalid_request"),
    GrantTypeUnsupported: (400, "unsupported_grant_type"),
    ScopeRefused: (400, "invalid_scope"),
    NotAuthenticated: (401, "not_authenticated"),
    ClientUnknown: (401, "invalid_client"),
    ConsentMissing: (403, "consent_missing"),
    ScopeMissing: (403, "scope_missing"),
    CrossSiteRefused: (403, "cross_site_refused"),
    EvidenceWithheld: (403, "evidence_withheld"),
    SecondPersonNeeded: (403, "second_person_needed"),
    TierTooLow: (403, "tier_too_low"),
    BankUnknown: (404, "bank_unknown"),
    BatchUnknown: (404, "batch_unknown"),
    BundleUnknown: (404, "bundle_unknown"),
    ConsentUnknown: (404, "consent_unknown"),
    FeatureUnknown: (404, "feature_unknown"),
    DecisionUnknown: (404, "decision_unknown"),
    PolicyUnknown: (404, "policy_unknown"),
    DisputeUnknown: (404, "dispute_unknown"),
    MessageUnknown: (404, "message_unknown"),
    ScoreUnknown: (404, "score_unknown"),
    SimulationUnknown: (404, "simulation_unknown"),
    UnknownSupplier: (404, "supplier_unknown"),
    BatchFailed: (409, "batch_failed"),
    BatchUnfinished: (409, "batch_unfinished"),
    TooManyBatches: (409, "too_many_batches"),
    WebhookUnknown: (404, "webhook_unknown"),
    DisputeDecided: (409, "dispute_decided"),
    DocumentsTaken: (409, "documents_taken"),
    ExchangeUnderWay: (409, "exchange_under_way"),
    RequestInFlight: (409, "request_in_flight"),
    SimulationNeeded: (409, "simulation_needed"),
    SimulationOutdated: (409, "simulation_outdated"),
    StepNotAllowed: (409, "step_not_allowed"),
    BodyTooLarge: (413, "body_too_large"),
    MediaTypeRefused: (415, "media_type_refused"),
    BundleNotTrusted: (422, "bundle_not_trusted"),
    BundleUnusable: (422, "bundle_unusable"),
    AsOfOutOfRange: (422, "as_of_out_of_range"),
    PolicyFaulty: (422, "policy_invalid"),
    CorrectionRefused: (422, "correction_refused"),
    HistoryInvalid: (422, "history_invalid"),
    HistoryTooSlow: (422, "history_too_slow"),
    IdempotencyKeyReused: (422, "idempotency_key_reused"),
    NoPolicyInForce: (422, "no_policy_in_force"),
    NotEnoughHistory: (422, "not_enough_history"),
    ReasonMissing: (422, "reason_missing"),
    RowUnknown: (422, "row_unknown"),
    TermsOutOfBounds: (422, "terms_out_of_bounds"),
    WebhooksTooMany: (422, "webhooks_too_many"),
    WebhookUrlRefused: (422, "webhook_url_refused"),
    HistoriesBusy: (429, "histories_busy"),
    RateLimited: (429, "rate_limited"),
    PdfNotAvailable: (501, "pdf_not_available"),
    BundleInvalid: (503, "not_ready"),
    BundleTampered: (503, "not_ready"),
    LedgerUnreadable: (503, "not_ready"),
    ServiceUnavailable: (503, "not_ready"),
}
FRAMEWORK: Final[Mapping[int, str]] = {404: "not_found", 405: "method_not_allowed", 422: "validation_failed", 500: "internal"}
FIELD_CODES: Final = frozenset(
    {
        "body_empty", "body_incomplete", "byte_order_mark", "not_utf8", "too_deep", "number_not_finite", "integer_too_long",
        "key_twice", "unwanted_character", "not_json", "missing", "extra_forbidden", "string_type", "string_too_short",
        "string_too_long", "string_pattern_mismatch", "date", "model_type", "enum", "literal_error", "uuid", "expires",
        "in_the_future", "list_type", "cell_type", "too_many_rows", "too_many_corrections", "history_of_one_supplier",
        "int_type", "int_parsing", "bool_type", "greater_than_equal", "less_than_equal", "too_long", "text_unreadable",
        "too_short", "bool_parsing", "base64", "row_named",
        "day_out_of_bounds", "value_out_of_bounds",
        "due_before_issued", "promised_before_ordered", "items_of_product", "named_twice", "outcome_of_proposal", "in_the_past",
        "bank_unnamed", "policy_too_long", "not_toml", "statute", "section_unknown", "section_holds_no_numbers", "number_unknown",
        "values_missing", "entry_form", "from_is_no_date", "from_must_rise", "value_is_no_number", "source_missing", "value_out_of_domain",
        "numbers_contradict", "file_not_utf8", "file_not_csv", "file_not_parquet", "column_missing", "column_unknown", "column_type",
        "too_many_batch_rows", "row_misshapen", "row_twice", "invalid",
    }
)  # fmt: skip
_PLACE: Final = ("key", "line")
log = logging.getLogger("lianxin.service")


def problem(
    request: Request,
    status: int,
    code: str,
    *,
    errors: Sequence[FieldError] = (),
    facts: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, str] | None = None,
) -> Response:
    """Build a problem response.

    Parameters
    ----------
    errors
        Pointers name fields of ours only.
    facts
        Values of ours that the text mentions.
    more
        Further members of the body, as RFC 9457 allows.
    """
    language = language_of(request)
    spoken = words(language)
    request_id = request_id_of(request)
    if _wants_page(request):
        shown = {"title": spoken.text(f"problem.{code}.title"), "detail": spoken.text(f"problem.{code}.detail", **(facts or {}))}
        answer = page("error.html.j2", language, status=status, request_id=request_id, **shown)
        answer.headers.update(headers or {})
        return answer
    content = {
        "type": f"/docs#{code}",
        "title": spoken.text(f"problem.{code}.title"),
        "status": status,
        "detail": spoken.text(f"problem.{code}.detail", **(facts or {})),
        "instance": f"urn:lianxin:request:{request_id}",
        "request_id": request_id,
        "errors": [told_error(spoken, error) for error in errors],
        **(more or {}),
    }
    sent = {"Content-Language": language.value, "Vary": "Accept-Language", **(headers or {})}
    return Response(json.dumps(content, ensure_ascii=False).encode(), status, sent, PROBLEM_TYPE)


def told_error(spoken: Words, error: FieldError) -> dict[str, object]:
    """Return a broken rule as it is sent: its place, its code and what it asks; a rule of the data contract comes with its remedy."""
    if error.code in RULES:
        rule = RULES[error.code]
        is_zh = spoken.language is Language.ZH_CN
        detail = f"{rule.zh}；{rule.remedy_zh}" if is_zh else f"{rule.en}; {rule.remedy_en}"
    else:
        detail = spoken.text(f"field.{error.code}", **{name: fact for name, fact in error.facts.items() if name not in _PLACE})
    place = {name: error.facts[name] for name in _PLACE if name in error.facts}
    return {"pointer": error.pointer, "code": error.code, "detail": detail, **place}


def _wants_page(request: Request) -> bool:
    """Tell whether a browser asks for one of the pages."""
    return not request.url.path.startswith("/v1/") and "text/html" in request.headers.get("accept", "")


def request_id_of(request: Request) -> str:
    """Return the id the middleware gave the request."""
    return str(getattr(request.state, "request_id", "none"))


def install_problem_handlers(app: FastAPI) -> None:
    """Make every refusal, the framework's own included, answer as a problem."""
    app.add_exception_handler(LianxinError, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(SQLAlchemyError, _on_database)


def describe(error: LianxinError) -> tuple[int, str]:
    """Return status and code of a refusal; one that no caller can cause is an internal failure."""
    for kind in type(error).__mro__:
        if kind in REFUSALS:
            return REFUSALS[kind]
    return 500, "internal"


async def _on_refusal(request: Request, error: Exception) -> Response:
    """Answer a refusal of ours."""
    if not isinstance(error, LianxinError):
        raise error
    status, code = describe(error)
    if status >= 500:
        log.error("refused", exc_info=error, extra={"request_id": request_id_of(request), "code": code})
    facts = error.facts if isinstance(error, ServiceRefusal) else {}
    headers = {
        401: {"WWW-Authenticate": 'ApiKey realm="lianxin", Bearer realm="lianxin"'},
        409: {"Retry-After": "1"} if isinstance(error, (RequestInFlight, ExchangeUnderWay)) else {},
        429: {"Retry-After": str(facts.get("seconds", RETRY_SECONDS))},
        503: {"Retry-After": str(RETRY_SECONDS)},
    }.get(status, {})
    if isinstance(error, ClientUnknown):
        headers = {"WWW-Authenticate": 'Basic realm="lianxin"'}
    errors = error.errors if isinstance(error, ServiceRefusal) else ()
    more = {"error": code} if isinstance(error, TokenRefusal) else {}
    return problem(request, status, code, errors=errors, facts=facts, headers=headers, more=more)


async def _on_invalid(request: Request, error: Exception) -> Response:
    """Answer input of the wrong form, naming the field and the rule only."""
    if not isinstance(error, RequestValidationError):
        raise error
    return problem(request, 422, "validation_failed", errors=[_field_error(item) for item in error.errors()])


def _field_error(item: Mapping[str, Any]) -> FieldError:
    """Return the pointer of our field and the code of the rule it breaks; an unknown field's name is input and stays out."""
    where, *path = (str(part) for part in item["loc"])
    kind = str(item["type"])
    if kind == "extra_forbidden":
        path = path[:-1]
    if where != "body":
        path.insert(0, where)
    code = next((form for form in ("date", "uuid") if kind.startswith(form)), kind)
    return FieldError("".join(f"/{part}" for part in path), code if code in FIELD_CODES else "invalid")


async def _on_http(request: Request, error: Exception) -> Response:
    """Answer what the framework refuses: no such place, no such method."""
    if not isinstance(error, HTTPException):
        raise error
    status = error.status_code if error.status_code in FRAMEWORK else (500 if error.status_code >= 500 else 400)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = _allowed(request)
    return problem(request, error.status_code, FRAMEWORK.get(status, "bad_request"), headers=headers)


def _allowed(request: Request) -> str:
    """Return the methods of the place a request came to: of all its operations, where the framework names the first one's only.

    A place with a name of its own is not also the place of an id.
    """
    own = request.app.openapi()["paths"].get(request.url.path)
    if own:
        return ", ".join(sorted(method.upper() for method in (*own, *(["head"] if "get" in own else []))))
    places = [route for route in request.app.routes if not isinstance(route, Mount)]
    found = [method for method in _METHODS if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in places)]
    return ", ".join(["GET", "HEAD", *found[1:]] if found[:1] == ["GET"] else found or ["GET", "HEAD"])


async def _on_database(request: Request, error: Exception) -> Response:
    """Answer a database that does not."""
    is_away = isinstance(error, OperationalError)  # its place in the code says nothing then
    log.error("database", exc_info=None if is_away else error, extra={"request_id": request_id_of(request), "code": "not_ready"})
    return problem(request, 503, "not_ready", headers={"Retry-After": str(RETRY_SECONDS)})


def language_of(request: Request, chosen: str | None = None) -> Language:
    """Return the language of an answer: the one asked for by name, the one the desk settled on, else the one the header likes best."""
    named = {"zh": Language.ZH_CN, "en": Language.EN}
    settled: Language | None = getattr(request.state, "language", None)
    return named.get(chosen or "") or settled or choose_language(request.headers.get("accept-language"))
