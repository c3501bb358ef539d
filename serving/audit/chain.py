"""The audit chain: what a row says, how it hangs on the one before, and how a reader finds that somebody touched it.

Pure: bytes in, verdict out. A record is canonical JSON (RFC 8785; it holds texts, whole numbers and null only, so sorted keys without
spaces are that form), names its tenant and its place, and hash = SHA-256(previous hash + record). A chain alone shows a change in its
midst; an anchor, the head signed with Ed25519 and kept elsewhere too, shows a cut tail or a chain written anew.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Scalar = str | int | None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row of a tenant's chain."""

    sequence: int
    record: bytes
    previous_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Anchor:
    """The head of a tenant's chain as somebody signed it."""

    tenant_id: UUID
    sequence: int
    hash: bytes
    public_key: bytes
    signature: bytes

    def to_json(self) -> str:
        """Return the anchor as one line of text, to keep where the database's owner cannot reach."""
        parts: dict[str, Scalar] = {"tenant": str(self.tenant_id), "sequence": self.sequence, "hash": self.hash.hex()}
        return canonical(parts | {"public_key": self.public_key.hex(), "signature": self.signature.hex()}).decode()

    @classmethod
    def from_json(cls, line: str) -> "Anchor":
        """Read a line of `to_json`; ValueError where it is none."""
        try:
            told = json.loads(line)
            texts = (bytes.fromhex(told[name]) for name in ("hash", "public_key", "signature"))
            return cls(UUID(told["tenant"]), int(told["sequence"]), *texts)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("not an anchor") from error


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place where a chain is not what it was: the row's sequence and a stable code."""

    sequence: int
    code: str


def canonical(record: Mapping[str, Scalar]) -> bytes:
    """Return the one form in which a record is hashed.

    Examples
    --------
    >>> canonical({"b": 1, "a": "é"}).decode()
    '{"a":"é","b":1}'
    """
    return json.dumps(dict(record), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def genesis(tenant_id: UUID) -> bytes:
    """Return what the first row of a tenant's chain hangs on."""
    return hashlib.sha256(f"lianxin audit {tenant_id}".encode()).digest()


def next_row(tenant_id: UUID, head: tuple[int, bytes] | None, record: Mapping[str, Scalar]) -> AuditRow:
    """Return the row that follows the head (its sequence and hash), or begins the chain; the record gets its tenant and place."""
    sequence, previous = (1, genesis(tenant_id)) if head is None else (head[0] + 1, head[1])
    told = canonical({**record, "tenant": str(tenant_id), "sequence": sequence})
    return AuditRow(sequence, told, previous, hashlib.sha256(previous + told).digest())


def sign_anchor(tenant_id: UUID, sequence: int, chain_hash: bytes, key: Ed25519PrivateKey) -> Anchor:
    """Sign the head of a chain."""
    return Anchor(
        tenant_id, sequence, chain_hash, key.public_key().public_bytes_raw(), key.sign(_anchored(tenant_id, sequence, chain_hash))
    )


def find_fault(tenant_id: UUID, rows: Iterable[AuditRow], anchors: Sequence[Anchor], trusted: Collection[bytes]) -> Fault | None:
    """Return the first place where the chain was touched, or None.

    Parameters
    ----------
    rows
        The whole chain in the order of its sequence, from the first row on.
    anchors
        Anchors of this tenant, in any order.
    trusted
        Public keys whose anchors count; another's anchor is a fault.
    """
    hashes: dict[int, bytes] = {}
    previous, expected = genesis(tenant_id), 1
    for row in rows:
        code = _row_fault(tenant_id, row, expected, previous)
        if code is not None:
            return Fault(expected, code)
        hashes[expected] = row.hash
        previous, expected = row.hash, expected + 1
    for anchor in sorted(anchors, key=lambda each: each.sequence):
        code = _anchor_fault(tenant_id, anchor, hashes, trusted)
        if code is not None:
            return Fault(anchor.sequence, code)
    return None


def _row_fault(tenant_id: UUID, row: AuditRow, expected: int, previous: bytes) -> str | None:
    """Return what is wrong with a row, given the one before."""
    if row.sequence != expected:
        return "row_missing"
    if row.previous_hash != previous:
        return "link_broken"
    if row.hash != hashlib.sha256(row.previous_hash + row.record).digest():
        return "record_changed"
    try:
        told = json.loads(row.record)
        is_own = told["tenant"] == str(tenant_id) and told["sequence"] == expected and canonical(told) == row.record
    except (ValueError, TypeError, KeyError, RecursionError):
        return "record_unreadable"
    return None if is_own else "record_of_another_place"


def _anchor_fault(tenant_id: UUID, anchor: Anchor, hashes: Mapping[int, bytes], trusted: Collection[bytes]) -> str | None:
    """Return what is wrong between an anchor and the chain."""
    if anchor.tenant_id != tenant_id or anchor.public_key not in trusted:
        return "anchor_of_another"
    try:
        signed = _anchored(tenant_id, anchor.sequence, anchor.hash)
        Ed25519PublicKey.from_public_bytes(anchor.public_key).verify(anchor.signature, signed)
    except (InvalidSignature, ValueError):
        return "anchor_changed"
    if anchor.sequence not in hashes:
        return "tail_missing"
    return None if hashes[anchor.sequence] == anchor.hash else "chain_rewritten"


def _anchored(tenant_id: UUID, sequence: int, chain_hash: bytes) -> bytes:
    """Return what an anchor signs."""
    return b"lianxin anchor " + canonical({"tenant": str(tenant_id), "sequence": sequence, "hash": chain_hash.hex()})
