"""Who sees what: every operation of the OpenAPI document, by every identity, on its own, another's and an absent object.

The matrix is made from the document: an operation that nobody said how to call makes the test fail. Another tenant's object must answer
exactly as one that is not there.
"""

import io
import json
import logging
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from features.ledger import Ledger
from serving.access.caller import SCOPES_OF, Scope, TenantKind
from serving.access.keys import authenticate, create_api_key
from serving.http.logs import JsonLines
from serving.store import Store
from serving.surroundings import TENANT_TABLES
from tests.serving.client import Client
from tests.serving.world import BY_SUPPLIER, IDENTITIES, NOT_KNOWN, OBJECTS, OPEN, OPERATIONS, STEP, UNFIT_TOKENS, World


@pytest.fixture(scope="module")
def world(app: FastAPI, owner: Store, ledger: Ledger) -> Iterator[World]:
    yield World(app, owner, ledger)


_OF = {"other": TenantKind.BANK, "own": TenantKind.BANK, "supplier": TenantKind.SUPPLIER, "operator": TenantKind.OPERATOR}


def may(who: str, scope: Scope) -> bool:
    return scope is Scope.LOOKUP_READ if who == "unscoped" else scope in SCOPES_OF[_OF[who]]


def expected(who: str, operation: tuple[str, str], thing: str) -> int | None:
    """The refusal that must come, None where the call succeeds."""
    scope, has_object, _ = OPERATIONS[operation]
    if who in NOT_KNOWN:
        # A bearer token is no client's credentials: the token endpoint says so before it looks at it.
        unfit = 400 if who in UNFIT_TOKENS and operation[1] == "/v1/oauth/token" else 401
        return None if operation[1] in OPEN else unfit
    if scope is not None and not may(who, scope):
        return 403
    if not has_object or thing == "own":
        return None
    if operation in BY_SUPPLIER:
        # Both banks have every supplier's consent; a supplier that stands nowhere gave none.
        return 403 if who == "supplier" or thing == "absent" else None
    if who == "operator" and thing == "other":  # an operator answers the disputes of all
        return None
    return 404


def test_the_matrix_has_every_operation_of_the_document(client: Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    documented = {(method, path) for path, methods in paths.items() for method in methods}
    missing = sorted(documented - set(OPERATIONS))
    assert not missing, f"each of {missing} needs a row in OPERATIONS above: (scope or None, is there an object?, how it is called)"
    assert not set(OPERATIONS) - documented, "a row of OPERATIONS is of no operation in the document: take it out"


@pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
def test_every_identity_gets_what_it_may(world: World, operation: tuple[str, str]) -> None:
    _, has_object, call = OPERATIONS[operation]
    for who in IDENTITIES:
        answers = {}
        for thing in OBJECTS if has_object else ("own",):
            answer = call(world, who, thing)
            refusal = expected(who, operation, thing)
            assert answer.status_code == refusal if refusal else answer.status_code < 300, (who, thing, answer.text)
            answers[thing] = answer
        if has_object and operation not in BY_SUPPLIER and who != "operator":
            assert told(answers["other"]) == told(answers["absent"]), who


def told(answer: httpx.Response) -> tuple[int, dict[str, str], dict[str, Any]]:
    """All that a caller can see of an answer, without what differs by the request or the clock."""
    headers = {k: v for k, v in answer.headers.items() if k not in ("x-request-id", "ratelimit")}
    body = {k: v for k, v in answer.json().items() if k not in ("request_id", "instance")}
    return answer.status_code, headers, body


def test_lists_hold_the_callers_own_rows_only(world: World) -> None:
    own, other = world.bank_ids["own"], world.bank_ids["other"]
    for path, name in (("/v1/consents", "bank_id"), ("/v1/lookups", "bank_id")):
        for who, theirs in (("own", own), ("other", other)):
            items = world.call(who, "GET", f"{path}?limit=200").json()["items"]
            assert items
            assert {item[name] for item in items} == {theirs}
        seen = world.call("supplier", "GET", f"{path}?limit=200").json()["items"]
        assert seen
        assert {item["supplier_id"] for item in seen} == {world.suppliers["own"]}


def test_batches_are_listed_to_whoever_handed_them_in(world: World) -> None:
    own = {"own": ("bank", "own"), "other": ("bank", "other"), "supplier": ("supplier", "own")}
    everybodys = {(kind, name): batch for kind, of in world.batches.items() for name, batch in of.items()}
    for who, mine in own.items():
        listed = {item["id"] for item in world.call(who, "GET", "/v1/batches?limit=200").json()["items"]}
        assert listed & set(everybodys.values()) == {everybodys[mine]}


def test_a_bank_without_consent_cannot_tell_a_supplier_from_none(world: World, owner: Store, empty_bank: uuid.UUID) -> None:
    key = create_api_key(owner, empty_bank, "stranger")
    told_of = []
    for supplier in (world.suppliers["own"], world.suppliers["absent"]):
        body = {"supplier_id": supplier, "purpose": "credit_application"}
        told_of.append(told(Client(world.app, X_API_Key=key).post("/v1/scores", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})))
    assert told_of[0] == told_of[1]


TABLES = tuple(table for table in TENANT_TABLES if table != "document_claims")


@pytest.mark.parametrize("table", TABLES)
def test_the_database_shows_no_row_without_a_tenant_and_none_of_another(world: World, store: Store, table: str) -> None:
    with store.engine.connect() as connection:
        assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0
    caller = authenticate(store, world.headers["own"]["X-API-Key"])
    with store.begin(caller) as connection:
        others = connection.execute(text(f"SELECT count(*) FROM {table} WHERE tenant_id <> :own"), {"own": caller.tenant_id})
        assert others.scalar_one() == 0


def test_every_table_with_a_tenant_has_its_policy_and_the_application_owns_nothing(store: Store, owner: Store) -> None:
    with owner.engine.connect() as connection:
        bound = text(
            "SELECT c.relname, c.relrowsecurity, c.relowner::regrole::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attname = 'tenant_id'"
            " AND has_table_privilege('lianxin_app', c.oid, 'SELECT')"
        )
        found = {row.relname: (row.relrowsecurity, row.relowner) for row in connection.execute(bound)}
        assert found == {table: (True, "lianxin_owner") for table in TABLES}
        role = connection.execute(text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = 'lianxin_app'")).scalar_one()
        assert role is False
    with store.engine.connect() as connection:
        for table in ("tenants", "api_keys", "rate_buckets", "document_claims"):
            assert not connection.execute(text("SELECT has_table_privilege(:table, 'SELECT')"), {"table": table}).scalar_one()


def test_a_row_of_another_tenant_cannot_be_written(world: World, store: Store) -> None:
    caller = authenticate(store, world.headers["own"]["X-API-Key"])
    statement = "INSERT INTO lookups (tenant_id, supplier_id, purpose, operation) VALUES (:other, 'S1', 'x', 'read')"
    with pytest.raises(Exception, match="row-level security"), store.begin(caller) as connection:
        connection.execute(text(statement), {"other": world.bank_ids["other"]})
    given = (
        "INSERT INTO consent_events (consent_id, event, tenant_id, supplier_id, purpose, tier, expires_at)"
        " VALUES (gen_random_uuid(), 'granted', :own, 'S1', 'credit_application', 'restricted', now() + interval '1 day')"
    )
    with pytest.raises(Exception, match="row-level security"), store.begin(caller) as connection:
        connection.execute(text(given), {"own": caller.tenant_id})


def test_the_log_of_every_operation_has_ids_and_figures_and_nobodys_business(world: World) -> None:
    stream, logger = io.StringIO(), logging.getLogger("lianxin")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        for _, _, call in OPERATIONS.values():
            for who in ("own", "supplier", "operator", "garbage"):
                call(world, who, "own")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    access = [line for line in lines if line["log"] == "lianxin.access"]
    assert len(access) >= 4 * len(OPERATIONS)
    assert {tuple(line) for line in access} == {("at", "level", "log", "request_id", "method", "route", "status", "ms", "key")}
    assert {(line["method"].lower(), line["route"]) for line in access} == set(OPERATIONS)
    sent = [value.removeprefix("Bearer ") for headers in world.headers.values() for value in headers.values()]
    for secret in [*sent, *world.suppliers.values(), STEP["reason"], "bank.example", "committee", "points", "fulfilment_late"]:
        assert secret not in stream.getvalue()
