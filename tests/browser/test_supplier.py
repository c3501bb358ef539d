"""The supplier's way: a link, the report, the rows behind it, advice, paper, a dispute with its due date, and out."""

import re
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from playwright.sync_api import expect

from serving.access.sessions import COOKIE
from tests.browser.conftest import Served, Visit
from tests.browser.service import BANK
from tests.browser.visitor import Visitor

DAYS_TO_ANSWER = 20
MOST_PAGES = 4


@pytest.fixture
def report(served: Served) -> str:
    return f"/report/{served.told['supplier']}"


def test_from_the_link_to_the_rows_and_the_paper(visit: Visit, served: Served, report: str) -> None:
    visitor = visit("zh-CN")
    page = visitor.page
    page.goto(served.link(served.told["supplier_key"], report))
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.get_by_role("heading", level=1)).to_contain_text(served.told["supplier"])
    visitor.see("supplier-report")
    page.get_by_role("link", name="Switch to English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    points = page.locator(".headline .main dd").inner_text().split()[0]

    page.get_by_role("link", name="See every record behind this number").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(":")
    assert page.get_by_role("table").last.locator("tbody tr").count() > 0
    visitor.see("supplier-evidence")
    page.get_by_role("link", name="Back to the report").click()

    parts = page.get_by_role("region", name="How the score is made up").locator("details")
    parts.locator("summary").click()
    expect(parts.locator("tfoot")).to_contain_text(points)
    bars = page.locator("section[aria-labelledby=h-parts] .bar-value").all_text_contents()
    base = page.locator(".sum strong").first.inner_text()
    assert sum(map(float, bars)) + float(base) == pytest.approx(float(points), abs=0.051)
    expect(page.get_by_role("region", name="What would raise the grade").get_by_role("heading", level=3).first).to_be_visible()

    printed = page.context.request.get(str(page.get_by_role("link", name="Download as PDF").get_attribute("href")))
    assert printed.headers["content-type"] == "application/pdf"
    assert printed.body().startswith(b"%PDF-")
    page.get_by_role("link", name="My disputes").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert visitor.faults == []


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_report_is_printed_by_the_browser_as_by_us(visit: Visit, served: Served, report: str, language: str) -> None:
    visitor = visit(language)
    page = visitor.page
    page.goto(served.link(served.told["supplier_key"], report))
    points = page.locator(".headline .main dd").inner_text().split()[0]
    items = page.locator(".long tbody tr:not(.nil)").count()
    paper = visitor.printed()
    assert 1 < len(paper.pages) <= MOST_PAGES
    text = "\n".join(each.extract_text() for each in paper.pages)
    assert points in text
    assert sum(each in text for each in page.locator(".long tbody tr:not(.nil) td.number:last-child").all_inner_texts()) == items


def test_a_consent_is_taken_back_without_a_script(visit: Visit, served: Served, report: str) -> None:
    visitor = visit("en", has_script=False)
    page = visitor.page
    page.goto(served.link(served.told["supplier_key"], f"{report}?lang=en"))
    page.get_by_role("link", name="All looks; see and withdraw your consents").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("My consents")
    expect(page.get_by_role("region", name="Who looked").get_by_role("table")).to_contain_text("the supplier itself")
    watcher = visit("en")
    watcher.page.goto(served.link(served.told["supplier_key"], "/consents?lang=en"))
    watcher.see("supplier-consents")
    live, own = page.get_by_role("region", name=re.compile("In force")), re.compile(f"Withdraw.*{BANK}.*own information")
    before = live.get_by_role("link").count()
    live.get_by_role("link", name=own).click()
    watcher.page.goto(page.url)
    watcher.see("supplier-consent")
    page.get_by_role("link", name="No, keep it").click()
    assert live.get_by_role("link").count() == before
    live.get_by_role("link", name=own).click()
    page.get_by_role("button", name="Yes, withdraw it").click()
    expect(page.get_by_role("status")).to_contain_text("withdrawn")
    assert live.get_by_role("link").count() == before - 1
    expect(page.get_by_role("region", name="Withdrawn or ended")).to_contain_text("own information")
    watcher.page.goto("/consents?lang=en")
    watcher.see("supplier-consents-after")


def test_a_dispute_starts_from_the_row_itself(visit: Visit, served: Served, report: str) -> None:
    page = visit("en").page
    page.goto(served.link(served.told["supplier_key"], f"{report}?lang=en"))
    page.get_by_role("link", name="See every record behind this number").first.click()
    row = page.locator(".evidence tbody tr").last
    named, kind = row.locator("td").first.inner_text(), page.get_by_role("heading", level=2).last.inner_text()
    row.get_by_role("link", name="Dispute").click()
    expect(page.get_by_role("radio", checked=True)).to_have_value(re.compile(re.escape(f"|{named}") + "$"))
    table = page.get_by_role("radio", checked=True).input_value().partition("|")[0]
    expect(page.get_by_label("Kind of record")).to_have_value(table)
    expect(page.get_by_label("Number of the record")).to_have_value(named)
    page.get_by_label("What is wrong, and what is right?").fill(f"{kind}: it was on time")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("region").first).to_contain_text(named)


@pytest.mark.parametrize("has_script", [True, False])
def test_a_row_is_disputed_and_the_due_date_shown(visit: Visit, served: Served, report: str, has_script: bool) -> None:
    visitor = visit("en", has_script=has_script)
    page = visitor.page
    page.goto(served.link(served.told["supplier_key"], report))
    page.get_by_role("link", name="Dispute a record").click()
    if has_script:
        visitor.see("supplier-dispute-form")
    page.get_by_role("radio").first.check()
    page.get_by_label("What is wrong, and what is right?").fill("它准时送到了。It came on the day promised; the note is signed.")
    page.get_by_label("A file").set_input_files({"name": "note.txt", "mimeType": "text/plain", "buffer": b"signed"})
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("My disputes")
    newest = page.get_by_role("region").first
    expect(newest).to_contain_text("It came on the day promised")
    due = date.fromisoformat(str(newest.locator("time").get_attribute("datetime")))
    assert timedelta(DAYS_TO_ANSWER - 1) <= due - datetime.now(UTC).date() <= timedelta(DAYS_TO_ANSWER + 1)
    if has_script:
        visitor.see("supplier-disputes")
    page.goto(f"{report}?lang=en")
    expect(page.locator("#disputed")).to_be_visible()


def test_a_session_ends_and_the_login_leads_back(visit: Visit, served: Served, report: str) -> None:
    visitor = visit("en")
    page = visitor.page
    key = served.ask(new_key="telephone")["key"]
    page.goto(f"{report}?lang=en")
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    visitor.see("login")
    log_in(visitor, key)
    expect(page.get_by_role("heading", level=1)).to_contain_text(served.told["supplier"])

    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == (COOKIE, True, "Strict")
    assert 0 < cookie["expires"] - time.time() <= 30 * 60
    page.context.clear_cookies()  # what the browser does then
    page.reload()
    expect(page).to_have_url(re.compile(r"/login\?"))
    log_in(visitor, key)

    page.goto("/")
    visitor.see("start")
    page.get_by_role("button", name="Log out").click()
    page.goto(report)
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")

    log_in(visitor, key)
    served.ask(revoke=key)
    page.goto(report)
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


def log_in(visitor: Visitor, key: str) -> None:
    visitor.page.locator("#key").fill(key)
    visitor.page.locator("#key").press("Enter")
    visitor.page.wait_for_load_state()
