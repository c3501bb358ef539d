"""The desk's portfolio and files: what a bank may see and nothing else, figures equal to the API's, forms only of its own session."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from features.columns import Tier
from features.ledger import Ledger
from serving.access.keys import create_api_key
from serving.access.tenants import create_bank, record_consents
from serving.desk.frame import LANGUAGE_COOKIE
from serving.desk.portfolio import Alert, Holding, Order, Wanted, page_after, select_holdings
from serving.http.languages import Language, words
from serving.schemas import Purpose
from serving.settings import ServiceSettings
from serving.store import Store
from tests.serving.client import Client
from tests.serving.desk import Person, text_of


@pytest.fixture(scope="module")
def bank_key(owner: Store, ledger: Ledger) -> str:
    """The key of a bank that the first thirty suppliers gave their consent for both purposes, no one else."""
    bank = create_bank(owner, "desk bank", Tier.RESTRICTED)
    suppliers = [str(each) for each in ledger.supplier_ids[:30]]
    record_consents(
        owner, "desk bank", suppliers, [Purpose.CREDIT_APPLICATION, Purpose.PORTFOLIO_REVIEW], datetime.now(UTC) + timedelta(days=9)
    )
    return create_api_key(owner, bank, "first officer")


@pytest.fixture(scope="module")
def days(ledger: Ledger) -> tuple[str, str, str]:
    """As-of days: 120 days, 40 days before the ledger's last one, and that one."""
    latest = ledger.latest_as_of
    return (latest - timedelta(days=120)).isoformat(), (latest - timedelta(days=40)).isoformat(), latest.isoformat()


@pytest.fixture(scope="module")
def scored(app: FastAPI, bank_key: str, ledger: Ledger, days: tuple[str, str, str]) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """Three scores of the first two suppliers, two older ones of the third."""
    person = Person(app, bank_key)
    suppliers = [str(each) for each in ledger.supplier_ids[:3]]
    yield {
        supplier: [person.score(supplier, day, bank_key) for day in (days if place < 2 else days[:2])]
        for place, supplier in enumerate(suppliers)
    }


@pytest.fixture
def person(app: FastAPI, bank_key: str) -> Person:
    return Person(app, bank_key)


def test_the_portfolio_has_the_consenting_suppliers_and_no_other(person: Person, scored: dict[str, Any], ledger: Ledger) -> None:
    first, second = person.read("/desk").text, person.read(f"/desk?after={ledger.supplier_ids[24]}").text
    shown = re.findall(r'href="/desk/suppliers/([^"]+)"', first) + re.findall(r'href="/desk/suppliers/([^"]+)"', second)
    assert shown == [str(each) for each in ledger.supplier_ids[:30]]
    assert 'rel="next"' in first
    assert 'rel="next"' not in second


def test_points_and_movements_are_those_of_the_kept_scores(person: Person, scored: dict[str, Any]) -> None:
    page = person.read("/desk").text
    spoken = words(Language.EN)
    for supplier, told in scored.items():
        row = text_of(page[page.index(f"/desk/suppliers/{supplier}") :].split("</tr>")[0])
        points = [each["score"]["points"] for each in told]
        assert f" {spoken.number(round(points[-1]))} {spoken.points(points[-1] - points[-2])} " in row
        if len(points) == 3:
            assert spoken.points(points[-1] - points[0]) in row
            assert "Score is old" not in row
        else:
            assert "Score is old" in row


@pytest.mark.parametrize("order", list(Order))
def test_it_is_sorted_and_filtered_by_link(person: Person, scored: dict[str, Any], order: Order) -> None:
    page = person.read(f"/desk?order={order}").text
    shown = re.findall(r'<th scope="row"><a href="/desk/suppliers/([^"]+)"', page)
    assert len(shown) == 25
    if order is Order.POINTS:
        by_points = sorted(scored, key=lambda supplier: scored[supplier][-1]["score"]["points"])
        assert shown[:3] == by_points
    grade = next(iter(scored.values()))[-1]["score"]["grade"]
    kept = person.read(f"/desk?order={order}&grade={grade}").text
    of_grade = {supplier for supplier, told in scored.items() if told[-1]["score"]["grade"] == grade}
    assert set(re.findall(r'<th scope="row"><a href="/desk/suppliers/([^"]+)"', kept)) == of_grade
    unscored = person.read("/desk?alert=not_scored").text
    assert "27 after the filter" in unscored


def test_search_finds_by_id_and_by_name_where_the_tier_reaches_it(
    app: FastAPI, person: Person, owner: Store, ledger: Ledger, scored: dict[str, Any]
) -> None:
    supplier, stranger = str(ledger.supplier_ids[3]), str(ledger.supplier_ids[40])
    name, theirs = ledger.profile(supplier).name, ledger.profile(stranger).name
    assert name
    assert theirs
    # record_consents gives the bank's own tier, so this bank may see names
    assert f"/desk/suppliers/{supplier}" in person.read(f"/desk?q={supplier.lower()}").text
    assert f"/desk/suppliers/{supplier}" in person.read(f"/desk?q={name}").text
    for words_sought in (stranger, theirs, "no such name"):
        assert "No supplier fits" in person.read(f"/desk?q={words_sought}").text
    create_bank(owner, "desk bank below", Tier.CONSENT)
    ends = datetime.now(UTC) + timedelta(days=9)
    record_consents(owner, "desk bank below", [supplier], [Purpose.PORTFOLIO_REVIEW], ends)
    tenant = owner_id(owner, "desk bank below")
    below = Person(app, create_api_key(owner, tenant, "first officer"))
    assert f"/desk/suppliers/{supplier}" in below.read(f"/desk?q={supplier}").text
    assert "No supplier fits" in below.read(f"/desk?q={name}").text
    assert name not in below.read(f"/desk/suppliers/{supplier}").text


def owner_id(owner: Store, name: str) -> UUID:
    with owner.engine.connect() as connection:
        found: UUID = connection.execute(text("SELECT id FROM tenants WHERE name = :name"), {"name": name}).scalar_one()
    return found


def test_no_consent_looks_like_no_supplier(person: Person, ledger: Ledger) -> None:
    stranger = str(ledger.supplier_ids[45])
    told = [
        re.sub(r"<code>\w+</code>", "", person.client.get(f"/desk/suppliers/{each}{page}").text.replace(each, ""))
        for page in ("", "/what-if", "/apply")
        for each in (stranger, "S-nowhere")
    ]
    assert told[0] == told[1]
    assert told[2] == told[3]
    assert told[4] == told[5]
    assert person.client.get(f"/desk/suppliers/{stranger}").status_code == 403


@pytest.mark.parametrize("path", ["/desk", "/desk/queue", "/desk/suppliers/S1"])
def test_the_desk_is_for_banks_with_a_session(app: FastAPI, supplier_key: str, operator_key: str, path: str) -> None:
    assert Client(app, Accept="text/html").get(path).headers["location"].startswith("/login?next=%2Fdesk")
    for key in (supplier_key, operator_key):
        assert Person.read(Person(app, key), path, 404).status_code == 404


def test_a_key_without_the_scope_reads_nothing(app: FastAPI, owner: Store, bank_key: str, ledger: Ledger) -> None:
    from serving.access.caller import Scope

    key = create_api_key(owner, owner_id(owner, "desk bank"), "lookups only", [Scope.LOOKUP_READ])
    narrow = Person(app, key)
    for path in ("/desk", "/desk/queue", f"/desk/suppliers/{ledger.supplier_ids[0]}"):
        assert narrow.client.get(path).status_code == 403


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_file_shows_the_kept_score_and_it_adds_up(app: FastAPI, bank_key: str, scored: dict[str, Any], language: str) -> None:
    person = Person(app, bank_key, language)
    supplier, told = next(iter(scored.items()))
    page = person.read(f"/desk/suppliers/{supplier}").text
    spoken = words(Language.EN if language == "en" else Language.ZH_CN)
    total = spoken.number(round(told[-1]["score"]["points"], 1), digits=1)
    assert f"<dd>{total}<small>" in page
    table = page[page.index('<table class="long">') :].split("</table>")[0]
    cells = [float(cell.replace(",", "")) for cell in re.findall(r'<td class="number">([+-]?[\d,]+\.\d)</td></tr>', table)]
    *parts, shown_total = cells
    assert len(parts) == len(told[-1]["contributions"]) + 1
    assert sum(round(part * 10) for part in parts) == round(shown_total * 10)
    for reason in told[-1]["reasons"]:
        assert (reason["text"] in page) == (language == "en")
        assert f"/{reason['feature']}" in page
    history = page[page.index("h-history") :]
    assert [day for day in re.findall(r">(\d{4}-\d\d-\d\d)</a></th>", history)] == [each["as_of"] for each in told[::-1]]


def test_an_earlier_score_is_shown_as_it_was(person: Person, scored: dict[str, Any]) -> None:
    (supplier, told), (_, theirs) = list(scored.items())[:2]
    page = person.read(f"/desk/suppliers/{supplier}?score={told[0]['id']}").text
    assert words(Language.EN).number(round(told[0]["score"]["points"], 1), digits=1) in page
    assert person.client.get(f"/desk/suppliers/{supplier}?score={theirs[0]['id']}").status_code == 404


def test_every_item_leads_to_its_rows(person: Person, scored: dict[str, Any]) -> None:
    supplier, told = next(iter(scored.items()))
    page = person.read(f"/desk/suppliers/{supplier}").text
    links = re.findall(rf'href="(/desk/suppliers/{supplier}/scores/[^"]+)"', page)
    assert len({link.rpartition("/")[2] for link in links}) == len(told[-1]["contributions"])
    for reason in told[-1]["reasons"]:
        rows = person.read(next(link for link in links if link.endswith(reason["feature"]))).text
        assert "<caption>" in rows
    assert person.client.get(links[0].rpartition("/")[0] + "/no_such_feature").status_code == 404


def test_what_lies_above_the_tier_is_withheld(app: FastAPI, owner: Store, ledger: Ledger, days: tuple[str, str, str]) -> None:
    supplier = str(ledger.supplier_ids[0])
    tenant = create_bank(owner, "desk bank open", Tier.OPEN)
    record_consents(owner, "desk bank open", [supplier], list(Purpose)[:2], datetime.now(UTC) + timedelta(days=9))
    key = create_api_key(owner, tenant, "first officer")
    person = Person(app, key)
    told = person.score(supplier, days[2], key)
    hidden = next(part["feature"] for part in told["contributions"] if part["withheld"])
    page = person.read(f"/desk/suppliers/{supplier}").text
    assert f"/{hidden}" not in page
    assert page.count("withheld") >= sum(part["withheld"] for part in told["contributions"])
    assert person.client.get(f"/desk/suppliers/{supplier}/scores/{told['id']}/{hidden}").status_code == 403
    changed = person.read(f"/desk/suppliers/{supplier}/what-if?months=12&lateness=100").text
    assert "withheld" in changed


def scores_of(owner: Store, supplier: str) -> int:
    """How many scores of the supplier the desk's bank has."""
    count = text("SELECT count(*) FROM scores WHERE tenant_id = :tenant AND supplier_id = :supplier")
    with owner.engine.connect() as connection:
        found: int = connection.execute(count, {"tenant": owner_id(owner, "desk bank"), "supplier": supplier}).scalar_one()
    return found


def test_scoring_from_the_file_keeps_one_score(person: Person, owner: Store, ledger: Ledger) -> None:
    supplier = str(ledger.supplier_ids[20])
    shown, to = f"/desk/suppliers/{supplier}", f"/desk/suppliers/{supplier}/scores"
    assert "has not scored this supplier yet" in person.read(shown).text
    hidden = {"key": "k" * 24}
    for _ in range(2):
        answer = person.send(shown, to, hidden)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{shown}?said=scored")
    with owner.engine.connect() as connection:
        tenant = owner_id(owner, "desk bank")
        kept = connection.execute(
            text("SELECT count(*) FROM scores WHERE tenant_id = :tenant AND supplier_id = :supplier"),
            {"tenant": tenant, "supplier": supplier},
        )
        assert kept.scalar_one() == 1
    assert "put on record" in person.read(answer.headers["location"]).text


def test_each_look_at_a_file_is_there_for_the_supplier_to_see(person: Person, owner: Store, ledger: Ledger) -> None:
    supplier = str(ledger.supplier_ids[21])
    person.read(f"/desk/suppliers/{supplier}")
    person.read(f"/desk/suppliers/{supplier}/what-if")
    with owner.engine.connect() as connection:
        looks = connection.execute(
            text("SELECT operation, purpose, consent_id FROM lookups WHERE supplier_id = :supplier AND tenant_id = :tenant"),
            {"supplier": supplier, "tenant": owner_id(owner, "desk bank")},
        ).all()
    assert [look.operation for look in looks] == ["report", "report"]
    assert all(look.consent_id for look in looks)


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"token": "x"}, {}),
        ({"token": ""}, {}),
        ({}, {"Origin": "https://evil.example"}),
        ({}, {"Origin": "null"}),
        ({}, {"Sec-Fetch-Site": "cross-site"}),
        ({}, {"Sec-Fetch-Site": "same-site"}),
    ],
)
def test_a_form_of_elsewhere_does_nothing(
    person: Person, owner: Store, ledger: Ledger, fields: dict[str, str], headers: dict[str, str]
) -> None:
    supplier = str(ledger.supplier_ids[22])
    answer = person.send(f"/desk/suppliers/{supplier}", f"/desk/suppliers/{supplier}/scores", fields, **headers)
    assert answer.status_code == 403
    assert scores_of(owner, supplier) == 0


def test_a_token_is_good_for_its_own_session_only(app: FastAPI, owner: Store, person: Person, ledger: Ledger) -> None:
    supplier = str(ledger.supplier_ids[23])
    other = Person(app, create_api_key(owner, owner_id(owner, "desk bank"), "second officer"))
    stolen = re.search(r'name="token" value="([^"]+)"', other.read(f"/desk/suppliers/{supplier}").text)
    assert stolen
    answer = person.send(f"/desk/suppliers/{supplier}", f"/desk/suppliers/{supplier}/scores", {"token": stolen[1]})
    assert answer.status_code == 403


def test_the_language_stays_once_chosen(person: Person) -> None:
    assert "Portfolio" in person.read("/desk").text
    answer = person.read("/desk?lang=zh")
    assert LANGUAGE_COOKIE in answer.headers["set-cookie"]
    assert "供应商组合" in person.read("/desk").text


def test_pages_have_the_strict_policy_and_the_run_of_the_model(person: Person, app: FastAPI) -> None:
    answer = person.read("/desk")
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "/#/runs/" not in answer.text
    service = app.state.service
    from dataclasses import replace

    from serving.desk.frame import run_url

    told = replace(service.bundle, release={**service.bundle.release, "run_id": "a b"})
    address = ServiceSettings.model_validate({"mlflow_url": "https://mlflow.example/base/"})
    assert run_url(replace(service, bundle=told, settings=address)) == "https://mlflow.example/base/#/runs/a%20b"
    assert run_url(replace(service, bundle=told)) is None


def test_pages_go_on_where_they_ended_and_begin_again_where_the_id_is_gone() -> None:
    held = [Holding(f"S{place}", False, None, date(2026, 1, 1), None, None, None, None, None, None, place, ()) for place in range(7)]
    seen: list[Holding] = []
    after = None
    while True:
        shown, after = page_after(held, after, rows=3)
        seen += shown
        if after is None:
            break
    assert seen == held
    assert page_after(held, "gone", rows=3)[0] == held[:3]
    assert [each.exposure for each in select_holdings(held, Wanted(Order.EXPOSURE))] == [6, 5, 4, 3, 2, 1, 0]
    assert select_holdings(held, Wanted(alert=Alert.STALE)) == []


@pytest.mark.parametrize("query", ["order=x", "alert=x", "q=" + "x" * 65, "lang=fr", "after=" + "y" * 65])
def test_a_query_that_means_nothing_is_refused(person: Person, query: str) -> None:
    assert person.client.get(f"/desk?{query}").status_code == 422
