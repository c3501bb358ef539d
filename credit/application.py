"""What does a supplier ask for, and against what? The request, named invoices, orders or stock, and what is known of the supplier.

Amounts are in fen. Everything is as of one date; nothing here reads a clock.
"""

import math
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from credit.double_financing import canonical_number
from credit.errors import ApplicationInvalid, OutOfRange

LARGEST_AMOUNT = 10**15
"""Fen, CNY 10 trillion: a larger amount is a slip of units."""

LONGEST_TENOR = 3660
LONGEST_ID = 64
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2999, 12, 31)
"""Days outside are slips of writing."""


class Product(StrEnum):
    """What a financing rests on."""

    RECEIVABLES = "receivables"
    PURCHASE_ORDERS = "purchase_orders"
    STOCK = "stock"


class StockKind(StrEnum):
    """How readily stock turns to money: each kind has its haircut."""

    COMMODITY = "commodity"
    FINISHED = "finished"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks for how much, for how long; ``outstanding`` is what the supplier already owes this bank, all loans counted."""

    application_id: str
    supplier_id: str
    as_of: date
    amount: int
    tenor_days: int
    outstanding: int = 0

    def __post_init__(self) -> None:
        """Refuse amounts and tenors that mean nothing."""
        _identifier("application_id", self.application_id)
        _identifier("supplier_id", self.supplier_id)
        _days("as_of", self.as_of)
        _amount("amount", self.amount, least=1)
        _amount("outstanding", self.outstanding)
        if not 1 <= self.tenor_days <= LONGEST_TENOR:
            raise OutOfRange(f"tenor_days must lie between 1 and {LONGEST_TENOR}, found {self.tenor_days}")


@dataclass(frozen=True, slots=True)
class ScoredSupplier:
    """What the score says: points, PD within 12 months with its interval, grade, and how much is on record (A, B; C is thin).

    The interval is None where the model was released without one.
    """

    points: float
    pd: float
    grade: str
    interval: tuple[float, float] | None
    sufficiency: str

    def __post_init__(self) -> None:
        """Refuse a PD outside (0, 1), an interval that does not hold it, and an unknown sufficiency."""
        if not (math.isfinite(self.points) and 0.0 < self.pd < 1.0):
            raise OutOfRange(f"points must be finite and pd lie strictly between 0 and 1, found {self.points} and {self.pd}")
        if self.interval is not None and not 0.0 <= self.interval[0] <= self.pd <= self.interval[1] <= 1.0:
            raise OutOfRange(f"the PD must lie in its interval {self.interval}, found {self.pd}")
        if self.sufficiency not in {"A", "B", "C"}:
            raise OutOfRange(f"sufficiency must be A, B or C, found {self.sufficiency!r}")


@dataclass(frozen=True, slots=True)
class Turnover:
    """Delivered and not returned sales before the as-of date, in fen: of 365 days, of the last 90, and of the largest buyer in 365."""

    last_365d: int
    last_90d: int
    largest_buyer_365d: int

    def __post_init__(self) -> None:
        """Refuse parts larger than the whole."""
        for name in ("last_365d", "last_90d", "largest_buyer_365d"):
            _amount(name, getattr(self, name))
        if max(self.last_90d, self.largest_buyer_365d) > self.last_365d:
            raise OutOfRange(f"last_90d and largest_buyer_365d are parts of last_365d, found {self}")


@dataclass(frozen=True, slots=True)
class Invoice:
    """A receivable of the supplier on one buyer; an electronic voucher where ``is_voucher``.

    ``is_financed_elsewhere``: its fingerprint is already held for another financing; ``is_similar_elsewhere``: one of the same number with
    another amount or date is. ``is_large_buyer``: the law sets its payment term.
    """

    number: str
    buyer_id: str
    amount: int
    issued_on: date
    due_on: date
    delivered_on: date | None
    paid: int = 0
    is_voucher: bool = False
    is_large_buyer: bool = False
    is_disputed: bool = False
    is_related_party: bool = False
    is_financed_elsewhere: bool = False
    is_similar_elsewhere: bool = False

    def __post_init__(self) -> None:
        """Refuse an invoice that contradicts itself."""
        _identifier("number of an invoice", self.number)
        _identifier(f"buyer_id of invoice {self.number}", self.buyer_id)
        _days(f"invoice {self.number}", self.issued_on, self.due_on, self.delivered_on)
        _amount(f"amount of invoice {self.number}", self.amount, least=1)
        _amount(f"paid of invoice {self.number}", self.paid)
        if self.due_on < self.issued_on:
            raise ApplicationInvalid(f"invoice {self.number}: due_not_before_issued; found due {self.due_on}, issued {self.issued_on}")


@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """An order a buyer has placed and the supplier has yet to deliver; the buyer pays ``payment_days`` after delivery."""

    number: str
    buyer_id: str
    amount: int
    ordered_on: date
    promised_on: date
    payment_days: int
    is_confirmed: bool
    is_cancelled: bool = False
    is_delivered: bool = False
    is_related_party: bool = False
    is_financed_elsewhere: bool = False
    is_similar_elsewhere: bool = False

    def __post_init__(self) -> None:
        """Refuse an order that contradicts itself."""
        _identifier("number of an order", self.number)
        _identifier(f"buyer_id of order {self.number}", self.buyer_id)
        _days(f"order {self.number}", self.ordered_on, self.promised_on)
        _amount(f"amount of order {self.number}", self.amount, least=1)
        if self.promised_on < self.ordered_on:
            raise ApplicationInvalid(f"order {self.number}: promised_not_before_ordered; found {self.promised_on} and {self.ordered_on}")
        if not 0 <= self.payment_days <= LONGEST_TENOR:
            raise OutOfRange(f"order {self.number}: payment_days must lie between 0 and {LONGEST_TENOR}, found {self.payment_days}")


@dataclass(frozen=True, slots=True)
class StockLot:
    """A lot of stock to be pledged: whole units at a dated market price in fen; ``in_custody`` of an independent warehouse."""

    number: str
    category: str
    kind: StockKind
    quantity: int
    unit_price: int
    priced_on: date
    in_custody: bool
    is_insured: bool
    keeps_until: date | None = None
    is_pledged_elsewhere: bool = False
    is_similar_elsewhere: bool = False

    def __post_init__(self) -> None:
        """Refuse a lot without units, price or name."""
        _identifier("number of a lot", self.number)
        _identifier(f"category of lot {self.number}", self.category)
        _days(f"lot {self.number}", self.priced_on, self.keeps_until)
        _amount(f"unit_price of lot {self.number}", self.unit_price, least=1)
        _amount(f"quantity of lot {self.number}", self.quantity, least=1)
        _amount(f"value of lot {self.number}", self.quantity * self.unit_price, least=1)


@dataclass(frozen=True, slots=True)
class ReceivablesApplication:
    """An advance against named invoices."""

    request: Request
    invoices: tuple[Invoice, ...]

    def __post_init__(self) -> None:
        """Refuse an application that names nothing, or one thing twice."""
        _named_once("invoice", (invoice.number for invoice in self.invoices))


@dataclass(frozen=True, slots=True)
class PurchaseOrdersApplication:
    """An advance against named orders, paid out by milestones."""

    request: Request
    orders: tuple[PurchaseOrder, ...]

    def __post_init__(self) -> None:
        """Refuse an application that names nothing, or one thing twice."""
        _named_once("order", (order.number for order in self.orders))


@dataclass(frozen=True, slots=True)
class StockApplication:
    """An advance against pledged stock."""

    request: Request
    lots: tuple[StockLot, ...]

    def __post_init__(self) -> None:
        """Refuse an application that names nothing, or one thing twice."""
        _named_once("lot", (lot.number for lot in self.lots))


Application = ReceivablesApplication | PurchaseOrdersApplication | StockApplication


def product_of(application: Application) -> Product:
    """Return the product an application is for."""
    match application:
        case ReceivablesApplication():
            return Product.RECEIVABLES
        case PurchaseOrdersApplication():
            return Product.PURCHASE_ORDERS
        case StockApplication():
            return Product.STOCK


def _amount(name: str, value: int, least: int = 0) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST_AMOUNT:
        raise OutOfRange(f"{name} must be a whole number (of fen, or pieces) from {least} to {LARGEST_AMOUNT}, found {value!r}")


def _identifier(name: str, text: str) -> None:
    if not 1 <= len(text.strip()) <= len(text) <= LONGEST_ID or any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in text):
        raise ApplicationInvalid(f"{name} must have 1 to {LONGEST_ID} characters, no control characters; found {text[:80]!r}")


def _days(name: str, *days: date | None) -> None:
    for day in days:
        if day is not None and (isinstance(day, datetime) or not FIRST_DAY <= day <= LAST_DAY):
            raise OutOfRange(f"{name}: a day must be a date from {FIRST_DAY} to {LAST_DAY}, found {day}")


def _named_once(noun: str, numbers: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for number in numbers:
        canonical = canonical_number(number)
        if canonical in seen:
            raise ApplicationInvalid(f"{noun} {number!r} stands twice, also as {seen[canonical]!r}: name each {noun} once")
        seen[canonical] = number
    if not seen:
        raise ApplicationInvalid(f"an application must name at least one {noun}, found none")
