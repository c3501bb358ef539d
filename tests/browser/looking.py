"""What is looked at on every page: accessibility by axe-core, reflow, and pictures for people, from a phone to paper."""

import os
import re
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SCREENSHOTS = Path(os.environ.get("LIANXIN_SCREENSHOTS", "work/screenshots"))
PHONE, TABLET, DESKTOP, PAPER = 320, 768, 1280, 794
TALLEST = 16_384
"""So much fits into one texture of the browser's."""
SIZES = (PHONE, TABLET, PAPER, DESKTOP)
_AXE = Axe()


def look(page: Page, name: str, sizes: tuple[int, ...] = SIZES) -> None:
    """Take a picture at each size; nothing beside the screen, and nothing serious for axe-core on a phone and a desktop."""
    for width in sizes:
        page.emulate_media(media="print" if width == PAPER else "screen")
        page.set_viewport_size({"width": width, "height": 900})
        beside = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        picture(page, f"{name}-{'print' if width == PAPER else width}")
        assert beside <= 0, f"{name} at {width} px: {beside} px wider than the screen"
        if width in (PHONE, DESKTOP):
            found = accessibility(page)
            assert not found, f"{name} at {width} px:\n" + "\n".join(found)


def picture(page: Page, name: str) -> None:
    """Keep the whole page as a picture; of one of more than `TALLEST` pixels what is first seen."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    is_whole = page.evaluate("document.documentElement.scrollHeight") <= TALLEST
    page.screenshot(path=SCREENSHOTS / f"{re.sub(r'[^a-z0-9]+', '-', name)}.png", full_page=is_whole)


def accessibility(page: Page) -> list[str]:
    """Return what axe-core finds serious or critical: rule, and the elements."""
    violations = _AXE.run(page).response["violations"]
    return [
        f"{each['id']} ({each['impact']}): {each['help']}: " + "; ".join(node["html"][:200] for node in each["nodes"][:5])
        for each in violations
        if each["impact"] in ("serious", "critical")
    ]
