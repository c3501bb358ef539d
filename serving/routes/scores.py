"""Scores: ask for one, read one again."""

import json
import re
import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response, Security
from sqlalchemy import Connection

from serving.access.caller import Caller, Scope
from serving.http.body import json_body
from serving.http.problems import language_of, request_id_of
from serving.http.refusals import IdempotencyKeyMissing, ScoreUnknown
from serving.schemas import KeptScore, ScoreRequest
from serving.scoring import make_score
from serving.service import InService, caller_of
from serving.store import ScoreRecord, StoredAnswer

router = APIRouter(prefix="/v1/scores", tags=["scores"])
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


async def idempotency_key(
    key: Annotated[
        str | None,
        Header(alias="Idempotency-Key", description="1 to 255 visible ASCII characters of your choice, a new one for each new score."),
    ] = None,
) -> str:
    """Return the key of this request, or refuse with `IdempotencyKeyMissing`."""
    if key is None or not _IDEMPOTENCY_KEY.fullmatch(key):
        raise IdempotencyKeyMissing
    return key


@router.post("", status_code=201, response_model=KeptScore, response_description="The score", summary="Score a supplier")
def create_score(
    request: Request,
    service: InService,
    caller: Annotated[Caller, Security(caller_of, scopes=[Scope.SCORE_WRITE])],
    key: Annotated[str, Depends(idempotency_key)],
    wanted: Annotated[ScoreRequest, Depends(json_body(ScoreRequest))],
) -> Response:
    """Score a supplier and explain the score.

    The score is stored before it is answered. Sending the same request again with the same Idempotency-Key brings the first answer, byte
    for byte, with the header `Idempotent-Replayed: true`. Texts come in the language of Accept-Language (zh-CN, en). A bank needs a live
    consent of the supplier for the purpose; a supplier asks about itself, for its own information.
    """
    asked = json.dumps(wanted.model_dump(mode="json", exclude_unset=True), sort_keys=True).encode()

    def make(connection: Connection) -> ScoreRecord:
        made = make_score(
            service,
            caller,
            connection,
            supplier_id=wanted.supplier_id,
            as_of=wanted.as_of,
            purpose=wanted.purpose,
            request_id=request_id_of(request),
            language=language_of(request),
        )
        return made.record

    answer = service.store.answer_once(caller, key, asked, make)
    if not answer.was_replayed:
        service.metrics.score()
    return answered(answer)


@router.get("/{score_id}", response_model=KeptScore, response_description="The score", summary="Read a score again")
def read_score(service: InService, caller: Annotated[Caller, Security(caller_of, scopes=[Scope.SCORE_READ])], score_id: str) -> Response:
    """Return a score as it was first given, byte for byte, unless something became true since.

    `disputed` says whether a dispute of the supplier is open now, `superseded_by` which score took this one's place after a correction.
    """
    try:
        wanted = uuid.UUID(score_id)
    except ValueError:
        raise ScoreUnknown from None
    return _response(service.store.read_score(caller, wanted), {})


def answered(answer: StoredAnswer) -> Response:
    """Send the answer to a request for a new score: where it is, and whether it was made before."""
    replayed = {"Idempotent-Replayed": "true"} if answer.was_replayed else {}
    return _response(answer, {"Location": answer.location, **replayed})


def _response(answer: StoredAnswer, headers: dict[str, str]) -> Response:
    """Send stored bytes as they are."""
    return Response(answer.body, answer.status, {"Content-Language": answer.language, **headers}, "application/json")
