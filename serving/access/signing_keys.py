"""With what does the service sign? Two Ed25519 keys, for tokens and for anchors of the audit, and the salt of documents' fingerprints, in
one private file beside the data.

All hosts of one service share the file. Without it every token ends, new anchors are signed by a key that an auditor has not seen, and no
document that is financed is known again.
"""

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from credit.double_financing import SHORTEST_SALT
from credit.errors import ServiceUnavailable
from serving.database.cluster import write_private

FILE = "signing_keys.json"


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The key of tokens, the key of anchors, and the salt of fingerprints."""

    token: Ed25519PrivateKey = field(repr=False)
    anchor: Ed25519PrivateKey = field(repr=False)
    salt: bytes = field(repr=False)

    @classmethod
    def draw(cls) -> Self:
        """Draw new keys."""
        return cls(Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate(), secrets.token_bytes(SHORTEST_SALT))

    @property
    def webhook_root(self) -> bytes:
        """The 32 bytes that the secrets of webhooks are derived from: with another token key they all change."""
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"lianxin webhooks").derive(self.token.private_bytes_raw())

    @property
    def anchor_public(self) -> bytes:
        """The 32 bytes an auditor checks anchors with."""
        return self.anchor.public_key().public_bytes_raw()


def read_or_make_signing_keys(folder: Path) -> SigningKeys:
    """Return the keys kept in the folder; what is not there is drawn and kept, such as the salt in a file of an older version.

    Raises
    ------
    ServiceUnavailable
        The file is there and cannot be read as keys.
    """
    file = folder / FILE
    try:
        kept = json.loads(file.read_text("utf-8"))
        token, anchor = (Ed25519PrivateKey.from_private_bytes(bytes.fromhex(kept[name])) for name in ("token", "anchor"))
        salt = bytes.fromhex(kept["salt"]) if "salt" in kept else secrets.token_bytes(SHORTEST_SALT)
        made, is_whole = SigningKeys(token, anchor, salt), "salt" in kept
        if len(salt) < SHORTEST_SALT:
            raise ValueError("the salt is too short")
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        made, is_whole = SigningKeys.draw(), False
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise ServiceUnavailable(
            f"The file of the signing keys, {file}, cannot be read ({type(error).__name__}). Put it back from your backup."
        ) from None
    if not is_whole:
        told = {"token": made.token.private_bytes_raw().hex(), "anchor": made.anchor.private_bytes_raw().hex(), "salt": made.salt.hex()}
        write_private(file, json.dumps(told).encode())
    return made
