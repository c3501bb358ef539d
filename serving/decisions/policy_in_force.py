"""By which policy does a bank decide? The packaged one."""

from datetime import date
from functools import cache
from importlib.resources import files
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from credit.financing_policy import FINANCING_POLICIES, FinancingPolicyHistory
from credit.policy import PolicyHistory


class PolicyInForce(NamedTuple):
    """A bank's dated numbers with the packaged ones among them, its id, and the SHA-256 of all it says."""

    policy: FinancingPolicyHistory
    id: str
    version: str


def policy_in_force(connection: Connection, tenant_id: UUID, as_of: date) -> PolicyInForce:
    """Return the policy the bank decides by on a day."""
    policy = packaged_financing_policy()
    return PolicyInForce(policy, policy.id, policy.version)


@cache
def packaged_financing_policy() -> FinancingPolicyHistory:
    """Return the policy that comes with the package, read once."""
    folder = files("credit.policies")
    return FinancingPolicyHistory.packaged(
        {name: PolicyHistory.parse((folder / f"{name}.toml").read_text(encoding="utf-8")) for name in FINANCING_POLICIES}
    )
