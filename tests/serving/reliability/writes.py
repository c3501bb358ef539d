"""The requests that create something: what each sends, and where it must then be found, once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from features.ledger import Ledger
from serving.access.keys import authenticate, create_api_key
from serving.access.tenants import create_supplier
from serving.store import Store
from tests.serving.applications import application
from tests.serving.conftest import bank_with_consents


class Scene:
    """A bank with a webhook and a supplier with a score, made in an empty database through a server that stands."""

    def __init__(self, owner: Store, ledger: Ledger, url: str) -> None:
        self.ledger = ledger
        self.bank = bank_with_consents(owner, ledger, "reliability")
        self.bank_id = authenticate(owner, self.bank).tenant_id
        subject = str(ledger.supplier_ids[0])
        self.login = create_api_key(owner, create_supplier(owner, subject), "its login")
        self.ends = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
        hook = {"url": "https://bank.example/", "events": ["webhook.test"]}
        self.webhook = self._made(url, "/v1/webhooks", self.bank, hook)
        self.score = self._made(url, "/v1/scores", self.login, {"supplier_id": subject, "purpose": "own_information"})

    @staticmethod
    def _made(url: str, path: str, key: str, body: dict[str, Any]) -> str:
        answer = httpx.post(url + path, json=body, headers={"X-API-Key": key, "Idempotency-Key": "before"}, timeout=60)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def supplier(self, number: int) -> str:
        return str(self.ledger.supplier_ids[number % len(self.ledger.supplier_ids)])


@dataclass(frozen=True)
class Write:
    """How one kind is asked for (path, body as JSON or a file) and found again: SQL for its ids, and for those the audit names."""

    ask: Callable[[Scene, int], tuple[str, dict[str, Any] | str]]
    kept: str
    audited: str | None = None
    by_supplier: bool = False
    is_remembered: bool = False
    """Is the answer kept for the Idempotency-Key? Otherwise the id is made from the key, and the answer tells how it stands by then."""


def _audited(kind: str, name: str) -> str:
    record = "(SELECT convert_from(record, 'UTF8')::jsonb AS told FROM audit) AS records"
    return f"SELECT told ->> '{name}' FROM {record} WHERE told ->> 'kind' = '{kind}'"


WRITES = {
    "scores": Write(
        lambda scene, number: ("/v1/scores", {"supplier_id": scene.supplier(number), "purpose": "credit_application"}),
        "SELECT id FROM scores WHERE tenant_id = :bank",
        "SELECT score_id FROM audit WHERE tenant_id = :bank AND score_id IS NOT NULL",
        is_remembered=True,
    ),
    "decisions": Write(
        lambda scene, number: ("/v1/decisions", application(scene.ledger, scene.supplier(number))),
        "SELECT id FROM decisions",
        "SELECT decision_id FROM audit WHERE decision_id IS NOT NULL",
        is_remembered=True,
    ),
    "batches": Write(
        lambda scene, number: (
            "/v1/batches?purpose=credit_application",
            f"supplier_id\n{scene.supplier(number)}\n{scene.supplier(number + 1)}\nS-NOT-THERE\n",
        ),
        "SELECT id FROM batches",
        _audited("batch", "batch_id"),
    ),
    "webhook messages": Write(
        lambda scene, number: (f"/v1/webhooks/{scene.webhook}/test", {}),
        "SELECT id FROM webhook_messages",
    ),
    "disputes": Write(
        lambda scene, number: ("/v1/disputes", {"kind": "human_review", "score_id": scene.score, "statement": f"look at it, {number}"}),
        "SELECT id FROM disputes",
        _audited("dispute", "dispute_id"),
        by_supplier=True,
    ),
    "consents": Write(
        lambda scene, number: (
            "/v1/consents",
            {"bank_id": str(scene.bank_id), "purpose": "portfolio_review", "expires_on": scene.ends},
        ),
        "SELECT consent_id FROM consent_events WHERE recorded_by IS NOT NULL",
        by_supplier=True,
    ),
}


@dataclass(frozen=True)
class Ask:
    """One write to be made: everything of its request but the address of the server."""

    kind: str
    path: str
    headers: dict[str, str]
    content: dict[str, Any] | str

    def send(self, client: httpx.Client, url: str) -> httpx.Response:
        """Make it, or ask for it again."""
        if isinstance(self.content, str):
            return client.post(url + self.path, content=self.content, headers=self.headers | {"Content-Type": "text/csv"})
        return client.post(url + self.path, json=self.content, headers=self.headers)

    def told(self, answer: httpx.Response) -> object:
        """Return what must not differ when it is asked for again: all of it, of a batch and a message what does not move on."""
        if self.kind in ("batches", "webhook messages"):
            return {name: answer.json()[name] for name in ("id", "bundle_sha256", "rows", "webhook_id", "at") if name in answer.json()}
        return answer.content


def ask(scene: Scene, kind: str, number: int, key: str) -> Ask:
    """Return a write of a kind under an Idempotency-Key."""
    write = WRITES[kind]
    path, content = write.ask(scene, number)
    caller = scene.login if write.by_supplier else scene.bank
    return Ask(kind, path, {"X-API-Key": caller, "Idempotency-Key": key}, content)
