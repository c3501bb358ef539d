"""How much of a score's grounds may be seen? Values, figures in texts and rows up to a tier of data; points and their sum always.

A feature's tier is the highest of the columns it rests on (decision 0011). What lies above the tier a caller and a consent reach is
withheld and says so; the score itself is the same for everybody.
"""

from dataclasses import replace
from functools import cache

from credit.reason import Reason
from features.catalog import CATALOG
from features.columns import Tier
from features.evidence import Evidence
from features.facts import KIND_INDEX, KINDS
from features.lineage import tier_of
from features.tables import CONTRACT
from serving.explain import catalog_entry, in_words
from serving.http.languages import Language, words
from serving.report import CreditReport, ReportReason
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
    """Return the report with what lies above the tier withheld: values, the figures of reasons, counterparties and rows."""
    if tier is Tier.RESTRICTED:
        return report
    hidden = {label for name in bundle.names if not reaches(tier, name) for label in [_labels(bundle, name)]}
    parts = tuple(replace(part, value=None) if part.label in hidden else part for part in report.parts)
    reasons = tuple(_reason_within(reason, tier, bundle) for reason in report.reasons)
    profile = replace(report.profile, name=None) if not tier.allows(CONTRACT["suppliers"].column("name").tier) else report.profile
    return replace(report, parts=parts, reasons=reasons, profile=profile)


def evidence_within(evidence: Evidence, tier: Tier) -> Evidence:
    """Return the rows without the counterparty and without the values whose columns lie above the tier."""
    kind = KINDS[KIND_INDEX[evidence.kind]]

    def sees(*columns: str) -> bool:
        return all(
            tier.allows(CONTRACT[table].column(name).tier) for table, _, name in (column.partition(".") for column in columns if column)
        )

    kept = [place for place, value in enumerate(kind.values) if sees(*value.columns)]
    shows_party = sees(kind.party)
    rows = tuple(
        replace(row, party=row.party if shows_party else "", values=tuple(row.values[place] for place in kept)) for row in evidence.rows
    )
    return replace(evidence, rows=rows, value_names=tuple(evidence.value_names[place] for place in kept))


def _withheld(part: ContributionPart) -> ContributionPart:
    """Return a contribution without its value."""
    return part.model_copy(update={"value": None, "withheld": True})


def _withheld_reason(part: ReasonPart, bundle: ScoringBundle, language: Language) -> ReasonPart:
    """Return a reason without its figures: what it is about, in words."""
    text = words(language).text("reason.withheld", what=in_words(_labels(bundle, part.feature), language))
    return part.model_copy(update={"value": None, "reference": None, "text": text, "withheld": True})


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
