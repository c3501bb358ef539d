"""Operations: what an operator watches."""

from typing import Annotated

from fastapi import APIRouter, Response, Security

from serving.access.caller import Caller, Scope
from serving.disputes.record import count_open
from serving.http.metrics import CONTENT_TYPE
from serving.service import InService, caller_of

router = APIRouter(tags=["health"])


class MetricsText(Response):
    """Measures in Prometheus' text format."""

    media_type = CONTENT_TYPE


@router.get("/metrics", response_class=MetricsText, response_description="The measures", summary="Measures for Prometheus")
def read_metrics(service: InService, caller: Annotated[Caller, Security(caller_of, scopes=[Scope.METRICS_READ])]) -> Response:
    """Return counts and times of this process since it began, and of disputes those of all; an operator's key reads them."""
    with service.store.begin(caller) as connection:
        service.metrics.disputes(*count_open(connection))
    return MetricsText(service.metrics.text())
