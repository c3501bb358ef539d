"""The audit chains in the database, read by the owner of the tables: anchored, verified, replayed."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, func, insert, select

from serving.access.tenants import find_tenant
from serving.audit.chain import Anchor, AuditRow, Fault, find_fault, sign_anchor
from serving.database.tables import audit, audit_anchors, decision_steps, scores, tenants
from serving.http.refusals import TenantRefused
from serving.store import Store

_ROWS_AT_A_TIME = 2_000


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What was found of one tenant's chain; ``anchored_to`` is the last sequence an anchor vouches for, ``unaudited`` counts scores,
    decisions and steps without an audit row."""

    tenant_id: UUID
    name: str
    rows: int
    anchored_to: int
    unaudited: int
    fault: Fault | None

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found wrong."""
        return self.fault is None and self.unaudited == 0


def anchor_chains(store: Store, key: Ed25519PrivateKey) -> tuple[Anchor, ...]:
    """Sign the head of every chain that grew since its last anchor, keep the anchors, and return them."""
    made = []
    with store.engine.begin() as connection:
        newest = select(audit.c.tenant_id, func.max(audit.c.sequence).label("sequence")).group_by(audit.c.tenant_id).subquery()
        heads = select(audit.c.tenant_id, audit.c.sequence, audit.c.hash).join(
            newest, (newest.c.tenant_id == audit.c.tenant_id) & (newest.c.sequence == audit.c.sequence)
        )
        there = {(row.tenant_id, row.sequence) for row in connection.execute(select(audit_anchors.c.tenant_id, audit_anchors.c.sequence))}
        for head in connection.execute(heads).all():
            if (head.tenant_id, head.sequence) in there:
                continue
            anchor = sign_anchor(head.tenant_id, head.sequence, bytes(head.hash), key)
            kept = {"hash": anchor.hash, "public_key": anchor.public_key, "signature": anchor.signature}
            connection.execute(insert(audit_anchors).values(tenant_id=anchor.tenant_id, sequence=anchor.sequence, **kept))
            made.append(anchor)
    return tuple(made)


def verify_chains(store: Store, trusted: Collection[bytes], kept_elsewhere: Sequence[Anchor] = ()) -> tuple[ChainReport, ...]:
    """Check every tenant's chain against the database's anchors and those kept elsewhere.

    Parameters
    ----------
    store
        Open as the owner of the tables.
    trusted
        Public keys whose anchors count.
    kept_elsewhere
        Anchors from outside the database; a chain written anew together with its anchors is found by them alone.
    """
    reports = []
    # One snapshot: a score given meanwhile is seen with its audit row or not at all.
    with store.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        listed = {row.id: row.name for row in connection.execute(select(tenants.c.id, tenants.c.name).order_by(tenants.c.created_at))}
        for tenant_id in {anchor.tenant_id for anchor in kept_elsewhere} - set(listed):
            listed[tenant_id] = "(no such tenant)"
        for tenant_id, name in listed.items():
            elsewhere = [anchor for anchor in kept_elsewhere if anchor.tenant_id == tenant_id]
            reports.append(_verify(connection, tenant_id, name, trusted, elsewhere))
    return tuple(reports)


def _verify(connection: Connection, tenant_id: UUID, name: str, trusted: Collection[bytes], elsewhere: Sequence[Anchor]) -> ChainReport:
    """Check one chain."""
    anchors = [*_anchors(connection, tenant_id), *elsewhere]
    fault = find_fault(tenant_id, _rows(connection, tenant_id), anchors, trusted)
    count = connection.execute(select(func.count()).where(audit.c.tenant_id == tenant_id)).scalar_one()
    # Scores given before there was an audit have none: only those after the chain's first row count.
    began = select(func.min(audit.c.at)).where(audit.c.tenant_id == tenant_id).scalar_subquery()
    of_score = select(audit.c.score_id).where(audit.c.score_id == scores.c.id).exists()
    steps = decision_steps.c
    of_step = select(audit.c.decision_id).where(audit.c.decision_id == steps.decision_id, audit.c.decision_step == steps.number).exists()
    lacking = (
        select(func.count()).select_from(scores).where(scores.c.tenant_id == tenant_id, scores.c.created_at >= began, ~of_score),
        select(func.count()).select_from(decision_steps).where(steps.tenant_id == tenant_id, ~of_step),
    )
    unaudited = sum(connection.execute(each).scalar_one() for each in lacking)
    anchored = max((anchor.sequence for anchor in anchors), default=0)
    return ChainReport(tenant_id, name, count, anchored, unaudited, fault)


def _rows(connection: Connection, tenant_id: UUID) -> Iterator[AuditRow]:
    """Yield a chain in its order, a bounded number of rows at a time."""
    after: int | None = None
    columns = (audit.c.sequence, audit.c.record, audit.c.previous_hash, audit.c.hash)
    while True:
        page = select(*columns).where(audit.c.tenant_id == tenant_id).order_by(audit.c.sequence).limit(_ROWS_AT_A_TIME)
        rows = connection.execute(page if after is None else page.where(audit.c.sequence > after)).all()
        for row in rows:
            yield AuditRow(row.sequence, bytes(row.record), bytes(row.previous_hash), bytes(row.hash))
        if len(rows) < _ROWS_AT_A_TIME:
            return
        after = rows[-1].sequence


def _anchors(connection: Connection, tenant_id: UUID) -> list[Anchor]:
    """Return the anchors the database keeps of a tenant."""
    rows = connection.execute(select(audit_anchors).where(audit_anchors.c.tenant_id == tenant_id).order_by(audit_anchors.c.sequence)).all()
    return [Anchor(row.tenant_id, row.sequence, bytes(row.hash), bytes(row.public_key), bytes(row.signature)) for row in rows]


def chain_of(store: Store, name: str | None) -> UUID:
    """Return the tenant of the name or id; without one, the only tenant that has a chain.

    Raises
    ------
    TenantRefused
        There is none of that name, or no name was given and not exactly one chain has begun.
    """
    if name is not None:
        return find_tenant(store, name).tenant_id
    with store.engine.connect() as connection:
        begun = list(connection.execute(select(audit.c.tenant_id).distinct()).scalars())
    if len(begun) != 1:
        raise TenantRefused(
            f"Which chain is meant must be said where there is not exactly one; found {len(begun)}. Name the tenant with --tenant."
        )
    return UUID(str(begun[0]))
