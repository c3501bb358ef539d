"""What is still to be told, to whom? Messages are written in the transaction they tell of, and read again by their tenant."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection, Row, func, insert, select, update

from serving.database.tables import webhook_attempts, webhook_endpoints, webhook_messages
from serving.http.refusals import MessageUnknown
from serving.webhooks.events import Event
from serving.webhooks.sending import Attempt, Outcome


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands; ``number`` is its place in the order."""

    number: int
    message_id: UUID
    endpoint_id: UUID
    event: Event
    at: datetime
    state: str
    attempts: int
    next_at: datetime | None


def tell(connection: Connection, tenant_id: UUID, event: Event, data: Mapping[str, str | None]) -> int:
    """Write a message to every endpoint of the transaction's tenant that wants the event, and return to how many.

    ``data`` are ids, dates and codes; what stands behind them the receiver asks for with its own key.
    """
    columns = webhook_endpoints.c
    wanting = select(columns.id).where(columns.tenant_id == tenant_id, columns.removed_at.is_(None), columns.events.contains([event.value]))
    endpoints = connection.execute(wanting).scalars().all()
    for endpoint_id in endpoints:
        tell_endpoint(connection, tenant_id, endpoint_id, event, data)
    return len(endpoints)


def tell_endpoint(
    connection: Connection,
    tenant_id: UUID,
    endpoint_id: UUID,
    event: Event,
    data: Mapping[str, str | None],
    message_id: UUID | None = None,
) -> UUID:
    """Write a message to one endpoint and return its id; one that was written under the id stays as it is."""
    made = message_id or uuid.uuid4()
    if connection.execute(select(webhook_messages.c.id).where(webhook_messages.c.id == made)).one_or_none() is None:
        told = {"type": event.value, "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"), "data": dict(data)}
        body = json.dumps(told, ensure_ascii=False, allow_nan=False).encode()
        values = {"id": made, "tenant_id": tenant_id, "endpoint_id": endpoint_id, "event": event.value, "body": body}
        connection.execute(insert(webhook_messages).values(**values))
    return made


def replay(connection: Connection, endpoint_id: UUID, message_id: UUID) -> Message:
    """Send a message again, from now on for as long as the first time; one that waits already stays as it is.

    Raises
    ------
    MessageUnknown
        The endpoint has no such message.
    """
    found = read_message(connection, endpoint_id, message_id)
    if found.state != "waiting":
        now = func.now()
        again = update(webhook_messages).where(webhook_messages.c.id == message_id).values(state="waiting", began_at=now, next_at=now)
        connection.execute(again)
    return read_message(connection, endpoint_id, message_id)


def read_message(connection: Connection, endpoint_id: UUID, message_id: UUID) -> Message:
    """Return a message of the endpoint; raises `MessageUnknown` where there is none."""
    own = (webhook_messages.c.id == message_id) & (webhook_messages.c.endpoint_id == endpoint_id)
    row = connection.execute(select(webhook_messages).where(own)).one_or_none()
    if row is None:
        raise MessageUnknown
    return _message(row)


def list_messages(connection: Connection, endpoint_id: UUID, after: int, limit: int) -> list[Message]:
    """Return the endpoint's messages in their order, from the one after ``after`` on."""
    own = (webhook_messages.c.endpoint_id == endpoint_id) & (webhook_messages.c.number > after)
    rows = connection.execute(select(webhook_messages).where(own).order_by(webhook_messages.c.number).limit(limit))
    return [_message(row) for row in rows]


def list_attempts(connection: Connection, message_id: UUID) -> list[tuple[datetime, Attempt]]:
    """Return when a message was sent and what came of it, the oldest attempt first."""
    columns = webhook_attempts.c
    rows = connection.execute(select(webhook_attempts).where(columns.message_id == message_id).order_by(columns.number))
    return [(row.at, Attempt(Outcome(row.outcome), row.status, row.milliseconds)) for row in rows]


def _message(row: Row[tuple[object, ...]]) -> Message:
    """Read a message."""
    told = row._mapping
    next_at = told["next_at"] if told["state"] == "waiting" else None
    return Message(
        told["number"], told["id"], told["endpoint_id"], Event(told["event"]), told["at"], told["state"], told["attempts"], next_at
    )
