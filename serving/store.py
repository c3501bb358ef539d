"""What does the service keep? Every score it gave, as the very bytes it sent, and the answer per Idempotency-Key.

A score and its idempotency record are one transaction: either both are on disk or neither. The same key again brings the first answer
byte for byte; the database's own lock tells a request that is still being worked on.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Self
from uuid import UUID

from sqlalchemy import URL, Connection, Engine, Row, bindparam, create_engine, insert, select, text

from serving.refusals import IdempotencyKeyReused, RequestInFlight, ScoreUnknown
from serving.store_tables import idempotency, scores

POOL_SIZE = 8
POOL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ScoreRecord:
    """A score as it is kept: what was asked, by which model, the feature values in the bundle's order, and the body sent."""

    score_id: UUID
    supplier_id: str
    as_of: date
    purpose: str
    request_id: str
    bundle_sha256: str
    language: str
    feature_values: tuple[float, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer as it was first given; ``was_replayed`` when it was not made now."""

    score_id: UUID
    status: int
    language: str
    body: bytes
    was_replayed: bool


class Store:
    """The database behind the service, through the role of the address it was opened with."""

    def __init__(self, engine: Engine) -> None:
        """Use an engine that is already made."""
        self.engine = engine

    @classmethod
    def open(cls, url: URL) -> Self:
        """Open the store; connections are made when they are needed and checked before each use."""
        return cls(
            create_engine(
                url,
                pool_size=POOL_SIZE,
                max_overflow=0,
                pool_timeout=POOL_SECONDS,
                pool_pre_ping=True,
                hide_parameters=True,
                connect_args={"connect_timeout": 5},
            )
        )

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def ping(self) -> None:
        """Ask the database for an answer; raises SQLAlchemy's error where there is none, or the tables are missing."""
        with self.engine.connect() as connection:
            connection.execute(select(scores.c.id).limit(1))

    def read_score(self, score_id: UUID) -> StoredAnswer:
        """Return the answer that gave the score.

        Raises
        ------
        ScoreUnknown
            There is no score of that id.
        """
        with self.engine.connect() as connection:
            row = connection.execute(select(scores.c.language, scores.c.body).where(scores.c.id == score_id)).one_or_none()
        if row is None:
            raise ScoreUnknown
        return StoredAnswer(score_id, 200, row.language, row.body, was_replayed=True)

    def read_record(self, score_id: UUID) -> ScoreRecord:
        """Return everything kept of a score, feature values bit for bit as they were scored.

        Raises
        ------
        ScoreUnknown
            There is no score of that id.
        """
        with self.engine.connect() as connection:
            row = connection.execute(select(scores).where(scores.c.id == score_id)).one_or_none()
        if row is None:
            raise ScoreUnknown
        fields = {name: row._mapping[name] for name in _RECORD_COLUMNS}
        return ScoreRecord(score_id=score_id, **fields | {"feature_values": tuple(row.feature_values)})

    def answer_once(self, key_id: int, key: str, request: bytes, make: Callable[[], ScoreRecord]) -> StoredAnswer:
        """Return the first answer to ``key``, making and keeping it if there is none.

        Parameters
        ----------
        key_id
            The caller's API key; each caller has Idempotency-Keys of its own.
        key
            The Idempotency-Key.
        request
            The request in one canonical form; another one under the same key is refused.
        make
            Makes the score. What it raises leaves nothing behind, so that the key can be used again.

        Raises
        ------
        IdempotencyKeyReused
            The key was used with another request.
        RequestInFlight
            The first request of this key has not ended yet.
        """
        digest = hashlib.sha256(key.encode()).digest()
        asked = hashlib.sha256(request).digest()
        with self.engine.begin() as connection:
            if not _lock(connection, key_id, digest):
                raise RequestInFlight
            kept = _kept_answer(connection, key_id, digest)
            if kept is not None:
                if kept.request_digest != asked:
                    raise IdempotencyKeyReused
                return StoredAnswer(kept.score_id, kept.status, kept.language, kept.body, was_replayed=True)
            record = make()
            answer = StoredAnswer(record.score_id, 201, record.language, record.body, was_replayed=False)
            _keep(connection, key_id, record)
            connection.execute(
                insert(idempotency).values(
                    api_key_id=key_id,
                    key_digest=digest,
                    request_digest=asked,
                    score_id=answer.score_id,
                    status=answer.status,
                    language=answer.language,
                    body=answer.body,
                )
            )
        return answer


_RECORD_COLUMNS = ("supplier_id", "as_of", "purpose", "request_id", "bundle_sha256", "language", "feature_values", "body")
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:number)").bindparams(bindparam("number", type_=idempotency.c.api_key_id.type))


def _lock(connection: Connection, key_id: int, digest: bytes) -> bool:
    """Take the lock of this key until the transaction ends; False when another request holds it."""
    number = hashlib.sha256(key_id.to_bytes(8, "big") + digest).digest()[:8]
    return bool(connection.execute(_TRY_LOCK, {"number": int.from_bytes(number, "big", signed=True)}).scalar_one())


def _kept_answer(connection: Connection, key_id: int, digest: bytes) -> Row[Any] | None:
    """Return the answer kept under the key."""
    wanted = (idempotency.c.api_key_id == key_id) & (idempotency.c.key_digest == digest)
    return connection.execute(select(idempotency).where(wanted)).one_or_none()


def _keep(connection: Connection, key_id: int, record: ScoreRecord) -> None:
    """Write the score."""
    values = {name: getattr(record, name) for name in _RECORD_COLUMNS}
    values["feature_values"] = list(record.feature_values)
    connection.execute(insert(scores).values(id=record.score_id, api_key_id=key_id, **values))
