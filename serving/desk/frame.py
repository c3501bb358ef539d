"""What does every page of the desk share? A bank's session, the language kept in the browser, a token in each form, the model's line."""

import math
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Depends, Request, Response
from starlette.exceptions import HTTPException

from credit.errors import LianxinError
from credit.reason import shown_en, shown_zh
from serving.access.caller import Caller, Scope, TenantKind
from serving.access.forms import form_token
from serving.http.languages import Language, Words, words
from serving.http.middleware import CONTENT_SECURITY_POLICY
from serving.http.problems import describe, language_of
from serving.http.refusals import IdempotencyKeyMissing, ScopeMissing, ServiceRefusal
from serving.pages import page
from serving.routes.pages import InSession, Lang
from serving.service import InService, Service

LANGUAGE_COOKIE = "lianxin_language"
_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
_YEAR = 365 * 24 * 3600
SCRIPT_POLICY = f"{CONTENT_SECURITY_POLICY}; script-src 'self'; connect-src 'self'"


@dataclass(frozen=True, slots=True)
class Desk:
    """One request at the desk: which bank's, and in which language."""

    request: Request
    service: Service
    caller: Caller
    language: Language
    chosen: str | None

    def needs(self, *scopes: Scope) -> None:
        """Refuse with `ScopeMissing` what the key behind the session may not do."""
        for scope in scopes:
            if scope not in self.caller.scopes:
                raise ScopeMissing(scope=scope.value)

    def may(self, *scopes: Scope) -> bool:
        """Tell whether the key behind the session may do this, so that a page offers only what it may."""
        return self.caller.scopes >= set(scopes)

    @property
    def places(self) -> dict[str, str]:
        """Where the desk's head leads: names of places and their addresses."""
        needed = {"batches": Scope.SCORE_WRITE, "queue": Scope.DECISION_READ, "policies": Scope.POLICY_READ}
        return {"portfolio": path_of()} | {name: path_of(name) for name, scope in needed.items() if self.may(scope)}

    @property
    def words(self) -> Words:
        """The words of the reader's language."""
        return words(self.language)

    def text(self, key: str, **values: object) -> str:
        """Return the words under a key in the reader's language."""
        return self.words.text(key, **values)

    def in_words(self, error: LianxinError) -> tuple[str, str]:
        """Return title and detail of a refusal that a person can do something about; any other is raised again."""
        status, code = describe(error)
        if status >= 500 or status == 404:
            raise error
        facts = error.facts if isinstance(error, ServiceRefusal) else {}
        return self.text(f"problem.{code}.title"), self.text(f"problem.{code}.detail", **facts)

    def fen(self, amount: int) -> str:
        """Show an amount of fen in yuan."""
        return self.words.money(Decimal(amount) / 100)

    def moved(self, points: float | None) -> str:
        """Show a movement of points with its sign; a dash where nothing is known."""
        return "–" if points is None else self.words.points(points)

    def shown(self, value: float | None, unit: str) -> str:
        """Show a feature's value in its unit."""
        form = shown_zh if self.language is Language.ZH_CN else shown_en
        return form(math.nan if value is None else value, unit)

    def page(self, template: str, *, here: str, status: int = 200, has_script: bool = False, **values: Any) -> Response:
        """Set a page in type; ``here`` is its address with its query, for the other language's link."""
        answer = page(
            f"desk/{template}",
            self.language,
            status=status,
            here=here + ("&" if "?" in here else "?"),
            desk=self,
            form_token=form_token(self.request, self.service),
            form_key=secrets.token_urlsafe(24),
            has_script=has_script,
            model=self.service.bundle,
            run_url=run_url(self.service),
            path_of=path_of,
            fen=self.fen,
            moved=self.moved,
            **values,
        )
        if has_script:
            answer.headers["Content-Security-Policy"] = SCRIPT_POLICY
        if self.chosen is not None:
            secure = self.service.settings.secure_cookies
            answer.set_cookie(LANGUAGE_COOKIE, self.chosen, max_age=_YEAR, httponly=True, samesite="strict", secure=secure)
        return answer


def at_desk(request: Request, service: InService, caller: InSession, lang: Lang = None) -> Desk:
    """Return the desk of a bank's session; for suppliers and operators there is none."""
    if caller.kind is not TenantKind.BANK:
        raise HTTPException(404)
    kept = request.cookies.get(LANGUAGE_COOKIE)
    language = request.state.language = language_of(request, lang or kept)
    return Desk(request, service, caller, language, lang)


InDesk = Annotated[Desk, Depends(at_desk)]


def form_key(form: Mapping[str, str]) -> str:
    """Return the Idempotency-Key drawn for this form when it was shown, so that sending it twice makes one thing."""
    key = form.get("key", "")
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyMissing
    return f"desk-{key}"


def run_url(service: Service) -> str | None:
    """Return where MLflow shows the run the model comes from; None where its address or the run is not known."""
    run = service.bundle.release.get("run_id")
    base = service.settings.mlflow_url
    return f"{str(base).rstrip('/')}/#/runs/{quote(str(run), safe='')}" if base and run else None


def path_of(*parts: str, **query: object) -> str:
    """Return the address of a page of the desk; what is None in the query is left out.

    Examples
    --------
    >>> path_of("suppliers", "S/1", reason=None, after=3)
    '/desk/suppliers/S%2F1?after=3'
    """
    told = urlencode({name: value for name, value in query.items() if value is not None})
    return "/".join(("/desk", *(quote(part, safe="") for part in parts))) + (f"?{told}" if told else "")
