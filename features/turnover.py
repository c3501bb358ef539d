"""What did a supplier sell, deliver and not take back before a day? The turnover a financing is sized by, from the stored ledger.

Beside the features, not one of them: no model learns from it. Point in time as they are: what became known on the as-of date or later
changes nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from credit.application import Turnover
from credit.errors import NotEnoughHistory
from credit.money import divided_up
from features.civil import ALWAYS, NONE, to_day
from features.ledger import Ledger
from features.records import MISSING, Records
from features.segment import TABLES

_YEAR, _QUARTER = 365, 90
_NEEDED = frozenset({"orders", "fulfilments"})


@dataclass(frozen=True, slots=True)
class Sale:
    """One delivery: its civil day, who bought (a code), and its value in fen, less what was sent back or rejected."""

    day: int
    party: int
    value: int


def turnover_before(ledger: Ledger, supplier_id: str, as_of: date) -> Turnover:
    """Return the supplier's turnover of the 365 and of the 90 days before ``as_of``, and its largest buyer's part, in fen.

    Raises
    ------
    UnknownSupplier
        The supplier does not stand in the ledger.
    NotEnoughHistory
        The platform did not hand over orders and deliveries, so that there is no turnover to know.
    """
    lacking = sorted(_NEEDED - ledger.present)
    if lacking:
        raise NotEnoughHistory(f"Turnover is read from orders and fulfilments; the ledger was built without {', '.join(lacking)}.")
    day = to_day(as_of)
    records = ledger.records_of(supplier_id).records
    found = [sale for sale in sales(records[TABLES.index("orders")], records[TABLES.index("fulfilments")], day) if sale.day >= day - _YEAR]
    buyers: dict[int, int] = {}
    for sale in found:
        buyers[sale.party] = buyers.get(sale.party, 0) + sale.value
    return Turnover(
        last_365d=sum(sale.value for sale in found),
        last_90d=sum(sale.value for sale in found if sale.day >= day - _QUARTER),
        largest_buyer_365d=max(buyers.values(), default=0),
    )


def sales(orders: Records, fulfilments: Records, day: int) -> Iterator[Sale]:
    """Yield every delivery known before a civil day.

    Notes
    -----
    An order's amount is spread over its deliveries by their quantities, in the order of their days and rounded down as it runs up, at most
    the whole; where a quantity is not known, the first delivery carries it all. What was rejected at the inspection comes off by quantity,
    what was sent back by its amount, all of the delivery where the amount is not known; the same goods may be told in both ways, so the
    larger of the two counts.
    """
    delivered: dict[int, list[Records]] = {}
    for row in _believed(fulfilments, day):
        if row["delivered"] != NONE and row["delivered"] < day:
            delivered.setdefault(int(row["order"]), []).append(row)
    for order in _believed(orders, day):
        if order["ordered"] < day and order["amount"] != MISSING:  # a row that was withdrawn has none
            rows = sorted(delivered.get(int(order["key"]), ()), key=lambda row: (int(row["delivered"]), int(row["key"])))
            for row, value in zip(rows, _spread(order, rows), strict=True):
                yield Sale(int(row["delivered"]), int(order["party"]), max(value - _taken_back(order, row, value, day), 0))


def _believed(rows: Records, day: int) -> Iterable[Records]:
    """Return the version of each row that was believed at the start of the day."""
    newest: dict[int, Records] = {}
    for row in rows:
        is_known = row["recorded"] == ALWAYS or row["recorded_day"] < day
        kept = newest.get(int(row["key"]))
        if is_known and (kept is None or row["recorded"] >= kept["recorded"]):
            newest[int(row["key"])] = row
    return newest.values()


def _spread(order: Records, rows: list[Records]) -> list[int]:
    """Return each delivery's part of the order's amount."""
    amount, ordered = int(order["amount"]), int(order["quantity"])
    if ordered == MISSING or ordered <= 0 or any(row["quantity_delivered"] == MISSING for row in rows):
        return [amount, *[0] * (len(rows) - 1)] if rows else []
    parts, quantity, so_far = [], 0, 0
    for row in rows:
        quantity = min(quantity + int(row["quantity_delivered"]), ordered)
        parts.append(amount * quantity // ordered - so_far)
        so_far += parts[-1]
    return parts


def _taken_back(order: Records, row: Records, value: int, day: int) -> int:
    """Return what of a delivery's value was rejected or sent back before the day."""
    returned = rejected = 0
    if row["returned"] != NONE and row["returned"] < day:
        returned = value if row["return_amount"] == MISSING else int(row["return_amount"])
    known_reject = row["quantity_rejected"] != MISSING and row["inspected"] != NONE and row["inspected"] < day
    if known_reject and order["quantity"] != MISSING and order["quantity"] > 0:
        rejected = divided_up(int(order["amount"]) * int(row["quantity_rejected"]), int(order["quantity"]))
    return max(returned, rejected)
