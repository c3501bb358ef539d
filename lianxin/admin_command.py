"""Commands of an administrator: tenants, keys and consents; each works whether the service runs or not."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from lianxin.arguments import Json
from lianxin.console import progress, show
from lianxin.service_commands import Data

Name = Annotated[str, typer.Argument(metavar="NAME", help="The tenant's name or id.")]


def tenants_create(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="bank, supplier or operator.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name; for a supplier, the platform's id of it.")],
    tier: Annotated[str, typer.Option("--tier", help="How far a bank's data go: open, platform, consent or restricted.")] = "consent",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a bank, a supplier's login or an operator. Its keys are made apart.

    Example: `lianxin admin tenants create bank "Bank A" --tier consent`
    """
    from features.columns import Tier
    from serving.access.caller import TenantKind
    from serving.access.tenants import create_bank, create_operator, create_supplier
    from serving.database.opening import open_as_owner

    if kind not in list(TenantKind):
        raise typer.BadParameter(f"a tenant is a bank, a supplier or an operator, found {kind!r}")
    if tier not in list(Tier):
        raise typer.BadParameter(f"a tier is one of {', '.join(Tier)}, found {tier!r}")
    with progress("admin") as tell, open_as_owner(data, tell) as store:
        if kind == TenantKind.BANK:
            made = create_bank(store, name, Tier(tier))
        else:
            made = (create_supplier if kind == TenantKind.SUPPLIER else create_operator)(store, name)
    show({"tenant_id": str(made), "kind": kind, "name": name}, as_json=as_json, lines=[str(made)])


def tenants_list(data: Data = None, as_json: Json = False) -> None:
    """List all tenants, open and closed.

    Example: `lianxin admin tenants list`
    """
    from serving.access.tenants import list_tenants
    from serving.database.opening import open_as_owner

    with progress("admin") as tell, open_as_owner(data, tell, only_look=True) as store:
        found = list_tenants(store)
    shown = [
        {
            "tenant_id": str(tenant.tenant_id),
            "kind": tenant.kind.value,
            "tier": tenant.tier.value if tenant.tier else None,
            "name": tenant.name,
            "supplier_id": tenant.supplier_id,
            "closed": _day(tenant.closed_at),
        }
        for tenant in found
    ]
    lines = [f"{row['tenant_id']}  {row['kind']:8}  {row['tier'] or '-':10}  {row['closed'] or 'open':10}  {row['name']}" for row in shown]
    show({"tenants": shown}, as_json=as_json, lines=lines or ["no tenants yet"])


def tenants_close(name: Name, data: Data = None, as_json: Json = False) -> None:
    """Close a tenant at once: its keys, tokens and sessions are dead; what it was given stays for the audit.

    Example: `lianxin admin tenants close "Bank A"`
    """
    from serving.access.tenants import close_tenant
    from serving.database.opening import open_as_owner

    with progress("admin") as tell, open_as_owner(data, tell, only_look=True) as store:
        close_tenant(store, name)
    show({"name": name, "closed": True}, as_json=as_json, lines=[f"{name} is closed"])


def keys_create(
    tenant: Annotated[str, typer.Option("--tenant", help="Name or id of the tenant the key belongs to.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who will use the key.")],
    scopes: Annotated[str | None, typer.Option("--scopes", help="Scopes with commas between [default: all its tenant may have].")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a key of a tenant. It is shown once and stored as a hash.

    Example: `lianxin admin keys create "reader" --tenant "Bank A" --scopes score:read,report:read`
    """
    from serving.access.caller import Scope
    from serving.access.keys import create_api_key
    from serving.access.tenants import find_tenant
    from serving.database.opening import open_as_owner

    wanted = None if scopes is None else [part.strip() for part in scopes.split(",") if part.strip()]
    unknown = set(wanted or ()) - set(Scope)
    if unknown:
        raise typer.BadParameter(f"a scope is one of {', '.join(Scope)}, found {', '.join(sorted(unknown))}")
    with progress("admin") as tell, open_as_owner(data, tell, only_look=True) as store:
        owner = find_tenant(store, tenant)
        key = create_api_key(store, owner.tenant_id, name, None if wanted is None else [Scope(scope) for scope in wanted])
    show({"name": name, "tenant": owner.name, "key": key}, as_json=as_json, lines=[key])


def keys_rotate(
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="The twelve digits after lx_, as `lianxin keys list` shows them.")],
    overlap_hours: Annotated[float, typer.Option("--overlap-hours", min=0, max=24 * 90, help="How long the old key works on.")] = 24.0,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a key that takes another's place; both work until the overlap ends.

    Example: `lianxin admin keys rotate 3f9a0c51d2e7 --overlap-hours 24`
    """
    from serving.database.opening import rotate_key

    with progress("admin") as tell:
        key = rotate_key(prefix, timedelta(hours=overlap_hours), data=data, tell=tell)
    show({"replaces": prefix, "overlap_hours": overlap_hours, "key": key}, as_json=as_json, lines=[key])


def consents_record(
    suppliers: Annotated[list[str], typer.Argument(metavar="SUPPLIER...", help="The platform's ids of the suppliers that consented.")],
    bank: Annotated[str, typer.Option("--bank", help="Name or id of the bank.")],
    purpose: Annotated[str, typer.Option("--purpose")] = "credit_application",
    days: Annotated[int, typer.Option("--days", min=1, max=3 * 366, help="How long the consent lives.")] = 365,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Record consents that were given on paper, as far as the bank's tier; those recorded before stay as they are.

    Example: `lianxin admin consents record S000001 S000002 --bank "Bank A"`
    """
    from serving.access.tenants import record_consents
    from serving.database.opening import open_as_owner
    from serving.schemas import Purpose

    if purpose not in list(Purpose):
        raise typer.BadParameter(f"a purpose is one of {', '.join(Purpose)}, found {purpose!r}")
    with progress("admin") as tell, open_as_owner(data, tell, only_look=True) as store:
        count = record_consents(store, bank, suppliers, [Purpose(purpose)], datetime.now(UTC) + timedelta(days=days))
    told = f"{count} consents recorded, {len(suppliers) - count} were there already"
    show(
        {"bank": bank, "recorded": count},
        as_json=as_json,
        lines=[told],
    )


def consents_list(data: Data = None, as_json: Json = False) -> None:
    """List all consents as they stand.

    Example: `lianxin admin consents list`
    """
    from serving.access.consents import list_consents
    from serving.database.opening import open_as_owner

    with progress("admin") as tell, open_as_owner(data, tell, only_look=True) as store, store.engine.connect() as connection:
        found = list_consents(connection, 0, 2**31 - 1)
    shown = [
        {
            "consent_id": str(each.consent_id),
            "bank_id": str(each.bank_id),
            "supplier_id": each.supplier_id,
            "purpose": each.purpose.value,
            "tier": each.tier.value,
            "expires": _day(each.expires_at),
            "withdrawn": _day(each.withdrawn_at),
        }
        for each in found
    ]
    lines = [
        f"{row['consent_id']}  {row['supplier_id']}  {row['purpose']}  {row['tier']}  until {row['expires']}"
        + (f"  withdrawn {row['withdrawn']}" if row["withdrawn"] else "")
        for row in shown
    ]
    show({"consents": shown}, as_json=as_json, lines=lines or ["no consents yet"])


def consents_withdraw(
    consent_id: Annotated[str, typer.Argument(metavar="CONSENT", help="The consent's id, as `lianxin admin consents list` shows it.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Withdraw a consent at once, as a supplier asked on paper.

    Example: `lianxin admin consents withdraw 6f1d2f6e-58a2-4c8e-9a0b-2f4f0c6f8a11`
    """
    from uuid import UUID

    from serving.access.consents import withdraw
    from serving.database.opening import open_as_owner
    from serving.http.refusals import ConsentUnknown

    try:
        wanted = UUID(consent_id)
        with progress("admin") as tell, open_as_owner(data, tell, only_look=True) as store, store.engine.begin() as connection:
            withdraw(connection, wanted)
    except (ValueError, ConsentUnknown):
        raise ConsentUnknown(f"No consent has the id {consent_id!r}. `lianxin admin consents list` shows them all.") from None
    show({"consent_id": consent_id, "withdrawn": True}, as_json=as_json, lines=[f"consent {consent_id} is withdrawn"])


def _day(moment: datetime | None) -> str | None:
    """Return the day of an instant."""
    return None if moment is None else moment.date().isoformat()
