"""Batches: hand in a file of suppliers, follow its progress, fetch results and the rows that were not scored."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response, Security
from fastapi.responses import StreamingResponse
from pydantic import Field

from serving.access.caller import Caller, Scope
from serving.batches.bodies import BatchBody, BatchPage, BatchSummary, ErrorFormat, ResultFormat
from serving.batches.results import COLUMNS, csv_lines, flat_rows, json_lines, parquet
from serving.batches.rows import PARQUET, read_rows
from serving.batches.store import (
    Batch,
    Listed,
    Outcome,
    Progress,
    keep_batch,
    list_batches,
    note_results_read,
    read_batch,
    refused_rows,
    results,
)
from serving.http.answers import idempotency_key, path_id
from serving.http.body import read_bytes
from serving.http.languages import Language, words
from serving.http.problems import FIELD_CODES, language_of, request_id_of
from serving.http.refusals import BatchFailed, BatchUnfinished, BatchUnknown
from serving.routes.consents import After, Limit
from serving.schemas import PlainDate, Purpose
from serving.service import InService, Service, caller_of

router = APIRouter(prefix="/v1/batches", tags=["batches"])
MAX_UPLOAD_BYTES = 8 * 1024 * 1024
PAGE = 500
CSV_TYPE, LINES_TYPE = "text/csv; charset=utf-8", "application/x-ndjson"
_UPLOAD = re.compile(rf'(text/csv(\s*;\s*charset\s*=\s*"?utf-8"?)?|{re.escape(PARQUET)})\s*', re.IGNORECASE | re.ASCII)
_TYPES = {ResultFormat.CSV: CSV_TYPE, ResultFormat.JSONL: LINES_TYPE, ResultFormat.PARQUET: PARQUET}
Writer = Annotated[Caller, Security(caller_of, scopes=[Scope.SCORE_WRITE])]
Reader = Annotated[Caller, Security(caller_of, scopes=[Scope.SCORE_READ])]
AsOf = Annotated[PlainDate, Field(description="As-of day of rows that name none. Default: the day after the last known one.")]


class CsvText(Response):
    """CSV in UTF-8."""

    media_type = "text/csv"


async def upload(request: Request) -> tuple[bytes, bool]:
    """Return the file sent, and whether it is Parquet."""
    data = await read_bytes(request, _UPLOAD, MAX_UPLOAD_BYTES)
    return data, request.headers["content-type"].lower().startswith(PARQUET)


@router.post("", status_code=202, response_model=BatchBody, response_description="The batch, taken in", summary="Score many suppliers")
def create_batch(
    request: Request,
    response: Response,
    service: InService,
    caller: Writer,
    key: Annotated[str, Depends(idempotency_key)],
    file: Annotated[tuple[bytes, bool], Depends(upload)],
    purpose: Annotated[Purpose, Query(description="What the scores are for; kept with each.")],
    as_of: Annotated[AsOf | None, Query()] = None,
) -> BatchBody:
    """Take in a CSV or Parquet file with a column `supplier_id` and, if you like, one `as_of` (YYYY-MM-DD), and score its rows.

    Each row is scored exactly as a single request would be, by its own consent, once, and by the model in service now. Sending the same
    file again with the same Idempotency-Key brings the same batch, as it stands by then. Follow `Location` for progress; results appear
    when all rows are done.
    """
    data, is_parquet = file
    rows = read_rows(data, is_parquet=is_parquet, most=service.settings.batch_rows)
    asked = {"purpose": purpose.value, "as_of": as_of.isoformat() if as_of else "", "bundle_sha256": service.bundle.content_hash}
    asked |= {"request_id": request_id_of(request), "language": language_of(request).value}
    with service.store.begin(caller) as connection:
        batch, is_new = keep_batch(connection, caller, key, data, rows, as_of or service.ledger.latest_as_of, **asked)
        progress = read_batch(connection, batch.batch_id)[1]
    if is_new:
        request.app.state.worker.woken.set()
    else:
        response.headers["Idempotent-Replayed"] = "true"
    response.headers["Location"] = f"/v1/batches/{batch.batch_id}"
    return _body(batch, progress)


@router.get("", response_model=BatchPage, response_description="The batches", summary="List batches")
def list_all(service: InService, caller: Reader, after: After = 0, limit: Limit = 50) -> BatchPage:
    """Return the caller's batches in the order they were handed in, and where each stands; one by itself says how many rows are done."""
    with service.store.begin(caller) as connection:
        found = list_batches(connection, after, limit)
    return BatchPage(items=[_summary(listed) for listed in found], next=found[-1].number if len(found) == limit else None)


@router.get("/{batch_id}", response_model=BatchBody, response_description="The batch", summary="How far a batch is")
def read_one(service: InService, caller: Reader, batch_id: str) -> BatchBody:
    """Return how many rows are done and, once all are, where results and errors are."""
    with service.store.begin(caller) as connection:
        return _body(*read_batch(connection, path_id(batch_id, BatchUnknown)))


@router.get("/{batch_id}/results", response_class=CsvText, response_description="The scores", summary="The scores of a batch")
def read_results(
    service: InService,
    caller: Reader,
    batch_id: str,
    form: Annotated[ResultFormat, Query(alias="format", description="csv, jsonl (whole scores) or parquet.")] = ResultFormat.CSV,
) -> Response:
    """Return the scores of a finished batch, in the order of its rows. Until all rows are done there are none: 409."""
    wanted = path_id(batch_id, BatchUnknown)
    with service.store.begin(caller) as connection:
        batch = _finished(*read_batch(connection, wanted))
        note_results_read(connection, wanted)

    def page(after: int) -> list[tuple[int, bytes]]:
        with service.store.begin(caller) as connection:
            return results(connection, wanted, after, PAGE)

    pieces = {
        ResultFormat.CSV: lambda: csv_lines(flat_rows(page), tuple(COLUMNS)),
        ResultFormat.JSONL: lambda: json_lines(page),
        ResultFormat.PARQUET: lambda: parquet(page),
    }[form]()
    return _stream(pieces, _TYPES[form], f"{batch_id}.{form.value}", batch.language)


@router.get("/{batch_id}/errors", response_class=CsvText, response_description="The rows", summary="The rows that were not scored")
def read_errors(
    request: Request,
    service: InService,
    caller: Reader,
    batch_id: str,
    form: Annotated[ErrorFormat, Query(alias="format", description="csv or jsonl.")] = ErrorFormat.CSV,
) -> Response:
    """Return the rows of a finished batch that were not scored: row (the first after the header is 1), column, code and remedy."""
    with service.store.begin(caller) as connection:
        _finished(*read_batch(connection, path_id(batch_id, BatchUnknown)))
        found = refused_rows(connection, path_id(batch_id, BatchUnknown))
    language = language_of(request)
    told = [(row.number, row.column or "", row.code or "", _remedy(service, row, language)) for row in found]
    names = ("row", "column", "code", "remedy")
    lines = (json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False).encode() + b"\n" for row in told)
    is_csv = form is ErrorFormat.CSV
    kind, pieces = (CSV_TYPE, csv_lines(told, names)) if is_csv else (LINES_TYPE, lines)
    return _stream(pieces, kind, f"{batch_id}-errors.{form.value}", language.value)


def _remedy(service: Service, row: Outcome, language: Language) -> str:
    """Return what to do about a row, in words."""
    spoken = words(language)
    key = f"field.{row.code}" if row.code in FIELD_CODES else f"problem.{row.code}.detail"
    return spoken.text(key, latest=service.ledger.latest_as_of)


def _finished(batch: Batch, progress: Progress) -> Batch:
    """Return a batch that is finished, or refuse."""
    if progress.state == "failed":
        raise BatchFailed
    if progress.state != "finished":
        raise BatchUnfinished
    return batch


def _stream(pieces: Iterator[bytes], kind: str, name: str, language: str) -> Response:
    """Send a file in pieces; one that breaks off is never taken for whole, for its last piece is missing."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Language": language}
    return StreamingResponse(pieces, 200, headers, kind)


def _summary(listed: Listed) -> BatchSummary:
    """Return a batch of a list as it is sent."""
    return BatchSummary.model_validate(_asked(listed.batch, listed.state, listed.ended_at, listed.failed_code))


def _asked(batch: Batch, state: str, ended_at: datetime | None, failed_code: str | None) -> dict[str, object]:
    """Return what was asked and where it stands."""
    return {
        "id": batch.batch_id,
        "state": state,
        "failed_code": failed_code,
        "created_at": batch.created_at,
        "finished_at": ended_at,
        "purpose": Purpose(batch.purpose),
        "bundle_sha256": batch.bundle_sha256,
        "rows": batch.rows,
    }


def _body(batch: Batch, progress: Progress) -> BatchBody:
    """Return a batch as it is sent."""
    place = f"/v1/batches/{batch.batch_id}" if progress.state == "finished" else None
    told = _asked(batch, progress.state, progress.ended_at, progress.failed_code) | {
        "scored": progress.scored,
        "refused": progress.done - progress.scored,
        "results_url": f"{place}/results" if place else None,
        "errors_url": f"{place}/errors" if place else None,
    }
    return BatchBody.model_validate(told)
