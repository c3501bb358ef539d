"""Who is calling? API keys: 256 random bits, shown once, kept as a SHA-256 digest, compared in constant time.

A key reads ``lx_<prefix>_<secret>``; the prefix finds the row and may stand in a log, the secret never does. A plain digest is enough for
a secret that cannot be guessed. Making and revoking keys is the owner role's business, the application can only read them.
"""

import hashlib
import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, update

from serving.refusals import KeyRefused, NotAuthenticated
from serving.store import Store
from serving.store_tables import api_keys

NAME_LENGTH = 100
_PREFIX = re.compile(r"[0-9a-f]{12}", re.ASCII)
_FORM = re.compile(r"lx_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller with a live key, by ids only."""

    key_id: int
    prefix: str


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is kept of a key and may be shown; ``revoked_at`` is None while it is live."""

    prefix: str
    name: str
    created_at: datetime
    revoked_at: datetime | None


def refuse_key_name(name: str) -> None:
    """Refuse a name that a list of keys could not show.

    Raises
    ------
    KeyRefused
        It is empty or blank, longer than `NAME_LENGTH` characters, or has characters that are not to be seen.
    """
    unseen = any(unicodedata.category(character)[0] == "C" or character in "\u2028\u2029" for character in name)
    if not name.strip() or len(name) > NAME_LENGTH or unseen:
        raise KeyRefused(
            f"A key's name says who uses it in 1 to {NAME_LENGTH} visible characters, found {len(name)} characters"
            f"{' with invisible ones among them' if unseen else ''}. Name it like 'Bank A, sandbox'."
        )


def create_api_key(store: Store, name: str) -> str:
    """Make a key called ``name`` and return it; it cannot be shown again.

    The store must be open as the owner of the tables. Raises as `refuse_key_name` does.
    """
    refuse_key_name(name)
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = f"lx_{prefix}_{secret}"
    with store.engine.begin() as connection:
        connection.execute(insert(api_keys).values(name=name, prefix=prefix, digest=_digest(key)))
    return key


def list_api_keys(store: Store) -> tuple[KeyRecord, ...]:
    """Return all keys, live and revoked, in the order they were made; never the keys themselves."""
    shown = select(api_keys.c.prefix, api_keys.c.name, api_keys.c.created_at, api_keys.c.revoked_at).order_by(api_keys.c.id)
    with store.engine.connect() as connection:
        return tuple(KeyRecord(*row) for row in connection.execute(shown))


def refuse_key_prefix(prefix: str) -> None:
    """Refuse what cannot be a key's prefix; what was given is not repeated, for it may be the key itself.

    Raises
    ------
    KeyRefused
        It is not twelve hexadecimal digits.
    """
    if not _PREFIX.fullmatch(prefix):
        raise KeyRefused(
            f"A key is named by its prefix, the twelve hexadecimal digits after lx_, found {len(prefix)} characters of another form. "
            f"`lianxin keys list` shows the prefixes."
        )


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
