"""A supplier says that a row is wrong: the clock starts, a person decides, the ledger is corrected, scores follow, and banks are told."""

import base64
import json
import re
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from features.evidence import evidence_rows
from features.ledger import Ledger
from features.store import open_ledger
from serving.access.caller import Caller
from serving.access.keys import authenticate, create_api_key
from serving.access.signing_keys import SigningKeys
from serving.access.tenants import create_operator, create_supplier
from serving.app import create_app
from serving.audit.anchors import verify_chains
from serving.audit.replay import replay
from serving.disputes.rescoring import Corrections, stored
from serving.settings import ServiceSettings
from serving.store import Store
from serving.swap.holder import try_out
from serving.webhooks.delivery import deliver_due
from tests.serving.client import Client
from tests.serving.conftest import bank_with_consents
from tests.serving.receiver import receiver
from tests.serving.test_webhooks import LOCAL, verified
from training.bundle import ScoringBundle

LATE = "fulfilment_late_ratio_90d"


class Court:
    """A service on a ledger of its own, a supplier with a late delivery, a bank and an operator."""

    def __init__(self, app: FastAPI, ledger: Ledger, tables: Path, owner: Store, keys: SigningKeys) -> None:
        self.app, self.owner, self.keys, self.tables = app, owner, keys, tables
        self.as_of = ledger.latest_as_of
        late = {s: evidence_rows(ledger, LATE, s, self.as_of) for s in map(str, ledger.supplier_ids[10:])}
        self.supplier = min((s for s in late if late[s].total), key=lambda s: late[s].total)
        self.row = evidence_rows(ledger, LATE, self.supplier, self.as_of).rows[0]
        named = {
            "bank": bank_with_consents(owner, ledger, f"court bank {uuid.uuid4()}"),
            "supplier": create_api_key(owner, create_supplier(owner, self.supplier), "login"),
            "operator": create_api_key(owner, create_operator(owner, f"court operator {uuid.uuid4()}"), "desk"),
        }
        self.clients = {name: Client(app, Accept_Language="en", X_API_Key=key) for name, key in named.items()}
        self.callers: dict[str, Caller] = {name: authenticate(owner, key) for name, key in named.items()}
        self.work = Corrections(app.state.holder, stored(app.state.service.ledger_path))

    def score(self, who: str) -> dict[str, Any]:
        purpose = "own_information" if who == "supplier" else "credit_application"
        body = {"supplier_id": self.supplier, "purpose": purpose, "as_of": self.as_of.isoformat()}
        answer = self.clients[who].post("/v1/scores", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def request(self, **more: Any) -> dict[str, Any]:
        wanted = {"kind": "row", "score_id": self.score("supplier")["id"], "table": "fulfilments", "row_id": self.row.key}
        return wanted | {"statement": "按时送达。"} | more

    def open(self, **more: Any) -> dict[str, Any]:
        answer = self.clients["supplier"].post("/v1/disputes", json=self.request(**more), headers={"Idempotency-Key": uuid.uuid4().hex})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def decide(self, dispute: str, **body: Any) -> Any:
        return self.clients["operator"].post(f"/v1/disputes/{dispute}/decision", json=body)

    def corrected_row(self) -> list[dict[str, str]]:
        """The row as the platform has it, but delivered when it was promised."""
        order, delivery = self.row.key.split("/")
        found = duckdb.sql(
            f"SELECT f.* EXCLUDE (recorded_at, shipped_at) REPLACE (o.promised_at AS delivered_at, o.promised_at AS accepted_at)"
            f" FROM '{self.tables}/fulfilments.parquet' f JOIN '{self.tables}/orders.parquet' o USING (order_id, supplier_id)"
            f" WHERE fulfilment_id = '{delivery}' AND order_id = '{order}'"
        )
        assert found is not None
        cells = dict(zip(found.columns, found.fetchall()[0], strict=True))
        return [{"column": name, "value": str(value)} for name, value in cells.items() if value is not None]

    def close_all(self) -> None:
        for found in self.clients["operator"].get("/v1/disputes?limit=200").json()["items"]:
            if found["state"] in ("received", "taken_up"):
                assert self.decide(found["id"], outcome="not_upheld", reason="end of the test").status_code == 200


@pytest.fixture(scope="module")
def court(parts: Path, bundle: ScoringBundle, store: Store, owner: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    place = tmp_path_factory.mktemp("court") / "ledger"
    shutil.copytree(parts / "ledger", place)
    ledger, keys = open_ledger(place), SigningKeys.draw()
    settings = ServiceSettings(webhooks_to_any_address=True, rate_burst=100_000, rate_per_second=10_000)
    app = create_app(settings, bundle, ledger, store, keys, ledger_path=place)
    try_out(bundle, ledger)
    yield Court(app, ledger, parts / "tables", owner, keys)


def test_upheld_corrected_scored_again_linked_and_told(court: Court, owner: Store, store: Store, bundle: ScoringBundle) -> None:
    with receiver() as there:
        hook = court.clients["bank"].post(
            "/v1/webhooks", json={"url": there.url, "events": ["score.superseded"]}, headers={"Idempotency-Key": "court"}
        )
        old, bodies = court.score("bank"), {}
        assert (old["disputed"], old["supersedes"], old["superseded_by"]) == (False, None, None)
        kept = court.clients["bank"].get(f"/v1/scores/{old['id']}").content
        dispute = court.open()
        assert court.clients["bank"].get(f"/v1/scores/{old['id']}").json() == old | {"disputed": True}
        assert court.score("bank")["disputed"] is True
        taken = court.clients["operator"].post(f"/v1/disputes/{dispute['id']}/review").json()
        assert (taken["state"], taken["events"][0]["by"]) == ("taken_up", court.callers["operator"].prefix)
        decided = court.decide(dispute["id"], outcome="upheld", reason="签收单为证。", correction=court.corrected_row())
        assert decided.status_code == 200, decided.text
        assert decided.json()["state"] == "upheld"
        before = court.app.state.service.ledger
        while court.work.run():
            pass
        assert court.app.state.service.ledger is not before
        assert court.clients["supplier"].get(f"/v1/disputes/{dispute['id']}").json()["state"] == "rescored"
        assert court.clients["bank"].get(f"/v1/scores/{old['id']}").json()["disputed"] is False
        new_id = court.clients["bank"].get(f"/v1/scores/{old['id']}").json()["superseded_by"]
        new = court.clients["bank"].get(f"/v1/scores/{new_id}").json()
        assert (new["supersedes"], new["superseded_by"], new["as_of"]) == (old["id"], None, old["as_of"])
        assert (new["consent_ref"], new["tier"], new["purpose"]) == (old["consent_ref"], old["tier"], old["purpose"])
        late = {name: {c["feature"]: c["value"] for c in body["contributions"]}[LATE] for name, body in (("old", old), ("new", new))}
        assert late["new"] < late["old"]
        assert new["score"]["points"] > old["score"]["points"]
        assert datetime.fromisoformat(new["known_at"]) > datetime.fromisoformat(old["known_at"])
        # what was given stays what it was, in the database and by replay
        with owner.engine.connect() as connection:
            in_database = connection.execute(text("SELECT body FROM scores WHERE id = :id"), {"id": old["id"]}).scalar_one()
        assert bytes(in_database) == kept
        bank = court.callers["bank"]
        for body in (old, new):
            assert replay(owner, bundle, bank.tenant_id, body["audit"]["sequence"]).different == ()
        while deliver_due(store, court.keys.webhook_root, LOCAL):
            pass
        bodies = {json.loads(one.body)["data"]["score_id"]: one for one in there.received}
        told = json.loads(bodies[old["id"]].body)
        assert verified(hook.json()["secret"], bodies[old["id"]])
        assert told["type"] == "score.superseded"
        assert told["data"] | {"superseded_by": new_id, "dispute": dispute["reference"], "as_of": old["as_of"]} == told["data"]
        assert len(there.received) == 2  # the old one, and the one given while it was disputed
    own = next(report for report in verify_chains(owner, {court.keys.anchor_public}) if report.tenant_id == bank.tenant_id)
    assert own.is_whole


def test_the_clock_counts_calendar_days_in_the_zone_of_the_import(court: Court) -> None:
    dispute = court.open()
    today = datetime.now(ZoneInfo(court.app.state.service.ledger.zone)).date()
    assert date.fromisoformat(dispute["due_on"]) == today + timedelta(days=20)
    assert (dispute["policy"], dispute["is_overdue"], dispute["state"]) == ("2013-03-15", False, "received")
    assert dispute["reference"].startswith(f"D{today:%Y%m%d}-")
    court.close_all()


def test_an_overdue_one_is_listed_and_counted(court: Court, owner: Store) -> None:
    dispute, other = court.open(), court.open(statement="another")
    assert court.clients["operator"].get("/v1/disputes?overdue=true").json()["items"] == []
    with owner.engine.begin() as connection:
        connection.execute(text("ALTER TABLE disputes DISABLE TRIGGER USER"))
        connection.execute(text("UPDATE disputes SET due_at = now() - interval '1 second' WHERE id = :id"), {"id": dispute["id"]})
        connection.execute(text("ALTER TABLE disputes ENABLE TRIGGER USER"))
    (late,) = court.clients["operator"].get("/v1/disputes?overdue=true").json()["items"]
    assert (late["id"], late["is_overdue"]) == (dispute["id"], True)
    metrics = court.clients["operator"].get("/metrics").text
    assert 'lianxin_disputes{state="overdue"} 1.0' in metrics
    assert 'lianxin_disputes{state="undecided"} 2.0' in metrics
    assert not other["is_overdue"]
    court.close_all()
    assert 'lianxin_disputes{state="overdue"} 0.0' in court.clients["operator"].get("/metrics").text


def test_not_upheld_ends_it_and_a_decision_stands(court: Court) -> None:
    dispute = court.open()
    body = {"outcome": "not_upheld", "reason": "The note bears another day."}
    first = court.decide(dispute["id"], **body)
    assert (first.status_code, first.json()["state"]) == (200, "not_upheld")
    assert court.decide(dispute["id"], **body).json() == first.json()
    again = court.decide(dispute["id"], outcome="upheld", reason="else", correction=court.corrected_row())
    assert (again.status_code, again.json()["type"]) == (409, "/docs#dispute_decided")
    assert court.score("bank")["disputed"] is False
    assert court.work.run() is False


def test_a_person_reviews_on_request(court: Court) -> None:
    score = court.score("supplier")
    assert score["rights"]["automated_only"] is True
    wanted = {"kind": "human_review", "score_id": score["id"], "statement": "Please look."}
    review = court.clients["supplier"].post("/v1/disputes", json=wanted, headers={"Idempotency-Key": uuid.uuid4().hex}).json()
    assert court.score("bank")["disputed"] is False
    refused = court.decide(review["id"], outcome="upheld", reason="x", correction=court.corrected_row())
    assert (refused.status_code, refused.json()["type"]) == (422, "/docs#correction_refused")
    answered = court.decide(review["id"], outcome="not_upheld", reason="I read the file; the score stands.")
    assert answered.json()["events"][-1]["reason"] == "I read the file; the score stands."
    assert court.clients["supplier"].get(f"/v1/scores/{score['id']}").json()["rights"]["automated_only"] is False


def test_a_file_is_kept_as_bytes_and_given_back_as_a_download(court: Court) -> None:
    data = b"%PDF-1.7 <script>alert(1)</script>" + bytes(range(256))
    dispute = court.open(file={"media_type": "application/pdf", "content": base64.b64encode(data).decode()}, evidence="=cmd()")
    assert dispute["file"]["size"] == len(data)
    for who in ("supplier", "operator"):
        answer = court.clients[who].get(f"/v1/disputes/{dispute['id']}/file")
        assert answer.content == data
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"
    court.close_all()


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"score_id": str(uuid.uuid4())}, 404, "score_unknown"),
        ({"row_id": "no such row"}, 422, "row_unknown"),
        ({"table": "loans"}, 422, "row_unknown"),
        ({"table": "no_table"}, 422, "row_unknown"),
        ({"table": None}, 422, "validation_failed"),
        ({"kind": "human_review"}, 422, "validation_failed"),
        ({"statement": " "}, 422, "validation_failed"),
        ({"statement": "x" * 2001}, 422, "validation_failed"),
        ({"file": {"media_type": "text/html", "content": "AAAA"}}, 422, "validation_failed"),
        ({"file": {"media_type": "image/png", "content": "not base64!"}}, 422, "validation_failed"),
        ({"file": {"media_type": "image/png", "content": "A" * (512 * 1024 * 4 // 3 + 8)}}, 422, "validation_failed"),
        ({"file": {"media_type": "image/png", "content": "A" * 800_000}}, 413, "body_too_large"),
        ({"state": "upheld"}, 422, "validation_failed"),
    ],
)
def test_what_is_no_dispute_is_refused(court: Court, change: dict[str, Any], status: int, code: str) -> None:
    wanted = court.request() | change
    answer = court.clients["supplier"].post("/v1/disputes", json=wanted, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert (answer.status_code, answer.json()["type"]) == (status, f"/docs#{code}"), answer.text


def test_a_correction_that_the_ledger_cannot_take_is_refused_when_it_is_decided(court: Court) -> None:
    dispute, row = court.open(), {cell["column"]: cell["value"] for cell in court.corrected_row()}
    for change in (
        {"supplier_id": "S000001x"},
        {"order_id": "another"},
        {"delivered_at": "soon"},
        {"delivered_at": "2099-01-01"},
        {"quantity_delivered": "-3"},
        {"recorded_at": "2020-01-01"},
        {"no_column": "1"},
    ):
        cells = [{"column": name, "value": value} for name, value in (row | change).items()]
        answer = court.decide(dispute["id"], outcome="upheld", reason="x", correction=cells)
        assert (answer.status_code, answer.json().get("type")) == (422, "/docs#correction_refused"), (change, answer.text)
    assert court.decide(dispute["id"], outcome="upheld", reason="x").json()["type"] == "/docs#correction_refused"
    assert court.clients["supplier"].get(f"/v1/disputes/{dispute['id']}").json()["state"] == "received"
    court.close_all()


def test_the_same_key_brings_the_same_dispute(court: Court) -> None:
    body, asked = court.request(), {"Idempotency-Key": uuid.uuid4().hex}
    first, second = (court.clients["supplier"].post("/v1/disputes", json=body, headers=asked) for _ in range(2))
    assert first.json() == second.json()
    other = court.clients["supplier"].post("/v1/disputes", json=body | {"statement": "else"}, headers=asked)
    assert (other.status_code, other.json()["type"]) == (422, "/docs#idempotency_key_reused")
    court.close_all()


def test_every_step_stands_in_the_suppliers_chain(court: Court, owner: Store) -> None:
    dispute = court.open()
    court.clients["operator"].post(f"/v1/disputes/{dispute['id']}/review")
    court.decide(dispute["id"], outcome="not_upheld", reason="No.")
    with owner.engine.connect() as connection:
        records = connection.execute(
            text("SELECT record FROM audit WHERE tenant_id = :tenant AND score_id IS NULL ORDER BY sequence"),
            {"tenant": court.callers["supplier"].tenant_id},
        ).scalars()
        told = [json.loads(bytes(record)) for record in records]
    steps = [one["step"] for one in told if one["reference"] == dispute["reference"]]
    assert steps == ["received", "taken_up", "decided"]
    assert "No." not in json.dumps(told)


def test_the_application_can_add_but_neither_change_nor_delete(court: Court, store: Store) -> None:
    for statement in ("UPDATE disputes SET statement = ''", "DELETE FROM dispute_events", "TRUNCATE score_links"):
        with pytest.raises(Exception, match="permission denied"), store.begin(court.callers["operator"]) as connection:
            connection.execute(text(statement))


def enter(court: Court, who: str) -> Client:
    """A browser with a session."""
    browser = Client(court.app, Accept_Language="en", Accept="text/html")
    browser.post("/login", data={"key": court.clients[who].headers["X-API-Key"]})
    return browser


def send(browser: Client, fields: dict[str, str], file: tuple[str, bytes, str] | None = None, **headers: str) -> Any:
    shown = browser.get("/disputes/new?kind=human_review").text
    token = re.findall(r'name="token" value="([^"]+)"', shown)
    parts: dict[str, Any] = {name: (None, value) for name, value in fields.items()}
    if token:  # whoever may not open the form has none
        parts["token"] = (None, token[0])
    if file is not None:
        parts["file"] = file
    return browser.post("/disputes?lang=en", files=parts, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_supplier_disputes_on_a_page_without_a_script(court: Court, lang: str) -> None:
    browser = enter(court, "supplier")
    report = browser.get(f"/report/{court.supplier}?lang={lang}&as_of={court.as_of}")
    assert f"/disputes/new?as_of={court.as_of}" in report.text
    assert 'id="disputed"' not in report.text
    form = browser.get(f"/disputes/new?as_of={court.as_of}&lang={lang}")
    assert form.status_code == 200
    assert "<script" not in form.text
    once = form.text.split('name="once" value="')[1].split('"')[0]
    fields = {"once": once, "kind": "row", "as_of": str(court.as_of), "row": f"fulfilments|{court.row.key}"}
    fields |= {"statement": "<b>On time</b>\r\nreally", "evidence": "", "table": "orders", "row_id": ""}
    for _ in range(2):  # sent twice by an impatient hand: one dispute
        sent = send(browser, fields, ("note.png", bytes(range(256)), "image/png"))
        assert (sent.status_code, sent.headers["location"]) == (303, "/disputes?lang=en")
    (found,) = [one for one in court.clients["operator"].get("/v1/disputes?limit=200").json()["items"] if one["state"] == "received"]
    assert (found["table"], found["row_id"], found["file"]["size"]) == ("fulfilments", court.row.key, 256)
    assert found["statement"] == "<b>On time</b>\nreally"
    listed = browser.get(f"/disputes?lang={lang}").text
    assert found["reference"] in listed
    assert f'datetime="{found["due_on"]}"' in listed
    assert "<b>On time" not in listed
    assert 'id="disputed"' in browser.get(f"/report/{court.supplier}?lang={lang}").text
    assert 'id="disputed"' in enter(court, "bank").get(f"/report/{court.supplier}?lang={lang}").text
    court.close_all()


def test_the_form_comes_back_with_what_was_written(court: Court) -> None:
    browser = enter(court, "supplier")
    base = {"once": "a", "kind": "row", "as_of": str(court.as_of), "statement": "kept <i>words</i>"}
    for more, file, said in (
        ({"table": "orders", "row_id": "nothing"}, None, "does not stand behind your score"),
        ({"table": "orders", "row_id": ""}, None, "Something is missing"),
        ({"row": f"fulfilments|{court.row.key}"}, ("x.html", b"<html>", "text/html"), "Something is missing"),
        ({"row": f"fulfilments|{court.row.key}"}, ("x.png", b"x" * 600_000, "image/png"), "Something is missing"),
        ({"row": f"fulfilments|{court.row.key}", "statement": "\x00kept <i>words</i>"}, None, "Something is missing"),
    ):
        answer = send(browser, base | more, file)
        assert (answer.status_code, said in answer.text, "kept &lt;i&gt;words" in answer.text) == (422, True, True), (more, answer.text)
    assert "too large" in send(browser, base, ("x.png", b"x" * 900_000, "image/png")).text
    review = browser.get("/disputes/new?kind=human_review").text
    assert 'name="row_id"' not in review


def test_other_sites_and_others_cannot_send_the_form(court: Court) -> None:
    browser = enter(court, "supplier")
    fields = {"once": "b", "kind": "human_review", "as_of": str(court.as_of), "statement": "forged"}
    # A browser that sends no referrer sends the origin "null": the form must ask for it.
    assert browser.get("/disputes/new").headers["referrer-policy"] == "same-origin"
    assert send(browser, fields, Sec_Fetch_Site="cross-site").status_code == 403
    assert send(browser, fields, Origin="https://evil.example").status_code == 403
    assert send(enter(court, "bank"), fields).status_code == 403
    assert enter(court, "operator").get("/disputes").status_code == 403
    assert send(Client(court.app, Accept="text/html"), fields).status_code == 303  # to the login
    for raw, kind in (
        (b"--x--", "multipart/form-data; boundary=y"),
        (b"a=b", "application/x-www-form-urlencoded"),
        (b"", "multipart/form-data"),
    ):
        assert browser.post("/disputes", content=raw, headers={"Content-Type": kind}).status_code in (400, 415)
    assert not [one for one in court.clients["operator"].get("/v1/disputes?limit=200").json()["items"] if one["statement"] == "forged"]


def test_a_ledger_updated_from_outside_is_followed_and_a_damaged_one_is_not(court: Court) -> None:
    path = court.app.state.service.ledger_path
    before = court.app.state.service.ledger
    manifest = (path / "manifest.json").read_bytes()
    (path / "manifest.json").write_bytes(manifest[:-20])
    with pytest.raises(Exception, match=r"manifest\.json"):
        court.work.follow_ledger()
    assert court.app.state.service.ledger is before
    (path / "manifest.json").write_bytes(manifest)
    assert court.work.follow_ledger() == 1
    assert court.app.state.service.ledger is not before
    assert court.work.follow_ledger() == 0
    assert datetime.now(UTC)
