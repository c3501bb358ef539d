"""What every operation that keeps its answer does alike: the key of a request, its one form, the id in its path, the kept bytes sent."""

import json
import re
import uuid
from typing import Annotated

from fastapi import Header, Response
from pydantic import BaseModel

from credit.errors import LianxinError
from serving.http.refusals import IdempotencyKeyMissing
from serving.store import StoredAnswer

_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


async def idempotency_key(
    key: Annotated[
        str | None,
        Header(alias="Idempotency-Key", description="1 to 255 visible ASCII characters of your choice, a new one for each new request."),
    ] = None,
) -> str:
    """Return the key of this request, or refuse with `IdempotencyKeyMissing`."""
    if key is None or not _IDEMPOTENCY_KEY.fullmatch(key):
        raise IdempotencyKeyMissing
    return key


def asked_as(path: str, wanted: BaseModel) -> bytes:
    """Return a request in its one form: the same key may only come with the same."""
    return f"POST {path} ".encode() + json.dumps(wanted.model_dump(mode="json"), sort_keys=True).encode()


def path_id(text: str, unknown: type[LianxinError]) -> uuid.UUID:
    """Return the id in a path; what is none names nothing that is known, and is answered like that."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise unknown from None


def made(answer: StoredAnswer) -> Response:
    """Send the answer to a request that makes something: where it is, and whether it was made before."""
    return kept(answer, {"Location": answer.location} | ({"Idempotent-Replayed": "true"} if answer.was_replayed else {}))


def kept(answer: StoredAnswer, headers: dict[str, str] | None = None) -> Response:
    """Send stored bytes as they are."""
    return Response(answer.body, answer.status, {"Content-Language": answer.language, **(headers or {})}, "application/json")
