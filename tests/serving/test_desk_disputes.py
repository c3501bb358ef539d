"""The operator's page of disputes, and what a bank sees of one: open, due, and told at the portfolio and the file."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI

from features.columns import Tier
from features.ledger import Ledger
from serving.access.keys import create_api_key
from serving.access.tenants import create_bank, create_supplier, record_consents
from serving.schemas import Purpose
from serving.store import Store
from tests.serving.client import Client
from tests.serving.desk import Person, text_of


@pytest.fixture(scope="module")
def reviewed(app: FastAPI, owner: Store, ledger: Ledger) -> dict[str, str]:
    """A supplier that has a login, and a bank it gave its consent: id and keys."""
    supplier = str(ledger.supplier_ids[33])
    bank = create_bank(owner, "dispute bank", Tier.RESTRICTED)
    record_consents(owner, "dispute bank", [supplier], [Purpose.CREDIT_APPLICATION], datetime.now(UTC) + timedelta(days=9))
    keys = {"bank": create_api_key(owner, bank, "first officer"), "own": create_api_key(owner, create_supplier(owner, supplier), "login")}
    return keys | {"supplier": supplier}


def ask_for_a_person(app: FastAPI, told: dict[str, str]) -> str:
    own = Client(app, X_API_Key=told["own"])
    asked = {"supplier_id": told["supplier"], "purpose": "own_information"}
    scored = own.post("/v1/scores", json=asked, headers={"Idempotency-Key": uuid.uuid4().hex}).json()
    body = {"kind": "human_review", "score_id": scored["id"], "statement": "please let a person look at this score"}
    answer = own.post("/v1/disputes", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["reference"])


def test_an_operator_sees_what_waits_and_when_it_is_due(app: FastAPI, reviewed: dict[str, str], operator_key: str) -> None:
    reference = ask_for_a_person(app, reviewed)
    operator = Person(app, operator_key)
    page = text_of(operator.read("/operations/disputes").text)
    assert reference in page
    assert reference not in operator.read("/operations/disputes?overdue=true").text


def test_it_is_the_operators_alone(app: FastAPI, reviewed: dict[str, str]) -> None:
    for who in ("bank", "own"):
        assert Person(app, reviewed[who]).client.get("/operations/disputes").status_code == 404
    assert Client(app, Accept="text/html").get("/operations/disputes").status_code == 303
