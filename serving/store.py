"""What does the service keep? Every score it gave, as the very bytes it sent, and the answer per Idempotency-Key.

A score, its audit row, the look-up and the idempotency record are one transaction: all are on disk or none. The same key again brings the
first answer byte for byte; the database's own lock tells a request that is still being worked on. Every transaction names the tenant it
works for, and the database shows it that tenant's rows only.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from select import POLLIN, poll
from typing import Any, Self
from uuid import UUID

import numpy as np
import psycopg
from sqlalchemy import URL, Connection, Engine, Row, bindparam, create_engine, event, insert, select, text
from sqlalchemy.exc import InvalidatePoolError

from serving.access.caller import Caller
from serving.audit.chain import AuditRow, Scalar, next_row
from serving.database.tables import audit, idempotency, lookups, scores
from serving.disputes.standing import standing_of
from serving.http.refusals import IdempotencyKeyReused, RequestInFlight, ScoreUnknown

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
    """One JSON object; kept with the block ``audit`` added as its last field."""
    consent_id: UUID | None = None
    facts: Mapping[str, Scalar] = field(default_factory=dict)
    """What the audit row says besides."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer as it was first given, and the path of what it made; ``was_replayed`` when it was not made now."""

    location: str
    status: int
    language: str
    body: bytes
    was_replayed: bool = False
    score_id: UUID | None = None


class Store:
    """The database behind the service, through the role of the address it was opened with."""

    def __init__(self, engine: Engine) -> None:
        """Use an engine that is already made; ``at_once`` runs each statement as a transaction of its own, in one round trip."""
        self.engine = engine
        self.at_once = engine.execution_options(isolation_level="AUTOCOMMIT")

    @classmethod
    def open(cls, url: URL) -> Self:
        """Open the store; connections are made when they are needed, and one the server has closed is not used again."""
        engine = create_engine(
            url,
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_timeout=POOL_SECONDS,
            hide_parameters=True,
            connect_args={"connect_timeout": 5},
        )
        event.listen(engine, "checkout", partial(_refuse_closed, engine))
        return cls(engine)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def ping(self) -> None:
        """Ask the database for an answer; raises SQLAlchemy's error where there is none, or the tables are missing."""
        with self.engine.connect() as connection:
            connection.execute(select(scores.c.id).limit(1))

    @contextmanager
    def begin(self, caller: Caller) -> Iterator[Connection]:
        """Open a transaction that sees and writes the rows of the caller's tenant alone."""
        with self.engine.begin() as connection:
            enter(connection, caller.tenant_id, caller.supplier_id)
            yield connection

    def read_score(self, caller: Caller, score_id: UUID) -> StoredAnswer:
        """Return the answer that gave the score, and write down that it was looked at.

        Raises
        ------
        ScoreUnknown
            There is no score of that id, or it is another tenant's: the two are not told apart.
        """
        with self.begin(caller) as connection:
            record = find_record(connection, score_id)
            note_score(connection, caller.tenant_id, "read", record)
            body = standing_of(connection, record.supplier_id, score_id).shown_in(record.body)
        return StoredAnswer(f"/v1/scores/{score_id}", 200, record.language, body, was_replayed=True, score_id=score_id)

    def read_record(self, caller: Caller, score_id: UUID) -> ScoreRecord:
        """Return everything kept of a score, feature values bit for bit as they were scored; raises as `read_score` does."""
        with self.begin(caller) as connection:
            return find_record(connection, score_id)

    def answer_once(self, caller: Caller, key: str, request: bytes, make: Callable[[Connection], ScoreRecord]) -> StoredAnswer:
        """Return the first answer to ``key``, making and keeping the score if there is none; raises as `keep_once` does."""

        def keep(connection: Connection) -> StoredAnswer:
            record = make(connection)
            body, _ = keep_score(connection, caller, record)
            return StoredAnswer(f"/v1/scores/{record.score_id}", 201, record.language, body, score_id=record.score_id)

        def look_again(connection: Connection, first: StoredAnswer) -> None:
            row = connection.execute(select(scores).where(scores.c.id == first.score_id)).one()
            note_score(connection, caller.tenant_id, "read", record_of_row(row))

        return self.keep_once(caller, key, request, keep, look_again)

    def keep_once(
        self,
        caller: Caller,
        key: str,
        request: bytes,
        keep: Callable[[Connection], StoredAnswer],
        look_again: Callable[[Connection, StoredAnswer], None] = lambda connection, first: None,
    ) -> StoredAnswer:
        """Return the first answer to ``key``, making and keeping it if there is none.

        Parameters
        ----------
        caller
            Who asks; each tenant has Idempotency-Keys of its own.
        key
            The Idempotency-Key.
        request
            The request in one canonical form; another one under the same key is refused.
        keep
            Makes what is asked for and keeps it, within the transaction. What it raises leaves nothing behind, so that the key can be
            used again.
        look_again
            Is told of an answer that is given again, within the transaction.

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
            if not _enter_locked(connection, caller, digest):
                raise RequestInFlight
            kept = _kept_answer(connection, caller.tenant_id, digest)
            if kept is not None:
                if kept.request_digest != asked:
                    raise IdempotencyKeyReused
                first = StoredAnswer(kept.location, kept.status, kept.language, kept.body, was_replayed=True, score_id=kept.score_id)
                look_again(connection, first)
                return first
            answer = keep(connection)
            kept_as = {"tenant_id": caller.tenant_id, "key_digest": digest, "api_key_id": caller.key_id, "request_digest": asked}
            sent = {"score_id": answer.score_id, "location": answer.location, "status": answer.status}
            connection.execute(_ADD_ANSWER, kept_as | sent | {"language": answer.language, "body": answer.body})
        return answer


def _refuse_closed(engine: Engine, connection: Any, *_: object) -> None:
    """Let the pool make its connections anew where the server closed this one: then, and else hardly ever, its idle socket can be read.

    Asking the server before each use instead costs a round trip, of which a request would make three.
    """
    socket = poll()
    try:
        socket.register(connection.fileno(), POLLIN)
        if socket.poll(0):
            engine.dialect.do_ping(connection)
    except psycopg.Error as error:
        raise InvalidatePoolError from error


_ENTER = text("SELECT set_config('lianxin.tenant', :tenant, true), set_config('lianxin.supplier', :supplier, true)")
_ADD_SCORE, _ADD_ANSWER, _ADD_LOOKUP, _ADD_TO_CHAIN = insert(scores), insert(idempotency), insert(lookups), insert(audit)
_LOCK_HEAD = text("SELECT sequence, hash FROM lock_head(:tenant)")
_ENTER_LOCKED = text(f"{_ENTER.text}, pg_try_advisory_xact_lock(:number) AS is_locked")
_KEPT = select(idempotency).where(idempotency.c.tenant_id == bindparam("tenant"), idempotency.c.key_digest == bindparam("digest"))
_AUDIT = b',"audit":'
"""Begins the last field of a kept body; what comes before it are the very bytes whose hash stands in the audit row."""
_RECORD_COLUMNS = (
    "supplier_id", "as_of", "purpose", "request_id", "bundle_sha256", "language", "feature_values", "body", "consent_id",
)  # fmt: skip


def find_record(connection: Connection, score_id: UUID) -> ScoreRecord:
    """Return a score among those the transaction's tenant may see, or refuse with `ScoreUnknown`."""
    row = connection.execute(select(scores).where(scores.c.id == score_id)).one_or_none()
    if row is None:
        raise ScoreUnknown
    return record_of_row(row)


def record_of_row(row: Row[Any]) -> ScoreRecord:
    """Return a row of the scores as it was kept."""
    fields = {name: row._mapping[name] for name in _RECORD_COLUMNS}
    return ScoreRecord(score_id=row.id, **fields | {"feature_values": tuple(row.feature_values)})


def feature_snapshot(values: tuple[float, ...]) -> str:
    """Return the SHA-256 over feature values as little-endian float64, in their order."""
    return hashlib.sha256(np.array(values, dtype="<f8").tobytes()).hexdigest()


def without_audit(body: bytes) -> bytes:
    """Return a kept body as it was before the block ``audit`` was added to it."""
    return body[: body.rindex(_AUDIT)] + b"}"


def _enter_locked(connection: Connection, caller: Caller, digest: bytes) -> bool:
    """Enter as `enter` does and take the lock of this key until the transaction ends; False when another request holds it."""
    number = int.from_bytes(hashlib.sha256(caller.tenant_id.bytes + digest).digest()[:8], "big", signed=True)
    asked = {"tenant": str(caller.tenant_id), "supplier": caller.supplier_id or "", "number": number}
    return bool(connection.execute(_ENTER_LOCKED, asked).one().is_locked)


def _kept_answer(connection: Connection, tenant_id: UUID, digest: bytes) -> Row[Any] | None:
    """Return the answer kept under the key."""
    return connection.execute(_KEPT, {"tenant": tenant_id, "digest": digest}).one_or_none()


def enter(connection: Connection, tenant_id: UUID, supplier_id: str | None = None) -> None:
    """From here on to its end, or until another is entered, the transaction works for the tenant."""
    connection.execute(_ENTER, {"tenant": str(tenant_id), "supplier": supplier_id or ""})


def keep_score(connection: Connection, caller: Caller, record: ScoreRecord, *, is_look: bool = True) -> tuple[bytes, AuditRow]:
    """Write the score, its audit row and, where the tenant asked for it, the look-up; return the body with its place in the chain."""
    snapshot = feature_snapshot(record.feature_values)
    row = next_of_chain(connection, caller.tenant_id, _told(caller, record, snapshot))
    body = sealed(record.body, row, feature_snapshot_sha256=snapshot)
    values = {name: getattr(record, name) for name in _RECORD_COLUMNS} | {"feature_values": list(record.feature_values), "body": body}
    kept = {"id": record.score_id, "tenant_id": caller.tenant_id, "api_key_id": caller.key_id, **values}
    connection.execute(_ADD_SCORE, kept)
    add_to_chain(connection, caller.tenant_id, row, score_id=record.score_id)
    if is_look:
        note_score(connection, caller.tenant_id, "score", record)
    return body, row


def sealed(body: bytes, row: AuditRow, **more: str) -> bytes:
    """Return a body, one JSON object, with its place in the chain as its last field."""
    place = {"sequence": row.sequence, **more, "chain_hash": row.hash.hex()}
    return body[:-1] + _AUDIT + json.dumps(place, separators=(",", ":")).encode() + b"}"


def next_of_chain(connection: Connection, tenant_id: UUID, told: Mapping[str, Scalar]) -> AuditRow:
    """Return the row that follows the head of the tenant's chain; nobody else adds one until the transaction ends."""
    head = connection.execute(_LOCK_HEAD, {"tenant": tenant_id}).one_or_none()
    return next_row(tenant_id, None if head is None else (head.sequence, bytes(head.hash)), told)


def add_to_chain(connection: Connection, tenant_id: UUID, row: AuditRow, **about: UUID | int) -> None:
    """Write the row `next_of_chain` returned, once what it is about is written."""
    place = {"sequence": row.sequence, "record": row.record, "previous_hash": row.previous_hash, "hash": row.hash}
    connection.execute(_ADD_TO_CHAIN, {"tenant_id": tenant_id, **about, **place})


def _told(caller: Caller, record: ScoreRecord, snapshot: str) -> dict[str, Scalar]:
    """Return what the audit row of a score says."""
    return {
        "kind": "score",
        "score_id": str(record.score_id),
        "supplier_id": record.supplier_id,
        "as_of": record.as_of.isoformat(),
        "purpose": record.purpose,
        "consent_id": str(record.consent_id) if record.consent_id else None,
        "key": caller.prefix,
        "request_id": record.request_id,
        "bundle_sha256": record.bundle_sha256,
        "language": record.language,
        "feature_snapshot_sha256": snapshot,
        "answer_sha256": hashlib.sha256(record.body).hexdigest(),
        **record.facts,
    }


def note_lookup(
    connection: Connection,
    tenant_id: UUID,
    operation: str,
    *,
    supplier_id: str,
    purpose: str,
    consent_id: UUID | None,
    score_id: UUID | None = None,
) -> None:
    """Write down that the tenant looked at a supplier; the supplier sees it."""
    values = {"supplier_id": supplier_id, "purpose": purpose, "consent_id": consent_id, "score_id": score_id}
    connection.execute(_ADD_LOOKUP, {"tenant_id": tenant_id, "operation": operation, **values})


def note_score(connection: Connection, tenant_id: UUID, operation: str, record: ScoreRecord) -> None:
    """Write down a look at a score, kept or new, or at a decision that rests on it."""
    note_lookup(
        connection,
        tenant_id,
        operation,
        supplier_id=record.supplier_id,
        purpose=record.purpose,
        consent_id=record.consent_id,
        score_id=record.score_id,
    )
