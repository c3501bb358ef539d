"""API keys: 256 random bits, shown once, kept as a SHA-256 digest, compared in constant time.

A key reads ``lx_<prefix>_<secret>``; the prefix finds the row and may stand in a log, the secret never does. A plain digest is enough for
a secret that cannot be guessed. Making, rotating and revoking keys is the owner role's business; the application can look one key up.
"""

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

from sqlalchemy import func, insert, select, text, update

from features.columns import Tier
from serving.access.caller import SCOPES_OF, Caller, Scope, TenantKind, scopes_named
from serving.database.tables import api_keys, tenants
from serving.http.refusals import KeyRefused, NotAuthenticated
from serving.store import Store

NAME_LENGTH = 100
_PREFIX = re.compile(r"[0-9a-f]{12}", re.ASCII)
_FORM = re.compile(r"lx_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_FIND = text("SELECT * FROM find_caller(:prefix)")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is kept of a key and may be shown; ``revoked_at`` and ``expires_at`` are None while nothing ends it."""

    prefix: str
    name: str
    created_at: datetime
    revoked_at: datetime | None
    expires_at: datetime | None
    tenant: str
    kind: str
    scopes: tuple[str, ...]


def refuse_name(name: str) -> None:
    """Refuse a name that a list could not show.

    Raises
    ------
    KeyRefused
        It is empty or blank, longer than `NAME_LENGTH` characters, or has characters that are not to be seen.
    """
    unseen = any(unicodedata.category(character)[0] == "C" or character in "\u2028\u2029" for character in name)
    if not name.strip() or len(name) > NAME_LENGTH or unseen:
        raise KeyRefused(
            f"A name says who it is in 1 to {NAME_LENGTH} visible characters, found {len(name)} characters"
            f"{' with invisible ones among them' if unseen else ''}. Name it like 'Bank A, sandbox'."
        )


def create_api_key(store: Store, tenant_id: UUID, name: str, scopes: Iterable[Scope] | None = None) -> str:
    """Make a key of the tenant, called ``name``, and return it; it cannot be shown again.

    The store must be open as the owner of the tables. Without ``scopes`` the key may do all its tenant may.

    Raises
    ------
    KeyRefused
        The name is not visible, there is no such tenant, or its kind may not have one of the scopes.
    """
    refuse_name(name)
    with store.engine.begin() as connection:
        kind = connection.execute(select(tenants.c.kind).where(tenants.c.id == tenant_id)).scalar_one_or_none()
        if kind is None:
            raise KeyRefused("A key belongs to a tenant, and there is none of that id. `lianxin admin tenants list` shows them all.")
        most = SCOPES_OF[TenantKind(kind)]
        wanted = most if scopes is None else frozenset(scopes)
        if not wanted or wanted - most:
            raise KeyRefused(
                f"A key of a {kind} has some of the scopes {', '.join(sorted(most))}; found {', '.join(sorted(wanted)) or 'none'}."
            )
        prefix, key = _make_key()
        values = {"tenant_id": tenant_id, "name": name, "prefix": prefix, "digest": _digest(key), "scopes": sorted(wanted)}
        connection.execute(insert(api_keys).values(**values))
    return key


def rotate_api_key(store: Store, prefix: str, overlap: timedelta) -> str:
    """Make a key that may do what the live key of ``prefix`` may, let the old one end after ``overlap``, and return the new one.

    Raises
    ------
    KeyRefused
        No live key has the prefix; nothing is made then.
    """
    refuse_key_prefix(prefix)
    new_prefix, key = _make_key()
    live = (api_keys.c.prefix == prefix) & api_keys.c.revoked_at.is_(None)
    ends = func.least(api_keys.c.expires_at, func.now() + overlap)  # least() passes over null
    with store.engine.begin() as connection:
        kept = (api_keys.c.tenant_id, api_keys.c.name, api_keys.c.scopes)
        old = connection.execute(update(api_keys).where(live).values(expires_at=ends).returning(*kept)).one_or_none()
        if old is None:
            raise KeyRefused(f"Only a live key can be rotated, and none has the prefix {prefix}. `lianxin keys list` shows them all.")
        connection.execute(insert(api_keys).values(**old._mapping, prefix=new_prefix, digest=_digest(key)))
    return key


def list_api_keys(store: Store) -> tuple[KeyRecord, ...]:
    """Return all keys, live and ended, in the order they were made; never the keys themselves. The store is open as the owner."""
    own = (api_keys.c.prefix, api_keys.c.name, api_keys.c.created_at, api_keys.c.revoked_at, api_keys.c.expires_at)
    shown = select(*own, tenants.c.name, tenants.c.kind, api_keys.c.scopes).join(tenants, tenants.c.id == api_keys.c.tenant_id)
    with store.engine.connect() as connection:
        rows = connection.execute(shown.order_by(api_keys.c.id)).all()
    return tuple(KeyRecord(*row[:-1], tuple(row[-1])) for row in rows)


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
        There is no key, or none like it, or it has ended; the three are not told apart.
    """
    form = _FORM.fullmatch(key or "")
    if form is None or key is None:
        raise NotAuthenticated
    caller, digest = _find(store, form[1])
    # An unknown prefix is compared too, so that it takes as long as a wrong secret.
    matches = hmac.compare_digest(_digest(key), digest)
    if caller is None or not matches:
        raise NotAuthenticated
    return caller


def live_caller(store: Store, prefix: str) -> Caller | None:
    """Return the caller of a prefix that a token or a session of ours names, if the key behind it is still live."""
    return _find(store, prefix)[0] if _PREFIX.fullmatch(prefix) else None


def _find(store: Store, prefix: str) -> tuple[Caller | None, bytes]:
    """Return the live caller of a prefix, and the digest to compare with."""
    with store.at_once.connect() as connection:
        row = connection.execute(_FIND, {"prefix": prefix}).one_or_none()
    if row is None:
        return None, bytes(32)
    kind = TenantKind(row.kind)
    tier = {TenantKind.SUPPLIER: Tier.RESTRICTED, TenantKind.OPERATOR: Tier.OPEN}.get(kind) or Tier(row.tier)
    caller = Caller(row.key_id, prefix, row.tenant_id, kind, row.supplier_id, tier, _allowed(kind, tuple(row.scopes)))
    return caller if row.is_live else None, bytes(row.digest)


@lru_cache(maxsize=256)
def _allowed(kind: TenantKind, names: tuple[str, ...]) -> frozenset[Scope]:
    """Return the scopes of these names as far as the kind of tenant may have them."""
    return scopes_named(names) & SCOPES_OF[kind]


def _make_key() -> tuple[str, str]:
    """Draw a key and return its prefix with it."""
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    return prefix, f"lx_{prefix}_{secret}"


def _digest(key: str) -> bytes:
    """Return what is kept of a key."""
    return hashlib.sha256(key.encode()).digest()
