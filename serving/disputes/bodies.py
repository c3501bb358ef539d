"""What goes over the wire about disputes."""

import base64
import binascii
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from serving.access.bodies import _uuid
from serving.schemas import PLAIN_OR_EMPTY, PLAIN_TEXT, SUPPLIER_ID_PATTERN, WORDS, _Wire

FILE_BYTES: Final = 512 * 1024
BODY_BYTES: Final = 768 * 1024
"""A file of the largest size in base64, and all the words."""
FileType = Literal["application/pdf", "image/jpeg", "image/png", "text/plain"]
Kind = Literal["row", "human_review"]
Outcome = Literal["upheld", "not_upheld"]
Words = Annotated[str, Field(min_length=1, max_length=2000, pattern=WORDS)]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z_]+$")]
Cell = Annotated[str, Field(max_length=2000, pattern=PLAIN_OR_EMPTY)]
_BASE64: Final = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_NONE: Final = {"type": "null"}
_TEXT: Final = {"type": "string"}
_ROWS_SCHEMA: list[Any] = [
    {"properties": {"kind": {"const": "human_review"}, "table": _NONE, "row_id": _NONE}},
    {"properties": {"kind": {"const": "row"}, "table": _TEXT, "row_id": _TEXT}, "required": ["table", "row_id"]},
]


class FileRequest(_Wire):
    """A small file; kept as bytes, never opened."""

    media_type: FileType
    content: Annotated[
        str,
        Field(min_length=1, max_length=4 * FILE_BYTES // 3 + 4, description="The bytes in base64.", json_schema_extra={"pattern": _BASE64}),
    ]

    @model_validator(mode="after")
    def _is_base64(self) -> Self:
        """Refuse what is no base64, or too large once read."""
        if len(self.data) > FILE_BYTES:
            raise PydanticCustomError("string_too_long", "too large")
        return self

    @property
    def data(self) -> bytes:
        """The bytes."""
        try:
            return base64.b64decode(self.content, validate=True)
        except (binascii.Error, ValueError):
            raise PydanticCustomError("base64", "no base64") from None


class DisputeRequest(_Wire):
    """Say that a row behind a score is wrong, or ask that a person looks at the score."""

    model_config = ConfigDict(json_schema_extra={"oneOf": _ROWS_SCHEMA})

    kind: Kind
    score_id: Annotated[UUID, BeforeValidator(_uuid), Field(description="One of the supplier's own scores.")]
    table: Annotated[Name | None, Field(description="The table of the row; null for a human review.")] = None
    row_id: Annotated[
        str | None,
        Field(min_length=1, max_length=200, pattern=SUPPLIER_ID_PATTERN, description="The row's id, as the evidence shows it."),
    ] = None
    statement: Annotated[Words, Field(description="What is wrong, or why a person should look.")]
    evidence: Annotated[str | None, Field(min_length=1, max_length=4000, pattern=PLAIN_TEXT, description="What shows it.")] = None
    file: Annotated[FileRequest | None, Field(description="At most 512 kB: PDF, JPEG, PNG or plain text.")] = None

    @model_validator(mode="after")
    def _names_its_row(self) -> Self:
        """A dispute names a row, a review none."""
        named = [self.table is not None, self.row_id is not None]
        if any(named) if self.kind == "human_review" else not all(named):
            raise PydanticCustomError("row_named", "a row is named by a dispute of one, and by no other")
        return self


class CellPart(_Wire):
    """One cell of a row."""

    column: Name
    value: Cell


class AnswerRequest(_Wire):
    """Decide a dispute; an upheld one of a row brings the row as it should read."""

    outcome: Outcome
    reason: Annotated[Words, Field(description="What the supplier is told.")]
    correction: Annotated[
        list[CellPart] | None,
        Field(
            min_length=1, max_length=32, description="The whole row as the data contract has it, column by column; recorded_at is set here."
        ),
    ] = None


class FilePart(_Wire):
    """A file that was handed in; its bytes are at `GET /v1/disputes/{id}/file`."""

    media_type: str
    size: int
    sha256: str


class EventPart(_Wire):
    """One step."""

    event: Literal["taken_up", "decided", "corrected", "rescored"]
    at: datetime
    by: Annotated[str, Field(description="Prefix of the operator's key; `service` where no person took the step.")]
    outcome: Outcome | None
    reason: str | None


State = Literal["received", "taken_up", "upheld", "not_upheld", "corrected", "rescored"]


class DisputeBody(_Wire):
    """A dispute as it stands."""

    id: UUID
    reference: Annotated[str, Field(description="The number to give when asking about it.")]
    kind: Kind
    supplier_id: str
    score_id: UUID
    table: str | None
    row_id: str | None
    statement: str
    evidence: str | None
    file: FilePart | None
    state: State
    received_at: datetime
    due_on: Annotated[date, Field(description="The last day on which an answer is in time, in the import's zone.")]
    is_overdue: bool
    policy: Annotated[str, Field(description="The day since which the days to answer hold.")]
    events: list[EventPart]


class DisputePage(_Wire):
    """Disputes in the order they came in."""

    items: list[DisputeBody]
    next: Annotated[int | None, Field(description="Send it as `after` for the next page; null on the last.")]
