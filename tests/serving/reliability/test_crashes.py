"""What was acknowledged is there once, whatever dies: server processes are killed and the database is crashed under retrying clients.

The short form runs with the others; the long one, a thousand writes under fifty kills and ten crashes, on demand::

    pytest -m load tests/serving/reliability/test_crashes.py
"""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from features.ledger import Ledger
from serving.audit.anchors import verify_chains
from serving.database.postgres import EmbeddedPostgres
from serving.database.roles import APP_ROLE
from serving.database.upgrade import upgrade_tables
from serving.store import Store
from tests.serving.reliability.workers import Nursery, Worker
from tests.serving.reliability.writes import WRITES, Ask, Scene, ask

SEED = 20261122
CLIENTS = 8
PATIENCE = 300.0


@dataclass
class Clients:
    """Eight clients that share the writes to be made; each retries a write under its one key until it is acknowledged."""

    worker: Worker
    asks: Sequence[Ask]
    answers: dict[int, httpx.Response] = field(default_factory=dict)
    retries: int = 0
    wrong: list[str] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def work(self, first: int) -> None:
        """Make every eighth write, each again and again until it is acknowledged; some once more, as a client that lost the answer."""
        with httpx.Client(timeout=20) as client:
            for number in range(first, len(self.asks), CLIENTS):
                for _ in range(2 if number % 10 == 0 else 1):
                    self.persist(client, number)

    def persist(self, client: httpx.Client, number: int) -> None:
        """Make one write until it is acknowledged."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                answer = self.asks[number].send(client, self.worker.url)
            except httpx.TransportError:
                self.pause()
                continue
            if answer.status_code in (201, 202):
                with self.guard:
                    first, told = self.answers.setdefault(number, answer), self.asks[number].told
                    if told(first) != told(answer):
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
        due = int(len(clients.asks) * place / len(planned))
        while len(clients.answers) < due and any(thread.is_alive() for thread in threads):
            time.sleep(0.002)
        time.sleep(dice.random() * 0.05)
        if kind == "kill":
            clients.worker.end(signal.SIGKILL)
            clients.worker.start()
        else:
            recoveries.append(crash(postgres, (signal.SIGQUIT, signal.SIGKILL)[len(recoveries) % 2]))
    return recoveries


OTHERS = ("batches", "webhook messages", "disputes", "consents")


@pytest.mark.parametrize("kinds", [("scores",), ("decisions",), OTHERS], ids=["scores", "decisions", "batches and others"])
@pytest.mark.parametrize(("writes", "kills", "crashes"), [(100, 5, 1), pytest.param(1000, 50, 10, marks=pytest.mark.load)])
def test_nothing_acknowledged_is_lost_or_doubled(
    nursery: Nursery,
    own_postgres: EmbeddedPostgres,
    ledger: Ledger,
    say: Callable[[str], None],
    writes: int,
    kills: int,
    crashes: int,
    kinds: tuple[str, ...],
) -> None:
    owner = Store.open(own_postgres.owner_url())
    worker = nursery.worker(own_postgres.app_url(), rate_burst=100_000, rate_per_second=10_000)
    scene = Scene(owner, ledger, worker.url)
    clients = Clients(worker, [ask(scene, kinds[number % len(kinds)], number, f"write-{number}") for number in range(writes)])
    began = time.monotonic()
    threads = [threading.Thread(target=clients.work, args=(first,)) for first in range(CLIENTS)]
    for thread in threads:
        thread.start()
    recoveries = disturb(clients, threads, own_postgres, kills, crashes)
    for thread in threads:
        thread.join()
    owner.close()
    assert not clients.wrong
    assert len(recoveries) == crashes
    owner = Store.open(own_postgres.owner_url())
    told = [check_what_is_kept(owner, scene, clients, kind) for kind in kinds]
    if "batches" in kinds:
        told.append(check_the_rows_of_batches(owner))
    assert [report.is_whole for report in verify_chains(owner, set())].count(False) == 0
    owner.close()
    worker.end()
    say(
        f"{', '.join(told)} acknowledged under {kills} kills and {crashes} crashes of the database, seed {SEED}: 0 lost, 0 doubled, "
        f"chains whole; {clients.retries} retries, {time.monotonic() - began:.0f} s, database back after {max(recoveries):.1f} s at most"
    )


def column(owner: Store, statement: str, **told: object) -> list[Any]:
    """Return the only column of a query."""
    with owner.engine.connect() as connection:
        return list(connection.execute(text(statement), told).scalars())


def check_what_is_kept(owner: Store, scene: Scene, clients: Clients, kind: str) -> str:
    """Compare what the clients were told with what the database holds, and return how many writes of the kind there are."""
    write, mine = WRITES[kind], [number for number, asked in enumerate(clients.asks) if asked.kind == kind]
    told = sorted(clients.answers[number].json()["id"] for number in mine)
    assert len(set(told)) == len(mine)
    places = {"bank": scene.bank_id} if ":bank" in write.kept else {}
    assert sorted(str(each) for each in column(owner, write.kept, **places)) == told
    if write.audited:
        assert sorted(str(each) for each in column(owner, write.audited, **places)) == told
    if write.is_remembered:
        assert column(owner, "SELECT count(*) FROM idempotency WHERE tenant_id = :bank", bank=scene.bank_id) == [len(mine)]
    with httpx.Client(timeout=20) as client:
        for number in mine:
            asked = clients.asks[number]
            assert asked.told(asked.send(client, clients.worker.url)) == asked.told(clients.answers[number])
    return f"{len(mine)} {kind}"


def check_the_rows_of_batches(owner: Store) -> str:
    """Wait for the batches to end, and hold each row to what came of it: two scores and a refusal each, every score audited, none else."""
    until = time.monotonic() + PATIENCE
    while column(owner, "SELECT (SELECT count(*) FROM batches) - (SELECT count(*) FROM batch_ends)") != [0]:
        assert time.monotonic() < until, "batches did not end"
        time.sleep(0.1)
    assert column(owner, "SELECT DISTINCT code FROM batch_ends") == [None]
    outcomes = "SELECT count(*) AS all, count(score_id) AS scored FROM batch_outcomes GROUP BY batch_id"
    assert column(owner, f"SELECT DISTINCT each.all * 10 + each.scored FROM ({outcomes}) AS each") == [32]
    scored = sorted(column(owner, "SELECT score_id FROM batch_outcomes WHERE score_id IS NOT NULL"))
    of_bank = "tenant_id = (SELECT DISTINCT tenant_id FROM batches)"
    assert sorted(column(owner, f"SELECT id FROM scores WHERE {of_bank}")) == scored
    assert sorted(column(owner, f"SELECT score_id FROM audit WHERE score_id IS NOT NULL AND {of_bank}")) == scored
    return f"{len(scored)} scores of their rows"


def test_one_key_fifty_times_at_once_makes_one(nursery: Nursery, own_postgres: EmbeddedPostgres, ledger: Ledger) -> None:
    owner = Store.open(own_postgres.owner_url())
    workers = [nursery.worker(own_postgres.app_url(), rate_burst=100_000, rate_per_second=10_000) for _ in range(2)]
    scene = Scene(owner, ledger, workers[0].url)
    for kind, write in WRITES.items():
        places = {"bank": scene.bank_id} if ":bank" in write.kept else {}
        before = len(column(owner, write.kept, **places))
        asked = ask(scene, kind, 0, f"one-{kind.partition(' ')[0]}")
        answers = at_once(asked, workers)
        later = [answer for answer in answers if answer.status_code in (409, 503)]  # come again: it is under way, or all places are taken
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in later)
        good = [answer for answer in answers if answer not in later]
        assert {answer.status_code for answer in good} == ({202} if kind == "batches" else {201})
        assert len({answer.json()["id"] for answer in good}) == 1
        assert len({repr(asked.told(answer)) for answer in good}) == 1
        assert len(column(owner, write.kept, **places)) == before + 1, kind
    for worker in workers:
        worker.end()
    owner.close()


def at_once(asked: Ask, workers: Sequence[Worker]) -> list[httpx.Response]:
    """Send one request fifty times at the same moment, half to each process."""
    answers: list[httpx.Response] = []
    start = threading.Barrier(50)

    def send(worker: Worker) -> None:
        with httpx.Client(timeout=60) as client:
            client.get(f"{worker.url}/healthz")
            start.wait()
            answers.append(asked.send(client, worker.url))

    threads = [threading.Thread(target=send, args=(workers[number % 2],)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
