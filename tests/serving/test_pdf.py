"""The report as PDF: the page's numbers, our font in it, at most four pages, and nothing fetched whatever a name says.

Of five suppliers in both languages here; with `-m load` of 500 suppliers of a simulated platform. Both say how many pages and seconds.
"""

import dataclasses
import re
import resource
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from features.catalog import CATALOG
from features.facts import KINDS
from features.ledger import Ledger, build_ledger
from features.read import read_tables
from features.simulate import simulate
from serving.assess import assess
from serving.http.languages import Language, words
from serving.http.refusals import PrintReachedOut
from serving.pages import FOLDER
from serving.report import pdf
from serving.report.build import CreditReport, build_report
from serving.report.font_subset import wanted_characters
from serving.report.page import report_html
from serving.report.peers import Peers
from tests.serving.client import Client
from training.bundle import ScoringBundle

pytest.importorskip("weasyprint", reason="PDFs are printed with the extra report")
pypdf = pytest.importorskip("pypdf")
MOST_PAGES = 4


@pytest.fixture(scope="module")
def peers(bundle: ScoringBundle, ledger: Ledger) -> Peers:
    return Peers(bundle, ledger)


def text_of(printed: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(printed)).pages)


def fonts_of(reader: Any) -> list[Any]:
    fonts = [font.get_object() for page in reader.pages for font in page["/Resources"].get("/Font", {}).values()]
    return [part.get_object() for font in fonts for part in font.get("/DescendantFonts", [font])]


def glyphs_of(reader: Any) -> Iterator[bytes]:
    """Every glyph's number, two bytes, as the pages show them."""
    for page in reader.pages:
        for operands, operator in pypdf.generic.ContentStream(page.get_contents(), reader).operations:
            if operator in (b"Tj", b"TJ"):
                for part in operands[0] if operator == b"TJ" else operands:
                    shown = getattr(part, "original_bytes", part if isinstance(part, bytes) else b"")
                    yield from (shown[at : at + 2] for at in range(0, len(shown), 2))


def numbers(report: CreditReport, language: Language) -> list[str]:
    spoken = words(language)
    return [
        spoken.number(report.points),
        spoken.percent(report.pd),
        spoken.number(report.base_points, digits=1),
        *(spoken.number(part.points, digits=1, signed=True) for part in report.parts if part.points),
    ]


def print_and_check(bundle: ScoringBundle, ledger: Ledger, suppliers: Sequence[str]) -> str:
    """Print suppliers' reports in both languages, look at each closely, and return what was seen."""
    pages, seconds, day, peers = Counter[int](), 0.0, ledger.latest_as_of, Peers(bundle, ledger)
    for supplier, language in product(suppliers, Language):
        started = time.process_time()
        printed = pdf.print_report(bundle, ledger, supplier, day, language, peers=peers)
        seconds += time.process_time() - started
        reader = pypdf.PdfReader(BytesIO(printed))
        assert 1 < len(reader.pages) <= MOST_PAGES, (supplier, language)
        assert all("LianxinSans" in font["/BaseFont"].replace("-", "") for font in fonts_of(reader))
        assert all({"/FontFile2", "/FontFile3"} & font["/FontDescriptor"].get_object().keys() for font in fonts_of(reader))
        glyphs = list(glyphs_of(reader))
        assert len(glyphs) > 1000
        assert b"\x00\x00" not in glyphs
        report, text = build_report(bundle, ledger, assess(bundle, ledger, supplier, day), peers=peers), text_of(printed)
        assert pdf.GETA not in text
        for number in numbers(report, language):
            assert number in text, (supplier, language, number)
        assert sum((part.points for part in report.parts), report.base_points) == report.points
        pages[len(reader.pages)] += 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 3 * 2**20
    each = seconds / pages.total()
    return f"{pages.total()} reports of {len(suppliers)} suppliers; pages {dict(sorted(pages.items()))}; {each:.2f} CPU s each"


@pytest.mark.slow
def test_reports_are_printed_whole(bundle: ScoringBundle, ledger: Ledger, say: Callable[[str], None]) -> None:
    known = [str(each) for each, first in zip(ledger.supplier_ids, ledger.known_from, strict=True) if first < 2**31 - 1]
    say(print_and_check(bundle, ledger, known[::11][:5]))


@pytest.mark.load
@pytest.mark.parametrize("part", range(4))
def test_500_suppliers_of_a_platform(bundle: ScoringBundle, tmp_path: Path, say: Callable[[str], None], part: int) -> None:
    simulate(tmp_path / "tables", suppliers=620, months=36, seed=20261122)
    ledger = build_ledger(read_tables(tmp_path / "tables")[0])
    known = [str(each) for each, first in zip(ledger.supplier_ids, ledger.known_from, strict=True) if first < 2**31 - 1]
    say(print_and_check(bundle, ledger, known[:500][part::4]))


def test_the_pdf_of_a_page_has_the_numbers_of_the_score(client: Client, browser: Client, key: str, supplier: str) -> None:
    assert browser.get(f"/report.pdf/{supplier}").status_code == 303
    browser.post("/login", data={"key": key})
    answer = browser.get(f"/report.pdf/{supplier}?lang=en")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.content.startswith(b"%PDF-")
    body = {"supplier_id": supplier, "purpose": "credit_application"}
    told = client.post("/v1/scores", json=body, headers={"Idempotency-Key": uuid.uuid4().hex}).json()
    text = re.sub(r"\s+", " ", text_of(answer.content))
    assert f"{round(told['score']['points'])} points" in text
    assert f"{told['score']['pd_12m']:.1%}" in text
    for reason in told["reasons"]:
        assert reason["text"] in text
    assert browser.get("/report.pdf/nobody").status_code == 404


HOSTILE = (
    "<img src=file:///etc/passwd>",
    "</title><link rel=stylesheet href=http://127.0.0.1:1/a.css><style>@import url(http://127.0.0.1:1/b.css);</style>",
    "</style></svg><svg><image href=file:///etc/passwd>{{ 7 * 7 }}",
    "W" * 1_000_000,
    "链" * 1_000_000,
)


@pytest.mark.parametrize("name", HOSTILE, ids=["img", "import", "svg", "long word", "long name"])
def test_a_hostile_name_is_a_name(bundle: ScoringBundle, ledger: Ledger, peers: Peers, supplier: str, name: str) -> None:
    report = build_report(bundle, ledger, assess(bundle, ledger, supplier, ledger.latest_as_of), peers=peers)
    named = dataclasses.replace(report, profile=dataclasses.replace(report.profile, name=name, industry=name, province=name))
    printed = pdf.report_pdf(report_html(named, Language.EN, warnings=[], looks=None, addresses=None), Language.EN)
    assert len(pypdf.PdfReader(BytesIO(printed)).pages) <= MOST_PAGES
    text = re.sub(r"\s+", "", text_of(printed))
    assert name[:20].replace(" ", "") in text
    assert "root:" not in text


@pytest.mark.parametrize("address", ["file:///etc/passwd", "http://127.0.0.1:1/x.png", "ftp://127.0.0.1/x"])
def test_the_printer_fetches_nothing(address: str) -> None:
    with pytest.raises(PrintReachedOut, match="fetches nothing"):
        pdf.report_pdf(f'<html><body><img src="{address}"><article></article></body></html>', Language.EN)


def test_a_character_the_font_lacks_is_seen_and_named(bundle: ScoringBundle, ledger: Ledger, peers: Peers, supplier: str) -> None:
    report = build_report(bundle, ledger, assess(bundle, ledger, supplier, ledger.latest_as_of), peers=peers)
    named = dataclasses.replace(report, profile=dataclasses.replace(report.profile, name="𠮷野家㐀公司"))
    printed = pdf.report_pdf(report_html(named, Language.ZH_CN, warnings=[], looks=None, addresses=None), Language.ZH_CN)
    text = text_of(printed)
    assert "〓野家〓公司" in text
    assert "U+20BB7, U+3400" in text
    assert b"\x00\x00" not in list(glyphs_of(pypdf.PdfReader(BytesIO(printed))))


def test_the_font_has_every_character_we_write() -> None:
    covered = pdf.covered_characters()
    assert not {ord(character) for character in "AZaz09，。；：（）“”…→↑−–〓链信"} - covered
    assert len(covered & wanted_characters()) > 7_500
    written = ""
    for language in Language:
        written += "".join(words(language)._texts.values())
    written += "".join(feature.zh + feature.en for feature in CATALOG) + "".join(kind.label_zh + kind.label_en for kind in KINDS)
    written += "".join(template.read_text(encoding="utf-8") for template in (FOLDER / "templates").glob("*.j2"))
    assert {character for character in written if ord(character) not in covered and not character.isspace()} == set()


def test_the_fonts_stay_small_and_carry_their_licence() -> None:
    folder = FOLDER / "static" / "fonts"
    assert sum((folder / name).stat().st_size for name in pdf.FONTS.values()) < 3 * 2**20
    assert "SIL OPEN FONT LICENSE" in (folder / "OFL.txt").read_text(encoding="utf-8")


def test_without_the_printer_the_page_says_so(browser: Client, key: str, supplier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    browser.post("/login", data={"key": key})
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    pdf._printer.cache_clear()
    try:
        answer = browser.get(f"/report.pdf/{supplier}?lang=en")
    finally:
        pdf._printer.cache_clear()
    assert answer.status_code == 501
    assert "No PDF can be made here" in answer.text
    assert browser.get(f"/report/{supplier}").status_code == 200
