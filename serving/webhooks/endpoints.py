"""Where does a tenant want to be told? Endpoints are made, listed and removed; their secrets come in generations, the last two valid."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, Row, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_unless

from serving.access.caller import Caller
from serving.database.tables import webhook_endpoints, webhook_secrets
from serving.http.refusals import IdempotencyKeyReused, WebhooksTooMany, WebhookUnknown
from serving.webhooks.events import Event

AT_MOST: Final = 10
OVERLAP: Final = timedelta(hours=24)
"""So long the secret before the newest one is valid too."""
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 2))")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as it stands; ``number`` is its place in the order they were made."""

    number: int
    endpoint_id: UUID
    url: str
    events: tuple[Event, ...]
    created_at: datetime
    removed_at: datetime | None


def create_endpoint(connection: Connection, caller: Caller, url: str, events: Sequence[Event], key: str) -> tuple[Endpoint, int]:
    """Make an endpoint, and return it with the generation of its secret; the same ``key`` again brings the one that was made.

    Raises
    ------
    IdempotencyKeyReused
        The key made an endpoint of another address, or for other events.
    WebhooksTooMany
        The tenant has `AT_MOST` already.
    """
    made = uuid.uuid5(caller.tenant_id, f"webhook {key}")
    wanted = sorted({event.value for event in events})
    _lock(connection, str(caller.tenant_id))
    there = connection.execute(select(webhook_endpoints).where(webhook_endpoints.c.id == made)).one_or_none()
    if there is not None:
        if (there.url, there.events) != (url, wanted):
            raise IdempotencyKeyReused
        return _endpoint(there), _generation(connection, made)
    live = select(func.count()).select_from(webhook_endpoints).where(webhook_endpoints.c.removed_at.is_(None))
    if connection.execute(live).scalar_one() >= AT_MOST:
        raise WebhooksTooMany(limit=AT_MOST)
    connection.execute(insert(webhook_endpoints).values(id=made, tenant_id=caller.tenant_id, url=url, events=wanted))
    return read_endpoint(connection, made), rotate_secret(connection, caller, made, "")


def rotate_secret(connection: Connection, caller: Caller, endpoint_id: UUID, key: str) -> int:
    """Begin a new generation of the endpoint's secret, and return its number; the same ``key`` again brings the one it began.

    Raises
    ------
    WebhookUnknown
        There is no such endpoint, or it is removed.
    """
    _lock(connection, str(endpoint_id))
    live_endpoint(connection, endpoint_id)
    digest = hashlib.sha256(key.encode()).digest()
    begun = {"endpoint_id": endpoint_id, "tenant_id": caller.tenant_id, "key_digest": digest}
    newest = _generation(connection, endpoint_id)
    connection.execute(insert_unless(webhook_secrets).values(generation=newest + 1, **begun).on_conflict_do_nothing())
    own = (webhook_secrets.c.endpoint_id == endpoint_id) & (webhook_secrets.c.key_digest == digest)
    return int(connection.execute(select(webhook_secrets.c.generation).where(own)).scalar_one())


def remove_endpoint(connection: Connection, endpoint_id: UUID) -> Endpoint:
    """Remove an endpoint: nothing more is sent to it; removing it again changes nothing. Raises `WebhookUnknown` where there is none."""
    found = read_endpoint(connection, endpoint_id)
    if found.removed_at is None:
        connection.execute(update(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id).values(removed_at=func.now()))
    return read_endpoint(connection, endpoint_id)


def read_endpoint(connection: Connection, endpoint_id: UUID) -> Endpoint:
    """Return an endpoint of the transaction's tenant; raises `WebhookUnknown` where there is none."""
    row = connection.execute(select(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id)).one_or_none()
    if row is None:
        raise WebhookUnknown
    return _endpoint(row)


def live_endpoint(connection: Connection, endpoint_id: UUID) -> Endpoint:
    """Return an endpoint that is not removed; raises `WebhookUnknown` where there is none."""
    found = read_endpoint(connection, endpoint_id)
    if found.removed_at is not None:
        raise WebhookUnknown
    return found


def list_endpoints(connection: Connection, after: int, limit: int) -> list[Endpoint]:
    """Return the tenant's endpoints in the order they were made, from the one after ``after`` on."""
    columns = webhook_endpoints.c
    rows = connection.execute(select(webhook_endpoints).where(columns.number > after).order_by(columns.number).limit(limit))
    return [_endpoint(row) for row in rows]


def _lock(connection: Connection, name: str) -> None:
    """Let nobody else change the same thing until the transaction ends."""
    connection.execute(_LOCK, {"name": name})


def _generation(connection: Connection, endpoint_id: UUID) -> int:
    """Return the newest generation of the endpoint's secret, 0 where there is none yet."""
    newest = select(func.coalesce(func.max(webhook_secrets.c.generation), 0)).where(webhook_secrets.c.endpoint_id == endpoint_id)
    return int(connection.execute(newest).scalar_one())


def _endpoint(row: Row[tuple[object, ...]]) -> Endpoint:
    """Read an endpoint."""
    told = row._mapping
    events = tuple(Event(event) for event in told["events"])
    return Endpoint(told["number"], told["id"], told["url"], events, told["created_at"], told["removed_at"])
