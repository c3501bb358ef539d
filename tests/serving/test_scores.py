"""Scores over the wire: what is answered adds up, is kept, and comes back byte for byte."""

import json
import logging
import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from features.ledger import Ledger
from serving.access.caller import Caller
from serving.access.keys import create_api_key, revoke_api_key
from serving.assess import assess, score_batch
from serving.explain import current_model, model_part
from serving.http.languages import Language
from serving.http.problems import PROBLEM_TYPE
from serving.http.refusals import RequestInFlight
from serving.store import ScoreRecord, Store
from tests.serving.client import Client
from tests.serving.conftest import bank_with_consents
from training.bundle import ScoringBundle


def ask(client: Client, supplier: str, *, key: str | None = None, **more: Any) -> httpx.Response:
    body = {"supplier_id": supplier, "purpose": "credit_application"} | more
    return client.post("/v1/scores", json=body, headers={"Idempotency-Key": key or uuid.uuid4().hex})


def test_a_score_adds_up_as_sent(client: Client, ledger: Ledger) -> None:
    for supplier in ledger.supplier_ids[:20]:
        answer = ask(client, str(supplier))
        assert answer.status_code == 201, answer.text
        body = json.loads(answer.content)
        total = body["base_points"]
        for part in body["contributions"]:
            total += part["points"]
        assert abs(total - body["score"]["points"]) <= 1e-9
        assert len(body["reasons"]) <= 4
        assert body["subject"] == {"supplier_id": str(supplier), "kind": ledger.profile(str(supplier)).kind}


def test_the_answer_is_what_assess_says(client: Client, bundle: ScoringBundle, ledger: Ledger, supplier: str) -> None:
    body = ask(client, supplier).json()
    found = assess(bundle, ledger, supplier, ledger.latest_as_of)
    assert found.interval is not None
    assert found.sufficiency is not None
    assert body["score"] == {
        "points": found.score.points,
        "grade": found.grade.name,
        "pd_12m": found.score.pd,
        "interval": {"low": found.interval.low, "high": found.interval.high, "level": 0.9},
        "data_sufficiency": {"index": found.sufficiency.index, "grade": found.sufficiency.grade},
        "valid_until": (ledger.latest_as_of + timedelta(days=30)).isoformat(),
    }
    assert body["as_of"] == ledger.latest_as_of.isoformat()
    assert body["known_at"] == f"{ledger.latest_as_of.isoformat()}T00:00:00+08:00"
    assert body["model"]["bundle_sha256"] == bundle.content_hash
    assert body["model"]["approved_by"] == "tests"
    assert body["rights"] == {
        "report_url": f"/report/{supplier}?as_of={ledger.latest_as_of.isoformat()}",
        "dispute_url": f"/disputes/new?as_of={ledger.latest_as_of.isoformat()}",
        "human_review_url": f"/disputes/new?as_of={ledger.latest_as_of.isoformat()}&kind=human_review",
        "automated_only": True,
    }
    assert "report_url" not in body
    assert [reason["text"] for reason in body["reasons"]] == [reason.text_en for reason in found.reasons]


def test_what_nobody_approved_says_so(bundle: ScoringBundle, ledger: Ledger) -> None:
    assert model_part(replace(bundle, release={})).approved_by is None
    assert current_model(replace(bundle, release={}), ledger, Language.EN).approved_by is None


def test_one_by_one_is_the_batch(bundle: ScoringBundle, ledger: Ledger) -> None:
    batch = score_batch(bundle, ledger, ledger.latest_as_of)
    for row, supplier in enumerate(batch.matrix.supplier_ids):
        alone = assess(bundle, ledger, str(supplier), ledger.latest_as_of)
        assert alone.score.points == batch.scores.points[row]
        assert alone.score.pd == batch.scores.pd[row]
        assert [part.points for part in alone.score.contributions] == batch.scores.contributions[row].tolist()
        assert alone.grade == batch.grades[row]


def test_texts_follow_accept_language(client: Client, supplier: str) -> None:
    body = {"supplier_id": supplier, "purpose": "own_information"}
    answer = client.post("/v1/scores", json=body, headers={"Idempotency-Key": uuid.uuid4().hex, "Accept-Language": "zh"})
    assert answer.headers["content-language"] == "zh-CN"
    assert all(re.search(r"[\u4e00-\u9fff]", reason["text"]) for reason in answer.json()["reasons"])


def test_a_score_is_read_again_byte_for_byte(client: Client, supplier: str) -> None:
    first = ask(client, supplier)
    again = client.get(first.headers["location"])
    assert again.status_code == 200
    assert again.content == first.content


def test_the_same_key_and_body_replay_the_first_answer(client: Client, supplier: str) -> None:
    first = ask(client, supplier, key="replayed")
    again = client.post(
        "/v1/scores",
        content=f'{{ "purpose": "credit_application", "supplier_id": "{supplier}" }}',
        headers={"Idempotency-Key": "replayed", "Content-Type": "application/json", "Accept-Language": "zh"},
    )
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["content-language"] == "en"
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]


def test_the_same_key_with_another_body_is_refused(client: Client, supplier: str) -> None:
    ask(client, supplier, key="reused")
    refused = ask(client, supplier, key="reused", purpose="own_information")
    assert refused.status_code == 422
    assert refused.json()["type"] == "/docs#idempotency_key_reused"


def test_a_refused_request_leaves_its_key_free(client: Client, supplier: str) -> None:
    assert ask(client, "nobody", key="free").status_code == 404
    assert ask(client, supplier, key="free").status_code == 201


def test_callers_do_not_share_idempotency_keys(app: FastAPI, client: Client, owner: Store, ledger: Ledger, supplier: str) -> None:
    other = Client(app, X_API_Key=bank_with_consents(owner, ledger, "another"))
    first, second = ask(client, supplier, key="shared"), ask(other, supplier, key="shared")
    assert first.json()["id"] != second.json()["id"]


@pytest.mark.parametrize("offered", [None, "", "x" * 256, "with space", "tab\t"])
def test_without_a_usable_idempotency_key_nothing_is_scored(client: Client, supplier: str, offered: str | None) -> None:
    headers = {} if offered is None else {"Idempotency-Key": offered}
    answer = client.post("/v1/scores", json={"supplier_id": supplier, "purpose": "credit_application"}, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["type"] == "/docs#idempotency_key_missing"


def test_as_of_limits_are_said(client: Client, ledger: Ledger, supplier: str) -> None:
    late = ask(client, supplier, as_of=(ledger.latest_as_of + timedelta(days=1)).isoformat())
    assert late.status_code == 422
    assert "2026" in late.json()["detail"]
    assert ask(client, supplier, as_of=ledger.latest_as_of.isoformat()).status_code == 201
    early = ask(client, supplier, as_of="1990-01-01")
    assert early.status_code == 404
    assert early.json()["type"] == "/docs#supplier_unknown"


def test_an_earlier_as_of_within_training_is_warned_of(client: Client, supplier: str) -> None:
    codes = [warning["code"] for warning in ask(client, supplier, as_of="2026-03-01").json()["warnings"]]
    assert codes == ["as_of_within_training"]


@pytest.mark.parametrize("score_id", ["0", "not-a-uuid", "354a741c-f4f1-437e-b3df-d40301751f42", "%00", "../../etc/passwd", "x" * 1000])
def test_an_unknown_score_is_404(client: Client, score_id: str) -> None:
    answer = client.get(f"/v1/scores/{score_id}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == PROBLEM_TYPE


@pytest.mark.parametrize("offered", [None, "", "x", "lx_000000000000_" + "A" * 43, "键", "lx_" + "0" * 100_000])
def test_without_a_live_key_nothing_is_answered(app: FastAPI, offered: str | None) -> None:
    stranger = Client(app, Accept_Language="en")
    headers = {} if offered is None else {"X-API-Key": offered.encode()}
    for method, path in (("POST", "/v1/scores"), ("GET", f"/v1/scores/{uuid.uuid4()}"), ("GET", "/v1/models/current")):
        answer = stranger.request(method, path, headers=headers)
        assert answer.status_code == 401
        assert "www-authenticate" in answer.headers
        assert answer.headers["content-type"] == PROBLEM_TYPE


def test_a_revoked_key_is_dead_at_once(app: FastAPI, owner: Store, empty_bank: uuid.UUID) -> None:
    key = create_api_key(owner, empty_bank, "soon revoked")
    caller = Client(app, X_API_Key=key)
    assert caller.get("/v1/models/current").status_code == 200
    assert revoke_api_key(owner, key.split("_")[1])
    assert not revoke_api_key(owner, key.split("_")[1])
    assert caller.get("/v1/models/current").status_code == 401


def test_a_wrong_secret_with_a_right_prefix_is_refused(app: FastAPI, key: str) -> None:
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    assert Client(app, X_API_Key=wrong).get("/v1/models/current").status_code == 401


def record_of(supplier: str = "S1") -> Callable[..., ScoreRecord]:
    from datetime import date

    values = (1 / 3, float("nan"), -0.0, 5e-324, 1e300)
    return lambda *_: ScoreRecord(uuid.uuid4(), supplier, date(2026, 1, 1), "own_information", "r", "b", "en", values, b'{"a": 1}')


def test_feature_values_are_kept_bit_for_bit(store: Store, bank: Caller) -> None:
    answer = store.answer_once(bank, uuid.uuid4().hex, b"a", record_of())
    assert answer.score_id is not None
    kept = np.array(store.read_record(bank, answer.score_id).feature_values)
    assert kept.tobytes() == np.array(record_of()().feature_values).tobytes()


def test_a_request_in_flight_is_409_and_fifty_at_once_make_one_score(store: Store, bank: Caller) -> None:
    key, inside, release = uuid.uuid4().hex, threading.Event(), threading.Event()

    def slow(*_: object) -> ScoreRecord:
        inside.set()
        assert release.wait(10)
        return record_of()()

    results: list[object] = []

    def call(make: Callable[..., ScoreRecord]) -> None:
        try:
            results.append(store.answer_once(bank, key, b"a", make))
        except RequestInFlight as error:
            results.append(error)

    first = threading.Thread(target=call, args=(slow,))
    first.start()
    assert inside.wait(10)
    others = [threading.Thread(target=call, args=(record_of(),)) for _ in range(50)]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join(30)
    assert len(results) == 50
    assert all(isinstance(result, RequestInFlight) for result in results)
    release.set()
    first.join(30)
    replayed = store.answer_once(bank, key, b"a", record_of())
    assert replayed.was_replayed
    assert replayed.score_id == results[-1].score_id  # type: ignore[attr-defined]


def test_a_failure_between_score_and_answer_keeps_neither(store: Store, bank: Caller) -> None:
    def fail(*_: object) -> ScoreRecord:
        raise RuntimeError("broken")

    key = uuid.uuid4().hex
    with pytest.raises(RuntimeError):
        store.answer_once(bank, key, b"a", fail)
    assert not store.answer_once(bank, key, b"a", record_of()).was_replayed


@pytest.mark.parametrize(
    "table",
    [
        "scores",
        "idempotency",
        "api_keys",
        "tenants",
        "consent_events",
        "lookups",
        "audit",
        "audit_anchors",
        "rate_buckets",
        "alembic_version",
    ],
)
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}", "DROP TABLE {}"])
def test_the_application_can_change_nothing_it_wrote(store: Store, table: str, statement: str) -> None:
    column = {"alembic_version": "version_num"}.get(table, "tenant_id" if table != "tenants" else "name")
    with store.engine.connect() as connection, pytest.raises(Exception, match=r"permission denied|must be owner"):
        connection.execute(text(statement.format(table, column, column)))


def test_the_application_cannot_make_itself_a_key(store: Store, bank: Caller) -> None:
    with pytest.raises(Exception, match="permission denied"):
        create_api_key(store, bank.tenant_id, "self-made")


def test_keys_are_kept_as_digests_only(owner: Store, key: str) -> None:
    with owner.engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM api_keys")).all()
    assert rows
    assert key.split("_", 2)[2] not in repr(rows)


def test_the_log_has_ids_and_no_values(client: Client, supplier: str, key: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "lianxin"):
        answer = ask(client, supplier)
    line = json.loads(caplog.records[-1].getMessage())
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["route"] == "/v1/scores"
    assert line["key"] == key.split("_")[1]
    assert set(line) == {"request_id", "method", "route", "status", "ms", "key"}
    assert key not in caplog.text


@pytest.mark.parametrize(
    ("offered", "kept"), [("abc-123._X", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ("<b>", False), ("", False)]
)
def test_a_valid_request_id_is_kept(client: Client, offered: str, kept: bool) -> None:
    answer = client.get("/healthz", headers={"X-Request-Id": offered})
    assert (answer.headers["x-request-id"] == offered) is kept
