"""Models: which one scores at the moment."""

from typing import Annotated

from fastapi import APIRouter, Request, Security

from serving.access.caller import Caller, Scope
from serving.explain import current_model
from serving.http.problems import language_of
from serving.schemas import CurrentModel
from serving.service import InService, caller_of

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("/current", response_model=CurrentModel, response_description="The model", summary="The model in service")
def read_current_model(
    request: Request, service: InService, caller: Annotated[Caller, Security(caller_of, scopes=[Scope.MODEL_READ])]
) -> CurrentModel:
    """Return the model that scores at the moment, the measures recorded when it was trained, its scale and its grades."""
    return current_model(service.bundle, service.ledger, language_of(request))
