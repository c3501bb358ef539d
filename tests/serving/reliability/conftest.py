"""The application of the service's tests behind a real socket, and a world of two banks to ask it about."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from features.ledger import Ledger
from serving.server import _url_of, listen
from serving.store import Store
from tests.serving.reliability.workers import Nursery
from tests.serving.world import World


@pytest.fixture(scope="session")
def world(app: FastAPI, owner: Store, ledger: Ledger) -> World:
    return World(app, owner, ledger, "reliability", first=20)


@pytest.fixture(scope="session")
def url(app: FastAPI) -> Iterator[str]:
    """Where the application answers, through the web server it is served with."""
    config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="off")
    server = uvicorn.Server(config)
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield _url_of(listener)
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="session")
def nursery(parts: Path) -> Iterator[Nursery]:
    nursery = Nursery(parts)
    yield nursery
    nursery.close()
