"""Another bundle under load: checked before it is parsed, exchanged without an error, and each answer of exactly one model."""

import json
import random
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from features.ledger import Ledger
from serving.access.keys import authenticate
from serving.app import create_app
from serving.assess import assess
from serving.background import Job, beside
from serving.http.refusals import BundleRefusal, BundleUnusable, ExchangeUnderWay
from serving.settings import ServiceSettings
from serving.store import Store
from serving.swap.exchange import Exchange, Follower
from serving.swap.history import last_word, note_start, was_in_service
from serving.swap.shelf import Shelf
from tests.serving.client import Client
from tests.serving.conftest import reachable_folder
from tests.serving.swaps import KEY, damaged, damaged_text, make_pair
from training.bundle import ScoringBundle
from training.seal import seal

SETTINGS = ServiceSettings(rate_burst=1_000_000, rate_per_second=100_000)


@pytest.fixture(scope="module")
def shelf(bundle: ScoringBundle) -> Iterator[Shelf]:
    for place in reachable_folder():
        make_pair(bundle, place)
        yield Shelf(place)


@pytest.fixture(scope="module")
def pair(shelf: Shelf) -> dict[str, ScoringBundle]:
    return {name: ScoringBundle.load(shelf.folder / name) for name in ("first", "second")}


@pytest.fixture
def swapped(pair: dict[str, ScoringBundle], shelf: Shelf, ledger: Ledger, store: Store) -> FastAPI:
    """An application that began with the first bundle."""
    return create_app(SETTINGS, pair["first"], ledger, store, shelf=shelf)


@pytest.fixture
def operator(swapped: FastAPI, operator_key: str) -> Client:
    return Client(swapped, Accept_Language="en", X_API_Key=operator_key)


def ask(operator: Client, bundle: ScoringBundle, name: str) -> httpx.Response:
    return operator.post("/v1/operations/bundle", json={"bundle": name, "bundle_sha256": bundle.content_hash})


def score(client: Client, supplier: str) -> httpx.Response:
    body = {"supplier_id": supplier, "purpose": "credit_application"}
    return client.post("/v1/scores", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})


def test_there_and_back_again(swapped: FastAPI, operator: Client, pair: dict[str, ScoringBundle], key: str, supplier: str) -> None:
    bank = Client(swapped, X_API_Key=key)
    before = score(bank, supplier).json()
    there = ask(operator, pair["second"], "second")
    assert there.status_code == 200
    assert there.json() == {
        "version": "2",
        "bundle_sha256": pair["second"].content_hash,
        "former": {"version": "1", "bundle_sha256": pair["first"].content_hash},
        "changed": True,
    }
    now = score(bank, supplier).json()
    assert now["model"]["version"] == "2"
    assert now["score"]["points"] == pytest.approx(before["score"]["points"] + 10)
    assert f'bundle="{pair["second"].content_hash[:12]}"' in operator.get("/metrics").text
    example = operator.get("/openapi.json").json()["paths"]["/v1/models/current"]["get"]["responses"]["200"]
    assert example["content"]["application/json"]["example"]["version"] == "2"
    assert ask(operator, pair["first"], "first").status_code == 200
    again = score(bank, supplier).json()
    for name in ("score", "base_points", "contributions", "model"):
        assert again[name] == before[name]
    told = operator.get("/v1/operations/bundle").json()
    assert told["in_service"]["version"] == "1"
    assert [event["bundle"] for event in told["events"][:2]] == ["first", "second"]


def test_the_bundle_in_service_again_changes_nothing(operator: Client, pair: dict[str, ScoringBundle], owner: Store) -> None:
    with owner.engine.connect() as connection:
        before = connection.execute(text("SELECT count(*) FROM bundle_events")).scalar_one()
        assert ask(operator, pair["first"], "wherever").json()["changed"] is False
        assert connection.execute(text("SELECT count(*) FROM bundle_events")).scalar_one() == before


@pytest.mark.parametrize(
    ("name", "sha256", "status", "code"),
    [
        ("nowhere", "0" * 64, 404, "bundle_unknown"),
        ("..", "0" * 64, 422, "validation_failed"),
        ("../second", "0" * 64, 422, "validation_failed"),
        ("/etc", "0" * 64, 422, "validation_failed"),
        ("second", "0" * 63, 422, "validation_failed"),
        ("second", "0" * 64, 422, "bundle_not_trusted"),
        ("linked", "second", 422, "bundle_not_trusted"),
        ("cut", "cut", 422, "bundle_unusable"),
    ],
)
def test_each_refusal_is_told_audited_and_changes_nothing(
    operator: Client,
    swapped: FastAPI,
    shelf: Shelf,
    pair: dict[str, ScoringBundle],
    owner: Store,
    name: str,
    sha256: str,
    status: int,
    code: str,
) -> None:
    if name == "linked" and not (shelf.folder / "linked").exists():
        (shelf.folder / "linked").symlink_to(shelf.folder / "second")
    if name == "cut" and not (shelf.folder / "cut").exists():
        content = dict(pair["second"].content) | {"model.txt": pair["second"].content["model.txt"][:5000]}
        seal(shelf.folder / "cut", content, {"version": "3"}, KEY)
    manifest = shelf.folder / sha256 / "manifest.json"
    wanted = json.loads(manifest.read_bytes())["content_hash"] if manifest.exists() else sha256
    answer = operator.post("/v1/operations/bundle", json={"bundle": name, "bundle_sha256": wanted})
    assert answer.status_code == status
    assert answer.json()["type"] == f"/docs#{code}"
    assert swapped.state.service.bundle is pair["first"]
    if code != "validation_failed":
        event = operator.get("/v1/operations/bundle").json()["events"][0]
        assert (event["bundle"], event["outcome"], event["code"]) == (name, "refused", code)
        assert event["reason"]
        with owner.engine.connect() as connection:
            newest = connection.execute(text("SELECT record FROM audit WHERE score_id IS NULL ORDER BY at DESC LIMIT 1")).scalar_one()
        record = json.loads(bytes(newest))
        assert (record["kind"], record["bundle"], record["outcome"], record["code"]) == ("bundle", name, "refused", code)


@pytest.mark.parametrize("asked_for", [10, pytest.param(500, marks=pytest.mark.load)])
def test_500_damaged_bundles_are_all_refused_before_anything_is_parsed(
    shelf: Shelf,
    swapped: FastAPI,
    operator: Client,
    pair: dict[str, ScoringBundle],
    key: str,
    supplier: str,
    monkeypatch: pytest.MonkeyPatch,
    say: Callable[[str], None],
    asked_for: int,
) -> None:
    def parsed(*_: Any, **__: Any) -> None:
        raise AssertionError("a damaged bundle was parsed")

    monkeypatch.setattr(ScoringBundle, "_assemble", parsed)
    rng, wanted = random.Random(20261122), pair["second"].content_hash
    bank = Client(swapped, X_API_Key=key)
    seen, points = set(), score(bank, supplier).json()["score"]["points"]
    for number in range(500):
        with damaged(shelf.folder / "second", rng) as how:
            seen.add(how)
            if number % (500 // asked_for) == 0:
                assert ask(operator, pair["second"], "second").status_code in (404, 422), how
                assert score(bank, supplier).json()["score"]["points"] == points
            else:
                with pytest.raises(BundleRefusal):
                    shelf.open("second", wanted, pair["first"])
    say(f"500 bundles damaged in {len(seen)} ways, {asked_for} of them asked for over HTTP: all refused, none parsed")
    assert len(seen) == 12
    assert swapped.state.service.bundle is pair["first"]


@pytest.mark.parametrize(("texts", "least"), [(4, 3), pytest.param(60, 45, marks=pytest.mark.load)])
def test_signed_and_damaged_texts_end_a_child_and_never_this_process(
    shelf: Shelf, pair: dict[str, ScoringBundle], folder: Path, say: Callable[[str], None], texts: int, least: int
) -> None:
    rng, whole = random.Random(20261122), pair["first"]
    refused = 0
    for number in range(texts):
        content = dict(whole.content) | {"model.txt": damaged_text(whole.content["model.txt"].decode(), rng).encode()}
        content.pop("monotone.json", None)  # which would name the text it is of
        sealed = seal(folder / str(number), content, {"version": "3"}, KEY)
        try:
            found = Shelf(folder).open(str(number), sealed, whole)
        except BundleUnusable:
            refused += 1
        else:  # the damage changes nothing that is read: all golden rows come out
            assert found.content_hash == sealed
    say(f"{texts} signed bundles with damaged models: {refused} refused, {texts - refused} harmless, no process of the service ended")
    assert refused >= least


@pytest.mark.parametrize("swaps", [10, pytest.param(100, marks=pytest.mark.load)])
def test_swaps_under_load(
    swapped: FastAPI,
    operator: Client,
    pair: dict[str, ScoringBundle],
    ledger: Ledger,
    key: str,
    supplier: str,
    say: Callable[[str], None],
    swaps: int,
) -> None:
    suppliers = [str(each) for each in ledger.supplier_ids[:6]]
    known = [each for each in suppliers if score(Client(swapped, X_API_Key=key), each).status_code == 201]
    expected = {
        (bundle.content_hash, each): assess(bundle, ledger, each, ledger.latest_as_of).score.points
        for bundle in pair.values()
        for each in known
    }
    ended, faults, answered = threading.Event(), list[Any](), list[str]()

    def load(number: int) -> None:
        client, rng = Client(swapped, X_API_Key=key), random.Random(number)
        while not ended.is_set():
            wanted = rng.choice(known)
            answer = score(client, wanted)
            body = answer.json()
            if answer.status_code != 201:
                faults.append(body)
                continue
            model = body["model"]["bundle_sha256"]
            summed = body["base_points"]
            for part in body["contributions"]:
                summed += part["points"]
            if body["score"]["points"] != expected[model, wanted] or summed != pytest.approx(body["score"]["points"], abs=1e-9):
                faults.append((model, wanted, body["score"]))
            answered.append(model)

    threads = [threading.Thread(target=load, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(swaps):
            name = ("second", "first")[number % 2]
            assert ask(operator, pair[name], name).status_code == 200
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    say(f"{swaps} swaps under {len(answered)} scores: {len(faults)} errors, each score of exactly one model")
    assert faults == []
    assert set(answered) == {bundle.content_hash for bundle in pair.values()}


def test_another_process_follows_and_one_that_cannot_keeps_its_own(
    swapped: FastAPI, operator: Client, pair: dict[str, ScoringBundle], ledger: Ledger, store: Store, shelf: Shelf, folder: Path
) -> None:
    other = create_app(SETTINGS, pair["first"], ledger, store, shelf=shelf)
    apart = create_app(SETTINGS, pair["first"], ledger, store, shelf=Shelf(folder))
    assert ask(operator, pair["second"], "second").status_code == 200
    with beside([Job("bundles", 0.05, Follower(each.state.exchange, store, rest_seconds=60).run) for each in (other, apart)]):
        end = threading.Event()
        for _ in range(600):
            if other.state.service.bundle.version == "2":
                break
            end.wait(0.1)
    assert other.state.service.bundle.content_hash == pair["second"].content_hash
    assert apart.state.service.bundle is pair["first"]
    assert not other.state.exchange.follow(store)


def test_a_process_that_cannot_serve_what_was_put_in_service_is_not_ready(
    swapped: FastAPI, operator: Client, pair: dict[str, ScoringBundle], ledger: Ledger, store: Store, folder: Path
) -> None:
    apart = create_app(SETTINGS, pair["first"], ledger, store, shelf=Shelf(folder))
    other = Client(apart)
    assert other.get("/readyz").status_code == 200
    assert ask(operator, pair["second"], "second").status_code == 200
    with pytest.raises(BundleRefusal):
        apart.state.exchange.follow(store)
    answer = other.get("/readyz")
    assert (answer.status_code, answer.json()["type"]) == (503, "/docs#not_ready")
    assert other.get("/healthz").status_code == 200
    assert Client(swapped).get("/readyz").status_code == 200
    assert ask(operator, pair["first"], "first").status_code == 200
    assert not apart.state.exchange.follow(store)
    assert other.get("/readyz").status_code == 200


def test_one_exchange_at_a_time(swapped: FastAPI, pair: dict[str, ScoringBundle], operator: Client) -> None:
    exchange: Exchange = swapped.state.exchange
    with exchange._alone():
        answer = ask(operator, pair["second"], "second")
        assert answer.status_code == 409
        with pytest.raises(ExchangeUnderWay), exchange._alone():
            pass


def test_a_restart_with_the_older_bundle_does_not_undo_a_swap_and_a_new_one_counts(
    operator: Client, pair: dict[str, ScoringBundle], owner: Store, store: Store, shelf: Shelf, ledger: Ledger
) -> None:
    from serving.server import _last_word

    told: list[str] = []
    note_start(owner, "first", pair["first"].content_hash, "1")
    assert ask(operator, pair["second"], "second").status_code == 200
    served = _last_word(owner, shelf, "first", pair["first"], ledger, told.append)
    assert served.content_hash == pair["second"].content_hash
    assert "is served in place of the older one named" in told[0]
    nowhere = Shelf(shelf.folder / "nowhere")
    assert _last_word(owner, nowhere, "first", pair["first"], ledger, told.append) is pair["first"]
    assert "cannot be now" in told[1]
    assert not was_in_service(store, "f" * 64)
    note_start(owner, "new", "f" * 64, "9")
    word = last_word(store)
    assert word is not None
    assert (word.name, word.tenant_id) == ("new", None)


def test_only_an_operator_may_ask(swapped: FastAPI, pair: dict[str, ScoringBundle], key: str, supplier_key: str, store: Store) -> None:
    for each in (key, supplier_key):
        assert ask(Client(swapped, X_API_Key=each), pair["second"], "second").status_code == 403
    with pytest.raises(Exception, match="row-level security"), store.begin(authenticate(store, key)) as connection:
        values = "gen_random_uuid(), 'x', repeat('0', 64), 'in_service'"
        connection.execute(text(f"INSERT INTO bundle_events (tenant_id, name, bundle_sha256, outcome) VALUES ({values})"))
