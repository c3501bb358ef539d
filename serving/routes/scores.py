"""Scores: ask for one, read one again."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, Security

from serving.access.caller import Caller, Scope
from serving.http.answers import idempotency_key, kept, made, path_id
from serving.http.body import json_body
from serving.http.problems import language_of, request_id_of
from serving.http.refusals import ScoreUnknown
from serving.schemas import KeptScore, ScoreRequest
from serving.scoring import score_once
from serving.service import InService, caller_of

router = APIRouter(prefix="/v1/scores", tags=["scores"])


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
    return made(score_once(service, caller, key, wanted, request_id=request_id_of(request), language=language_of(request)))


@router.get("/{score_id}", response_model=KeptScore, response_description="The score", summary="Read a score again")
def read_score(service: InService, caller: Annotated[Caller, Security(caller_of, scopes=[Scope.SCORE_READ])], score_id: str) -> Response:
    """Return a score as it was first given, byte for byte, unless something became true since.

    `disputed` says whether a dispute of the supplier is open now, `superseded_by` which score took this one's place after a correction.
    """
    return kept(service.store.read_score(caller, path_id(score_id, ScoreUnknown)))
