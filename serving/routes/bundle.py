"""The bundle in service: put another in its place while requests are answered, and see what was tried."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Security

from serving.access.caller import Caller, Scope
from serving.http.body import json_body
from serving.http.problems import request_id_of
from serving.service import InService, caller_of
from serving.swap.bodies import BundleEventBody, BundleExchange, BundleHistory, BundleRequest, BundleVersion
from serving.swap.exchange import Exchange, Wish
from serving.swap.history import BundleEvent, newest_events
from training.bundle import ScoringBundle

router = APIRouter(prefix="/v1/operations/bundle", tags=["operations"])
SHOWN_EVENTS = 50
Operator = Annotated[Caller, Security(caller_of, scopes=[Scope.BUNDLE_WRITE])]


@router.get("", response_model=BundleHistory, response_description="The history", summary="The bundle in service, and those tried")
def read_history(service: InService, caller: Operator) -> BundleHistory:
    """Return which bundle scores, which were before, and which were refused and why."""
    with service.store.begin(caller) as connection:
        events = newest_events(connection, SHOWN_EVENTS)
    return BundleHistory(in_service=_version(service.bundle), events=[_event(event) for event in events])


@router.post("", response_model=BundleExchange, response_description="The bundle in service", summary="Put a bundle in service")
def put_in_service(
    request: Request,
    service: InService,
    caller: Operator,
    wanted: Annotated[BundleRequest, Depends(json_body(BundleRequest))],
) -> BundleExchange:
    """Put a released bundle in service under load; naming the former one rolls back.

    Its hash and signature are checked before anything is parsed, a child process parses it first, and its golden rows must come out bit
    for bit. Until then, and where it is refused, the one in service scores. Requests under way end with the model they began with. Other
    processes on the same database follow within seconds. Naming the bundle in service changes nothing.
    """
    exchange: Exchange = request.app.state.exchange
    if wanted.bundle_sha256 == service.bundle.content_hash:
        now = _version(service.bundle)
        return BundleExchange(**dict(now), former=now, changed=False)
    wish = Wish(wanted.bundle, wanted.bundle_sha256, request_id_of(request))
    bundle, before = exchange.put_in_service(service.store, caller, wish)
    return BundleExchange(**dict(_version(bundle)), former=_version(before), changed=True)


def _version(bundle: ScoringBundle) -> BundleVersion:
    """Return which bundle it is."""
    return BundleVersion(version=bundle.version, bundle_sha256=bundle.content_hash)


def _event(event: BundleEvent) -> BundleEventBody:
    """Return an event as it is sent."""
    told = {name: getattr(event, name) for name in ("at", "bundle_sha256", "version", "outcome", "code", "reason")}
    return BundleEventBody.model_validate(told | {"bundle": event.name})
