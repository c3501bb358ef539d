"""The report set in type: the same words and numbers on a page and on paper."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from credit.reason import shown_en, shown_zh
from serving.advice.advise import NumberMove, Step
from serving.evidence.table import evidence_table
from serving.http.languages import Language
from serving.pages import render
from serving.report.build import CreditReport
from serving.report.chart import trend_chart
from serving.report.looks import Looks
from serving.report.peers import SIZES
from serving.schemas import Notice

BARS: Final = 12
BARS_ON_PAPER: Final = 8
_WINDOW: Final = re.compile(r"^近 (\d+) 天|, last (\d+) days$")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a page leads: itself up to the language, its PDF, and the rows behind a feature (its name put in); none on paper."""

    here: str
    pdf: str
    evidence: str


def report_html(
    report: CreditReport,
    language: Language,
    *,
    warnings: Sequence[Notice],
    looks: Looks | None,
    addresses: Addresses | None,
    is_disputed: bool = False,
) -> str:
    """Set the report in type; without addresses it is for paper and leads nowhere. ``is_disputed`` while a dispute is open."""
    bars = BARS if addresses else BARS_ON_PAPER
    top, others = report.parts[:bars], report.parts[bars:]
    form = shown_zh if language is Language.ZH_CN else shown_en

    def shown(value: float | None, unit: str) -> str:
        return form(math.nan if value is None else value, unit)

    edges = tuple((band.points_from, band.grade) for band in report.bands if band.points_from is not None)
    values: dict[str, Any] = {
        "report": report,
        "warnings": warnings,
        "looks": looks,
        "addresses": addresses,
        "is_disputed": is_disputed,
        "is_own": looks is not None and looks.is_whole,
        "top_parts": top,
        "rest": {"count": len(others), "points": sum((part.points for part in others), Decimal(0))},
        "tables": [[evidence_table(evidence, language) for evidence in reason.evidence] for reason in report.reasons],
        "chart": trend_chart(report.trend, edges) if len(report.trend) > 1 else None,
        "plans": _plans(report),
        "quantities": lambda step: quantities(step, shown, in_chinese=language is Language.ZH_CN),
        "sizes": SIZES,
        "shown": shown,
    }
    if addresses is not None:
        values["here"] = addresses.here
    return render("report.html.j2", language, **values)


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a step moves, over however many windows: its name, and from where to where, each as one figure or as two ends."""

    label: str
    today: str
    reach: str


def quantities(step: Step, shown: Callable[[float, str], str], *, in_chinese: bool) -> list[Quantity]:
    """Return what a supplier is told of a step's numbers: those of one quantity over several windows in one line."""
    told: dict[str, list[NumberMove]] = {}
    for number in step.numbers:
        if number.is_shown:
            told.setdefault(_WINDOW.sub("", number.label[0 if in_chinese else 1]), []).append(number)
    found = []
    for label, numbers in told.items():
        windows = sorted({int(next(filter(None, found.groups()))) for n in numbers for found in _WINDOW.finditer(n.label[0])})
        over = ""
        if windows:
            span = f"{windows[0]}" if len(windows) == 1 else f"{windows[0]}–{windows[-1]}"
            over = f"（近 {span} 天）" if in_chinese else f" (last {span} days)"
        today, reach = ([shown(value, numbers[0].unit) for value in sorted(values)] for values in _ends(numbers))
        found.append(Quantity(label + over, _span(today), _span(reach)))
    return found


def _ends(numbers: Sequence[NumberMove]) -> tuple[list[float], list[float]]:
    """Return today's values and those to reach."""
    return [number.today for number in numbers], [number.reach for number in numbers]


def _span(shown: Sequence[str]) -> str:
    """Return one figure, or the lowest and the highest."""
    return shown[0] if shown[0] == shown[-1] else f"{shown[0]}–{shown[-1]}"


def _plans(report: CreditReport) -> list[Any]:
    """Return the advice's plans that are shown: every one to the next grade, and the soonest to the one after."""
    if report.advice is None:
        return []
    targets = list(dict.fromkeys(plan.target for plan in report.advice.plans))
    shown = [plan for plan in report.advice.plans if targets and plan.target == targets[0]]
    return shown + [next(plan for plan in report.advice.plans if plan.target == target) for target in targets[1:]]
