"""Financing decisions over the wire: kept once, worked out again line by line, read again byte for byte."""

import json
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from credit.decision import decision_of
from credit.derivation import reproduce
from credit.referral import Stage
from features.columns import Tier
from features.ledger import Ledger
from features.turnover import turnover_before
from serving.access.caller import Caller
from serving.access.keys import create_api_key
from serving.access.tenants import create_bank, record_consents
from serving.assess import assess
from serving.decisions import decide as deciding
from serving.decisions.reading import read_file, read_queue
from serving.schemas import Purpose
from serving.store import Store
from tests.serving.applications import application, apply, invoice, lot, order, step
from tests.serving.client import Client
from tests.serving.conftest import bank_with_consents
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


def sent(ledger: Ledger, supplier: str, **more: Any) -> Any:
    return application(ledger, supplier) | more


def one(ledger: Ledger, supplier: str, **more: Any) -> Any:
    return application(ledger, supplier, invoices=[invoice(ledger, **more)])


HORRORS: dict[str, tuple[Callable[[Ledger, str], Any], str, str]] = {
    "no invoices": (lambda led, s: sent(led, s, invoices=[]), "", "items_of_product"),
    "orders for receivables": (lambda led, s: sent(led, s, orders=[order(led)]), "", "items_of_product"),
    "201 invoices": (lambda led, s: sent(led, s, invoices=[slim(led) for _ in range(201)]), "/invoices", "too_long"),
    "an amount of nothing": (lambda led, s: sent(led, s, amount=0), "/amount", "greater_than_equal"),
    "a negative amount": (lambda led, s: sent(led, s, amount=-5), "/amount", "greater_than_equal"),
    "an amount beyond all": (lambda led, s: sent(led, s, amount=10**15 + 1), "/amount", "less_than_equal"),
    "an amount in yuan with fen": (lambda led, s: sent(led, s, amount=5000.5), "/amount", "int_type"),
    "an amount as text": (lambda led, s: sent(led, s, amount="5000"), "/amount", "int_type"),
    "true as an amount": (lambda led, s: sent(led, s, amount=True), "/amount", "int_type"),
    "a tenor of no day": (lambda led, s: sent(led, s, tenor_days=0), "/tenor_days", "greater_than_equal"),
    "a tenor beyond all": (lambda led, s: sent(led, s, tenor_days=3661), "/tenor_days", "less_than_equal"),
    "another product": (lambda led, s: sent(led, s, product="zqxjkv"), "/product", "enum"),
    "a field too many": (lambda led, s: sent(led, s, zqxjkv=1), "", "extra_forbidden"),
    "the outcome wished for": (lambda led, s: sent(led, s, outcome="approve"), "", "extra_forbidden"),
    "a flag of ours": (lambda led, s: one(led, s, is_similar_elsewhere=False), "/invoices/0", "extra_forbidden"),
    "a number without a sign": (
        lambda led, s: one(led, s, number="-- /"),
        "/invoices/0/number",
        "text_unreadable",
    ),
    "a blank number": (lambda led, s: one(led, s, number="  "), "/invoices/0/number", "text_unreadable"),
    "a blank buyer": (lambda led, s: one(led, s, buyer_id=" "), "/invoices/0/buyer_id", "text_unreadable"),
    "65 characters": (lambda led, s: one(led, s, number="zqxjkv" * 11), "/invoices/0/number", "string_too_long"),
    "due before issued": (lambda led, s: one(led, s, due_on="1990-01-01"), "/invoices/0", "due_before_issued"),
    "30 February": (lambda led, s: one(led, s, due_on="2026-02-30"), "/invoices/0/due_on", "date"),
    "the year 1": (
        lambda led, s: one(led, s, issued_on="0001-01-01"),
        "/invoices/0/issued_on",
        "day_out_of_bounds",
    ),
    "the year 9999": (lambda led, s: one(led, s, due_on="9999-12-31"), "/invoices/0/due_on", "day_out_of_bounds"),
    "one number twice": (
        lambda led, s: sent(led, s, invoices=[invoice(led, number="No. zqxjkv-1"), invoice(led, number="ZQXJKV 1")]),
        "",
        "named_twice",
    ),
    "a promise before the order": (
        lambda led, s: application(led, s, "purchase_orders", orders=[order(led, promised_on="2000-01-01")]),
        "/orders/0",
        "promised_before_ordered",
    ),
    "a lot worth more than all": (
        lambda led, s: application(led, s, "stock", lots=[lot(led, quantity=10**9, unit_price=10**9)]),
        "/lots/0",
        "value_out_of_bounds",
    ),
    "stock of no kind": (lambda led, s: application(led, s, "stock", lots=[lot(led, kind="zqxjkv")]), "/lots/0/kind", "enum"),
    "yes instead of true": (
        lambda led, s: application(led, s, "stock", lots=[lot(led, is_insured="yes")]),
        "/lots/0/is_insured",
        "bool_type",
    ),
    "a tab in a category": (
        lambda led, s: application(led, s, "stock", lots=[lot(led, category="a\tzqxjkv")]),
        "/lots/0/category",
        "string_pattern_mismatch",
    ),
}


def slim(ledger: Ledger) -> dict[str, Any]:
    return {name: value for name, value in invoice(ledger).items() if name != "delivered_on"}


def test_a_whole_number_may_be_written_with_a_point(client: Client, ledger: Ledger, supplier: str) -> None:
    body, key = application(ledger, supplier), uuid.uuid4().hex
    first = apply(client, body | {"amount": 5_000_000.0}, key)
    assert first.json()["application"]["amount"] == 5_000_000
    assert apply(client, body, key).content == first.content


@pytest.mark.parametrize("name", HORRORS)
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_an_application_of_another_form_is_refused_and_never_echoed(
    app: FastAPI, key: str, ledger: Ledger, supplier: str, name: str, language: str
) -> None:
    make, pointer, code = HORRORS[name]
    answer = apply(Client(app, Accept_Language=language, X_API_Key=key), make(ledger, supplier))
    assert answer.status_code == 422, answer.text
    assert (pointer, code) in [(error["pointer"], error["code"]) for error in answer.json()["errors"]]
    assert "zqxjkv" not in answer.text.lower()


@pytest.mark.parametrize(
    "number",
    [
        "'; DROP TABLE decisions; --",
        "=cmd|' /C calc'!A0",
        "<script>alert(1)</script>",
        "\u202egnp.1",
        "１２３—４５",
        "a\u200db1",
        "𝓢\U0001f6001",
        "%s{0}",
    ],
)
def test_a_hostile_number_is_only_a_number(client: Client, ledger: Ledger, supplier: str, owner: Store, number: str) -> None:
    unique = f"{number}{uuid.uuid4().hex[:8]}"
    answer = apply(client, application(ledger, supplier, invoices=[invoice(ledger, number=unique)]))
    assert answer.status_code == 201, answer.text
    assert answer.json()["items"][0]["number"] == unique
    reason = f"no longer needed: {number}"
    assert step(client, answer.json()["id"], "withdraw", reason=reason).json()["reason"] == reason
    assert counts(owner)["decisions"] > 0


def test_a_consent_for_another_purpose_or_of_a_low_tier_is_not_enough(app: FastAPI, owner: Store, ledger: Ledger, supplier: str) -> None:
    bank = create_bank(owner, "only reviews")
    record_consents(owner, "only reviews", [supplier], [Purpose.PORTFOLIO_REVIEW], datetime.now(UTC) + timedelta(days=1))
    client = Client(app, Accept_Language="en", X_API_Key=create_api_key(owner, bank, "reviews"))
    assert apply(client, application(ledger, supplier)).json()["type"] == "/docs#consent_missing"
    low = Client(app, Accept_Language="en", X_API_Key=bank_with_consents(owner, ledger, "low tier", Tier.PLATFORM))
    before = counts(owner)
    refused = apply(low, application(ledger, supplier))
    assert (refused.status_code, refused.json()["type"]) == (403, "/docs#tier_too_low")
    assert counts(owner) == before


def test_as_of_another_day_is_decided_by_what_was_known_then(client: Client, ledger: Ledger, supplier: str) -> None:
    earlier = (ledger.latest_as_of - timedelta(days=120)).isoformat()
    then, now = (apply(client, application(ledger, supplier, **more)).json() for more in ({"as_of": earlier}, {}))
    assert then["as_of"] == earlier
    turnover = [{line["code"]: line["value"] for line in body["derivation"]}["turnover.last_365d"] for body in (then, now)]
    assert turnover[0] == turnover_before(ledger, supplier, ledger.latest_as_of - timedelta(days=120)).last_365d
    assert turnover[1] == turnover_before(ledger, supplier, ledger.latest_as_of).last_365d
    later = (ledger.latest_as_of + timedelta(days=1)).isoformat()
    assert apply(client, application(ledger, supplier, as_of=later)).json()["type"] == "/docs#as_of_out_of_range"
    assert apply(client, application(ledger, supplier, as_of="1900-01-01")).json()["type"] == "/docs#supplier_unknown"
    assert apply(client, application(ledger, "nobody")).json()["type"] == "/docs#supplier_unknown"


def test_decisions_and_steps_are_counted_and_seen_by_the_supplier(
    app: FastAPI, client: Client, ledger: Ledger, supplier: str, supplier_key: str, operator_key: str
) -> None:
    body = apply(client, application(ledger, supplier)).json()
    assert step(client, body["id"], "withdraw").status_code == 201
    metrics = Client(app, X_API_Key=operator_key).get("/metrics").text
    assert f'lianxin_decisions_total{{outcome="{body["recommendation"]["outcome"]}",product="receivables"}}' in metrics
    assert 'lianxin_decision_steps_total{act="withdraw"}' in metrics
    looks: list[Any] = []
    after = 0
    seen = Client(app, Accept_Language="en", X_API_Key=supplier_key)
    while after is not None:
        page = seen.get(f"/v1/lookups?limit=200&after={after}").json()
        looks, after = looks + page["items"], page["next"]
    assert [look["operation"] for look in looks[-2:]] == ["score", "decision"]


def test_pages_can_read_the_queue_and_a_file(store: Store, client: Client, ledger: Ledger, bank: Caller, decided: Decided) -> None:
    one = decided["refer"][0].json()
    with store.begin(bank) as connection:
        queue = read_queue(connection, 200)
        file = read_file(connection, uuid.UUID(one["id"]))
    assert one["id"] in {str(line.decision_id) for line in queue}
    assert {line.stage for line in queue} <= {Stage.REFERRED, Stage.PROPOSED}
    assert file.decision.supplier_id == one["subject"]["supplier_id"]
    assert (file.exposure, file.case.stage, len(file.steps)) == (one["recommendation"]["limit"], Stage.REFERRED, 1)
    assert file.inputs.supplier.pd == one["score"]["pd_12m"]
