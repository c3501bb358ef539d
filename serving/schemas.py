"""What goes over the wire: the bodies of requests and answers, strict, with no field beyond those that are really filled."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from features.columns import Tier

_SIGN = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
PLAIN_TEXT = rf"^{_SIGN}+$"
"""Text without control characters other than tab and line ends."""
PLAIN_OR_EMPTY = rf"^{_SIGN}*$"
"""Such text, or none."""
WORDS = rf"^{_SIGN}*[^\s\x00-\x1f\x7f]{_SIGN}*$"
"""Such text that says something: a sign that is not white space stands in it."""
SUPPLIER_ID_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]+$"
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _plain_date(value: object) -> object:
    """Let only ``YYYY-MM-DD`` pass: neither a time nor a number of seconds is a date."""
    if not isinstance(value, str):
        return value
    try:
        if _ISO_DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:  # such as 30 February
        pass
    raise PydanticCustomError("date_form", "a date is written YYYY-MM-DD")


SupplierId = Annotated[
    str, Field(min_length=1, max_length=64, pattern=SUPPLIER_ID_PATTERN, description="The platform's id of the supplier.")
]
PlainDate = Annotated[date, BeforeValidator(_plain_date)]
Points = Annotated[float, Field(description="Points; higher is safer.")]


class Purpose(StrEnum):
    """What the score is asked for."""

    CREDIT_APPLICATION = "credit_application"
    PORTFOLIO_REVIEW = "portfolio_review"
    OWN_INFORMATION = "own_information"


class _Wire(BaseModel):
    """Root of all bodies: strict types, no extra fields, not to be changed."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class ScoreRequest(_Wire):
    """Ask for a supplier's score."""

    supplier_id: SupplierId
    as_of: Annotated[
        PlainDate | None,
        Field(description="Only what was known before this day is used. Default: the day after the last known one."),
    ] = None
    purpose: Annotated[Purpose, Field(description="What the score is for; kept with it.")]


class LawfulBasis(StrEnum):
    """By what right a bank holds and uses data of a supplier (Personal Information Protection Law, article 13, items 1 to 3)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    STATUTE = "statute"


class StatedBasis(_Wire):
    """The right by which a bank uses a history it hands over, as the bank states it."""

    kind: Annotated[
        LawfulBasis,
        Field(description="consent: the supplier's written consent; contract: needed for a contract with it; statute: a statutory duty."),
    ]
    reference: Annotated[
        str, Field(min_length=1, max_length=64, pattern=SUPPLIER_ID_PATTERN, description="The bank's own file number of it, not a name.")
    ]
    given_on: Annotated[PlainDate, Field(description="The day it was given or concluded, today at the latest.")]
    expires_on: Annotated[PlainDate, Field(description="From this day on it does not hold; within three years.")]


class IntervalPart(_Wire):
    """Where the PD would lie had the model learnt from other suppliers, for ``level`` of them."""

    low: Annotated[float, Field(ge=0, le=1)]
    high: Annotated[float, Field(ge=0, le=1)]
    level: Annotated[float, Field(gt=0, lt=1, description="Share of suppliers for whom it is to hold.")]


class SufficiencyPart(_Wire):
    """How much is on record of the supplier."""

    index: Annotated[float, Field(ge=0, le=1, description="0 nothing, 1 plenty.")]
    grade: Annotated[Literal["A", "B", "C"], Field(description="A enough, B little, C too little to decide by.")]


class ScorePart(_Wire):
    """The score itself; ``interval`` and ``data_sufficiency`` are null where the model was released without them."""

    points: Points
    grade: Annotated[str, Field(description="Grade by PD band, AAA is the safest.")]
    pd_12m: Annotated[float, Field(gt=0, lt=1, description="Probability of default within 12 months; lower is better.")]
    interval: IntervalPart | None
    data_sufficiency: SufficiencyPart | None
    valid_until: Annotated[date, Field(description="The last day it may be used: what happened since is not in it.")]


class Subject(_Wire):
    """Who was scored."""

    supplier_id: str
    kind: Annotated[str | None, Field(description="enterprise or sole_trader; null where the platform does not say.")]


class TrainedOn(_Wire):
    """The as-of dates and the number of rows the model learned from."""

    first: Annotated[date, Field(alias="from")]
    last: Annotated[date, Field(alias="to")]
    rows: int
    bads: Annotated[int, Field(description="How many of the rows were bad.")]
    suppliers: Annotated[int | None, Field(description="How many suppliers the rows are of; null where the model does not say.")] = None


class ModelPart(_Wire):
    """The model that scored; ``approved_by`` is null where it was not released."""

    name: str
    version: str
    bundle_sha256: Annotated[str, Field(description="SHA-256 over the content of the released bundle.")]
    trained_on: TrainedOn
    approved_by: Annotated[str | None, Field(description="Who approved the release; null where it was not released.")]


@dataclass(slots=True)
class ContributionPart:
    """What one feature adds to the base points; negative is points lost. ``value`` is null where it is missing, or withheld."""

    # A plain class: a score has a part for each of its features, and a model takes four times as long to make.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    feature: str
    value: float | None
    unit: str
    points: float
    withheld: Annotated[bool, Field(description="The value is of a higher tier of data than this caller and consent reach.")] = False


class ReasonPart(_Wire):
    """One principal reason: ``points`` its family lost against the reference (medians of a sample of what was learned)."""

    code: str
    family: str
    text: str
    points: float
    feature: str
    value: float | None
    reference: float | None
    source_table: str
    evidence_url: Annotated[str | None, Field(description="The rows behind the value; null where they are withheld or were not kept.")] = (
        None
    )
    withheld: Annotated[bool, Field(description="Value, reference and text's figures are of a higher tier than reached.")] = False


class Notice(_Wire):
    """Something to know when using the score."""

    code: str
    text: str


Share = Annotated[float | None, Field(ge=0, le=1)]


class DataQuality(_Wire):
    """The five shares of the import the score rests on, 0 to 1, higher is better; null where nothing could be measured."""

    accuracy: Share
    completeness: Share
    consistency: Share
    timeliness: Share
    validity: Share


class Rights(_Wire):
    """Where the scored supplier can see what the score rests on."""

    report_url: Annotated[
        str | None, Field(description="The credit report as a page, as of the same day; null where rows handed over were not kept.")
    ]
    dispute_url: Annotated[str | None, Field(description="Where the supplier, logged in, says that a row is wrong; null likewise.")]
    human_review_url: Annotated[str | None, Field(description="Where the supplier asks for a person to look at the score; null likewise.")]
    automated_only: Annotated[bool, Field(description="False once a person answered a request for review of this score.")]


class ScoreBody(_Wire):
    """A score and why: base points plus contributions, added in their order, give the points."""

    id: UUID
    score: ScorePart
    subject: Subject
    as_of: date
    known_at: Annotated[datetime, Field(description="Only what was known before this instant was used.")]
    request_id: str
    purpose: Purpose
    model: ModelPart
    base_points: float
    contributions: list[ContributionPart]
    reasons: Annotated[list[ReasonPart], Field(max_length=4)]
    data_quality: Annotated[DataQuality | None, Field(description="Null where the ledger was built from tables that were not checked.")]
    missing_tables: Annotated[list[str], Field(description="Contract tables the model uses and the platform did not hand over.")]
    warnings: list[Notice]
    rights: Rights


class AuditPart(_Wire):
    """The score's place in the tenant's audit chain."""

    sequence: Annotated[int, Field(ge=1)]
    feature_snapshot_sha256: Annotated[str, Field(description="SHA-256 over the values, little-endian float64, in the bundle's order.")]
    chain_hash: Annotated[str, Field(description="SHA-256 that the next row of the chain hangs on.")]


class HistoryPart(_Wire):
    """What the bank handed over for a score of a supplier that is not on the platform."""

    basis: StatedBasis
    request_sha256: Annotated[str, Field(description="SHA-256 of the request's body as it was sent: the rows themselves are not kept.")]
    rows: Annotated[dict[str, int], Field(description="Rows by table.")]


class KeptScore(ScoreBody):
    """A score as it is kept: by what leave it was given, and where it stands in the audit."""

    consent_ref: Annotated[UUID | None, Field(description="The consent it rests on; null where a supplier asks about itself.")]
    tier: Annotated[Tier, Field(description="How far values and rows are shown: the lesser of the bank's tier and the consent's.")]
    history: Annotated[HistoryPart | None, Field(description="Given where the score rests on rows the bank handed over.")] = None
    audit: AuditPart
    disputed: Annotated[bool, Field(description="A dispute of the supplier about a row of its data is open.")] = False
    supersedes: Annotated[UUID | None, Field(description="The score whose place this one took after a correction.")] = None
    superseded_by: Annotated[UUID | None, Field(description="The score that took this one's place after a correction.")] = None


class GradeBand(_Wire):
    """One grade: PD from (included) to (not included)."""

    name: str
    label: str
    pd_from: float
    pd_to: float


class CurrentModel(ModelPart):
    """The model in service, its measures as recorded when it was trained, and its scale."""

    signed_by: Annotated[str | None, Field(description="Ed25519 public key of the signer, or null.")]
    features: int
    base_score: float
    base_odds: float
    pdo: float
    grades: list[GradeBand]
    measures: dict[str, Any]
    latest_as_of: Annotated[date, Field(description="The latest as-of date the ledger in service answers for, and the default.")]


class Health(_Wire):
    """The service's state in one word."""

    status: str


class ProblemError(_Wire):
    """One field that breaks a rule."""

    pointer: Annotated[str, Field(description="JSON pointer into the body, or /query/..., /header/..., /path/...")]
    code: str
    detail: str
    key: Annotated[str | None, Field(description="Where the field holds a text of its own: the key in it, if it is one of ours.")] = None
    line: Annotated[int | None, Field(description="Where the field holds a text of its own: the line in it, from 1.")] = None


class Problem(_Wire):
    """An error (RFC 9457), in the language of Accept-Language; it never repeats what was sent."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[ProblemError]
