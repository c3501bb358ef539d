"""What goes over the wire from the service about decisions. Amounts are whole fen, rates whole millionths (ppm)."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from credit.application import Product
from credit.decision import Recommendation
from credit.derivation import Operation
from credit.purchase_orders import Milestone
from credit.referral import Act, Stage
from credit.rule import Effect
from features.columns import Tier
from serving.schemas import AuditPart, ScoreBody, _Wire

FenAmount = Annotated[int, Field(description="Fen.")]
PpmRate = Annotated[int, Field(description="Millionths.")]


class PayoutPart(_Wire):
    """What is paid out for one order at one milestone."""

    order: str
    milestone: Milestone
    amount: FenAmount


class TopUpPart(_Wire):
    """When more stock is called for, and when it may be sold."""

    initial_ltv: PpmRate
    call_value: Annotated[int, Field(description="A call is made at this market value, fen.")]
    sale_value: Annotated[int, Field(description="The stock may be sold at this market value, fen.")]
    answer_days: int


class TermsPart(_Wire):
    """On which terms."""

    limit: FenAmount
    advance_rate: PpmRate
    annual_rate: Annotated[int, Field(description="Millionths a year.")]
    tenor_days: int
    expected_loss: Annotated[int, Field(description="Over the tenor, the limit drawn in full, fen; LGD is an assumption of the policy.")]
    payouts: Annotated[list[PayoutPart], Field(description="For purchase orders: together the limit.")]
    top_up: Annotated[TopUpPart | None, Field(description="For stock.")]


class RecommendationPart(_Wire):
    """What the bank is advised to do; all terms are null in a decline. The bank decides."""

    outcome: Recommendation
    product: Product
    limit: Annotated[int | None, Field(description="Fen.")]
    advance_rate: Annotated[int | None, Field(description="Millionths.")]
    annual_rate: Annotated[int | None, Field(description="Millionths a year.")]
    tenor_days: int | None
    expected_loss: Annotated[int | None, Field(description="Over the tenor, the limit drawn in full, fen; LGD is an assumption.")]
    payouts: list[PayoutPart]
    top_up: TopUpPart | None


class RulePart(_Wire):
    """A rule that was met, with its figures in words."""

    code: str
    effect: Effect
    text: str
    source: str


class ItemPart(_Wire):
    """A named invoice, order or lot: its open amount or value, and why it does not count, if it does not."""

    number: str
    amount: FenAmount
    is_eligible: bool
    rules: list[RulePart]


class InputPart(_Wire):
    """A figure that goes into a line."""

    code: str
    value: int
    unit: str


class LinePart(_Wire):
    """One figure of the derivation: what it is, how and from what it comes, and the rule and source that say so."""

    code: str
    text: str
    operation: Operation
    formula: str
    inputs: list[InputPart]
    value: int
    unit: Annotated[str, Field(description="fen, ppm, days, months or pieces.")]
    shown: Annotated[str, Field(description="The value as a reader expects it.")]
    rule: str
    source: str


class ApplicationPart(_Wire):
    """What was asked for, and what the supplier owed the bank then: open decisions and what the bank told."""

    product: Product
    amount: FenAmount
    tenor_days: int
    outstanding: FenAmount


class PolicyPart(_Wire):
    """By which policy: its id, and the SHA-256 of all it says."""

    id: str
    version: str


class DecisionBody(ScoreBody):
    """A score and the decision that rests on it."""

    score_id: Annotated[UUID, Field(description="The score by itself.")]
    application: ApplicationPart
    recommendation: RecommendationPart
    rules_fired: list[RulePart]
    items: Annotated[list[ItemPart], Field(description="In the order of their numbers.")]
    derivation: Annotated[list[LinePart], Field(description="Every figure, in the order it was found.")]
    policy: PolicyPart
    made_by: Annotated[str, Field(description="Which make of rules and formulas decided.")]


class KeptDecision(DecisionBody):
    """A decision as it is kept: by what leave it was made, and where it stands in the audit."""

    consent_ref: Annotated[UUID | None, Field(description="The consent it rests on.")]
    tier: Annotated[Tier, Field(description="How far values and rows are shown: the lesser of the bank's tier and the consent's.")]
    open_until: Annotated[date | None, Field(description="The last day on which it may be taken up; then it lapses. Null in a decline.")]
    audit: AuditPart


class DecisionSummary(_Wire):
    """A decision in a list: what was recommended and where it stands now."""

    id: UUID
    created_at: datetime
    supplier_id: str
    as_of: date
    product: Product
    outcome: Annotated[Recommendation, Field(description="What was recommended.")]
    limit: Annotated[int | None, Field(description="Recommended, fen; null in a decline.")]
    stage: Annotated[Stage, Field(description="Where it stands.")]
    exposure: Annotated[int, Field(description="What it counts with in what the supplier owes the bank, fen.")]
    sequence: Annotated[int, Field(description="Its place in the tenant's audit chain.")]


class DecisionPage(_Wire):
    """Decisions in the order they were made."""

    items: list[DecisionSummary]
    next: Annotated[int | None, Field(description="Send it as `after` for the next page; null on the last.")]


class StepAuditPart(_Wire):
    """The step's place in the tenant's audit chain."""

    sequence: Annotated[int, Field(ge=1)]
    chain_hash: Annotated[str, Field(description="SHA-256 that the next row of the chain hangs on.")]


class StepBody(_Wire):
    """A step: who took it, when and why, what it proposed, and where the decision stood after it."""

    decision_id: UUID
    number: Annotated[int, Field(ge=0, description="Place among the steps; 0 is the recommendation.")]
    act: Act | Literal["recommend"]
    by: Annotated[str, Field(description="The name of the key that took it; `lianxin` where it lapsed.")]
    at: datetime
    reason: str
    outcome: Annotated[Recommendation | None, Field(description="Proposed; null in other steps.")]
    terms: TermsPart | None
    stage: Stage
    exposure: FenAmount


class KeptStep(StepBody):
    """A step as it was taken, with its place in the audit."""

    audit: StepAuditPart


class CaseBody(_Wire):
    """Where a decision stands: what holds in the end, null while it is open, and every step."""

    decision_id: UUID
    stage: Stage
    outcome: Annotated[Recommendation | None, Field(description="What the bank decided; null while it is open.")]
    terms: Annotated[TermsPart | None, Field(description="On which terms; null while it is open, and in a decline.")]
    exposure: FenAmount
    steps: list[StepBody]
