"""What would the policy have decided? The bank's past applications, decided again under the policy in force and under the one handed in."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from fastapi.exceptions import RequestValidationError
from sqlalchemy import Connection, func, insert, select

from credit.financing_policy import FinancingPolicy
from credit.simulation import Book, Change, PastApplication, Simulation, simulate
from serving.access.caller import Caller
from serving.bank_policies.bodies import BookPart, ChangePart, SimulationBody, SimulationRequest
from serving.bank_policies.reading import find_policy
from serving.bank_policies.upload import body_bytes, occasion
from serving.database.tables import decisions, policy_simulations
from serving.decisions.inputs import DecisionInputs
from serving.decisions.persons import person_of
from serving.decisions.policy_in_force import policy_in_force
from serving.http.languages import Language
from serving.store import StoredAnswer, add_to_chain, next_of_chain, sealed

MOST_APPLICATIONS: Final = 1000
"""So many of the latest applications are decided again."""


def make_simulation(
    caller: Caller,
    connection: Connection,
    policy_id: UUID,
    wanted: SimulationRequest,
    *,
    today: date,
    request_id: str,
    language: Language,
) -> StoredAnswer:
    """Simulate a policy, keep what came of it with its audit row, and return the answer.

    Raises
    ------
    PolicyUnknown
        The bank handed in no policy of that id.
    RequestValidationError
        The day lies in the past.
    """
    begins_on = wanted.begins_on or today
    policy = find_policy(connection, policy_id)
    if begins_on < today:
        raise RequestValidationError([{"type": "in_the_past", "loc": ("body", "begins_on")}])
    in_force = policy_in_force(connection, caller.tenant_id, begins_on)
    past, left_out = _past_applications(connection, wanted.since)
    before, after = in_force.policy.on(begins_on), policy.history.on(begins_on)
    now, person = datetime.now(UTC), person_of(connection, caller)
    named = {"id": uuid4(), "policy_id": policy_id, "begins_on": begins_on, "made_at": now, "made_by": person}
    body = simulation_body(past, before, after, left_out=left_out, **named)
    raw = body_bytes(body)
    told = {"kind": "policy_simulation", "simulation_id": str(body.id), "policy_id": str(policy_id), "version": after.version}
    told |= {"before_version": before.version, "begins_on": begins_on.isoformat(), "person": person, "at": now.isoformat()}
    row = next_of_chain(connection, caller.tenant_id, told | occasion(caller, request_id, raw))
    kept = sealed(raw, row)
    values = named | {"tenant_id": caller.tenant_id, "api_key_id": caller.key_id, "before_version": before.version, "body": kept}
    connection.execute(insert(policy_simulations).values(**values))
    add_to_chain(connection, caller.tenant_id, row)
    return StoredAnswer(f"/v1/policies/{policy_id}/simulations/{body.id}", 201, language.value, kept)


def simulation_body(
    past: Sequence[PastApplication], before: FinancingPolicy, after: FinancingPolicy, *, left_out: int, **named: Any
) -> SimulationBody:
    """Decide the applications under both policies and tell what differs."""
    found: Simulation = simulate(past, before=before, after=after)
    return SimulationBody(
        **named,
        applications=len(past),
        left_out=left_out,
        before=_book(found.before),
        after=_book(found.after),
        changes=[_change(change) for change in found.changes],
        terms_changed=found.terms_changed,
    )


def _past_applications(connection: Connection, since: date | None) -> tuple[list[PastApplication], int]:
    """Return the latest applications with what was known then, and how many older ones there are."""
    wanted = decisions.c.as_of >= (since or date.min)
    count: int = connection.execute(select(func.count()).select_from(decisions).where(wanted)).scalar_one()
    latest = select(decisions.c.inputs).where(wanted).order_by(decisions.c.sequence.desc()).limit(MOST_APPLICATIONS)
    told = [DecisionInputs.from_canonical(bytes(raw)) for raw in connection.execute(latest).scalars()]
    return [PastApplication(one.application, one.supplier, one.turnover) for one in told], count - len(told)


def _book(book: Book) -> BookPart:
    return BookPart(**{name: getattr(book, name) for name in BookPart.model_fields})


def _change(change: Change) -> ChangePart:
    return ChangePart(
        decision_id=UUID(change.application_id),
        supplier_id=change.supplier_id,
        before=change.before,
        after=change.after,
        limit_before=change.limit_before,
        limit_after=change.limit_after,
        rules_gone=list(change.rules_gone),
        rules_new=list(change.rules_new),
    )
