"""Who may do what? The kinds of tenants, the scopes a key can have, and what a caller is once it is known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from features.columns import Tier


class TenantKind(StrEnum):
    """A bank asks for scores; a supplier sees its own and gives consent; an operator keeps the service running and sees neither."""

    BANK = "bank"
    SUPPLIER = "supplier"
    OPERATOR = "operator"


class Scope(StrEnum):
    """One thing a key may do."""

    DECISION_WRITE = "decision:write"
    DECISION_READ = "decision:read"
    DECISION_REVIEW = "decision:review"
    POLICY_WRITE = "policy:write"
    POLICY_READ = "policy:read"
    POLICY_ACTIVATE = "policy:activate"
    SCORE_WRITE = "score:write"
    SCORE_READ = "score:read"
    HISTORY_WRITE = "history:write"
    REPORT_READ = "report:read"
    MODEL_READ = "model:read"
    CONSENT_READ = "consent:read"
    CONSENT_WRITE = "consent:write"
    LOOKUP_READ = "lookup:read"
    METRICS_READ = "metrics:read"
    WEBHOOK_READ = "webhook:read"
    WEBHOOK_WRITE = "webhook:write"
    DISPUTE_READ = "dispute:read"
    DISPUTE_WRITE = "dispute:write"
    DISPUTE_DECIDE = "dispute:decide"
    BUNDLE_WRITE = "bundle:write"


_SCORES: Final = frozenset({Scope.SCORE_WRITE, Scope.SCORE_READ, Scope.REPORT_READ, Scope.MODEL_READ})
_DECISIONS: Final = frozenset({Scope.DECISION_WRITE, Scope.DECISION_READ, Scope.DECISION_REVIEW})
_POLICIES: Final = frozenset({Scope.POLICY_WRITE, Scope.POLICY_READ, Scope.POLICY_ACTIVATE})
SCOPES_OF: Final[Mapping[TenantKind, frozenset[Scope]]] = MappingProxyType(
    {
        TenantKind.BANK: _SCORES
        | _DECISIONS
        | _POLICIES
        | {Scope.HISTORY_WRITE, Scope.CONSENT_READ, Scope.LOOKUP_READ, Scope.WEBHOOK_READ, Scope.WEBHOOK_WRITE},
        TenantKind.SUPPLIER: _SCORES
        | {Scope.CONSENT_READ, Scope.CONSENT_WRITE, Scope.LOOKUP_READ, Scope.DISPUTE_READ, Scope.DISPUTE_WRITE},
        TenantKind.OPERATOR: frozenset(
            {Scope.MODEL_READ, Scope.METRICS_READ, Scope.BUNDLE_WRITE, Scope.DISPUTE_READ, Scope.DISPUTE_DECIDE}
        ),
    }
)
"""The most that a key of each kind of tenant can have, and what it has where nothing less is asked for."""


def scopes_named(names: Iterable[str]) -> frozenset[Scope]:
    """Return the scopes of these names; a name this version does not know is none.

    Examples
    --------
    >>> sorted(scopes_named(["score:read", "moon:read"]))
    [<Scope.SCORE_READ: 'score:read'>]
    """
    named = frozenset(names)
    return frozenset(scope for scope in Scope if scope.value in named)


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller with a live key: its tenant and what it may do; ``supplier_id`` is a supplier's own, ``tier`` how far a bank's data go."""

    key_id: int
    prefix: str
    tenant_id: UUID
    kind: TenantKind
    supplier_id: str | None
    tier: Tier
    scopes: frozenset[Scope]
