"""A bank's own policy: told every fault, simulated on what the bank decided, put in force by a second person, never changed."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, text

from credit.application import Invoice, ReceivablesApplication, Request, ScoredSupplier, Turnover
from credit.bank_policy import MOST_FAULTS
from credit.simulation import PastApplication
from features.ledger import Ledger
from serving.access.caller import Caller
from serving.access.keys import authenticate, create_api_key
from serving.audit.anchors import verify_chains
from serving.bank_policies.simulate import simulation_body
from serving.bank_policies.upload import read_policy
from serving.database.tables import audit
from serving.decisions.policy_in_force import packaged_financing_policy, policy_in_force
from serving.store import Store
from tests.serving.applications import application, apply
from tests.serving.client import Client
from tests.serving.conftest import bank_with_consents
from tests.serving.test_body_horrors import NOT_JSON

TODAY = datetime.now(UTC).date()
MARK = "zqxjkv"
REASON = "adopted by the credit committee"


def toml(value: object = 0.7, code: str = "receivables.top_advance_rate", since: str = "2026-01-01") -> str:
    return f'bank = "Bank A"\n\n[{code}]\nvalues = [{{ from = {since}, value = {value}, source = "minutes" }}]\n'


class Bank:
    """A bank with two persons and some decisions."""

    def __init__(self, app: FastAPI, owner: Store, ledger: Ledger, name: str) -> None:
        self.key = bank_with_consents(owner, ledger, name)
        self.caller: Caller = authenticate(owner, self.key)
        tenant = self.caller.tenant_id
        self.author, self.second = (
            Client(app, Accept_Language="en", X_API_Key=create_api_key(owner, tenant, person)) for person in ("author", "second")
        )

    def post(self, who: Client, path: str, body: Any, key: str | None = None) -> httpx.Response:
        return who.post(path, json=body, headers={"Idempotency-Key": key or uuid.uuid4().hex})

    def upload(self, content: str, who: Client | None = None) -> httpx.Response:
        return self.post(who or self.author, "/v1/policies", {"toml": content})

    def simulate(self, policy: str, who: Client | None = None, **body: Any) -> httpx.Response:
        return self.post(who or self.author, f"/v1/policies/{policy}/simulation", body)

    def activate(self, policy: str, simulation: str, who: Client | None = None, reason: str = REASON) -> httpx.Response:
        body = {"simulation_id": simulation, "reason": reason}
        return self.post(who or self.second, f"/v1/policies/{policy}/activate", body)


@pytest.fixture(scope="module")
def ours(app: FastAPI, owner: Store, ledger: Ledger) -> Iterator[Bank]:
    yield Bank(app, owner, ledger, "policies")


@pytest.fixture
def fresh(app: FastAPI, owner: Store, ledger: Ledger) -> Bank:
    return Bank(app, owner, ledger, f"policies {uuid.uuid4().hex}")


FAULTS: dict[str, tuple[str, str, int | None, str | None]] = {
    "no toml": (f"bank = {MARK}", "not_toml", 1, None),
    "cut short": ('bank = "A"\n[receivables', "not_toml", 2, None),
    "nested without end": ("a = " + "[" * 20_000, "not_toml", None, None),
    "digits without end": ("a = " + "9" * 10_000, "not_toml", None, None),
    "no bank": (toml().replace('bank = "Bank A"', ""), "bank_unnamed", None, "bank"),
    "bank as a number": (toml().replace('"Bank A"', "5"), "bank_unnamed", 1, "bank"),
    "a long name": (toml().replace("Bank A", MARK * 20), "bank_unnamed", 1, "bank"),
    "the statute": (toml(0.1, "statute.annual_rate_ceiling"), "statute", 3, "statute"),
    "no such policy": (toml(0.1, f"{MARK}.lgd"), "section_unknown", 3, None),
    "a policy as a number": (f"receivables = 5\nbank = '{MARK}'", "section_holds_no_numbers", 1, "receivables"),
    "no such number": (toml(0.1, f"receivables.{MARK}"), "number_unknown", 3, None),
    "nearly a number": (toml(0.1, "receivables.top_advance_rat"), "number_unknown", 3, None),
    "no values": ("bank = 'A'\n[receivables.lgd]\nvalue = 0.3\n", "values_missing", 2, "receivables.lgd"),
    "empty values": ("bank = 'A'\n[receivables.lgd]\nvalues = []\n", "values_missing", 2, "receivables.lgd"),
    "a value alone": ("bank = 'A'\n[receivables.lgd]\nvalues = [0.3]\n", "entry_form", 2, "receivables.lgd"),
    "a day as a text": (toml(0.3, "receivables.lgd", f"'{MARK}'"), "from_is_no_date", 4, "receivables.lgd"),
    "a value as a text": (toml(f"'{MARK}'", "receivables.lgd"), "value_is_no_number", 4, "receivables.lgd"),
    "not a number": (toml("nan", "receivables.lgd"), "value_is_no_number", 4, "receivables.lgd"),
    "infinite": (toml("inf", "receivables.lgd"), "value_is_no_number", 4, "receivables.lgd"),
    "true": (toml("true", "receivables.lgd"), "value_is_no_number", 4, "receivables.lgd"),
    "a share of 80": (toml(80), "value_out_of_domain", 4, "receivables.top_advance_rate"),
    "seven decimals": (toml(0.1234567), "value_out_of_domain", 4, "receivables.top_advance_rate"),
    "no source": (toml().replace('"minutes"', '" "'), "source_missing", 4, "receivables.top_advance_rate"),
    "above the ceiling": (toml(0.9, "receivables.max_annual_rate"), "numbers_contradict", 4, "receivables.max_annual_rate"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_by_key_line_rule_and_remedy_and_nothing_is_repeated(ours: Bank, name: str) -> None:
    content, code, line, key = FAULTS[name]
    answer = ours.upload(content)
    assert (answer.status_code, answer.json()["type"]) == (422, "/docs#policy_invalid")
    found = [error for error in answer.json()["errors"] if error["code"] == code]
    assert found, answer.text
    assert (found[0].get("line"), found[0].get("key"), found[0]["pointer"]) == (line, key, "/toml")
    assert len(found[0]["detail"]) > 20
    assert MARK not in answer.text


def test_what_is_not_json_or_of_another_form_is_refused_everywhere(fresh: Bank) -> None:
    policy = fresh.upload(toml()).json()["id"]
    for path in ("/v1/policies", f"/v1/policies/{policy}/simulation", f"/v1/policies/{policy}/activate"):
        for name, (body, code) in NOT_JSON.items():
            headers = {"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex}
            answer = fresh.second.post(path, content=body, headers=headers)
            assert (answer.status_code, [error["code"] for error in answer.json()["errors"]]) == (400, [code]), (path, name)
        bodies: tuple[object, ...] = (
            None,
            [],
            5,
            {MARK: 1},
            {"toml": 5},
            {"toml": ""},
            {"begins_on": "2026-02-30"},
            {"simulation_id": 7, "reason": REASON},
        )
        for sent in bodies:
            headers = {"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex}
            answer = fresh.second.post(path, content=json.dumps(sent), headers=headers)
            assert answer.status_code == 422, (path, sent)
            assert MARK not in answer.text
        assert fresh.second.post(path, json={"toml": toml()}).json()["type"] == "/docs#idempotency_key_missing"
    assert fresh.upload("x" * 60_001).status_code == 422


def test_all_faults_are_told_at_once_and_no_more_than_a_hundred(ours: Bank) -> None:
    told = ours.upload(toml(80).replace('"Bank A"', "5") + "[stock.lgd]\nvalues = 1\n").json()["errors"]
    assert [error["code"] for error in told] == ["bank_unnamed", "value_out_of_domain", "values_missing"]
    assert "receivables.top_advance_rate" not in told[0]["detail"]
    near = ours.upload(toml(0.1, "receivables.top_advance_rat")).json()["errors"][0]["detail"]
    assert "receivables.top_advance_rate" in near
    many = "bank = 'A'\n" + "".join(f"[receivables.n{n}]\nvalues = 1\n" for n in range(1500))
    assert len(ours.upload(many).json()["errors"]) == MOST_FAULTS
    rows = ", ".join("{ from = 2026-01-01, value = 7, source = 'x' }" for _ in range(900))
    assert len(ours.upload(f"bank = 'A'\n[receivables.lgd]\nvalues = [{rows}]\n").json()["errors"]) == MOST_FAULTS


def test_a_policy_is_kept_read_and_listed_and_the_same_key_brings_the_first_answer(ours: Bank) -> None:
    key = uuid.uuid4().hex
    first, again = (ours.post(ours.author, "/v1/policies", {"toml": toml()}, key) for _ in range(2))
    assert (first.status_code, again.content, again.headers["idempotent-replayed"]) == (201, first.content, "true")
    assert ours.post(ours.author, "/v1/policies", {"toml": toml(0.6)}, key).status_code == 422
    told = first.json()
    assert told["version"] == read_policy(toml()).version
    assert (told["uploaded_by"], told["is_in_force"], told["toml"]) == ("author", False, toml())
    [number] = told["numbers"]
    assert (number["code"], number["own"][-1]["value"]) == ("receivables.top_advance_rate", 0.7)
    read = ours.second.get(first.headers["location"]).json()
    assert read == {name: value for name, value in told.items() if name != "audit"}
    listed = ours.second.get("/v1/policies?limit=200").json()["items"]
    assert told["id"] in {item["id"] for item in listed}
    pages = [ours.second.get("/v1/policies?limit=1").json()]
    while pages[-1]["next"] is not None:
        pages.append(ours.second.get(f"/v1/policies?limit=1&after={pages[-1]['next']}").json())
    assert [item["id"] for page in pages for item in page["items"]] == [item["id"] for item in listed]


def test_the_figures_of_a_simulation_by_hand() -> None:
    """Three invoices of CNY 100,000 each, by a supplier far below the cut-off and by one far above it."""
    day = date(2026, 7, 1)
    before, after = packaged_financing_policy().on(day), read_policy(toml(0.7)).on(day)
    past = []
    for name, pd in (("a", 0.01), ("b", 0.9)):
        invoices = tuple(
            Invoice(f"{name}{n}", f"buyer {n}", 10_000_000, date(2026, 6, 1), date(2026, 8, 30), date(2026, 6, 3)) for n in range(3)
        )
        asked = ReceivablesApplication(Request(str(uuid.uuid4()), f"S-{name}", day, amount=100_000_000, tenor_days=90), invoices)
        supplier = ScoredSupplier(points=640.0, pd=pd, grade="BBB", interval=(pd, pd), sufficiency="A")
        past.append(PastApplication(asked, supplier, Turnover(900_000_000, 300_000_000, 100_000_000)))
    named = {"id": uuid.uuid4(), "policy_id": uuid.uuid4(), "begins_on": day, "made_at": datetime.now(UTC), "made_by": "author"}
    found = simulation_body(past, before, after, left_out=0, **named)
    assert (found.applications, found.before.approved, found.before.declined) == (2, 1, 1)
    assert (found.before.approval_rate, found.after.approval_rate) == (500_000, 500_000)
    # 30,000,000 fen count. The advance rate falls in a line from the top to 0.6 at a PD of 0.08: at 0.01 to 0.81875, and to 0.6875.
    assert (found.before.exposure, found.after.exposure) == (24_560_000, 20_620_000)
    # x PD 0.01 x LGD 0.4, over 75 of 365 days: 60 until the invoices are due, and 15 of grace.
    assert (found.before.expected_loss, found.after.expected_loss) == (20_187, 16_948)
    assert (found.terms_changed, found.changes) == (1, [])


def test_it_is_simulated_on_the_banks_own_past_and_names_who_comes_out_otherwise(fresh: Bank, app: FastAPI, ledger: Ledger) -> None:
    client = Client(app, Accept_Language="en", X_API_Key=fresh.key)
    made = [apply(client, application(ledger, str(supplier))).json() for supplier in ledger.supplier_ids[:8]]
    outcomes = [one["recommendation"]["outcome"] for one in made]
    floor = '[financing.pd_floor]\nvalues = [{ from = 2026-01-01, value = 0.000001, source = "x" }]\n'
    policy = fresh.upload(toml(0.000002, "financing.cutoff_pd") + floor).json()
    answer = fresh.simulate(policy["id"])
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["applications"], told["left_out"]) == (8, 0)
    assert (told["before"]["approved"], told["before"]["referred"]) == (outcomes.count("approve"), outcomes.count("refer"))
    limits = [one["recommendation"]["limit"] for one in made if one["recommendation"]["outcome"] == "approve"]
    assert told["before"]["exposure"] == sum(limits)
    assert told["after"]["approved"] == 0
    decided = {one["id"] for one in made if one["recommendation"]["outcome"] != "decline"}
    assert {change["decision_id"] for change in told["changes"]} == decided
    assert {change["after"] for change in told["changes"]} == {"decline"}
    assert fresh.second.get(answer.headers["location"]).content == answer.content
    later = fresh.simulate(policy["id"], since=(ledger.latest_as_of + timedelta(days=1)).isoformat()).json()
    assert (later["applications"], later["changes"]) == (0, [])


def test_only_a_second_person_puts_it_in_force_after_a_simulation_that_still_holds(fresh: Bank, store: Store) -> None:
    policy = fresh.upload(toml()).json()
    assert fresh.activate(policy["id"], str(uuid.uuid4())).json()["type"] == "/docs#simulation_needed"
    assert fresh.activate(policy["id"], "x" * 36).json()["type"] == "/docs#simulation_needed"
    seen = fresh.simulate(policy["id"]).json()["id"]
    other = fresh.upload(toml(0.6)).json()
    assert fresh.activate(other["id"], seen).json()["type"] == "/docs#simulation_needed"
    refused = fresh.activate(policy["id"], seen, fresh.author)
    assert (refused.status_code, refused.json()["type"]) == (403, "/docs#second_person_needed")
    assert fresh.activate(policy["id"], seen, reason="ok").json()["type"] == "/docs#reason_missing"
    past = fresh.simulate(policy["id"], begins_on=(TODAY - timedelta(days=2)).isoformat())
    assert [(error["pointer"], error["code"]) for error in past.json()["errors"]] == [("/begins_on", "in_the_past")]
    of_other = fresh.simulate(other["id"]).json()["id"]
    done = fresh.activate(policy["id"], seen)
    assert done.status_code == 201, done.text
    assert (done.json()["by"], done.json()["version"], done.json()["reason"]) == ("second", policy["version"], REASON)
    # What the other was compared with holds no more, and neither does what this one was.
    for one, simulation in ((other["id"], of_other), (policy["id"], seen)):
        assert fresh.activate(one, simulation).json()["type"] == "/docs#simulation_outdated"
    read = fresh.second.get(f"/v1/policies/{policy['id']}").json()
    assert read["is_in_force"]
    assert [one["simulation_id"] for one in read["activations"]] == [seen]
    with store.begin(fresh.caller) as connection:
        begins = date.fromisoformat(done.json()["begins_on"])
        assert policy_in_force(connection, fresh.caller.tenant_id, begins).version == policy["version"]
        assert policy_in_force(connection, fresh.caller.tenant_id, begins - timedelta(days=1)).id == "packaged"


def test_of_several_the_one_that_began_last_holds_and_the_later_put_one_of_a_day(fresh: Bank, store: Store) -> None:
    day, versions = TODAY + timedelta(days=10), {}
    for name, value, begins in (
        ("a", 0.7, day),
        ("b", 0.6, day),
        ("c", 0.65, day - timedelta(days=5)),
        ("d", 0.75, day + timedelta(days=5)),
    ):
        policy = fresh.upload(toml(value)).json()
        versions[name] = policy["version"]
        seen = fresh.simulate(policy["id"], begins_on=begins.isoformat()).json()["id"]
        assert fresh.activate(policy["id"], seen).status_code == 201
    with store.begin(fresh.caller) as connection:
        found = [policy_in_force(connection, fresh.caller.tenant_id, day + timedelta(days=n)).version for n in (-6, -5, -1, 0, 4, 5, 99)]
    packaged = packaged_financing_policy().version
    assert found == [packaged, versions["c"], versions["c"], versions["b"], versions["b"], versions["d"], versions["d"]]


def test_a_decision_is_made_by_the_policy_in_force_on_its_day_and_replays(
    fresh: Bank, app: FastAPI, owner: Store, ledger: Ledger, supplier: str
) -> None:
    client = Client(app, Accept_Language="en", X_API_Key=fresh.key)
    policy = fresh.upload(toml(0.61)).json()
    seen = fresh.simulate(policy["id"]).json()["id"]
    assert fresh.activate(policy["id"], seen).status_code == 201
    body = application(ledger, supplier, amount=900_000_000)
    before = apply(client, body).json()
    assert before["policy"]["id"] == "packaged"
    with owner.engine.begin() as connection:  # as if it had been put in force before the platform's last day
        connection.execute(
            text(
                "INSERT INTO policy_activations (tenant_id, policy_id, simulation_id, begins_on, person, api_key_id, reason)"
                " SELECT tenant_id, policy_id, simulation_id, :day, person, api_key_id, reason"
                " FROM policy_activations WHERE policy_id = :id"
            ),
            {"day": ledger.latest_as_of, "id": policy["id"]},
        )
    after = apply(client, application(ledger, supplier, amount=900_000_000)).json()
    assert (after["policy"]["id"], after["policy"]["version"]) == ("Bank A", policy["version"])
    lines = {line["code"]: line["value"] for line in after["derivation"]}
    assert lines["receivables.top_advance_rate"] == 610_000


def test_every_step_has_its_audit_row_and_the_database_changes_none(fresh: Bank, owner: Store) -> None:
    policy = fresh.upload(toml()).json()
    simulation = fresh.simulate(policy["id"]).json()
    activation = fresh.activate(policy["id"], simulation["id"]).json()
    tenant = fresh.caller.tenant_id
    with owner.engine.connect() as connection:
        rows = connection.execute(select(audit.c.record).where(audit.c.tenant_id == tenant).order_by(audit.c.sequence)).scalars()
        told = [json.loads(bytes(row)) for row in rows]
    assert [row["kind"] for row in told] == ["policy", "policy_simulation", "policy_activation"]
    assert [row["sequence"] for row in told] == [one["audit"]["sequence"] for one in (policy, simulation, activation)]
    assert {row["version"] for row in told} == {policy["version"]}
    assert [row["person"] for row in told] == ["author", "author", "second"]
    assert REASON not in json.dumps(told)
    assert [report.fault for report in verify_chains(owner, frozenset()) if report.tenant_id == tenant] == [None]
    for statement in (
        "UPDATE bank_policies SET toml = ''",
        "DELETE FROM policy_activations",
        "DELETE FROM policy_simulations",
    ):
        with pytest.raises(Exception, match="only ever added"), owner.engine.begin() as connection:
            connection.execute(text(statement))


def test_another_bank_sees_nothing_and_decides_by_its_own(ours: Bank, fresh: Bank, store: Store) -> None:
    policy = fresh.upload(toml()).json()
    seen = fresh.simulate(policy["id"]).json()["id"]
    for path in (f"/v1/policies/{policy['id']}", f"/v1/policies/{policy['id']}/simulations/{seen}"):
        assert ours.author.get(path).status_code == 404
    assert ours.simulate(policy["id"]).status_code == 404
    assert ours.activate(policy["id"], seen).status_code == 404
    assert fresh.activate(policy["id"], seen).status_code == 201
    with store.begin(ours.caller) as connection:
        assert policy_in_force(connection, ours.caller.tenant_id, TODAY + timedelta(days=2)).version != policy["version"]
        assert policy_in_force(connection, fresh.caller.tenant_id, TODAY + timedelta(days=2)).version != policy["version"]
