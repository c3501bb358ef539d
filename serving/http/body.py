"""Is this request body JSON that means one thing only?

The framework's parser takes NaN and Infinity, keeps the last of two equal keys, and answers deep nesting or lone surrogates with a
failure of its own. Here every such body is refused with a stable code before a model sees it. What passes is strict RFC 8259 in UTF-8
without a byte-order mark, at most `MAX_BYTES` long (more where a file comes with it) and `MAX_DEPTH` deep.
"""

import json
import math
import re
from asyncio import timeout
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from serving.http.refusals import BodyNotJson, BodyTooLarge, MediaTypeRefused

MAX_BYTES = 64 * 1024
MAX_SECONDS = 30.0
MAX_DEPTH = 16
MAX_INTEGER_DIGITS = 19
_MEDIA_TYPE = re.compile(r'application/json(\s*;\s*charset\s*=\s*"?utf-8"?)?\s*', re.IGNORECASE | re.ASCII)
_UNWANTED_CHARACTER = re.compile("[\ud800-\udfff\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)

Body = TypeVar("Body", bound=BaseModel)


def json_body(model: type[Body], most: int = MAX_BYTES) -> Callable[[Request], object]:
    """Return a dependency that reads a body of at most so many bytes strictly and validates it as ``model``."""

    async def read(request: Request) -> Body:
        raw = await read_json(request, most)
        parse_strictly(raw)
        try:
            return model.model_validate_json(raw)
        except ValidationError as error:
            raise RequestValidationError(field_errors(error)) from None

    return read


def field_errors(error: ValidationError) -> list[dict[str, Any]]:
    """Return what a model found wrong with a body: fields and rules, nothing of what was sent."""
    found = error.errors(include_input=False, include_context=False, include_url=False)
    return [{**item, "loc": ("body", *item["loc"])} for item in found]


async def read_json(request: Request, limit: int = MAX_BYTES) -> bytes:
    """Read a body that is announced as JSON; raises as `read_bytes` does."""
    return await read_bytes(request, _MEDIA_TYPE, limit)


async def read_bytes(request: Request, media_type: re.Pattern[str], limit: int = MAX_BYTES) -> bytes:
    """Read a body of the media type within `MAX_SECONDS`, refusing it as soon as it passes the limit.

    Raises
    ------
    MediaTypeRefused
        The content type is another one, or the body is compressed.
    BodyTooLarge
        It is longer than the limit, announced or sent.
    BodyNotJson
        It does not come to its end in time.
    """
    if not media_type.fullmatch(request.headers.get("content-type", "")):
        raise MediaTypeRefused
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise MediaTypeRefused
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced[:12]) > limit:
        raise BodyTooLarge(limit=limit)
    raw = bytearray()
    try:
        async with timeout(MAX_SECONDS):
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > limit:
                    raise BodyTooLarge(limit=limit)
    except (ClientDisconnect, TimeoutError):
        raise BodyNotJson("body_incomplete") from None
    return bytes(raw)


def parse_strictly(raw: bytes, *, exact: bool = False) -> object:
    """Parse JSON text that has one meaning, or refuse it with a code; ``exact`` keeps the digits of a number with a point, as Decimal.

    Raises
    ------
    BodyNotJson
        With one of the codes ``body_empty``, ``byte_order_mark``, ``not_utf8``, ``too_deep``, ``number_not_finite``,
        ``integer_too_long``, ``key_twice``, ``unwanted_character`` and ``not_json``.

    Examples
    --------
    >>> parse_strictly(b'{"a": [1, 2.5, null]}')
    {'a': [1, 2.5, None]}
    """
    if not raw.strip():
        raise BodyNotJson("body_empty")
    if raw.startswith((b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")):
        raise BodyNotJson("byte_order_mark")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BodyNotJson("not_utf8") from None
    _refuse_deep(text)
    try:
        number = _decimal if exact else _number
        value = json.loads(text, parse_int=_integer, parse_float=number, parse_constant=_constant, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise BodyNotJson("not_json") from None
    _refuse_unwanted(value)
    return value


def _refuse_deep(text: str) -> None:
    """Refuse nesting beyond the cap before any recursive parser meets it."""
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        mark = found[0]
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise BodyNotJson("too_deep")
        elif mark in "]}":
            depth -= 1


def _integer(text: str) -> int:
    """Read an integer of a bounded number of digits."""
    if len(text) > MAX_INTEGER_DIGITS:
        raise BodyNotJson("integer_too_long")
    return int(text)


def _number(text: str) -> float:
    """Read a number a float can hold."""
    value = float(text)
    if not math.isfinite(value):
        raise BodyNotJson("number_not_finite")
    return value


def _decimal(text: str) -> Decimal:
    """Read a number a float can hold by its digits."""
    _number(text)
    return Decimal(text)


def _constant(_: str) -> NoReturn:
    """Refuse NaN and the infinities, which JSON does not have."""
    raise BodyNotJson("number_not_finite")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Build an object, refusing a key that stands twice."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise BodyNotJson("key_twice")
    return value


def _refuse_unwanted(value: object) -> None:
    """Refuse lone surrogates and control characters in any string of the value."""
    if isinstance(value, str):
        if _UNWANTED_CHARACTER.search(value):
            raise BodyNotJson("unwanted_character")
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_unwanted(key)
            _refuse_unwanted(item)
    elif isinstance(value, list):
        for item in value:
            _refuse_unwanted(item)
