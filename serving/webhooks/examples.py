"""Examples of the operations on webhooks, for the API's description; everything in them is made up."""

from datetime import datetime, timedelta
from typing import Any, Final

from serving.webhooks.signing import shown_secret

_WEBHOOK: Final = "c2b7a6d5-4e3f-4a1b-9c8d-7e6f5a4b3c2d"
_MESSAGE: Final = "e9d8c7b6-a5f4-4e3d-8c2b-1a0f9e8d7c6b"
WEBHOOK_PATHS: Final = {
    "webhook_id": (_WEBHOOK, "The `id` of a webhook."),
    "message_id": (_MESSAGE, "The `id` of a message."),
}


def webhook_request_example() -> dict[str, Any]:
    """Return a body for POST /v1/webhooks."""
    return {"url": "https://bank.example/lianxin", "events": ["batch.finished", "score.superseded"]}


def webhook_examples(now: datetime) -> dict[tuple[str, str], Any]:
    """Return an example of the good answer of every operation on webhooks."""
    at, soon = (moment.isoformat().replace("+00:00", "Z") for moment in (now, now + timedelta(seconds=5)))
    webhook = {"id": _WEBHOOK, **webhook_request_example(), "created_at": at, "removed_at": None}
    secret = webhook | {"secret": shown_secret(bytes(32)), "generation": 1}
    waiting = {
        "id": _MESSAGE,
        "webhook_id": _WEBHOOK,
        "event": "score.superseded",
        "at": at,
        "state": "waiting",
        "attempts": 1,
        "next_at": soon,
    }
    failed = {"at": at, "outcome": "status_not_2xx", "status": 503, "milliseconds": 41}
    return {
        ("/v1/webhooks", "get"): {"items": [webhook], "next": None},
        ("/v1/webhooks", "post"): secret,
        ("/v1/webhooks/{webhook_id}", "get"): webhook,
        ("/v1/webhooks/{webhook_id}", "delete"): webhook | {"removed_at": at},
        ("/v1/webhooks/{webhook_id}/secret", "post"): secret | {"generation": 2},
        ("/v1/webhooks/{webhook_id}/test", "post"): waiting | {"event": "webhook.test", "attempts": 0},
        ("/v1/webhooks/{webhook_id}/messages", "get"): {"items": [waiting], "next": None},
        ("/v1/webhooks/{webhook_id}/messages/{message_id}", "get"): waiting | {"log": [failed]},
        ("/v1/webhooks/{webhook_id}/messages/{message_id}/replay", "post"): waiting | {"log": [failed]},
    }
