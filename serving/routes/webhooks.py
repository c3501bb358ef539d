"""Webhooks: where a bank wants to be told, what was sent there, and sending it again."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Security
from sqlalchemy import Connection

from serving.access.caller import Caller, Scope
from serving.http.answers import idempotency_key, path_id
from serving.http.body import json_body
from serving.http.refusals import MessageUnknown, WebhookUnknown
from serving.routes.consents import After, Limit
from serving.service import InService, Service, caller_of
from serving.webhooks.bodies import (
    AttemptBody,
    MessageBody,
    MessageLog,
    MessagePage,
    WebhookBody,
    WebhookPage,
    WebhookRequest,
    WebhookSecret,
)
from serving.webhooks.endpoints import (
    Endpoint,
    create_endpoint,
    list_endpoints,
    live_endpoint,
    read_endpoint,
    remove_endpoint,
    rotate_secret,
)
from serving.webhooks.events import Event
from serving.webhooks.outbox import Message, list_attempts, list_messages, read_message, replay, tell_endpoint
from serving.webhooks.signing import derive_secret, shown_secret

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
Reader = Annotated[Caller, Security(caller_of, scopes=[Scope.WEBHOOK_READ])]
Writer = Annotated[Caller, Security(caller_of, scopes=[Scope.WEBHOOK_WRITE])]
Key = Annotated[str, Depends(idempotency_key)]


@router.post("", status_code=201, response_model=WebhookSecret, response_description="The endpoint and its secret", summary="Add a webhook")
def create_one(
    service: InService, caller: Writer, key: Key, wanted: Annotated[WebhookRequest, Depends(json_body(WebhookRequest))]
) -> WebhookSecret:
    """Have messages sent to an address, signed as Standard Webhooks has it (webhook-id, webhook-timestamp, webhook-signature v1).

    Deliveries come at least once, in no promised order, from public addresses to public addresses only; redirects are not followed. The
    same request again with the same Idempotency-Key brings the same endpoint. A tenant has at most ten.
    """
    service.settings.webhook_guard.target(wanted.url)
    with service.store.begin(caller) as connection:
        made, generation = create_endpoint(connection, caller, wanted.url, wanted.events, key)
    return _with_secret(service, made, generation)


@router.get("", response_model=WebhookPage, response_description="The endpoints", summary="List webhooks")
def list_all(service: InService, caller: Reader, after: After = 0, limit: Limit = 50) -> WebhookPage:
    """Return the caller's endpoints, removed ones among them, without their secrets."""
    with service.store.begin(caller) as connection:
        found = list_endpoints(connection, after, limit)
    return WebhookPage(
        items=[WebhookBody.model_validate(_told(one)) for one in found], next=found[-1].number if len(found) == limit else None
    )


@router.get("/{webhook_id}", response_model=WebhookBody, response_description="The endpoint", summary="Read a webhook")
def read_one(service: InService, caller: Reader, webhook_id: str) -> WebhookBody:
    """Return an endpoint as it stands."""
    with service.store.begin(caller) as connection:
        return WebhookBody.model_validate(_told(read_endpoint(connection, path_id(webhook_id, WebhookUnknown))))


@router.post(
    "/{webhook_id}/secret",
    status_code=201,
    response_model=WebhookSecret,
    response_description="The endpoint and its new secret",
    summary="Rotate a webhook's secret",
)
def rotate_one(service: InService, caller: Writer, key: Key, webhook_id: str) -> WebhookSecret:
    """Begin a new secret; for 24 hours every message carries a signature under the old one too."""
    with service.store.begin(caller) as connection:
        generation = rotate_secret(connection, caller, path_id(webhook_id, WebhookUnknown), key)
        found = read_endpoint(connection, path_id(webhook_id, WebhookUnknown))
    return _with_secret(service, found, generation)


@router.delete("/{webhook_id}", response_model=WebhookBody, response_description="The endpoint", summary="Remove a webhook")
def remove_one(service: InService, caller: Writer, webhook_id: str) -> WebhookBody:
    """Send nothing more to an endpoint; what was sent stays in its log. Removing it again changes nothing."""
    with service.store.begin(caller) as connection:
        return WebhookBody.model_validate(_told(remove_endpoint(connection, path_id(webhook_id, WebhookUnknown))))


@router.post(
    "/{webhook_id}/test", status_code=201, response_model=MessageBody, response_description="The message", summary="Send a test message"
)
def test_one(service: InService, caller: Writer, key: Key, webhook_id: str) -> MessageBody:
    """Send a message of the event `webhook.test`, whatever events the endpoint wants."""
    with service.store.begin(caller) as connection:
        found = live_endpoint(connection, path_id(webhook_id, WebhookUnknown))
        made = uuid.uuid5(found.endpoint_id, f"test {key}")
        tell_endpoint(
            connection, caller.tenant_id, found.endpoint_id, Event.WEBHOOK_TEST, {"webhook_id": str(found.endpoint_id)}, message_id=made
        )
        return MessageBody.model_validate(_sent(read_message(connection, found.endpoint_id, made)))


@router.get("/{webhook_id}/messages", response_model=MessagePage, response_description="The messages", summary="List messages")
def list_sent(service: InService, caller: Reader, webhook_id: str, after: After = 0, limit: Limit = 50) -> MessagePage:
    """Return what was sent to an endpoint, or waits to be, in its order."""
    with service.store.begin(caller) as connection:
        endpoint = read_endpoint(connection, path_id(webhook_id, WebhookUnknown))
        found = list_messages(connection, endpoint.endpoint_id, after, limit)
    return MessagePage(
        items=[MessageBody.model_validate(_sent(one)) for one in found], next=found[-1].number if len(found) == limit else None
    )


@router.get(
    "/{webhook_id}/messages/{message_id}", response_model=MessageLog, response_description="The message", summary="Read a message's log"
)
def read_sent(service: InService, caller: Reader, webhook_id: str, message_id: str) -> MessageLog:
    """Return a message with every attempt to deliver it."""
    with service.store.begin(caller) as connection:
        endpoint = read_endpoint(connection, path_id(webhook_id, WebhookUnknown))
        return _log(connection, read_message(connection, endpoint.endpoint_id, path_id(message_id, MessageUnknown)))


@router.post(
    "/{webhook_id}/messages/{message_id}/replay",
    response_model=MessageLog,
    response_description="The message",
    summary="Send a message again",
)
def replay_sent(service: InService, caller: Writer, webhook_id: str, message_id: str) -> MessageLog:
    """Send a message again, with the same `webhook-id`; one that waits already is not sent twice for it."""
    with service.store.begin(caller) as connection:
        endpoint = live_endpoint(connection, path_id(webhook_id, WebhookUnknown))
        return _log(connection, replay(connection, endpoint.endpoint_id, path_id(message_id, MessageUnknown)))


def _told(found: Endpoint) -> dict[str, object]:
    """Return an endpoint's fields as they are sent."""
    return {
        "id": found.endpoint_id,
        "url": found.url,
        "events": list(found.events),
        "created_at": found.created_at,
        "removed_at": found.removed_at,
    }


def _with_secret(service: Service, found: Endpoint, generation: int) -> WebhookSecret:
    """Return an endpoint with its secret."""
    secret = shown_secret(derive_secret(service.keys.webhook_root, found.endpoint_id, generation))
    return WebhookSecret.model_validate(_told(found) | {"secret": secret, "generation": generation})


def _sent(message: Message) -> dict[str, object]:
    """Return a message's fields as they are sent."""
    return {
        "id": message.message_id,
        "webhook_id": message.endpoint_id,
        "event": message.event,
        "at": message.at,
        "state": message.state,
        "attempts": message.attempts,
        "next_at": message.next_at,
    }


def _log(connection: Connection, message: Message) -> MessageLog:
    """Return a message with its attempts."""
    log = [
        AttemptBody(at=at, outcome=attempt.outcome, status=attempt.status, milliseconds=attempt.milliseconds)
        for at, attempt in list_attempts(connection, message.message_id)
    ]
    return MessageLog.model_validate(_sent(message) | {"log": log})
