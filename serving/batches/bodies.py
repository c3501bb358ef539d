"""What goes over the wire about a batch."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from serving.schemas import Purpose, _Wire


class ResultFormat(StrEnum):
    """How results are sent: for a spreadsheet, whole scores line by line, or for a data frame."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


class ErrorFormat(StrEnum):
    """How the rows that were not scored are sent."""

    CSV = "csv"
    JSONL = "jsonl"


class BatchSummary(_Wire):
    """A batch in a list: what was asked, and where it stands."""

    id: UUID
    state: Literal["queued", "running", "finished", "failed"]
    failed_code: Annotated[
        Literal["key_ended", "model_gone", "internal"] | None,
        Field(
            description="Why it could not be finished: the key was revoked, its model cannot be opened any more, or something unforeseen."
        ),
    ]
    created_at: datetime
    finished_at: datetime | None
    purpose: Purpose
    bundle_sha256: Annotated[str, Field(description="The model that scores all rows.")]
    rows: int


class BatchBody(BatchSummary):
    """A batch and how far it is."""

    scored: int
    refused: Annotated[int, Field(description="Rows that were not scored; `errors_url` says why.")]
    results_url: Annotated[str | None, Field(description="Null until it is finished.")]
    errors_url: Annotated[str | None, Field(description="Null until it is finished.")]


class BatchPage(_Wire):
    """Batches in the order they were handed in."""

    items: list[BatchSummary]
    next: Annotated[int | None, Field(description="Send it as `after` for the next page; null on the last.")]
