"""May the service connect to this address? Only to public ones, so that no URL of a caller reaches what stands behind the service.

A URL is looked at when it is given, and its host's addresses at every attempt: all of them must be public, and the connection goes to
one of those that were looked at, never to the name again (a name may answer otherwise the second time).

Sources: IANA's special-purpose registries for IPv4 and IPv6 (RFC 6890), RFC 6052 (NAT64), RFC 3056 (6to4), RFC 4380 (Teredo).
"""

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from serving.http.refusals import WebhookUrlRefused

LONGEST: Final = 2048
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]", re.ASCII)
_URL: Final = re.compile(r"[!-\[\]-~]+", re.ASCII)  # visible, and no backslash, which readers of URLs take for different things
_IPV6_PUBLIC: Final = ipaddress.IPv6Network("2000::/3")
# Public by number, yet not another's machine: protocol assignments (Teredo and ORCHID among them), documentation, 6to4, whose last part
# is an IPv4 address of anybody's choice.
_IPV6_SPECIAL: Final = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
# Old 6to4 relays; the address under which a large cloud answers its guests about themselves.
_IPV4_SPECIAL: Final = tuple(map(ipaddress.IPv4Network, ("192.88.99.0/24", "192.0.0.0/24", "168.63.129.16/32")))


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads: scheme, host as it was written, port, and the rest, beginning with a slash."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and, where it is not the usual one, port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"https": 443, "http": 80}[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Guard:
    """What is let through: ``https_only`` in production, ``any_address`` only on a machine of one's own."""

    https_only: bool = True
    any_address: bool = False

    def target(self, url: str) -> Target:
        """Read a URL.

        Raises
        ------
        WebhookUrlRefused
            It is longer than `LONGEST`, not of the form ``https://host[:port]/path``, carries a name or password or a fragment, or names
            an address that is not public.
        """
        if len(url) > LONGEST or not _URL.fullmatch(url):
            raise WebhookUrlRefused
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise WebhookUrlRefused from None
        schemes = {"https": 443} | ({} if self.https_only else {"http": 80})
        authority = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc
        if parts.scheme not in schemes or "#" in url or port == 0 or not _HOST.fullmatch(authority):
            raise WebhookUrlRefused
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        target = Target(parts.scheme, authority.strip("[]"), port or schemes[parts.scheme], path)
        for address in _numeric(target):
            self.refuse_private(address)
        return target

    def addresses(self, target: Target) -> list[str]:
        """Look the host up and return its addresses, all of which may be connected to.

        Raises
        ------
        WebhookUrlRefused
            One of them is not public.
        OSError
            The host cannot be looked up.
        """
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        for address in addresses:
            self.refuse_private(address)
        return addresses

    def refuse_private(self, address: str) -> None:
        """Refuse an address that is not public with `WebhookUrlRefused`."""
        if not self.any_address and not is_public(address):
            raise WebhookUrlRefused


def is_public(address: str) -> bool:
    """Tell whether an address is another's machine on the internet.

    Examples
    --------
    >>> is_public("8.8.8.8"), is_public("10.0.0.1"), is_public("::ffff:127.0.0.1"), is_public("64:ff9b::a00:1")
    (True, False, False, False)
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # an interface stands behind it: fe80::1%eth0
        return False
    if isinstance(found, ipaddress.IPv6Address):
        return found in _IPV6_PUBLIC and not any(found in network for network in _IPV6_SPECIAL)
    return (
        found.is_global
        and not (found.is_multicast or found.is_reserved or found.is_unspecified)
        and not any(found in network for network in _IPV4_SPECIAL)
    )


def _numeric(target: Target) -> list[str]:
    """Return the address of a host that is a number in any form the system reads (127.1, 0x7f000001, 2130706433), none of a name."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError:
        return []
    return [str(info[4][0]) for info in found]
