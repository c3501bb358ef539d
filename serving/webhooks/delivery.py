"""Deliver what is due: taken from the outbox by as many workers as there are, each message by one, at least once, with the same id.

Nothing is promised of the order. A message that is not taken comes again after a wait that doubles, with a random part, so that receivers
that come back are not met by all at once; after 24 hours it is dead and waits for a replay.
"""

import logging
import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Row, text

from serving.store import Store
from serving.webhooks.addresses import Guard
from serving.webhooks.endpoints import OVERLAP
from serving.webhooks.sending import CONNECT_SECONDS, SECONDS, Outcome, send
from serving.webhooks.signing import derive_secret, sign

PATIENCE: Final = timedelta(hours=24)
FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST_WAIT: Final = timedelta(hours=2)
AT_ONCE: Final = 8
LEASE: Final = timedelta(seconds=4 * CONNECT_SECONDS + SECONDS + 60)
"""So long a message that was taken is left to whoever took it: all an attempt may last, and a minute."""
_TAKE = text("SELECT * FROM take_webhooks(:most, :lease)")
_NOTE = text("SELECT note_webhook(:message, :what, CAST(:status AS smallint), :took, :delivered, :again, :patience)")
log = logging.getLogger("lianxin.webhooks")


def wait_after(attempt: int) -> timedelta:
    """Return how long to wait after the attempt of this number (1 is the first): doubling, half of it at random."""
    longest = min(FIRST_WAIT.total_seconds() * 2.0 ** min(attempt - 1, 20), LONGEST_WAIT.total_seconds())
    return timedelta(seconds=longest * (0.5 + random.random() / 2))


def deliver_due(store: Store, root: bytes, guard: Guard) -> int:
    """Deliver what is due of all tenants, up to `AT_ONCE` messages side by side, and return how many were tried.

    Parameters
    ----------
    root
        What the secrets are derived from (`serving.access.signing_keys.SigningKeys.webhook_root`).
    guard
        Which addresses are let through.
    """
    with store.engine.begin() as connection:
        due = connection.execute(_TAKE, {"most": AT_ONCE, "lease": LEASE}).all()
    if due:
        with ThreadPoolExecutor(len(due), "webhook") as pool:
            list(pool.map(lambda row: _deliver(store, row, root, guard), due))
    return len(due)


def _deliver(store: Store, row: Row[tuple[object, ...]], root: bytes, guard: Guard) -> None:
    """Try one message and note what came of it."""
    told = row._mapping
    secrets = [derive_secret(root, told["endpoint_id"], generation) for generation in _valid(told["generation"], told["rotated_at"])]
    message_id, body = UUID(str(told["message_id"])), bytes(told["body"])
    signed = sign(secrets, str(message_id), int(time.time()), body)
    attempt = send(told["url"], {"Content-Type": "application/json", "User-Agent": "lianxin-webhooks/1", **signed}, body, guard)
    noted = {
        "message": message_id,
        "what": attempt.outcome.value,
        "status": attempt.status,
        "took": attempt.milliseconds,
        "delivered": attempt.outcome is Outcome.DELIVERED,
        "again": wait_after(told["attempt"]),
        "patience": PATIENCE,
    }
    with store.engine.begin() as connection:
        state = connection.execute(_NOTE, noted).scalar_one_or_none()
    log.info("webhook", extra={"message_id": str(message_id), "outcome": attempt.outcome.value, "state": state})


def _valid(newest: int, rotated_at: datetime) -> list[int]:
    """Return the generations whose secrets sign: the newest, and for a while the one before."""
    overlaps = newest > 1 and datetime.now(UTC) < rotated_at + OVERLAP
    return [newest, newest - 1] if overlaps else [newest]
