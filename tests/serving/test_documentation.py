"""The documentation: its examples work, every documented answer can be had, and it needs no other host."""

import base64
import json
import re
import shlex
import uuid
from html import unescape
from typing import Any

import pytest
from fastapi import FastAPI

from features.columns import Tier
from features.facts import KIND_INDEX, KINDS
from features.ledger import Ledger
from serving.access.caller import Caller
from serving.access.keys import create_api_key
from serving.app import create_app
from serving.bank_policies.examples import SIMULATION_ID, policy_requests
from serving.disputes.examples import dispute_request_example
from serving.http.examples import consent_request_example
from serving.http.languages import Language, words
from serving.http.openapi import PROBLEMS
from serving.http.problems import FIELD_CODES, PROBLEM_TYPE, REFUSALS
from serving.settings import ServiceSettings
from serving.store import Store
from tests.serving.applications import application
from tests.serving.client import Client
from tests.serving.conftest import bank_with_consents
from training.bundle import ScoringBundle


@pytest.fixture
def schema(client: Client) -> Any:
    return client.get("/openapi.json").json()


def test_it_is_openapi_3_1_and_every_answer_has_an_example(schema: Any) -> None:
    assert schema["openapi"].startswith("3.1")
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert (path, method) in PROBLEMS
            assert operation["summary"]
            assert operation["description"]
            for answer in operation["responses"].values():
                for content in answer["content"].values():
                    assert "example" in content or content["examples"]


def test_every_reference_leads_somewhere(schema: Any) -> None:
    text = json.dumps(schema)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "')[1:]}:
        assert reference.removeprefix("#/components/schemas/") in schema["components"]["schemas"]


def test_the_request_example_works_and_its_answer_is_the_example(app: FastAPI, owner: Store, ledger: Ledger, schema: Any) -> None:
    key = bank_with_consents(owner, ledger, "examples", Tier.CONSENT)
    client = Client(app, Accept_Language="en", X_API_Key=key)
    operation = schema["paths"]["/v1/scores"]["post"]
    body = operation["requestBody"]["content"]["application/json"]["example"]
    answer = client.post("/v1/scores", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert answer.status_code == 201
    example = operation["responses"]["201"]["content"]["application/json"]["example"]
    made_up = {"id", "request_id", "consent_ref", "audit"}
    told = json.loads(answer.text.replace(answer.json()["id"], example["id"]))
    assert {k: v for k, v in told.items() if k not in made_up} == {k: v for k, v in example.items() if k not in made_up}


def test_the_model_is_the_example(client: Client, schema: Any) -> None:
    answer = client.get("/v1/models/current")
    assert answer.json() == schema["paths"]["/v1/models/current"]["get"]["responses"]["200"]["content"]["application/json"]["example"]


def test_without_a_named_supplier_the_examples_are_nobodys(bundle: ScoringBundle, ledger: Ledger, store: Store) -> None:
    schema = create_app(ServiceSettings(), bundle, ledger, store).openapi()
    example = schema["paths"]["/v1/scores"]["post"]["responses"]["201"]["content"]["application/json"]["example"]
    assert example["subject"]["supplier_id"] not in set(ledger.supplier_ids)


def row_of_own_score(app: FastAPI, ledger: Ledger, supplier: str, supplier_key: str) -> dict[str, str]:
    """What a supplier would put into the example of a dispute: a score and a row of its own."""
    body = {"supplier_id": supplier, "purpose": "own_information"}
    score = Client(app, X_API_Key=supplier_key).post("/v1/scores", json=body, headers={"Idempotency-Key": uuid.uuid4().hex}).json()
    own = next(f for f in ledger.facts_of(supplier) if KINDS[KIND_INDEX[f.kind]].table == "fulfilments")
    example = dispute_request_example()
    return {example["score_id"]: score["id"], example["row_id"]: own.label}


def test_the_commands_can_be_pasted(
    app: FastAPI,
    client: Client,
    ledger: Ledger,
    bank: Caller,
    key: str,
    supplier: str,
    supplier_key: str,
    operator_key: str,
    owner: Store,
    schema: Any,
) -> None:
    named = {"$LIANXIN_KEY": key, "$LIANXIN_CLIENT": key.split("_")[1], "$SUPPLIER_KEY": supplier_key, "$OPERATOR_KEY": operator_key}
    named[consent_request_example()["bank_id"]] = str(bank.tenant_id)
    answer = client.post(
        "/v1/decisions", json=application(app.state.service.ledger, supplier), headers={"Idempotency-Key": uuid.uuid4().hex}
    )
    named["$decision_id"] = answer.json()["id"]
    author = Client(app, X_API_Key=create_api_key(owner, bank.tenant_id, "author"))
    requests = {path: body for path, (_, body) in policy_requests(app.state.service).items()}
    answer = author.post("/v1/policies", json=requests["/v1/policies"], headers={"Idempotency-Key": uuid.uuid4().hex})
    named["$policy_id"] = answer.json()["id"]
    path = f"/v1/policies/{named['$policy_id']}/simulation"
    named["$simulation_id"] = named[str(SIMULATION_ID)] = author.post(path, json={}, headers={"Idempotency-Key": "seen"}).json()["id"]
    named |= row_of_own_score(app, ledger, supplier, supplier_key)
    text = unescape(client.get("/docs", headers={"Accept": "text/html"}).text)
    commands = [part.split("</code>")[0] for part in text.split("<pre><code>curl ")[1:]]
    assert len(commands) == len(PROBLEMS)
    for command in commands:
        filled = command.replace("\\\n", " ").replace("$(date +%s%N)", uuid.uuid4().hex)
        for name, value in named.items():
            filled = filled.replace(name, value)
        words_ = shlex.split(filled)
        headers = dict(words_[i + 1].split(": ", 1) for i, word in enumerate(words_) if word == "-H")
        url = words_[1].removeprefix("http://testserver")
        anonymous = Client(app, Accept_Language="en")
        if "-u" in words_:
            data = words_[words_.index("-d") + 1]
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            basic = {"Authorization": "Basic " + base64.b64encode(words_[words_.index("-u") + 1].encode()).decode()}
            assert anonymous.post(url, content=data, headers=headers | form | basic).status_code == 200
        elif "-d" in words_ and "$" not in url:
            answer = anonymous.post(url, content=words_[words_.index("-d") + 1], headers=headers)
            assert answer.status_code in (200, 201), answer.text
        elif "--data-binary" in words_:
            content = schema["paths"]["/v1/batches"]["post"]["requestBody"]["content"]["text/csv"]["example"]
            assert anonymous.post(url, content=content, headers=headers).status_code == 202
        elif "$" not in url:
            assert anonymous.get(url, headers=headers).status_code == 200


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_needs_no_script_and_no_other_host(client: Client, lang: str) -> None:
    text = client.get(f"/docs?lang={lang}").text
    assert "<script" not in text
    assert not re.findall(r'(?:href|src|action)="(?:https?:)?//', text)
    assert "://" not in re.sub("http://testserver|https://host|https://bank.example", "", text)
    for _, code in REFUSALS.values():
        assert f'id="{code}"' in text


def test_both_languages_have_the_same_words() -> None:
    assert words(Language.ZH_CN).keys() == words(Language.EN).keys()
    for code in {code for _, code in REFUSALS.values()} | {code for problems in PROBLEMS.values() for _, code in problems}:
        assert {f"problem.{code}.title", f"problem.{code}.detail"} <= words(Language.EN).keys()
    assert {f"field.{code}" for code in FIELD_CODES} <= words(Language.EN).keys()


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nope", 404), ("DELETE", "/v1/scores", 405), ("PUT", "/healthz", 405)])
def test_the_frameworks_own_refusals_are_problems(client: Client, method: str, path: str, status: int) -> None:
    for tag in ("zh-CN", "en"):
        answer = client.request(method, path, headers={"Accept-Language": tag})
        assert answer.status_code == status
        assert answer.headers["content-type"] == PROBLEM_TYPE
        assert answer.headers["content-language"] == tag
        assert set(answer.json()) == {"type", "title", "status", "detail", "instance", "request_id", "errors"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/consents", "GET, HEAD, POST"),
        ("OPTIONS", "/v1/scores", "POST"),
        ("POST", "/v1/models/current", "GET, HEAD"),
        ("PUT", "/login", "GET, HEAD, POST"),
        ("POST", "/static/style.css", "GET, HEAD"),
    ],
)
def test_a_method_that_is_not_there_is_told_all_that_are(client: Client, method: str, path: str, allowed: str) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_a_failure_nobody_foresaw_is_a_problem(app: FastAPI, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("zqxjkv")

    monkeypatch.setattr(Store, "ping", lambda self: fail())
    answer = client.get("/readyz")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == PROBLEM_TYPE
    assert "zqxjkv" not in answer.text


def test_without_a_database_it_lives_and_is_not_ready(bundle: ScoringBundle, ledger: Ledger) -> None:
    from sqlalchemy import URL

    url = URL.create("postgresql+psycopg", "nobody", "x", database="none", query={"host": "/nonexistent"})
    store = Store.open(url)
    client = Client(create_app(ServiceSettings(), bundle, ledger, store))
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    store.close()
