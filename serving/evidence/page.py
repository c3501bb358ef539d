"""The rows behind a number as a page in a reader's words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from credit.reason import shown_en, shown_zh
from features.columns import Tier
from features.evidence import Evidence
from features.reckoning import ReckonedRow, ReckonedSum, Reckoning, Source
from serving.access.tiers import evidence_within
from serving.evidence.table import EvidenceTable, evidence_table, shown_value
from serving.explain import in_words
from serving.http.languages import Language, Words, words
from serving.pages import render

ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class SumLine:
    """One sum in words: of what, over which days, how much."""

    title: str
    days: str
    total: str


def evidence_html(
    found: Reckoning,
    supplier_id: str,
    as_of: date,
    tier: Tier,
    language: Language,
    *,
    after: int,
    here: str,
    back: str,
    dispute: str | None = None,
) -> str:
    """Set a page of rows in type.

    ``here`` is its own address up to the next query field, ``back`` the report's, ``dispute`` the form's up to the row, where the reader
    may dispute one.
    """
    spoken, shown = words(language), found.rows[after : after + ROWS]
    form = shown_zh if language is Language.ZH_CN else shown_en
    return render(
        "evidence.html.j2",
        language,
        here=here,
        back=back,
        dispute=dispute,
        supplier_id=supplier_id,
        as_of=as_of,
        label=in_words((found.feature.zh, found.feature.en), language),
        value=form(found.value, found.feature.unit.value) if found.is_whole and not math.isnan(found.value) else None,
        is_whole=found.is_whole,
        sums=[_sum_line(each, found.sources, spoken) for each in found.sums if each.unit != "civil_day"],
        groups=_groups(found, shown, tier, language),
        first=after + 1,
        last=after + len(shown),
        total=len(found.rows),
        next=after + ROWS if after + ROWS < len(found.rows) else None,
    )


def _sum_line(each: ReckonedSum, sources: Sequence[Source], spoken: Words) -> SumLine:
    """Say a sum in words."""
    source = sources[each.source]
    kind = in_words((source.fact_kind.label_zh, source.fact_kind.label_en), spoken.language)
    what = spoken.text("evidence.open_only", what=kind) if source.closed_by else kind
    days = {"until": spoken.short_date(each.until), "first": spoken.short_date(each.first) if each.first else ""}
    return SumLine(
        f"{what} · {spoken.text(f'evidence.{each.column}')}",
        spoken.text("evidence.sum_window" if each.first else "evidence.sum_all", **days),
        shown_value(each.total, each.unit, spoken),
    )


def _groups(found: Reckoning, shown: Sequence[ReckonedRow], tier: Tier, language: Language) -> list[EvidenceTable]:
    """Lay out the rows, a table for each source."""
    groups = []
    for place, source in enumerate(found.sources):
        rows = tuple(each.row for each in shown if each.source == place)
        if rows:
            kind = source.fact_kind
            names = tuple((value.name, value.unit) for value in kind.values)
            whole = Evidence(found.feature.name, kind.name, kind.label_zh, kind.label_en, names, rows, len(rows))
            groups.append(evidence_table(evidence_within(whole, tier), language, with_known=True))
    return groups
