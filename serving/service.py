"""What every route works with: the one bundle, ledger and store of this process, and who is calling."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from features.ledger import Ledger
from serving.keys import Caller, authenticate
from serving.sessions import Sessions
from serving.settings import ServiceSettings
from serving.store import Store
from training.bundle import ScoringBundle

KEY_HEADER = APIKeyHeader(
    name="X-API-Key", auto_error=False, scheme_name="api_key", description="A key of the form lx_<prefix>_<secret>, shown once when made."
)


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of a running service."""

    settings: ServiceSettings
    bundle: ScoringBundle
    ledger: Ledger
    store: Store
    sessions: Sessions


def service_of(request: Request) -> Service:
    """Return the service a request came to."""
    service: Service = request.app.state.service
    return service


def note_route(request: Request) -> None:
    """Note the pattern of the route for the log line: the path itself may carry a token or an id."""
    request.state.route = getattr(request.scope.get("route"), "path", None)


InService = Annotated[Service, Depends(service_of)]


def caller_of(request: Request, service: InService, key: Annotated[str | None, Security(KEY_HEADER)]) -> Caller:
    """Return the caller, or refuse with `NotAuthenticated`; its prefix goes into the log line."""
    caller = authenticate(service.store, key)
    request.state.caller = caller.prefix
    return caller


CallerIn = Annotated[Caller, Depends(caller_of)]
