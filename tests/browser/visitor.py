"""Someone at a browser: walks by clicking, and whatever goes wrong on the way is kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from urllib.parse import parse_qsl, urlencode, urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request
from pypdf import PdfReader

from tests.browser.looking import DESKTOP, PHONE, SIZES, look

MOST_BYTES = 150_000
PATIENCE_MS = 120_000
LANGUAGES = {"zh": "zh-CN", "en": "en"}


class Visitor:
    """A person with one window; ``faults`` are errors on the console and requests that leave this machine."""

    def __init__(self, browser: Browser, url: str, language: str = "zh-CN", *, has_script: bool = True) -> None:
        self.browser, self.url, self.faults = browser, url, list[str]()
        self.context = browser.new_context(base_url=url, locale=language, java_script_enabled=has_script)
        self.page = self._window(self.context)

    def see(self, name: str, *, here: bool = False) -> None:
        """Look at the page in both languages, each time as on a first visit; ``here`` only as it stands, for the answer to a form."""
        if here:
            look(self.page, name)
            return
        at = urlsplit(self.page.url)
        fields = {key: value for key, value in parse_qsl(at.query) if key != "lang"}
        for code, language in LANGUAGES.items():
            address = at._replace(query=urlencode(fields | {"lang": code})).geturl()
            with self.first_visit(language) as page:
                weight = _open(page, address)
                assert page.locator("html").get_attribute("lang") == language
                assert 0 < weight < MOST_BYTES, f"{name}: {weight:,} bytes"
                look(page, f"{name}-{code}", SIZES if code == "zh" else (PHONE, DESKTOP))

    def expect_refusal(self, status: int) -> None:
        """Forget that the browser told of the last answer on its console: the form was to be refused."""
        assert all(f"status of {status}" in fault for fault in self.faults), self.faults
        self.faults.clear()

    def printed(self) -> PdfReader:
        """Print the page as a person would, on the sheets it asks for."""
        return PdfReader(BytesIO(self.page.pdf(prefer_css_page_size=True)))

    @contextmanager
    def first_visit(self, language: str) -> Iterator[Page]:
        """Open a window that has the session but nothing in its cache."""
        context = self.browser.new_context(base_url=self.url, locale=language, storage_state=self.context.storage_state())
        yield self._window(context)
        context.close()

    def _window(self, context: BrowserContext) -> Page:
        context.set_default_timeout(PATIENCE_MS)
        context.on("console", self._heard)
        context.on("weberror", lambda error: self.faults.append(f"script: {error.error}"))
        context.on("request", self._sent)
        return context.new_page()

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text} at {message.page.url if message.page else ''}")

    def _sent(self, request: Request) -> None:
        at = urlsplit(request.url)
        if at.hostname != "127.0.0.1" and at.scheme not in ("data", "blob", "about"):
            self.faults.append(f"left this machine: {request.url}")


def _open(page: Page, address: str) -> int:
    """Go to the page and return the bytes of everything that was sent for it."""
    sent: list[Request] = []

    def note(request: Request) -> None:
        sent.append(request)

    page.on("requestfinished", note)
    page.goto(address)
    sizes = [request.sizes() for request in sent]
    return sum(each["responseHeadersSize"] + each["responseBodySize"] for each in sizes)
