"""What is looked at on every page: accessibility by axe-core, reflow, and pictures for people, from a phone to paper."""

import os
import re
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SCREENSHOTS = Path(os.environ.get("LIANXIN_SCREENSHOTS", "work/screenshots"))
PHONE, TABLET, DESKTOP, PAPER = 320, 768, 1280, 794
_AXE = Axe()


def look(page: Page, name: str, widths: tuple[int, ...] = (PHONE, TABLET, DESKTOP)) -> None:
    """Take pictures at each width and on paper; nothing serious for axe-core, nothing beside the screen."""
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        beside = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        picture(page, f"{name}-{width}")
        assert beside <= 0, f"{name} at {width} px: {beside} px wider than the screen"
        if width != TABLET:
            found = accessibility(page)
            assert not found, f"{name} at {width} px:\n" + "\n".join(found)
    page.set_viewport_size({"width": PAPER, "height": 1123})
    page.emulate_media(media="print")
    picture(page, f"{name}-print")
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": DESKTOP, "height": 900})


def picture(page: Page, name: str) -> None:
    """Keep the whole page as a picture."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{re.sub(r'[^a-z0-9]+', '-', name)}.png", full_page=True)


def accessibility(page: Page) -> list[str]:
    """Return what axe-core finds serious or critical: rule, and the elements."""
    violations = _AXE.run(page).response["violations"]
    return [
        f"{each['id']} ({each['impact']}): {each['help']}: " + "; ".join(node["html"][:200] for node in each["nodes"][:5])
        for each in violations
        if each["impact"] in ("serious", "critical")
    ]
