"""A supplier's page of its consents: who may look and who did, a consent taken back in two steps, by its own hand and no other."""

import html
import re
import uuid
from typing import Any

import pytest
from fastapi import FastAPI

from features.ledger import Ledger
from serving.access.keys import create_api_key
from serving.access.tenants import close_tenant, create_bank, create_supplier
from serving.store import Store
from tests.serving.client import Client
from tests.serving.test_consents import ask, give
from tests.serving.test_pages import Page


@pytest.fixture
def login(app: FastAPI, supplier_key: str) -> Client:
    return Client(app, Accept_Language="en", X_API_Key=supplier_key)


@pytest.fixture
def entered(app: FastAPI, supplier_key: str) -> Client:
    browser = Client(app, Accept_Language="en", Accept="text/html")
    assert browser.post("/login", data={"key": supplier_key}).status_code == 303
    return browser


@pytest.fixture
def lender(owner: Store) -> tuple[uuid.UUID, str, str]:
    """A bank of this test's own: id, name, key."""
    name = f"桥下银行 <b>{uuid.uuid4().hex[:8]}"
    made = create_bank(owner, name)
    return made, name, create_api_key(owner, made, "desk")


@pytest.fixture(scope="module")
def other_supplier_key(owner: Store, ledger: Ledger) -> str:
    return create_api_key(owner, create_supplier(owner, str(ledger.supplier_ids[-1])), "login")


def read(browser: Client, path: str, status: int = 200) -> str:
    answer = browser.get(path)
    assert answer.status_code == status, answer.text
    page = Page(answer.text)
    assert page.open == []
    assert not page.named("script")
    return str(answer.text)


def take_back(browser: Client, consent: str, token: str | None, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return browser.post(f"/consents/{consent}/withdrawal?lang=en", data={"token": token or ""}, headers=named)


def token_of(text: str) -> str:
    return str(re.findall(r'name="token" value="([^"]+)"', text)[0])


@pytest.mark.parametrize(
    ("lang", "ask_again", "state"), [("zh", "要撤回这项授权吗？", "撤回"), ("en", "Withdraw this consent?", "withdrawn on")]
)
def test_a_consent_is_seen_and_taken_back(
    app: FastAPI, login: Client, entered: Client, lender: tuple[uuid.UUID, str, str], supplier: str, lang: str, ask_again: str, state: str
) -> None:
    bank, name, key = lender
    shown = html.escape(name)
    given = give(login, bank).json()
    there = Client(app, Accept_Language="en", X_API_Key=key)
    assert ask(there, supplier).status_code == 201
    text = read(entered, f"/consents?lang={lang}")
    assert shown in text
    assert "<b>" not in text
    card = text[text.index(f'id="h-{given["id"]}"') :]
    assert {"zh": "查看过 1 次", "en": "1 looks by it"}[lang] in card[: card.index("</dl>")]
    looks = text[text.index('aria-labelledby="h-looks"') :]
    assert shown in looks
    question = read(entered, f"/consents/{given['id']}?lang={lang}")
    assert ask_again in question
    assert ask(there, supplier).status_code == 201  # asking is not yet taking back
    for _ in range(2):  # sent twice by an impatient hand
        done = take_back(entered, given["id"], token_of(question))
        assert (done.status_code, done.headers["location"]) == (303, "/consents?lang=en&said=withdrawn")
    assert ask(there, supplier).status_code == 403
    after = read(entered, f"/consents?lang={lang}&said=withdrawn")
    assert f'id="h-{given["id"]}"' not in after
    assert 'role="status"' in after
    past = after[after.index("<tbody>", after.index('aria-labelledby="h-past"')) :]
    assert past.index(shown) < past.index(state)
    assert 'name="token"' not in read(entered, f"/consents/{given['id']}?lang={lang}")


def test_another_hand_takes_nothing_back(
    app: FastAPI, login: Client, entered: Client, lender: tuple[uuid.UUID, str, str], other_supplier_key: str, supplier: str
) -> None:
    bank, _, key = lender
    given = give(login, bank).json()["id"]
    token = token_of(read(entered, f"/consents/{given}"))
    assert take_back(entered, given, None).status_code == 403
    assert take_back(entered, given, token[::-1]).status_code == 403
    assert take_back(entered, given, token, Sec_Fetch_Site="cross-site").status_code == 403
    assert take_back(entered, given, token, Origin="https://evil.example").status_code == 403
    other = Client(app, Accept_Language="en", Accept="text/html")
    other.post("/login", data={"key": other_supplier_key})
    assert take_back(other, given, token).status_code == 403  # the token of another's session
    mine = give(Client(app, Accept_Language="en", X_API_Key=other_supplier_key), bank).json()["id"]
    own = token_of(read(other, f"/consents/{mine}"))
    assert take_back(other, given, own).status_code == 404
    assert other.get(f"/consents/{given}").status_code == other.get(f"/consents/{uuid.uuid4()}").status_code == 404
    assert take_back(Client(app, Accept="text/html"), given, token).status_code in (303, 403)
    officer = Client(app, Accept_Language="en", Accept="text/html")
    officer.post("/login", data={"key": key})
    assert officer.get("/consents").status_code == 403
    assert ask(Client(app, X_API_Key=key), supplier).status_code == 201


def test_a_closed_bank_is_not_the_supplier_itself(
    app: FastAPI, owner: Store, login: Client, entered: Client, lender: tuple[uuid.UUID, str, str], supplier: str
) -> None:
    bank, name, key = lender
    give(login, bank)
    assert ask(Client(app, X_API_Key=key), supplier).status_code == 201
    close_tenant(owner, name)
    for path in ("/consents?lang=en", f"/report/{supplier}?lang=en"):
        text = read(entered, path)
        row = text[text.index("<tbody>", text.index('aria-labelledby="h-looks"')) :]
        assert "a bank that has closed" in row[: row.index("</tr>", row.index("a bank"))]
        assert html.escape(name) not in text


def test_every_look_can_be_read_page_by_page(entered: Client, supplier: str) -> None:
    for _ in range(3):
        read(entered, "/disputes")
        read(entered, f"/report/{supplier}?lang=en")
    seen, path = 0, "/consents?lang=en"
    while path:
        text = read(entered, path)
        total = int(re.findall(r"([\d,]+) looks in all", text)[0].replace(",", ""))
        looks = text[text.index('aria-labelledby="h-looks"') :]
        seen += looks.count('<th scope="row">')
        further = re.findall(r'href="(/consents[^"#]*)#h-looks" rel="next"', looks)
        path = further[0].replace("&amp;", "&") if further else ""
    assert seen == total >= 3


def test_the_report_and_the_start_lead_there(entered: Client, supplier: str) -> None:
    assert 'href="/consents?lang=en"' in read(entered, f"/report/{supplier}?lang=en")
    start = read(entered, "/?lang=en")
    assert all(f'href="{path}' in start for path in (f"/report/{supplier}?lang=en", "/consents?lang=en", "/disputes?lang=en"))
