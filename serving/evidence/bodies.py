"""What goes over the wire about the rows behind a number."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from serving.schemas import _Wire


class EvidenceValue(_Wire):
    """One value that rows of a source carry."""

    name: str
    unit: Annotated[str, Field(description="cny_fen is hundredths of a yuan, stars_hundredths of a star, and so on; see docs/features.md.")]
    label: Annotated[str | None, Field(description="In words; null for marks that only repeat what stands beside them.")]


class EvidenceSource(_Wire):
    """Rows of one kind; with ``closed_by``, those not yet closed by that kind, and what is left of each."""

    kind: str
    closed_by: str | None
    label: str
    table: Annotated[str, Field(description="Table of the data contract they are read from.")]
    values: list[EvidenceValue]
    withheld: Annotated[list[str], Field(description="Values, or `counterparty`, of a higher tier of data than reached.")]


class EvidenceSum(_Wire):
    """A sum the number is computed from: over the rows of a source that happened from ``from`` to before ``until``."""

    source: Annotated[int, Field(ge=0, description="Place of the source in `sources`.")]
    column: Annotated[str, Field(description="Name of the value summed, or `count` for the number of rows.")]
    unit: str
    first: Annotated[date | None, Field(alias="from", description="Null for the first row of all.")]
    until: date
    total: int


class EvidenceItem(_Wire):
    """One order, delivery, review, invoice or other row as it stood."""

    source: Annotated[int, Field(ge=0, description="Place of the source in `sources`.")]
    id: Annotated[str, Field(description="The platform's id of the row.")]
    happened_on: date
    known_on: Annotated[date, Field(description="When it became known as it stood for the score.")]
    counterparty: Annotated[str | None, Field(description="Null where there is none, or it is withheld.")]
    values: dict[str, int]


class EvidenceBody(_Wire):
    """The rows behind one number of a score, in pages; what costs points stands first."""

    score_id: UUID
    supplier_id: str
    as_of: date
    known_at: Annotated[datetime, Field(description="Rows known at this instant or later are not among them, whatever came in since.")]
    feature: str
    label: str
    unit: str
    value: Annotated[float | None, Field(description="As it was scored; null where it was missing.")]
    agrees: Annotated[
        bool | None,
        Field(description="Whether the rows alone give the very number; null where other suppliers' rows, which nobody is shown, go in."),
    ]
    sources: list[EvidenceSource]
    sums: list[EvidenceSum]
    total: Annotated[int, Field(ge=0, description="Rows in all.")]
    items: list[EvidenceItem]
    next: Annotated[int | None, Field(description="Send it as `after` for the next page; null on the last.")]
