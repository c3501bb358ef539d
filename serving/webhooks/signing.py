"""Is this message really from the service? Signatures as Standard Webhooks 1.0 has them.

Source: https://www.standardwebhooks.com. What is signed is ``id.timestamp.body``; the header holds a signature under each secret that is
valid, so that a receiver may change from the old to the new one in its own time.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32


def derive_secret(root: bytes, endpoint_id: UUID, generation: int) -> bytes:
    """Return the secret of an endpoint's generation (32 bytes): HKDF-SHA256 (RFC 5869) of the root, so that none is ever stored."""
    info = f"lianxin webhook {endpoint_id} {generation}".encode()
    return HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=None, info=info).derive(root)


def shown_secret(secret: bytes) -> str:
    """Return a secret as its holder writes it down.

    Examples
    --------
    >>> shown_secret(b"0123456789abcdef01234567")
    'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3'
    """
    return PREFIX + base64.b64encode(secret).decode()


def sign(secrets: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers of a message; ``timestamp`` in seconds since 1970.

    Examples
    --------
    The reference libraries' own test vector:

    >>> secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    >>> sign([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')["webhook-signature"]
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    told = f"{message_id}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(secret, told, hashlib.sha256)).decode() for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
