"""Tokens: OAuth2 client credentials (RFC 6749, section 4.4)."""

import base64
import binascii
from typing import Annotated
from urllib.parse import parse_qs, unquote_plus

from fastapi import APIRouter, Depends, Request

from serving.access.bodies import TokenAnswer
from serving.access.caller import Scope
from serving.access.forms import FORM
from serving.access.keys import authenticate
from serving.http.body import read_bytes
from serving.http.refusals import ClientUnknown, GrantTypeUnsupported, NotAuthenticated, ScopeRefused, TokenRequestInvalid
from serving.service import TOKEN_URL, InService, admit

router = APIRouter(tags=["access"])


async def token_form(request: Request) -> dict[str, str]:
    """Return the parameters of the request, each once."""
    raw = await read_bytes(request, FORM)
    try:
        told = parse_qs(raw.decode("ascii"), max_num_fields=16, errors="strict")
    except (UnicodeDecodeError, ValueError):
        raise TokenRequestInvalid from None
    if any(len(values) > 1 for values in told.values()):
        raise TokenRequestInvalid
    return {name: values[0] for name, values in told.items()}


@router.post(TOKEN_URL, response_model=TokenAnswer, response_description="The token", summary="Get an access token")
def create_token(request: Request, service: InService, form: Annotated[dict[str, str], Depends(token_form)]) -> TokenAnswer:
    """Give a short-lived token for a key, with all its scopes or those asked for.

    The prefix of the key is the client's id, the whole key its secret; send them by HTTP Basic or as `client_id` and `client_secret`.
    """
    if "grant_type" not in form:
        raise TokenRequestInvalid
    if form["grant_type"] != "client_credentials":
        raise GrantTypeUnsupported
    client, secret = _credentials(request.headers.get("authorization"), form)
    try:
        caller = authenticate(service.store, secret)
    except NotAuthenticated:
        raise ClientUnknown from None
    if caller.prefix != client:
        raise ClientUnknown
    admit(request, service, caller)
    wanted = form.get("scope", "").split() or sorted(caller.scopes)
    if not set(wanted) <= caller.scopes:
        raise ScopeRefused
    scopes = frozenset(Scope(scope) for scope in wanted)
    token = service.tokens.issue(caller.prefix, scopes)
    return TokenAnswer(access_token=token, token_type="Bearer", expires_in=service.tokens.seconds, scope=" ".join(sorted(scopes)))


def _credentials(authorization: str | None, form: dict[str, str]) -> tuple[str, str]:
    """Return id and secret of the client, which come in one of two ways, not in both."""
    if authorization is None:
        if not form.get("client_id") or not form.get("client_secret"):
            raise ClientUnknown
        return form["client_id"], form["client_secret"]
    scheme, _, told = authorization.partition(" ")
    if scheme.lower() != "basic" or "client_secret" in form:
        raise TokenRequestInvalid
    try:
        client, _, secret = base64.b64decode(told, validate=True).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        raise ClientUnknown from None
    return unquote_plus(client), unquote_plus(secret)
