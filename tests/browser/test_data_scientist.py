"""The data scientist's way: the documentation, which asks for no key, and the model in service."""

from playwright.sync_api import expect

from tests.browser.conftest import Served, Visit


def test_from_the_documentation_to_the_model_in_service(visit: Visit, served: Served) -> None:
    visitor = visit("en")
    page = visitor.page
    page.goto("/docs")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.get_by_text("/v1/models/current", exact=True).first.scroll_into_view_if_needed()
    visitor.see("documentation")
    assert page.context.request.get("/openapi.json").json()["openapi"].startswith("3.1")
    model = page.context.request.get("/v1/models/current", headers={"X-API-Key": served.told["officer_key"]}).json()
    page.goto("/login?next=/desk")
    page.get_by_label("Key").fill(served.told["officer_key"])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("contentinfo")).to_contain_text(model["bundle_sha256"][:12])
