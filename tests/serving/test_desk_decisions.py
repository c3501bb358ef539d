"""Applications, trials and steps at the desk: the very decision of the API, nothing kept of a trial, faults where they are."""

import csv
import io
import re
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from fastapi import FastAPI

from credit.application import Product
from features.ledger import Ledger
from serving.access.keys import authenticate, create_api_key
from serving.advice.advise import advice_policy, changed_row
from serving.advice.levers import LeverPath, lever_paths
from serving.assess import assess
from serving.decisions.requests import InvoiceNamed, LotNamed, OrderNamed
from serving.desk.application_form import FIELDS, Draft, read_csv, read_draft, request_of
from serving.desk.what_if import QUARTERS
from serving.store import Store
from tests.serving.applications import application, apply
from tests.serving.client import Client
from tests.serving.desk import Person, text_of
from tests.serving.test_decisions import counts

PRODUCTS = [product.value for product in Product]
LISTS = {"receivables": "invoices", "purchase_orders": "orders", "stock": "lots"}


@pytest.fixture
def person(app: FastAPI, key: str) -> Person:
    return Person(app, key)


@pytest.fixture(scope="module")
def second_key(owner: Store, key: str) -> str:
    """The key of another person of the same bank."""
    return create_api_key(owner, authenticate(owner, key).tenant_id, "second officer")


def typed(body: dict[str, Any], do: str) -> dict[str, str]:
    """A body for the API as a person types it into the form: yuan, ticks, rows."""
    product = Product(body["product"])
    fields = {"amount": f"{body['amount'] / 100:,.2f}", "tenor_days": str(body["tenor_days"]), "do": do}
    for place, item in enumerate(body[LISTS[body["product"]]]):
        for field in FIELDS[product]:
            value = item.get(field.name)
            if value not in (None, False, ""):
                told = f"{value / 100:.2f}" if field.kind == "money" else "1" if value is True else str(value)
                fields[f"row-{place}-{field.name}"] = told
    return fields


def send(person: Person, body: dict[str, Any], do: str, **more: str) -> Any:
    base = f"/desk/suppliers/{body['supplier_id']}/apply"
    return person.send(f"{base}?product={body['product']}", f"{base}/{body['product']}", typed(body, do) | more)


@pytest.mark.parametrize("model", [InvoiceNamed, OrderNamed, LotNamed])
def test_the_form_has_every_field_of_the_api(model: Any) -> None:
    fields = {
        each.name: each
        for each in FIELDS[{InvoiceNamed: Product.RECEIVABLES, OrderNamed: Product.PURCHASE_ORDERS}.get(model, Product.STOCK)]
    }
    assert fields.keys() == model.model_fields.keys()
    for name, told in model.model_fields.items():
        if fields[name].kind != "flag":
            assert fields[name].is_needed == told.is_required(), name


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_trial_tells_what_would_be_decided_and_keeps_nothing(
    person: Person, ledger: Ledger, owner: Store, key: str, product: str
) -> None:
    body, before = application(ledger, str(ledger.supplier_ids[7]), product), counts(owner)
    tried = send(person, body, "try")
    assert tried.status_code == 200
    assert counts(owner) == before | {"lookups": before["lookups"] + 1}
    told = apply(Client(person.client.app, Accept_Language="en", X_API_Key=key), body).json()
    seen = text_of(tried.text)
    assert "no decision was kept" in seen
    for line in told["derivation"]:
        assert line["text"].replace("'", "&#39;") in tried.text
        assert line["shown"] in seen
        assert line["rule"] in seen
    for rule in told["rules_fired"]:
        assert rule["text"] in seen.replace("&#39;", "'").replace("&#34;", '"')


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_decision_of_the_form_is_the_apis(app: FastAPI, key: str, ledger: Ledger, owner: Store, product: str, language: str) -> None:
    person, body = Person(app, key, language), application(ledger, str(ledger.supplier_ids[8]), product)
    sent = send(person, body, "decide")
    assert sent.status_code == 303
    kept = Client(app, Accept_Language="en", X_API_Key=key).get("/v1/decisions/" + sent.headers["location"].rpartition("/")[2]).json()
    assert kept["application"]["amount"] == body["amount"]
    assert [item["number"] for item in kept["items"]] == sorted(item["number"] for item in body[LISTS[product]])
    for each in ("en", "zh"):
        page = Person(app, key, each).read(sent.headers["location"]).text
        assert (kept["derivation"][0]["text"] in page) == (language == each)
        assert all(line["rule"] in page for line in kept["derivation"])


def test_sending_a_form_twice_makes_one_decision(person: Person, ledger: Ledger) -> None:
    body = application(ledger, str(ledger.supplier_ids[9]))
    answers = [send(person, body, "decide", key="q" * 24) for _ in range(2)]
    assert answers[0].headers["location"] == answers[1].headers["location"]


def test_faults_are_told_at_their_fields(person: Person, ledger: Ledger, owner: Store) -> None:
    body, before = application(ledger, str(ledger.supplier_ids[9])), counts(owner)
    wrong = {"amount": "1e3x", "row-0-due_on": "2026-13-01", "row-1-number": "!!", "row-2-amount": "0.001"}
    answer = send(person, body, "decide", **wrong)
    assert answer.status_code == 422
    assert counts(owner) == before
    for place in wrong:
        assert f'href="#{place}"' in answer.text
        assert re.search(rf'id="{place}"[^>]*aria-invalid="true" aria-describedby="fault-{place}"', answer.text)
    assert 'value="2026-13-01"' in answer.text
    same = body["invoices"][0]["number"]
    assert "To put right" in send(person, body, "try", **{"row-1-number": same}).text
    assert send(person, body | {"invoices": []}, "try").status_code == 422


def test_csv_stands_in_place_of_rows_with_or_without_names(ledger: Ledger) -> None:
    body = application(ledger, "S1")
    names = [field.name for field in FIELDS[Product.RECEIVABLES]]
    rows = [
        {"amount": "20,000.00", **{name: str(item[name]) for name in names if name in item and name != "amount"}}
        for item in body["invoices"]
    ]
    text_ = io.StringIO()
    writer = csv.writer(text_)
    writer.writerows([row.get(name, "") for name in names] for row in rows)
    plain = text_.getvalue()
    head = {"amount": "50000", "tenor_days": "90"}
    found = []
    for pasted in (plain, ",".join(names) + "\n" + plain, plain.replace('"20,000.00"', "20000").replace(",", "\t")):
        draft = read_draft(Product.RECEIVABLES, head | {"csv": pasted, "row-0-number": "ignored"})
        request, faults = request_of(draft, "S1")
        assert faults == ()
        assert request is not None
        found.append(request.model_dump())
        again, _ = request_of(Draft(draft.product, head, read_csv(draft.product, draft.as_csv)), "S1")
        assert again == request
    assert found[0] == found[1] == found[2]
    assert [item["amount"] for item in found[0]["invoices"]] == [item["amount"] for item in body["invoices"]]
    _, faults = request_of(read_draft(Product.RECEIVABLES, head | {"csv": "number,moon\nF-1,full"}), "S1")
    assert any(fault.code == "extra_forbidden" for fault in faults)
    _, faults = request_of(read_draft(Product.RECEIVABLES, head | {"csv": "number\n" + "\n".join(f"F-{n}" for n in range(250))}), "S1")
    assert faults


def test_an_override_takes_two_persons(app: FastAPI, person: Person, second_key: str, ledger: Ledger) -> None:
    place = send(person, application(ledger, str(ledger.supplier_ids[1])), "decide").headers["location"]
    to = f"{place}/steps"
    proposal = {"act": "propose", "outcome": "approve", "limit": "10,000", "advance_rate": "50", "annual_rate": "9.25%", "tenor_days": "60"}
    assert person.send(place, to, proposal | {"reason": "ab"}).status_code == 422
    assert 'aria-invalid="true"' in person.send(place, to, proposal | {"limit": "much", "reason": "the buyer has confirmed"}).text
    assert person.send(place, to, proposal | {"reason": "the buyer has confirmed in writing"}).status_code == 303
    assert place in person.read("/desk/queue").text
    own = person.send(place, to, {"act": "confirm", "reason": "I agree with my own proposal"})
    assert own.status_code == 403
    assert "I agree with my own proposal" in own.text
    other = Person(app, second_key)
    assert other.send(place, to, {"act": "confirm", "reason": "checked against the contract"}).status_code == 303
    page = text_of(other.read(place).text)
    assert "In the end: approved" in page
    assert "10,000" in page
    assert "9.25%" in page
    assert place not in other.read("/desk/queue").text


def test_terms_beyond_the_statute_are_refused_with_their_words(person: Person, ledger: Ledger) -> None:
    place = send(person, application(ledger, str(ledger.supplier_ids[2])), "decide").headers["location"]
    proposal = {"act": "propose", "outcome": "approve", "limit": "10000", "advance_rate": "50", "annual_rate": "99", "tenor_days": "60"}
    answer = person.send(place, f"{place}/steps", proposal | {"reason": "because we would like to"})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize("path", ["", "/steps"])
def test_another_banks_decision_is_none(app: FastAPI, person: Person, ledger: Ledger, owner: Store, empty_bank: UUID, path: str) -> None:
    place = send(person, application(ledger, str(ledger.supplier_ids[3])), "decide").headers["location"]
    stranger = Person(app, create_api_key(owner, empty_bank, "first officer"))
    nowhere = "/desk/decisions/00000000-0000-4000-8000-000000000000"
    if path:
        answers = [stranger.send("/desk", each + path, {"act": "accept", "reason": "as recommended"}) for each in (place, nowhere)]
    else:
        answers = [stranger.client.get(each) for each in (place, nowhere)]
    assert {answer.status_code for answer in answers} <= {403, 404}
    assert len({re.sub(r"<code>\w+</code>", "", answer.text) for answer in answers}) == 1


def _position(path: LeverPath, share: int) -> int:
    """Where a lever stands at a share of its reach; one that counts has no share, and stays."""
    if path.lever.is_counted:
        return share if share < len(path.efforts) else 0
    return round((len(path.efforts) - 1) * share / 100)


def test_what_if_moves_the_score_as_the_levers_say(person: Person, ledger: Ledger, owner: Store, bundle: Any) -> None:
    supplier, before = str(ledger.supplier_ids[5]), counts(owner)
    base = f"/desk/suppliers/{supplier}/what-if"
    still = person.read(base).text
    today = [float(cell) for cell in re.findall(r'<td class="number">(?:<strong>)?(\d+\.\d)', still)]
    assert today[0] == today[1]
    names = re.findall(r'<select id="([a-z]+)" name="\1">', still)
    levers = [name for name in names if name != "months"]
    assert len(levers) > 5
    row = np.array(assess(bundle, ledger, supplier, ledger.latest_as_of).values)
    paths = lever_paths(bundle.catalog, row, advice_policy(ledger.latest_as_of), 12)
    for share in QUARTERS:
        page = person.read(f"{base}?months=12&" + "&".join(f"{name}={share}" for name in levers)).text
        moved = {path.lever.name: _position(path, share) for path in paths}
        expected = bundle.score(changed_row(row, paths, moved).reshape(1, -1)).points[0]
        assert f"<strong>{expected:.1f}</strong>" in page
    assert f"{expected:.1f}" != f"{today[0]:.1f}"
    person.read(f"{base}?months=7&lateness=33&moon=1&cancellation=9999")
    assert {name: count for name, count in counts(owner).items() if name != "lookups"} == {
        name: count for name, count in before.items() if name != "lookups"
    }


def test_exposure_and_limit_reach_the_portfolio(person: Person, ledger: Ledger, key: str) -> None:
    supplier = str(ledger.supplier_ids[4])
    answer = send(person, application(ledger, supplier), "decide")
    told = (
        Client(person.client.app, Accept_Language="en", X_API_Key=key).get("/v1" + answer.headers["location"].removeprefix("/desk")).json()
    )
    page = person.read(f"/desk?q={supplier}").text
    limit = told["recommendation"]["limit"]
    if limit is not None:
        assert f"{limit // 100:,}" in text_of(page)
    listed = person.read(f"/desk/suppliers/{supplier}").text
    assert answer.headers["location"] in listed
