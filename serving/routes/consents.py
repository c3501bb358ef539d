"""Consents: a supplier gives, reads and withdraws them; a bank reads those given to it."""

import uuid
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Security
from fastapi.exceptions import RequestValidationError

from serving.access.bodies import BankBody, BankList, ConsentBody, ConsentPage, ConsentRequest
from serving.access.caller import Caller, Scope
from serving.access.consents import LONGEST, Consent, grant, list_consents, open_banks, read_consent, withdraw
from serving.explain import known_before
from serving.http.answers import idempotency_key, path_id
from serving.http.body import json_body
from serving.http.refusals import ConsentUnknown
from serving.service import InService, caller_of

router = APIRouter(prefix="/v1", tags=["consents"])
Reader = Annotated[Caller, Security(caller_of, scopes=[Scope.CONSENT_READ])]
Giver = Annotated[Caller, Security(caller_of, scopes=[Scope.CONSENT_WRITE])]
After = Annotated[int, Query(ge=0, le=2**63 - 1, description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Items on a page.")]


@router.get("/banks", response_model=BankList, response_description="The banks", summary="Banks that a consent can be given to")
def list_banks(service: InService, caller: Giver) -> BankList:
    """Return id and name of every open bank."""
    with service.store.begin(caller) as connection:
        return BankList(items=[BankBody(id=bank_id, name=name) for bank_id, name in open_banks(connection)])


@router.post("/consents", status_code=201, response_model=ConsentBody, response_description="The consent", summary="Give consent")
def create_consent(
    service: InService,
    caller: Giver,
    key: Annotated[str, Depends(idempotency_key)],
    wanted: Annotated[ConsentRequest, Depends(json_body(ConsentRequest))],
) -> ConsentBody:
    """Let a bank look at the calling supplier for one purpose until a day.

    Sending the same request again with the same Idempotency-Key brings the same consent, as it stands by then.
    """
    ends = known_before(service.ledger, wanted.expires_on)
    now = datetime.now(UTC)
    if not now < ends <= now + LONGEST:
        raise RequestValidationError([{"type": "expires", "loc": ("body", "expires_on")}])
    with service.store.begin(caller) as connection:
        given = grant(
            connection,
            caller.supplier_id or "",
            wanted.bank_id,
            wanted.purpose,
            ends,
            tier=wanted.tier,
            consent_id=uuid.uuid5(caller.tenant_id, key),
            recorded_by=caller.tenant_id,
        )
    return _body(given)


@router.get("/consents", response_model=ConsentPage, response_description="The consents", summary="List consents")
def list_all(service: InService, caller: Reader, after: After = 0, limit: Limit = 50) -> ConsentPage:
    """Return the consents the caller gave, or was given, withdrawn and ended ones among them."""
    with service.store.begin(caller) as connection:
        found = list_consents(connection, after, limit)
    return ConsentPage(items=[_body(given) for given in found], next=found[-1].number if len(found) == limit else None)


@router.get("/consents/{consent_id}", response_model=ConsentBody, response_description="The consent", summary="Read a consent")
def read_one(service: InService, caller: Reader, consent_id: str) -> ConsentBody:
    """Return a consent as it stands."""
    with service.store.begin(caller) as connection:
        return _body(read_consent(connection, path_id(consent_id, ConsentUnknown)))


@router.post(
    "/consents/{consent_id}/withdrawal", response_model=ConsentBody, response_description="The consent", summary="Withdraw a consent"
)
def withdraw_one(service: InService, caller: Giver, consent_id: str) -> ConsentBody:
    """Withdraw a consent from now on; scores given by it before stay with the bank. Withdrawing it again changes nothing."""
    with service.store.begin(caller) as connection:
        return _body(withdraw(connection, path_id(consent_id, ConsentUnknown), recorded_by=caller.tenant_id))


def _body(given: Consent) -> ConsentBody:
    """Return a consent as it is sent."""
    return ConsentBody(
        id=given.consent_id,
        bank_id=given.bank_id,
        supplier_id=given.supplier_id,
        purpose=given.purpose,
        tier=given.tier,
        granted_at=given.granted_at,
        expires_at=given.expires_at,
        withdrawn_at=given.withdrawn_at,
    )
