"""At what rate? What the money, the work, the capital and the expected loss cost; a higher PD or LGD never makes it cheaper."""

from credit.application import Product
from credit.derivation import Line, Operation
from credit.risk import Risk
from credit.rule import RuleFired, fire
from credit.worksheet import Worksheet


def rate_of(product: Product, risk: Risk, sheet: Worksheet) -> tuple[Line | None, tuple[RuleFired, ...]]:
    """Return the yearly rate, or None with a decline where the rate that covers the risk is above the ceiling of product or statute.

    Notes
    -----
    rate = cost of funds + operating cost + PD x LGD x EAD share + risk weight x capital ratio x cost of capital + margin, rounded up. All
    charges are in it, since the statutory ceiling counts them all.
    """
    capital = sheet.work_out(
        "price.capital_charge",
        Operation.SHARE_UP,
        [sheet.policy("financing.risk_weight"), sheet.policy("financing.capital_ratio"), sheet.policy("financing.cost_of_capital")],
        "ppm",
    )
    costs = [sheet.policy(f"financing.{name}") for name in ("funding_cost", "operating_cost", "margin")]
    cost = sheet.work_out("price.cost", Operation.SUM, [*costs, risk.expected_loss_rate, capital], "ppm")
    needed = sheet.work_out("price.needed", Operation.STEP_UP, [cost, sheet.policy("financing.rate_step")], "ppm")
    own, statutory = sheet.policy(f"{product}.max_annual_rate"), sheet.policy("statute.annual_rate_ceiling")
    ceiling = sheet.work_out(
        "price.ceiling", Operation.LEAST, [own, statutory], "ppm", source=min(own, statutory, key=lambda n: n.value).source
    )
    if needed.value > ceiling.value:
        return None, (fire("PRICE_ABOVE_CEILING", needed, ceiling),)
    return sheet.work_out("annual_rate", Operation.LEAST, [needed, ceiling], "ppm"), ()
