"""By which policy does a bank decide? Its own, from the day it put it in force; else the packaged one."""

from datetime import date
from functools import cache, lru_cache
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Select, select

from credit.financing_policy import FINANCING_POLICIES, FinancingPolicy, FinancingPolicyHistory
from credit.referral import last_day
from serving.database.tables import bank_policies, policy_activations
from serving.packaged_policy import packaged_policy


class PolicyInForce(NamedTuple):
    """A bank's dated numbers with the packaged ones among them, its id, and the SHA-256 of all it says."""

    policy: FinancingPolicyHistory
    id: str
    version: str


def policy_in_force(connection: Connection, tenant_id: UUID, as_of: date) -> PolicyInForce:
    """Return the policy the bank decides by on a day: of those begun by then the one that began last, of two of one day the later put."""
    wanted = _begun(as_of).with_only_columns(bank_policies.c.version, bank_policies.c.canonical)
    row = connection.execute(wanted.where(policy_activations.c.tenant_id == tenant_id)).one_or_none()
    if row is not None:
        policy = kept_policy(bytes(row.canonical).decode("ascii"))
        return PolicyInForce(policy, policy.id, row.version)
    packaged = packaged_financing_policy()
    return PolicyInForce(packaged, packaged.id, packaged.version)


def number_in_force(connection: Connection, as_of: date) -> int | None:
    """Return the number of the policy that the transaction's tenant decides by, None where that is the packaged one."""
    found: int | None = connection.execute(_begun(as_of).with_only_columns(bank_policies.c.number)).scalar_one_or_none()
    return found


def last_day_of(policy: FinancingPolicy, made_on: date, as_of: date) -> date:
    """Return the last day on which a decision may be taken up; by the packaged number where a policy is kept from before there was one."""
    says = "financing.offer_days" in policy.numbers
    return last_day(made_on, policy if says else packaged_financing_policy().on(as_of))


_ACTIVATED = policy_activations.join(bank_policies, bank_policies.c.id == policy_activations.c.policy_id)
_LAST_FIRST = (policy_activations.c.begins_on.desc(), policy_activations.c.number.desc())


def _begun(as_of: date) -> Select[tuple[int]]:
    """Ask for the activation that holds on a day."""
    last = select(policy_activations.c.number).select_from(_ACTIVATED).where(policy_activations.c.begins_on <= as_of)
    return last.order_by(*_LAST_FIRST).limit(1)


@lru_cache(maxsize=64)
def kept_policy(canonical: str) -> FinancingPolicyHistory:
    """Return the policy a kept text stands for."""
    return FinancingPolicyHistory.from_canonical(canonical)


@cache
def packaged_financing_policy() -> FinancingPolicyHistory:
    """Return the policy that comes with the package, read once."""
    return FinancingPolicyHistory.packaged({name: packaged_policy(name) for name in FINANCING_POLICIES})
