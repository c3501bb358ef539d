"""Batches: the same scores as single calls, each row once, results whole or not at all, and every bad file told."""

import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from features.ledger import Ledger
from serving.access.keys import create_api_key, revoke_api_key
from serving.access.tenants import create_bank
from serving.app import create_app
from serving.batches.results import harmless
from serving.batches.rows import PARQUET, read_rows
from serving.batches.store import OPEN_AT_ONCE, end_batch, read_batch
from serving.database.postgres import EmbeddedPostgres
from serving.http.refusals import BatchUnreadable
from serving.settings import ServiceSettings
from serving.store import Store
from serving.swap.history import note_start
from serving.swap.shelf import Shelf
from tests.serving.client import Client
from tests.serving.conftest import bank_with_consents, reachable_folder
from tests.serving.swaps import make_pair
from training.bundle import ScoringBundle

SETTINGS = ServiceSettings(rate_burst=1_000_000, rate_per_second=100_000, batch_rows=2_000)


@pytest.fixture(scope="module")
def shelf(bundle: ScoringBundle) -> Iterator[Shelf]:
    for place in reachable_folder():
        make_pair(bundle, place)
        yield Shelf(place)


@pytest.fixture(scope="module")
def first(shelf: Shelf) -> ScoringBundle:
    return ScoringBundle.load(shelf.folder / "first")


@pytest.fixture
def app(first: ScoringBundle, shelf: Shelf, ledger: Ledger, store: Store, owner: Store) -> FastAPI:
    note_start(owner, "first", first.content_hash, "1")
    return create_app(SETTINGS, first, ledger, store, shelf=shelf)


def hand_in(client: Client, file: str | bytes, kind: str = "text/csv", key: str | None = None, more: str = "") -> httpx.Response:
    headers = {"Content-Type": kind, "Idempotency-Key": key or uuid.uuid4().hex}
    return client.post(f"/v1/batches?purpose=credit_application{more}", content=file, headers=headers)


def finish(app: FastAPI) -> None:
    while app.state.worker.work():
        pass


def parquet_of(query: str, folder: Path, options: str = "") -> bytes:
    with duckdb.connect() as con:
        con.execute(f"COPY ({query}) TO '{folder / 'made.parquet'}' (FORMAT parquet{options})")
    return (folder / "made.parquet").read_bytes()


def table(answer: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def test_scores_are_those_of_single_calls_bit_for_bit_in_every_form(app: FastAPI, client: Client, ledger: Ledger, folder: Path) -> None:
    suppliers = [str(each) for each in ledger.supplier_ids[:12]]
    batch = hand_in(client, "supplier_id\n" + "\n".join(suppliers)).json()
    assert (batch["state"], batch["rows"], batch["results_url"]) == ("queued", 12, None)
    finish(app)
    done = client.get(f"/v1/batches/{batch['id']}").json()
    assert (done["state"], done["scored"] + done["refused"]) == ("finished", 12)
    lines = [json.loads(line) for line in client.get(done["results_url"] + "?format=jsonl").content.splitlines()]
    flat = table(client.get(done["results_url"]))
    (folder / "r.parquet").write_bytes(client.get(done["results_url"] + "?format=parquet").content)
    with duckdb.connect() as con:
        framed = con.execute(f"SELECT row, points, pd_12m, score_id FROM '{folder / 'r.parquet'}' ORDER BY row").fetchall()
    assert len(lines) == len(flat) == len(framed) == done["scored"] > 5
    made_up = {"id", "request_id", "audit"}
    for line, row, frame in zip(lines, flat, framed, strict=True):
        body = {"supplier_id": suppliers[line["row"] - 1], "purpose": "credit_application"}
        single = client.post("/v1/scores", json=body, headers={"Idempotency-Key": uuid.uuid4().hex}).json()
        told = [
            json.dumps({k: v for k, v in one.items() if k not in made_up}).replace(one["id"], "")  # links to evidence hold the id
            for one in (line["score"], single)
        ]
        assert told[0] == told[1]
        assert float(row["points"]) == frame[1] == single["score"]["points"]
        assert float(row["pd_12m"]) == frame[2] == single["score"]["pd_12m"]
        assert row["score_id"] == frame[3] == line["score"]["id"]
        assert client.get(f"/v1/scores/{row['score_id']}").json() == line["score"]


def test_rows_that_cannot_be_scored_are_told_with_row_column_code_and_remedy(
    app: FastAPI, client: Client, supplier: str, owner: Store
) -> None:
    ids = [supplier, "", "x" * 65, "a\tb", supplier, "S-NO-CONSENT", "nobody", "=cmd()"]
    file = (
        "supplier_id,as_of\r\n"
        + "".join(f'"{each}",\r\n' for each in ids)
        + f"{supplier},2026-02-30\r\n{supplier},2999-01-01\r\n{supplier}\r\n"
    )
    batch = hand_in(client, file).json()
    finish(app)
    errors = table(client.get(f"/v1/batches/{batch['id']}/errors"))
    assert [(int(e["row"]), e["column"], e["code"]) for e in errors] == [
        (2, "supplier_id", "missing"),
        (3, "supplier_id", "string_too_long"),
        (4, "supplier_id", "string_pattern_mismatch"),
        (5, "supplier_id", "row_twice"),
        (6, "supplier_id", "consent_missing"),
        (7, "supplier_id", "supplier_unknown"),
        (8, "supplier_id", "consent_missing"),
        (9, "as_of", "date"),
        (10, "as_of", "as_of_out_of_range"),
        (11, "", "row_misshapen"),
    ]
    assert all(error["remedy"] for error in errors)
    assert "S-NO-CONSENT" not in str(errors)
    chinese = client.get(f"/v1/batches/{batch['id']}/errors?format=jsonl", headers={"Accept-Language": "zh-CN"})
    assert json.loads(chinese.content.splitlines()[0])["remedy"] != errors[0]["remedy"]
    assert [row["supplier_id"] for row in table(client.get(f"/v1/batches/{batch['id']}/results"))] == [supplier]


def test_results_appear_when_all_rows_are_done_and_not_before(app: FastAPI, client: Client, ledger: Ledger) -> None:
    batch = hand_in(client, "supplier_id\n" + "\n".join(str(each) for each in ledger.supplier_ids[:25])).json()
    for worked in (False, True):
        assert not worked or app.state.worker.work()
        for name in ("results", "errors"):
            answer = client.get(f"/v1/batches/{batch['id']}/{name}")
            assert (answer.status_code, answer.json()["type"]) == (409, "/docs#batch_unfinished")
    assert client.get(f"/v1/batches/{batch['id']}").json()["state"] == "running"
    finish(app)
    assert client.get(f"/v1/batches/{batch['id']}/results").status_code == 200


def test_the_same_key_brings_the_same_batch_and_another_file_is_refused(client: Client, supplier: str) -> None:
    key, file = uuid.uuid4().hex, f"supplier_id\n{supplier}\n"
    one, again = hand_in(client, file, key=key), hand_in(client, file, key=key)
    assert one.status_code == again.status_code == 202
    assert one.headers["location"] == again.headers["location"]
    assert "idempotent-replayed" not in one.headers
    assert again.headers["idempotent-replayed"] == "true"
    for other in (hand_in(client, file + "S2\n", key=key), hand_in(client, file, key=key, more="&as_of=2026-01-01")):
        assert (other.status_code, other.json()["type"]) == (422, "/docs#idempotency_key_reused")


BAD = {
    "empty": (b"", "text/csv", "body_empty"),
    "header only": (b"supplier_id\n", "text/csv", "body_empty"),
    "gb18030": ("supplier_id\n供应商\n".encode("gb18030"), "text/csv", "file_not_utf8"),
    "utf-16": ("supplier_id\nS1\n".encode("utf-16"), "text/csv", "file_not_utf8"),
    "nul": (b"supplier_id\nS\x001\n", "text/csv", "file_not_csv"),
    "quotes": (b'supplier_id\n"S1\n', "text/csv", "file_not_csv"),
    "zip": (b"PK\x03\x04", "text/csv", "file_not_csv"),
    "semicolons": (b"supplier_id;as_of\nS1;\n", "text/csv", "column_missing"),
    "more columns": (b"supplier_id,score\nS1,900\n", "text/csv", "column_unknown"),
    "twice": (b"supplier_id,supplier_id\nS1,S1\n", "text/csv", "column_unknown"),
    "too many": (b"supplier_id\n" + b"".join(b"S%d\n" % n for n in range(2_001)), "text/csv", "too_many_batch_rows"),
    "no parquet": (b"supplier_id\nS1\n", PARQUET, "file_not_parquet"),
    "cut parquet": (b"PAR1" + b"x" * 100, PARQUET, "file_not_parquet"),
    "encrypted": (b"PARE" + b"x" * 100 + b"PARE", PARQUET, "file_not_parquet"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_read_is_told_why(client: Client, name: str) -> None:
    data, kind, code = BAD[name]
    answer = hand_in(client, data, kind)
    assert answer.status_code == 400
    assert [error["code"] for error in answer.json()["errors"]] == [code]


def test_parquet_is_read_and_bombs_are_refused(app: FastAPI, client: Client, supplier: str, folder: Path) -> None:
    good = parquet_of(f"SELECT '{supplier}' AS supplier_id, DATE '2026-01-01' AS as_of", folder)
    assert hand_in(client, good, PARQUET).json()["rows"] == 1
    cases = {
        "SELECT repeat('x', 1000000) AS supplier_id FROM range(2000)": "file_not_parquet",
        "SELECT 1 AS supplier_id": "column_type",
        "SELECT ['S1'] AS supplier_id": "column_type",
        "SELECT 'S1' AS supplier_id, 5 AS as_of": "column_type",
        "SELECT 'S1' AS other": "column_missing",
        "SELECT 'S' || range AS supplier_id FROM range(2001)": "too_many_batch_rows",
        "SELECT 'S1' AS supplier_id FROM range(5000000)": None,
    }
    for query, code in cases.items():
        data = parquet_of(query, folder, ", COMPRESSION zstd")
        with pytest.raises(BatchUnreadable) as refused:
            read_rows(data, is_parquet=True, most=2_000)
        assert code is None or refused.value.code == code, query
    for place in random.Random(1).sample(range(len(good)), 12):
        damaged = good[:place] + bytes([good[place] ^ 255]) + good[place + 1 :]
        assert hand_in(client, damaged, PARQUET).status_code in (202, 400, 409)
    finish(app)


@pytest.mark.parametrize(("headers", "status"), [({"Content-Type": "application/json"}, 415), ({"Content-Encoding": "gzip"}, 415)])
def test_other_media_are_refused(client: Client, headers: dict[str, str], status: int) -> None:
    sent = {"Content-Type": "text/csv", "Idempotency-Key": "k"} | headers
    assert client.post("/v1/batches?purpose=credit_application", content=b"supplier_id\nS1\n", headers=sent).status_code == status
    too_large = b"supplier_id\n" + b"x" * (8 * 1024 * 1024)
    assert hand_in(client, too_large).status_code == 413


def test_a_bank_has_so_many_unfinished_batches(app: FastAPI, owner: Store, empty_bank: uuid.UUID) -> None:
    client = Client(app, X_API_Key=create_api_key(owner, empty_bank, "many"))
    answers = [hand_in(client, f"supplier_id\nS{number}\n") for number in range(OPEN_AT_ONCE + 1)]
    assert [answer.status_code for answer in answers] == [202] * OPEN_AT_ONCE + [409]
    finish(app)


def test_a_revoked_key_ends_its_batches(app: FastAPI, client: Client, owner: Store, supplier: str) -> None:
    bank = create_bank(owner, f"revoking {uuid.uuid4()}")
    key, watch = create_api_key(owner, bank, "one"), create_api_key(owner, bank, "two")
    batch = hand_in(Client(app, X_API_Key=key), f"supplier_id\n{supplier}\n").json()
    revoke_api_key(owner, key.split("_")[1])
    finish(app)
    told = Client(app, X_API_Key=watch).get(f"/v1/batches/{batch['id']}").json()
    assert (told["state"], told["failed_code"], told["scored"]) == ("failed", "key_ended", 0)
    answer = Client(app, X_API_Key=watch).get(f"/v1/batches/{batch['id']}/results")
    assert (answer.status_code, answer.json()["type"]) == (409, "/docs#batch_failed")


def test_a_batch_is_scored_by_one_model_through_a_swap_and_a_restart(
    app: FastAPI, client: Client, operator_key: str, shelf: Shelf, ledger: Ledger, store: Store, first: ScoringBundle
) -> None:
    batch = hand_in(client, "supplier_id\n" + "\n".join(str(each) for each in ledger.supplier_ids[:45])).json()
    second = ScoringBundle.load(shelf.folder / "second")
    body = {"bundle": "second", "bundle_sha256": second.content_hash}
    assert app.state.worker.work()
    assert Client(app, X_API_Key=operator_key).post("/v1/operations/bundle", json=body).status_code == 200
    assert app.state.worker.work()
    restarted = create_app(SETTINGS, second, ledger, store, shelf=shelf)
    finish(restarted)
    lines = client.get(f"/v1/batches/{batch['id']}/results?format=jsonl").content.splitlines()
    assert {json.loads(line)["score"]["model"]["bundle_sha256"] for line in lines} == {first.content_hash}
    later = hand_in(client, f"supplier_id\n{ledger.supplier_ids[5]}\n").json()
    assert later["bundle_sha256"] == second.content_hash
    nowhere = create_app(SETTINGS, first, ledger, store)  # its shelf is empty, so the other bundle cannot be opened
    finish(nowhere)
    assert client.get(f"/v1/batches/{later['id']}").json()["failed_code"] == "model_gone"


def messages(owner: Store, client: Client, webhook: str) -> list[dict[str, Any]]:
    """The bodies of the messages to an endpoint."""
    ids = [item["id"] for item in client.get(f"/v1/webhooks/{webhook}/messages?limit=200").json()["items"]]
    with owner.engine.connect() as connection:
        wanted = text("SELECT body FROM webhook_messages WHERE id = CAST(:id AS uuid)")
        return [json.loads(bytes(connection.execute(wanted, {"id": one}).scalar_one())) for one in ids]


def add_webhook(client: Client) -> str:
    body = {"url": "https://bank.example/", "events": ["batch.finished"]}
    answer = client.post("/v1/webhooks", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert answer.status_code == 201
    return str(answer.json()["id"])


def test_the_end_of_a_batch_is_told_once_and_with_it(app: FastAPI, owner: Store, ledger: Ledger) -> None:
    key = bank_with_consents(owner, ledger, f"told {uuid.uuid4()}")
    client, other = Client(app, X_API_Key=key), Client(app, X_API_Key=bank_with_consents(owner, ledger, f"untold {uuid.uuid4()}"))
    hook, others = add_webhook(client), add_webhook(other)
    batch = hand_in(client, "supplier_id\n" + "\n".join(str(each) for each in ledger.supplier_ids[:25])).json()
    assert app.state.worker.work()
    assert messages(owner, client, hook) == []
    finish(app)
    with owner.engine.begin() as connection:
        end_batch(connection, read_batch(connection, uuid.UUID(batch["id"]))[0])
    (told,) = messages(owner, client, hook)
    assert (told["type"], told["data"]) == ("batch.finished", {"batch_id": batch["id"], "state": "finished", "failed_code": None})
    assert messages(owner, other, others) == []
    kept = "SELECT (SELECT at FROM batch_ends WHERE batch_id = :id) = (SELECT at FROM webhook_messages WHERE endpoint_id = :hook)"
    with owner.engine.connect() as connection:  # now() is the transaction's
        assert connection.execute(text(kept), {"id": uuid.UUID(batch["id"]), "hook": uuid.UUID(hook)}).scalar_one() is True


def test_an_end_without_results_is_told_with_its_code(app: FastAPI, owner: Store, supplier: str) -> None:
    bank = create_bank(owner, f"ended {uuid.uuid4()}")
    key, watch = create_api_key(owner, bank, "one"), Client(app, X_API_Key=create_api_key(owner, bank, "two"))
    hook, batch = add_webhook(watch), hand_in(Client(app, X_API_Key=key), f"supplier_id\n{supplier}\n").json()
    revoke_api_key(owner, key.split("_")[1])
    finish(app)
    assert [told["data"] for told in messages(owner, watch, hook)] == [
        {"batch_id": batch["id"], "state": "failed", "failed_code": "key_ended"}
    ]


def test_batches_are_listed_in_pages_as_they_stand(app: FastAPI, owner: Store, ledger: Ledger) -> None:
    client = Client(app, X_API_Key=bank_with_consents(owner, ledger, f"list {uuid.uuid4()}"))
    empty = client.get("/v1/batches").json()
    assert empty == {"items": [], "next": None}
    made = [hand_in(client, "supplier_id\n" + "\n".join(str(each) for each in ledger.supplier_ids[:n])).json()["id"] for n in (30, 2, 3)]
    seen: set[str] = set()
    for _ in range(50):
        page = client.get("/v1/batches?limit=2").json()
        rest = client.get(f"/v1/batches?limit=2&after={page['next']}").json()
        listed = page["items"] + rest["items"]
        assert ([item["id"] for item in listed], rest["next"]) == (made, None)
        for item in listed:
            whole = client.get(f"/v1/batches/{item['id']}").json()
            assert item == {name: whole[name] for name in item}
            seen.add(item["state"])
        if not app.state.worker.work():
            break
    assert seen == {"queued", "running", "finished"}
    for wrong in ("limit=0", "limit=201", "after=-1"):
        assert client.get(f"/v1/batches?{wrong}").status_code == 422


@pytest.mark.parametrize(("kills", "days_a_month"), [(5, 1), pytest.param(30, 3, marks=pytest.mark.load)])
def test_a_worker_killed_at_any_point_leaves_each_row_scored_once(
    app: FastAPI,
    postgres: EmbeddedPostgres,
    parts: Path,
    shelf: Shelf,
    ledger: Ledger,
    owner: Store,
    say: Callable[[str], None],
    kills: int,
    days_a_month: int,
) -> None:
    client = Client(app, X_API_Key=bank_with_consents(owner, ledger, f"kills {uuid.uuid4()}"))
    days = [f"2026-0{month}-0{day}" for month in range(1, 5) for day in range(1, 1 + days_a_month)]
    rows = [f"{each},{day}" for day in days for each in ledger.supplier_ids]
    hook, batch = add_webhook(client), hand_in(client, "supplier_id,as_of\n" + "\n".join(rows)).json()
    environment = os.environ | {"STORE": postgres.app_url().render_as_string(hide_password=False)}
    command = [sys.executable, "-m", "tests.serving.batch_worker", str(parts), str(shelf.folder)]
    rng, states = random.Random(20261122), []

    def progress() -> dict[str, Any]:
        told: dict[str, Any] = client.get(f"/v1/batches/{batch['id']}").json()
        return told

    def done_rows() -> int:
        told = progress()
        return int(told["scored"] + told["refused"])

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(kills):
            process.stdin.write("\n")
            process.stdin.flush()
            worker, wanted = int(process.stdout.readline()), min(done_rows() + rng.choice((0, 20)), len(rows))
            while done_rows() < wanted:
                time.sleep(0.01)
            time.sleep(rng.uniform(0.0, 0.3))
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
            assert process.stdout.readline() == "ended\n"
            states.append(progress()["state"])
        process.stdin.write("\n")
        process.stdin.close()
        process.wait(timeout=120)
    assert states[0] in ("queued", "running")
    done = progress()
    assert done["state"] == "finished"
    assert done["scored"] + done["refused"] == len(rows)
    assert [told["data"]["batch_id"] for told in messages(owner, client, hook)] == [batch["id"]]
    lines = [json.loads(line) for line in client.get(done["results_url"] + "?format=jsonl").content.splitlines()]
    errors = table(client.get(done["errors_url"]))
    assert sorted([line["row"] for line in lines] + [int(error["row"]) for error in errors]) == list(range(1, len(rows) + 1))
    for line in lines:
        assert f"{line['score']['subject']['supplier_id']},{line['score']['as_of']}" == rows[line["row"] - 1]
    with owner.engine.connect() as connection:
        counted = text("SELECT count(*), count(DISTINCT (supplier_id, as_of)) FROM scores WHERE tenant_id = :tenant")
        tenant = connection.execute(text("SELECT tenant_id FROM batches WHERE id = :batch"), {"batch": batch["id"]}).scalar_one()
        assert tuple(connection.execute(counted, {"tenant": tenant}).one()) == (len(lines), len(lines))
        audited = text("SELECT count(*) FROM audit WHERE tenant_id = :tenant AND score_id IS NOT NULL")
        assert connection.execute(audited, {"tenant": tenant}).scalar_one() == len(lines)
    say(f"a batch of {len(rows)} rows under {kills} kills of its worker: each row once, {len(lines)} scored, {len(errors)} refused")


def test_cells_a_spreadsheet_would_run_are_harmless() -> None:
    for cell in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x"):
        assert str(harmless(cell)).startswith("'")
    assert harmless(-1.5) == -1.5
