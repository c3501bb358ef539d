"""How does a browser show who it is? By a short-lived signed cookie, got with a key, with an access token or with a one-time link.

The cookie holds the prefix of the key, when it ends and, where it was got with a token, the token's scopes, and a tag over all of it
under a secret this process draws at its start: a restart ends every session, and nothing is stored. The service checks at each request
that the key is still live.
"""

import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable

from serving.access.caller import Scope, scopes_named

COOKIE = "lianxin_session"
LINK_SECONDS = 3600
_LINKS_AT_MOST = 1000


class Sessions:
    """Sessions and one-time links of one service process."""

    def __init__(self, minutes: int, clock: Callable[[], float] = time.time) -> None:
        """Draw the secret; sessions last so many minutes by the clock."""
        self.seconds = minutes * 60
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._links: dict[bytes, tuple[str, float]] = {}
        self._guard = threading.Lock()

    def issue(self, prefix: str, *, scopes: frozenset[Scope] | None = None, seconds: int | None = None) -> str:
        """Return the cookie's value for a session of this key, beginning now; with fewer scopes or shorter where that is said."""
        claim = f"{prefix}.{int(self._clock()) + min(self.seconds, seconds or self.seconds)}"
        if scopes is not None:
            claim += "." + "+".join(sorted(scopes))
        return f"{claim}.{self._tag(claim)}"

    def read(self, cookie: str | None) -> tuple[str, frozenset[Scope] | None] | None:
        """Return the prefix of the key of a session that is genuine and has not ended, and its scopes if it has not all of the key's."""
        claim, _, tag = (cookie or "").rpartition(".")
        if not claim or not tag.isascii() or not hmac.compare_digest(tag, self._tag(claim)):
            return None
        prefix, ends, *scopes = claim.split(".")
        if int(ends) <= self._clock():
            return None
        return prefix, scopes_named(scopes[0].split("+")) if scopes else None

    def form_token(self, cookie: str) -> str:
        """Return what a form of this session carries, so that another site cannot send it."""
        return self._tag(f"form {cookie}")

    def is_form_token(self, cookie: str | None, token: str | None) -> bool:
        """Tell whether the token is the one of the forms of this session."""
        sent = (token or "").encode("utf-8", "replace")
        return cookie is not None and hmac.compare_digest(sent, self.form_token(cookie).encode())

    def issue_link(self, prefix: str) -> str:
        """Return a token that opens one session of this key, once, within an hour."""
        token = secrets.token_urlsafe(32)
        now = self._clock()
        with self._guard:
            self._links = {digest: link for digest, link in self._links.items() if link[1] > now}
            while len(self._links) >= _LINKS_AT_MOST:
                self._links.pop(next(iter(self._links)))
            self._links[_digest(token)] = (prefix, now + LINK_SECONDS)
        return token

    def redeem_link(self, token: str) -> str | None:
        """Return the prefix of the key of a link that has neither been used nor ended, and use it up."""
        with self._guard:
            prefix, ends = self._links.pop(_digest(token), (None, 0.0))
        return prefix if ends > self._clock() else None

    def _tag(self, claim: str) -> str:
        """Return the signature of a claim."""
        return base64.urlsafe_b64encode(hmac.digest(self._secret, claim.encode(), hashlib.sha256)).decode().rstrip("=")


def _digest(token: str) -> bytes:
    """Return what is kept of a token; looking it up by digest takes no time that depends on the token."""
    return hashlib.sha256(token.encode()).digest()


def local_path(wanted: str | None) -> str:
    """Return the page to go to after a login: a path of this service, else the start page.

    Examples
    --------
    >>> local_path("/report/S1?lang=en"), local_path("//evil.example/"), local_path("https://evil.example/")
    ('/report/S1?lang=en', '/', '/')
    """
    path = wanted or ""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if is_local else "/"
