"""Is a document financed already, at whatever bank? Fingerprints in one table of all tenants: held with a decision, let go with its end.

The table answers free, taken or similar, and never whose. The salt lies with the service's signing keys, so that who has the database alone
cannot try documents out.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import Connection, text

from credit.application import Product
from credit.double_financing import Document, Fingerprint, fingerprint

KINDS = MappingProxyType(
    {Product.RECEIVABLES: Document.INVOICE, Product.PURCHASE_ORDERS: Document.ORDER, Product.STOCK: Document.WAREHOUSE_RECEIPT}
)
_STANDINGS = text("SELECT document_standings(:wholes, :numbers)")
_CLAIM = text("SELECT claim_documents(:decision, :wholes, :numbers, :salt)")
_RELEASE = text("SELECT release_documents(:decision)")
_OWN = text("SELECT documents_of(:decision)")


class Standing(StrEnum):
    """What may be known of a document: free, taken, or one of its number with another amount or date is taken."""

    FREE = "free"
    TAKEN = "taken"
    SIMILAR = "similar"


@dataclass(frozen=True, slots=True)
class NamedDocument:
    """What a fingerprint is made of besides the supplier: the number, an amount (fen, or pieces of a lot) and the document's date."""

    number: str
    amount: int
    dated_on: date


def fingerprints(product: Product, supplier_id: str, documents: Sequence[NamedDocument], salt: bytes) -> Mapping[str, Fingerprint]:
    """Return each document's fingerprint, by number.

    The party is the supplier by the platform's id, exactly: all banks know it alike, while each may write a buyer or a warehouse otherwise.
    """
    issuer = supplier_id.encode().hex()
    return {
        each.number: fingerprint(KINDS[product], issuer=issuer, number=each.number, amount=each.amount, dated_on=each.dated_on, salt=salt)
        for each in documents
    }


def standings(connection: Connection, asked: Mapping[str, Fingerprint]) -> dict[str, Standing]:
    """Return how each document stands, by number.

    Nobody else is told of the same numbers until the transaction ends, so that of two banks at once one gets the document.
    """
    found = connection.execute(_STANDINGS, _arrays(asked.values())).scalar_one()
    return dict(zip(asked, map(Standing, found), strict=True))


def claim(connection: Connection, decision_id: UUID, documents: Mapping[str, Fingerprint], salt: bytes) -> None:
    """Hold documents for a decision; `standings` told in this transaction that they are not taken."""
    if documents:
        connection.execute(_CLAIM, {"decision": decision_id, "salt": salt_id(salt), **_arrays(documents.values())})


def release(connection: Connection, decision_id: UUID) -> None:
    """Let go of all that is held for a decision of the transaction's tenant."""
    connection.execute(_RELEASE, {"decision": decision_id})


def held(connection: Connection, decision_id: UUID, asked: Mapping[str, Fingerprint]) -> frozenset[str]:
    """Return the numbers of the documents that are held for a decision of the transaction's tenant."""
    own = {bytes(whole) for whole in connection.execute(_OWN, {"decision": decision_id}).scalars()}
    return frozenset(number for number, each in asked.items() if bytes.fromhex(each.whole) in own)


def salt_id(salt: bytes) -> bytes:
    """Return what tells one salt from another and says nothing of either: fingerprints of different salts never meet."""
    return hashlib.sha256(b"lianxin salt " + salt).digest()[:8]


def _arrays(prints: Collection[Fingerprint]) -> dict[str, list[bytes]]:
    return {"wholes": [bytes.fromhex(each.whole) for each in prints], "numbers": [bytes.fromhex(each.numbered) for each in prints]}
