"""The report set in type: the same words and numbers on a page and on paper."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from credit.reason import shown_en, shown_zh
from serving.evidence.table import evidence_table
from serving.http.languages import Language
from serving.pages import render
from serving.report.build import CreditReport
from serving.report.chart import trend_chart
from serving.report.peers import SIZES
from serving.schemas import Notice

BARS: Final = 12


@dataclass(frozen=True, slots=True)
class Look:
    """Who looked at the supplier: ``who`` is a bank's name, None for the supplier itself; ``at`` in the data's zone."""

    at: datetime
    who: str | None
    purpose: str
    operation: str


@dataclass(frozen=True, slots=True)
class Looks:
    """The newest looks, and how many there were; ``is_whole`` where the reader sees those of every bank."""

    newest: tuple[Look, ...]
    total: int
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a page leads: itself up to the language, its PDF, and the rows behind a feature (its name put in); none on paper."""

    here: str
    pdf: str
    evidence: str


def report_html(
    report: CreditReport, language: Language, *, warnings: Sequence[Notice], looks: Looks | None, addresses: Addresses | None
) -> str:
    """Set the report in type; without addresses it is for paper and leads nowhere."""
    top, others = report.parts[:BARS], report.parts[BARS:]
    form = shown_zh if language is Language.ZH_CN else shown_en

    def shown(value: float | None, unit: str) -> str:
        return form(math.nan if value is None else value, unit)

    edges = tuple((band.points_from, band.grade) for band in report.bands if band.points_from is not None)
    values: dict[str, Any] = {
        "report": report,
        "warnings": warnings,
        "looks": looks,
        "addresses": addresses,
        "top_parts": top,
        "rest": {"count": len(others), "points": sum((part.points for part in others), Decimal(0))},
        "tables": [[evidence_table(evidence, language) for evidence in reason.evidence] for reason in report.reasons],
        "chart": trend_chart(report.trend, edges) if len(report.trend) > 1 else None,
        "plans": _plans(report),
        "sizes": SIZES,
        "shown": shown,
    }
    if addresses is not None:
        values["here"] = addresses.here
    return render("report.html.j2", language, **values)


def _plans(report: CreditReport) -> list[Any]:
    """Return the advice's plans that are shown: every one to the next grade, and the soonest to the one after."""
    if report.advice is None:
        return []
    targets = list(dict.fromkeys(plan.target for plan in report.advice.plans))
    shown = [plan for plan in report.advice.plans if targets and plan.target == targets[0]]
    return shown + [next(plan for plan in report.advice.plans if plan.target == target) for target in targets[1:]]
