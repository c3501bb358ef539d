"""A bank's own policies: hand one in, read them, see what one would have decided, put one in force."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, Security
from sqlalchemy import Connection

from serving.access.caller import Caller, Scope
from serving.bank_policies.activate import activate_policy
from serving.bank_policies.bodies import (
    ActivationRequest,
    KeptActivation,
    KeptPolicy,
    KeptSimulation,
    PolicyBody,
    PolicyPage,
    PolicyRequest,
    SimulationRequest,
)
from serving.bank_policies.reading import list_policies, policy_body, read_simulation
from serving.bank_policies.simulate import make_simulation
from serving.bank_policies.upload import keep_policy
from serving.http.answers import asked_as, idempotency_key, made, path_id
from serving.http.body import json_body
from serving.http.problems import language_of, request_id_of
from serving.http.refusals import PolicyUnknown, SimulationUnknown
from serving.routes.consents import After, Limit
from serving.service import InService, caller_of
from serving.store import StoredAnswer

router = APIRouter(prefix="/v1/policies", tags=["policies"])
Reader = Annotated[Caller, Security(caller_of, scopes=[Scope.POLICY_READ])]
Writer = Annotated[Caller, Security(caller_of, scopes=[Scope.POLICY_WRITE])]
Activator = Annotated[Caller, Security(caller_of, scopes=[Scope.POLICY_ACTIVATE])]


@router.post("", status_code=201, response_model=KeptPolicy, response_description="The policy", summary="Hand in a policy")
def create_policy(
    request: Request,
    service: InService,
    caller: Writer,
    key: Annotated[str, Depends(idempotency_key)],
    wanted: Annotated[PolicyRequest, Depends(json_body(PolicyRequest))],
) -> Response:
    """Hand in your bank's policy as TOML: the numbers that differ from the packaged ones, each dated and with its source.

    Every fault is told at once, each with key, line, rule and remedy. Nothing is decided by it until it was simulated and another person
    put it in force. A policy is never changed: hand in another.
    """
    language, request_id = language_of(request), request_id_of(request)

    def keep(connection: Connection) -> StoredAnswer:
        return keep_policy(caller, connection, wanted.toml, request_id=request_id, language=language)

    return made(service.store.keep_once(caller, key, asked_as("/v1/policies", wanted), keep))


@router.get("", response_model=PolicyPage, response_description="The policies", summary="List policies")
def list_all(service: InService, caller: Reader, after: After = 0, limit: Limit = 50) -> PolicyPage:
    """Return the policies your bank handed in, and which of them holds today; none does where the packaged one does."""
    with service.store.begin(caller) as connection:
        found = list_policies(connection, after, limit, service.today)
    return PolicyPage(items=[summary for _, summary in found], next=found[-1][0] if len(found) == limit else None)


@router.get("/{policy_id}", response_model=PolicyBody, response_description="The policy", summary="Read a policy")
def read_one(request: Request, service: InService, caller: Reader, policy_id: str) -> PolicyBody:
    """Return a policy: its text, the numbers it decides otherwise, its simulations and activations."""
    with service.store.begin(caller) as connection:
        return policy_body(connection, path_id(policy_id, PolicyUnknown), service.today, language_of(request))


@router.post(
    "/{policy_id}/simulation",
    status_code=201,
    response_model=KeptSimulation,
    response_description="The simulation",
    summary="Simulate a policy",
)
def create_simulation(
    request: Request,
    service: InService,
    caller: Writer,
    policy_id: str,
    key: Annotated[str, Depends(idempotency_key)],
    wanted: Annotated[SimulationRequest, Depends(json_body(SimulationRequest))],
) -> Response:
    """Decide your past applications again, under the policy in force on a day and under this one, and tell who comes out otherwise.

    At most the latest 1,000 applications are taken, each with what was known then. Both policies are taken as of `begins_on`, whatever
    the applications' days: the question is of the policy, not of the days.
    """
    wanted_id, language, request_id = path_id(policy_id, PolicyUnknown), language_of(request), request_id_of(request)
    today = service.today

    def keep(connection: Connection) -> StoredAnswer:
        return make_simulation(caller, connection, wanted_id, wanted, today=today, request_id=request_id, language=language)

    return made(service.store.keep_once(caller, key, asked_as(f"/v1/policies/{wanted_id}/simulation", wanted), keep))


@router.get(
    "/{policy_id}/simulations/{simulation_id}",
    response_model=KeptSimulation,
    response_description="The simulation",
    summary="Read a simulation again",
)
def read_one_simulation(request: Request, service: InService, caller: Reader, policy_id: str, simulation_id: str) -> Response:
    """Return a simulation as it was first given, byte for byte."""
    wanted, of = path_id(simulation_id, SimulationUnknown), path_id(policy_id, SimulationUnknown)
    with service.store.begin(caller) as connection:
        raw = read_simulation(connection, of, wanted)
    return Response(raw, 200, {"Content-Language": language_of(request).value}, "application/json")


@router.post(
    "/{policy_id}/activate",
    status_code=201,
    response_model=KeptActivation,
    response_description="The activation",
    summary="Put a policy in force",
)
def create_activation(
    request: Request,
    service: InService,
    caller: Activator,
    policy_id: str,
    key: Annotated[str, Depends(idempotency_key)],
    wanted: Annotated[ActivationRequest, Depends(json_body(ActivationRequest))],
) -> Response:
    """Put a policy in force from the day it was simulated for.

    The person, who is the name of the key, must be another than the one who handed the policy in, and names the simulation seen. Its day
    must not have passed, and the policy it compared with must be the one that would hold by then. What was in force before stays in force
    for the days before.
    """
    wanted_id, language, request_id = path_id(policy_id, PolicyUnknown), language_of(request), request_id_of(request)
    today = service.today

    def keep(connection: Connection) -> StoredAnswer:
        return activate_policy(caller, connection, wanted_id, wanted, today=today, request_id=request_id, language=language)

    return made(service.store.keep_once(caller, key, asked_as(f"/v1/policies/{wanted_id}/activate", wanted), keep))
