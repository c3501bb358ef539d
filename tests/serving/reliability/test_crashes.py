"""What was acknowledged is there once, whatever dies: server processes are killed and the database is crashed under retrying clients.

The short form runs with the others; the long one, a thousand writes under fifty kills and ten crashes, on demand::

    pytest -m load tests/serving/reliability/test_crashes.py
"""

import itertools
import os
import random
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from features.ledger import Ledger
from serving.access.keys import authenticate
from serving.audit.anchors import verify_chains
from serving.database.postgres import EmbeddedPostgres
from serving.database.roles import APP_ROLE
from serving.database.upgrade import upgrade_tables
from serving.store import Store
from tests.serving.applications import application
from tests.serving.conftest import bank_with_consents
from tests.serving.reliability.workers import Nursery, Worker

SEED = 20261122
CLIENTS = 8
PATIENCE = 300.0


@dataclass(frozen=True)
class Write:
    """A request that creates something: where to, its body for a supplier, the table it is kept in and the audit's column of it."""

    path: str
    body: Callable[[Ledger, str], dict[str, Any]]
    table: str
    audited_as: str


WRITES = {
    "score": Write("/v1/scores", lambda ledger, supplier: {"supplier_id": supplier, "purpose": "credit_application"}, "scores", "score_id"),
    "decision": Write("/v1/decisions", application, "decisions", "decision_id"),
}


@dataclass
class Clients:
    """Eight clients that share the writes to be made; each retries a write under its one key until it is acknowledged."""

    worker: Worker
    write: Write
    key: str
    bodies: Sequence[dict[str, Any]]
    answers: dict[int, bytes] = field(default_factory=dict)
    retries: int = 0
    wrong: list[str] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def post(self, client: httpx.Client, number: int) -> httpx.Response:
        """Make write `number`."""
        headers = {"X-API-Key": self.key, "Idempotency-Key": f"{self.run_id}-{number}"}
        return client.post(f"{self.worker.url}{self.write.path}", json=self.bodies[number], headers=headers)

    def work(self, first: int) -> None:
        """Make every eighth write, each again and again until it is answered by 201; some once more, as a client that lost the answer."""
        with httpx.Client(timeout=20) as client:
            for number in range(first, len(self.bodies), CLIENTS):
                for _ in range(2 if number % 10 == 0 else 1):
                    self.persist(client, number)

    def persist(self, client: httpx.Client, number: int) -> None:
        """Make one write until it is acknowledged."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                answer = self.post(client, number)
            except httpx.TransportError:
                self.pause()
                continue
            if answer.status_code == 201:
                with self.guard:
                    if self.answers.setdefault(number, answer.content) != answer.content:
                        self.wrong.append(f"write {number} was answered twice, and differently")
                return
            if answer.status_code not in (409, 503):
                self.wrong.append(f"write {number}: {answer.status_code} {answer.text}")
                return
            self.pause()
        self.wrong.append(f"write {number} was not acknowledged in {PATIENCE:g} s")

    def pause(self) -> None:
        """Wait a little before the next try."""
        with self.guard:
            self.retries += 1
        time.sleep(0.02)


@pytest.fixture
def own_postgres(folder: Path) -> Iterator[EmbeddedPostgres]:
    """A database that nothing else uses."""
    with EmbeddedPostgres(folder / "pg") as server:
        upgrade_tables(server.owner_url(), APP_ROLE)
        yield server


def crash(postgres: EmbeddedPostgres, how: signal.Signals) -> float:
    """End the database without a checkpoint, start it again, and return the seconds until it takes connections."""
    began = time.monotonic()
    assert postgres.pid is not None
    os.kill(postgres.pid, how)
    postgres.stop()
    postgres.start()
    return time.monotonic() - began


def disturb(clients: Clients, threads: Sequence[threading.Thread], postgres: EmbeddedPostgres, kills: int, crashes: int) -> list[float]:
    """Kill and crash at moments spread over the writes, and return how long each recovery of the database took."""
    dice = random.Random(SEED)
    planned = ["kill"] * kills + ["crash"] * crashes
    dice.shuffle(planned)
    recoveries: list[float] = []
    for place, kind in enumerate(planned):
        due = int(len(clients.bodies) * place / len(planned))
        while len(clients.answers) < due and any(thread.is_alive() for thread in threads):
            time.sleep(0.002)
        time.sleep(dice.random() * 0.05)
        if kind == "kill":
            clients.worker.end(signal.SIGKILL)
            clients.worker.start()
        else:
            recoveries.append(crash(postgres, (signal.SIGQUIT, signal.SIGKILL)[len(recoveries) % 2]))
    return recoveries


@pytest.mark.parametrize("kind", WRITES)
@pytest.mark.parametrize(("writes", "kills", "crashes"), [(100, 5, 1), pytest.param(1000, 50, 10, marks=pytest.mark.load)])
def test_nothing_acknowledged_is_lost_or_doubled(
    nursery: Nursery,
    own_postgres: EmbeddedPostgres,
    ledger: Ledger,
    say: Callable[[str], None],
    writes: int,
    kills: int,
    crashes: int,
    kind: str,
) -> None:
    owner = Store.open(own_postgres.owner_url())
    key = bank_with_consents(owner, ledger, "crashes")
    began = time.monotonic()
    worker = nursery.worker(own_postgres.app_url(), rate_burst=100_000, rate_per_second=10_000)
    suppliers = itertools.islice(itertools.cycle(ledger.supplier_ids), writes)
    clients = Clients(worker, WRITES[kind], key, [WRITES[kind].body(ledger, str(supplier)) for supplier in suppliers])
    threads = [threading.Thread(target=clients.work, args=(first,)) for first in range(CLIENTS)]
    for thread in threads:
        thread.start()
    recoveries = disturb(clients, threads, own_postgres, kills, crashes)
    for thread in threads:
        thread.join()
    owner.close()
    assert not clients.wrong
    assert len(recoveries) == crashes
    kept = check_what_is_kept(own_postgres, clients, key)
    worker.end()
    say(
        f"{kept} {kind}s acknowledged under {kills} kills and {crashes} crashes of the database, seed {SEED}: 0 lost, 0 doubled, "
        f"chain whole; {clients.retries} retries, {time.monotonic() - began:.0f} s, database back after {max(recoveries):.1f} s at most"
    )


def check_what_is_kept(postgres: EmbeddedPostgres, clients: Clients, key: str) -> int:
    """Compare what the clients were told with what the database holds, and return how many writes there are."""
    owner, write = Store.open(postgres.owner_url()), clients.write
    tenant = authenticate(owner, key).tenant_id
    with owner.engine.connect() as connection:

        def column(statement: str) -> list[Any]:
            return list(connection.execute(text(statement), {"tenant": tenant}).scalars())

        kept = {str(each) for each in column(f"SELECT id FROM {write.table} WHERE tenant_id = :tenant")}
        rows = f"SELECT {write.audited_as} FROM audit WHERE tenant_id = :tenant AND {write.audited_as} IS NOT NULL"
        audited = [str(each) for each in column(rows)]
        (remembered,) = column("SELECT count(*) FROM idempotency WHERE tenant_id = :tenant")
    told = [httpx.Response(201, content=body).json()["id"] for body in clients.answers.values()]
    assert len(clients.answers) == len(clients.bodies)
    assert sorted(told) == sorted(kept) == sorted(audited)
    assert remembered == len(clients.bodies)
    with httpx.Client(timeout=20) as client:
        for number, body in clients.answers.items():
            assert clients.post(client, number).content == body
    assert [report.is_whole for report in verify_chains(owner, set()) if report.tenant_id == tenant] == [True]
    owner.close()
    return len(kept)


def test_one_key_fifty_times_at_once_makes_one(nursery: Nursery, own_postgres: EmbeddedPostgres, ledger: Ledger) -> None:
    owner = Store.open(own_postgres.owner_url())
    key = bank_with_consents(owner, ledger, "at once")
    workers = [nursery.worker(own_postgres.app_url(), rate_burst=100_000, rate_per_second=10_000) for _ in range(2)]
    for name, write in WRITES.items():
        answers: list[httpx.Response] = []
        start, body = threading.Barrier(50), write.body(ledger, str(ledger.supplier_ids[0]))
        headers = {"X-API-Key": key, "Idempotency-Key": f"one-{name}"}

        def ask(worker: Worker, path: str = write.path, told: Any = (start, body, headers, answers)) -> None:
            start, body, headers, answers = told
            with httpx.Client(timeout=30) as client:
                client.get(f"{worker.url}/healthz")
                start.wait()
                answers.append(client.post(worker.url + path, json=body, headers=headers))

        threads = [threading.Thread(target=ask, args=(workers[number % 2],)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {answer.status_code for answer in answers} <= {201, 409}
        assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
        with owner.engine.connect() as connection:
            tenant = authenticate(owner, key).tenant_id
            count = connection.execute(text(f"SELECT count(*) FROM {write.table} WHERE tenant_id = :tenant"), {"tenant": tenant})
            assert count.scalar_one() == 1
    for worker in workers:
        worker.end()
    owner.close()
