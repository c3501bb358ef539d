"""May this bank look at this supplier for this purpose? Consents are events, only ever added: granted, withdrawn.

A consent goes to one bank for one purpose, up to a tier of data, until a day. The supplier gives and withdraws it; the owner of the
tables may record one that was given on paper.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from sqlalchemy import Connection, Row, func, select, text
from sqlalchemy.dialects.postgresql import insert as insert_unless

from features.columns import Tier
from serving.access.caller import Caller, TenantKind
from serving.database.tables import consent_events, lookups
from serving.http.refusals import BankUnknown, ConsentMissing, ConsentUnknown, IdempotencyKeyReused
from serving.schemas import Purpose, StatedBasis

LONGEST = timedelta(days=3 * 366)
"""So long a consent, or a basis a bank states, may hold."""

_LIVE = text("""
    SELECT consent_id, tier FROM consent_events AS granted
    WHERE tenant_id = :tenant AND supplier_id = :supplier AND purpose = :purpose AND event = 'granted' AND expires_at > now()
      AND NOT EXISTS (SELECT FROM consent_events AS ended WHERE ended.consent_id = granted.consent_id AND ended.event = 'withdrawn')
    ORDER BY id DESC LIMIT 1
""")
_BANKS = text("SELECT id, name FROM open_banks() ORDER BY name")


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent as it stands; ``withdrawn_at`` is None until it is withdrawn, ``number`` its place in the order they were given."""

    number: int
    consent_id: UUID
    bank_id: UUID
    supplier_id: str
    purpose: Purpose
    tier: Tier
    granted_at: datetime
    expires_at: datetime
    withdrawn_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        """Tell whether a bank may still look by it."""
        return self.withdrawn_at is None and self.expires_at > now


@dataclass(frozen=True, slots=True)
class Lookup:
    """Who looked at a supplier, when and for what; ``number`` is its place in the order."""

    number: int
    at: datetime
    bank_id: UUID
    supplier_id: str
    purpose: str
    operation: str
    consent_id: UUID | None
    score_id: UUID | None


@dataclass(frozen=True, slots=True)
class Permit:
    """By which consent a caller may look at a supplier, and how far its data go; a supplier needs none for its own."""

    consent_id: UUID | None
    tier: Tier


def permit(connection: Connection, caller: Caller, supplier_id: str, purpose: Purpose) -> Permit:
    """Return by what leave the caller may look.

    Raises
    ------
    ConsentMissing
        There is no live consent. Whether there is such a supplier at all makes no difference.
    """
    if caller.kind is TenantKind.SUPPLIER:
        if caller.supplier_id == supplier_id and purpose is Purpose.OWN_INFORMATION:
            return Permit(None, Tier.RESTRICTED)
        raise ConsentMissing
    asked = {"tenant": caller.tenant_id, "supplier": supplier_id, "purpose": purpose.value}
    row = connection.execute(_LIVE, asked).one_or_none()
    if row is None:
        raise ConsentMissing
    given = Tier(row.tier)
    return Permit(row.consent_id, given if caller.tier.allows(given) else caller.tier)


def permit_stated(basis: StatedBasis, today: date) -> Permit:
    """Return the leave a bank states for data it hands over itself: nothing of them is withheld from it.

    The platform cannot check the statement; it stands in the score, in its audit row, and with the bank's key.

    Raises
    ------
    RequestValidationError
        The basis does not hold today, or longer than `LONGEST`.
    """
    if basis.given_on > today:
        raise RequestValidationError([{"type": "in_the_future", "loc": ("body", "basis", "given_on")}])
    if not today < basis.expires_on <= today + LONGEST:
        raise RequestValidationError([{"type": "expires", "loc": ("body", "basis", "expires_on")}])
    return Permit(None, Tier.RESTRICTED)


def grant(
    connection: Connection,
    supplier_id: str,
    bank_id: UUID,
    purpose: Purpose,
    expires_at: datetime,
    *,
    tier: Tier = Tier.CONSENT,
    consent_id: UUID | None = None,
    recorded_by: UUID | None = None,
) -> Consent:
    """Give a consent; the same ``consent_id`` again brings the one that was given.

    Raises
    ------
    BankUnknown
        No open bank has the id.
    IdempotencyKeyReused
        A consent of that id was given for something else.
    """
    if bank_id not in dict(open_banks(connection)):
        raise BankUnknown
    values = {"supplier_id": supplier_id, "tenant_id": bank_id, "purpose": purpose.value, "tier": tier.value, "expires_at": expires_at}
    wanted = consent_id or uuid.uuid4()
    event = insert_unless(consent_events).values(consent_id=wanted, event="granted", recorded_by=recorded_by, **values)
    connection.execute(event.on_conflict_do_nothing())
    given = read_consent(connection, wanted)
    found = {"supplier_id": given.supplier_id, "tenant_id": given.bank_id, "purpose": given.purpose, "tier": given.tier}
    if found | {"expires_at": given.expires_at} != values:
        raise IdempotencyKeyReused
    return given


def withdraw(connection: Connection, consent_id: UUID, *, recorded_by: UUID | None = None) -> Consent:
    """Withdraw a consent from now on; one that is withdrawn stays as it is. Raises `ConsentUnknown` where there is none."""
    given = read_consent(connection, consent_id)
    kept = {"tenant_id": given.bank_id, "supplier_id": given.supplier_id, "purpose": given.purpose.value, "tier": given.tier.value}
    event = insert_unless(consent_events).values(
        consent_id=consent_id, event="withdrawn", expires_at=given.expires_at, recorded_by=recorded_by, **kept
    )
    connection.execute(event.on_conflict_do_nothing())
    return read_consent(connection, consent_id)


def read_consent(connection: Connection, consent_id: UUID) -> Consent:
    """Return a consent the transaction's tenant may see; raises `ConsentUnknown` where there is none."""
    events = consent_events.c
    rows = connection.execute(select(consent_events).where(events.consent_id == consent_id).order_by(events.id)).all()
    if not rows:
        raise ConsentUnknown
    return _as_it_stands(rows)


def list_consents(connection: Connection, after: int, limit: int) -> list[Consent]:
    """Return the consents the transaction's tenant may see, in the order they were given, from the one after ``after`` on."""
    events = consent_events.c
    page = select(events.consent_id).where(events.event == "granted", events.id > after).order_by(events.id).limit(limit)
    rows = connection.execute(select(consent_events).where(events.consent_id.in_(page)).order_by(events.id)).all()
    return _as_they_stand(rows)


def all_consents(connection: Connection) -> list[Consent]:
    """Return every consent the transaction's tenant may see, in the order they were given."""
    rows = connection.execute(select(consent_events).order_by(consent_events.c.id)).all()
    return _as_they_stand(rows)


def looks_by_consent(connection: Connection) -> dict[UUID, tuple[int, datetime]]:
    """Return how often, and when last, somebody looked by each consent the transaction's tenant may see."""
    by = lookups.c.consent_id
    rows = connection.execute(select(by, func.count(), func.max(lookups.c.at)).where(by.is_not(None)).group_by(by)).all()
    return {consent_id: (count, last) for consent_id, count, last in rows}


def list_lookups(connection: Connection, after: int, limit: int) -> list[Lookup]:
    """Return the look-ups the transaction's tenant may see, in order, from the one after ``after`` on."""
    rows = connection.execute(select(lookups).where(lookups.c.id > after).order_by(lookups.c.id).limit(limit)).all()
    return [Lookup(*row) for row in rows]


def newest_lookups(connection: Connection, supplier_id: str, limit: int, before: int | None = None) -> tuple[list[Lookup], int]:
    """Return the newest look-ups of a supplier that the transaction's tenant may see, newest first, and how many there are.

    With ``before`` those that came before the one of that number.
    """
    of_supplier = lookups.c.supplier_id == supplier_id
    wanted = select(lookups).where(of_supplier)
    if before is not None:
        wanted = wanted.where(lookups.c.id < before)
    rows = connection.execute(wanted.order_by(lookups.c.id.desc()).limit(limit)).all()
    total = connection.execute(select(func.count()).select_from(lookups).where(of_supplier)).scalar_one()
    return [Lookup(*row) for row in rows], int(total)


def open_banks(connection: Connection) -> list[tuple[UUID, str]]:
    """Return id and name of every open bank, by name."""
    return [(row.id, row.name) for row in connection.execute(_BANKS)]


def _as_they_stand(rows: Sequence[Row[tuple[object, ...]]]) -> list[Consent]:
    """Read consents from their events, all of a consent's among them."""
    by_consent: dict[UUID, list[Row[tuple[object, ...]]]] = {}
    for row in rows:
        by_consent.setdefault(row.consent_id, []).append(row)
    return [_as_it_stands(told) for told in by_consent.values()]


def _as_it_stands(rows: Sequence[Row[tuple[object, ...]]]) -> Consent:
    """Read a consent from its events, the grant first."""
    first, last = rows[0]._mapping, rows[-1]._mapping
    return Consent(
        first["id"],
        first["consent_id"],
        first["tenant_id"],
        first["supplier_id"],
        Purpose(first["purpose"]),
        Tier(first["tier"]),
        first["at"],
        first["expires_at"],
        last["at"] if last["event"] == "withdrawn" else None,
    )
