"""From which day does a policy hold? Another person than the one who handed it in says so, after a simulation that still holds true."""

import unicodedata
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select, text

from credit.errors import ReasonMissing, SecondPersonNeeded
from serving.access.caller import Caller
from serving.bank_policies.bodies import ActivationBody, ActivationRequest
from serving.bank_policies.reading import find_policy
from serving.bank_policies.upload import body_bytes, occasion
from serving.database.tables import policy_activations, policy_simulations
from serving.decisions.persons import person_of
from serving.decisions.policy_in_force import policy_in_force
from serving.http.answers import path_id
from serving.http.languages import Language
from serving.http.refusals import SimulationNeeded, SimulationOutdated
from serving.store import StoredAnswer, add_to_chain, next_of_chain, sealed

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:tenant, 4))")


def activate_policy(
    caller: Caller,
    connection: Connection,
    policy_id: UUID,
    wanted: ActivationRequest,
    *,
    today: date,
    request_id: str,
    language: Language,
) -> StoredAnswer:
    """Put a policy in force from the day it was simulated for, keep that with its audit row, and return the answer.

    Raises
    ------
    PolicyUnknown
        The bank handed in no policy of that id.
    SimulationNeeded
        The policy has no simulation of that id.
    SimulationOutdated
        The day it was made for has passed, or another policy than the one it compared with holds by then.
    SecondPersonNeeded
        The person handed the policy in.
    ReasonMissing
        The reason says too little.
    """
    connection.execute(_LOCK, {"tenant": str(caller.tenant_id)})
    policy, person, now = find_policy(connection, policy_id), person_of(connection, caller), datetime.now(UTC)
    begins_on, before_version = _seen(connection, policy_id, wanted.simulation_id)
    in_force = policy_in_force(connection, caller.tenant_id, begins_on)
    if begins_on < today or before_version != in_force.version:
        raise SimulationOutdated
    if person == policy.uploaded_by:
        raise SecondPersonNeeded(
            "a policy is activated by another person than the one who handed it in: ask another, with a key of their own"
        )
    least = in_force.policy.on(begins_on).value("financing.least_reason_signs")
    if sum(1 for sign in wanted.reason if unicodedata.category(sign)[0] in "LN") < least:
        raise ReasonMissing(f"an activation needs a reason of at least {least} letters or digits: say why")
    simulation_id = UUID(wanted.simulation_id)
    named: dict[str, Any] = {
        "policy_id": policy_id,
        "simulation_id": simulation_id,
        "begins_on": begins_on,
        "at": now,
        "reason": wanted.reason,
    }
    raw = body_bytes(ActivationBody(**named, version=policy.version, by=person))
    told = {"kind": "policy_activation", "policy_id": str(policy_id), "version": policy.version, "simulation_id": str(simulation_id)}
    told |= {"begins_on": begins_on.isoformat(), "person": person, "at": now.isoformat(), "before_version": before_version}
    row = next_of_chain(connection, caller.tenant_id, told | occasion(caller, request_id, raw))
    connection.execute(insert(policy_activations).values(**named, tenant_id=caller.tenant_id, person=person, api_key_id=caller.key_id))
    add_to_chain(connection, caller.tenant_id, row)
    return StoredAnswer(f"/v1/policies/{policy_id}", 201, language.value, sealed(raw, row))


def _seen(connection: Connection, policy_id: UUID, simulation: str) -> tuple[date, str]:
    """Return the day a simulation of the policy was made for, and the version it compared with."""
    table = policy_simulations.c
    wanted = select(table.begins_on, table.before_version).where(
        table.policy_id == policy_id, table.id == path_id(simulation, SimulationNeeded)
    )
    found = connection.execute(wanted).one_or_none()
    if found is None:
        raise SimulationNeeded
    return found.begins_on, found.before_version
