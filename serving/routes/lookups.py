"""Look-ups: who looked at a supplier, shown to the supplier and to the bank that looked."""

from typing import Annotated

from fastapi import APIRouter, Security

from serving.access.bodies import LookupBody, LookupPage
from serving.access.caller import Caller, Scope
from serving.access.consents import list_lookups
from serving.routes.consents import After, Limit
from serving.service import InService, caller_of

router = APIRouter(prefix="/v1/lookups", tags=["consents"])


@router.get("", response_model=LookupPage, response_description="The look-ups", summary="List look-ups")
def list_all(
    service: InService, caller: Annotated[Caller, Security(caller_of, scopes=[Scope.LOOKUP_READ])], after: After = 0, limit: Limit = 50
) -> LookupPage:
    """Return every look at the calling supplier, or every look of the calling bank, in their order."""
    with service.store.begin(caller) as connection:
        found = list_lookups(connection, after, limit)
    items = [
        LookupBody.model_validate(
            {
                "at": look.at,
                "bank_id": look.bank_id,
                "supplier_id": look.supplier_id,
                "purpose": look.purpose,
                "operation": look.operation,
                "consent_id": look.consent_id,
                "score_id": look.score_id,
            }
        )
        for look in found
    ]
    return LookupPage(items=items, next=found[-1].number if len(found) == limit else None)
