"""Health: is the process alive, and can it answer?"""

from fastapi import APIRouter, Request

from credit.errors import ServiceUnavailable
from serving.schemas import Health
from serving.service import InService

router = APIRouter(tags=["health"])


@router.get("/healthz", response_model=Health, response_description="The state", summary="Liveness")
def healthz() -> Health:
    """Answer as long as the process runs, whatever the database does."""
    return Health(status="alive")


@router.get("/readyz", response_model=Health, response_description="The state", summary="Readiness")
def readyz(request: Request, service: InService) -> Health:
    """Answer 200 while the database answers and holds the tables, and this process serves the bundle that was put in service; else 503."""
    service.store.ping()
    if request.app.state.exchange.is_behind:
        raise ServiceUnavailable("The bundle that was put in service cannot be served here; see the log, and put one in service that can.")
    return Health(status="ready")
