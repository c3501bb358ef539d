"""Is an invoice or an order financed twice? Salted fingerprints, equal for one document however it is written, that say nothing else.

A fingerprint is HMAC-SHA256 over the canonical issuer, number, amount and date, keyed with the platform's salt. Without the salt nobody can
try invoices out against it; with it, one bank learns only that a document is taken, not by whom.
"""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from credit.errors import OutOfRange

SHORTEST_SALT = 32
"""Bytes a platform salt must have, as many as the hash gives out (RFC 2104, section 3)."""


class Document(StrEnum):
    """What is financed; fingerprints of different kinds never meet."""

    INVOICE = "invoice"
    ORDER = "order"
    WAREHOUSE_RECEIPT = "warehouse_receipt"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """``whole`` of issuer, number, amount and date; ``numbered`` of issuer and number alone.

    Equal ``whole``: the same document, refuse. Equal ``numbered`` only: the same number with another amount or date, look into it.
    """

    whole: str
    numbered: str


def fingerprint(document: Document, *, issuer: str, number: str, amount: int, dated_on: date, salt: bytes) -> Fingerprint:
    """Return the fingerprint of a document.

    Parameters
    ----------
    document
        Its kind.
    issuer
        Unified social credit code, or the platform's id, of who issued it.
    number
        As printed; see `canonical_number`.
    amount
        In fen, above 0.
    dated_on
        Day of issue.
    salt
        The platform's secret, at least 32 bytes.

    Examples
    --------
    >>> salt = bytes(range(32))
    >>> said = {"amount": 100, "dated_on": date(2026, 1, 2), "salt": salt}
    >>> one = fingerprint(Document.INVOICE, issuer="91110000a", number="No. 0012-3", **said)
    >>> two = fingerprint(Document.INVOICE, issuer="９１１１0000Ａ", number="no.００１２３", **said)
    >>> one == two
    True
    """
    if len(salt) < SHORTEST_SALT:
        raise OutOfRange(f"a salt must have at least {SHORTEST_SALT} bytes, found {len(salt)}")
    if isinstance(amount, bool) or not isinstance(amount, int) or amount < 1:
        raise OutOfRange(f"the amount must be whole fen above 0, found {amount!r}")
    named = (document.value, canonical_code(issuer), canonical_number(number))
    return Fingerprint(
        whole=_digest(salt, "whole", *named, str(amount), dated_on.isoformat()),
        numbered=_digest(salt, "numbered", *named),
    )


def canonical_number(text: str) -> str:
    """Return a document's number as it is compared: as `canonical_code`, without a leading mark such as No., Nr., № or 编号.

    Leading zeros count. The mark is dropped before a digit, or where a point, colon or space parts it from what follows.

    Examples
    --------
    >>> canonical_number(" ０１２-ａｂ/３"), canonical_number("No. 012AB3"), canonical_number("№012ab3"), canonical_number("NOVA 3")
    ('012AB3', '012AB3', '012AB3', 'NOVA3')
    """
    number = canonical_code(_MARK.sub("", _folded(text).strip()) or text)
    while _MARK.match(number.casefold()):
        number = canonical_code(_MARK.sub("", number.casefold()))
    return number


def canonical_code(text: str) -> str:
    """Return a code as it is compared: letters and digits only, full-width made half-width, upper case.

    Notes
    -----
    Unicode NFKC (UAX #15), case folding, then only letters and digits are kept: no spaces, dashes, points or unseen signs.
    """
    kept = "".join(sign for sign in _folded(text) if unicodedata.category(sign)[0] in "LN")
    if not kept:
        raise OutOfRange(f"a number must hold at least one letter or digit, found {text[:40]!r}")
    return unicodedata.normalize("NFKC", kept.upper())


_MARK = re.compile(r"(?:no|nr|编号|号码)(?:[.:。 ]+(?=.*[^\W_])|(?=\d))")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _digest(salt: bytes, *parts: str) -> str:
    """Return the keyed hash of parts, each with its length before it so that no two lists of parts read alike."""
    message = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return hmac.new(salt, message, hashlib.sha256).hexdigest()
