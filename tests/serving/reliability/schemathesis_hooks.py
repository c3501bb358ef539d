"""What Schemathesis is told besides the document: a new Idempotency-Key for each try, and which refusals of a valid request are right."""

import itertools
from typing import Any

import schemathesis
from schemathesis.core.failures import Failure

EXAMPLE_KEY = "3b0f6a52-first-try"
RULES_BEYOND_A_SCHEMA = {
    "expires", "in_the_past", "in_the_future", "due_before_issued", "promised_before_ordered", "named_twice", "text_unreadable",
    "day_out_of_bounds", "value_out_of_bounds",
}  # fmt: skip
"""Field codes of rules that a schema cannot say: of the clock, between fields, and of what can be compared."""
_numbers = itertools.count()


@schemathesis.serializer("application/vnd.apache.parquet")
def as_it_is(context: object, value: bytes | str) -> bytes:
    """Send a drawn file as it was drawn."""
    return value if isinstance(value, bytes) else value.encode()


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """Let the document's example key be used once only: a second request under it would be refused before it is looked at."""
    headers: Any = case.headers or {}
    if headers.get("Idempotency-Key") == EXAMPLE_KEY:
        headers["Idempotency-Key"] = f"try-{next(_numbers)}"


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext, failure: Failure, case: schemathesis.Case[Any], response: schemathesis.Response
) -> bool:
    """Of the valid requests that were refused, keep those whose form was blamed: the refusals by rule are documented."""
    if failure.code != "ST202":
        return True
    told = response.json()
    blamed = {error["code"] for error in told["errors"]} - RULES_BEYOND_A_SCHEMA
    return told["type"] in ("/docs#validation_failed", "/docs#body_not_json") and bool(blamed)
