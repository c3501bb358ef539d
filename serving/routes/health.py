"""Health: is the process alive, and can it answer?"""

from fastapi import APIRouter

from serving.schemas import Health
from serving.service import InService

router = APIRouter(tags=["health"])


@router.get("/healthz", response_model=Health, response_description="The state", summary="Liveness")
def healthz() -> Health:
    """Answer as long as the process runs, whatever the database does."""
    return Health(status="alive")


@router.get("/readyz", response_model=Health, response_description="The state", summary="Readiness")
def readyz(service: InService) -> Health:
    """Answer 200 while the database answers and holds the tables; else 503."""
    service.store.ping()
    return Health(status="ready")
