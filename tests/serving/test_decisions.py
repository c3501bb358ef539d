"""Financing decisions over the wire: kept once, worked out again line by line, read again byte for byte."""

import json
import threading
import uuid
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from credit.decision import decision_of
from credit.derivation import reproduce
from features.ledger import Ledger
from serving.assess import assess
from serving.decisions import decide as deciding
from serving.store import Store
from tests.serving.applications import application, apply
from tests.serving.client import Client
from training.bundle import ScoringBundle

Decided = dict[str, list[Any]]
PRODUCTS = ("receivables", "purchase_orders", "stock")


def counts(owner: Store) -> dict[str, int]:
    tables = ("scores", "decisions", "decision_steps", "document_claims", "idempotency", "audit", "lookups")
    with owner.engine.connect() as connection:
        return {table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables}


@pytest.fixture(scope="module")
def decided(app: FastAPI, key: str, ledger: Ledger) -> Decided:
    """Decisions on the first suppliers, one product after the other, by what was recommended."""
    client = Client(app, Accept_Language="en", X_API_Key=key)
    found: Decided = {"approve": [], "refer": [], "decline": []}
    for place, supplier in enumerate(ledger.supplier_ids[:24]):
        answer = apply(client, application(ledger, str(supplier), PRODUCTS[place % 3]))
        assert answer.status_code == 201, answer.text
        found[answer.json()["recommendation"]["outcome"]].append(answer)
    assert all(found.values())
    return found


def test_a_decision_is_a_score_and_what_follows_from_it(decided: Decided, client: Client, bundle: ScoringBundle, ledger: Ledger) -> None:
    for outcome, answers in decided.items():
        for answer in answers:
            body = answer.json()
            found = assess(bundle, ledger, body["subject"]["supplier_id"], ledger.latest_as_of)
            assert body["score"]["points"] == found.score.points
            assert found.interval is not None
            assert body["score"]["interval"] == {"low": found.interval.low, "high": found.interval.high, "level": 0.9}
            terms = body["recommendation"]
            assert (terms["limit"] is None) == (outcome == "decline")
            assert {"outcome", "product", "limit", "advance_rate", "annual_rate", "tenor_days"} <= terms.keys()
            assert len(body["policy"]["version"]) == 64
            alone = client.get(f"/v1/scores/{body['score_id']}").json()
            assert alone["contributions"] == body["contributions"]
            assert alone["audit"]["sequence"] == body["audit"]["sequence"] - 1


def test_every_line_of_every_derivation_comes_out_again(decided: Decided, owner: Store) -> None:
    lines = 0
    for answer in (answer for answers in decided.values() for answer in answers):
        body = answer.json()
        with owner.engine.connect() as connection:
            kept = connection.execute(text("SELECT decision FROM decisions WHERE id = :id"), {"id": body["id"]}).scalar_one()
        decision = decision_of(json.loads(kept))
        assert [line.value for line in decision.derivation] == [line["value"] for line in body["derivation"]]
        for line, sent in zip(decision.derivation, body["derivation"], strict=True):
            assert reproduce(line) == line.value == sent["value"]
            lines += 1
        of_limit = {line["code"]: line["value"] for line in body["derivation"]}
        assert body["recommendation"]["limit"] == (of_limit.get("limit") if body["recommendation"]["limit"] is not None else None)
    assert lines > 500


def test_it_is_read_again_byte_for_byte(decided: Decided, client: Client) -> None:
    for answers in decided.values():
        for answer in answers[:2]:
            again = client.get(answer.headers["location"])
            assert (again.status_code, again.content) == (200, answer.content)


def test_texts_follow_accept_language(app: FastAPI, key: str, ledger: Ledger, supplier: str) -> None:
    body = application(ledger, supplier)
    zh = apply(Client(app, Accept_Language="zh", X_API_Key=key), body)
    assert zh.headers["content-language"] == "zh-CN"
    assert any(line["text"] == "申请金额" and line["shown"] == "50,000.00元" for line in zh.json()["derivation"])


def test_the_same_key_again_brings_the_first_answer(client: Client, ledger: Ledger, supplier: str, owner: Store) -> None:
    body, key = application(ledger, supplier), uuid.uuid4().hex
    first, made = apply(client, body, key), counts(owner)
    again = apply(client, body, key)
    assert (again.status_code, again.content, again.headers["idempotent-replayed"]) == (201, first.content, "true")
    assert counts(owner) == made | {"lookups": made["lookups"] + 1}
    assert apply(client, body | {"amount": 1_000_000}, key).json()["type"] == "/docs#idempotency_key_reused"
    score = {"supplier_id": supplier, "purpose": "credit_application"}
    assert client.post("/v1/scores", json=score, headers={"Idempotency-Key": key}).status_code == 422


def test_one_key_fifty_times_at_once_makes_one_decision(app: FastAPI, key: str, ledger: Ledger, supplier: str, owner: Store) -> None:
    body, once, before = application(ledger, supplier), uuid.uuid4().hex, counts(owner)
    answers: list[Any] = []

    def ask() -> None:
        client = Client(app, Accept_Language="en", X_API_Key=key)
        answers.append(apply(client, body, once))

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    good = [answer for answer in answers if answer.status_code == 201]
    assert len(answers) == 50
    assert good
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.json()["type"] for answer in answers if answer.status_code == 409} <= {"/docs#request_in_flight"}
    assert len({answer.content for answer in good}) == 1
    after = counts(owner)
    assert after["decisions"] == before["decisions"] + 1
    assert after["scores"] == before["scores"] + 1
    assert after["audit"] == before["audit"] + 2


def test_what_fails_leaves_nothing_behind(
    client: Client, ledger: Ledger, supplier: str, owner: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, key, before = application(ledger, supplier), uuid.uuid4().hex, counts(owner)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the last statement of the transaction")

    with monkeypatch.context() as patch:
        patch.setattr(deciding, "note_lookup", fail)
        assert apply(client, body, key).status_code == 500
    assert counts(owner) == before
    assert apply(client, body, key).status_code == 201


def test_lists_are_filtered_and_paged(app: FastAPI, decided: Decided, client: Client) -> None:
    seen: list[Any] = []
    after = 0
    while True:
        page = client.get(f"/v1/decisions?limit=7&after={after}").json()
        seen += page["items"]
        if page["next"] is None:
            break
        after = page["next"]
    assert [item["sequence"] for item in seen] == sorted({item["sequence"] for item in seen})
    ids = {outcome: {answer.json()["id"] for answer in answers} for outcome, answers in decided.items()}
    for outcome, made in ids.items():
        listed = client.get(f"/v1/decisions?limit=200&outcome={outcome}").json()["items"]
        assert made <= {item["id"] for item in listed}
        assert {item["outcome"] for item in listed} == {outcome}
    one = decided["refer"][0].json()
    listed = client.get(f"/v1/decisions?stage=referred&supplier_id={one['subject']['supplier_id']}").json()["items"]
    assert one["id"] in {item["id"] for item in listed}
    assert client.get("/v1/decisions?stage=nowhere").status_code == 422
    assert client.get("/v1/decisions?supplier_id=S-NOT-THERE").json() == {"items": [], "next": None}
