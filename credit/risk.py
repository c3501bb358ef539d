"""What can be lost? PD from the score, LGD assumed by dated policy, EAD from the limit: expected loss = PD x LGD x EAD."""

from dataclasses import dataclass

from credit.application import Product, Request, ScoredSupplier, Turnover
from credit.derivation import Line, Operation
from credit.money import ppm_rounded_up
from credit.rule import RuleFired, fire
from credit.worksheet import Worksheet

EXPECTED_LOSS_SOURCE = "expected loss = PD x LGD x EAD (Basel framework, CRE31 and CRE35)"


@dataclass(frozen=True, slots=True)
class Risk:
    """PD reckoned with, LGD assumed, share of the limit drawn at default, and their product: the expected loss a year, of the limit."""

    pd: Line
    lgd: Line
    ead_share: Line
    expected_loss_rate: Line


def risk(product: Product, supplier: ScoredSupplier, sheet: Worksheet) -> Risk:
    """Return the risk of a financing; a higher PD never gives a lower expected loss."""
    scored = sheet.given("score.pd", ppm_rounded_up(supplier.pd), "ppm", "score")
    pd = sheet.work_out("risk.pd", Operation.GREATEST, [scored, sheet.policy("financing.pd_floor")], "ppm")
    lgd = sheet.policy(f"{product}.lgd")
    ead_share = sheet.policy("financing.ead_share")
    rate = sheet.work_out("risk.expected_loss_rate", Operation.SHARE_UP, [pd, lgd, ead_share], "ppm", source=EXPECTED_LOSS_SOURCE)
    return Risk(pd, lgd, ead_share, rate)


def expected_loss(limit: Line, tenor: Line, parts: Risk, sheet: Worksheet) -> Line:
    """Return the expected loss in fen over the tenor, the limit drawn as the policy reckons; a year's PD is spread evenly over its days."""
    ead = sheet.work_out("risk.ead", Operation.SHARE_UP, [limit, parts.ead_share], "fen")
    year = sheet.work_out("risk.expected_loss_year", Operation.SHARE_UP, [ead, parts.pd, parts.lgd], "fen", source=EXPECTED_LOSS_SOURCE)
    return sheet.work_out("risk.expected_loss", Operation.PER_YEAR, [year, tenor], "fen")


def standing_rules(supplier: ScoredSupplier, sheet: Worksheet) -> tuple[RuleFired, ...]:
    """Return what the score says against the cut-off: a PD equal to it passes, an interval across it goes to a person."""
    cutoff = sheet.policy("financing.cutoff_pd")
    low, high = supplier.interval or (supplier.pd, supplier.pd)
    low_end = sheet.given("score.pd_low", ppm_rounded_up(low), "ppm", "score")
    high_end = sheet.given("score.pd_high", ppm_rounded_up(high), "ppm", "score")
    fired = []
    if low_end.value > cutoff.value:
        fired.append(fire("PD_ABOVE_CUTOFF", low_end, cutoff))
    elif high_end.value > cutoff.value:
        fired.append(fire("PD_STRADDLES_CUTOFF", low_end, high_end, cutoff))
    if supplier.interval is None:
        fired.append(fire("INTERVAL_MISSING", source="release of the model"))
    if supplier.sufficiency == "C":
        fired.append(fire("DATA_THIN", source="policy sufficiency"))
    return tuple(fired)


def turnover_rules(turnover: Turnover, sheet: Worksheet) -> tuple[RuleFired, ...]:
    """Return what the turnover says: none is a decline, a falling or concentrated one goes to a person."""
    year = sheet.given("turnover.last_365d", turnover.last_365d, "fen", "turnover facts")
    if year.value == 0:
        return (fire("TURNOVER_MISSING"),)
    quarter = sheet.given("turnover.last_90d", turnover.last_90d, "fen", "turnover facts")
    largest = sheet.given("turnover.largest_buyer_365d", turnover.largest_buyer_365d, "fen", "turnover facts")
    fired = []
    recent, least = (
        sheet.work_out("turnover.quarter_share", Operation.RATIO, [quarter, year], "ppm"),
        sheet.policy("financing.falling_turnover_share"),
    )
    if recent.value < least.value:
        fired.append(fire("TURNOVER_FALLING", recent, least))
    share, most = (
        sheet.work_out("turnover.largest_buyer_share", Operation.RATIO_UP, [largest, year], "ppm"),
        sheet.policy("financing.largest_buyer_share"),
    )
    if share.value > most.value:
        fired.append(fire("BUYER_CONCENTRATED", share, most))
    return tuple(fired)


def request_lines(request: Request, sheet: Worksheet) -> tuple[Line, Line, Line]:
    """Put down what is asked for: amount, tenor, and what is already owed."""
    return (
        sheet.given("request.amount", request.amount, "fen", "application"),
        sheet.given("request.tenor_days", request.tenor_days, "days", "application"),
        sheet.given("request.outstanding", request.outstanding, "fen", "the bank's ledger"),
    )
