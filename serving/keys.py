"""Who is calling? API keys: 256 random bits, shown once, kept as a SHA-256 digest, compared in constant time.

A key reads ``lx_<prefix>_<secret>``; the prefix finds the row and may stand in a log, the secret never does. A plain digest is enough for
a secret that cannot be guessed. Making and revoking keys is the owner role's business, the application can only read them.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from sqlalchemy import func, insert, select, update

from serving.refusals import NotAuthenticated
from serving.store import Store
from serving.store_tables import api_keys

_FORM = re.compile(r"lx_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller with a live key, by ids only."""

    key_id: int
    prefix: str


def create_api_key(store: Store, name: str) -> str:
    """Make a key called ``name`` and return it; it cannot be shown again.

    The store must be open as the owner of the tables.
    """
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = f"lx_{prefix}_{secret}"
    with store.engine.begin() as connection:
        connection.execute(insert(api_keys).values(name=name, prefix=prefix, digest=_digest(key)))
    return key


def revoke_api_key(store: Store, prefix: str) -> bool:
    """Revoke the key of the prefix, at once; False where no live key has it. The store must be open as the owner of the tables."""
    live = (api_keys.c.prefix == prefix) & api_keys.c.revoked_at.is_(None)
    with store.engine.begin() as connection:
        return connection.execute(update(api_keys).where(live).values(revoked_at=func.now())).rowcount == 1


def authenticate(store: Store, key: str | None) -> Caller:
    """Return the caller whose key this is.

    Raises
    ------
    NotAuthenticated
        There is no key, or none like it, or it was revoked; the three are not told apart.
    """
    form = _FORM.fullmatch(key or "")
    if form is None or key is None:
        raise NotAuthenticated
    prefix = form[1]
    with store.engine.connect() as connection:
        row = connection.execute(
            select(api_keys.c.id, api_keys.c.digest, api_keys.c.revoked_at).where(api_keys.c.prefix == prefix)
        ).one_or_none()
    # An unknown prefix is compared too, so that it takes as long as a wrong secret.
    matches = hmac.compare_digest(_digest(key), bytes(row.digest) if row else bytes(32))
    if row is None or not matches or row.revoked_at is not None:
        raise NotAuthenticated
    return Caller(row.id, prefix)


def is_live(store: Store, key_id: int) -> bool:
    """Tell whether the key has not been revoked."""
    live = (api_keys.c.id == key_id) & api_keys.c.revoked_at.is_(None)
    with store.engine.connect() as connection:
        return connection.execute(select(api_keys.c.id).where(live)).one_or_none() is not None


def _digest(key: str) -> bytes:
    """Return what is kept of a key."""
    return hashlib.sha256(key.encode()).digest()
