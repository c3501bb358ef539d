"""Banks, suppliers' logins and operators: made, listed and closed by the owner of the tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4, uuid5

from sqlalchemy import func, insert, select, update

from features.columns import Tier
from serving.access.caller import TenantKind
from serving.access.keys import refuse_name
from serving.database.tables import consent_events, tenants
from serving.http.refusals import TenantRefused
from serving.schemas import Purpose
from serving.store import Store


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """A tenant as it may be listed; ``closed_at`` is None while it is open."""

    tenant_id: UUID
    kind: TenantKind
    name: str
    supplier_id: str | None
    tier: Tier | None
    created_at: datetime
    closed_at: datetime | None


def create_bank(store: Store, name: str, tier: Tier = Tier.CONSENT) -> UUID:
    """Make a bank whose callers see data up to ``tier``; raises `TenantRefused` where the name is taken."""
    return _create(store, name, kind=TenantKind.BANK, tier=tier)


def create_supplier(store: Store, supplier_id: str, name: str | None = None) -> UUID:
    """Make the login of a supplier, named as the supplier where no other name is given; a supplier has one."""
    return _create(store, name or f"supplier {supplier_id}", kind=TenantKind.SUPPLIER, supplier_id=supplier_id)


def create_operator(store: Store, name: str) -> UUID:
    """Make an operator: health and metrics, no data of suppliers or banks."""
    return _create(store, name, kind=TenantKind.OPERATOR)


def list_tenants(store: Store) -> tuple[TenantRecord, ...]:
    """Return all tenants, open and closed, in the order they were made."""
    with store.engine.connect() as connection:
        rows = connection.execute(select(tenants).order_by(tenants.c.created_at, tenants.c.id)).all()
    return tuple(
        TenantRecord(
            row.id, TenantKind(row.kind), row.name, row.supplier_id, Tier(row.tier) if row.tier else None, row.created_at, row.closed_at
        )
        for row in rows
    )


def find_tenant(store: Store, name: str) -> TenantRecord:
    """Return the tenant of the name or id.

    Raises
    ------
    TenantRefused
        There is none.
    """
    for tenant in list_tenants(store):
        if name in (tenant.name, str(tenant.tenant_id)):
            return tenant
    raise TenantRefused(f"No tenant is called {name!r}. `lianxin admin tenants list` shows them all.")


def close_tenant(store: Store, name: str) -> None:
    """Close a tenant at once: its keys, tokens and sessions are dead; what it was given stays for the audit."""
    tenant = find_tenant(store, name)
    with store.engine.begin() as connection:
        connection.execute(update(tenants).where(tenants.c.id == tenant.tenant_id).values(closed_at=func.now()))


def _create(store: Store, name: str, *, kind: TenantKind, supplier_id: str | None = None, tier: Tier | None = None) -> UUID:
    """Write the tenant, unless its name or its supplier has one."""
    refuse_name(name)
    with store.engine.begin() as connection:
        taken = tenants.c.name == name
        if supplier_id is not None:
            taken |= tenants.c.supplier_id == supplier_id
        found = connection.execute(select(tenants.c.name).where(taken)).first()
        if found is not None:
            raise TenantRefused(f"Each tenant has a name, and each supplier one login: {found.name!r} is there already. Make a key for it.")
        made = uuid4()
        values = {"id": made, "kind": kind.value, "name": name, "supplier_id": supplier_id, "tier": tier.value if tier else None}
        connection.execute(insert(tenants).values(**values))
    return made


def record_consents(store: Store, bank: str, suppliers: Sequence[str], purposes: Sequence[Purpose], expires_at: datetime) -> int:
    """Record that each supplier gave the bank its consent for each purpose, where none is recorded yet; return how many were recorded.

    The consents reach as far as the bank's tier. For consents given on paper, or of suppliers that are simulated; the store is open as
    the owner.
    """
    tenant = find_tenant(store, bank)
    if tenant.tier is None:
        raise TenantRefused(f"Consent is given to a bank, and {tenant.name!r} is a {tenant.kind}.")
    events = [
        {
            "consent_id": uuid5(tenant.tenant_id, f"{purpose.value} {supplier_id}"),
            "event": "granted",
            "tenant_id": tenant.tenant_id,
            "supplier_id": supplier_id,
            "purpose": purpose.value,
            "tier": tenant.tier.value,
            "expires_at": expires_at,
        }
        for supplier_id in suppliers
        for purpose in purposes
    ]
    known = select(consent_events.c.consent_id).where(consent_events.c.tenant_id == tenant.tenant_id, consent_events.c.event == "granted")
    with store.engine.begin() as connection:
        there = set(connection.execute(known).scalars())
        new = [event for event in events if event["consent_id"] not in there]
        if new:
            connection.execute(insert(consent_events), new)
    return len(new)
