"""What the documents lead to is there, and their pictures are light."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
HEAVIEST_PICTURE = 150_000


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    files = [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]
    assert [each for each in files if not (document.parent / each).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_heading_leads_to_one(document: Path) -> None:
    targets = re.findall(r"\]\(([^)\s:]*\.md|)#([^)\s]+)\)", document.read_text(encoding="utf-8"))
    lost = [(name, anchor) for name, anchor in targets if anchor not in _anchors(document.parent / name if name else document)]
    assert lost == []


def _anchors(document: Path) -> set[str]:
    """Anchors as GitHub makes them: lower case, punctuation dropped, spaces to hyphens."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_pictures_are_light_and_each_is_shown_somewhere() -> None:
    texts = "".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    pictures = sorted((ROOT / "docs" / "images").iterdir())
    assert [each.name for each in pictures if each.stat().st_size > HEAVIEST_PICTURE] == []
    assert [each.name for each in pictures if f"images/{each.name})" not in texts] == []
