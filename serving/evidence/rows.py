"""From a kept score to the rows behind one of its numbers, as far as the caller may see them."""

import json
import math
from dataclasses import dataclass

from features.columns import Tier
from features.ledger import Ledger
from features.reckoning import ReckonedRow, Reckoning, Source, reckon
from serving.access.tiers import Seen, reaches, seen_of
from serving.evidence.bodies import EvidenceBody, EvidenceItem, EvidenceSource, EvidenceSum, EvidenceValue
from serving.evidence.table import HIDDEN_UNITS
from serving.explain import in_words, known_before
from serving.http.languages import Language, words
from serving.http.refusals import EvidenceWithheld, FeatureUnknown
from serving.store import ScoreRecord


@dataclass(frozen=True, slots=True)
class PageWanted:
    """Which rows are asked for: so many after the first so many."""

    after: int
    limit: int


def evidence_body(ledger: Ledger, record: ScoreRecord, feature: str, tier: Tier, wanted: PageWanted, language: Language) -> EvidenceBody:
    """Return a page of the rows behind a number of a kept score.

    Raises
    ------
    FeatureUnknown
        The score does not rest on such a feature.
    EvidenceWithheld
        The feature's data are of a higher tier than the caller and the consent reach.
    UnknownSupplier
        The ledger in service does not have the supplier.
    """
    value = kept_value(record, feature)
    if not reaches(tier, feature):
        raise EvidenceWithheld
    found = reckon(ledger, feature, record.supplier_id, record.as_of)
    return page_of(found, record, value, tier, wanted, language, ledger)


def kept_value(record: ScoreRecord, feature: str) -> float:
    """Return a feature's value as it was scored, NaN where it was missing; the kept answer says in which order they stand."""
    names = [part["feature"] for part in json.loads(record.body)["contributions"]]
    if feature not in names:
        raise FeatureUnknown
    return record.feature_values[names.index(feature)]


def page_of(
    found: Reckoning, record: ScoreRecord, value: float, tier: Tier, wanted: PageWanted, language: Language, ledger: Ledger
) -> EvidenceBody:
    """Return a page of a reckoning's rows as it is sent."""
    seen = [seen_of(source.fact_kind, tier) for source in found.sources]
    end = wanted.after + wanted.limit
    return EvidenceBody(
        score_id=record.score_id,
        supplier_id=record.supplier_id,
        as_of=record.as_of,
        known_at=known_before(ledger, record.as_of),
        feature=found.feature.name,
        label=in_words((found.feature.zh, found.feature.en), language),
        unit=found.feature.unit.value,
        value=None if math.isnan(value) else value,
        agrees=_is_same(found.value, value) if found.is_whole else None,
        sources=[_source(source, sight, language) for source, sight in zip(found.sources, seen, strict=True)],
        sums=[
            EvidenceSum.model_validate(
                {"source": s.source, "column": s.column, "unit": s.unit, "from": s.first, "until": s.until, "total": s.total}
            )
            for s in found.sums
        ],
        total=len(found.rows),
        items=[_item(row, found.sources[row.source], seen[row.source]) for row in found.rows[wanted.after : end]],
        next=end if end < len(found.rows) else None,
    )


def _is_same(left: float, right: float) -> bool:
    """Tell whether two numbers are the same to the last bit, or both missing."""
    return left == right or (math.isnan(left) and math.isnan(right))


def _source(source: Source, seen: Seen, language: Language) -> EvidenceSource:
    """Describe rows of one kind."""
    kind, spoken = source.fact_kind, words(language)
    hidden = [value.name for place, value in enumerate(kind.values) if place not in seen.values]
    return EvidenceSource(
        kind=source.kind,
        closed_by=source.closed_by,
        label=in_words((kind.label_zh, kind.label_en), language),
        table=kind.table,
        values=[
            EvidenceValue(name=v.name, unit=v.unit, label=None if v.unit in HIDDEN_UNITS else spoken.text(f"evidence.{v.name}"))
            for v in (kind.values[place] for place in seen.values)
        ],
        withheld=[*hidden, *(["counterparty"] if kind.party and not seen.party else [])],
    )


def _item(each: ReckonedRow, source: Source, seen: Seen) -> EvidenceItem:
    """Return one row as far as it may be seen."""
    row = each.row
    return EvidenceItem(
        source=each.source,
        id=row.key,
        happened_on=row.event_day,
        known_on=row.known_day,
        counterparty=(row.party or None) if seen.party else None,
        values={source.fact_kind.values[place].name: row.values[place] for place in seen.values},
    )
