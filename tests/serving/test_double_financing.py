"""One document, one financing, at whatever bank: told as yes, similar or no, and never whose."""

import threading
import uuid
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from features.ledger import Ledger
from serving.access.keys import authenticate, create_api_key
from serving.store import Store
from serving.surroundings import database_state
from tests.serving.applications import application, apply, invoice, step
from tests.serving.client import Client
from tests.serving.conftest import bank_with_consents

Banks = tuple[Client, Client]


@pytest.fixture(scope="module")
def banks(app: FastAPI, owner: Store, ledger: Ledger) -> Banks:
    one, other = (Client(app, Accept_Language="en", X_API_Key=bank_with_consents(owner, ledger, f"financier {n}")) for n in "AB")
    return one, other


@pytest.fixture(scope="module")
def sound(banks: Banks, ledger: Ledger) -> str:
    """A supplier on whom all three products are approved."""
    for supplier in map(str, ledger.supplier_ids):
        body = apply(banks[0], application(ledger, supplier)).json()
        assert step(banks[0], body["id"], "withdraw").status_code == 201
        if body["recommendation"]["outcome"] == "approve":
            return supplier
    raise AssertionError("no supplier is approved")


def rules_of(answer: Any) -> dict[str, list[str]]:
    return {item["number"]: [rule["code"] for rule in item["rules"]] for item in answer.json()["items"]}


def fired(answer: Any) -> set[str]:
    return {rule["code"] for rule in answer.json()["rules_fired"]}


@pytest.mark.parametrize("product", ["receivables", "purchase_orders", "stock"])
def test_what_one_bank_finances_another_does_not(banks: Banks, ledger: Ledger, sound: str, product: str) -> None:
    body = application(ledger, sound, product)
    one, other = apply(banks[0], body), apply(banks[1], body)
    assert one.json()["recommendation"]["outcome"] != "decline"
    assert other.json()["recommendation"]["outcome"] == "decline"
    assert all("ALREADY_FINANCED" in codes for codes in rules_of(other).values())
    assert one.json()["id"] not in other.text
    again = apply(banks[0], body)
    assert all("ALREADY_FINANCED" in codes for codes in rules_of(again).values())
    assert step(banks[0], one.json()["id"], "withdraw").status_code == 201
    freed = apply(banks[1], body)
    assert freed.json()["recommendation"]["outcome"] != "decline"
    assert step(banks[1], freed.json()["id"], "withdraw").status_code == 201


def test_the_number_may_be_written_otherwise_and_another_amount_is_similar(banks: Banks, ledger: Ledger, sound: str) -> None:
    named = invoice(ledger, number=f"No. ab-{uuid.uuid4().hex}")
    first = apply(banks[0], application(ledger, sound, invoices=[named]))
    assert first.json()["recommendation"]["outcome"] != "decline"
    written = named["number"].removeprefix("No. ").upper().replace("-", " - ")
    second = apply(banks[1], application(ledger, sound, invoices=[named | {"number": written}]))
    assert rules_of(second) == {written: ["ALREADY_FINANCED"]}
    third = apply(banks[1], application(ledger, sound, invoices=[named | {"amount": named["amount"] - 1}]))
    assert third.json()["recommendation"]["outcome"] == "refer"
    assert "SIMILAR_FINANCED" in fired(third)
    for client, answer in ((banks[0], first), (banks[1], third)):
        assert step(client, answer.json()["id"], "withdraw").status_code == 201


def test_another_suppliers_document_of_the_same_number_is_another(banks: Banks, ledger: Ledger, sound: str) -> None:
    named = invoice(ledger)
    first = apply(banks[0], application(ledger, sound, invoices=[named]))
    others = [str(each) for each in ledger.supplier_ids if str(each) != sound][:1]
    second = apply(banks[1], application(ledger, others[0], invoices=[named]))
    assert rules_of(second) == {named["number"]: []}
    for client, answer in ((banks[0], first), (banks[1], second)):
        step(client, answer.json()["id"], "withdraw")


def test_what_is_not_eligible_or_declined_is_not_held(banks: Banks, ledger: Ledger, sound: str) -> None:
    good, disputed = invoice(ledger), invoice(ledger, is_disputed=True)
    first = apply(banks[0], application(ledger, sound, invoices=[good, disputed]))
    second = apply(banks[1], application(ledger, sound, invoices=[disputed | {"is_disputed": False}, invoice(ledger, 1)]))
    assert rules_of(second)[disputed["number"]] == []
    declined = apply(banks[0], application(ledger, sound, invoices=[invoice(ledger, delivered_on=None)]))
    assert declined.json()["recommendation"]["outcome"] == "decline"
    for client, answer in ((banks[0], first), (banks[1], second)):
        step(client, answer.json()["id"], "withdraw")


def test_two_banks_at_once_get_the_invoice_once(banks: Banks, ledger: Ledger, sound: str, owner: Store) -> None:
    for round_ in range(6):
        body = application(ledger, sound)
        # Every other time named in another order, so that locks taken as named would cross.
        body_other = body | {"invoices": body["invoices"][:: -1 if round_ % 2 else 1]}
        answers: dict[int, Any] = {}
        barrier = threading.Barrier(2)

        def ask(place: int, sent: dict[str, Any], barrier: threading.Barrier = barrier, answers: dict[int, Any] = answers) -> None:
            barrier.wait(30)
            answers[place] = apply(banks[place], sent)

        threads = [threading.Thread(target=ask, args=each) for each in ((0, body), (1, body_other))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert [answers[place].status_code for place in (0, 1)] == [201, 201]
        outcomes = {place: answers[place].json()["recommendation"]["outcome"] for place in (0, 1)}
        assert sorted(outcome == "decline" for outcome in outcomes.values()) == [False, True]
        winner = next(place for place, outcome in outcomes.items() if outcome != "decline")
        with owner.engine.connect() as connection:
            held = connection.execute(
                text("SELECT count(*) FROM document_claims WHERE released_at IS NULL AND decision_id IN (:one, :other)"),
                {"one": answers[0].json()["id"], "other": answers[1].json()["id"]},
            ).scalar_one()
        assert held == 3
        assert step(banks[winner], answers[winner].json()["id"], "withdraw").status_code == 201


def test_an_override_lends_only_against_what_is_still_free(app: FastAPI, owner: Store, banks: Banks, ledger: Ledger, sound: str) -> None:
    one = banks[0].headers["X-API-Key"]
    second = Client(app, Accept_Language="en", X_API_Key=create_api_key(owner, authenticate(owner, one).tenant_id, "second person"))
    unsettled = [invoice(ledger, place, is_disputed=True) for place in range(2)]
    declined = apply(banks[0], application(ledger, sound, invoices=unsettled)).json()
    terms = {"limit": 3_000_000, "advance_rate": 800_000, "annual_rate": 80_000, "tenor_days": 60}
    assert step(banks[0], declined["id"], "propose", outcome="approve", terms=terms).status_code == 201
    settled = [each | {"is_disputed": False} for each in unsettled]
    other = apply(banks[1], application(ledger, sound, invoices=settled[:1])).json()
    assert other["recommendation"]["outcome"] != "decline"
    refused = step(second, declined["id"], "confirm")
    assert (refused.status_code, refused.json()["type"]) == (409, "/docs#documents_taken")
    assert step(banks[1], other["id"], "withdraw").status_code == 201
    assert step(second, declined["id"], "confirm").status_code == 201
    taken = apply(banks[1], application(ledger, sound, invoices=settled))
    assert all(codes == ["ALREADY_FINANCED"] for codes in rules_of(taken).values())
    assert step(banks[0], declined["id"], "take").status_code == 201
    assert step(banks[0], declined["id"], "repay").status_code == 201
    freed = apply(banks[1], application(ledger, sound, invoices=settled))
    assert all(codes == [] for codes in rules_of(freed).values())
    assert step(banks[1], freed.json()["id"], "withdraw").status_code == 201


def test_the_application_cannot_read_the_table_nor_touch_anothers_claims(
    store: Store, owner: Store, banks: Banks, ledger: Ledger, sound: str
) -> None:
    held = apply(banks[0], application(ledger, sound)).json()["id"]
    other = authenticate(store, banks[1].headers["X-API-Key"])
    for statement in (
        "SELECT * FROM document_claims",
        "INSERT INTO document_claims (tenant_id, decision_id, whole, numbered, salt_id)"
        " SELECT current_tenant(), id, '', '', '' FROM decisions",
        "UPDATE document_claims SET released_at = now()",
        "DELETE FROM document_claims",
    ):
        with pytest.raises(Exception, match="permission denied"), store.begin(other) as connection:
            connection.execute(text(statement))
    with store.begin(other) as connection:
        connection.execute(text("SELECT release_documents(:id)"), {"id": held})
        assert connection.execute(text("SELECT documents_of(:id)"), {"id": held}).all() == []
    with pytest.raises(Exception, match="foreign key"), store.begin(other) as connection:
        connection.execute(text("SELECT claim_documents(:id, ARRAY['x'::bytea], ARRAY['x'::bytea], 'x')"), {"id": held})
    with owner.engine.connect() as connection:
        kept = text("SELECT count(*) FROM document_claims WHERE decision_id = :id AND released_at IS NULL")
        assert connection.execute(kept, {"id": held}).scalar_one() == 3
    # What is held with one salt is not known under another: the doctor tells.
    assert database_state(owner, store, banks[0].app.state.service.salt).documents_of_another_salt == 0
    assert database_state(owner, store, bytes(32)).documents_of_another_salt >= 3
    assert step(banks[0], held, "withdraw").status_code == 201
