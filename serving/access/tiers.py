"""How much of a score's grounds may be seen? Values, figures in texts and rows up to a tier of data; points and their sum always.

A feature's tier is the highest of the columns it rests on (decision 0011). What lies above the tier a caller and a consent reach is
withheld and says so; the score itself is the same for everybody.
"""

from dataclasses import dataclass, replace
from functools import cache

from credit.reason import Reason
from features.catalog import CATALOG
from features.columns import Tier
from features.evidence import Evidence
from features.facts import KIND_INDEX, KINDS, FactKind
from features.lineage import tier_of
from features.tables import CONTRACT
from serving.advice.advise import Advice, Plan
from serving.explain import catalog_entry, in_words
from serving.http.languages import Language, words
from serving.report.build import CreditReport, ReportReason
from serving.report.peers import SIZE
from serving.schemas import ContributionPart, ReasonPart, ScoreBody
from training.bundle import ScoringBundle


@cache
def feature_tiers() -> dict[str, Tier]:
    """Return the tier of every feature of the catalogue, by name."""
    return {feature.name: tier_of(feature) for feature in CATALOG}


def reaches(tier: Tier, feature: str) -> bool:
    """Tell whether the tier reaches the feature; one that the catalogue does not have is restricted."""
    return tier.allows(feature_tiers().get(feature, Tier.RESTRICTED))


def body_within(body: ScoreBody, tier: Tier, bundle: ScoringBundle, language: Language) -> ScoreBody:
    """Return the body with what lies above the tier withheld."""
    if tier is Tier.RESTRICTED:
        return body
    contributions = [part if reaches(tier, part.feature) else _withheld(part) for part in body.contributions]
    reasons = [part if reaches(tier, part.feature) else _withheld_reason(part, bundle, language) for part in body.reasons]
    return body.model_copy(update={"contributions": contributions, "reasons": reasons})


def report_within(report: CreditReport, tier: Tier, bundle: ScoringBundle) -> CreditReport:
    """Return the report with what lies above the tier withheld: values, figures of reasons and advice, counterparties and rows."""
    if tier is Tier.RESTRICTED:
        return report
    sees_size = report.peers is None or reaches(tier, SIZE)
    held = CONTRACT["certificates"].column("certificate").tier
    return replace(
        report,
        parts=tuple(part if reaches(tier, part.feature) else replace(part, value=None) for part in report.parts),
        reasons=tuple(_reason_within(reason, tier, bundle) for reason in report.reasons),
        profile=report.profile if tier.allows(CONTRACT["suppliers"].column("name").tier) else replace(report.profile, name=None),
        peers=report.peers if sees_size else None,
        advice=report.advice and _advice_within(report.advice, tier),
        certificates=report.certificates if tier.allows(held) else None,
    )


def _advice_within(advice: Advice, tier: Tier) -> Advice:
    """Return advice that shows no number the tier does not reach."""

    def within(plan: Plan) -> Plan:
        steps = (
            replace(step, numbers=tuple(replace(n, is_shown=n.is_shown and reaches(tier, n.feature)) for n in step.numbers))
            for step in plan.steps
        )
        return replace(plan, steps=tuple(steps))

    return replace(advice, plans=tuple(map(within, advice.plans)), nearest=advice.nearest and within(advice.nearest))


@dataclass(frozen=True, slots=True)
class Seen:
    """What of a row may be seen: the places of its values, and whether its counterparty."""

    values: tuple[int, ...]
    party: bool


def seen_of(kind: FactKind, tier: Tier) -> Seen:
    """Return what the tier reaches of rows of a kind."""

    def sees(*columns: str) -> bool:
        return all(
            tier.allows(CONTRACT[table].column(name).tier) for table, _, name in (column.partition(".") for column in columns if column)
        )

    return Seen(tuple(place for place, value in enumerate(kind.values) if sees(*value.columns)), sees(kind.party))


def evidence_within(evidence: Evidence, tier: Tier) -> Evidence:
    """Return the rows without the counterparty and without the values whose columns lie above the tier."""
    seen = seen_of(KINDS[KIND_INDEX[evidence.kind]], tier)
    rows = tuple(
        replace(row, party=row.party if seen.party else "", values=tuple(row.values[place] for place in seen.values))
        for row in evidence.rows
    )
    return replace(evidence, rows=rows, value_names=tuple(evidence.value_names[place] for place in seen.values))


def _withheld(part: ContributionPart) -> ContributionPart:
    """Return a contribution without its value."""
    return replace(part, value=None, withheld=True)


def _withheld_reason(part: ReasonPart, bundle: ScoringBundle, language: Language) -> ReasonPart:
    """Return a reason without its figures: what it is about, in words."""
    text = words(language).text("reason.withheld", what=in_words(_labels(bundle, part.feature), language))
    return part.model_copy(update={"value": None, "reference": None, "text": text, "evidence_url": None, "withheld": True})


def _reason_within(told: ReportReason, tier: Tier, bundle: ScoringBundle) -> ReportReason:
    """Return a reason of the report with its rows, or without its figures and rows where the tier does not reach it."""
    if reaches(tier, told.reason.feature):
        return replace(told, evidence=tuple(evidence_within(evidence, tier) for evidence in told.evidence))
    zh, en = (
        words(language).text("reason.withheld", what=in_words(_labels(bundle, told.reason.feature), language))
        for language in (Language.ZH_CN, Language.EN)
    )
    hidden: Reason = replace(told.reason, value=None, reference=None, text_zh=zh, text_en=en)
    return replace(told, reason=hidden, evidence=())


def _labels(bundle: ScoringBundle, feature: str) -> tuple[str, str]:
    """Return the feature's name in Chinese and English."""
    entry = catalog_entry(bundle, feature)
    return str(entry["label_zh"]), str(entry["label_en"])
