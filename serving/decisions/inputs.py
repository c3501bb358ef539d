"""All that a decision is worked out from besides the policy, as the one JSON text that is kept of it and read back for a replay."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from credit.application import (
    Application,
    Invoice,
    Product,
    PurchaseOrder,
    PurchaseOrdersApplication,
    ReceivablesApplication,
    Request,
    ScoredSupplier,
    StockApplication,
    StockKind,
    StockLot,
    Turnover,
    product_of,
)
from serving.assess import Assessment
from serving.decisions.claims import NamedDocument

_DATES = frozenset({"as_of", "issued_on", "due_on", "delivered_on", "ordered_on", "promised_on", "priced_on", "keeps_until", "dated_on"})


@dataclass(frozen=True, slots=True)
class DecisionInputs:
    """An application with what was known of the supplier then, and the documents it names."""

    application: Application
    supplier: ScoredSupplier
    turnover: Turnover
    documents: tuple[NamedDocument, ...]

    def canonical(self) -> bytes:
        """Return the bytes that stand for them: JSON, keys sorted, floats in the shortest form that reads back to the same bits."""
        told = {
            "product": product_of(self.application).value,
            "request": asdict(self.application.request),
            "items": [asdict(item) for item in items_of(self.application)],
            "supplier": asdict(self.supplier),
            "turnover": asdict(self.turnover),
            "documents": [asdict(document) for document in self.documents],
        }
        return json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=date.isoformat).encode()

    @classmethod
    def from_canonical(cls, raw: bytes) -> "DecisionInputs":
        """Read what `canonical` gave."""
        told = json.loads(raw)
        supplier = told["supplier"]
        if supplier["interval"] is not None:
            supplier["interval"] = tuple(supplier["interval"])
        return cls(
            application_of(Product(told["product"]), Request(**_dated(told["request"])), [_dated(item) for item in told["items"]]),
            ScoredSupplier(**supplier),
            Turnover(**told["turnover"]),
            tuple(NamedDocument(**_dated(document)) for document in told["documents"]),
        )


def application_of(product: Product, request: Request, items: list[dict[str, Any]]) -> Application:
    """Return the application of a product for items told as fields by name."""
    match product:
        case Product.RECEIVABLES:
            return ReceivablesApplication(request, tuple(Invoice(**item) for item in items))
        case Product.PURCHASE_ORDERS:
            return PurchaseOrdersApplication(request, tuple(PurchaseOrder(**item) for item in items))
        case Product.STOCK:
            return StockApplication(request, tuple(StockLot(**item | {"kind": StockKind(item["kind"])}) for item in items))


def items_of(application: Application) -> tuple[Invoice | PurchaseOrder | StockLot, ...]:
    """Return what an application names."""
    match application:
        case ReceivablesApplication():
            return application.invoices
        case PurchaseOrdersApplication():
            return application.orders
        case StockApplication():
            return application.lots


def scored_supplier(assessment: Assessment) -> ScoredSupplier:
    """Return what a decision reads of a score; where the model was released without a measure of sufficiency, nothing says it is enough."""
    interval, sufficiency = assessment.interval, assessment.sufficiency
    return ScoredSupplier(
        points=assessment.score.points,
        pd=assessment.score.pd,
        grade=assessment.grade.name,
        interval=(interval.low, interval.high) if interval is not None else None,
        sufficiency=sufficiency.grade if sufficiency is not None else "C",
    )


def _dated(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with their days as dates."""
    return {name: date.fromisoformat(value) if name in _DATES and value is not None else value for name, value in told.items()}
