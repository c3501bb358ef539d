"""Server processes that start at once, so that many can be killed: each is forked from one that has loaded everything but serves nothing.

What runs in a worker is the real application on the real web server; only imports and the bundle come from the process before it.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import uvicorn
from sqlalchemy import URL, make_url

from features.store import open_ledger
from serving.app import create_app
from serving.background import Job, beside
from serving.server import BATCH_SECONDS, GRACE_SECONDS, _Server, _url_of, listen
from serving.settings import ServiceSettings
from serving.store import Store
from training.bundle import ScoringBundle


def main() -> None:
    """Load the bundle, then fork a worker for each line on the standard input: a JSON object of database, port and settings."""
    parts = Path(sys.argv[1])
    bundle = ScoringBundle.load(parts / "bundle")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while line := sys.stdin.readline():
        if os.fork() == 0:
            serve(parts, bundle, json.loads(line))
            os._exit(0)


def serve(parts: Path, bundle: ScoringBundle, told: dict[str, Any]) -> None:
    """Serve until a signal; say process and address once requests are answered."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    settings = ServiceSettings(**told["settings"])
    with listen("127.0.0.1", told["port"]) as listener:
        app = create_app(settings, bundle, open_ledger(parts / "ledger"), Store.open(make_url(told["database"])))
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, lifespan="off", timeout_graceful_shutdown=GRACE_SECONDS
        )
        ready = f"{os.getpid()} {_url_of(listener)}\n".encode()
        worker = app.state.worker
        with beside([Job("batches", BATCH_SECONDS, worker.work, worker.woken)]):
            _Server(config, lambda: os.write(1, ready)).run(sockets=[listener])


@dataclass
class Worker:
    """A server process; `start_again` puts a new one in its place, at the same address."""

    nursery: "Nursery"
    database: str
    settings: dict[str, Any]
    pid: int = 0
    url: str = ""
    port: int = 0
    starts: list[float] = field(default_factory=list)

    def start(self) -> Self:
        """Start, and wait until requests are answered."""
        began = time.monotonic()
        line = self.nursery.ask({"database": self.database, "port": self.port, "settings": self.settings})
        self.pid, self.url = int(line.split()[0]), line.split()[1]
        self.port = httpx.URL(self.url).port or 0
        self.starts.append(time.monotonic() - began)
        return self

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Send the signal and wait until the process is gone."""
        if self.pid:
            os.kill(self.pid, how)
            while _is_alive(self.pid):
                time.sleep(0.005)
            self.pid = 0


def _is_alive(pid: int) -> bool:
    """Tell whether there is a process of that id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Nursery:
    """The process that workers are forked from."""

    def __init__(self, parts: Path) -> None:
        """Load everything; workers must not inherit threads, so the libraries get one each."""
        command = [sys.executable, "-W", "ignore", "-m", "tests.serving.reliability.workers", str(parts)]
        alone = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | alone)
        self.workers: list[Worker] = []

    def ask(self, told: dict[str, Any]) -> str:
        """Have a worker forked and return what it says when it is ready."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(told) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the process that workers are forked from has ended")
        return line

    def worker(self, database: URL, **settings: Any) -> Worker:
        """Start a worker on the database."""
        worker = Worker(self, database.render_as_string(hide_password=False), settings)
        self.workers.append(worker)
        return worker.start()

    def close(self) -> None:
        """End all workers and the process itself."""
        for worker in self.workers:
            worker.end(signal.SIGKILL)
        self.process.terminate()
        self.process.communicate()


if __name__ == "__main__":
    main()
