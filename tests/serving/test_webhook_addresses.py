"""No URL of a caller reaches what stands behind the service: every private address in every disguise, and a listener that sees nothing."""

import ipaddress
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from serving.http.refusals import WebhookUrlRefused
from serving.webhooks.addresses import Guard, is_public
from serving.webhooks.sending import Outcome, send
from tests.serving.receiver import receiver

OPEN = Guard(https_only=False, any_address=True)
LOOSE = Guard(https_only=False)
STRICT = Guard()
# {port} is that of a listener on this machine, on IPv4 and IPv6.
PRIVATE = (
    "http://127.0.0.1:{port}/", "http://127.1:{port}/", "http://127.0.1:{port}/", "http://2130706433:{port}/", "http://0x7f000001:{port}/",
    "http://0x7f.1:{port}/", "http://0177.0.0.1:{port}/", "http://017700000001:{port}/", "http://127.255.255.254:{port}/",
    "http://0.0.0.0:{port}/", "http://0:{port}/", "http://localhost:{port}/", "http://LOCALHOST:{port}/", "http://localhost.:{port}/",
    "http://[::1]:{port}/", "http://[::]:{port}/", "http://[0:0:0:0:0:0:0:1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/", "http://[::127.0.0.1]:{port}/", "http://[64:ff9b::7f00:1]:{port}/", "http://[64:ff9b:1::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/", "http://[2001:0:7f00:1::]:{port}/", "http://[fe80::1]:{port}/", "http://[fc00::1]:{port}/",
    "http://[fd00:ec2::254]/", "http://[fec0::1]/", "http://[ff02::1]/", "http://[2001:db8::1]/", "http://[3fff::1]/", "http://[100::1]/",
    "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/", "http://[::ffff:169.254.169.254]/",
    "http://100.100.100.200/", "http://168.63.129.16/", "http://192.0.0.192/", "http://10.0.0.1/", "http://172.16.0.1/",
    "http://172.31.255.255/", "http://192.168.1.1/", "http://100.64.0.1/", "http://198.18.0.1/", "http://192.0.2.1/", "http://203.0.113.9/",
    "http://224.0.0.1/", "http://240.0.0.1/", "http://255.255.255.255/", "http://192.88.99.1/", "https://127.0.0.1:{port}/",
)  # fmt: skip
MALFORMED = (
    "", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "javascript:alert(1)", "//example.com/", "example.com",
    "http://", "http:///path", "http://user@example.com/", "http://user:pass@example.com/", "http://example.com:0/", "http://example.com:99999/",
    "http://example.com:x/", "http://example.com/#part", "http://exa mple.com/", "http://example.com/\r\nX: y", "http://example.com\\@127.0.0.1/",
    "http://127.0.0.1\\.example.com/", "http://\u2460\u2461\u2466.0.0.1/", "http://ex\u0430mple.com/", "http://[fe80::1%25eth0]/",
    "http://[::1/", "http://example.com\x00/", "http://.example.com/", "http://%31%32%37.0.0.1/", "http://example.com/" + "x" * 2048,
)  # fmt: skip


class Listener:
    """Takes connections on this machine and counts them."""

    def __init__(self) -> None:
        self.connections = 0
        self.socket = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


def no_connection(*_: object) -> Any:
    raise AssertionError("a connection was tried")


def test_no_private_address_in_any_disguise_is_connected_to(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(PRIVATE) >= 30
    monkeypatch.setattr(socket.socket, "connect", no_connection)
    for url in PRIVATE:
        assert send(url.format(port=listener.port), {}, b"{}", LOOSE).outcome in (Outcome.ADDRESS, Outcome.NAME), url
    assert listener.connections == 0


def test_the_listener_would_have_seen_a_connection(listener: Listener) -> None:
    assert send(f"http://127.0.0.1:{listener.port}/", {}, b"{}", OPEN).outcome is Outcome.CONNECTION
    assert listener.connections == 1


@pytest.mark.parametrize("url", MALFORMED, ids=repr)
def test_a_malformed_url_is_refused(url: str) -> None:
    with pytest.raises(WebhookUrlRefused):
        LOOSE.target(url)
    assert send(url, {}, b"{}", LOOSE).outcome is Outcome.ADDRESS


def test_numbers_are_refused_when_given_and_plain_http_in_production() -> None:
    for url in PRIVATE:
        if "localhost" not in url.lower():
            with pytest.raises(WebhookUrlRefused):
                LOOSE.target(url.format(port=80))
    with pytest.raises(WebhookUrlRefused):
        STRICT.target("http://example.com/")
    assert STRICT.target("https://example.com/a?b=c").path == "/a?b=c"
    assert STRICT.target("https://example.com:8443").authority == "example.com:8443"


def answering(*answers: list[str]) -> Any:
    """A resolver that answers otherwise each time."""
    left = list(answers)

    def look_up(host: str, port: int, *_: object, **flags: object) -> Any:
        if flags.get("flags"):
            raise OSError("not a number")
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    return look_up


def test_one_private_address_among_public_ones_is_enough(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering(["8.8.8.8", "127.0.0.1"]))
    assert send(f"http://bank.example:{listener.port}/", {}, b"{}", LOOSE).outcome is Outcome.ADDRESS
    assert listener.connections == 0


def test_a_name_that_answers_otherwise_the_second_time_gets_no_second_time(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering(["8.8.8.8"], ["127.0.0.1"]))
    tried: list[Any] = []

    def connect(self: socket.socket, address: Any) -> None:
        tried.append(address)
        raise OSError("not from a test")

    monkeypatch.setattr(socket.socket, "connect", connect)
    assert send(f"http://bank.example:{listener.port}/", {}, b"{}", LOOSE).outcome is Outcome.CONNECTION
    assert tried == [("8.8.8.8", listener.port)]
    assert listener.connections == 0


@pytest.mark.parametrize("address", ["::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1", "fe80::1%eth0", "nonsense"])
def test_what_only_wraps_an_address_is_not_public(address: str) -> None:
    assert not is_public(address)


def test_public_addresses_are() -> None:
    for address in ("8.8.8.8", "114.114.114.114", "2606:4700::1111", "240e::1"):
        assert is_public(address)
    assert not any(is_public(str(network[1])) for network in map(ipaddress.ip_network, ("10.0.0.0/8", "fd00::/8", "127.0.0.0/8")))


def test_no_redirect_is_followed_and_no_proxy_used(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listener.port}")
    with receiver() as there:
        for status in (301, 302, 303, 307, 308):
            there.statuses = [status]
            attempt = send(there.url, {}, b"{}", OPEN)
            assert (attempt.outcome, attempt.status) == (Outcome.REDIRECT, status)
        assert len(there.received) == 5
    assert listener.connections == 0


def test_time_is_bounded_however_slowly_an_answer_comes() -> None:
    with receiver() as there:
        there.statuses = ["slow"]
        attempt = send(there.url, {}, b"{}", OPEN, seconds=0.3)
    assert attempt.outcome is Outcome.TIMEOUT
    assert attempt.milliseconds < 3000


def test_a_receiver_without_tls_and_one_that_is_not_there() -> None:
    with receiver() as there:
        assert send(there.url.replace("http:", "https:"), {}, b"{}", OPEN).outcome is Outcome.TLS
        there.statuses = ["drop"]
        assert send(there.url, {}, b"{}", OPEN).outcome is Outcome.CONNECTION
    assert send(there.url, {}, b"{}", OPEN).outcome is Outcome.CONNECTION
    assert send("http://no-such-host.invalid/", {}, b"{}", OPEN).outcome is Outcome.NAME
