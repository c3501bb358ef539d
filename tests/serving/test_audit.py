"""The audit: every score has its row, any touch of a chain is found, and any score comes out again bit for bit."""

import hashlib
import itertools
import json
import random
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from sqlalchemy import text

from features.columns import Tier
from features.ledger import Ledger
from serving.access.caller import Caller
from serving.access.keys import authenticate
from serving.audit.anchors import anchor_chains, verify_chains
from serving.audit.chain import Anchor, AuditRow, canonical, find_fault, genesis, next_row, sign_anchor
from serving.audit.replay import replay
from serving.http.refusals import AuditRowUnknown, ReplayRefused
from serving.store import Store, feature_snapshot, without_audit
from tests.serving.client import Client
from tests.serving.conftest import bank_with_consents
from training.bundle import ScoringBundle

TENANT = uuid.UUID("11111111-2222-4333-8444-555555555555")
KEY = Ed25519PrivateKey.generate()
TRUSTED = {KEY.public_key().public_bytes_raw()}


def make_chain(length: int, salt: str = "") -> list[AuditRow]:
    rows: list[AuditRow] = []
    for place in range(length):
        head = (rows[-1].sequence, rows[-1].hash) if rows else None
        rows.append(
            next_row(TENANT, head, {"kind": "score", "score_id": f"{salt}{place}", "supplier_id": f"供应商{place % 7}", "consent_id": None})
        )
    return rows


def sealed(row: AuditRow, record: bytes) -> AuditRow:
    """A row with another record and a hash that fits it, as somebody who knows the rule would write it."""
    return replace(row, record=record, hash=hashlib.sha256(row.previous_hash + record).digest())


def rehash(rows: list[AuditRow], start: int) -> list[AuditRow]:
    """The rows from `start` on hung anew on what stands before them."""
    out = rows[:start]
    for row in rows[start:]:
        previous = out[-1].hash if out else genesis(TENANT)
        out.append(sealed(replace(row, previous_hash=previous), row.record))
    return out


def flip(value: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(value))
    return value[:place] + bytes([value[place] ^ (1 << dice.randrange(8))]) + value[place + 1 :]


Tamper = Callable[[list[AuditRow], random.Random], list[AuditRow]]


def _with(rows: list[AuditRow], place: int, row: AuditRow) -> list[AuditRow]:
    return [*rows[:place], row, *rows[place + 1 :]]


def _at(change: Callable[[AuditRow, random.Random], AuditRow]) -> Tamper:
    def tamper(rows: list[AuditRow], dice: random.Random) -> list[AuditRow]:
        place = dice.randrange(len(rows))
        return _with(rows, place, change(rows[place], dice))

    return tamper


def _drop(rows: list[AuditRow], dice: random.Random) -> list[AuditRow]:
    place = dice.randrange(len(rows))
    return rows[:place] + rows[place + 1 :]


def _drop_and_renumber(rows: list[AuditRow], dice: random.Random) -> list[AuditRow]:
    place = dice.randrange(len(rows))
    kept = rows[:place] + rows[place + 1 :]
    out: list[AuditRow] = []
    for row in kept:
        told = {name: value for name, value in json.loads(row.record).items() if name not in ("tenant", "sequence")}
        out.append(next_row(TENANT, (out[-1].sequence, out[-1].hash) if out else None, told))
    return out


def _insert(rows: list[AuditRow], dice: random.Random) -> list[AuditRow]:
    place = dice.randrange(len(rows))
    return [*rows[:place], rows[dice.randrange(len(rows))], *rows[place:]]


def _swap(rows: list[AuditRow], dice: random.Random) -> list[AuditRow]:
    first, second = dice.sample(range(len(rows)), 2)
    return _with(_with(rows, first, rows[second]), second, rows[first])


def _rewrite_from(rows: list[AuditRow], dice: random.Random) -> list[AuditRow]:
    place = dice.randrange(len(rows))
    told = json.loads(rows[place].record) | {"supplier_id": "another"}
    return rehash(_with(rows, place, replace(rows[place], record=canonical(told))), place)


TAMPERINGS: dict[str, Tamper] = {
    "a bit of a record": _at(lambda row, dice: replace(row, record=flip(row.record, dice))),
    "a bit of a hash": _at(lambda row, dice: replace(row, hash=flip(row.hash, dice))),
    "a bit of a link": _at(lambda row, dice: replace(row, previous_hash=flip(row.previous_hash, dice))),
    "a record, sealed again": _at(lambda row, dice: sealed(row, canonical(json.loads(row.record) | {"score_id": "x"}))),
    "a record in another form": _at(lambda row, dice: sealed(row, json.dumps(json.loads(row.record)).encode())),
    "another sequence": _at(lambda row, dice: replace(row, sequence=row.sequence + dice.choice((-1, 1, 1000)))),
    "a row dropped": _drop,
    "a row dropped, the rest written anew": _drop_and_renumber,
    "a row twice": _insert,
    "two rows changed places": _swap,
    "the tail cut": lambda rows, dice: rows[: dice.randrange(len(rows))],
    "rewritten from a row on": _rewrite_from,
    "written anew": lambda rows, dice: make_chain(len(rows), salt=f"{dice.random()}"),
    "another tenant's chain": lambda rows, dice: [replace(row, record=row.record.replace(b"1111", b"2222")) for row in rows],
}


def test_a_whole_chain_is_whole_and_a_thousand_tamperings_are_all_found() -> None:
    rows = make_chain(60)
    anchors = [sign_anchor(TENANT, row.sequence, row.hash, KEY) for row in (rows[19], rows[-1])]
    assert find_fault(TENANT, rows, anchors, TRUSTED) is None
    dice = random.Random(20261122)
    found = 0
    for number in range(1000):
        name = list(TAMPERINGS)[number % len(TAMPERINGS)]
        touched = TAMPERINGS[name](rows, dice)
        assert touched != rows
        fault = find_fault(TENANT, touched, anchors, TRUSTED)
        assert fault is not None, name
        first = next((i for i, (a, b) in enumerate(zip(rows, touched, strict=False)) if a != b), len(touched))
        # A row of its own form is told where it stands; what was written anew with every link right, at the next anchor.
        assert first + 1 <= fault.sequence <= max(first + 2, next(a.sequence for a in anchors if a.sequence > first)), name
        found += 1
    assert found == 1000


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda a: replace(a, hash=bytes(32)), "anchor_changed"),
        (lambda a: replace(a, signature=bytes(64)), "anchor_changed"),
        (lambda a: replace(a, sequence=3), "anchor_changed"),
        (lambda a: sign_anchor(TENANT, a.sequence, a.hash, Ed25519PrivateKey.generate()), "anchor_of_another"),
        (lambda a: replace(a, tenant_id=uuid.uuid4()), "anchor_of_another"),
        (lambda a: sign_anchor(TENANT, 6, bytes(32), KEY), "tail_missing"),
        (lambda a: sign_anchor(TENANT, 5, bytes(32), KEY), "chain_rewritten"),
    ],
)
def test_a_touched_anchor_is_found(change: Callable[[Anchor], Anchor], code: str) -> None:
    rows = make_chain(5)
    fault = find_fault(TENANT, rows, [change(sign_anchor(TENANT, 5, rows[-1].hash, KEY))], TRUSTED)
    assert fault is not None
    assert fault.code == code


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (lambda told: json.dumps(told).encode(), "record_of_another_place"),
        (lambda told: canonical(told | {"sequence": 4}), "record_of_another_place"),
        (lambda told: canonical(told | {"tenant": str(uuid.uuid4())}), "record_of_another_place"),
        (lambda told: b"[1]", "record_unreadable"),
        (lambda told: b"\xff", "record_unreadable"),
    ],
)
def test_the_last_row_names_its_place_in_the_one_form_even_without_an_anchor(record: Callable[[Any], bytes], code: str) -> None:
    rows = make_chain(3)
    fault = find_fault(TENANT, [*rows[:2], sealed(rows[2], record(json.loads(rows[2].record)))], [], TRUSTED)
    assert fault is not None
    assert (fault.sequence, fault.code) == (3, code)


def test_an_anchor_is_read_from_its_line() -> None:
    anchor = sign_anchor(TENANT, 1, bytes(32), KEY)
    assert Anchor.from_json(anchor.to_json()) == anchor
    for line in ("", "{}", "[]", "null", '{"tenant": 1}', anchor.to_json().replace("hash", "hush")):
        with pytest.raises(ValueError, match=r".*"):
            Anchor.from_json(line)


@pytest.fixture(scope="module")
def audited(app: FastAPI, owner: Store, ledger: Ledger) -> tuple[Client, Caller]:
    """A bank of its own, so that its chain begins here; it sees data up to `consent`."""
    key = bank_with_consents(owner, ledger, "audited", Tier.CONSENT)
    return Client(app, Accept_Language="en", X_API_Key=key), authenticate(owner, key)


def ask(client: Client, supplier: str, **more: str) -> Any:
    body = {"supplier_id": supplier, "purpose": "credit_application"} | more
    answer = client.post("/v1/scores", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert answer.status_code == 201, answer.text
    return answer


def test_every_answer_names_its_place_in_the_chain(audited: tuple[Client, Caller], owner: Store, ledger: Ledger) -> None:
    client, caller = audited
    places = [ask(client, str(supplier)).json() for supplier in ledger.supplier_ids[:5]]
    sequences = [body["audit"]["sequence"] for body in places]
    assert sequences == list(range(sequences[0], sequences[0] + 5))
    with owner.engine.connect() as connection:
        for body in places:
            row = connection.execute(text("SELECT * FROM audit WHERE score_id = :id"), {"id": body["id"]}).one()
            told = json.loads(bytes(row.record))
            assert body["audit"]["chain_hash"] == bytes(row.hash).hex()
            record = owner_record(owner, caller, body["id"])
            assert body["audit"]["feature_snapshot_sha256"] == feature_snapshot(record.feature_values) == told["feature_snapshot_sha256"]
            assert told["answer_sha256"] == hashlib.sha256(without_audit(record.body)).hexdigest()
            assert told["consent_id"] == body["consent_ref"]


def owner_record(owner: Store, caller: Caller, score_id: str) -> Any:
    return owner.read_record(caller, uuid.UUID(score_id))


def test_scores_at_once_make_one_unbroken_chain(audited: tuple[Client, Caller], owner: Store, ledger: Ledger) -> None:
    client, caller = audited
    threads = [threading.Thread(target=ask, args=(client, str(supplier))) for supplier in ledger.supplier_ids[:6]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    (report,) = [each for each in verify_chains(owner, TRUSTED) if each.tenant_id == caller.tenant_id]
    assert report.is_whole
    assert report.rows >= 6


@pytest.mark.parametrize("count", [50, pytest.param(500, marks=pytest.mark.load)])
def test_any_score_comes_out_again_bit_for_bit(
    audited: tuple[Client, Caller], owner: Store, ledger: Ledger, bundle: ScoringBundle, say: Callable[[str], None], count: int
) -> None:
    client, caller = audited
    firsts = np.array([f"{year}-{month:02d}-01" for year in (2026, 2025) for month in range(6, 0, -1)], dtype="datetime64[D]")
    known = ((day, ledger.supplier_ids[place]) for day in firsts for place in np.flatnonzero(ledger.known_from < day.astype(int)))
    bodies = [ask(client, str(supplier), as_of=str(day)).json() for day, supplier in itertools.islice(known, count)]
    assert len(bodies) == count
    assert any(part["withheld"] for body in bodies for part in body["contributions"])
    for body in bodies:
        found = replay(owner, bundle, caller.tenant_id, body["audit"]["sequence"])
        assert found.different == ()
        assert found.points == body["score"]["points"]
    say(f"{count} of {count} scores computed again from the audit: bit for bit")
    with pytest.raises(AuditRowUnknown):
        replay(owner, bundle, caller.tenant_id, 10**6)
    with pytest.raises(ReplayRefused, match="the row names"):
        replay(owner, replace(bundle, content_hash="0" * 64), caller.tenant_id, 1)


@contextmanager
def unguarded(owner: Store, *tables: str) -> Iterator[Any]:
    """A transaction of an owner that took the triggers away; rolled back at the end."""
    connection = owner.engine.connect()
    try:
        for table in tables:
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        yield connection
    finally:
        connection.rollback()
        connection.close()


DAMAGE = {
    "a record changed": "UPDATE audit SET record = record || ' ' WHERE tenant_id = :t AND sequence = 2",
    "sealed again": "UPDATE audit SET record = convert_to(replace(convert_from(record, 'UTF8'), 'S0', 'S1'), 'UTF8'),"
    " hash = sha256(previous_hash || convert_to(replace(convert_from(record, 'UTF8'), 'S0', 'S1'), 'UTF8'))"
    " WHERE tenant_id = :t AND sequence = 2",
    "a row deleted": "DELETE FROM audit WHERE tenant_id = :t AND sequence = 3",
    "the tail deleted": "DELETE FROM audit WHERE tenant_id = :t AND sequence > 2",
    "all deleted": "DELETE FROM audit WHERE tenant_id = :t",
    "moved to the end": "UPDATE audit SET sequence = 100000 WHERE tenant_id = :t AND sequence = 1",
    "an anchor changed": "UPDATE audit_anchors SET hash = sha256(hash) WHERE tenant_id = :t",
    "an anchor of another key": "UPDATE audit_anchors SET public_key = sha256(public_key) WHERE tenant_id = :t",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_to_the_real_chain_is_found(audited: tuple[Client, Caller], owner: Store, ledger: Ledger, name: str) -> None:
    client, caller = audited
    for supplier in ledger.supplier_ids[:4]:
        ask(client, str(supplier))
    anchor_chains(owner, KEY)
    whole = [each for each in verify_chains(owner, TRUSTED) if each.tenant_id == caller.tenant_id]
    assert whole[0].is_whole
    assert whole[0].anchored_to == whole[0].rows
    with unguarded(owner, "audit", "audit_anchors") as connection:
        assert connection.execute(text(DAMAGE[name]), {"t": caller.tenant_id}).rowcount > 0
        (report,) = [each for each in verify_chains(_Same(connection), TRUSTED) if each.tenant_id == caller.tenant_id]
        assert not report.is_whole


class _Same(Store):
    """A store that works in a transaction that is open already."""

    def __init__(self, connection: Any) -> None:
        class Engine:
            @staticmethod
            def connect() -> Any:
                return Engine

            @staticmethod
            def execution_options(**_: object) -> Any:
                return _Kept(connection)

        super().__init__(Engine)  # type: ignore[arg-type]


class _Kept:
    """Gives a connection out and keeps it open."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def __enter__(self) -> Any:
        return self.connection

    def __exit__(self, *_: object) -> None:
        return None


def test_an_anchor_kept_elsewhere_finds_a_chain_that_is_gone_with_its_anchors(
    audited: tuple[Client, Caller], owner: Store, supplier: str
) -> None:
    client, caller = audited
    ask(client, supplier)
    elsewhere = [anchor for anchor in anchor_chains(owner, KEY) if anchor.tenant_id == caller.tenant_id]
    assert elsewhere
    with unguarded(owner, "audit", "audit_anchors") as connection:
        for table in ("audit_anchors", "audit"):
            connection.execute(
                text(f"DELETE FROM {table} WHERE tenant_id = :t AND sequence >= :s"), {"t": caller.tenant_id, "s": elsewhere[0].sequence}
            )
        (report,) = [each for each in verify_chains(_Same(connection), TRUSTED, elsewhere) if each.tenant_id == caller.tenant_id]
        assert report.fault is not None
        assert report.fault.code == "tail_missing"


def test_the_database_lets_only_the_next_row_in(store: Store, audited: tuple[Client, Caller], supplier: str) -> None:
    client, caller = audited
    ask(client, supplier)
    row = "INSERT INTO audit (tenant_id, sequence, record, previous_hash, hash) VALUES (:t, :s, '{}', sha256('a'), sha256('b'))"
    for sequence in (1, 2, 100_000):
        with pytest.raises(Exception, match="follows the head"), store.begin(caller) as connection:
            connection.execute(text(row), {"t": caller.tenant_id, "s": sequence})
