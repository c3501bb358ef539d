"""The credit report as a page and as PDF, and the rows behind each of its numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Path, Query, Request, Response

from features.evidence import feature_named
from features.reckoning import reckon
from serving.access.caller import Caller, Scope, TenantKind
from serving.access.consents import Permit, permit
from serving.access.tiers import reaches, report_within
from serving.assess import assess, refuse_later_as_of
from serving.disputes.standing import is_disputed
from serving.evidence.page import evidence_html
from serving.explain import warnings_of
from serving.http.languages import Language
from serving.http.problems import language_of
from serving.http.refusals import EvidenceWithheld, FeatureUnknown, ScopeMissing
from serving.pages import html_response
from serving.report.build import CreditReport, build_report
from serving.report.looks import Looks, read_looks
from serving.report.page import Addresses, report_html
from serving.report.pdf import report_pdf
from serving.routes.pages import InSession, Lang
from serving.schemas import SUPPLIER_ID_PATTERN, Notice, PlainDate, Purpose
from serving.service import InService, Service
from serving.store import note_lookup

router = APIRouter(tags=["pages"], include_in_schema=False)
LOOKS = 8
Supplier = Annotated[str, Path(min_length=1, max_length=64, pattern=SUPPLIER_ID_PATTERN)]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which report is looked at, and how its addresses read."""

    supplier_id: str
    as_of: date | None
    purpose: Purpose | None

    def at(self, place: str, **more: str) -> str:
        """Return an address that asks for the same report; it can be followed by another query field."""
        chosen = {"as_of": self.as_of.isoformat()} if self.as_of else {}
        chosen |= {"purpose": self.purpose.value} if self.purpose else {}
        query = urlencode(chosen | more)
        return f"{place}/{quote(self.supplier_id, safe='')}?" + (f"{query}&" if query else "")


@router.get("/report/{supplier_id:path}")
def show_report(
    request: Request,
    service: InService,
    caller: InSession,
    supplier_id: Supplier,
    lang: Lang = None,
    as_of: PlainDate | None = None,
    purpose: Purpose | None = None,
) -> Response:
    """Show the credit report of a supplier, by its leave; without a purpose, a bank looks at an application and a supplier at itself."""
    wanted, language = _Wanted(supplier_id, as_of, purpose), language_of(request, lang)
    leave, looks, disputed = _look(service, caller, wanted)
    report, warnings = _gather(service, leave, wanted, language)
    spoken = {"lang": language.in_address}
    addresses = Addresses(
        wanted.at("/report"), wanted.at("/report.pdf", **spoken).rstrip("&"), wanted.at("/evidence/FEATURE", **spoken).rstrip("&")
    )
    return html_response(report_html(report, language, warnings=warnings, looks=looks, addresses=addresses, is_disputed=disputed), language)


@router.get("/report.pdf/{supplier_id:path}")
def print_report(
    request: Request,
    service: InService,
    caller: InSession,
    supplier_id: Supplier,
    lang: Lang = None,
    as_of: PlainDate | None = None,
    purpose: Purpose | None = None,
) -> Response:
    """Send the same report as PDF."""
    wanted, language = _Wanted(supplier_id, as_of, purpose), language_of(request, lang)
    leave, looks, disputed = _look(service, caller, wanted)
    report, warnings = _gather(service, leave, wanted, language)
    printed = report_pdf(report_html(report, language, warnings=warnings, looks=looks, addresses=None, is_disputed=disputed), language)
    headers = {"Content-Language": language.value, "Content-Disposition": f'inline; filename="credit-report-{report.as_of}.pdf"'}
    return Response(printed, 200, headers, "application/pdf")


@router.get("/evidence/{feature}/{supplier_id:path}")
def show_evidence(
    request: Request,
    service: InService,
    caller: InSession,
    feature: str,
    supplier_id: Supplier,
    lang: Lang = None,
    as_of: PlainDate | None = None,
    purpose: Purpose | None = None,
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
) -> Response:
    """Show every row behind a number of a report, page by page."""
    wanted, language = _Wanted(supplier_id, as_of, purpose), language_of(request, lang)
    if feature not in service.bundle.names:
        raise FeatureUnknown
    leave, _, _ = _look(service, caller, wanted)
    if not reaches(leave.tier, feature_named(feature).name):
        raise EvidenceWithheld
    day = as_of or service.ledger.latest_as_of
    refuse_later_as_of(service.ledger, day)
    found = reckon(service.ledger, feature, supplier_id, day)
    spoken = language.in_address
    may_dispute = caller.kind is TenantKind.SUPPLIER and Scope.DISPUTE_WRITE in caller.scopes
    shown = evidence_html(
        found,
        supplier_id,
        day,
        leave.tier,
        language,
        after=after,
        here=wanted.at(f"/evidence/{feature}"),
        back=wanted.at("/report", lang=spoken).rstrip("&"),
        dispute="/disputes/new?" + urlencode({"as_of": day.isoformat(), "lang": spoken}) + "&" if may_dispute else None,
    )
    return html_response(shown, language)


def _look(service: Service, caller: Caller, wanted: _Wanted) -> tuple[Permit, Looks, bool]:
    """Return by what leave the caller looks, writing the look down, who looked so far, and whether a dispute is open."""
    if Scope.REPORT_READ not in caller.scopes:
        raise ScopeMissing(scope=Scope.REPORT_READ.value)
    is_own = caller.kind is TenantKind.SUPPLIER
    purpose = wanted.purpose or (Purpose.OWN_INFORMATION if is_own else Purpose.CREDIT_APPLICATION)
    with service.store.begin(caller) as connection:
        leave = permit(connection, caller, wanted.supplier_id, purpose)
        note_lookup(
            connection, caller.tenant_id, "report", supplier_id=wanted.supplier_id, purpose=purpose.value, consent_id=leave.consent_id
        )
        looks = read_looks(connection, caller, wanted.supplier_id, service.ledger.zone, LOOKS)
        return leave, looks, is_disputed(connection, wanted.supplier_id)


def _gather(service: Service, leave: Permit, wanted: _Wanted, language: Language) -> tuple[CreditReport, Sequence[Notice]]:
    """Assess and gather what the leave reaches."""
    assessment = assess(service.bundle, service.ledger, wanted.supplier_id, wanted.as_of or service.ledger.latest_as_of)
    whole = build_report(
        service.bundle,
        service.ledger,
        assessment,
        evidence_limit=service.settings.evidence_rows,
        peers=service.peers,
        others=service.others,
    )
    return report_within(whole, leave.tier, service.bundle), warnings_of(service.bundle, service.ledger, assessment, language)
