"""What goes over the wire when a history is handed over, and how its rows are read from JSON without changing a digit."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError, WithJsonSchema

from features.columns import Kind, Table
from features.read_rows import NUMERIC, Row
from features.records import RECORDS
from features.tables import CONTRACT, REQUIRED_TABLES
from serving.http.body import field_errors, parse_strictly
from serving.schemas import PLAIN_OR_EMPTY, PlainDate, Purpose, StatedBasis, _Wire

MAX_BYTES: Final = 12 << 20
"""Longest body."""

MAX_ROWS: Final = 50_000
"""Rows of all tables together."""

MOST_FAULTS: Final = 100
"""So many faults of a history are named at once."""

TABLES: Final[Mapping[str, Table]] = {name: table for name, table in CONTRACT.items() if name in RECORDS}
"""The tables a score can rest on; loans, repayments and outcomes cannot be handed over, for no feature may see them."""

_Loc = tuple[str | int, ...]


def _schema() -> dict[str, Any]:
    """Describe the tables by the data contract."""
    return {
        "type": "object",
        "description": "The supplier's rows, by table of the data contract.",
        "properties": {name: {"type": "array", "description": t.row_en, "items": _row_schema(t)} for name, t in TABLES.items()},
        "required": list(REQUIRED_TABLES),
        "additionalProperties": False,
    }


def _row_schema(table: Table) -> dict[str, Any]:
    cells = {
        column.name: {
            "type": ["string", "number", "null"] if column.kind in NUMERIC else ["string", "null"],
            "pattern": PLAIN_OR_EMPTY,
            "description": column.kind,
        }
        for column in table.columns
    }
    required = [column.name for column in table.columns if column.required]
    return {"type": "object", "properties": cells, "required": required, "additionalProperties": False}


class HistoryHead(_Wire):
    """All of the request but the rows."""

    basis: Annotated[StatedBasis, Field(description="By what right the bank holds and uses these data, as the bank states it.")]
    as_of: Annotated[
        PlainDate | None,
        Field(description="Only what was known before this day is used; the rows are to be complete up to it. Default: today."),
    ] = None
    purpose: Annotated[
        Literal[Purpose.CREDIT_APPLICATION, Purpose.PORTFOLIO_REVIEW], Field(description="What the score is for; kept with it.")
    ]


class HistoryRequest(HistoryHead):
    """Ask for a score of a supplier that is not on the platform, from its own rows."""

    history: Annotated[dict[str, Any], WithJsonSchema(_schema()), Field(description="The supplier's rows, by table of the data contract.")]


@dataclass(frozen=True, slots=True)
class PostedHistory:
    """A request as it was sent: everything but the rows, the rows by table, and the SHA-256 of the body."""

    head: HistoryHead
    rows: Mapping[str, list[Row]]
    request_sha256: str


def read_history(raw: bytes) -> PostedHistory:
    """Read a body; what the cells mean is asked later, by the rules of the data contract.

    Raises
    ------
    BodyNotJson
        It is not JSON of one meaning.
    RequestValidationError
        It is not of the form of `HistoryRequest`: at most `MOST_FAULTS` faults are named.
    """
    value = parse_strictly(raw, exact=True)
    head, rows = value, None
    if isinstance(value, dict):
        rows = value.pop("history", None)
    try:
        checked = HistoryHead.model_validate_json(json.dumps(head, default=float))
    except ValidationError as error:
        raise RequestValidationError(field_errors(error)) from None
    faults: list[dict[str, Any]] = []
    for loc, kind in _faults(rows):
        faults.append({"type": kind, "loc": ("body", "history", *loc)})
        if len(faults) == MOST_FAULTS:
            break
    if faults or not isinstance(rows, dict):
        raise RequestValidationError(faults)
    return PostedHistory(checked, rows, hashlib.sha256(raw).hexdigest())


def _faults(rows: object) -> Iterator[tuple[_Loc, str]]:
    """Yield where the rows are not tables of rows of cells, and the code of the fault."""
    if not isinstance(rows, dict):
        yield (), "missing" if rows is None else "model_type"
        return
    yield from (((name,), "missing") for name in REQUIRED_TABLES if name not in rows)
    total = 0
    for name, table in rows.items():
        if name not in TABLES:
            yield (name,), "extra_forbidden"
        elif not isinstance(table, list):
            yield (name,), "list_type"
        else:
            total += len(table)
            yield from _faults_of_rows(name, table)
    if total > MAX_ROWS:
        yield (), "too_many_rows"


def _faults_of_rows(name: str, rows: list[object]) -> Iterator[tuple[_Loc, str]]:
    kinds = {column.name: column.kind for column in TABLES[name].columns}
    for place, row in enumerate(rows):
        if not isinstance(row, dict):
            yield (name, place), "model_type"
            continue
        for column, cell in row.items():
            if column not in kinds:
                yield (name, place, column), "extra_forbidden"
            elif not _is_cell(cell, kinds[column]):
                yield (name, place, column), "cell_type"


def _is_cell(cell: object, kind: Kind) -> bool:
    """Tell whether a value can stand in a column: a text or nothing anywhere, a number where the column holds numbers."""
    return cell is None or isinstance(cell, str) or (kind in NUMERIC and not isinstance(cell, bool | list | dict))
