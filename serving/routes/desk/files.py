"""The desk's first pages: the portfolio, and one supplier's file."""

from collections import Counter
from decimal import Decimal
from typing import Annotated, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import RedirectResponse

from serving.access.caller import Scope
from serving.access.consents import permit
from serving.access.forms import SentForm
from serving.desk.frame import InDesk, form_key, path_of
from serving.desk.portfolio import Alert, Order, Wanted, names_of, page_after, read_portfolio, search, select_holdings, totals_by_grade
from serving.desk.supplier_file import find_score, leave_of, read_supplier
from serving.evidence.rows import PageWanted, evidence_body
from serving.evidence.table import shown_value
from serving.http.problems import request_id_of
from serving.schemas import SUPPLIER_ID_PATTERN, Purpose, ScoreRequest
from serving.scoring import score_once
from serving.store import note_score

router = APIRouter(prefix="/desk")
Short = Annotated[str | None, Query(max_length=64)]
SupplierId = Annotated[str, Path(min_length=1, max_length=64, pattern=SUPPLIER_ID_PATTERN)]
BARS = 12
ROWS = 50
"""So many contributions are drawn, and so many rows behind a number shown."""


@router.get("")
def show_portfolio(
    desk: InDesk,
    q: Short = None,
    grade: Annotated[str | None, Query(max_length=8)] = None,
    alert: Alert | None = None,
    order: Order = Order.SUPPLIER,
    after: Short = None,
) -> Response:
    """Show the suppliers with a live consent, what they scored and what was lent to them."""
    desk.needs(Scope.SCORE_READ)
    service = desk.service
    with service.store.begin(desk.caller) as connection:
        held = read_portfolio(connection, desk.caller, service.ledger, service.bundle)
    found = search(service.ledger, held, q) if q and q.strip() else None
    wanted = Wanted(order, grade, alert, found)
    selected = select_holdings(held, wanted)
    shown, next_after = page_after(selected, after)
    chosen = {"q": q or None, "grade": grade, "alert": alert, "order": None if order is Order.SUPPLIER else order}
    count = Counter(alert for each in held for alert in each.alerts)

    def link(**changed: str | None) -> str:
        return path_of(**chosen | changed)

    return desk.page(
        "home.html.j2",
        here=path_of(**chosen, after=after),
        holdings=shown,
        names=names_of(service.ledger, shown),
        totals=totals_by_grade(held, service.bundle),
        alerts=[(alert.value, count[alert]) for alert in Alert if count[alert]],
        wanted=wanted,
        is_filtered=len(selected) < len(held),
        selected=len(selected),
        count=len(held),
        q=q,
        link=link,
        next_after=next_after,
        has_before=after is not None,
        latest_as_of=service.ledger.latest_as_of,
    )


@router.get("/suppliers/{supplier_id}")
def show_supplier(desk: InDesk, supplier_id: SupplierId, score: UUID | None = None, said: Literal["scored"] | None = None) -> Response:
    """Show one supplier's file: its newest score on record, or the one named."""
    desk.needs(Scope.SCORE_READ, Scope.REPORT_READ)
    service = desk.service
    with service.store.begin(desk.caller) as connection:
        file = read_supplier(desk, connection, supplier_id, score)
    ways = {"apply": path_of("suppliers", supplier_id, "apply")} if desk.may(Scope.DECISION_WRITE) else {}
    ways |= {"what_if": path_of("suppliers", supplier_id, "what-if"), "report": f"/report/{quote(supplier_id, safe='')}"}
    parts = file.score.parts if file.score else ()
    rest = {"count": len(parts[BARS:]), "points": sum((part.points for part in parts[BARS:]), Decimal(0))}
    return desk.page(
        "supplier.html.j2",
        here=path_of("suppliers", supplier_id, score=score),
        file=file,
        top_parts=parts[:BARS],
        rest=rest,
        shown=desk.shown,
        said=said and f"desk.said.{said}",
        can_score=desk.may(Scope.SCORE_WRITE),
        ways=ways,
        latest_as_of=service.ledger.latest_as_of,
    )


@router.post("/suppliers/{supplier_id}/scores")
def score_supplier(desk: InDesk, form: SentForm, supplier_id: SupplierId) -> Response:
    """Score a supplier as of the ledger's last day, keep the score and show the file with it."""
    desk.needs(Scope.SCORE_WRITE)
    with desk.service.store.begin(desk.caller) as connection:
        _, purpose = leave_of(connection, desk.caller, supplier_id)
    wanted = ScoreRequest(supplier_id=supplier_id, purpose=purpose)
    score_once(desk.service, desk.caller, form_key(form), wanted, request_id=request_id_of(desk.request), language=desk.language)
    return RedirectResponse(path_of("suppliers", supplier_id, said="scored"), 303)


@router.get("/suppliers/{supplier_id}/scores/{score_id}/{feature}")
def show_rows(
    desk: InDesk,
    supplier_id: SupplierId,
    score_id: UUID,
    feature: Annotated[str, Path(max_length=100)],
    after: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> Response:
    """Show the orders, deliveries, reviews or invoices behind one number of a score, a page of them."""
    desk.needs(Scope.SCORE_READ, Scope.REPORT_READ)
    with desk.service.store.begin(desk.caller) as connection:
        record = find_score(connection, supplier_id, score_id)
        leave = permit(connection, desk.caller, supplier_id, Purpose(record.purpose))
        note_score(connection, desk.caller.tenant_id, "read", record)
    told = evidence_body(desk.service.ledger, record, feature, leave.tier, PageWanted(after, ROWS), desk.language)
    here = ("suppliers", supplier_id, "scores", str(score_id), feature)
    return desk.page(
        "rows.html.j2",
        here=path_of(*here, after=after or None),
        told=told,
        further=None if told.next is None else path_of(*here, after=told.next),
        start=path_of(*here) if after else None,
        shown=desk.shown,
        cell=lambda value, unit: shown_value(value, unit, desk.words),
    )
