"""A headless Chromium of this machine; none is ever downloaded."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

expect.set_options(timeout=60_000)  # a busy machine is slow, not wrong


@contextmanager
def chromium() -> Iterator[Browser]:
    """Open a browser that can reach this machine only; where there is none the test skips, but not on CI."""
    path = shutil.which("chromium")
    if path is None:
        missing = "no chromium here: nobody looks at the pages (Debian: apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    arguments = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()
