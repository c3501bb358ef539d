"""Access tokens of OAuth2 client credentials: short-lived JWTs under one algorithm and one key; nothing in one decides how it is checked.

A token names the key it was got with; whether that key is still live is asked at each request, so that revoking it ends its tokens too.
RFC 8725 is followed: the header must be exactly the one written here, so no other algorithm, key or address is ever looked at.
"""

import hashlib
import re
import secrets
import time
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from serving.access.caller import Scope, scopes_named
from serving.http.refusals import NotAuthenticated

ALGORITHM: Final = "EdDSA"
ISSUER: Final = "lianxin"
AUDIENCE: Final = "lianxin-api"
LONGEST: Final = 2048
_REQUIRED: Final = ["exp", "iat", "aud", "iss", "sub", "jti", "scope"]
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


class Tokens:
    """Issues and checks the tokens of one service."""

    def __init__(self, key: Ed25519PrivateKey, minutes: int) -> None:
        """Sign with the key; a token lives so many minutes."""
        self.seconds = minutes * 60
        self._key, self._public = key, key.public_key()
        kid = hashlib.sha256(self._public.public_bytes_raw()).hexdigest()[:16]
        self._header = {"alg": ALGORITHM, "kid": kid, "typ": "at+jwt"}

    def issue(self, prefix: str, scopes: frozenset[Scope]) -> str:
        """Return a token for the key of the prefix, with some of its scopes."""
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": prefix, "iat": now, "exp": now + self.seconds, "jti": secrets.token_hex(16)}
        scope = " ".join(sorted(scopes))
        return jwt.encode(claims | {"scope": scope}, self._key, algorithm=ALGORITHM, headers=dict(self._header))

    def read(self, token: str) -> tuple[str, frozenset[Scope]]:
        """Return the prefix and scopes of a token that is ours and has not ended.

        Raises
        ------
        NotAuthenticated
            It is not; why is not told.
        """
        if len(token) > LONGEST or not _COMPACT.fullmatch(token):
            raise NotAuthenticated
        try:
            if jwt.get_unverified_header(token) != self._header:
                raise NotAuthenticated
            claims = jwt.decode(
                token,
                self._public,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": _REQUIRED, "strict_aud": True},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise NotAuthenticated from None
        if not _is_ours(claims, self.seconds):
            raise NotAuthenticated
        return claims["sub"], scopes_named(claims["scope"].split())


def _is_ours(claims: dict[str, object], seconds: int) -> bool:
    """Tell whether the claims have the form and the span of life that we give them."""
    begins, ends = claims["iat"], claims["exp"]
    texts = all(isinstance(claims[name], str) for name in ("sub", "jti", "scope"))
    return texts and type(begins) is int and type(ends) is int and 0 < ends - begins <= seconds
