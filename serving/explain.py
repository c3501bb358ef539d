"""From an assessment to the body a caller receives, and to the same body again for the documentation's examples."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

from credit.abstention import Stance
from credit.validity import valid_until
from features.build import rests_on_others
from features.ledger import Ledger
from serving.assess import Assessment, scored_features
from serving.http.languages import Language, Words, words
from serving.packaged_policy import packaged_policy
from serving.schemas import (
    ContributionPart,
    CurrentModel,
    DataQuality,
    GradeBand,
    IntervalPart,
    ModelPart,
    Notice,
    Purpose,
    ReasonPart,
    Rights,
    ScoreBody,
    ScorePart,
    Subject,
    SufficiencyPart,
    TrainedOn,
)
from training.bundle import ScoringBundle

FEW_VALUES_SHARE = 0.5
MOVED_POINTS = 5.0
"""From here on, up or down, a reader is told what missing values did: an eighth of what doubles the odds."""
ACTIVE_DAYS = 180
"""Without an order for longer, a supplier is not active: the windows of half a year and less are empty."""
LAST_ORDER = "orders_last_age_all"


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a score was asked for, in which request and language; ``known_at`` where it uses what was known at another day than its own."""

    score_id: UUID
    request_id: str
    purpose: Purpose
    language: Language
    known_at: date | None = None


def known_before(ledger: Ledger, as_of: date) -> datetime:
    """Return the instant before which something had to be known to count: the start of the day in the ledger's zone."""
    return datetime(as_of.year, as_of.month, as_of.day, tzinfo=ZoneInfo(ledger.zone))


def missing_tables(bundle: ScoringBundle, ledger: Ledger) -> list[str]:
    """Return the contract tables the bundle's features rest on and the platform did not hand over."""
    return list(_absent(bundle.names, ledger.present, ledger.is_alone).tables)


@dataclass(frozen=True, slots=True)
class _Absent:
    """What a ledger lacks for a model: contract tables, the places of features that rest on these, or on other suppliers; the others."""

    tables: tuple[str, ...]
    by_table: tuple[int, ...]
    by_others: tuple[int, ...]
    there: tuple[int, ...]


@lru_cache(maxsize=8)
def _absent(names: tuple[str, ...], present: frozenset[str], is_alone: bool) -> _Absent:
    features = list(enumerate(scored_features(names)))
    by_table = tuple(place for place, feature in features if not feature.tables <= present)
    by_others = tuple(place for place, feature in features if is_alone and rests_on_others(feature) and place not in by_table)
    tables = {table for _, feature in features for table in feature.tables - present}
    there = tuple(place for place, _ in features if place not in {*by_table, *by_others})
    return _Absent(tuple(sorted(tables)), by_table, by_others, there)


def data_quality(ledger: Ledger) -> DataQuality | None:
    """Return the five shares of the import's check, if the tables were checked."""
    return DataQuality(**ledger.quality) if ledger.quality else None


def model_part(bundle: ScoringBundle) -> ModelPart:
    """Return which model this is."""
    approved_by = bundle.release.get("approved_by")
    return ModelPart(
        name=str(bundle.model["name"]),
        version=bundle.version,
        bundle_sha256=bundle.content_hash,
        trained_on=trained_on(bundle),
        approved_by=None if approved_by is None else str(approved_by),
    )


def trained_on(bundle: ScoringBundle) -> TrainedOn:
    """Return the as-of dates and rows the model learned from."""
    told = bundle.model["trained_on"]
    named = {name: told[name] for name in ("from", "to", "rows", "bads")}
    return TrainedOn.model_validate({**named, "suppliers": told.get("suppliers")}, strict=False)


def warnings_of(bundle: ScoringBundle, ledger: Ledger, assessment: Assessment, language: Language) -> list[Notice]:
    """Return what a reader of the score must know besides."""
    spoken, parts = words(language), assessment.score.contributions
    notices = _absence_notices(bundle, ledger, assessment, spoken)
    standing = assessment.standing
    if standing is not None and standing.stance is Stance.ABSTAIN:
        notices.insert(0, Notice(code=standing.ground.value, text=in_words((standing.text_zh, standing.text_en), language)))
    if [part.value for part in parts].count(None) > FEW_VALUES_SHARE * len(parts):
        notices.append(Notice(code="few_values", text=spoken.text("warning.few_values")))
    last_order = next((part for part in parts if part.feature == LAST_ORDER), None)
    if last_order is not None and (last_order.value is None or last_order.value > ACTIVE_DAYS):
        key = "warning.not_active.never" if last_order.value is None else "warning.not_active"
        notices.append(Notice(code="not_active", text=spoken.text(key, days=last_order.value)))
    if assessment.score.as_of <= trained_on(bundle).last:
        notices.append(Notice(code="as_of_within_training", text=spoken.text("warning.as_of_within_training")))
    return notices


def _absence_notices(bundle: ScoringBundle, ledger: Ledger, assessment: Assessment, spoken: Words) -> list[Notice]:
    """Say what absent tables and absent values did to the score: the points they moved it against the reference."""
    notices, absent, parts = [], _absent(bundle.names, ledger.present, ledger.is_alone), assessment.score.contributions
    by_value = [place for place in absent.there if parts[place].value is None]
    if absent.tables:
        tables = spoken.listing([spoken.text(f"missing.{table}") for table in absent.tables])
        moved = spoken.points(moved_points(bundle, assessment, absent.by_table))
        notices.append(Notice(code="tables_missing", text=spoken.text("warning.tables_missing", tables=tables, moved=moved)))
    if absent.by_others:
        moved = spoken.points(moved_points(bundle, assessment, absent.by_others))
        notices.append(Notice(code="others_missing", text=spoken.text("warning.others_missing", moved=moved)))
    moved_by_value = moved_points(bundle, assessment, by_value)
    if abs(moved_by_value) >= MOVED_POINTS:
        text = spoken.text("warning.values_missing", count=len(by_value), moved=spoken.points(moved_by_value))
        notices.append(Notice(code="values_missing", text=text))
    return notices


def moved_points(bundle: ScoringBundle, assessment: Assessment, places: Sequence[int]) -> float:
    """Return the points that the features at these places of the bundle's order moved the score against the reference."""
    parts, reference = assessment.score.contributions, bundle.reference.contributions
    return math.fsum(parts[place].points - reference[place] for place in places)


def score_body(bundle: ScoringBundle, ledger: Ledger, assessment: Assessment, occasion: Occasion) -> ScoreBody:
    """Return the body of a score: every field filled from the assessment, none made up."""
    score = assessment.score
    return ScoreBody(
        id=occasion.score_id,
        score=_score_part(assessment),
        subject=Subject(supplier_id=score.supplier_id, kind=ledger.kind_of(score.supplier_id)),
        as_of=score.as_of,
        known_at=known_before(ledger, occasion.known_at or score.as_of),
        request_id=occasion.request_id,
        purpose=occasion.purpose,
        model=model_part(bundle),
        base_points=score.base_points,
        contributions=_contributions(bundle, assessment),
        reasons=_reasons(ledger, assessment, occasion),
        data_quality=data_quality(ledger),
        missing_tables=missing_tables(bundle, ledger),
        warnings=warnings_of(bundle, ledger, assessment, occasion.language),
        rights=rights_of(ledger, score.supplier_id, score.as_of),
    )


def rights_of(ledger: Ledger, supplier_id: str, as_of: date) -> Rights:
    """Return where the supplier goes; a history handed over is not kept, and has neither a report nor rows to dispute."""
    day = as_of.isoformat()
    if ledger.is_alone:
        return Rights(report_url=None, dispute_url=None, human_review_url=None, automated_only=True)
    return Rights(
        report_url=f"/report/{quote(supplier_id, safe='')}?as_of={day}",
        dispute_url=f"/disputes/new?as_of={day}",
        human_review_url=f"/disputes/new?as_of={day}&kind=human_review",
        automated_only=True,
    )


def _score_part(assessment: Assessment) -> ScorePart:
    """Return the score with what is known of its certainty."""
    score, interval, sufficiency = assessment.score, assessment.interval, assessment.sufficiency
    return ScorePart(
        points=score.points,
        grade=assessment.grade.name,
        pd_12m=score.pd,
        interval=IntervalPart(low=interval.low, high=interval.high, level=interval.level) if interval else None,
        data_sufficiency=SufficiencyPart(index=sufficiency.index, grade=sufficiency.grade) if sufficiency else None,
        valid_until=valid_until(score.as_of, packaged_policy("validity").on(score.as_of)),
    )


def _contributions(bundle: ScoringBundle, assessment: Assessment) -> list[ContributionPart]:
    """Return all contributions in the bundle's order, the order in which they add up; adding 0.0 turns a negative zero plain."""
    return [
        ContributionPart(name, value, factor.unit, points + 0.0)
        for (name, value, points), factor in zip(assessment.score.contributions, bundle.factors, strict=True)
    ]


def _reasons(ledger: Ledger, assessment: Assessment, occasion: Occasion) -> list[ReasonPart]:
    """Return the principal reasons in the language of the occasion, each with the way to its rows."""
    return [
        ReasonPart(
            code=reason.code,
            family=reason.family,
            text=in_words((reason.text_zh, reason.text_en), occasion.language),
            points=reason.points,
            feature=reason.feature,
            value=reason.value,
            reference=reason.reference,
            source_table=reason.source_table,
            evidence_url=None if ledger.is_alone else f"/v1/scores/{occasion.score_id}/evidence/{reason.feature}",
        )
        for reason in assessment.reasons
    ]


def catalog_entry(bundle: ScoringBundle, feature: str) -> dict[str, object]:
    """Return what the bundle's catalogue slice says of a feature."""
    return dict(bundle.catalog[bundle.names.index(feature)])


def in_words(pair: Sequence[str], language: Language) -> str:
    """Return the Chinese or the English of a pair."""
    return pair[0] if language is Language.ZH_CN else pair[1]


def current_model(bundle: ScoringBundle, ledger: Ledger, language: Language) -> CurrentModel:
    """Describe the bundle in service: its release, scale, grades and measures."""
    grades = [
        GradeBand(name=grade.name, label=in_words((grade.label_zh, grade.label_en), language), pd_from=grade.pd_from, pd_to=grade.pd_to)
        for grade in bundle.grades.grades
    ]
    return CurrentModel(
        **dict(model_part(bundle)),
        signed_by=bundle.signed_by,
        features=len(bundle.names),
        base_score=bundle.scale.base_score,
        base_odds=bundle.scale.base_odds,
        pdo=bundle.scale.pdo,
        grades=grades,
        measures=dict(bundle.model.get("measures", {})),
        latest_as_of=ledger.latest_as_of,
    )
