"""The forms of our pages: taken from the session they were shown to, and from nobody else."""

import re
from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import parse_qs, urlsplit

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from serving.access.sessions import COOKIE
from serving.http.body import read_bytes
from serving.http.refusals import CrossSiteRefused
from serving.service import InService, Service

FORM: Final = re.compile(r"application/x-www-form-urlencoded(\s*;\s*charset\s*=\s*utf-8)?\s*", re.IGNORECASE | re.ASCII)
MOST_FIELDS: Final = 3000
"""Of one form: 200 rows of an application have fewer."""


async def sent_form(request: Request, service: InService) -> Mapping[str, str]:
    """Return the fields of a form of ours, empty ones too; of a field that stands twice the last.

    Raises
    ------
    CrossSiteRefused
        It comes from another site, or does not carry this session's token.
    """
    refuse_other_site(request)
    raw = await read_bytes(request, FORM)
    try:
        told = parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise HTTPException(400) from None
    fields = {name: values[-1].replace("\r\n", "\n") for name, values in told.items()}
    refuse_foreign_form(request, service, fields)
    return fields


SentForm = Annotated[Mapping[str, str], Depends(sent_form)]


def form_token(request: Request, service: Service) -> str:
    """Return the token that forms of this session carry."""
    return service.sessions.form_token(request.cookies.get(COOKIE, ""))


def refuse_other_site(request: Request) -> None:
    """Refuse a form that a browser says comes from elsewhere."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise CrossSiteRefused
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise CrossSiteRefused


def refuse_foreign_form(request: Request, service: Service, fields: Mapping[str, str]) -> None:
    """Refuse a form that does not carry the token of this session."""
    if not service.sessions.is_form_token(request.cookies.get(COOKIE), fields.get("token")):
        raise CrossSiteRefused
