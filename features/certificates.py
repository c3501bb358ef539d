"""Features of qualification documents: how many are held, how many speak of quality, what was verified, what runs out soon."""

from typing import Final

from features.facts import EXPIRY_NOTICE_DAYS
from features.feature import Family, Feature, Unit
from features.formula import Floor, Formula, Minus, Ratio, Sum


def _held(column: str) -> Floor:
    """Documents issued and not expired."""
    return Floor(Minus(Sum("certificate_issued", column, None), Sum("certificate_expired", column, None)))


_EXPIRING: Final = Floor(Minus(Sum("certificate_expiring", "count", None), Sum("certificate_expired", "count", None)))
_VERIFIED: Final = Ratio(Sum("certificate_verified", "count", None), Sum("certificate_issued", "count", None))


def _declare(quantity: str, formula: Formula, unit: Unit, direction: int, zh: str, en: str) -> Feature:
    """One feature of the certificates, all of which the supplier can obtain, hand in or renew."""
    return Feature(f"certificates_{quantity}_all", unit, Family.CERTIFICATES, formula, direction, zh, en, "certificates", None, True)


FEATURES: Final = (
    _declare("held_count", _held("count"), Unit.COUNT, -1, "有效资质数", "Certificates held"),
    _declare("quality_count", _held("quality"), Unit.COUNT, -1, "有效的质量类资质数（不含营业执照与税务登记）", "Certificates of quality held, licence and tax registration aside"),
    _declare("verified_share", _VERIFIED, Unit.RATIO, -1, "历来资质中经核验的占比", "Share of the certificates ever issued that were verified"),
    _declare("expiring_share", Ratio(_EXPIRING, _held("count")), Unit.RATIO, 1, f"{EXPIRY_NOTICE_DAYS} 天内到期的资质占比", f"Share of certificates that expire within {EXPIRY_NOTICE_DAYS} days"),
)  # fmt: skip
