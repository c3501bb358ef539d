"""Which certificates does a supplier hold, until when, and were they verified?"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from features.civil import to_date, to_day
from features.facts import EXPIRY_NOTICE_DAYS
from features.ledger import Ledger


class Validity(StrEnum):
    """How a certificate stands on a day."""

    VALID = "valid"
    EXPIRING = "expiring"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate as known before a day; ``expires_on`` is as last told, None where it does not expire."""

    kind: str
    issued_on: date
    expires_on: date | None
    verified_on: date | None
    validity: Validity


def certificates_of(ledger: Ledger, supplier_id: str, as_of: date) -> tuple[Certificate, ...]:
    """Return the certificates known before the day, of each kind the newest, those that still hold first."""
    day = to_day(as_of)
    told: dict[str, dict[str, dict[int, int]]] = {}
    for fact in ledger.facts_of(supplier_id, ("certificate_issued", "certificate_verified", "certificate_expired")):
        if fact.known_day < day or fact.kind == "certificate_expired":
            days = told.setdefault(fact.label, {}).setdefault(fact.kind, {})
            days[fact.event_day] = days.get(fact.event_day, 0) + fact.sign
    newest: dict[str, Certificate] = {}
    for label, events in told.items():
        issued, verified, expires = (_standing(events.get(f"certificate_{name}", {})) for name in ("issued", "verified", "expired"))
        if issued is not None:
            kind = label.partition("/")[0]
            found = Certificate(kind, to_date(issued), _date(expires), _date(verified), _validity(expires, day))
            if kind not in newest or found.issued_on > newest[kind].issued_on:
                newest[kind] = found
    return tuple(sorted(newest.values(), key=lambda each: (each.validity is Validity.EXPIRED, each.kind)))


def _standing(days: dict[int, int]) -> int | None:
    """Return the last day that was told and not taken back."""
    return max((day for day, signs in days.items() if signs > 0), default=None)


def _date(day: int | None) -> date | None:
    return None if day is None else to_date(day)


def _validity(expires: int | None, day: int) -> Validity:
    """Return how a certificate that expires on one day stands on another."""
    if expires is None or expires - EXPIRY_NOTICE_DAYS >= day:
        return Validity.VALID
    return Validity.EXPIRED if expires < day else Validity.EXPIRING
