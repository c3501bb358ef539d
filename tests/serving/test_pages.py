"""Pages: a login that opens them, a report that adds up in both languages, and no script anywhere."""

import re
import time
from decimal import Decimal
from html.parser import HTMLParser
from urllib.parse import parse_qs, quote, urlsplit
from uuid import UUID

import pytest
from fastapi import FastAPI

from features.ledger import Ledger
from serving.access.caller import Caller, Scope
from serving.access.keys import authenticate, create_api_key, revoke_api_key
from serving.access.sessions import COOKIE, Sessions, local_path
from serving.assess import assess, score_batch
from serving.report.build import build_report
from serving.store import Store
from tests.serving.client import Client
from training.bundle import ScoringBundle


class Page(HTMLParser):
    """What matters of a page: ids, tags, attributes, and the text of table cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "input", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def entered(browser: Client, key: str) -> Client:
    assert browser.post("/login", data={"key": key, "next": "/"}).status_code == 303
    return browser


def numbers_of(text: str) -> list[Decimal]:
    return [Decimal(found.replace(",", "")) for found in re.findall(r"[+-]?[\d,]+\.\d", text)]


def test_a_page_without_a_session_leads_to_the_login_and_back(browser: Client, key: str, supplier: str) -> None:
    first = browser.get(f"/report/{supplier}?lang=en")
    assert first.status_code == 303
    target = urlsplit(first.headers["location"])
    assert target.path == "/login"
    wanted = parse_qs(target.query)["next"][0]
    assert wanted == f"/report/{supplier}?lang=en"
    entered = browser.post("/login", data={"key": key, "next": wanted})
    assert (entered.status_code, entered.headers["location"]) == (303, wanted)
    assert browser.get(wanted).status_code == 200


def test_the_cookie_is_for_this_site_and_no_script(browser: Client, key: str) -> None:
    cookie = browser.post("/login", data={"key": key}).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert "Max-Age=1800" in cookie
    assert key not in cookie


def test_a_wrong_key_stays_outside(browser: Client) -> None:
    answer = browser.post("/login", data={"key": "lx_zqxjkv", "next": "/"})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "zqxjkv" not in answer.text


def test_a_one_time_link_works_once(app: FastAPI, browser: Client, owner: Store, key: str, supplier: str) -> None:
    token = app.state.service.sessions.issue_link(authenticate(owner, key).prefix)
    link = f"/login?token={token}&next={quote(f'/report/{supplier}')}"
    first = browser.get(link)
    assert (first.status_code, first.headers["location"]) == (303, f"/report/{supplier}")
    assert browser.get(f"/report/{supplier}").status_code == 200
    again = Client(app, Accept_Language="en").get(link)
    assert again.status_code == 401
    assert "has been used" in again.text


def test_a_revoked_key_ends_its_sessions(app: FastAPI, owner: Store, empty_bank: UUID) -> None:
    key = create_api_key(owner, empty_bank, "leaving")
    browser = Client(app, Accept="text/html")
    browser.post("/login", data={"key": key})
    assert browser.get("/").status_code == 200
    revoke_api_key(owner, key.split("_")[1])
    assert browser.get("/").status_code == 303


@pytest.mark.parametrize("cookie", ["", "1.9999999999.", "1.9999999999.AAAA", "x", "1.x.y", "..", "é.1.2"])
def test_a_forged_cookie_opens_nothing(app: FastAPI, cookie: str) -> None:
    answer = Client(app).get("/", headers={"Cookie": f"{COOKIE}={cookie}".encode()})
    assert answer.status_code == 303


def test_a_token_opens_a_session_with_its_scopes_and_no_longer_than_it_lives(
    app: FastAPI, owner: Store, bank: Caller, key: str, supplier: str
) -> None:
    tokens, prefix = app.state.service.tokens, key.split("_")[1]
    browser = Client(app)
    entered = browser.post("/login", data={"key": tokens.issue(prefix, frozenset({Scope.REPORT_READ})), "next": "/"})
    assert entered.status_code == 303
    found = app.state.service.sessions.read(browser.cookies[COOKIE])
    assert found == (prefix, frozenset({Scope.REPORT_READ}))
    assert int(browser.cookies[COOKIE].split(".")[1]) <= time.time() + tokens.seconds
    assert browser.get(f"/report/{quote(supplier)}").status_code == 200
    narrow = Client(app)
    narrow.post("/login", data={"key": tokens.issue(prefix, frozenset({Scope.MODEL_READ}))})
    assert narrow.get(f"/report/{quote(supplier)}").status_code == 403
    assert Client(app).post("/login", data={"key": "a.b.c"}).status_code == 401
    mine = create_api_key(owner, bank.tenant_id, "soon gone")
    ended = tokens.issue(mine.split("_")[1], frozenset({Scope.REPORT_READ}))
    revoke_api_key(owner, mine.split("_")[1])
    assert Client(app).post("/login", data={"key": ended}).status_code == 401


def test_sessions_and_links_end() -> None:
    now = [1000.0]
    sessions = Sessions(30, lambda: now[0])
    cookie, link = sessions.issue("7" * 12), sessions.issue_link("7" * 12)
    assert sessions.read(cookie) == ("7" * 12, None)
    now[0] += 1801
    assert sessions.read(cookie) is None
    now[0] += 1800
    assert sessions.redeem_link(link) is None
    assert Sessions(30, lambda: 1000.0).read(cookie) is None


@pytest.mark.parametrize("wanted", ["//evil", "https://evil", "/\\evil", "javascript:alert(1)", "/a\r\nb", "", "/\tx", None])
def test_a_login_leads_nowhere_else(wanted: str | None) -> None:
    assert local_path(wanted) == "/"


def test_forms_from_another_site_are_refused(browser: Client, key: str) -> None:
    for path in ("/login", "/logout"):
        answer = browser.post(path, data={"key": key}, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403


def test_logging_out_ends_the_session(entered: Client) -> None:
    assert entered.get("/").status_code == 200
    assert entered.post("/logout").status_code == 303
    assert entered.get("/").status_code == 303


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_reports_are_whole_and_without_script(entered: Client, ledger: Ledger, lang: str) -> None:
    for supplier in ledger.supplier_ids[:12]:
        answer = entered.get(f"/report/{supplier}?lang={lang}")
        assert answer.status_code == 200, answer.text
        page = Page(answer.text)
        assert page.open == []
        assert page.named("html") == [{"lang": {"zh": "zh-CN", "en": "en"}[lang]}]
        assert not page.named("script")
        assert not any(name.startswith("on") or name == "style" for _, attributes in page.tags for name in attributes)
        assert all(chart["role"] == "img" and chart["aria-labelledby"] for chart in page.named("svg"))
        ids = [str(attributes["id"]) for _, attributes in page.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert "shap" not in answer.text.lower()
        assert "{" not in re.sub(r"<[^>]*>", "", answer.text)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


def test_what_the_page_shows_adds_up(entered: Client, ledger: Ledger) -> None:
    for supplier in ledger.supplier_ids[:12]:
        text = entered.get(f"/report/{supplier}?lang=en").text
        table = text[text.index('aria-labelledby="h-parts"') :]
        rows = re.findall(r'<td class="number">([+-]?[\d,]+\.\d)</td></tr>', table[table.index("<tbody>") : table.index("</tbody>")])
        total = numbers_of(table[table.index("<tfoot>") : table.index("</tfoot>")])
        assert sum((Decimal(row.replace(",", "")) for row in rows), Decimal(0)) == total[0]
        bars = re.findall(r'class="bar-value"[^>]*>([^<]*)<', table)
        base = re.findall(r"Base points <strong>([\d,.]+)<", table)[0]
        assert sum(map(Decimal, bars)) + Decimal(base) == total[0]


def test_the_page_says_truly_with_whom_it_compares(app: FastAPI, entered: Client, bundle: ScoringBundle, ledger: Ledger) -> None:
    everybody = score_batch(bundle, ledger, ledger.latest_as_of)
    points = dict(zip(everybody.matrix.supplier_ids.tolist(), everybody.scores.points.tolist(), strict=True))
    industries = dict(ledger.profiles.cursor().execute("SELECT supplier_id, industry FROM profiles").fetchall())
    widened = 0
    for supplier in map(str, ledger.supplier_ids[:12]):
        english, chinese = (entered.get(f"/report/{supplier}?lang={lang}").text for lang in ("en", "zh"))
        found = app.state.service.peers.standing(supplier, points[supplier], ledger.latest_as_of)
        assert f"{found.below:.0%} of {found.count} similar suppliers" in english
        assert f"得分高于 {found.count} 家同类供应商中的 {found.below:.0%}" in chinese
        assert found.count >= 20
        if found.size is None:
            group = [o for o in points if o != supplier and (found.industry is None or industries[o] == found.industry)]
            assert found.count == len(group)
            assert found.below == pytest.approx(sum(points[o] < points[supplier] for o in group) / len(group), abs=0.5 / len(group))
            widened += 1
        assert "CN¥" not in english
        assert "¥" not in chinese
    assert widened


def test_the_report_shows_the_very_score(bundle: ScoringBundle, ledger: Ledger, supplier: str) -> None:
    found = assess(bundle, ledger, supplier, ledger.latest_as_of)
    report = build_report(bundle, ledger, found, evidence_limit=3)
    assert report.points == round(found.score.points)
    assert report.base_points + sum(part.points for part in report.parts) == report.points
    assert [part.reason for part in report.reasons] == list(found.reasons)
    assert all(len(evidence.rows) <= 3 for part in report.reasons for evidence in part.evidence)
    assert [band.is_own for band in report.bands].count(True) == 1
    assert 0 <= report.marker <= 1
    place = [band.is_own for band in report.bands].index(True)
    assert place <= report.marker * len(report.bands) <= place + 1


def test_an_earlier_report_keeps_its_date_in_the_other_language(entered: Client, supplier: str) -> None:
    text = entered.get(f"/report/{supplier}?as_of=2026-05-01&lang=en").text
    assert "May 1, 2026" in text
    assert f'href="/report/{supplier}?as_of=2026-05-01&amp;lang=zh"' in text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/report/<script>alert(1)<%2Fscript>", 403),
        ("/report/nobody", 404),
        ("/report/S000001%00", 422),
        ("/report/" + "x" * 65, 422),
        ("/report/S000001?as_of=2999-01-01", 422),
        ("/report/S000001?as_of=yesterday", 422),
        ("/report/S000001?lang=fr", 422),
        ("/no/such/page", 404),
        ("/static/../app.py", 404),
        ("/static/%2e%2e/app.py", 404),
    ],
)
def test_a_wrong_page_says_so_on_a_page(entered: Client, path: str, status: int) -> None:
    answer = entered.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "alert(1)" not in answer.text
    assert Page(answer.text).open == []


def test_the_form_leads_to_the_report(entered: Client) -> None:
    answer = entered.get("/report?supplier_id=A%2FB+C&lang=en")
    assert (answer.status_code, answer.headers["location"]) == (303, "/report/A%2FB%20C?lang=en")


def test_styles_are_served_from_here(browser: Client) -> None:
    answer = browser.get("/static/page.css")
    assert answer.status_code == 200
    assert "@media print" in answer.text
    assert "http" not in answer.text
