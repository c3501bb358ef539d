"""A receiver of webhooks on this machine: keeps what it is sent, and answers as a test wants it to."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Received:
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """``statuses`` are given one after another, the last for ever; "slow" feeds a byte at a time, "drop" closes without a word."""

    statuses: list[int | str] = field(default_factory=lambda: [200])
    received: list[Received] = field(default_factory=list)
    url: str = ""


@contextmanager
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            kept.received.append(Received({name.lower(): value for name, value in self.headers.items()}, body))
            status = kept.statuses.pop(0) if len(kept.statuses) > 1 else kept.statuses[0]
            if status == "drop":
                self.connection.shutdown(socket.SHUT_RDWR)
            elif status == "slow":
                for _ in range(100):
                    try:
                        self.wfile.write(b"H")
                    except OSError:
                        break
                    time.sleep(0.05)
            else:
                self.send_response(int(status))
                self.send_header("Location", kept.url + "elsewhere")
                self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

        def finish(self) -> None:
            with suppress(OSError, ValueError):
                super().finish()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda request, address: None  # type: ignore[method-assign,assignment]
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
