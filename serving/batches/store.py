"""What is kept of a batch: what was asked, its rows, what came of each, and its end. All of it is only ever added.

A row's outcome has the row's number as its key, so that no row has two. A worker that takes a batch holds it by a lock of its own
transaction, which ends with the worker, however that ends (docs/decisions/0016).
"""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Connection, Row, insert, select, text
from sqlalchemy.dialects.postgresql import insert as insert_unless

from serving.access.caller import Caller
from serving.audit.chain import Scalar
from serving.batches.rows import BatchRow
from serving.database.tables import batch_ends, batch_outcomes, batch_rows, batches
from serving.http.refusals import BatchUnknown, IdempotencyKeyReused, RequestInFlight, TooManyBatches
from serving.store import add_to_chain, next_of_chain
from serving.webhooks.events import Event
from serving.webhooks.outbox import tell

OPEN_AT_ONCE = 10
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:batch, 2))")
_OPEN = text("SELECT count(*) FROM batches b WHERE NOT EXISTS (SELECT FROM batch_ends e WHERE e.batch_id = b.id)")
_TAKE = text("SELECT * FROM take_batch()")
_PROGRESS = text("SELECT count(*) AS done, count(score_id) AS scored FROM batch_outcomes WHERE batch_id = :batch")
_NEXT = text("""
    SELECT * FROM batch_rows WHERE batch_id = :batch
    AND number > (SELECT coalesce(max(number), 0) FROM batch_outcomes WHERE batch_id = :batch) ORDER BY number LIMIT :at_most
""")
_LISTED = """
    SELECT b.*, e.at AS ended_at, e.code AS failed_code,
        EXISTS (SELECT FROM batch_outcomes o WHERE o.batch_id = b.id) AS is_begun
    FROM batches b LEFT JOIN batch_ends e ON e.batch_id = b.id
"""
_LIST = text(f"{_LISTED} WHERE b.number > :after ORDER BY b.number LIMIT :at_most")
_LATEST = text(f"{_LISTED} ORDER BY b.number DESC LIMIT :at_most")
_RESULTS = text("""
    SELECT o.number, s.body FROM batch_outcomes o JOIN scores s ON s.id = o.score_id
    WHERE o.batch_id = :batch AND o.number > :after ORDER BY o.number LIMIT :at_most
""")
_LOOKED = text("""
    INSERT INTO lookups (tenant_id, supplier_id, purpose, operation, consent_id, score_id)
    SELECT s.tenant_id, s.supplier_id, s.purpose, 'read', s.consent_id, s.id
    FROM batch_outcomes o JOIN scores s ON s.id = o.score_id WHERE o.batch_id = :batch
""")


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it was asked for: ``rows`` is their number, ``bundle_sha256`` names the model that scores all of them."""

    batch_id: UUID
    tenant_id: UUID
    key_prefix: str
    created_at: datetime
    request_id: str
    purpose: str
    language: str
    file_sha256: str
    asked_sha256: str
    bundle_sha256: str
    rows: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is; ``ended_at`` and ``failed_code`` are None while it runs, the code also where all went well."""

    done: int
    scored: int
    ended_at: datetime | None
    failed_code: str | None

    @property
    def state(self) -> str:
        """One of queued, running, finished and failed."""
        return _state(self.ended_at, self.failed_code, is_begun=self.done > 0)


@dataclass(frozen=True, slots=True)
class Listed:
    """A batch in a list and where it stands; ``number`` is its place in the order they were handed in."""

    batch: Batch
    number: int
    state: str
    ended_at: datetime | None
    failed_code: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a row: a score, or the code of the rule it breaks and in which column."""

    number: int
    score_id: UUID | None = None
    column: str | None = None
    code: str | None = None


def batch_id_of(caller: Caller, key: str) -> UUID:
    """Return the id of the batch that the tenant asks for under an Idempotency-Key."""
    return uuid.uuid5(caller.tenant_id, f"batch {key}")


def keep_batch(
    connection: Connection, caller: Caller, key: str, file: bytes, rows: Sequence[BatchRow], latest: date, **asked: str
) -> tuple[Batch, bool]:
    """Keep a batch with its rows and an audit row, and tell whether it is new; the same key and file again bring the first.

    Parameters
    ----------
    latest
        The as-of date of rows that name none.
    asked
        ``request_id``, ``purpose``, ``language`` and ``bundle_sha256``.

    Raises
    ------
    RequestInFlight
        The first request of this key has not ended yet.
    IdempotencyKeyReused
        The key was used with another file or purpose.
    TooManyBatches
        So many of the tenant's batches have not ended.
    """
    batch_id = batch_id_of(caller, key)
    if not connection.execute(_TRY_LOCK, {"batch": str(batch_id)}).scalar_one():
        raise RequestInFlight
    file_sha256 = hashlib.sha256(file).hexdigest()
    asked_sha256 = hashlib.sha256(f"{file_sha256} {asked['purpose']} {asked.pop('as_of', '')}".encode()).hexdigest()
    there = connection.execute(select(batches).where(batches.c.id == batch_id)).one_or_none()
    if there is not None:
        if there.asked_sha256 != asked_sha256:
            raise IdempotencyKeyReused
        return _batch(there), False
    if connection.execute(_OPEN).scalar_one() >= OPEN_AT_ONCE:
        raise TooManyBatches(limit=OPEN_AT_ONCE)
    values = {"tenant_id": caller.tenant_id, "key_prefix": caller.prefix, "file_sha256": file_sha256, "asked_sha256": asked_sha256}
    kept = connection.execute(insert(batches).values(id=batch_id, rows=len(rows), **values, **asked).returning(batches)).one()
    known = {"tenant_id": caller.tenant_id, "batch_id": batch_id}
    lines = [
        {"number": row.number, "supplier_id": row.supplier_id, "as_of": row.as_of or latest, "field": row.column, "code": row.code}
        for row in rows
    ]
    connection.execute(insert(batch_rows), [known | line for line in lines])
    told: dict[str, Scalar] = {"kind": "batch", "batch_id": str(batch_id), "rows": len(rows), "key": caller.prefix}
    told |= {"file_sha256": file_sha256}
    add_to_chain(connection, caller.tenant_id, next_of_chain(connection, caller.tenant_id, told | asked))
    return _batch(kept), True


def read_batch(connection: Connection, batch_id: UUID) -> tuple[Batch, Progress]:
    """Return a batch of the transaction's tenant and how far it is; raises `BatchUnknown` where there is none."""
    row = connection.execute(select(batches).where(batches.c.id == batch_id)).one_or_none()
    if row is None:
        raise BatchUnknown
    end = connection.execute(select(batch_ends).where(batch_ends.c.batch_id == batch_id)).one_or_none()
    counted = connection.execute(_PROGRESS, {"batch": batch_id}).one()
    progress = Progress(counted.done, counted.scored, end.at if end else None, end.code if end else None)
    return _batch(row), progress


def list_batches(connection: Connection, after: int, limit: int) -> list[Listed]:
    """Return the tenant's batches in the order they were handed in, from the one after ``after`` on."""
    return [_listed(row) for row in connection.execute(_LIST, {"after": after, "at_most": limit})]


def latest_batches(connection: Connection, at_most: int) -> list[Listed]:
    """Return the tenant's batches, the newest first."""
    return [_listed(row) for row in connection.execute(_LATEST, {"at_most": at_most})]


def results(connection: Connection, batch_id: UUID, after: int, at_most: int) -> list[tuple[int, bytes]]:
    """Return numbers and bodies of scored rows, in order, from the one after ``after`` on."""
    asked = {"batch": batch_id, "after": after, "at_most": at_most}
    return [(row.number, bytes(row.body)) for row in connection.execute(_RESULTS, asked)]


def note_results_read(connection: Connection, batch_id: UUID) -> None:
    """Write down a look at each score of the batch."""
    connection.execute(_LOOKED, {"batch": batch_id})


def refused_rows(connection: Connection, batch_id: UUID) -> list[Outcome]:
    """Return the rows that were not scored, and why."""
    told = batch_outcomes.c
    wanted = select(batch_outcomes).where(told.batch_id == batch_id, told.code.is_not(None)).order_by(told.number)
    return [Outcome(row.number, None, row.field, row.code) for row in connection.execute(wanted)]


def take_batch(connection: Connection) -> Batch | None:
    """Take a batch that has not ended and that nobody works on, until the transaction ends; None where there is none."""
    row = connection.execute(_TAKE).one_or_none()
    return None if row is None else _batch(row)


def next_rows(connection: Connection, batch: Batch, at_most: int) -> list[BatchRow]:
    """Return the next rows without an outcome, in their order."""
    found = connection.execute(_NEXT, {"batch": batch.batch_id, "at_most": at_most})
    return [BatchRow(row.number, row.supplier_id, row.as_of, row.field, row.code) for row in found]


def keep_outcomes(connection: Connection, batch: Batch, outcomes: Sequence[Outcome]) -> None:
    """Write what came of rows; a row that has an outcome already makes the whole transaction fail."""
    known: dict[str, object] = {"tenant_id": batch.tenant_id, "batch_id": batch.batch_id}
    lines: list[dict[str, object]] = [{"number": o.number, "score_id": o.score_id, "field": o.column, "code": o.code} for o in outcomes]
    connection.execute(insert(batch_outcomes), [known | line for line in lines])


def end_batch(connection: Connection, batch: Batch, code: str | None = None) -> None:
    """End a batch, with a code where it cannot go on, and tell the tenant's webhooks; one that has ended stays as it is."""
    values = {"tenant_id": batch.tenant_id, "batch_id": batch.batch_id, "code": code}
    ended = insert_unless(batch_ends).values(**values).on_conflict_do_nothing().returning(batch_ends.c.at)
    if (row := connection.execute(ended).one_or_none()) is not None:
        told = {"batch_id": str(batch.batch_id), "state": _state(row.at, code, is_begun=True), "failed_code": code}
        tell(connection, batch.tenant_id, Event.BATCH_FINISHED, told)


def _state(ended_at: datetime | None, failed_code: str | None, *, is_begun: bool) -> str:
    """Return one of queued, running, finished and failed."""
    if ended_at is not None:
        return "finished" if failed_code is None else "failed"
    return "running" if is_begun else "queued"


def _listed(row: Row[tuple[object, ...]]) -> Listed:
    """Read a batch in a list."""
    told = row._mapping
    state = _state(told["ended_at"], told["failed_code"], is_begun=told["is_begun"])
    return Listed(_batch(row), told["number"], state, told["ended_at"], told["failed_code"])


def _batch(row: Row[tuple[object, ...]]) -> Batch:
    """Read a batch."""
    told = row._mapping
    return Batch(told["id"], *(told[name] for name in Batch.__slots__[1:]))
