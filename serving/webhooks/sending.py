"""One attempt to deliver one message: a POST to a checked address, bounded in time and size, whatever the receiver does.

No redirect is followed, no proxy of the environment is used, and nothing is read of the answer but its status.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from serving.http.refusals import WebhookUrlRefused
from serving.webhooks.addresses import Guard, Target

CONNECT_SECONDS: Final = 5.0
SECONDS: Final = 15.0


class Outcome(StrEnum):
    """What came of an attempt."""

    DELIVERED = "delivered"
    STATUS = "status_not_2xx"
    REDIRECT = "redirect_not_followed"
    ADDRESS = "address_not_public"
    NAME = "name_not_found"
    TLS = "tls_failed"
    CONNECTION = "connection_failed"
    TIMEOUT = "timed_out"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of it, the answer's status where there was one, and how long it took."""

    outcome: Outcome
    status: int | None
    milliseconds: int


def send(url: str, headers: Mapping[str, str], body: bytes, guard: Guard, *, seconds: float = SECONDS) -> Attempt:
    """Post the body to the URL and say what came of it; nothing that the receiver or its address does is an error here."""
    began = time.monotonic()
    outcome, status = _send(url, headers, body, guard, seconds)
    return Attempt(outcome, status, round((time.monotonic() - began) * 1000))


def _send(url: str, headers: Mapping[str, str], body: bytes, guard: Guard, seconds: float) -> tuple[Outcome, int | None]:
    """Check the address, then exchange; return outcome and status."""
    try:
        target = guard.target(url)
        addresses = guard.addresses(target)
    except WebhookUrlRefused:
        return Outcome.ADDRESS, None
    except (OSError, UnicodeError):
        return Outcome.NAME, None
    ended = threading.Event()
    try:
        status = _exchange(addresses, target, headers, body, seconds, ended)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _failure(error, is_over=ended.is_set()), None
    if 200 <= status < 300:
        return Outcome.DELIVERED, status
    return Outcome.REDIRECT if 300 <= status < 400 else Outcome.STATUS, status


def _failure(error: Exception, *, is_over: bool) -> Outcome:
    """Return what a failure of the exchange is called."""
    if is_over or isinstance(error, TimeoutError):
        return Outcome.TIMEOUT
    return Outcome.TLS if isinstance(error, ssl.SSLError) else Outcome.CONNECTION


def _exchange(addresses: list[str], target: Target, headers: Mapping[str, str], body: bytes, seconds: float, ended: threading.Event) -> int:
    """Connect, post and return the answer's status, all within the seconds, however slowly the answer comes."""
    # TLS takes the socket's descriptor for itself; the second one ends the connection all the same.
    with _connect(addresses, target) as raw, raw.dup() as handle:
        raw.settimeout(seconds)
        watch = threading.Timer(seconds, _end, (handle, ended))
        watch.daemon = True
        watch.start()
        try:
            return _post(raw, target, headers, body)
        finally:
            watch.cancel()
            watch.join()


def _connect(addresses: list[str], target: Target) -> socket.socket:
    """Connect to the first of the checked addresses that answers."""
    last: OSError = OSError("no address")
    for address in addresses[:4]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        raw = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        raw.settimeout(CONNECT_SECONDS)
        try:
            raw.connect((address, target.port))
        except OSError as error:
            raw.close()
            last = error
        else:
            return raw
    raise last


def _end(handle: socket.socket, ended: threading.Event) -> None:
    """End a connection whose time is over, also one that is fed a byte at a time."""
    ended.set()
    with suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)


def _post(raw: socket.socket, target: Target, headers: Mapping[str, str], body: bytes) -> int:
    """Send the request over the open connection and return the answer's status; the certificate must be of the host's name."""
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.sock = _secure(raw, target.host) if target.scheme == "https" else raw
    try:
        connection.putrequest("POST", target.path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": target.authority, "Content-Length": str(len(body)), "Connection": "close", **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        return connection.getresponse().status
    finally:
        connection.close()


def _secure(raw: socket.socket, host: str) -> ssl.SSLSocket:
    """Put TLS over the connection."""
    return ssl.create_default_context().wrap_socket(raw, server_hostname=host)
