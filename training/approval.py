"""Who answers for this model? A statement about one recorded model and its gates, signed by somebody who did not train it.

The statement says which version of which bundle, by which dossier, against which champion, under which policy, what every gate
said, and what was written where one was not green. The signature is Ed25519 over the statement's canonical JSON, with a prefix of
its own, so that a signature made for something else is none here.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from credit.errors import ApprovalInvalid, BundleInvalid, GateFailed
from training.gates import Answer, Gate
from training.seal import dump_json, load_json, public_key_hex

FORMAT = 1
_PREFIX = b"lianxin approval 1\n"
_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Approval:
    """A signed statement; ``key`` and ``signature`` are in hexadecimal."""

    statement: Mapping[str, Any]
    key: str
    signature: str

    @classmethod
    def read(cls, path: Path) -> "Approval":
        """Read an approval file; raise `ApprovalInvalid` where it is none. Nothing is verified yet."""
        try:
            document = load_json(path.read_bytes(), path.name)
            statement, key, signature = document["statement"], document["key"], document["signature"]
        except (OSError, BundleInvalid, KeyError, TypeError) as error:
            raise ApprovalInvalid(f"{path} must be an approval written by `lianxin approve`: {error}"[:300]) from error
        is_text = isinstance(key, str) and isinstance(signature, str)
        if not is_text or not isinstance(statement, dict) or statement.get("format") != FORMAT:
            raise ApprovalInvalid(f"{path} must hold a statement of format {FORMAT}, a key and a signature: approve again")
        return cls(statement, key, signature)

    def to_json(self) -> dict[str, Any]:
        """Return the document that `read` reads back."""
        return {"statement": dict(self.statement), "key": self.key, "signature": self.signature}

    @property
    def sha256(self) -> str:
        """SHA-256 of the approval as it is written."""
        return hashlib.sha256(dump_json(self.to_json())).hexdigest()

    def verify(self, approvers: Mapping[str, str], *, not_by: Sequence[str | None], at: datetime, days: int) -> str:
        """Return the approver's name, or raise `ApprovalInvalid`.

        Parameters
        ----------
        approvers
            Names by public key: the bank's list.
        not_by
            Public keys that may not approve: the trainer's and the releaser's.
        at, days
            The time now, and how many days an approval holds.
        """
        try:
            signature = bytes.fromhex(self.signature)
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.key)).verify(signature, _PREFIX + dump_json(dict(self.statement)))
        except (InvalidSignature, ValueError) as error:
            raise ApprovalInvalid("the approval's signature does not fit its statement: approve again") from error
        if self.key in not_by:
            raise ApprovalInvalid(
                f"the approval must be signed by another key than the trainer's, found {self.key}: ask somebody who did not train the model"
            )
        if approvers.get(self.key) != self.statement.get("approver"):
            raise ApprovalInvalid(
                f"the approval is signed by {self.key} as {self.statement.get('approver')!r}, and the list of approvers has "
                f"{approvers.get(self.key, 'nobody')!r} there: ask an approver of the list"
            )
        self._refuse_stale(at, days)
        return approvers[self.key]

    def _refuse_stale(self, at: datetime, days: int) -> None:
        try:
            approved_at = datetime.fromisoformat(str(self.statement.get("approved_at")))
            age = at - approved_at
        except (ValueError, TypeError) as error:
            raise ApprovalInvalid("the approval must say when it was given, with its zone: approve again") from error
        if age > timedelta(days=days) or age < -_CLOCKS_DIFFER:
            raise ApprovalInvalid(f"an approval holds {days} days; this one is of {approved_at}, and it is {at}: approve again")


def sign_statement(statement: Mapping[str, Any], key: Ed25519PrivateKey) -> Approval:
    """Sign a statement."""
    document = {"format": FORMAT, **statement}
    return Approval(document, public_key_hex(key.public_key()), key.sign(_PREFIX + dump_json(document)).hex())


def answered(gates: Sequence[Gate], *, explanations: Mapping[str, str], overrides: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the gates as documents, each with the ``written`` word that answers it, None where it is green.

    An override answers an amber gate as well; what is written about a green gate is left out.

    Raises
    ------
    GateFailed
        Some gate has no answer, or there is no gate of a name that was answered.
    """
    unknown = sorted({*explanations, *overrides} - {gate.name for gate in gates})
    if unknown:
        raise GateFailed(f"only gates can be answered; there is no {', '.join(unknown)}: the gates are {', '.join(g.name for g in gates)}")
    answers = {Answer.EXPLANATION: {**overrides, **explanations}, Answer.OVERRIDE: dict(overrides)}
    documents, missing = [], []
    for gate in gates:
        written = answers.get(gate.answer, {}).get(gate.name, "").strip()
        if gate.answer is not Answer.NONE and not written:
            missing.append(gate)
        documents.append({**gate.to_json(), "written": written or None})
    if missing:
        ways = {Answer.EXPLANATION: "--explain", Answer.OVERRIDE: "--override"}
        told = (f"{gate.name}: {gate.en}" + (f" ({ways[gate.answer]} {gate.name}=...)" if gate.answer in ways else "") for gate in missing)
        raise GateFailed("every gate must be green or answered in writing; these are not:\n" + "\n".join(told))
    return documents
