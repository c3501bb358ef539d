"""What persons do with a decision: each step a row of its own, an override by two, exposure and documents until the end."""

import uuid
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from features.ledger import Ledger
from serving.access.caller import Caller, Scope
from serving.access.keys import authenticate, create_api_key, rotate_api_key
from serving.audit.anchors import verify_chains
from serving.audit.replay import replay
from serving.decisions.lapses import lapse_due
from serving.decisions.policy_in_force import last_day_of, packaged_financing_policy
from serving.service import Service
from serving.store import Store
from tests.serving.applications import application, apply, step
from tests.serving.client import Client
from tests.serving.conftest import bank_with_consents
from training.bundle import ScoringBundle

Desk = dict[str, Client]


@pytest.fixture(scope="module")
def desk(app: FastAPI, owner: Store, ledger: Ledger) -> Desk:
    """A bank of its own, and two persons with a key each."""
    first = bank_with_consents(owner, ledger, "Li Wei")
    tenant = authenticate(owner, first).tenant_id
    keys = {"li": first, "wang": create_api_key(owner, tenant, "Wang Fang"), "li again": create_api_key(owner, tenant, " ＬＩ wei")}
    return {name: Client(app, Accept_Language="en", X_API_Key=key) for name, key in keys.items()}


@pytest.fixture(scope="module")
def caller(owner: Store, desk: Desk) -> Caller:
    return authenticate(owner, desk["li"].headers["X-API-Key"])


@pytest.fixture(scope="module")
def by_outcome(desk: Desk, ledger: Ledger) -> dict[str, list[str]]:
    """Suppliers of the ledger, by what is recommended on them."""
    found: dict[str, list[str]] = {"approve": [], "refer": [], "decline": []}
    for supplier in map(str, ledger.supplier_ids[:40]):
        body = apply(desk["li"], application(ledger, supplier)).json()
        assert step(desk["li"], body["id"], "withdraw").status_code == 201
        found[body["recommendation"]["outcome"]].append(supplier)
    assert all(found.values())
    return found


def stands(client: Client, decision: str) -> Any:
    return client.get(f"/v1/decisions/{decision}/steps").json()


def terms(**more: int) -> dict[str, int]:
    return {"limit": 1_000_000, "advance_rate": 500_000, "annual_rate": 80_000, "tenor_days": 60} | more


def test_a_recommendation_is_accepted_taken_and_repaid(desk: Desk, ledger: Ledger, by_outcome: dict[str, list[str]]) -> None:
    body = apply(desk["li"], application(ledger, by_outcome["approve"][0])).json()
    limit = body["recommendation"]["limit"]
    path = [("recommend", "recommended", limit)]
    for act, stage, exposure in (("accept", "accepted", limit), ("take", "taken", limit), ("repay", "repaid", 0)):
        answer = step(desk["li"], body["id"], act)
        assert answer.status_code == 201, answer.text
        assert (answer.json()["stage"], answer.json()["exposure"], answer.json()["by"]) == (stage, exposure, "Li Wei")
        path.append((act, stage, exposure))
    case = stands(desk["li"], body["id"])
    assert [(each["act"], each["stage"], each["exposure"]) for each in case["steps"]] == path
    assert (case["stage"], case["outcome"], case["exposure"]) == ("repaid", "approve", 0)
    assert {name: case["terms"][name] for name in ("limit", "annual_rate")} == {
        name: body["recommendation"][name] for name in ("limit", "annual_rate")
    }
    for act in ("refer", "accept", "take", "withdraw", "repay", "confirm"):
        refused = step(desk["li"], body["id"], act)
        assert (refused.status_code, refused.json()["type"]) == (409, "/docs#step_not_allowed")
    assert len(stands(desk["li"], body["id"])["steps"]) == 4


def test_an_override_takes_a_second_person(desk: Desk, owner: Store, ledger: Ledger, by_outcome: dict[str, list[str]]) -> None:
    body = apply(desk["li"], application(ledger, by_outcome["refer"][0])).json()
    assert step(desk["li"], body["id"], "accept").json()["type"] == "/docs#step_not_allowed"
    proposed = step(desk["li"], body["id"], "propose", outcome="approve", terms=terms())
    assert proposed.status_code == 201, proposed.text
    assert proposed.json()["terms"]["expected_loss"] > 0
    for alone in (desk["li"], desk["li again"]):
        for act in ("confirm", "reject"):
            refused = step(alone, body["id"], act)
            assert (refused.status_code, refused.json()["type"]) == (403, "/docs#second_person_needed")
    rotated = rotate_api_key(owner, desk["li"].headers["X-API-Key"].split("_")[1], timedelta(hours=1))
    same = Client(desk["li"].app, Accept_Language="en", X_API_Key=rotated)
    assert step(same, body["id"], "confirm").status_code == 403
    confirmed = step(desk["wang"], body["id"], "confirm")
    assert confirmed.status_code == 201
    case = stands(desk["wang"], body["id"])
    assert (case["stage"], case["outcome"], case["terms"]["limit"], case["exposure"]) == ("overridden", "approve", 1_000_000, 1_000_000)
    assert [each["by"] for each in case["steps"]] == ["Li Wei", "Li Wei", "Wang Fang"]


def test_a_refused_proposal_goes_back_and_nothing_is_lost(desk: Desk, ledger: Ledger, by_outcome: dict[str, list[str]]) -> None:
    body = apply(desk["li"], application(ledger, by_outcome["refer"][0])).json()
    for act, who, more in (
        ("propose", "li", {"outcome": "decline"}),
        ("reject", "wang", {}),
        ("propose", "wang", {"outcome": "decline"}),
        ("confirm", "li", {}),
    ):
        assert step(desk[who], body["id"], act, **more).status_code == 201
    case = stands(desk["li"], body["id"])
    assert [each["stage"] for each in case["steps"]] == ["referred", "proposed", "referred", "proposed", "overridden"]
    assert (case["outcome"], case["terms"], case["exposure"]) == ("decline", None, 0)


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"act": "propose", "outcome": "approve", "terms": terms(limit=10**12)}, 422, "terms_out_of_bounds"),
        ({"act": "propose", "outcome": "approve", "terms": terms(annual_rate=990_000)}, 422, "terms_out_of_bounds"),
        ({"act": "propose", "outcome": "approve", "terms": terms(tenor_days=3000)}, 422, "terms_out_of_bounds"),
        ({"act": "propose", "outcome": "approve", "terms": terms(limit=0)}, 422, "validation_failed"),
        ({"act": "propose", "outcome": "approve"}, 422, "validation_failed"),
        ({"act": "propose", "outcome": "refer"}, 422, "validation_failed"),
        ({"act": "propose", "outcome": "decline", "terms": terms()}, 422, "validation_failed"),
        ({"act": "propose"}, 422, "validation_failed"),
        ({"act": "withdraw", "outcome": "decline"}, 422, "validation_failed"),
        ({"act": "withdraw", "by": "somebody"}, 422, "validation_failed"),
        ({"act": "withdraw", "reason": "..."}, 422, "reason_missing"),
        ({"act": "withdraw", "reason": ""}, 422, "validation_failed"),
        ({"act": "withdraw", "reason": "x" * 2001}, 422, "validation_failed"),
        ({"act": "erase"}, 422, "validation_failed"),
    ],
)
def test_a_step_that_may_not_be_is_refused_and_leaves_nothing(
    desk: Desk, owner: Store, ledger: Ledger, by_outcome: dict[str, list[str]], asked: dict[str, Any], status: int, code: str
) -> None:
    body = apply(desk["li"], application(ledger, by_outcome["refer"][0])).json()
    sent = {"reason": "as agreed with the supplier"} | asked
    answer = desk["li"].post(f"/v1/decisions/{body['id']}/steps", json=sent, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert (answer.status_code, answer.json()["type"]) == (status, f"/docs#{code}"), answer.text
    assert len(stands(desk["li"], body["id"])["steps"]) == 1
    assert step(desk["li"], body["id"], "withdraw").status_code == 201


def test_a_step_is_answered_once(desk: Desk, ledger: Ledger, by_outcome: dict[str, list[str]]) -> None:
    body, key = apply(desk["li"], application(ledger, by_outcome["refer"][0])).json(), uuid.uuid4().hex
    sent = {"act": "withdraw", "reason": "no longer needed"}
    first, again = (desk["li"].post(f"/v1/decisions/{body['id']}/steps", json=sent, headers={"Idempotency-Key": key}) for _ in range(2))
    assert (first.status_code, again.status_code, again.headers["idempotent-replayed"]) == (201, 201, "true")
    assert first.content == again.content
    other = apply(desk["li"], application(ledger, by_outcome["refer"][0])).json()
    moved = desk["li"].post(f"/v1/decisions/{other['id']}/steps", json=sent, headers={"Idempotency-Key": key})
    assert moved.json()["type"] == "/docs#idempotency_key_reused"
    assert step(desk["li"], other["id"], "withdraw").status_code == 201


def test_open_decisions_count_in_what_is_owed(desk: Desk, ledger: Ledger, by_outcome: dict[str, list[str]]) -> None:
    supplier = by_outcome["approve"][-1]
    first = apply(desk["li"], application(ledger, supplier)).json()
    limit = first["recommendation"]["limit"]
    assert first["application"]["outstanding"] == 0
    second = apply(desk["li"], application(ledger, supplier, owed_besides=7)).json()
    assert second["application"]["outstanding"] == limit + 7
    by_code = {line["code"]: line["value"] for line in second["derivation"]}
    assert by_code["limit.by_turnover"] == by_code["limit.of_turnover"] - limit - 7
    for each in (first, second):
        assert step(desk["li"], each["id"], "withdraw").status_code == 201
    assert apply(desk["li"], application(ledger, supplier)).json()["application"]["outstanding"] == 0


def test_what_nobody_takes_up_lapses_and_lets_go(
    app: FastAPI, desk: Desk, owner: Store, caller: Caller, bundle: ScoringBundle, ledger: Ledger, by_outcome: dict[str, list[str]]
) -> None:
    service: Service = app.state.service
    names = ("left", "accepted", "taken", "referred")
    suppliers = [*by_outcome["approve"][:3], by_outcome["refer"][0]]
    asked = {name: application(ledger, supplier) for name, supplier in zip(names, suppliers, strict=True)}
    made = {name: apply(desk["li"], asked[name]).json() for name in names}
    assert {each["open_until"] for each in made.values()} == {(service.today + timedelta(days=30)).isoformat()}
    for name, act in (("accepted", "accept"), ("taken", "accept"), ("taken", "take")):
        assert step(desk["li"], made[name]["id"], act).status_code == 201
    assert not lapse_due(service)

    passed = service.today - timedelta(days=1)
    with owner.engine.begin() as connection:  # as if a month had gone by
        connection.execute(text("ALTER TABLE decisions DISABLE TRIGGER USER"))
        for each in made.values():
            connection.execute(text("UPDATE decisions SET open_until = :day WHERE id = :id"), {"day": passed, "id": each["id"]})
        connection.execute(text("ALTER TABLE decisions ENABLE TRIGGER USER"))
    for act in ("accept", "withdraw"):  # before the service came by
        refused = step(desk["li"], made["left"]["id"], act)
        assert (refused.status_code, refused.json()["type"]) == (409, "/docs#step_not_allowed")
    assert lapse_due(service)
    assert not lapse_due(service)

    for name in ("left", "accepted", "referred"):
        case = stands(desk["wang"], made[name]["id"])
        assert (case["stage"], case["exposure"], case["steps"][-1]["act"], case["steps"][-1]["by"]) == ("lapsed", 0, "lapse", "lianxin")
        again = apply(desk["li"], asked[name]).json()
        assert not [rule for item in again["items"] for rule in item["rules"] if rule["code"] == "ALREADY_FINANCED"]
        assert again["application"]["outstanding"] == made[name]["application"]["outstanding"]
        assert step(desk["li"], again["id"], "withdraw").status_code == 201
        page = desk["li"].get(f"/v1/decisions?stage=lapsed&supplier_id={asked[name]['supplier_id']}").json()
        assert made[name]["id"] in [each["id"] for each in page["items"]]
    assert stands(desk["li"], made["taken"]["id"])["stage"] == "taken"
    held = apply(desk["li"], asked["taken"]).json()
    assert {rule["code"] for item in held["items"] for rule in item["rules"]} >= {"ALREADY_FINANCED"}
    assert step(desk["li"], made["taken"]["id"], "repay").status_code == 201
    (report,) = [each for each in verify_chains(owner, set()) if each.tenant_id == caller.tenant_id]
    assert report.is_whole
    with owner.engine.connect() as connection:
        found = connection.execute(
            text("SELECT sequence FROM audit WHERE decision_id = :id ORDER BY sequence DESC LIMIT 1"), {"id": made["accepted"]["id"]}
        ).scalar_one()
    assert replay(owner, bundle, caller.tenant_id, found).different == ()


def test_a_policy_kept_from_before_decisions_lapsed_takes_the_packaged_days() -> None:
    day, packaged = date(2026, 7, 1), packaged_financing_policy().on(date(2026, 7, 1))
    older = replace(packaged, numbers={code: each for code, each in packaged.numbers.items() if code != "financing.offer_days"})
    assert last_day_of(older, day, day) == last_day_of(packaged, day, day) == date(2026, 7, 31)


def test_a_decline_is_not_open(desk: Desk, ledger: Ledger, by_outcome: dict[str, list[str]]) -> None:
    assert apply(desk["li"], application(ledger, by_outcome["decline"][0])).json()["open_until"] is None


def test_a_key_without_the_scope_takes_no_step(
    app: FastAPI, owner: Store, caller: Caller, desk: Desk, ledger: Ledger, supplier: str
) -> None:
    machine = create_api_key(owner, caller.tenant_id, "machine", [Scope.DECISION_WRITE, Scope.DECISION_READ])
    client = Client(app, Accept_Language="en", X_API_Key=machine)
    body = apply(client, application(ledger, supplier)).json()
    assert step(client, body["id"], "withdraw").json()["type"] == "/docs#scope_missing"
    assert step(desk["wang"], body["id"], "withdraw").status_code == 201


def test_every_row_of_the_chain_is_replayed_bit_for_bit(
    desk: Desk, owner: Store, caller: Caller, bundle: ScoringBundle, by_outcome: dict[str, list[str]]
) -> None:
    with owner.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT sequence, decision_id, decision_step FROM audit WHERE tenant_id = :t ORDER BY sequence"), {"t": caller.tenant_id}
        ).all()
    assert len(rows) > 150
    for row in rows:
        found = replay(owner, bundle, caller.tenant_id, row.sequence)
        assert found.different == ()
        assert found.decision_id == row.decision_id
    (report,) = [each for each in verify_chains(owner, set()) if each.tenant_id == caller.tenant_id and each.fault is None]
    assert report.is_whole


TOUCHED = {
    "the application": ("decisions", "inputs = convert_to(replace(convert_from(inputs, 'UTF8'), 'B-1', 'B-9'), 'UTF8')"),
    "the turnover": (
        "decisions",
        "inputs = convert_to(replace(convert_from(inputs, 'UTF8'), '\"last_365d\"\\:', '\"last_365d\"\\:1'), 'UTF8')",
    ),
    "the decision": ("decisions", "decision = convert_to(replace(convert_from(decision, 'UTF8'), 'REGISTER_PLEDGE', 'PAID'), 'UTF8')"),
    "the answer": ("decisions", "body = convert_to(replace(convert_from(body, 'UTF8'), '\"limit\"\\:', '\"limit\"\\:1'), 'UTF8')"),
    "a step's reason": ("decision_steps", "reason = reason || ' and more'"),
    "a step's terms": ("decision_steps", "exposure = exposure + 1"),
}


@pytest.mark.parametrize("name", TOUCHED)
def test_a_touched_decision_comes_out_otherwise(
    desk: Desk, owner: Store, caller: Caller, bundle: ScoringBundle, ledger: Ledger, by_outcome: dict[str, list[str]], name: str
) -> None:
    body = apply(desk["li"], application(ledger, by_outcome["approve"][0])).json()
    ended = step(desk["li"], body["id"], "withdraw").json()
    table, change = TOUCHED[name]
    column = "id" if table == "decisions" else "decision_id"
    sequence = body["audit"]["sequence"] if table == "decisions" else ended["audit"]["sequence"]
    with owner.engine.begin() as connection:
        kept = connection.execute(text(f"SELECT * FROM {table} WHERE {column} = :id ORDER BY 1"), {"id": body["id"]}).all()
        connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        assert connection.execute(text(f"UPDATE {table} SET {change} WHERE {column} = :id"), {"id": body["id"]}).rowcount
    try:
        found = replay(owner, bundle, caller.tenant_id, sequence)
        assert found.different
    finally:
        with owner.engine.begin() as connection:
            for row in kept:
                told = row._mapping
                names = {"decisions": ("inputs", "decision", "body"), "decision_steps": ("reason", "exposure")}[table]
                where = f"{column} = :id" + ("" if table == "decisions" else " AND number = :number")
                setting = ", ".join(f"{each} = :{each}" for each in names)
                values = {each: told[each] for each in names} | {"id": body["id"], "number": told.get("number")}
                connection.execute(text(f"UPDATE {table} SET {setting} WHERE {where}"), values)
            connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
    assert replay(owner, bundle, caller.tenant_id, sequence).different == ()


def test_kept_rows_cannot_be_changed(store: Store, owner: Store, caller: Caller, desk: Desk, by_outcome: dict[str, list[str]]) -> None:
    for table in ("decisions", "decision_steps", "decision_policies"):
        for statement in (f"UPDATE {table} SET tenant_id = tenant_id", f"DELETE FROM {table}"):
            with pytest.raises(Exception, match="permission denied"), store.begin(caller) as connection:
                connection.execute(text(statement))
            with pytest.raises(Exception, match="only ever added"), owner.engine.begin() as connection:
                connection.execute(text(statement))


def test_a_step_without_its_audit_row_is_told(
    owner: Store, caller: Caller, desk: Desk, ledger: Ledger, by_outcome: dict[str, list[str]]
) -> None:
    body = apply(desk["li"], application(ledger, by_outcome["refer"][0])).json()
    added = (
        "INSERT INTO decision_steps (tenant_id, decision_id, number, at, act, person, api_key_id, reason, stage, exposure)"
        " SELECT tenant_id, decision_id, 1, at, 'withdraw', person, api_key_id, 'because', 'withdrawn', 0 FROM decision_steps"
        " WHERE decision_id = :id"
    )
    with owner.engine.begin() as connection:
        connection.execute(text(added), {"id": body["id"]})
    try:
        (report,) = [each for each in verify_chains(owner, set()) if each.tenant_id == caller.tenant_id]
        assert (report.unaudited, report.is_whole) == (1, False)
    finally:
        with owner.engine.begin() as connection:
            connection.execute(text("ALTER TABLE decision_steps DISABLE TRIGGER USER"))
            connection.execute(text("DELETE FROM decision_steps WHERE decision_id = :id AND number = 1"), {"id": body["id"]})
            connection.execute(text("ALTER TABLE decision_steps ENABLE TRIGGER USER"))
    assert stands(desk["li"], body["id"])["stage"] == "referred"
