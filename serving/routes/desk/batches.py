"""The desk's pages of batches: hand a file in, follow it, fetch the results and the rows that were not scored."""

import uuid
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from serving.access.caller import Scope
from serving.access.forms import refuse_foreign_form, refuse_other_site
from serving.batches.bodies import ErrorFormat, ResultFormat
from serving.batches.rows import PARQUET
from serving.batches.store import latest_batches
from serving.desk.frame import Desk, InDesk, form_key, path_of
from serving.disputes.form import MEDIA_TYPE, parse_form
from serving.http.body import MAX_BYTES, read_bytes
from serving.http.problems import told_error
from serving.http.refusals import BatchUnreadable, TooManyBatches
from serving.routes.batches import MAX_UPLOAD_BYTES, create_batch, read_errors, read_one, read_results
from serving.schemas import Purpose
from serving.service import InService

router = APIRouter(prefix="/desk/batches")
PURPOSES = (Purpose.PORTFOLIO_REVIEW, Purpose.CREDIT_APPLICATION)
MOST = 30
POLL_SECONDS = 2
_FIRST_OF_PARQUET = b"PAR1"
FileSent = tuple[Mapping[str, str], bytes]


async def sent_file(request: Request, service: InService) -> FileSent:
    """Return the fields and the file of the upload's form, once it is known to be of this session."""
    refuse_other_site(request)
    raw = await read_bytes(request, MEDIA_TYPE, MAX_UPLOAD_BYTES + MAX_BYTES)
    parts = dict(parse_form(raw, request.headers["content-type"]))
    file = parts.pop("file", None)
    fields = {name: part.text for name, part in parts.items()}
    refuse_foreign_form(request, service, fields)
    return fields, file.data if file else b""


@router.get("")
def show_batches(desk: InDesk) -> Response:
    """Show the form of an upload and the latest batches."""
    desk.needs(Scope.SCORE_READ)
    return _batches_page(desk)


@router.post("")
def hand_in(desk: InDesk, sent: Annotated[FileSent, Depends(sent_file)]) -> Response:
    """Take a file in and lead to its progress."""
    desk.needs(Scope.SCORE_WRITE)
    fields, file = sent
    typed = fields.get("rows", "").strip()
    data = file or (f"supplier_id\n{typed}\n".encode() if typed and "supplier_id" not in typed.partition("\n")[0] else typed.encode())
    purpose = Purpose(fields["purpose"]) if fields.get("purpose") in PURPOSES else PURPOSES[0]
    whole = data, data.startswith(_FIRST_OF_PARQUET)
    try:
        batch = create_batch(desk.request, Response(), desk.service, desk.caller, form_key(fields), whole, purpose)
    except BatchUnreadable as error:
        told = told_error(desk.words, error.errors[0])
        return _batches_page(desk, refusal=(desk.text("desk.batch_unreadable"), str(told["detail"])), status=422)
    except TooManyBatches as error:
        return _batches_page(desk, refusal=desk.in_words(error), status=429)
    return RedirectResponse(path_of("batches", str(batch.id)), 303)


@router.get("/{batch_id}")
def show_batch(desk: InDesk, batch_id: uuid.UUID) -> Response:
    """Show how far a batch is; with a script the page follows it, without one it is opened again."""
    desk.needs(Scope.SCORE_READ)
    batch = read_one(desk.service, desk.caller, str(batch_id))
    is_running = batch.state in ("queued", "running")
    return desk.page(
        "batch.html.j2",
        here=path_of("batches", str(batch_id)),
        has_script=is_running,
        batch=batch,
        seconds=POLL_SECONDS,
        is_running=is_running,
    )


@router.get("/{batch_id}/results")
def fetch_results(desk: InDesk, batch_id: uuid.UUID, format: ResultFormat = ResultFormat.CSV) -> Response:
    """Send the scores of a finished batch as a file."""
    desk.needs(Scope.SCORE_READ)
    return read_results(desk.service, desk.caller, str(batch_id), format)


@router.get("/{batch_id}/errors")
def fetch_errors(desk: InDesk, batch_id: uuid.UUID) -> Response:
    """Send the rows that were not scored as a file."""
    desk.needs(Scope.SCORE_READ)
    return read_errors(desk.request, desk.service, desk.caller, str(batch_id), ErrorFormat.CSV)


def _batches_page(desk: Desk, *, refusal: tuple[str, str] | None = None, status: int = 200) -> Response:
    with desk.service.store.begin(desk.caller) as connection:
        kept = latest_batches(connection, MOST)
    return desk.page(
        "batches.html.j2",
        here=path_of("batches"),
        status=status,
        kept=kept,
        purposes=PURPOSES,
        refusal=refusal,
        most=desk.service.settings.batch_rows,
        kinds=f".csv,text/csv,.parquet,{PARQUET}",
        may_write=desk.may(Scope.SCORE_WRITE),
    )
