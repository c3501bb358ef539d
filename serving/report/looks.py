"""Who looked at a supplier, when and for what? Told to the supplier of everybody, to a bank of itself alone."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from serving.access.caller import Caller, TenantKind
from serving.access.consents import newest_lookups, open_banks


@dataclass(frozen=True, slots=True)
class Look:
    """One look: ``who`` is a bank's name, None where the bank is closed; ``is_own`` the supplier's; ``at`` in the data's zone."""

    at: datetime
    who: str | None
    is_own: bool
    purpose: str
    operation: str


@dataclass(frozen=True, slots=True)
class Looks:
    """A page of looks, newest first, and how many there are in all.

    ``is_whole`` where the reader sees those of every bank; ``before`` is what the next page is asked by, None on the last.
    """

    newest: tuple[Look, ...]
    total: int
    is_whole: bool
    before: int | None


def read_looks(connection: Connection, caller: Caller, supplier_id: str, zone: str, limit: int, before: int | None = None) -> Looks:
    """Return so many of the newest looks the caller may see, from those before the one of that number on."""
    found, total = newest_lookups(connection, supplier_id, limit + 1, before)
    names: dict[UUID, str] = dict(open_banks(connection))
    is_supplier = caller.kind is TenantKind.SUPPLIER
    newest = tuple(
        Look(
            look.at.astimezone(ZoneInfo(zone)),
            names.get(look.bank_id),
            is_supplier and look.bank_id == caller.tenant_id,
            look.purpose,
            look.operation,
        )
        for look in found[:limit]
    )
    return Looks(newest, total, is_supplier, found[limit - 1].number if len(found) > limit else None)
