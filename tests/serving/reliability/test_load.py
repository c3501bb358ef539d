"""Too many requests, a stop in the middle of work, a long day: it refuses in order, finishes what it began, and does not grow.

The long forms run on demand::

    pytest -m load tests/serving/reliability/test_load.py
"""

import itertools
import signal
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import numpy as np
import psutil
import pytest
from sqlalchemy import text

from features.ledger import Ledger
from serving.access.keys import authenticate
from serving.database.postgres import EmbeddedPostgres
from serving.store import POOL_SIZE, Store
from tests.serving.conftest import bank_with_consents
from tests.serving.reliability.workers import Nursery, Worker
from tests.serving.world import World

CLIENTS = 8
UNLIMITED = {"rate_burst": 100_000, "rate_per_second": 10_000}
Say = Callable[[str], None]


@dataclass
class Load:
    """Clients that ask again and again until they are told to stop."""

    ask: Callable[[httpx.Client], httpx.Response]
    pause: float = 0.0
    """Seconds from one request of a client to its next, at least."""
    answers: list[httpx.Response] = field(default_factory=list)
    broken: list[httpx.TransportError] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        """Ask until told to stop, or until nobody listens any more."""
        with httpx.Client(timeout=30) as client:
            while not self.stopped.is_set():
                began = time.monotonic()
                try:
                    self.answers.append(self.ask(client))
                except httpx.TransportError as error:
                    self.broken.append(error)
                    return
                self.stopped.wait(max(0.0, began + self.pause - time.monotonic()))

    def start(self) -> list[threading.Thread]:
        """Let the clients begin."""
        threads = [threading.Thread(target=self.work) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        return threads

    def end(self, threads: list[threading.Thread]) -> None:
        """Wait until the last answer is there."""
        self.stopped.set()
        for thread in threads:
            thread.join()


def score(worker: Worker, key: str, supplier: str) -> Callable[[httpx.Client], httpx.Response]:
    """Return a way to ask for a new score."""
    body = {"supplier_id": supplier, "purpose": "credit_application"}

    def ask(client: httpx.Client) -> httpx.Response:
        headers = {"X-API-Key": key, "Idempotency-Key": uuid.uuid4().hex}
        return client.post(f"{worker.url}/v1/scores", json=body, headers=headers)

    return ask


@pytest.mark.parametrize(("seconds", "rate"), [(3.0, 1.0), pytest.param(60.0, 4.0, marks=pytest.mark.load)])
def test_ten_times_the_limit_is_refused_in_order_and_soon_over(
    nursery: Nursery, postgres: EmbeddedPostgres, world: World, say: Say, seconds: float, rate: float
) -> None:
    worker = nursery.worker(postgres.app_url(), rate_burst=4, rate_per_second=rate)
    load = Load(score(worker, world.headers["own"]["X-API-Key"], world.suppliers["own"]), pause=CLIENTS / (11 * rate))
    began = time.monotonic()
    threads = load.start()
    time.sleep(seconds)
    with httpx.Client(timeout=30) as other:
        assert other.get(f"{worker.url}/v1/models/current", headers=world.headers["other"]).status_code == 200
    load.end(threads)
    ended = time.monotonic()
    statuses = [answer.status_code for answer in load.answers]
    assert set(statuses) == {201, 429}
    assert not load.broken
    assert statuses.count(201) <= 4 + rate * (ended - began) + 1
    assert all(1 <= int(answer.headers["retry-after"]) <= 5 for answer in load.answers if answer.status_code == 429)
    with httpx.Client(timeout=30) as client:
        while client.get(f"{worker.url}/v1/models/current", headers=world.headers["own"]).status_code == 429:
            time.sleep(0.05)
    recovered = time.monotonic() - ended
    assert recovered < 5
    worker.end()
    say(
        f"{len(statuses) / (ended - began):.1f} requests a second against a limit of {rate:g} for {seconds:g} s: "
        f"{statuses.count(201)} served, {statuses.count(429)} times 429, nothing else; served again {recovered:.2f} s after"
    )


@pytest.mark.parametrize("stops", [3, pytest.param(100, marks=pytest.mark.load)])
def test_a_stop_under_load_drops_nothing_it_began(
    nursery: Nursery, postgres: EmbeddedPostgres, owner: Store, ledger: Ledger, say: Say, stops: int
) -> None:
    key = bank_with_consents(owner, ledger, f"stops {stops}")
    worker = nursery.worker(postgres.app_url(), **UNLIMITED)
    answered = 0
    for _ in range(stops):
        load = Load(score(worker, key, str(ledger.supplier_ids[0])))
        threads = load.start()
        while len(load.answers) < CLIENTS:
            time.sleep(0.002)
        worker.end(signal.SIGTERM)
        load.end(threads)
        assert {answer.status_code for answer in load.answers} == {201}
        answered += len(load.answers)
        worker.start()
    worker.end()
    with owner.engine.connect() as connection:
        tenant = authenticate(owner, key).tenant_id
        kept = connection.execute(text("SELECT count(*) FROM scores WHERE tenant_id = :tenant"), {"tenant": tenant}).scalar_one()
    assert kept == answered
    say(f"{stops} stops under {CLIENTS} clients: {answered} answers of 201 got, {kept} scores kept: 0 dropped")


@dataclass(frozen=True)
class Sample:
    """What a worker holds at a moment."""

    second: float
    megabytes: float
    handles: int
    connections: int


@pytest.mark.parametrize(("seconds", "growth"), [(6.0, 1.25), pytest.param(660.0, 1.05, marks=pytest.mark.load)])
def test_a_long_run_does_not_grow(
    nursery: Nursery, postgres: EmbeddedPostgres, owner: Store, world: World, say: Say, seconds: float, growth: float
) -> None:
    worker = nursery.worker(postgres.app_url(), **UNLIMITED)
    key, supplier = world.headers["own"]["X-API-Key"], world.suppliers["own"]
    own = world.scores["bank"]["own"]
    token = {"grant_type": "client_credentials", "client_id": key.split("_")[1], "client_secret": key}
    new_score = score(worker, key, supplier)
    ways: list[Callable[[httpx.Client], httpx.Response]] = [
        new_score,
        lambda client: client.get(f"{worker.url}/v1/scores/{own}", headers={"X-API-Key": key}),
        lambda client: client.get(f"{worker.url}/v1/lookups?limit=50", headers={"X-API-Key": key}),
        lambda client: client.post(f"{worker.url}/v1/oauth/token", data=token),
        lambda client: client.post(f"{worker.url}/v1/scores", content=b"[" * 1000, headers={"X-API-Key": key, "Idempotency-Key": "k"}),
        lambda client: client.get(f"{worker.url}/report/{supplier}"),
    ]
    turns = itertools.count()

    def ask(client: httpx.Client) -> httpx.Response:
        return ways[next(turns) % len(ways)](client)

    load = Load(ask)
    threads = load.start()
    samples = _watch(worker.pid, owner, seconds)
    load.end(threads)
    worker.end()
    assert not load.broken
    assert {answer.status_code for answer in load.answers} == {200, 201, 303, 415}
    later = samples[len(samples) // 2 :]
    slopes = {name: _slope(later, name) for name in ("megabytes", "handles", "connections")}
    assert later[-1].megabytes <= later[0].megabytes * growth
    assert later[-1].handles <= later[0].handles + CLIENTS
    assert max(sample.connections for sample in samples) <= POOL_SIZE
    told = ", ".join(f"{name} {getattr(later[-1], name):.0f} ({slope:+.2f} a minute)" for name, slope in slopes.items())
    say(f"{len(load.answers)} requests in {seconds:g} s; at the end, with the slope over the later half: {told}")


def _watch(pid: int, owner: Store, seconds: float) -> list[Sample]:
    """Look at the worker about a hundred times while it works."""
    process, began, samples = psutil.Process(pid), time.monotonic(), []
    count = text("SELECT count(*) FROM pg_stat_activity WHERE usename = 'lianxin_app'")
    before = _connections(owner, count)
    while (second := time.monotonic() - began) < seconds:
        opened = _connections(owner, count) - before
        samples.append(Sample(second, process.memory_info().rss / 2**20, process.num_fds(), opened))
        time.sleep(seconds / 100)
    return samples


def _connections(owner: Store, count: object) -> int:
    """Count the connections of the application's role."""
    with owner.engine.connect() as connection:
        return int(connection.execute(count).scalar_one())  # type: ignore[call-overload]


def _slope(samples: list[Sample], name: str) -> float:
    """Return the slope of a line through the samples, per minute."""
    minutes = np.array([sample.second for sample in samples]) / 60
    return float(np.polyfit(minutes, [getattr(sample, name) for sample in samples], 1)[0])
