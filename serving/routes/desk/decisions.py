"""The desk's pages of decisions: apply, ask what if, the queue, and the steps of persons."""

import uuid
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import RedirectResponse

from credit.application import Product
from credit.errors import LianxinError
from serving.access.caller import Scope
from serving.access.forms import SentForm
from serving.access.tiers import reaches
from serving.decisions.decide import decide_once
from serving.decisions.persons import person_of
from serving.decisions.reading import read_decision, read_file, read_queue
from serving.decisions.requests import MOST_ITEMS
from serving.decisions.steps import step_once
from serving.desk.application_form import FIELDS, FIRST_ROWS, HEAD, KINDS_OF_STOCK, MOST_ROWS, Draft, Fault, read_draft, request_of
from serving.desk.decision_page import offered, sheet_of, step_of
from serving.desk.frame import Desk, InDesk, form_key, path_of
from serving.desk.supplier_file import leave_of, note_look
from serving.desk.what_if import decide_unkept, score_changed
from serving.http.problems import describe, request_id_of
from serving.routes.desk.files import SupplierId

router = APIRouter(prefix="/desk")
Months = Annotated[int, Query(ge=3, le=12)]


@router.get("/suppliers/{supplier_id}/apply")
def show_form(desk: InDesk, supplier_id: SupplierId, product: Product = Product.RECEIVABLES) -> Response:
    """Show the empty form of an application for one of the products."""
    desk.needs(Scope.DECISION_WRITE)
    with desk.service.store.begin(desk.caller) as connection:
        leave_of(connection, desk.caller, supplier_id)
    return _form_page(desk, supplier_id, Draft(product, {}, ()))


@router.post("/suppliers/{supplier_id}/apply/{product}")
def apply(desk: InDesk, form: SentForm, supplier_id: SupplierId, product: Product) -> Response:
    """Decide the application and lead to the decision, or show what would be decided; nothing is kept of the latter."""
    desk.needs(Scope.DECISION_WRITE)
    draft = read_draft(product, form)
    wanted, faults = request_of(draft, supplier_id)
    if wanted is None or form.get("do") == "rows":
        return _form_page(desk, supplier_id, draft, faults=() if form.get("do") == "rows" else faults)
    service, caller = desk.service, desk.caller
    try:
        if form.get("do") != "decide":
            with service.store.begin(caller) as connection:
                told = decide_unkept(desk, connection, wanted)
            return _form_page(desk, supplier_id, draft, told=told)
        answer = decide_once(service, caller, form_key(form), wanted, request_id=request_id_of(desk.request), language=desk.language)
    except LianxinError as error:
        return _form_page(desk, supplier_id, draft, refusal=desk.in_words(error), status=describe(error)[0])
    return RedirectResponse(path_of("decisions", answer.location.rpartition("/")[2]), 303)


@router.get("/queue")
def show_queue(desk: InDesk) -> Response:
    """Show the decisions that wait for a person, the longest waiting first."""
    desk.needs(Scope.DECISION_READ)
    with desk.service.store.begin(desk.caller) as connection:
        waiting = read_queue(connection)
    return desk.page("queue.html.j2", here=path_of("queue"), waiting=waiting)


@router.get("/decisions/{decision_id}")
def show_decision(desk: InDesk, decision_id: uuid.UUID) -> Response:
    """Show a decision, worked out line by line, where it stands, and what can be done with it."""
    desk.needs(Scope.DECISION_READ)
    return _decision_page(desk, decision_id)


@router.post("/decisions/{decision_id}/steps")
def step(desk: InDesk, form: SentForm, decision_id: uuid.UUID) -> Response:
    """Take a step on a decision and show it again."""
    desk.needs(Scope.DECISION_REVIEW)
    wanted, wrong = step_of(form)
    if wanted is None:
        return _decision_page(desk, decision_id, form=form, wrong=wrong, status=422)
    request_id, language = request_id_of(desk.request), desk.language
    try:
        step_once(desk.service, desk.caller, form_key(form), decision_id, wanted, request_id=request_id, language=language)
    except LianxinError as error:
        return _decision_page(desk, decision_id, form=form, refusal=desk.in_words(error), status=describe(error)[0])
    return RedirectResponse(path_of("decisions", str(decision_id)), 303)


@router.get("/suppliers/{supplier_id}/what-if")
def show_what_if(desk: InDesk, supplier_id: SupplierId, months: Months = 6) -> Response:
    """Show what the score would be if the supplier changed what it can change; nothing of it is kept."""
    desk.needs(Scope.SCORE_READ, Scope.REPORT_READ)
    with desk.service.store.begin(desk.caller) as connection:
        leave, purpose = leave_of(connection, desk.caller, supplier_id)
        note_look(connection, desk.caller, supplier_id, leave, purpose)
    span = months if months in (3, 6, 12) else 6
    query = desk.request.query_params
    chosen = {name: int(value) for name, value in query.items() if value.isascii() and value.isdigit() and len(value) < 4}
    found = score_changed(desk, supplier_id, span, chosen)
    return desk.page(
        "what_if.html.j2",
        here=path_of("suppliers", supplier_id, "what-if", months=span, **{each.name: each.chosen for each in found.levers if each.chosen}),
        supplier_id=supplier_id,
        found=found,
        months=span,
        moves=[(move, reaches(leave.tier, move.feature)) for move in found.moves],
        shown=desk.shown,
    )


def _form_page(
    desk: Desk,
    supplier_id: str,
    draft: Draft,
    *,
    faults: tuple[Fault, ...] = (),
    told: Mapping[str, Any] | None = None,
    refusal: tuple[str, str] | None = None,
    status: int | None = None,
) -> Response:
    """Show the form as it was filled in, with what is wrong with it, or with what would be decided."""
    is_long = len(draft.rows) > MOST_ROWS
    rows = [*draft.rows, *({} for _ in range(max(FIRST_ROWS - len(draft.rows), 2)))][:MOST_ITEMS]
    return desk.page(
        "apply.html.j2",
        here=path_of("suppliers", supplier_id, "apply", product=draft.product.value),
        status=status or (422 if faults else 200),
        supplier_id=supplier_id,
        draft=draft,
        rows=() if is_long else rows,
        pasted=draft.as_csv if is_long else "",
        products=tuple(Product),
        head=HEAD,
        fields=FIELDS[draft.product],
        kinds=KINDS_OF_STOCK,
        faults={fault.place: fault for fault in faults},
        told=told,
        refusal=refusal,
        most=MOST_ITEMS,
        latest_as_of=desk.service.ledger.latest_as_of,
    )


def _decision_page(
    desk: Desk,
    decision_id: uuid.UUID,
    *,
    form: Mapping[str, str] | None = None,
    wrong: str | None = None,
    refusal: tuple[str, str] | None = None,
    status: int = 200,
) -> Response:
    """Show a decision with its steps, and the form of the next one as it was filled in."""
    with desk.service.store.begin(desk.caller) as connection:
        file = read_file(connection, decision_id)
        if form is None:
            read_decision(connection, desk.caller, decision_id)
        person = person_of(connection, desk.caller)
    return desk.page(
        "decision.html.j2",
        here=path_of("decisions", str(decision_id)),
        status=status,
        file=file,
        told=sheet_of(file, desk.language),
        acts=offered(file) if desk.may(Scope.DECISION_REVIEW) else (),
        person=person,
        filled=form or {},
        wrong=wrong,
        refusal=refusal,
    )
