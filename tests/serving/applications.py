"""Applications for the tests of decisions: every one names documents of its own, so that none meets another's."""

import uuid
from datetime import timedelta
from typing import Any

import httpx

from features.ledger import Ledger
from tests.serving.client import Client


def application(ledger: Ledger, supplier: str, product: str = "receivables", **more: Any) -> dict[str, Any]:
    """A body for POST /v1/decisions that the packaged policy finds eligible."""
    name = {"receivables": "invoices", "purchase_orders": "orders", "stock": "lots"}[product]
    made = {"receivables": invoice, "purchase_orders": order, "stock": lot}[product]
    items = [made(ledger, place) for place in range(3)]
    return {"supplier_id": supplier, "product": product, "amount": 5_000_000, "tenor_days": 90, name: items} | more


def invoice(ledger: Ledger, place: int = 0, **more: Any) -> dict[str, Any]:
    told = {"number": f"INV-{uuid.uuid4().hex}", "buyer_id": f"B-{place}", "amount": 2_000_000}
    return told | {"issued_on": day(ledger, -30), "due_on": day(ledger, 60), "delivered_on": day(ledger, -28)} | more


def order(ledger: Ledger, place: int = 0, **more: Any) -> dict[str, Any]:
    told = {"number": f"PO-{uuid.uuid4().hex}", "buyer_id": f"B-{place}", "amount": 2_000_000, "payment_days": 30, "is_confirmed": True}
    return told | {"ordered_on": day(ledger, -20), "promised_on": day(ledger, 40)} | more


def lot(ledger: Ledger, place: int = 0, **more: Any) -> dict[str, Any]:
    told = {"number": f"WR-{uuid.uuid4().hex}", "category": f"C-{place}", "kind": "commodity", "quantity": 1000, "unit_price": 4_000}
    days = {"received_on": day(ledger, -40), "priced_on": day(ledger, -1)}
    return told | days | {"in_custody": True, "is_insured": True} | more


def day(ledger: Ledger, days: int) -> str:
    return (ledger.latest_as_of + timedelta(days=days)).isoformat()


def apply(client: Client, body: dict[str, Any], key: str | None = None) -> httpx.Response:
    return client.post("/v1/decisions", json=body, headers={"Idempotency-Key": key or uuid.uuid4().hex})


def step(client: Client, decision: str, act: str, reason: str = "as agreed with the supplier", **more: Any) -> httpx.Response:
    body = {"act": act, "reason": reason} | more
    return client.post(f"/v1/decisions/{decision}/steps", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
