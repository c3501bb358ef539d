"""From the fields of a form to an application: rows of invoices, orders or lots, typed in or pasted as CSV, amounts in yuan."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from credit.application import Product, StockKind
from credit.errors import OutOfRange
from credit.money import fen
from serving.decisions.requests import LISTS, MOST_ITEMS, DecisionRequest
from serving.http.problems import FIELD_CODES

FIRST_ROWS: Final = 10
MOST_ROWS: Final = 30
"""Applications of more rows are shown as CSV again: so many input fields would make a heavy page."""


class FieldKind(StrEnum):
    """How a field is filled in."""

    TEXT = "text"
    MONEY = "money"
    COUNT = "count"
    DAY = "day"
    FLAG = "flag"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a row: its name in the application, and how it is filled in; ``is_needed`` where it cannot be left empty."""

    name: str
    kind: FieldKind
    is_needed: bool = False


def _fields(**kinds: FieldKind | tuple[FieldKind, bool]) -> tuple[Field, ...]:
    return tuple(Field(name, *(told if isinstance(told, tuple) else (told,))) for name, told in kinds.items())


_TEXT, _MONEY, _COUNT, _DAY = ((kind, True) for kind in (FieldKind.TEXT, FieldKind.MONEY, FieldKind.COUNT, FieldKind.DAY))
HEAD: Final = _fields(amount=_MONEY, tenor_days=_COUNT, owed_besides=FieldKind.MONEY, as_of=FieldKind.DAY)
FIELDS: Final[Mapping[Product, tuple[Field, ...]]] = MappingProxyType(
    {
        Product.RECEIVABLES: _fields(
            number=_TEXT,
            buyer_id=_TEXT,
            amount=_MONEY,
            issued_on=_DAY,
            due_on=_DAY,
            delivered_on=FieldKind.DAY,
            paid=FieldKind.MONEY,
            is_voucher=FieldKind.FLAG,
            is_large_buyer=FieldKind.FLAG,
            is_disputed=FieldKind.FLAG,
            is_related_party=FieldKind.FLAG,
            is_financed_elsewhere=FieldKind.FLAG,
        ),
        Product.PURCHASE_ORDERS: _fields(
            number=_TEXT,
            buyer_id=_TEXT,
            amount=_MONEY,
            ordered_on=_DAY,
            promised_on=_DAY,
            payment_days=_COUNT,
            is_confirmed=FieldKind.FLAG,
            is_cancelled=FieldKind.FLAG,
            is_delivered=FieldKind.FLAG,
            is_related_party=FieldKind.FLAG,
            is_financed_elsewhere=FieldKind.FLAG,
        ),
        Product.STOCK: _fields(
            number=_TEXT,
            received_on=_DAY,
            category=_TEXT,
            kind=(FieldKind.CHOICE, True),
            quantity=_COUNT,
            unit_price=_MONEY,
            priced_on=_DAY,
            keeps_until=FieldKind.DAY,
            in_custody=FieldKind.FLAG,
            is_insured=FieldKind.FLAG,
            is_pledged_elsewhere=FieldKind.FLAG,
        ),
    }
)
"""The fields of a row of each product, in the order they are shown; the names are those of `serving.decisions.requests`."""
KINDS_OF_STOCK: Final = tuple(kind.value for kind in StockKind)
_WHOLE: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_TRUE: Final = frozenset({"1", "true", "yes", "y", "on", "是"})


@dataclass(frozen=True, slots=True)
class Draft:
    """An application as it was typed: texts by field, and its rows; a row of nothing but empty fields is none."""

    product: Product
    head: Mapping[str, str]
    rows: Sequence[Mapping[str, str]]

    @property
    def as_csv(self) -> str:
        """The rows as CSV under a line of names, as it can be pasted again."""
        names = [field.name for field in FIELDS[self.product]]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([row.get(name, "") for name in names] for row in self.rows)
        return text.getvalue()


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a field: its name in the form, the row (from 1; 0 for the application itself), the field and the rule's code."""

    place: str
    row: int
    field: str
    code: str


def read_draft(product: Product, form: Mapping[str, str]) -> Draft:
    """Read what was typed; pasted CSV stands in place of the rows."""
    names = [field.name for field in FIELDS[product]]
    pasted = form.get("csv", "")
    if pasted.strip():
        rows = read_csv(product, pasted)
    else:
        rows = [{name: form.get(f"row-{place}-{name}", "").strip() for name in names} for place in range(MOST_ITEMS)]
        rows = [row for row in rows if any(row.values())]
    return Draft(product, {field.name: form.get(field.name, "").strip() for field in HEAD}, rows)


def read_csv(product: Product, pasted: str) -> list[dict[str, str]]:
    """Read rows from CSV or from cells of a spreadsheet; a first line of names says the order, else it is the form's.

    Examples
    --------
    >>> read_csv(Product.RECEIVABLES, "number,amount\\nF-1,100")
    [{'number': 'F-1', 'amount': '100'}]
    """
    names = [field.name for field in FIELDS[product]]
    first = pasted.lstrip().partition("\n")[0]
    lines = [
        [cell.strip() for cell in line]
        for line in csv.reader(io.StringIO(pasted.strip()), delimiter="\t" if "\t" in first else ",")
        if any(cell.strip() for cell in line)
    ]
    if lines and "number" in lines[0]:
        names = lines.pop(0)
    return [dict(zip(names, line, strict=False)) for line in lines[: MOST_ITEMS + 1]]


def request_of(draft: Draft, supplier_id: str) -> tuple[DecisionRequest | None, tuple[Fault, ...]]:
    """Return the application, or what is wrong with it; exactly one of the two is there."""
    told: dict[str, Any] = {"supplier_id": supplier_id, "product": draft.product}
    told |= {field.name: value for field in HEAD if (value := _value(field, draft.head.get(field.name, ""))) is not None}
    fields = {field.name: field for field in FIELDS[draft.product]}
    items = []
    for row in draft.rows:
        typed = {name: _value(fields[name], text) if name in fields else text for name, text in row.items()}
        items.append({name: value for name, value in typed.items() if value is not None})
    try:
        return DecisionRequest.model_validate(told | {LISTS[draft.product]: items}), ()
    except ValidationError as error:
        return None, tuple(_fault(found) for found in error.errors(include_input=False, include_context=False, include_url=False))


def _value(field: Field, text: str) -> Any:
    """Return a field's value as the application has it, None where it is empty; what cannot be read stays a text, and is refused."""
    if field.kind is FieldKind.FLAG:
        return text.casefold() in _TRUE
    value: int | str | None = text or None
    with suppress(OutOfRange, ValueError):
        match field.kind:
            case FieldKind.MONEY if text:
                value = fen(text.replace(",", ""))
            case FieldKind.COUNT if _WHOLE.fullmatch(text):
                value = int(text)
            case FieldKind.CHOICE if text:
                value = StockKind(text)
    return value


def _fault(found: Mapping[str, Any]) -> Fault:
    """Return where and why the application is refused."""
    path, code = [str(part) for part in found["loc"]], str(found["type"])
    code = next((form for form in ("date", "uuid") if code.startswith(form)), code)
    code = code if code in FIELD_CODES else "invalid"
    if len(path) >= 2 and path[1].isdigit():
        row, name = int(path[1]), path[2] if len(path) > 2 else "number"
        known = name if code != "extra_forbidden" else "number"
        return Fault(f"row-{row}-{known}", row + 1, known, code)
    name = path[0] if path and path[0] in {field.name for field in HEAD} else "amount"
    return Fault(name if path else "row-0-number", 0, name if path else "number", code)
