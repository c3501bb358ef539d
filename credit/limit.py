"""How much, and for how long? The least of what each rule allows; a higher PD or LGD never gives more."""

from dataclasses import dataclass

from credit.application import Product
from credit.collateral import Collateral
from credit.derivation import Line, Operation
from credit.risk import Risk
from credit.rule import RuleFired, fire, fire_set_by
from credit.worksheet import Worksheet


@dataclass(frozen=True, slots=True)
class Limit:
    """The advance rate, the limit, or None where it would be too small, and the rules that were met."""

    advance_rate: Line
    limit: Line | None
    fired: tuple[RuleFired, ...]


def limit_of(product: Product, requested: Line, owed: Line, collateral: Collateral, risk: Risk, sheet: Worksheet) -> Limit:
    """Return the limit: the least of what is asked for, the collateral, the turnover, the loss budget, the product and the statute allow.

    Money still owed to the bank, whatever the product, takes up the turnover, the loss budget and the statutory limit of one borrower. The
    advance rate falls in a straight line as the PD rises to the cut-off.
    """
    advance_rate = sheet.work_out(
        "advance_rate",
        Operation.SLOPE,
        [
            sheet.policy(f"{product}.top_advance_rate"),
            sheet.policy(f"{product}.least_advance_rate"),
            risk.pd,
            sheet.policy("financing.cutoff_pd"),
        ],
        "ppm",
    )
    limits = [
        requested,
        sheet.work_out("limit.by_collateral", Operation.SHARE, [collateral.counted, advance_rate], "fen"),
        _of_turnover(product, owed, sheet),
        _of_loss(owed, risk, sheet),
        sheet.policy(f"{product}.max_limit"),
        _of_capital(owed, sheet),
    ]
    least = sheet.work_out("limit.least", Operation.LEAST, limits, "fen")
    floor = sheet.policy("financing.least_limit")
    if least.value < floor.value:
        return Limit(advance_rate, None, (fire("LIMIT_TOO_SMALL", least, floor), *_set_by(limits, requested)))
    limit = sheet.work_out("limit", Operation.STEP_DOWN, [least, sheet.policy("financing.rounding_unit")], "fen")
    automatic = sheet.policy("financing.automatic_limit")
    above = (fire("ABOVE_AUTOMATIC_LIMIT", limit, automatic),) if limit.value > automatic.value else ()
    return Limit(advance_rate, limit, (*above, *_set_by(limits, requested)))


def tenor_of(product: Product, requested: Line, collateral: Collateral, sheet: Worksheet) -> tuple[Line, tuple[RuleFired, ...]]:
    """Return the tenor: the least of what is asked for, the product and the statute allow, and the collateral's last money and grace."""
    tenors = [requested, sheet.policy(f"{product}.max_tenor_days"), sheet.policy("statute.working_capital_tenor_days")]
    if collateral.days is not None:
        grace = sheet.policy(f"{product}.grace_days")
        tenors.append(sheet.work_out("collateral.tenor", Operation.SUM, [collateral.days, grace], "days"))
    tenor = sheet.work_out("tenor_days", Operation.LEAST, tenors, "days")
    fired = []
    if tenor.value < requested.value:
        setter = min(tenors, key=lambda line: line.value)
        fired.append(fire_set_by("TENOR_SHORTENED", setter))
    if collateral.days is not None and tenor.value < collateral.days.value:
        fired.append(fire("TENOR_BEFORE_COLLECTION", tenor, collateral.days))
    return tenor, tuple(fired)


def _of_turnover(product: Product, owed: Line, sheet: Worksheet) -> Line:
    year = next(line for line in sheet.lines if line.code == "turnover.last_365d")
    share = sheet.work_out("limit.of_turnover", Operation.SHARE, [year, sheet.policy(f"{product}.turnover_share")], "fen")
    return sheet.work_out("limit.by_turnover", Operation.DIFFERENCE, [share, owed], "fen")


def _of_loss(owed: Line, risk: Risk, sheet: Worksheet) -> Line:
    budget = sheet.policy("financing.expected_loss_budget")
    most = sheet.work_out("limit.of_loss", Operation.RATIO, [budget, risk.expected_loss_rate], "fen")
    return sheet.work_out("limit.by_loss", Operation.DIFFERENCE, [most, owed], "fen")


def _of_capital(owed: Line, sheet: Worksheet) -> Line:
    share = sheet.policy("statute.single_borrower_share")
    most = sheet.work_out("limit.of_capital", Operation.SHARE, [sheet.policy("financing.net_capital"), share], "fen", source=share.source)
    return sheet.work_out("limit.by_capital", Operation.DIFFERENCE, [most, owed], "fen")


def _set_by(limits: list[Line], requested: Line) -> tuple[RuleFired, ...]:
    """Say which rule set the limit, where it is less than was asked for."""
    setter = min(limits, key=lambda line: line.value)
    return (fire_set_by("LIMIT_BELOW_REQUEST", setter),) if setter.value < requested.value else ()
