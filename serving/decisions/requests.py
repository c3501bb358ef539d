"""What goes over the wire to the service about decisions: applications and steps. Amounts are whole fen, rates whole millionths (ppm)."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from credit.application import FIRST_DAY, LARGEST_AMOUNT, LAST_DAY, LONGEST_ID, LONGEST_TENOR, Product, StockKind
from credit.double_financing import canonical_number
from credit.errors import OutOfRange
from credit.money import PPM
from credit.referral import Act
from serving.decisions.claims import NamedDocument
from serving.schemas import PLAIN_TEXT, SUPPLIER_ID_PATTERN, PlainDate, SupplierId, _Wire

MOST_ITEMS = 200
LONGEST_REASON = 2000


def _readable(value: str) -> str:
    """Let only a text pass that can be compared: it has a letter or a digit."""
    try:
        canonical_number(value)
    except OutOfRange:
        raise PydanticCustomError("text_unreadable", "a letter or a digit") from None
    return value


def _whole(value: object) -> object:
    """Take 5.0 for 5, as JSON does, where a float holds it exactly."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT else value


def _in_bounds(value: date) -> date:
    if not FIRST_DAY <= value <= LAST_DAY:
        raise PydanticCustomError("day_out_of_bounds", "a day from 1970 to 2999")
    return value


_EXACT = 2**53
Text64 = Annotated[str, Field(min_length=1, max_length=LONGEST_ID, pattern=SUPPLIER_ID_PATTERN), AfterValidator(_readable)]
Fen = Annotated[int, Field(ge=0, le=LARGEST_AMOUNT), BeforeValidator(_whole)]
FenAboveZero = Annotated[int, Field(ge=1, le=LARGEST_AMOUNT), BeforeValidator(_whole)]
Day = Annotated[PlainDate, AfterValidator(_in_bounds)]
Ppm = Annotated[int, Field(ge=0, le=PPM), BeforeValidator(_whole)]
TenorDays = Annotated[int, Field(ge=1, le=LONGEST_TENOR), BeforeValidator(_whole)]
BuyerId = Annotated[Text64, Field(description="Who owes or ordered, one id for one buyer: its code in the register, or the platform's id.")]


class InvoiceNamed(_Wire):
    """An invoice of the supplier on one buyer, or an electronic voucher."""

    number: Text64
    buyer_id: BuyerId
    amount: Annotated[FenAboveZero, Field(description="Face value, fen.")]
    issued_on: Day
    due_on: Day
    delivered_on: Annotated[Day | None, Field(description="When the goods were delivered; null where they are not.")] = None
    paid: Annotated[Fen, Field(description="Paid of it already, fen.")] = 0
    is_voucher: Annotated[bool, Field(description="An electronic receivable voucher.")] = False
    is_large_buyer: Annotated[bool, Field(description="The law sets the buyer's payment term.")] = False
    is_disputed: bool = False
    is_related_party: bool = False
    is_financed_elsewhere: Annotated[bool, Field(description="Found in the national registry as used for another financing.")] = False

    @model_validator(mode="after")
    def _due_not_before_issued(self) -> Self:
        return _ordered(self, self.issued_on, self.due_on, "due_before_issued")


class OrderNamed(_Wire):
    """An order that a buyer has placed and the supplier has yet to deliver."""

    number: Text64
    buyer_id: BuyerId
    amount: Annotated[FenAboveZero, Field(description="Of the order, fen.")]
    ordered_on: Day
    promised_on: Annotated[Day, Field(description="When it is to be delivered.")]
    payment_days: Annotated[int, Field(ge=0, le=LONGEST_TENOR, description="From delivery to payment."), BeforeValidator(_whole)]
    is_confirmed: Annotated[bool, Field(description="The buyer has confirmed the order.")]
    is_cancelled: bool = False
    is_delivered: bool = False
    is_related_party: bool = False
    is_financed_elsewhere: Annotated[bool, Field(description="Found in the national registry as used for another financing.")] = False

    @model_validator(mode="after")
    def _promised_not_before_ordered(self) -> Self:
        return _ordered(self, self.ordered_on, self.promised_on, "promised_before_ordered")


class LotNamed(_Wire):
    """A lot of stock to be pledged, by its warehouse receipt."""

    number: Annotated[Text64, Field(description="Of the warehouse receipt.")]
    received_on: Annotated[Day, Field(description="The day on the receipt.")]
    category: Text64
    kind: Annotated[StockKind, Field(description="How readily it turns to money; each kind has its haircut.")]
    quantity: Annotated[FenAboveZero, Field(description="Whole pieces.")]
    unit_price: Annotated[FenAboveZero, Field(description="Market price of a piece, fen.")]
    priced_on: Annotated[Day, Field(description="The day of that price.")]
    in_custody: Annotated[bool, Field(description="Held by an independent warehouse.")]
    is_insured: bool
    keeps_until: Annotated[Day | None, Field(description="Null where it does not spoil.")] = None
    is_pledged_elsewhere: Annotated[bool, Field(description="Found in the national registry as pledged for another financing.")] = False

    @model_validator(mode="after")
    def _value_in_bounds(self) -> Self:
        if self.quantity * self.unit_price > LARGEST_AMOUNT:
            raise PydanticCustomError("value_out_of_bounds", "a lot's value is at most CNY 10 trillion")
        return self


Named = InvoiceNamed | OrderNamed | LotNamed
LISTS: dict[Product, str] = {Product.RECEIVABLES: "invoices", Product.PURCHASE_ORDERS: "orders", Product.STOCK: "lots"}


_LISTS_SCHEMA: list[Any] = [
    {
        "properties": {"product": {"const": product.value}, **{each: {"maxItems": 0} for each in LISTS.values()}, name: {"minItems": 1}},
        "required": [name],
    }
    for product, name in LISTS.items()
]


class DecisionRequest(_Wire):
    """An application for a financing against named invoices, orders or stock."""

    model_config = ConfigDict(json_schema_extra={"oneOf": _LISTS_SCHEMA})

    supplier_id: SupplierId
    as_of: Annotated[
        PlainDate | None,
        Field(description="Only what was known before this day is used. Default: the day after the last known one."),
    ] = None
    product: Annotated[Product, Field(description="What it rests on: receivables, purchase_orders or stock.")]
    amount: Annotated[FenAboveZero, Field(description="Asked for, fen.")]
    tenor_days: TenorDays
    owed_besides: Annotated[
        Fen, Field(description="What the supplier owes your bank besides what was decided here, fen; open decisions are added to it.")
    ] = 0
    invoices: list[InvoiceNamed] = Field(default_factory=list, max_length=MOST_ITEMS, description="For receivables, and only for them.")
    orders: list[OrderNamed] = Field(default_factory=list, max_length=MOST_ITEMS, description="For purchase_orders, and only for them.")
    lots: list[LotNamed] = Field(default_factory=list, max_length=MOST_ITEMS, description="For stock, and only for it.")

    @model_validator(mode="after")
    def _items_of_the_product(self) -> Self:
        for product, name in LISTS.items():
            if bool(getattr(self, name)) != (product is self.product):
                raise PydanticCustomError("items_of_product", "name what the product rests on, and nothing else")
        if len({canonical_number(item.number) for item in self.named}) < len(self.named):
            raise PydanticCustomError("named_twice", "name each document once")
        return self

    @property
    def named(self) -> Sequence[Named]:
        """What the application names."""
        items: Sequence[Named] = getattr(self, LISTS[self.product])
        return items

    @property
    def documents(self) -> tuple[NamedDocument, ...]:
        """What the fingerprints are made of."""
        return tuple(_document(item) for item in self.named)


class ProposedTerms(_Wire):
    """Terms that a person proposes instead of the recommended ones."""

    limit: Annotated[FenAboveZero, Field(description="Fen.")]
    advance_rate: Annotated[Ppm, Field(description="Millionths.")]
    annual_rate: Annotated[Ppm, Field(description="Millionths a year.")]
    tenor_days: TenorDays


PersonsAct = Literal[Act.REFER, Act.ACCEPT, Act.PROPOSE, Act.CONFIRM, Act.REJECT, Act.TAKE, Act.WITHDRAW, Act.REPAY]
"""What a person does; a decision lapses by itself."""
_NONE = {"type": "null"}
_PROPOSALS_SCHEMA: list[Any] = [
    {
        "properties": {
            "act": {"enum": [act.value for act in get_args(PersonsAct) if act is not Act.PROPOSE]},
            "outcome": _NONE,
            "terms": _NONE,
        }
    },
    {"properties": {"act": {"const": "propose"}, "outcome": {"const": "decline"}, "terms": _NONE}, "required": ["outcome"]},
    {
        "properties": {"act": {"const": "propose"}, "outcome": {"const": "approve"}, "terms": {"type": "object"}},
        "required": ["outcome", "terms"],
    },
]


class StepRequest(_Wire):
    """A step that a person takes on a decision."""

    model_config = ConfigDict(json_schema_extra={"oneOf": _PROPOSALS_SCHEMA})

    act: Annotated[
        PersonsAct,
        Field(description="refer, accept, propose, confirm, reject; and of what was approved: take, withdraw, repay."),
    ]
    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON, pattern=PLAIN_TEXT, description="Why; kept with the step.")]
    outcome: Annotated[Literal["approve", "decline"] | None, Field(description="What is proposed; with propose only.")] = None
    terms: Annotated[ProposedTerms | None, Field(description="The terms proposed; with the outcome approve only.")] = None

    @model_validator(mode="after")
    def _outcome_with_a_proposal(self) -> Self:
        fits = (self.outcome is not None) == (self.act is Act.PROPOSE) and (self.terms is not None) == (self.outcome == "approve")
        if not fits:
            raise PydanticCustomError("outcome_of_proposal", "a proposal has an outcome, an approval terms, and nothing else has either")
        return self


Model = TypeVar("Model", bound=_Wire)


def _ordered(model: Model, first: date, then: date, code: str) -> Model:
    if then < first:
        raise PydanticCustomError(code, "days in their order")
    return model


def _document(item: Named) -> NamedDocument:
    match item:
        case InvoiceNamed():
            return NamedDocument(item.number, item.amount, item.issued_on)
        case OrderNamed():
            return NamedDocument(item.number, item.amount, item.ordered_on)
        case LotNamed():
            return NamedDocument(item.number, item.quantity, item.received_on)
