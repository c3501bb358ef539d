"""The policy at the desk: faults at their lines, a simulation on past applications, and a second person who puts it in force."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from features.columns import Tier
from features.ledger import Ledger
from serving.access.keys import create_api_key
from serving.access.tenants import create_bank, record_consents
from serving.schemas import Purpose
from serving.store import Store
from tests.serving.applications import application, apply
from tests.serving.client import Client
from tests.serving.desk import Person, text_of

STRICT = """bank = "strict"

[financing.cutoff_pd]
values = [{ from = 2020-01-01, value = 0.03, source = "minutes of a meeting" }]
"""
FAULTY = """bank = "strict"
[receivables.top_advance_rates]
values = [{ from = 2020-01-01, value = 0.6, source = "zqxjkv" }]
[financing.cutoff_pd]
values = [{ from = 2020-01-01, value = 3, source = "zqxjkv" }]
"""


@pytest.fixture(scope="module")
def policy_bank(app: FastAPI, owner: Store, ledger: Ledger) -> UUID:
    """A bank with six decisions under the packaged policy."""
    bank = create_bank(owner, "policy bank", Tier.RESTRICTED)
    suppliers = [str(each) for each in ledger.supplier_ids[:6]]
    record_consents(owner, "policy bank", suppliers, [Purpose.CREDIT_APPLICATION], datetime.now(UTC) + timedelta(days=9))
    client = Client(app, X_API_Key=create_api_key(owner, bank, "machine"))
    for supplier in suppliers:
        assert apply(client, application(ledger, supplier)).status_code == 201
    return bank


@pytest.fixture(scope="module")
def first(app: FastAPI, owner: Store, policy_bank: UUID) -> Person:
    return Person(app, create_api_key(owner, policy_bank, "first officer"))


@pytest.fixture(scope="module")
def second(app: FastAPI, owner: Store, policy_bank: UUID) -> Person:
    return Person(app, create_api_key(owner, policy_bank, "second officer"))


@pytest.fixture(scope="module")
def place(first: Person) -> str:
    """The page of a policy that was handed in."""
    answer = first.send("/desk/policies", "/desk/policies", {"toml": STRICT})
    assert answer.status_code == 303
    return answer.headers["location"]


@pytest.fixture(scope="module")
def simulated(first: Person, place: str) -> str:
    answer = first.send(place, f"{place}/simulations", {"begins_on": "", "since": ""})
    assert answer.status_code == 303
    return answer.headers["location"]


def test_every_fault_is_told_at_its_line_and_the_text_stays(first: Person, owner: Store, policy_bank: UUID) -> None:
    answer = first.send("/desk/policies", "/desk/policies", {"toml": FAULTY})
    assert answer.status_code == 422
    assert re.findall(r'href="#line-(\d+)"', answer.text) == ["2", "5"]
    assert re.findall(r'<li id="line-(\d+)" class="faulty">', answer.text) == ["2", "5"]
    assert "zqxjkv" in answer.text
    broken = first.send("/desk/policies", "/desk/policies", {"toml": 'bank = "x'})
    assert broken.status_code == 422
    assert 'href="#line-1"' in broken.text
    with owner.engine.connect() as connection:
        count = text("SELECT count(*) FROM bank_policies WHERE tenant_id = :tenant AND toml LIKE '%rates%'")
        assert connection.execute(count, {"tenant": policy_bank}).scalar_one() == 0


def test_a_policy_shows_what_it_decides_otherwise(first: Person, place: str) -> None:
    page = text_of(first.read(place).text)
    assert "financing.cutoff_pd" in page
    assert "minutes of a meeting" in page
    assert "In force today" not in page
    again = first.read(f"/desk/policies?start={place.rpartition('/')[2]}").text
    assert "minutes of a meeting" in again


def test_a_simulation_tells_before_and_after_and_who_comes_out_otherwise(first: Person, simulated: str) -> None:
    page = first.read(simulated).text
    seen = text_of(page)
    assert "6 applications decided again" in seen
    for name in ("Approval rate", "Exposure of the approved", "Expected loss"):
        assert name in seen
    changed = int(re.findall(r"(\d+) come out otherwise", seen)[0])
    assert changed == len(re.findall(r'<th scope="row"><a href="/desk/decisions/', page)) > 0


def test_a_day_in_the_past_is_refused(first: Person, place: str) -> None:
    for day in ("2020-01-01", "soon"):
        answer = first.send(place, f"{place}/simulations", {"begins_on": day})
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text


def test_only_another_person_puts_it_in_force(first: Person, second: Person, place: str, simulated: str) -> None:
    reason = {"reason": "the committee adopted it"}
    own = first.send(simulated, f"{simulated}/activation", reason)
    assert own.status_code == 403
    assert "the committee adopted it" in own.text
    assert second.send(simulated, f"{simulated}/activation", {"reason": "!"}).status_code == 422
    assert second.send(simulated, f"{simulated}/activation", reason).headers["location"] == place
    assert "In force today" in text_of(first.read(place).text)
    assert "second officer" in first.read(place).text


def test_another_banks_policy_is_none(app: FastAPI, owner: Store, empty_bank: UUID, place: str, simulated: str) -> None:
    stranger = Person(app, create_api_key(owner, empty_bank, "first officer"))
    for path in (place, simulated, f"/desk/policies?start={place.rpartition('/')[2]}"):
        assert stranger.client.get(path).status_code == 404
    assert stranger.send("/desk/policies", f"{place}/simulations", {}).status_code == 404
