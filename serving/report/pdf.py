"""The report as PDF: printed here, with our own font, reaching nowhere.

The printer (WeasyPrint, the extra ``report``) may fetch ``data:`` addresses only, and one fetch beyond that fails the print. The packaged
font has the characters of GB 2312 and Latin; one it lacks is found before printing, stands as U+3013 and is named at the end.
"""

import base64
import re
import threading
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any, Final

from features.ledger import Ledger
from serving.assess import assess
from serving.explain import warnings_of
from serving.http.languages import Language, words
from serving.http.refusals import PdfNotAvailable, PrintReachedOut
from serving.pages import FOLDER
from serving.report.build import build_report
from serving.report.page import report_html
from serving.report.peers import Peers
from training.bundle import ScoringBundle

FAMILY: Final = "Lianxin Sans"
FONTS: Final = {400: "lianxin-sans-regular.woff2", 700: "lianxin-sans-bold.woff2"}
GETA: Final = "〓"
"""What printers set for a character they have no type for (U+3013)."""
_MOST_NAMED: Final = 20
_printing = threading.Lock()


def print_report(
    bundle: ScoringBundle,
    ledger: Ledger,
    supplier_id: str,
    as_of: date,
    language: Language,
    *,
    peers: Peers | None = None,
    others: Sequence[ScoringBundle] = (),
) -> bytes:
    """Assess a supplier and print its report, without who looked; raises as `serving.assess.assess` and `report_pdf` do."""
    assessment = assess(bundle, ledger, supplier_id, as_of)
    report = build_report(bundle, ledger, assessment, peers=peers, others=others)
    warnings = warnings_of(bundle, ledger, assessment, language)
    return report_pdf(report_html(report, language, warnings=warnings, looks=None, addresses=None), language)


def report_pdf(html: str, language: Language) -> bytes:
    """Print a report that `serving.report.page.report_html` set for paper; one at a time, so that memory stays bounded.

    Raises
    ------
    PdfNotAvailable
        The printer, or a library of the system it needs, is not installed.
    PrintReachedOut
        The page asks for something to be fetched; ours never does.
    """
    printer = _printer()
    covered, lacking = cover(html, printer.characters)
    if lacking:
        named = [f"U+{ord(character):04X}" for character in lacking[:_MOST_NAMED]]
        note = words(language).text("report.missing_glyphs", codes=", ".join(named) + ("…" if len(lacking) > _MOST_NAMED else ""))
        covered = covered.replace("</article>", f'<p class="quiet end">{note}</p></article>')
    with _printing:
        return printer.print(covered)


def cover(text: str, characters: frozenset[int]) -> tuple[str, list[str]]:
    """Return a text with U+3013 for what is not among the characters, and what that was, in the order met.

    Examples
    --------
    >>> cover("A龘B", frozenset(map(ord, "AB")))
    ('A〓B', ['龘'])
    """
    lacking = [character for character in dict.fromkeys(text) if ord(character) not in characters and not character.isspace()]
    return (text.translate({ord(character): GETA for character in lacking}) if lacking else text), lacking


class _Printer:
    """WeasyPrint with our fonts and sheets, read once."""

    def __init__(self) -> None:
        try:
            from weasyprint import CSS, HTML
            from weasyprint.text.fonts import FontConfiguration
            from weasyprint.urls import FatalURLFetchingError, URLFetcher
        except (ImportError, OSError) as error:
            raise PdfNotAvailable(f"PDFs need the extra lianxin[report] and Pango: {error}") from error
        self._fetched: type[BaseException] = FatalURLFetchingError
        self._html, self._fetcher = HTML, URLFetcher(allowed_protocols=["data"], fail_on_errors=True)
        self._fonts = FontConfiguration()
        sheets = [(FOLDER / "static" / name).read_text(encoding="utf-8") for name in ("page.css", "paper.css")]
        self._sheets = [CSS(string=sheet, font_config=self._fonts, url_fetcher=self._fetcher) for sheet in (_faces(), *sheets)]
        chart = (FOLDER / "static" / "chart.css").read_text(encoding="utf-8")
        self._in_chart = f'<style>text {{ font-family: "{FAMILY}"; }} {chart}</style>'
        self.characters = covered_characters()

    def print(self, html: str) -> bytes:
        """Print; a chart does not see the page's sheets and gets its own."""
        dressed = re.sub(r'<svg class="chart"[^>]*>', lambda found: found[0] + self._in_chart, html)
        try:
            page: Any = self._html(string=dressed, url_fetcher=self._fetcher)
            printed: bytes = page.write_pdf(stylesheets=self._sheets, font_config=self._fonts)
        except self._fetched as error:  # which is no Exception and would end the thread
            raise PrintReachedOut(f"The printer of reports fetches nothing, and was asked to: {error}") from error
        return printed


@cache
def _printer() -> _Printer:
    return _Printer()


def covered_characters() -> frozenset[int]:
    """Return the code points both weights of the packaged font have."""
    from fontTools.ttLib import TTFont

    found = []
    for name in FONTS.values():
        with TTFont(FOLDER / "static" / "fonts" / name, lazy=True) as font:
            found.append(frozenset(font.getBestCmap()))
    return frozenset.intersection(*found)


def _faces() -> str:
    """Return the sheet that brings the fonts in themselves."""
    faces = []
    for weight, name in FONTS.items():
        data = base64.b64encode((FOLDER / "static" / "fonts" / name).read_bytes()).decode()
        faces.append(
            f'@font-face {{ font-family: "{FAMILY}"; font-weight: {weight}; src: url("data:font/woff2;base64,{data}") format("woff2"); }}'
        )
    return "\n".join(faces)
