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


class BatchBody(_Wire):
    """A batch and how far it is."""

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
    scored: int
    refused: Annotated[int, Field(description="Rows that were not scored; `errors_url` says why.")]
    results_url: Annotated[str | None, Field(description="Null until it is finished.")]
    errors_url: Annotated[str | None, Field(description="Null until it is finished.")]
