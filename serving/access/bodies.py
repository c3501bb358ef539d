"""What goes over the wire about access: tokens, consents, look-ups, banks."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field

from features.columns import Tier
from serving.schemas import PlainDate, Problem, Purpose, _Wire


def _uuid(value: object) -> object:
    """Read an id; JSON has no type of its own for one."""
    return UUID(value) if isinstance(value, str) and len(value) == 36 else value


class TokenAnswer(_Wire):
    """An access token (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: Annotated[int, Field(description="Seconds.")]
    scope: Annotated[str, Field(description="What the token may do, separated by spaces.")]


class TokenProblem(Problem):
    """A problem of the token endpoint, with the error of RFC 6749, section 5.2."""

    error: str


class ConsentRequest(_Wire):
    """Give a bank consent to look at this supplier."""

    bank_id: Annotated[UUID, BeforeValidator(_uuid), Field(description="The bank, as `GET /v1/banks` lists it.")]
    purpose: Annotated[Purpose, Field(description="What the bank may look for.")]
    expires_on: Annotated[PlainDate, Field(description="From this day on the consent is not live; within three years.")]
    tier: Annotated[Tier, Field(description="How far values and rows are shown.")] = Tier.CONSENT


class ConsentBody(_Wire):
    """A consent as it stands."""

    id: UUID
    bank_id: UUID
    supplier_id: str
    purpose: Purpose
    tier: Tier
    granted_at: datetime
    expires_at: datetime
    withdrawn_at: Annotated[datetime | None, Field(description="Null until it is withdrawn.")]


class ConsentPage(_Wire):
    """Consents in the order they were given."""

    items: list[ConsentBody]
    next: Annotated[int | None, Field(description="Send it as `after` for the next page; null on the last.")]


class LookupBody(_Wire):
    """One look at the supplier: a new score or decision, one read again, or the report page."""

    at: datetime
    bank_id: Annotated[UUID, Field(description="Who looked; a supplier's own looks bear its own id.")]
    supplier_id: str
    purpose: str
    operation: Literal["score", "read", "report", "decision"]
    consent_id: UUID | None
    score_id: UUID | None


class LookupPage(_Wire):
    """Looks in their order."""

    items: list[LookupBody]
    next: Annotated[int | None, Field(description="Send it as `after` for the next page; null on the last.")]


class BankBody(_Wire):
    """A bank that a consent can be given to."""

    id: UUID
    name: str


class BankList(_Wire):
    """All open banks, by name."""

    items: list[BankBody]
