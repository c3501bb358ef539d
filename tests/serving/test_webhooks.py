"""Webhooks: signed as the standard says, delivered at least once with one id, given up after a day, sent again when asked."""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from features.ledger import Ledger
from serving.access.caller import Caller
from serving.access.keys import authenticate
from serving.access.signing_keys import SigningKeys
from serving.app import create_app
from serving.settings import ServiceSettings
from serving.store import Store
from serving.webhooks.addresses import Guard
from serving.webhooks.delivery import AT_ONCE, LONGEST_WAIT, deliver_due, wait_after
from serving.webhooks.events import Event
from serving.webhooks.outbox import tell
from tests.serving.client import Client
from tests.serving.conftest import bank_with_consents
from tests.serving.receiver import Received, Receiver, receiver
from training.bundle import ScoringBundle

LOCAL = Guard(https_only=False, any_address=True)


@pytest.fixture(scope="module")
def keys() -> SigningKeys:
    return SigningKeys.draw()


@pytest.fixture(scope="module")
def hook_app(bundle: ScoringBundle, ledger: Ledger, store: Store, keys: SigningKeys) -> FastAPI:
    settings = ServiceSettings(webhooks_to_any_address=True, rate_burst=100_000, rate_per_second=10_000)
    return create_app(settings, bundle, ledger, store, keys)


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def hook_key(owner: Store, ledger: Ledger) -> str:
    return bank_with_consents(owner, ledger, f"hooked {uuid.uuid4()}")


@pytest.fixture
def hooked(owner: Store, hook_key: str) -> Caller:
    return authenticate(owner, hook_key)


@pytest.fixture
def hooks(hook_app: FastAPI, hook_key: str) -> Client:
    return Client(hook_app, Accept_Language="en", X_API_Key=hook_key)


def create(hooks: Client, url: str, **more: Any) -> dict[str, Any]:
    body = {"url": url, "events": ["score.superseded"]} | more
    answer = hooks.post("/v1/webhooks", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def verified(secret: str, received: Received) -> bool:
    """Verify as the standard's reference libraries do: any of the signatures under the secret's bytes."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    told = f"{received.headers['webhook-id']}.{received.headers['webhook-timestamp']}.{received.body.decode()}"
    expected = base64.b64encode(hmac.new(key, told.encode(), hashlib.sha256).digest()).decode()
    assert abs(int(received.headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 300
    return any(version == "v1" and hmac.compare_digest(each, expected) for version, each in signatures(received))


def signatures(received: Received) -> list[tuple[str, str]]:
    return [(version, value) for version, _, value in (part.partition(",") for part in received.headers["webhook-signature"].split())]


def say(store: Store, caller: Caller, **data: str) -> int:
    with store.begin(caller) as connection:
        return tell(connection, caller.tenant_id, Event.SCORE_SUPERSEDED, data)


@pytest.fixture
def drain(owner: Store, store: Store, keys: SigningKeys) -> Callable[[], int]:
    """Deliver until nothing is due; messages of other tests are not."""
    with owner.engine.begin() as connection:
        connection.execute(text("UPDATE webhook_messages SET state = 'dead' WHERE state = 'waiting'"))

    def run() -> int:
        tried = 0
        while (now := deliver_due(store, keys.webhook_root, LOCAL)) > 0:
            tried += now
        return tried

    return run


def hurry(owner: Store, tenant_id: UUID, began: str = "now()") -> None:
    with owner.engine.begin() as connection:
        statement = f"UPDATE webhook_messages SET next_at = now(), began_at = {began} WHERE tenant_id = :tenant AND state = 'waiting'"
        connection.execute(text(statement), {"tenant": tenant_id})


def test_a_message_is_signed_and_delivered_once(
    hooks: Client, hooked: Caller, store: Store, there: Receiver, drain: Callable[[], int]
) -> None:
    made = create(hooks, there.url)
    assert say(store, hooked, score_id="s1") == 1
    assert drain() == 1
    (received,) = there.received
    assert verified(made["secret"], received)
    assert not verified("whsec_" + base64.b64encode(bytes(32)).decode(), received)
    told = json.loads(received.body)
    assert (told["type"], told["data"]) == ("score.superseded", {"score_id": "s1"})
    assert received.headers["content-type"] == "application/json"
    (message,) = hooks.get(f"/v1/webhooks/{made['id']}/messages").json()["items"]
    assert (message["id"], message["state"], message["attempts"]) == (received.headers["webhook-id"], "delivered", 1)
    assert message["next_at"] is None
    assert drain() == 0


def test_what_is_rolled_back_is_never_told(hooks: Client, hooked: Caller, store: Store, there: Receiver, drain: Callable[[], int]) -> None:
    create(hooks, there.url)
    with pytest.raises(RuntimeError), store.begin(hooked) as connection:
        tell(connection, hooked.tenant_id, Event.SCORE_SUPERSEDED, {})
        raise RuntimeError
    assert drain() == 0


def test_failures_are_retried_with_one_id_and_logged(
    hooks: Client, hooked: Caller, owner: Store, store: Store, there: Receiver, drain: Callable[[], int]
) -> None:
    made = create(hooks, there.url)
    there.statuses = [500, 302, 429, "drop", 204]
    say(store, hooked)
    for _ in range(5):
        assert drain() == 1
        hurry(owner, hooked.tenant_id)
    assert len({received.headers["webhook-id"] for received in there.received}) == 1
    assert all(verified(made["secret"], received) for received in there.received)
    (message,) = hooks.get(f"/v1/webhooks/{made['id']}/messages").json()["items"]
    log = hooks.get(f"/v1/webhooks/{made['id']}/messages/{message['id']}").json()["log"]
    assert [(one["outcome"], one["status"]) for one in log] == [
        ("status_not_2xx", 500), ("redirect_not_followed", 302), ("status_not_2xx", 429), ("connection_failed", None), ("delivered", 204),
    ]  # fmt: skip


def test_after_a_day_it_is_dead_and_a_replay_brings_it_back(
    hooks: Client, hooked: Caller, owner: Store, store: Store, there: Receiver, drain: Callable[[], int]
) -> None:
    made = create(hooks, there.url)
    there.statuses = [503]
    say(store, hooked)
    hurry(owner, hooked.tenant_id, "now() - interval '23 hours 59 minutes 59 seconds'")
    assert drain() == 1
    (message,) = hooks.get(f"/v1/webhooks/{made['id']}/messages").json()["items"]
    assert message["state"] == "dead"
    assert drain() == 0
    there.statuses = [200]
    again = hooks.post(f"/v1/webhooks/{made['id']}/messages/{message['id']}/replay").json()
    assert (again["state"], len(again["log"])) == ("waiting", 1)
    assert drain() == 1
    assert {received.headers["webhook-id"] for received in there.received} == {message["id"]}
    assert hooks.get(f"/v1/webhooks/{made['id']}/messages/{message['id']}").json()["state"] == "delivered"


def test_within_the_day_it_waits_on(hooks: Client, hooked: Caller, owner: Store, store: Store, there: Receiver, drain: Any) -> None:
    made = create(hooks, there.url)
    there.statuses = [503]
    say(store, hooked)
    hurry(owner, hooked.tenant_id, "now() - interval '23 hours'")
    assert drain() == 1
    assert hooks.get(f"/v1/webhooks/{made['id']}/messages").json()["items"][0]["state"] == "waiting"


def test_a_worker_that_died_leaves_its_message_to_another(
    hooks: Client, hooked: Caller, owner: Store, store: Store, there: Receiver, drain: Any
) -> None:
    create(hooks, there.url)
    say(store, hooked)
    with store.engine.begin() as connection:
        taken = connection.execute(text("SELECT message_id FROM take_webhooks(1, interval '0 seconds')")).scalar_one()
    assert drain() == 1
    assert [received.headers["webhook-id"] for received in there.received] == [str(taken)]


def test_many_workers_deliver_each_message_once(
    hooks: Client, hooked: Caller, store: Store, there: Receiver, keys: SigningKeys, drain: Any
) -> None:
    create(hooks, there.url)
    for number in range(3 * AT_ONCE):
        say(store, hooked, score_id=str(number))
    with ThreadPoolExecutor(4) as pool:
        while sum(pool.map(lambda _: deliver_due(store, keys.webhook_root, LOCAL), range(4))):
            pass
    assert sorted(int(json.loads(one.body)["data"]["score_id"]) for one in there.received) == list(range(3 * AT_ONCE))


def test_both_secrets_sign_while_one_follows_the_other(
    hooks: Client, hooked: Caller, owner: Store, store: Store, there: Receiver, drain: Callable[[], int]
) -> None:
    first = create(hooks, there.url)
    asked = {"Idempotency-Key": "rotate"}
    second = hooks.post(f"/v1/webhooks/{first['id']}/secret", headers=asked).json()
    assert second == hooks.post(f"/v1/webhooks/{first['id']}/secret", headers=asked).json()
    assert (second["generation"], second["secret"] != first["secret"]) == (2, True)
    say(store, hooked)
    drain()
    assert verified(first["secret"], there.received[0])
    assert verified(second["secret"], there.received[0])
    with owner.engine.begin() as connection:
        connection.execute(text("ALTER TABLE webhook_secrets DISABLE TRIGGER USER"))
        connection.execute(text("UPDATE webhook_secrets SET at = now() - interval '25 hours'"))
        connection.execute(text("ALTER TABLE webhook_secrets ENABLE TRIGGER USER"))
    say(store, hooked)
    drain()
    assert not verified(first["secret"], there.received[1])
    assert verified(second["secret"], there.received[1])


def test_secrets_are_not_kept_in_the_database_and_shown_once(hooks: Client, owner: Store, there: Receiver) -> None:
    made = create(hooks, there.url)
    assert "secret" not in hooks.get(f"/v1/webhooks/{made['id']}").json()
    assert made["secret"] not in hooks.get("/v1/webhooks").text
    key = base64.b64decode(made["secret"].removeprefix("whsec_"))
    with owner.engine.connect() as connection:
        for table in ("webhook_endpoints", "webhook_secrets", "webhook_messages"):
            kept = str(connection.execute(text(f"SELECT * FROM {table}")).all())
            assert key.hex() not in kept
            assert repr(key)[2:-1] not in kept


def test_the_same_key_makes_one_webhook(hooks: Client, there: Receiver) -> None:
    body, asked = {"url": there.url, "events": ["score.superseded"]}, {"Idempotency-Key": "once"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: Client(hooks.app, **hooks.headers).post("/v1/webhooks", json=body, headers=asked), range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert hooks.post("/v1/webhooks", json=body | {"url": there.url + "x"}, headers=asked).status_code == 422
    assert len(hooks.get("/v1/webhooks").json()["items"]) == 1


def test_a_removed_webhook_is_sent_nothing(hooks: Client, hooked: Caller, store: Store, there: Receiver, drain: Callable[[], int]) -> None:
    made = create(hooks, there.url)
    say(store, hooked)
    assert hooks.request("DELETE", f"/v1/webhooks/{made['id']}").json()["removed_at"]
    assert say(store, hooked) == 0
    assert drain() == 0
    for rest in ("/secret", "/test"):
        assert hooks.post(f"/v1/webhooks/{made['id']}{rest}", headers={"Idempotency-Key": "k"}).status_code == 404


def test_a_test_message_and_events_not_wanted(
    hooks: Client, hooked: Caller, store: Store, there: Receiver, drain: Callable[[], int]
) -> None:
    made = create(hooks, there.url, events=["webhook.test"])
    assert say(store, hooked) == 0
    first = hooks.post(f"/v1/webhooks/{made['id']}/test", headers={"Idempotency-Key": "t"}).json()
    assert first["id"] == hooks.post(f"/v1/webhooks/{made['id']}/test", headers={"Idempotency-Key": "t"}).json()["id"]
    assert drain() == 1
    assert json.loads(there.received[0].body)["type"] == "webhook.test"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "http://127.0.0.1/"}, ""),
        ({"url": "https://user@bank.example/"}, ""),
        ({"events": []}, "/events"),
        ({"events": ["score.deleted"]}, "/events/0"),
        ({"url": 5}, "/url"),
        ({"secret": "mine"}, ""),
        ({"tenant_id": "x"}, ""),
    ],
)
def test_what_is_not_a_webhook_is_refused(client: Client, body: dict[str, Any], pointer: str) -> None:
    sent = {"url": "https://bank.example/", "events": ["score.superseded"]} | body
    answer = client.post("/v1/webhooks", json=sent, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ([] if "url" in body and body["url"] != 5 else [pointer])


def test_a_tenant_has_ten_at_most(hooks: Client, there: Receiver) -> None:
    for _ in range(10):
        create(hooks, there.url)
    body = {"url": there.url, "events": ["score.superseded"]}
    answer = hooks.post("/v1/webhooks", json=body, headers={"Idempotency-Key": "eleven"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/docs#webhooks_too_many")


def test_waits_double_are_spread_and_bounded() -> None:
    for attempt in range(1, 40):
        waits = [wait_after(attempt).total_seconds() for _ in range(50)]
        longest = min(5 * 2 ** (attempt - 1), LONGEST_WAIT.total_seconds())
        assert longest / 2 <= min(waits) < max(waits) <= longest


def test_the_application_cannot_change_what_was_sent(store: Store, hooked: Caller) -> None:
    for statement in (
        "UPDATE webhook_messages SET body = ''",
        "UPDATE webhook_endpoints SET url = ''",
        "DELETE FROM webhook_messages",
        "INSERT INTO webhook_attempts (message_id, tenant_id, outcome, milliseconds) VALUES (gen_random_uuid(), gen_random_uuid(), 'x', 1)",
    ):
        with pytest.raises(Exception, match="permission denied"), store.begin(hooked) as connection:
            connection.execute(text(statement))
