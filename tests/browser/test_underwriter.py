"""The underwriter's way: the portfolio, a file with the rows behind it, an application worked out, a second person, a batch, the policy."""

import re
from datetime import date, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Served, Visit
from tests.browser.visitor import Visitor

DAYS = {"Issued on": -30, "Due on": 60, "Delivered on": -28}
POLICY = """bank = "browser's bank"
[receivables.top_advance_rate]
values = [{ from = 2020-01-01, value = 0.7, source = "minutes of a meeting" }]
"""
BOOKS = ("approval_rate", "approved", "referred", "declined", "exposure", "referred_exposure", "expected_loss", "mean_rate")


@pytest.mark.parametrize("has_script", [True, False])
def test_from_the_portfolio_to_a_decision_of_two_persons(visit: Visit, served: Served, has_script: bool) -> None:
    officer = enter(visit, served, "officer_key", has_script=has_script)
    page, supplier = officer.page, served.told["suppliers"][7 if has_script else 8]
    if has_script:
        page.get_by_label("Find a supplier").fill(supplier)
        page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name=supplier, exact=True).click()
    expect(page.get_by_text("Your bank has not scored this supplier yet").first).to_be_visible()
    page.get_by_role("button", name="Score as of").click()
    expect(page.get_by_role("status")).to_have_text("Scored and put on record.")
    points = page.locator(".headline .main dd").inner_text()
    watch(officer, "desk-file", has_script)

    page.get_by_role("link", name="See the rows behind it").first.click()
    expect(page.locator(".evidence tbody tr").first).to_be_visible()
    watch(officer, "desk-rows", has_script)
    page.get_by_role("link", name="Back to the file").click()
    expect(page.locator(".headline .main dd")).to_have_text(points)
    page.get_by_role("link", name="What if").click()
    watch(officer, "desk-what-if", has_script)
    page.go_back()

    page.get_by_role("link", name="Apply for financing").click()
    watch(officer, "desk-application", has_script)
    fill_invoices(page, date.fromisoformat(served.told["as_of"]), supplier)
    page.get_by_role("button", name="Try").click()
    expect(page.get_by_text("no decision was kept")).to_be_visible()
    assert page.locator(".sheet tbody tr").count() > 5
    if has_script:
        officer.see("desk-trial-en", here=True)
    page.get_by_role("button", name="Decide and keep").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Financing decision: Receivables")
    place = page.url

    page.get_by_role("radio", name="Propose otherwise").check()
    for name, value in {"Limit (yuan)": "10,000", "Advance rate (%)": "50", "Rate a year (%)": "9.25", "Tenor (days)": "60"}.items():
        page.get_by_label(name).fill(value)
    page.get_by_label("Reason").fill("the buyer has confirmed in writing")
    page.get_by_role("button", name="Take the step").click()
    expect(page.get_by_role("table").first).to_contain_text("Awaits a second person")
    page.get_by_role("link", name="Queue").click()
    watch(officer, "desk-queue", has_script)

    second = enter(visit, served, "second_key", has_script=has_script)
    second.page.get_by_role("link", name="Queue").click()
    second.page.locator(f'a[href="{place.removeprefix(served.told["url"])}"]').click()
    second.page.get_by_role("radio", name="Confirm").check()
    second.page.get_by_label("Reason").fill("checked against the contract")
    second.page.get_by_role("button", name="Take the step").click()
    expect(second.page.get_by_text("In the end: approved")).to_be_visible()
    expect(second.page.get_by_text("9.25%").first).to_be_visible()
    watch(second, "desk-decision", has_script)


def test_a_batch_is_followed_to_its_results(visit: Visit, served: Served) -> None:
    officer = enter(visit, served, "officer_key")
    page = officer.page
    page.get_by_role("link", name="Batches").click()
    officer.see("desk-batches")
    rows = "supplier_id\n" + "\n".join([*served.told["suppliers"][:5], "S-NO-CONSENT"])
    page.get_by_label("File").set_input_files({"name": "suppliers.csv", "mimeType": "text/csv", "buffer": rows.encode()})
    page.get_by_role("button", name="Upload and score").click()
    expect(page.get_by_text("Finished")).to_be_visible(timeout=30_000)  # the page follows by itself
    expect(page.get_by_text("6 of 6 rows are done")).to_be_visible()
    with page.expect_download() as found:
        page.get_by_role("link", name="Download results (csv)").click()
    results = found.value.path().read_text("utf-8-sig").splitlines()
    assert len(results) == 6
    officer.see("desk-batch")
    page.get_by_role("link", name="Portfolio").click()
    assert page.get_by_text(re.compile(r"^(AAA|AA|A|BBB|BB|B|C)$")).count() > 0
    officer.see("desk-portfolio")
    page.goto(f"/report/{served.told['suppliers'][7]}")
    officer.see("bank-report")


def test_a_policy_is_handed_in_simulated_and_put_in_force_by_another(visit: Visit, served: Served) -> None:
    officer = enter(visit, served, "officer_key")
    page, supplier = officer.page, served.told["suppliers"][9]
    page.goto(f"/desk/suppliers/{supplier}/apply")
    fill_invoices(page, date.fromisoformat(served.told["as_of"]), supplier)
    page.get_by_role("button", name="Decide and keep").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Financing decision: Receivables")

    page.get_by_role("link", name="Policy").click()
    officer.see("desk-policies")
    page.get_by_role("textbox", name="The policy's text (TOML)").fill(POLICY.replace("top_advance_rate", "top_rate"))
    page.get_by_role("button", name="Check and hand in").click()
    expect(page.get_by_role("alert")).to_contain_text("Line 2")
    officer.expect_refusal(422)
    officer.see("desk-policy-faulty", here=True)
    page.get_by_role("textbox", name="The policy's text (TOML)").fill(POLICY)
    page.get_by_role("button", name="Check and hand in").click()
    expect(page.get_by_role("table").first).to_contain_text("minutes of a meeting")
    officer.see("desk-policy")
    page.get_by_role("button", name="Simulate").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Simulation on past applications")
    assert page.get_by_role("table").first.locator("tbody tr").count() == len(BOOKS)
    officer.see("desk-simulation")
    place = page.url.removeprefix(served.told["url"])
    page.get_by_label("Reason").fill("I adopt my own policy")
    page.get_by_role("button", name="Put this policy in force").click()
    expect(page.get_by_role("alert")).to_contain_text("A second person is needed")
    officer.expect_refusal(403)

    second = enter(visit, served, "second_key")
    second.page.goto(place)
    second.page.get_by_label("Reason").fill("the committee adopted it")
    second.page.get_by_role("button", name="Put this policy in force").click()
    expect(second.page.get_by_text("In force today")).to_be_visible()
    expect(second.page.get_by_role("table").last).to_contain_text("the committee adopted it")
    second.see("desk-policy-in-force")


def enter(visit: Visit, served: Served, key: str, *, has_script: bool = True) -> Visitor:
    """Let a person of the bank in by key."""
    visitor = visit("en", has_script=has_script)
    visitor.page.goto("/login?next=/desk")
    visitor.page.get_by_label("Key").fill(served.told[key])
    visitor.page.get_by_role("button", name="Log in").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Portfolio")
    return visitor


def watch(visitor: Visitor, name: str, has_script: bool) -> None:
    """Look at a page, once: what is walked without a script are the same pages."""
    if has_script:
        visitor.see(name)


def fill_invoices(page: Page, as_of: date, supplier: str) -> None:
    """Type an application on two invoices."""
    page.get_by_label("Amount (yuan)").first.fill("30,000")
    page.get_by_label("Tenor (days)").fill("90")
    for row in (1, 2):
        told = {"Number": f"INV-{supplier}-{row}", "Buyer": f"B-{row}", "Amount (yuan)": "20000"}
        told |= {name: (as_of + timedelta(days)).isoformat() for name, days in DAYS.items()}
        for name, value in told.items():
            page.get_by_label(f"Row {row}, {name}", exact=True).fill(value)
