"""A world of several tenants, and how each operation of the document is called in it by each identity."""

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import jwt
from fastapi import FastAPI

from features.ledger import Ledger
from serving.access.caller import Scope
from serving.access.keys import authenticate, create_api_key, revoke_api_key
from serving.access.tenants import create_operator, create_supplier
from serving.histories.example import history_request_example
from serving.store import Store
from tests.serving.applications import application
from tests.serving.client import Client
from tests.serving.conftest import bank_with_consents

ENDS = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
OWNERS = (("bank", "own", "own"), ("bank", "other", "other"), ("supplier", "own", "supplier"), ("supplier", "other", "other supplier"))
IDENTITIES = (
    "none", "garbage", "revoked", "expired", "wrong audience", "wrong issuer", "other", "unscoped", "own", "supplier", "operator",
)  # fmt: skip
OBJECTS = ("own", "other", "absent")
BY_SUPPLIER = {("post", "/v1/scores"), ("post", "/v1/decisions")}
POLICY = {"toml": 'bank = "Bank A"\n[receivables.top_advance_rate]\nvalues = [{ from = 2026-01-01, value = 0.7, source = "minutes" }]\n'}
STEP = {"act": "withdraw", "reason": "no longer needed"}
OPEN = {"/healthz", "/readyz"}
UNFIT_TOKENS = {"expired", "wrong audience", "wrong issuer"}
NOT_KNOWN = {"none", "garbage", "revoked"} | UNFIT_TOKENS


class World:
    """Two banks, two suppliers' logins, and something of each to ask for."""

    def __init__(self, app: FastAPI, owner: Store, ledger: Ledger, name: str = "matrix", first: int = 7) -> None:
        self.app, self.owner = app, owner
        own, other = (str(ledger.supplier_ids[place]) for place in (first, first + 1))
        self.suppliers = {"own": own, "other": other, "absent": "S-NOT-THERE"}
        keys = {bank: bank_with_consents(owner, ledger, f"{name} {bank}") for bank in ("own", "other")}
        self.bank_ids = {name: str(authenticate(owner, key).tenant_id) for name, key in keys.items()} | {"absent": str(uuid.uuid4())}
        tenant = authenticate(owner, keys["own"]).tenant_id
        unscoped = create_api_key(owner, tenant, "lookups only", [Scope.LOOKUP_READ])
        revoked = create_api_key(owner, tenant, "revoked")
        revoke_api_key(owner, revoked.split("_")[1])
        logins = {name: create_api_key(owner, create_supplier(owner, self.suppliers[name]), "login") for name in ("own", "other")}
        watch = create_api_key(owner, create_operator(owner, f"{name} operator"), "watch")
        self.headers: dict[str, dict[str, str]] = {
            "none": {},
            "garbage": {"X-API-Key": "lx_000000000000_" + "A" * 43},
            "revoked": {"X-API-Key": revoked},
            **{name: {"Authorization": f"Bearer {token}"} for name, token in self.unfit_tokens(keys["own"]).items()},
            "other": {"X-API-Key": keys["other"]},
            "unscoped": {"X-API-Key": unscoped},
            "own": {"X-API-Key": keys["own"]},
            "supplier": {"X-API-Key": logins["own"]},
            "operator": {"X-API-Key": watch},
            "other supplier": {"X-API-Key": logins["other"]},
        }
        # What belongs to "own" and to "other", by the kind of caller: a score of each bank and login, a consent of each login.
        by_bank = {name: self.score(keys[name], name, "credit_application") for name in ("own", "other")}
        by_login = {name: self.score(logins[name], name, "own_information") for name in ("own", "other")}
        nowhere = str(uuid.uuid4())
        self.scores = {"bank": by_bank | {"absent": nowhere}, "supplier": by_login | {"absent": nowhere}}
        handed_in = [(kind, name, self.batch(who).json()["id"]) for kind, name, who in OWNERS]
        while app.state.worker.work():
            pass
        self.batches = {kind: {name: one for k, name, one in handed_in if k == kind} | {"absent": nowhere} for kind in ("bank", "supplier")}
        by_bank_decided = {name: self.decision(keys[name], name) for name in ("own", "other")}
        self.decisions = by_bank_decided | {"absent": nowhere}
        self.policies = {name: self.policy(keys[name]) for name in ("own", "other")} | {"absent": nowhere}
        self.simulations = {name: self.simulation(keys[name], name) for name in ("own", "other")} | {"absent": nowhere}
        self.consents = {name: self.consent(logins[name], name) for name in ("own", "other")} | {"absent": nowhere}

        asked = {name: Client(app, X_API_Key=logins[name], Idempotency_Key="ask") for name in logins}
        opened = {name: asked[name].post("/v1/disputes", json=ask_for_a_person(by_login[name])) for name in logins}
        self.disputes = {name: str(answer.json()["id"]) for name, answer in opened.items()} | {"absent": nowhere}
        self.webhooks = {name: self.webhook(keys[name]) for name in ("own", "other")} | {"absent": (nowhere, nowhere)}

    def webhook(self, key: str) -> tuple[str, str]:
        client = Client(self.app, X_API_Key=key, Idempotency_Key=uuid.uuid4().hex)
        made = client.post("/v1/webhooks", json={"url": "https://bank.example/", "events": ["webhook.test"]}).json()["id"]
        return made, str(client.post(f"/v1/webhooks/{made}/test").json()["id"])

    def unfit_tokens(self, key: str) -> dict[str, str]:
        """Tokens of a live key, signed with the service's own, each with one claim that must not pass."""
        tokens, now = self.app.state.service.tokens, int(time.time())
        claims = jwt.decode(tokens.issue(key.split("_")[1], frozenset(Scope)), options={"verify_signature": False})
        changes: dict[str, dict[str, Any]] = {
            "expired": {"iat": now - 500, "exp": now - 1},
            "wrong audience": {"aud": "another-api"},
            "wrong issuer": {"iss": "another-issuer"},
        }
        return {
            name: jwt.encode(claims | change, tokens._key, algorithm="EdDSA", headers=tokens._header) for name, change in changes.items()
        }

    def score(self, key: str, whose: str, purpose: str) -> str:
        body = {"supplier_id": self.suppliers[whose], "purpose": purpose}
        answer = Client(self.app, X_API_Key=key).post("/v1/scores", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
        return str(answer.json()["id"])

    def decision(self, key: str, whose: str) -> str:
        body = application(self.app.state.service.ledger, self.suppliers[whose])
        answer = Client(self.app, X_API_Key=key).post("/v1/decisions", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
        return str(answer.json()["id"])

    def policy(self, key: str) -> str:
        """A policy that another person handed in, so that the key may put it in force."""
        other = create_api_key(self.owner, authenticate(self.owner, key).tenant_id, "its author")
        answer = Client(self.app, X_API_Key=other).post("/v1/policies", json=POLICY, headers={"Idempotency-Key": uuid.uuid4().hex})
        return str(answer.json()["id"])

    def simulation(self, key: str, whose: str) -> str:
        path = f"/v1/policies/{self.policies[whose]}/simulation"
        answer = Client(self.app, X_API_Key=key).post(path, json={}, headers={"Idempotency-Key": uuid.uuid4().hex})
        return str(answer.json()["id"])

    def consent(self, key: str, whose: str) -> str:
        body = {"bank_id": self.bank_ids[whose], "purpose": "credit_application", "expires_on": ENDS}
        answer = Client(self.app, X_API_Key=key).post("/v1/consents", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
        return str(answer.json()["id"])

    def batch(self, who: str) -> httpx.Response:
        file = f"supplier_id\n{self.suppliers['other' if who == 'other supplier' else 'own']}\nS-NOT-THERE\n"
        return self.call(who, "POST", f"/v1/batches?purpose={purpose_of(who)}", content=file, headers={"Content-Type": "text/csv"})

    def call(self, who: str, method: str, path: str, **more: Any) -> httpx.Response:
        headers = self.headers[who] | {"Idempotency-Key": uuid.uuid4().hex} | more.pop("headers", {})
        return Client(self.app, Accept_Language="en").request(method, path, headers=headers, **more)


Call = Callable[[World, str, str], httpx.Response]


def purpose_of(who: str) -> str:
    return "own_information" if "supplier" in who else "credit_application"


def kind_of(who: str) -> str:
    return "supplier" if who == "supplier" else "bank"


def whose(who: str, thing: str) -> str:
    """Whose thing it is in the world's words: the other bank's own is "other"."""
    return {"own": "other", "other": "own"}.get(thing, thing) if who == "other" else thing


def _batch_part(part: str, w: World, who: str, thing: str) -> httpx.Response:
    return w.call(who, "GET", f"/v1/batches/{w.batches[kind_of(who)][whose(who, thing)]}{part}")


def on_webhook(method: str, rest: str) -> Call:
    """Call an operation on the webhook of one of the banks, and on the message that was sent there."""

    def call(world: World, who: str, thing: str) -> httpx.Response:
        webhook, message = world.webhooks[whose(who, thing)]
        return world.call(who, method.upper(), f"/v1/webhooks/{webhook}{rest.replace('{message_id}', message)}")

    return call


def on_dispute(method: str, rest: str, body: dict[str, Any] | None) -> Call:
    """Call an operation on the dispute of one of the suppliers."""

    def call(world: World, who: str, thing: str) -> httpx.Response:
        more = {"json": body} if body else {}
        return world.call(who, method.upper(), f"/v1/disputes/{world.disputes[thing]}{rest}", **more)

    return call


def credentials(world: World, who: str) -> dict[str, str]:
    key = world.headers[who].get("X-API-Key", "")
    return {"client_id": key.split("_")[1], "client_secret": key} if key else {}


def ask_for_a_person(score_id: str) -> dict[str, Any]:
    file = {"media_type": "text/plain", "content": "YQ=="}
    return {"kind": "human_review", "score_id": score_id, "statement": "look", "file": file}


# How each operation is called, by whom it may be, and whether it has an object of a tenant: (method, path) -> (scope, object?, call).
OPERATIONS: dict[tuple[str, str], tuple[Scope | None, bool, Call]] = {
    ("post", "/v1/scores"): (
        Scope.SCORE_WRITE,
        True,
        lambda w, who, thing: w.call(who, "POST", "/v1/scores", json={"supplier_id": w.suppliers[thing], "purpose": purpose_of(who)}),
    ),
    ("post", "/v1/scores/history"): (
        Scope.HISTORY_WRITE,
        False,
        lambda w, who, thing: w.call(who, "POST", "/v1/scores/history", json=history_request_example(w.app.state.service)),
    ),
    ("get", "/v1/scores/{score_id}"): (
        Scope.SCORE_READ,
        True,
        lambda w, who, thing: w.call(who, "GET", f"/v1/scores/{w.scores[kind_of(who)][whose(who, thing)]}"),
    ),
    ("get", "/v1/batches"): (Scope.SCORE_READ, False, lambda w, who, thing: w.call(who, "GET", "/v1/batches?limit=200")),
    ("post", "/v1/batches"): (Scope.SCORE_WRITE, False, lambda w, who, thing: w.batch(who)),
    **{
        ("get", f"/v1/batches/{{batch_id}}{part}"): (Scope.SCORE_READ, True, partial(_batch_part, part))
        for part in ("", "/results", "/errors")
    },
    ("get", "/v1/scores/{score_id}/evidence/{feature}"): (
        Scope.SCORE_READ,
        True,
        lambda w, who, thing: w.call(
            who, "GET", f"/v1/scores/{w.scores[kind_of(who)][whose(who, thing)]}/evidence/fulfilment_late_ratio_180d"
        ),
    ),
    ("post", "/v1/decisions"): (
        Scope.DECISION_WRITE,
        True,
        lambda w, who, thing: w.call(who, "POST", "/v1/decisions", json=application(w.app.state.service.ledger, w.suppliers[thing])),
    ),
    ("get", "/v1/decisions"): (Scope.DECISION_READ, False, lambda w, who, thing: w.call(who, "GET", "/v1/decisions?limit=200")),
    ("get", "/v1/decisions/{decision_id}"): (
        Scope.DECISION_READ,
        True,
        lambda w, who, thing: w.call(who, "GET", f"/v1/decisions/{w.decisions[whose(who, thing)]}"),
    ),
    ("get", "/v1/decisions/{decision_id}/steps"): (
        Scope.DECISION_READ,
        True,
        lambda w, who, thing: w.call(who, "GET", f"/v1/decisions/{w.decisions[whose(who, thing)]}/steps"),
    ),
    ("post", "/v1/decisions/{decision_id}/steps"): (
        Scope.DECISION_REVIEW,
        True,
        lambda w, who, thing: w.call(who, "POST", f"/v1/decisions/{w.decisions[whose(who, thing)]}/steps", json=STEP),
    ),
    ("post", "/v1/policies"): (Scope.POLICY_WRITE, False, lambda w, who, thing: w.call(who, "POST", "/v1/policies", json=POLICY)),
    ("get", "/v1/policies"): (Scope.POLICY_READ, False, lambda w, who, thing: w.call(who, "GET", "/v1/policies?limit=200")),
    ("get", "/v1/policies/{policy_id}"): (
        Scope.POLICY_READ,
        True,
        lambda w, who, thing: w.call(who, "GET", f"/v1/policies/{w.policies[whose(who, thing)]}"),
    ),
    ("post", "/v1/policies/{policy_id}/simulation"): (
        Scope.POLICY_WRITE,
        True,
        lambda w, who, thing: w.call(who, "POST", f"/v1/policies/{w.policies[whose(who, thing)]}/simulation", json={}),
    ),
    ("get", "/v1/policies/{policy_id}/simulations/{simulation_id}"): (
        Scope.POLICY_READ,
        True,
        lambda w, who, thing: w.call(
            who, "GET", f"/v1/policies/{w.policies[whose(who, thing)]}/simulations/{w.simulations[whose(who, thing)]}"
        ),
    ),
    ("post", "/v1/policies/{policy_id}/activate"): (
        Scope.POLICY_ACTIVATE,
        True,
        lambda w, who, thing: w.call(
            who,
            "POST",
            f"/v1/policies/{w.policies[whose(who, thing)]}/activate",
            json={"simulation_id": w.simulations[whose(who, thing)], "reason": "the committee adopted it"},
        ),
    ),
    ("get", "/v1/models/current"): (Scope.MODEL_READ, False, lambda w, who, thing: w.call(who, "GET", "/v1/models/current")),
    ("post", "/v1/oauth/token"): (
        None,
        False,
        lambda w, who, thing: w.call(who, "POST", "/v1/oauth/token", data=credentials(w, who) | {"grant_type": "client_credentials"}),
    ),
    ("get", "/v1/banks"): (Scope.CONSENT_WRITE, False, lambda w, who, thing: w.call(who, "GET", "/v1/banks")),
    ("get", "/v1/consents"): (Scope.CONSENT_READ, False, lambda w, who, thing: w.call(who, "GET", "/v1/consents")),
    ("post", "/v1/consents"): (
        Scope.CONSENT_WRITE,
        False,
        lambda w, who, thing: w.call(
            who, "POST", "/v1/consents", json={"bank_id": w.bank_ids["own"], "purpose": "portfolio_review", "expires_on": ENDS}
        ),
    ),
    ("get", "/v1/consents/{consent_id}"): (
        Scope.CONSENT_READ,
        True,
        lambda w, who, thing: w.call(who, "GET", f"/v1/consents/{w.consents[whose(who, thing)]}"),
    ),
    ("post", "/v1/consents/{consent_id}/withdrawal"): (
        Scope.CONSENT_WRITE,
        True,
        lambda w, who, thing: w.call(who, "POST", f"/v1/consents/{w.consents[whose(who, thing)]}/withdrawal"),
    ),
    ("get", "/v1/lookups"): (Scope.LOOKUP_READ, False, lambda w, who, thing: w.call(who, "GET", "/v1/lookups?limit=200")),
    ("get", "/v1/operations/bundle"): (Scope.BUNDLE_WRITE, False, lambda w, who, thing: w.call(who, "GET", "/v1/operations/bundle")),
    ("post", "/v1/operations/bundle"): (
        Scope.BUNDLE_WRITE,
        False,
        lambda w, who, thing: w.call(
            who,
            "POST",
            "/v1/operations/bundle",
            json={"bundle": "bundle", "bundle_sha256": w.app.state.service.bundle.content_hash},
        ),
    ),
    ("get", "/v1/webhooks"): (Scope.WEBHOOK_READ, False, lambda w, who, thing: w.call(who, "GET", "/v1/webhooks")),
    ("post", "/v1/webhooks"): (
        Scope.WEBHOOK_WRITE,
        False,
        lambda w, who, thing: w.call(who, "POST", "/v1/webhooks", json={"url": "https://bank.example/", "events": ["score.superseded"]}),
    ),
    **{
        (method, f"/v1/webhooks/{{webhook_id}}{rest}"): (scope, True, on_webhook(method, rest))
        for method, rest, scope in (
            ("get", "", Scope.WEBHOOK_READ),
            ("post", "/secret", Scope.WEBHOOK_WRITE),
            ("post", "/test", Scope.WEBHOOK_WRITE),
            ("get", "/messages", Scope.WEBHOOK_READ),
            ("get", "/messages/{message_id}", Scope.WEBHOOK_READ),
            ("post", "/messages/{message_id}/replay", Scope.WEBHOOK_WRITE),
            ("delete", "", Scope.WEBHOOK_WRITE),
        )
    },
    ("get", "/v1/disputes"): (Scope.DISPUTE_READ, False, lambda w, who, thing: w.call(who, "GET", "/v1/disputes")),
    ("post", "/v1/disputes"): (
        Scope.DISPUTE_WRITE,
        True,
        lambda w, who, thing: w.call(who, "POST", "/v1/disputes", json=ask_for_a_person(w.scores["supplier"][thing])),
    ),
    **{
        (method, f"/v1/disputes/{{dispute_id}}{rest}"): (scope, True, on_dispute(method, rest, body))
        for method, rest, scope, body in (
            ("get", "", Scope.DISPUTE_READ, None),
            ("get", "/file", Scope.DISPUTE_READ, None),
            ("post", "/review", Scope.DISPUTE_DECIDE, None),
            ("post", "/decision", Scope.DISPUTE_DECIDE, {"outcome": "not_upheld", "reason": "read"}),
        )
    },
    ("get", "/metrics"): (Scope.METRICS_READ, False, lambda w, who, thing: w.call(who, "GET", "/metrics")),
    ("get", "/healthz"): (None, False, lambda w, who, thing: w.call(who, "GET", "/healthz")),
    ("get", "/readyz"): (None, False, lambda w, who, thing: w.call(who, "GET", "/readyz")),
}
