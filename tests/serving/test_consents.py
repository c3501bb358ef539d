"""Consent: without it no score and no report, for one bank and one purpose, until it is withdrawn or ends; every look is seen."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from serving.access.keys import create_api_key
from serving.store import Store
from tests.serving.client import Client

TOMORROW = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()


@pytest.fixture
def login(app: FastAPI, supplier_key: str) -> Client:
    return Client(app, Accept_Language="en", X_API_Key=supplier_key)


@pytest.fixture
def new_bank(app: FastAPI, owner: Store, empty_bank: uuid.UUID) -> Client:
    return Client(app, Accept_Language="en", X_API_Key=create_api_key(owner, empty_bank, "new"))


def give(login: Client, bank: uuid.UUID, *, key: str | None = None, **more: Any) -> Any:
    body = {"bank_id": str(bank), "purpose": "credit_application", "expires_on": TOMORROW} | more
    return login.post("/v1/consents", json=body, headers={"Idempotency-Key": key or uuid.uuid4().hex})


def ask(client: Client, supplier: str, purpose: str = "credit_application") -> Any:
    return client.post("/v1/scores", json={"supplier_id": supplier, "purpose": purpose}, headers={"Idempotency-Key": uuid.uuid4().hex})


def test_no_consent_no_score_whether_or_not_there_is_such_a_supplier(new_bank: Client, supplier: str) -> None:
    known, unknown = ask(new_bank, supplier), ask(new_bank, "S-NOT-THERE")
    assert known.status_code == unknown.status_code == 403
    assert known.json()["type"] == "/docs#consent_missing"
    assert "POST /v1/consents" in known.json()["detail"]
    told = [{k: v for k, v in answer.json().items() if k not in ("request_id", "instance")} for answer in (known, unknown)]
    assert told[0] == told[1]


def test_a_consent_is_for_one_bank_and_one_purpose_until_it_is_withdrawn(
    new_bank: Client, login: Client, empty_bank: uuid.UUID, supplier: str, client: Client
) -> None:
    given = give(login, empty_bank)
    assert given.status_code == 201, given.text
    scored = ask(new_bank, supplier)
    assert scored.status_code == 201
    assert scored.json()["consent_ref"] == given.json()["id"]
    assert ask(new_bank, supplier, "portfolio_review").status_code == 403
    withdrawn = login.post(f"/v1/consents/{given.json()['id']}/withdrawal")
    assert withdrawn.status_code == 200
    assert withdrawn.json()["withdrawn_at"] is not None
    assert ask(new_bank, supplier).status_code == 403
    # what was given stays with the bank, and a new consent counts again
    assert new_bank.get(scored.headers["location"]).content == scored.content
    assert login.post(f"/v1/consents/{given.json()['id']}/withdrawal").json() == withdrawn.json()
    assert give(login, empty_bank).status_code == 201
    assert ask(new_bank, supplier).status_code == 201


def test_a_consent_ends_by_itself(new_bank: Client, owner: Store, empty_bank: uuid.UUID, supplier: str) -> None:
    event = text(
        "INSERT INTO consent_events (consent_id, event, tenant_id, supplier_id, purpose, tier, expires_at)"
        " VALUES (gen_random_uuid(), 'granted', :bank, :supplier, 'credit_application', 'consent', now() + :lives * interval '1 second')"
    )
    with owner.engine.begin() as connection:
        connection.execute(event, {"bank": empty_bank, "supplier": supplier, "lives": -1})
    assert ask(new_bank, supplier).status_code == 403
    with owner.engine.begin() as connection:
        connection.execute(event, {"bank": empty_bank, "supplier": supplier, "lives": 60})
    assert ask(new_bank, supplier).status_code == 201


def test_every_look_is_seen_by_the_supplier_and_by_the_bank(
    new_bank: Client, login: Client, browser: Client, owner: Store, empty_bank: uuid.UUID, supplier: str
) -> None:
    given = give(login, empty_bank).json()["id"]
    scored = ask(new_bank, supplier)
    new_bank.get(scored.headers["location"])
    key = create_api_key(owner, empty_bank, "page")
    browser.post("/login", data={"key": key})
    assert browser.get(f"/report/{supplier}?lang=en").status_code == 200
    own = new_bank.get("/v1/lookups").json()["items"]
    assert [look["operation"] for look in own] == ["score", "read", "report"]
    assert {look["consent_id"] for look in own} == {given}
    seen, after = [], 0
    while after is not None:
        page = login.get(f"/v1/lookups?limit=100&after={after}").json()
        seen += page["items"]
        after = page["next"]
    assert [look for look in seen if look["bank_id"] == str(empty_bank)] == own


def test_a_supplier_sees_itself_for_its_own_information_and_nobody_else(
    login: Client, supplier: str, browser: Client, supplier_key: str
) -> None:
    own = ask(login, supplier, "own_information")
    assert own.status_code == 201
    assert own.json()["consent_ref"] is None
    assert own.json()["tier"] == "restricted"
    assert ask(login, supplier, "credit_application").status_code == 403
    assert ask(login, "S000001", "own_information").status_code == 403
    browser.post("/login", data={"key": supplier_key})
    assert browser.get(f"/report/{supplier}").status_code == 200
    assert browser.get("/report/S000001").status_code == 403


def test_the_same_key_gives_one_consent(login: Client, empty_bank: uuid.UUID) -> None:
    first, again = give(login, empty_bank, key="once"), give(login, empty_bank, key="once")
    assert first.json() == again.json()
    other = give(login, empty_bank, key="once", purpose="portfolio_review")
    assert (other.status_code, other.json()["type"]) == (422, "/docs#idempotency_key_reused")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"expires_on": "2020-01-01"}, "/expires_on"),
        ({"expires_on": "2099-01-01"}, "/expires_on"),
        ({"bank_id": "x"}, "/bank_id"),
        ({"tier": "all"}, "/tier"),
        ({"purpose": "curiosity"}, "/purpose"),
        ({"supplier_id": "S000002"}, ""),
    ],
)
def test_a_consent_of_another_form_is_refused(login: Client, empty_bank: uuid.UUID, change: dict[str, str], pointer: str) -> None:
    answer = give(login, empty_bank, **change)
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


def test_a_consent_goes_to_a_bank(login: Client, supplier: str) -> None:
    answer = give(login, uuid.uuid4())
    assert (answer.status_code, answer.json()["type"]) == (404, "/docs#bank_unknown")


def test_a_bank_reads_its_consents_and_gives_none(new_bank: Client, login: Client, empty_bank: uuid.UUID) -> None:
    given = give(login, empty_bank).json()
    assert new_bank.get("/v1/consents").json() == {"items": [given], "next": None}
    assert new_bank.get(f"/v1/consents/{given['id']}").json() == given
    assert give(new_bank, empty_bank).status_code == 403
    assert new_bank.post(f"/v1/consents/{given['id']}/withdrawal").status_code == 403
    assert new_bank.get("/v1/banks").status_code == 403
    assert str(empty_bank) in [bank["id"] for bank in login.get("/v1/banks").json()["items"]]


def test_what_was_consented_cannot_be_changed_even_by_the_owner(owner: Store, login: Client, empty_bank: uuid.UUID) -> None:
    give(login, empty_bank)
    for statement in ("UPDATE consent_events SET purpose = 'x'", "DELETE FROM lookups", "TRUNCATE consent_events", "DELETE FROM audit"):
        with owner.engine.connect() as connection, pytest.raises(Exception, match="only ever added"):
            connection.execute(text(statement))
