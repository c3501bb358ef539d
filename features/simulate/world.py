"""What a simulated platform is made of: every number of its law, with its unit, in one frozen record.

A world with altered parameters is ``dataclasses.replace(World(), cheat_share=0.06)``. docs/simulator.md says why each stands.
Latent states are standardised (about mean 0, sd 1 over suppliers); "log-days" is the natural log of days paid late.
"""

import math
from dataclasses import asdict, dataclass

from credit.errors import OutOfRange


@dataclass(frozen=True, slots=True)
class World:
    """All parameters of the simulated platform; rates are per month unless the name says otherwise.

    Examples
    --------
    >>> World().downturn_months_before_end
    14
    """

    # --- the economy: a regime (0 normal, 1 downturn) and common shocks to industries and provinces
    downturn_months_before_end: int = 14  # months; the downturn that this world's history meets
    downturn_start: float = 1 / 60  # probability per month under the law (the forward paths draw it)
    downturn_end: float = 1 / 14  # probability per month
    industry_persistence: float = 0.93  # AR(1) coefficient of an industry's margin shock
    industry_sd: float = 0.45  # stationary sd, margin units
    province_persistence: float = 0.90
    province_sd: float = 0.40  # stationary sd, delivery units
    # --- buyers: log-days paid late, drifting
    buyers_per_supplier: float = 0.6  # buyers on the platform per supplier
    core_buyer_share: float = 0.03  # share of buyers that are core enterprises
    core_buyer_size: float = 2.5  # their orders against others', ratio
    buyer_late_log_days: float = 1.9  # mean of log days late
    buyer_level_sd: float = 0.75  # permanent differences between buyers, log-days
    buyer_drift_sd: float = 0.50  # stationary sd of the drift, log-days
    buyer_persistence: float = 0.95
    buyer_downturn: float = 1.1  # shift of the target in a downturn, log-days
    buyer_matching: float = 0.80  # correlation of a supplier's standing and its buyers' standing
    # --- margin (1 unit = margin_unit of sales)
    margin_level: float = 0.16  # mean share of sales
    margin_unit: float = 0.07  # share of sales per latent unit
    margin_between_sd: float = 0.70
    margin_drift_sd: float = 0.60
    margin_persistence: float = 0.95
    margin_downturn: float = 1.0  # squeeze of the target in a downturn, units
    # --- demand (log of volume against the supplier's base)
    demand_drift_sd: float = 0.30
    demand_persistence: float = 0.92
    demand_downturn: float = 0.5  # fall of the target, log volume
    demand_from_cash: float = 0.08  # log volume per unit of cash
    demand_memory: float = 0.85  # persistence of the slow average that growth is measured against
    # --- cash buffer: an average of margin and receivables over about ten months, with little noise of its own
    cash_persistence: float = 0.88
    cash_from_margin: float = 0.80
    cash_from_receivables: float = 1.15  # cash units per log-day of weighted lateness
    cash_from_growth: float = 0.40  # cash units per log point of growth
    cash_noise: float = 0.08  # sd of the innovation
    cash_jump_rate: float = 0.006  # probability per month of a sudden loss
    cash_jump: float = 1.2  # cash units lost
    # --- delivery ability and quality
    delivery_between_sd: float = 0.65
    delivery_drift_sd: float = 0.30
    delivery_persistence: float = 0.94
    delivery_from_cash: float = 0.5
    delivery_from_province: float = 0.60
    quality_between_sd: float = 0.65
    quality_drift_sd: float = 0.30
    quality_persistence: float = 0.94
    quality_from_delivery: float = 0.25
    # --- default: log hazard per month
    hazard_log_level: float = -6.25
    hazard_from_cash: float = 0.70
    hazard_from_margin: float = 0.25
    hazard_from_delivery: float = 0.85
    hazard_from_quality: float = 0.35
    hazard_from_growth: float = 0.7
    hazard_from_receivables: float = 0.3  # per log-day
    hazard_from_concentration: float = 1.2  # per unit of buyer HHI (0 to 1)
    hazard_from_size: float = 0.45  # per log of orders per month against the mean supplier's
    hazard_cap: float = 0.35  # largest probability per month
    # --- cheats
    cheat_share: float = 0.035  # share of suppliers, split evenly over ring, bought reviews, bust-out
    cheat_start: float = 1 / 18  # probability per month that a cheat begins
    ring_hazard: float = 2.0  # log hazard while wash trading
    review_hazard: float = 1.3  # log hazard while buying reviews
    bust_months: int = 6  # months of good appearance before a bust-out
    bust_hazard: float = 4.5  # log hazard after them
    ring_wash_ratio: float = 1.0  # wash orders per genuine order
    bust_purchase_ratio: float = 1.35  # purchases against normal while preparing a bust-out
    # --- trade
    orders_per_month: float = 11.0  # mean over suppliers before season
    orders_least: float = 2.5  # of the smallest supplier
    orders_sd: float = 0.65  # log sd between suppliers (heavy tail)
    order_amount_log: float = 10.2  # log CNY of a typical order
    order_amount_between_sd: float = 0.75
    order_amount_within_sd: float = 0.55
    order_dispersion: float = 15.0  # gamma shape of the monthly intensity at cash 0; stress makes months irregular
    late_logit: float = -1.5  # logit of a late delivery at ability 0
    late_from_delivery: float = 1.25
    late_days: float = 6.0  # mean days late of a late delivery at ability 0
    cancel_rate: float = 0.035  # at cash 0
    cancel_from_cash: float = 0.7
    partial_rate: float = 0.05  # share of orders delivered in two parts
    reject_rate: float = 0.07  # at quality 0
    reject_from_quality: float = 0.8
    return_rate: float = 0.02
    dispute_rate: float = 0.004  # orders never delivered by a living supplier at ability 0
    review_rate: float = 0.38
    review_noise: float = 0.7  # stars
    review_delay_days: float = 9.0
    payment_shape: float = 3.0  # gamma shape of an invoice's days late about its buyer's mean
    invoice_rate: float = 0.92
    purchase_noise: float = 0.05  # log sd of a month's purchases
    purchase_cancel_rate: float = 0.03
    new_year_volume: float = 0.10  # of a normal day, in the New Year stop
    # --- lending: the older policy
    loan_volume_weight: float = 0.6
    loan_age_weight: float = 0.3
    loan_recent_weight: float = 0.5
    loan_noise: float = 1.0
    loan_threshold: float = -0.6  # score units
    loan_apply_rate: float = 0.12
    loan_renewal: float = 0.90  # probability that a loan is renewed, settled when it is drawn
    loan_renewal_left: int = 6  # instalments left when the renewal is drawn
    late_payment_rate: float = 0.06  # an instalment 1 to 20 days late
    spell_rate: float = 0.0025  # an instalment 30 to 85 days late that cures, at cash 0
    # --- what the platform records late, or corrects
    late_record_rate: float = 0.03
    late_record_days: float = 6.0
    correction_rate: float = 0.005
    # --- truth
    truth_paths: int = 64  # forward paths per supplier and month (even: antithetic pairs)


_SHARES = ("_share", "_rate", "_persistence", "_memory", "_renewal", "_cap", "_start", "_end", "_matching")


def check_world(world: World) -> None:
    """Refuse a world whose law has no meaning.

    Raises
    ------
    OutOfRange
        If a number is not finite, a share or probability lies outside [0, 1], a persistence reaches 1, a spread or a rate of
        trade is negative, or the forward paths are not an even number of at least 4.
    """
    for name, value in asdict(world).items():
        if not math.isfinite(value):
            raise OutOfRange(f"{name} must be a finite number; got {value!r}. Use World()'s default or one near it.")
        if name.endswith(_SHARES) and name != "downturn_months_before_end" and not 0 <= value <= 1:
            raise OutOfRange(f"{name} must be from 0 to 1; got {value!r}. It is a share or a probability.")
        if name.endswith(("_persistence", "_memory")) and value >= 1:
            raise OutOfRange(f"{name} must be below 1; got {value!r}. At 1 the state has no stationary law.")
        if name.endswith(("_sd", "_noise", "_days", "_ratio", "_months", "_volume", "_jump")) and value < 0:
            raise OutOfRange(f"{name} must be at least 0; got {value!r}. It is a spread, a duration or a ratio.")
    for name in ("orders_per_month", "orders_least", "order_dispersion", "payment_shape", "core_buyer_size", "buyers_per_supplier"):
        if getattr(world, name) <= 0:
            raise OutOfRange(f"{name} must be above 0; got {getattr(world, name)!r}. Nothing is traded at 0.")
    if not 0 < world.hazard_cap < 1:
        raise OutOfRange(f"hazard_cap must be between 0 and 1; got {world.hazard_cap!r}. A default is never certain beforehand.")
    if world.truth_paths < 4 or world.truth_paths % 2:
        raise OutOfRange(f"truth_paths must be even and at least 4; got {world.truth_paths!r}. Paths come in antithetic pairs.")
