"""What every route works with: the one bundle, ledger and store of this process, and who is calling."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Request, Security
from fastapi.openapi.models import OAuthFlowClientCredentials, OAuthFlows
from fastapi.security import APIKeyHeader, OAuth2, SecurityScopes

from features.ledger import Ledger
from serving.access.caller import Caller, Scope
from serving.access.keys import authenticate, live_caller
from serving.access.rates import Rate, take
from serving.access.sessions import Sessions
from serving.access.signing_keys import SigningKeys
from serving.access.tokens import Tokens
from serving.histories.slots import HistorySlots
from serving.http.metrics import Metrics
from serving.http.refusals import NotAuthenticated, RateLimited, ScopeMissing
from serving.report.peers import Peers
from serving.settings import ServiceSettings
from serving.store import Store
from training.bundle import ScoringBundle

TOKEN_URL = "/v1/oauth/token"
KEY_HEADER = APIKeyHeader(
    name="X-API-Key", auto_error=False, scheme_name="api_key", description="A key of the form lx_<prefix>_<secret>, shown once when made."
)
BEARER = OAuth2(
    flows=OAuthFlows(clientCredentials=OAuthFlowClientCredentials(tokenUrl=TOKEN_URL, scopes={scope.value: scope.name for scope in Scope})),
    auto_error=False,
    scheme_name="oauth2",
    description="A short-lived token: the prefix of a key is the client's id, the whole key its secret.",
)


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of a running service."""

    settings: ServiceSettings
    bundle: ScoringBundle
    ledger: Ledger
    store: Store
    sessions: Sessions
    tokens: Tokens
    metrics: Metrics
    keys: SigningKeys
    salt: bytes = field(repr=False)
    """Of the fingerprints by which a document that is financed is known again."""
    peers: Peers
    others: tuple[ScoringBundle, ...] = ()
    """Bundles asked whether advice holds under them too: challenger, last champion."""
    history_slots: HistorySlots = field(default_factory=HistorySlots)
    ledger_path: Path | None = None
    """Where the ledger is stored; without it, corrections wait."""

    @property
    def today(self) -> date:
        """The day it is where the platform's days are."""
        return datetime.now(UTC).astimezone(ZoneInfo(self.ledger.zone)).date()

    @property
    def rate(self) -> Rate:
        """How often a tenant may ask."""
        return Rate(self.settings.rate_burst, self.settings.rate_per_second)


async def service_of(request: Request) -> Service:
    """Return the service as it was when the request first asked for it: bundle and ledger may be exchanged meanwhile (`serving.swap`)."""
    taken: Service | None = getattr(request.state, "service", None)
    if taken is None:
        taken = request.state.service = request.app.state.service
    return taken


async def note_route(request: Request) -> None:
    """Note the pattern of the route for the log line: the path itself may carry a token or an id."""
    request.state.route = getattr(request.scope.get("route"), "path", None)


InService = Annotated[Service, Depends(service_of)]


def caller_of(
    request: Request,
    service: InService,
    wanted: SecurityScopes,
    key: Annotated[str | None, Security(KEY_HEADER)],
    authorization: Annotated[str | None, Security(BEARER)],
) -> Caller:
    """Return the caller by key or token, or refuse with `NotAuthenticated`, `RateLimited` or `ScopeMissing`, in this order."""
    if authorization is None:
        caller = authenticate(service.store, key)
    elif key is None:
        caller = _bearer(service, authorization)
    else:
        raise NotAuthenticated
    return admit(request, service, caller, *(Scope(scope) for scope in wanted.scopes))


def admit(request: Request, service: Service, caller: Caller, *scopes: Scope) -> Caller:
    """Count the request against the tenant's rate and let it in if the caller has the scopes; its prefix goes into the log line."""
    request.state.caller = caller.prefix
    try:
        left = take(service.store, caller.tenant_id, service.rate)
    except RateLimited as refused:
        request.state.rate = _rate_headers(service.rate, float(str(refused.facts["left"])))
        raise
    request.state.rate = _rate_headers(service.rate, left)
    for scope in scopes:
        if scope not in caller.scopes:
            raise ScopeMissing(scope=scope.value)
    return caller


def _rate_headers(rate: Rate, left: float) -> dict[str, str]:
    """Return what an answer says of the rate."""
    return {"RateLimit-Policy": rate.policy, "RateLimit": rate.left(left)}


def _bearer(service: Service, authorization: str) -> Caller:
    """Return the caller of a token, with the token's scopes as far as the key still has them."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticated
    prefix, scopes = service.tokens.read(token)
    caller = live_caller(service.store, prefix)
    if caller is None:
        raise NotAuthenticated
    return replace(caller, scopes=caller.scopes & scopes)
