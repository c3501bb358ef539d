"""What goes over the wire about webhooks."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from serving.schemas import PLAIN_TEXT, _Wire
from serving.webhooks.addresses import LONGEST
from serving.webhooks.events import Event
from serving.webhooks.sending import Outcome


class WebhookRequest(_Wire):
    """Have messages sent to an address."""

    url: Annotated[
        str,
        Field(min_length=1, max_length=LONGEST, pattern=PLAIN_TEXT, description="https://host[:port]/path; its addresses must be public."),
    ]
    events: Annotated[list[Event], Field(strict=False, min_length=1, max_length=8, description=f"What to be told of: {', '.join(Event)}.")]


class WebhookBody(_Wire):
    """An endpoint as it stands."""

    id: UUID
    url: str
    events: list[Event]
    created_at: datetime
    removed_at: Annotated[datetime | None, Field(description="Null until it is removed.")]


class WebhookSecret(WebhookBody):
    """An endpoint with the secret its messages are signed with."""

    secret: Annotated[str, Field(description="Shown here only: whsec_ and 32 bytes in base64.")]
    generation: Annotated[int, Field(ge=1, description="1 for the first secret; each rotation adds one.")]


class WebhookPage(_Wire):
    """Endpoints in the order they were made."""

    items: list[WebhookBody]
    next: Annotated[int | None, Field(description="Send it as `after` for the next page; null on the last.")]


class MessageBody(_Wire):
    """A message to an endpoint; `id` is the `webhook-id` of each of its deliveries."""

    id: UUID
    webhook_id: UUID
    event: Event
    at: datetime
    state: Annotated[Literal["waiting", "delivered", "dead"], Field(description="dead: not taken within 24 hours; replay it.")]
    attempts: int
    next_at: Annotated[datetime | None, Field(description="When it is tried next; null where it waits for nothing.")]


class AttemptBody(_Wire):
    """One attempt to deliver a message."""

    at: datetime
    outcome: Outcome
    status: Annotated[int | None, Field(description="HTTP status of the answer; null where there was none.")]
    milliseconds: int


class MessageLog(MessageBody):
    """A message with its attempts, the oldest first."""

    log: list[AttemptBody]


class MessagePage(_Wire):
    """Messages in their order."""

    items: list[MessageBody]
    next: Annotated[int | None, Field(description="Send it as `after` for the next page; null on the last.")]
