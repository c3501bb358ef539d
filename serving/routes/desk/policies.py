"""The desk's pages of a bank's own policy: write it with its faults at their lines, simulate it, put it in force by a second person."""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlalchemy import Connection

from credit.errors import LianxinError
from serving.access.caller import Scope
from serving.access.forms import SentForm
from serving.bank_policies.activate import activate_policy
from serving.bank_policies.bodies import LONGEST_TOML, ActivationRequest, SimulationRequest
from serving.bank_policies.reading import list_policies, policy_body, read_simulation
from serving.bank_policies.simulate import make_simulation
from serving.bank_policies.upload import keep_policy
from serving.decisions.persons import person_of
from serving.decisions.policy_in_force import packaged_financing_policy
from serving.desk.frame import Desk, InDesk, form_key, path_of
from serving.http.answers import asked_as
from serving.http.problems import describe, request_id_of, told_error
from serving.http.refusals import PolicyFaulty
from serving.store import StoredAnswer

router = APIRouter(prefix="/desk/policies")
MOST = 100
START = """bank = "…"

# [receivables.top_advance_rate]
# values = [{ from = 2027-01-01, value = 0.7, source = "…" }]
"""


@router.get("")
def show_policies(desk: InDesk, start: uuid.UUID | None = None) -> Response:
    """Show the bank's policies and the field to write one in, empty or begun with the text of another."""
    desk.needs(Scope.POLICY_READ)
    text = START
    if start is not None:
        with desk.service.store.begin(desk.caller) as connection:
            text = policy_body(connection, start, desk.service.today, desk.language).toml
    return _editor(desk, text, ())


@router.post("")
def hand_in(desk: InDesk, form: SentForm) -> Response:
    """Keep a policy, or show every fault of its text at its line."""
    desk.needs(Scope.POLICY_WRITE)
    toml, caller = form.get("toml", "").strip()[: LONGEST_TOML + 1] + "\n", desk.caller

    def keep(connection: Connection) -> StoredAnswer:
        return keep_policy(caller, connection, toml, request_id=request_id_of(desk.request), language=desk.language)

    try:
        answer = desk.service.store.keep_once(caller, form_key(form), b"desk policy " + toml.encode(), keep)
    except PolicyFaulty as faulty:
        return _editor(desk, toml, [told_error(desk.words, error) for error in faulty.errors])
    return RedirectResponse(path_of("policies", answer.location.rpartition("/")[2]), 303)


@router.get("/{policy_id}")
def show_policy(desk: InDesk, policy_id: uuid.UUID) -> Response:
    """Show a policy: the numbers it decides otherwise, what was simulated, and when it was put in force."""
    desk.needs(Scope.POLICY_READ)
    return _policy_page(desk, policy_id)


@router.post("/{policy_id}/simulations")
def simulate(desk: InDesk, form: SentForm, policy_id: uuid.UUID) -> Response:
    """Decide the bank's past applications again under this policy, and show what comes out otherwise."""
    desk.needs(Scope.POLICY_WRITE)
    caller, told = desk.caller, {name: form[name] for name in ("begins_on", "since") if form.get(name)}
    try:
        wanted = SimulationRequest.model_validate(told)

        def keep(connection: Connection) -> StoredAnswer:
            today, request_id = desk.service.today, request_id_of(desk.request)
            return make_simulation(caller, connection, policy_id, wanted, today=today, request_id=request_id, language=desk.language)

        answer = desk.service.store.keep_once(caller, form_key(form), asked_as(f"/v1/policies/{policy_id}/simulation", wanted), keep)
    except (ValidationError, RequestValidationError):
        return _policy_page(
            desk, policy_id, filled=form, refusal=(desk.text("desk.day_refused"), desk.text("field.in_the_past")), status=422
        )
    return RedirectResponse(path_of("policies", str(policy_id), "simulations", answer.location.rpartition("/")[2]), 303)


@router.get("/{policy_id}/simulations/{simulation_id}")
def show_simulation(desk: InDesk, policy_id: uuid.UUID, simulation_id: uuid.UUID) -> Response:
    """Show what the policy in force and this one make of the past applications."""
    desk.needs(Scope.POLICY_READ)
    return _simulation_page(desk, policy_id, simulation_id)


@router.post("/{policy_id}/simulations/{simulation_id}/activation")
def activate(desk: InDesk, form: SentForm, policy_id: uuid.UUID, simulation_id: uuid.UUID) -> Response:
    """Put the policy in force from the day it was simulated for; another person than the one who handed it in does."""
    desk.needs(Scope.POLICY_ACTIVATE)
    caller = desk.caller
    try:
        wanted = ActivationRequest(simulation_id=str(simulation_id), reason=form.get("reason", "").strip()[:2000] or "-")

        def keep(connection: Connection) -> StoredAnswer:
            today, request_id = desk.service.today, request_id_of(desk.request)
            return activate_policy(caller, connection, policy_id, wanted, today=today, request_id=request_id, language=desk.language)

        desk.service.store.keep_once(caller, form_key(form), asked_as(f"/v1/policies/{policy_id}/activate", wanted), keep)
    except LianxinError as error:
        return _simulation_page(desk, policy_id, simulation_id, filled=form, refusal=desk.in_words(error), status=describe(error)[0])
    return RedirectResponse(path_of("policies", str(policy_id)), 303)


def _editor(desk: Desk, text: str, faults: Sequence[Mapping[str, object]]) -> Response:
    """Show the bank's policies and the field, with the faults of what was written in it."""
    with desk.service.store.begin(desk.caller) as connection:
        kept = [summary for _, summary in list_policies(connection, 0, MOST, desk.service.today)]
    latest = {code: numbers[-1] for code, numbers in packaged_financing_policy().numbers.items() if not code.startswith("statute.")}
    return desk.page(
        "policies.html.j2",
        here=path_of("policies"),
        status=422 if faults else 200,
        kept=kept[::-1],
        text=text,
        lines=text.splitlines(),
        faults=faults,
        faulty_lines={fault["line"] for fault in faults if "line" in fault},
        numbers=latest,
        may_write=desk.may(Scope.POLICY_WRITE),
    )


def _policy_page(
    desk: Desk,
    policy_id: uuid.UUID,
    *,
    filled: Mapping[str, str] | None = None,
    refusal: tuple[str, str] | None = None,
    status: int = 200,
) -> Response:
    with desk.service.store.begin(desk.caller) as connection:
        policy = policy_body(connection, policy_id, desk.service.today, desk.language)
    return desk.page(
        "policy.html.j2",
        here=path_of("policies", str(policy_id)),
        status=status,
        policy=policy,
        lines=policy.toml.splitlines(),
        today=desk.service.today,
        filled=filled or {},
        refusal=refusal,
        may_write=desk.may(Scope.POLICY_WRITE),
    )


def _simulation_page(
    desk: Desk,
    policy_id: uuid.UUID,
    simulation_id: uuid.UUID,
    *,
    filled: Mapping[str, str] | None = None,
    refusal: tuple[str, str] | None = None,
    status: int = 200,
) -> Response:
    with desk.service.store.begin(desk.caller) as connection:
        told: dict[str, Any] = json.loads(read_simulation(connection, policy_id, simulation_id))
        policy = policy_body(connection, policy_id, desk.service.today, desk.language)
        person = person_of(connection, desk.caller)
    return desk.page(
        "simulation.html.j2",
        here=path_of("policies", str(policy_id), "simulations", str(simulation_id)),
        status=status,
        told=told,
        policy=policy,
        person=person,
        filled=filled or {},
        refusal=refusal,
        may_activate=desk.may(Scope.POLICY_ACTIVATE),
    )
