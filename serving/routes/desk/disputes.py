"""The operator's page of disputes: which are open, and when each answer is due."""

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from starlette.exceptions import HTTPException

from serving.access.caller import Scope, TenantKind
from serving.disputes.record import list_disputes
from serving.http.problems import language_of
from serving.http.refusals import ScopeMissing
from serving.pages import page
from serving.routes.pages import InSession, Lang
from serving.service import InService

router = APIRouter(prefix="/operations/disputes")
MOST = 200


@router.get("")
def show_disputes(
    request: Request, service: InService, caller: InSession, overdue: Annotated[bool, Query()] = False, lang: Lang = None
) -> Response:
    """Show the disputes that wait for an answer, the first due first; with ``overdue`` those whose day has passed."""
    if caller.kind is not TenantKind.OPERATOR:
        raise HTTPException(404)
    if Scope.DISPUTE_READ not in caller.scopes:
        raise ScopeMissing(scope=Scope.DISPUTE_READ.value)
    with service.store.begin(caller) as connection:
        found = list_disputes(connection, 0, MOST, only_overdue=overdue)
    waiting = sorted((each for each in found if each.decision is None), key=lambda each: each.row.due_at)
    return page(
        "desk/disputes.html.j2",
        language_of(request, lang),
        here="/operations/disputes?overdue=true&" if overdue else "/operations/disputes?",
        waiting=waiting,
        is_overdue_only=overdue,
        now=datetime.now(UTC),
        zone=ZoneInfo(service.ledger.zone),
    )
