"""What is kept of a dispute, and the steps it may take: received, taken up, decided; then corrected and scored again by the service.

Each step is an event that is added once and a row in the supplier's audit chain, in one transaction.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, func, insert, select, text

from credit.dispute import DisputePolicy
from serving.access.caller import Caller
from serving.audit.chain import Scalar
from serving.database.tables import dispute_events, disputes
from serving.disputes.bodies import DisputeRequest
from serving.http.refusals import DisputeDecided, DisputeUnknown, IdempotencyKeyReused
from serving.packaged_policy import packaged_policy
from serving.store import add_to_chain, enter, next_of_chain

SERVICE: Final = "service"
"""Stands in an event for a key where no person took the step."""
_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 3))")
_COLUMNS = [column for column in disputes.c if column.name != "file"]
_SIZE = func.length(disputes.c.file).label("file_size")


@dataclass(frozen=True, slots=True)
class DisputeEvent:
    """One step: what, when, by which key; ``outcome`` and ``reason`` are of a decision."""

    event: str
    at: datetime
    by: str
    outcome: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute as it stands; ``row`` is all that was kept when it came in, but the file."""

    row: Row[Any]
    events: tuple[DisputeEvent, ...]

    @property
    def state(self) -> str:
        """The last step, a decision by its outcome."""
        if not self.events:
            return "received"
        last = self.events[-1]
        return last.outcome or last.event

    @property
    def decision(self) -> DisputeEvent | None:
        """The decision, if there is one."""
        return next((event for event in self.events if event.event == "decided"), None)

    def is_overdue(self, now: datetime) -> bool:
        """Tell whether the answer is, or came, too late."""
        return bool((self.decision.at if self.decision else now) >= self.row.due_at)


def receive(
    connection: Connection, caller: Caller, wanted: DisputeRequest, *, zone: str, row_known_on: date | None, key: str, dispute_id: UUID
) -> Dispute:
    """Take a dispute in; the same ``dispute_id`` again brings the one that was taken in.

    Raises
    ------
    IdempotencyKeyReused
        The dispute of that id says something else.
    """
    digest = hashlib.sha256(wanted.model_dump_json().encode()).digest()
    _lock(connection, dispute_id)
    there = connection.execute(select(disputes.c.request_digest).where(disputes.c.id == dispute_id)).one_or_none()
    if there is not None:
        if bytes(there.request_digest) != digest:
            raise IdempotencyKeyReused
        return read_dispute(connection, dispute_id)
    now = datetime.now(UTC)
    received_on = now.astimezone(ZoneInfo(zone)).date()
    policy = DisputePolicy.from_policy(packaged_policy("disputes").on(received_on))
    due_on = policy.due_on(received_on)
    reference = f"D{received_on:%Y%m%d}-{''.join(secrets.choice(_ALPHABET) for _ in range(8))}"
    file = wanted.file.data if wanted.file else None
    kept = {
        "reference": reference,
        "kind": wanted.kind,
        "score_id": wanted.score_id,
        "table_name": wanted.table,
        "row_id": wanted.row_id,
        "row_known_on": row_known_on,
        "statement": wanted.statement,
        "evidence": wanted.evidence,
        "file": file,
        "file_type": wanted.file.media_type if wanted.file else None,
        "file_sha256": hashlib.sha256(file).digest() if file is not None else None,
        "request_digest": digest,
        "received_at": now,
        "due_on": due_on,
        "due_at": datetime.combine(due_on + timedelta(days=1), time(), ZoneInfo(zone)),
        "policy_version": policy.version,
    }
    connection.execute(insert(disputes).values(id=dispute_id, tenant_id=caller.tenant_id, supplier_id=caller.supplier_id, **kept))
    told = {"score_id": str(wanted.score_id), "due_on": due_on.isoformat(), "request_sha256": digest.hex()}
    _note(connection, caller.tenant_id, "received", dispute_id, reference, {"dispute_kind": wanted.kind, "key": key, **told})
    return read_dispute(connection, dispute_id)


def take_up(connection: Connection, caller: Caller, dispute_id: UUID) -> Dispute:
    """Note that a person works on it now; again, or once it is decided, changes nothing. Raises `DisputeUnknown` where there is none."""
    _lock(connection, dispute_id)
    found = read_dispute(connection, dispute_id)
    if not found.events:
        add_event(connection, found.row, "taken_up", caller.prefix)
        enter(connection, caller.tenant_id)
    return read_dispute(connection, dispute_id)


def decide(connection: Connection, caller: Caller, dispute_id: UUID, outcome: str, reason: str, correction: bytes | None) -> Dispute:
    """Decide a dispute; the same decision by the same key again changes nothing.

    Raises
    ------
    DisputeUnknown
        There is none of that id among those the caller may see.
    DisputeDecided
        It is decided, otherwise or by another.
    """
    _lock(connection, dispute_id)
    found = read_dispute(connection, dispute_id)
    if found.decision is not None:
        if (found.decision.outcome, found.decision.reason, found.decision.by) != (outcome, reason, caller.prefix):
            raise DisputeDecided
        return found
    add_event(connection, found.row, "decided", caller.prefix, outcome=outcome, reason=reason, correction=correction)
    enter(connection, caller.tenant_id)
    return read_dispute(connection, dispute_id)


def add_event(
    connection: Connection,
    of: Row[Any],
    event: str,
    by: str,
    *,
    outcome: str | None = None,
    reason: str | None = None,
    correction: bytes | None = None,
) -> None:
    """Add a step to a dispute (its id, tenant_id and reference) and to the supplier's chain; the transaction works for it afterwards."""
    enter(connection, of.tenant_id)
    kept = {"dispute_id": of.id, "tenant_id": of.tenant_id, "event": event, "by_key": by}
    connection.execute(insert(dispute_events).values(**kept, outcome=outcome, reason=reason, correction=correction))
    digests: dict[str, Scalar] = {
        name: hashlib.sha256(told).hexdigest()
        for name, told in (("reason_sha256", reason.encode() if reason else None), ("correction_sha256", correction))
        if told is not None
    }
    _note(connection, of.tenant_id, event, of.id, of.reference, {"key": by, "outcome": outcome, **digests})


def read_dispute(connection: Connection, dispute_id: UUID) -> Dispute:
    """Return a dispute the transaction's tenant may see; raises `DisputeUnknown` where there is none."""
    row = connection.execute(select(*_COLUMNS, _SIZE).where(disputes.c.id == dispute_id)).one_or_none()
    if row is None:
        raise DisputeUnknown
    return _with_events(connection, [row])[0]


def read_file(connection: Connection, dispute_id: UUID) -> bytes:
    """Return the bytes of a dispute's file; raises `DisputeUnknown` where there is no such dispute, or it has none."""
    found = connection.execute(select(disputes.c.file).where(disputes.c.id == dispute_id)).scalar_one_or_none()
    if found is None:
        raise DisputeUnknown
    return bytes(found)


def list_disputes(connection: Connection, after: int, limit: int, *, only_overdue: bool = False) -> list[Dispute]:
    """Return the disputes the transaction's tenant may see, in the order they came in, or only the undecided whose day has passed."""
    wanted = select(*_COLUMNS, _SIZE).where(disputes.c.number > after).order_by(disputes.c.number).limit(limit)
    if only_overdue:
        decided = select(dispute_events.c.number).where(dispute_events.c.dispute_id == disputes.c.id, dispute_events.c.event == "decided")
        wanted = wanted.where(disputes.c.due_at <= func.now(), ~decided.exists())
    return _with_events(connection, connection.execute(wanted).all())


def count_open(connection: Connection) -> tuple[int, int]:
    """Return how many disputes the transaction's tenant may see are undecided, and of how many of them the day has passed."""
    decided = select(dispute_events.c.number).where(dispute_events.c.dispute_id == disputes.c.id, dispute_events.c.event == "decided")
    passed = func.count().filter(disputes.c.due_at <= func.now())
    row = connection.execute(select(func.count(), passed).select_from(disputes).where(~decided.exists())).one()
    return int(row[0]), int(row[1])


def _with_events(connection: Connection, rows: Sequence[Any]) -> list[Dispute]:
    """Add to each dispute its events, in their order."""
    of = dispute_events.c
    found = connection.execute(select(dispute_events).where(of.dispute_id.in_([row.id for row in rows])).order_by(of.number)).all()
    return [
        Dispute(row, tuple(DisputeEvent(e.event, e.at, e.by_key, e.outcome, e.reason) for e in found if e.dispute_id == row.id))
        for row in rows
    ]


def _lock(connection: Connection, dispute_id: UUID) -> None:
    """Let nobody else take a step of the same dispute until the transaction ends."""
    connection.execute(_LOCK, {"name": str(dispute_id)})


def _note(connection: Connection, tenant_id: UUID, step: str, dispute_id: UUID, reference: str, told: dict[str, Scalar]) -> None:
    """Write a step into the supplier's audit chain."""
    named = {"kind": "dispute", "step": step, "dispute_id": str(dispute_id), "reference": reference}
    add_to_chain(connection, tenant_id, next_of_chain(connection, tenant_id, {**named, **told}))
