"""Features of the supplier itself: how long it has been there. Only what cannot change, or has versions, may be used."""

from typing import Final

from features.feature import Family, Feature, Unit
from features.formula import DaysSince

FEATURES: Final = (
    Feature(
        "supplier_tenure_days_all", Unit.DAYS, Family.TENURE, DaysSince("supplier_joined"), -1,
        "加入平台至今的天数", "Days since joining the platform", "suppliers",
    ),
    Feature(
        "supplier_age_days_all", Unit.DAYS, Family.TENURE, DaysSince("supplier_registered"), -1,
        "企业注册至今的天数", "Days since registration as a business", "suppliers",
    ),
)  # fmt: skip
