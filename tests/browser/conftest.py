"""The service in a process of its own, and a browser before it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import chromium
from tests.browser.visitor import Visitor
from tests.serving.conftest import reachable_folder
from tests.serving.parts import make_bundle, make_ledger

Visit = Callable[..., Visitor]


class Served:
    """A running service: ``told`` says its address and who may come in."""

    def __init__(self, parts: Path, data: Path) -> None:
        command = [sys.executable, "-m", "tests.browser.service", str(parts), str(data)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.told = self._hear()

    def ask(self, **asked: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return self._hear()

    def link(self, key: str, page: str) -> str:
        """Return a one-time link of the key to the page."""
        return str(self.ask(key=key, page=page)["link"])

    def end(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=40)

    def _hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the service has ended"
        told: dict[str, Any] = json.loads(line)
        return told


# Of the package, not of the session: Playwright's event loop would be in the way of others' tests.
@pytest.fixture(scope="package")
def window() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def served(window: Browser) -> Iterator[Served]:
    for place in reachable_folder():
        make_bundle(make_ledger(place), place / "bundle")
        served = Served(place, place / "pg")
        yield served
        served.end()


@pytest.fixture
def visit(window: Browser, served: Served) -> Iterator[Visit]:
    """Open a window for somebody; at the end nothing has gone wrong in it."""
    visitors: list[Visitor] = []

    def open_window(language: str = "zh-CN", *, has_script: bool = True) -> Visitor:
        visitors.append(Visitor(window, served.told["url"], language, has_script=has_script))
        return visitors[-1]

    yield open_window
    for visitor in visitors:
        visitor.context.close()
    assert [fault for visitor in visitors for fault in visitor.faults] == []
