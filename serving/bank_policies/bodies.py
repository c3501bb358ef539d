"""What goes over the wire about a bank's policies. Amounts are whole fen, rates whole millionths (ppm)."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from credit.decision import Recommendation
from serving.decisions.bodies import StepAuditPart
from serving.schemas import PLAIN_TEXT, PlainDate, _Wire

LONGEST_TOML = 60_000
LONGEST_REASON = 2_000


class PolicyRequest(_Wire):
    """Hand in a policy."""

    toml: Annotated[
        str,
        Field(
            min_length=1,
            max_length=LONGEST_TOML,
            pattern=PLAIN_TEXT,
            description='`bank = "..."` and the numbers that differ from the packaged ones, as TOML.',
        ),
    ]


class SimulationRequest(_Wire):
    """Ask what a policy would have decided."""

    begins_on: Annotated[
        PlainDate | None,
        Field(description="The day the policy is to hold from, not in the past; both policies are taken as of it. Default: today."),
    ] = None
    since: Annotated[PlainDate | None, Field(description="Only applications as of this day or later.")] = None


class ActivationRequest(_Wire):
    """Put a policy in force from the day it was simulated for."""

    simulation_id: Annotated[
        str, Field(min_length=36, max_length=36, pattern=PLAIN_TEXT, description="The `id` of the simulation of it that you have seen.")
    ]
    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON, pattern=PLAIN_TEXT, description="Why; kept with the activation.")]


class ValuePart(_Wire):
    """One value of a number and the day it holds from."""

    value: float
    since: Annotated[date, Field(alias="from")]
    source: str


class NumberPart(_Wire):
    """A number that the bank decides otherwise."""

    code: str
    name: str
    unit: str
    packaged: Annotated[list[ValuePart], Field(description="What the package says.")]
    own: Annotated[list[ValuePart], Field(description="What holds in this policy, the packaged values before its first day among them.")]


class ActivationBody(_Wire):
    """A policy put in force; of two for one day the later one holds."""

    policy_id: UUID
    version: str
    simulation_id: UUID
    begins_on: date
    at: datetime
    by: Annotated[str, Field(description="The name of the key that activated it; another than the one that handed it in.")]
    reason: str


class KeptActivation(ActivationBody):
    """An activation as it was made, with its place in the audit."""

    audit: StepAuditPart


class PolicySummary(_Wire):
    """A policy in a list."""

    id: UUID
    bank: Annotated[str, Field(description="The name in its text.")]
    version: Annotated[str, Field(description="SHA-256 of all it says, packaged numbers too.")]
    uploaded_at: datetime
    uploaded_by: Annotated[str, Field(description="The name of the key that handed it in.")]
    is_in_force: Annotated[bool, Field(description="Whether decisions of today are made by it.")]


class PolicyPage(_Wire):
    """Policies in the order they were handed in."""

    items: list[PolicySummary]
    next: Annotated[int | None, Field(description="Send it as `after` for the next page; null on the last.")]


class PolicyBody(PolicySummary):
    """A policy with all that became of it."""

    toml: str
    numbers: list[NumberPart]
    simulations: Annotated[list[UUID], Field(description="In the order they were made.")]
    activations: Annotated[list[ActivationBody], Field(description="In the order they were made.")]


class KeptPolicy(PolicyBody):
    """A policy as it was handed in, with its place in the audit."""

    audit: StepAuditPart


class BookPart(_Wire):
    """What one policy makes of all applications; rates are 0 where there is nothing to take them of."""

    policy_version: str
    approved: int
    referred: int
    declined: int
    approval_rate: Annotated[int, Field(description="Millionths.")]
    exposure: Annotated[int, Field(description="Of the approved, fen.")]
    referred_exposure: Annotated[int, Field(description="Of those a person would see, fen.")]
    expected_loss: Annotated[int, Field(description="Of the approved, fen.")]
    mean_rate: Annotated[int, Field(description="Millionths a year, weighed by limit.")]


class ChangePart(_Wire):
    """An application that comes out otherwise."""

    decision_id: UUID
    supplier_id: str
    before: Recommendation
    after: Recommendation
    limit_before: Annotated[int | None, Field(description="Fen.")]
    limit_after: Annotated[int | None, Field(description="Fen.")]
    rules_gone: list[str]
    rules_new: list[str]


class SimulationBody(_Wire):
    """What the policy in force and this one make of the bank's past applications."""

    id: UUID
    policy_id: UUID
    begins_on: date
    made_at: datetime
    made_by: Annotated[str, Field(description="The name of the key that asked for it.")]
    applications: Annotated[int, Field(description="How many were decided again.")]
    left_out: Annotated[int, Field(description="Older ones beyond the number that is decided again at a time.")]
    before: BookPart
    after: BookPart
    changes: list[ChangePart]
    terms_changed: Annotated[int, Field(description="How many keep their outcome on other terms.")]


class KeptSimulation(SimulationBody):
    """A simulation as it was made, with its place in the audit."""

    audit: StepAuditPart
