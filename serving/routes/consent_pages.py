"""The supplier's pages of its consents: which banks may look, what each did with it, and the way to take a consent back."""

import uuid
from datetime import UTC, datetime
from typing import Annotated, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from serving.access.caller import Caller, Scope, TenantKind
from serving.access.consents import all_consents, looks_by_consent, open_banks, read_consent, withdraw
from serving.access.forms import SentForm, form_token
from serving.http.problems import language_of
from serving.http.refusals import ScopeMissing
from serving.pages import page
from serving.report.looks import read_looks
from serving.routes.pages import InSession, Lang
from serving.service import InService

router = APIRouter(prefix="/consents", tags=["pages"], include_in_schema=False)
LOOKS = 50
Before = Annotated[int | None, Query(ge=1, le=2**63 - 1)]


@router.get("")
def show_consents(
    request: Request,
    service: InService,
    caller: InSession,
    lang: Lang = None,
    before: Before = None,
    said: Literal["withdrawn"] | None = None,
) -> Response:
    """Show a supplier what it agreed to, live consents first, and who looked at it."""
    _refuse_others(caller, Scope.CONSENT_READ)
    with service.store.begin(caller) as connection:
        given = all_consents(connection)
        counts = looks_by_consent(connection)
        looks = read_looks(connection, caller, caller.supplier_id or "", service.ledger.zone, LOOKS, before)
        banks = dict(open_banks(connection))
    now = datetime.now(UTC)
    return page(
        "consents.html.j2",
        language_of(request, lang),
        here="/consents?" + (f"before={before}&" if before else ""),
        live=[each for each in given[::-1] if each.is_live(now)],
        past=[each for each in given[::-1] if not each.is_live(now)],
        counts=counts,
        looks=looks,
        is_first=before is None,
        banks=banks,
        zone=ZoneInfo(service.ledger.zone),
        said=said,
        may_withdraw=Scope.CONSENT_WRITE in caller.scopes,
        supplier_id=caller.supplier_id,
    )


@router.get("/{consent_id}")
def show_withdrawal(request: Request, service: InService, caller: InSession, consent_id: uuid.UUID, lang: Lang = None) -> Response:
    """Show one consent with what taking it back means, and ask once more."""
    _refuse_others(caller, Scope.CONSENT_READ)
    with service.store.begin(caller) as connection:
        given = read_consent(connection, consent_id)
        banks = dict(open_banks(connection))
    return page(
        "consent.html.j2",
        language_of(request, lang),
        here=f"/consents/{consent_id}?",
        given=given,
        is_live=given.is_live(datetime.now(UTC)),
        bank=banks.get(given.bank_id),
        zone=ZoneInfo(service.ledger.zone),
        form_token=form_token(request, service),
        may_withdraw=Scope.CONSENT_WRITE in caller.scopes,
    )


@router.post("/{consent_id}/withdrawal")
def take_back(
    request: Request, form: SentForm, service: InService, caller: InSession, consent_id: uuid.UUID, lang: Lang = None
) -> Response:
    """Withdraw a consent from now on and lead back to the list; sent twice, it changes nothing."""
    _refuse_others(caller, Scope.CONSENT_WRITE)
    with service.store.begin(caller) as connection:
        withdraw(connection, consent_id, recorded_by=caller.tenant_id)
    spoken = language_of(request, lang).in_address
    return RedirectResponse("/consents?" + urlencode({"lang": spoken, "said": "withdrawn"}), 303)


def _refuse_others(caller: Caller, scope: Scope) -> None:
    """Let only a supplier in, with a key that may do this."""
    if caller.kind is not TenantKind.SUPPLIER or scope not in caller.scopes:
        raise ScopeMissing(scope=scope.value)
