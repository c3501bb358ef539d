"""A bank's policies read again: one, all of them, a simulation as it was answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Connection, Row, select

from credit.financing_policy import FinancingPolicyHistory
from serving.bank_policies.bodies import ActivationBody, PolicyBody, PolicySummary
from serving.bank_policies.upload import number_parts
from serving.database.tables import bank_policies, policy_activations, policy_simulations
from serving.decisions.policy_in_force import kept_policy, number_in_force
from serving.http.languages import Language
from serving.http.refusals import PolicyUnknown, SimulationUnknown

_SUMMARY = (bank_policies.c.id, bank_policies.c.number, bank_policies.c.bank, bank_policies.c.version)
_BY = (bank_policies.c.uploaded_at, bank_policies.c.uploaded_by)


@dataclass(frozen=True, slots=True)
class HandedIn:
    """A policy as it was handed in; ``number`` is its place in the order."""

    policy_id: UUID
    number: int
    bank: str
    version: str
    uploaded_at: datetime
    uploaded_by: str
    toml: str
    history: FinancingPolicyHistory


def find_policy(connection: Connection, policy_id: UUID) -> HandedIn:
    """Return a policy of the transaction's tenant; raises `PolicyUnknown` where there is none."""
    row = connection.execute(select(bank_policies).where(bank_policies.c.id == policy_id)).one_or_none()
    if row is None:
        raise PolicyUnknown
    history = kept_policy(bytes(row.canonical).decode("ascii"))
    return HandedIn(row.id, row.number, row.bank, row.version, row.uploaded_at, row.uploaded_by, row.toml, history)


def policy_body(connection: Connection, policy_id: UUID, today: date, language: Language) -> PolicyBody:
    """Return a policy with all that became of it; raises as `find_policy` does."""
    found = find_policy(connection, policy_id)
    ids = select(policy_simulations.c.id).where(policy_simulations.c.policy_id == policy_id).order_by(policy_simulations.c.made_at)
    made = select(policy_activations).where(policy_activations.c.policy_id == policy_id).order_by(policy_activations.c.number)
    return PolicyBody(
        id=policy_id,
        bank=found.bank,
        version=found.version,
        uploaded_at=found.uploaded_at,
        uploaded_by=found.uploaded_by,
        is_in_force=number_in_force(connection, today) == found.number,
        toml=found.toml,
        numbers=number_parts(found.history, language),
        simulations=list(connection.execute(ids).scalars()),
        activations=[_activation(row, found.version) for row in connection.execute(made)],
    )


def list_policies(connection: Connection, after: int, limit: int, today: date) -> Sequence[tuple[int, PolicySummary]]:
    """Return the policies of the transaction's tenant with their numbers, in order, from the one after ``after`` on."""
    in_force = number_in_force(connection, today)
    wanted = select(*_SUMMARY, *_BY).where(bank_policies.c.number > after).order_by(bank_policies.c.number).limit(limit)
    return [
        (
            row.number,
            PolicySummary(
                id=row.id,
                bank=row.bank,
                version=row.version,
                uploaded_at=row.uploaded_at,
                uploaded_by=row.uploaded_by,
                is_in_force=row.number == in_force,
            ),
        )
        for row in connection.execute(wanted)
    ]


def read_simulation(connection: Connection, policy_id: UUID, simulation_id: UUID) -> bytes:
    """Return a simulation as it was answered; raises `SimulationUnknown` where the policy has none of that id."""
    table = policy_simulations.c
    found = connection.execute(select(table.body).where(table.id == simulation_id, table.policy_id == policy_id)).scalar_one_or_none()
    if found is None:
        raise SimulationUnknown
    return bytes(found)


def _activation(row: Row[tuple[object, ...]], version: str) -> ActivationBody:
    told = row._mapping
    return ActivationBody(
        policy_id=told["policy_id"],
        version=version,
        simulation_id=told["simulation_id"],
        begins_on=told["begins_on"],
        at=told["at"],
        by=told["person"],
        reason=told["reason"],
    )
