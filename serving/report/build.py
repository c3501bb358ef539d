"""From an assessment to the credit report a supplier or an underwriter reads: the last step of the walk.

`build_report` gathers everything the page shows as numbers and pairs of words; the page only chooses the language and sets the type.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from credit.abstention import Interval
from credit.grade import Grade
from credit.reason import Reason
from credit.score import Score
from credit.sufficiency import Sufficiency
from credit.validity import valid_until
from features.evidence import Evidence, evidence_tables
from features.ledger import Ledger, Profile
from serving.advice.advise import Advice, advice_policy, advise_supplier
from serving.assess import Assessment
from serving.explain import catalog_entry, known_before, missing_tables, model_part, rights_of
from serving.packaged_policy import packaged_policy
from serving.report.certificates import Certificate, certificates_of
from serving.report.peers import Peers, Standing
from serving.report.trend import TrendPoint, trend_of
from serving.rounding import round_to_sum
from serving.schemas import ModelPart, Rights
from training.bundle import ScoringBundle


@dataclass(frozen=True, slots=True)
class Band:
    """One grade on the band, from ``points_from`` to ``points_to``; None where it is open."""

    grade: Grade
    points_from: int | None
    points_to: int | None
    is_own: bool


@dataclass(frozen=True, slots=True)
class ReportReason:
    """A principal reason with the rows behind its number."""

    reason: Reason
    label: tuple[str, str]
    unit: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class ReportPart:
    """What one feature adds, as shown: rounded so that all parts add up."""

    feature: str
    label: tuple[str, str]
    unit: str
    family: str
    value: float | None
    points: Decimal


@dataclass(frozen=True, slots=True)
class CreditReport:
    """Everything on the report page. ``points`` equals ``base_points`` plus the points of ``parts``, as shown."""

    supplier_id: str
    profile: Profile
    as_of: date
    known_before: datetime
    valid_until: date
    points: int
    pd: float
    interval: Interval | None
    sufficiency: Sufficiency | None
    grade: Grade
    bands: tuple[Band, ...]
    marker: float
    percentile: float
    reasons: tuple[ReportReason, ...]
    base_points: Decimal
    parts: tuple[ReportPart, ...]
    tables_used: tuple[str, ...]
    tables_missing: tuple[str, ...]
    quality: Mapping[str, float | None]
    model: ModelPart
    peers: Standing | None
    trend: tuple[TrendPoint, ...]
    advice: Advice | None
    certificates: tuple[Certificate, ...] | None
    rights: Rights


def build_report(
    bundle: ScoringBundle,
    ledger: Ledger,
    assessment: Assessment,
    *,
    evidence_limit: int = 3,
    peers: Peers | None = None,
    others: Sequence[ScoringBundle] = (),
) -> CreditReport:
    """Gather the report of an assessment; parts come largest first, bands riskiest first.

    Parameters
    ----------
    bundle, ledger, assessment
        What scored, from what, and what came out.
    evidence_limit
        Rows shown behind each reason.
    peers
        Whom it is compared with; None compares with the platform as it is worked out now.
    others
        Bundles asked whether the advice holds under them too: challenger, last champion.
    """
    score = assessment.score
    points = round(score.points)
    base, shown = shown_points(score, points)
    parts = [
        ReportPart(part.feature, _label(entry), str(entry["unit"]), str(entry["family"]), part.value, rounded)
        for part, entry, rounded in zip(score.contributions, bundle.catalog, shown, strict=True)
    ]
    bands, marker = _bands(bundle, assessment)
    model = model_part(bundle)
    missing = missing_tables(bundle, ledger)
    standing = (peers or Peers(bundle, ledger)).standing(score.supplier_id, score.points, score.as_of)
    return CreditReport(
        supplier_id=score.supplier_id,
        profile=ledger.profile(score.supplier_id),
        as_of=score.as_of,
        known_before=known_before(ledger, score.as_of),
        valid_until=valid_until(score.as_of, packaged_policy("validity").on(score.as_of)),
        points=points,
        pd=score.pd,
        interval=assessment.interval,
        sufficiency=assessment.sufficiency,
        grade=assessment.grade,
        bands=bands,
        marker=marker,
        percentile=bundle.reference.percentile(score.points),
        reasons=tuple(_with_evidence(bundle, ledger, assessment, reason, evidence_limit) for reason in assessment.reasons),
        base_points=base,
        parts=tuple(sorted(parts, key=lambda part: -abs(part.points))),
        tables_used=tuple(sorted({str(entry["source_table"]) for entry in bundle.catalog} - set(missing))),
        tables_missing=tuple(missing),
        quality=ledger.quality,
        model=model,
        peers=standing,
        trend=trend_of(bundle, ledger, assessment),
        advice=advise_supplier(bundle, ledger, score.supplier_id, score.as_of, advice_policy(score.as_of), others=others),
        certificates=certificates_of(ledger, score.supplier_id, score.as_of) if "certificates" in ledger.present else None,
        rights=rights_of(ledger, score.supplier_id, score.as_of),
    )


def shown_points(score: Score, points: int) -> tuple[Decimal, tuple[Decimal, ...]]:
    """Round base points and contributions to one place so that they add up to the whole ``points`` of the headline.

    The base reads the same on every report of a model. What rounding the headline moved (half a point at most) is spread over the
    contributions by their size, so that none changes visibly and one of zero stays zero.
    """
    sizes = [abs(part.points) for part in score.contributions]
    if not sum(sizes):
        return Decimal(points), tuple(Decimal("0.0") for _ in sizes)
    base = Decimal(score.base_points).quantize(Decimal("0.1"))
    moved = float(points - base) - sum(part.points for part in score.contributions)
    spread = [part.points + moved * size / sum(sizes) for part, size in zip(score.contributions, sizes, strict=True)]
    return base, round_to_sum(spread, points - base)


def _with_evidence(bundle: ScoringBundle, ledger: Ledger, assessment: Assessment, reason: Reason, limit: int) -> ReportReason:
    """Add to a reason the rows behind its number."""
    entry = catalog_entry(bundle, reason.feature)
    evidence = evidence_tables(ledger, reason.feature, assessment.score.supplier_id, assessment.score.as_of, limit)
    return ReportReason(reason, _label(entry), str(entry["unit"]), evidence)


def _label(entry: Mapping[str, Any]) -> tuple[str, str]:
    """Return a factor's name in Chinese and English."""
    return str(entry["label_zh"]), str(entry["label_en"])


def _bands(bundle: ScoringBundle, assessment: Assessment) -> tuple[tuple[Band, ...], float]:
    """Return the grades from riskiest to safest and where the score stands on them, 0 to 1, each grade as wide as the next."""
    grades = bundle.grades.grades[::-1]
    edges = [bundle.scale.points(grade.pd_to) for grade in grades[1:]]
    low, high = [None, *map(round, edges)], [*map(round, edges), None]
    bands = tuple(
        Band(grade, points_from, points_to, grade == assessment.grade)
        for grade, points_from, points_to in zip(grades, low, high, strict=True)
    )
    place = grades.index(assessment.grade)
    if not edges:
        return bands, 0.5
    width = bundle.scale.pdo
    start = edges[place - 1] if place > 0 else edges[0] - width
    end = edges[place] if place < len(edges) else edges[-1] + width
    within = min(max((assessment.score.points - start) / (end - start), 0.04), 0.96)
    return bands, (place + within) / len(grades)
