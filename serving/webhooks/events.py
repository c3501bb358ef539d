"""What can a tenant be told of?"""

from enum import StrEnum


class Event(StrEnum):
    """One kind of message."""

    SCORE_SUPERSEDED = "score.superseded"
    """A score that the tenant was given was computed again after a correction; the new one stands beside it."""
    BATCH_FINISHED = "batch.finished"
    """A batch that the tenant handed in has ended: its results are there, or it could not be finished."""
    WEBHOOK_TEST = "webhook.test"
    """A test that the tenant asked for; it goes to its endpoint whatever events that one wants."""
