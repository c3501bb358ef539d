"""The rate limit: shared by all who ask for one tenant, told in headers, and over as soon as it says."""

import threading
import time
import uuid
from dataclasses import replace

import pytest

from features.ledger import Ledger
from serving.access.caller import Caller
from serving.access.keys import create_api_key
from serving.access.rates import Rate, take
from serving.app import create_app
from serving.http.refusals import RateLimited
from serving.settings import ServiceSettings
from serving.store import Store
from tests.serving.client import Client
from training.bundle import ScoringBundle


@pytest.fixture
def tenant(bank: Caller, empty_bank: uuid.UUID) -> uuid.UUID:
    return replace(bank, tenant_id=empty_bank).tenant_id


def test_a_bucket_empties_and_fills_again_and_refusals_do_not_starve_it(store: Store, tenant: uuid.UUID) -> None:
    rate = Rate(burst=5, per_second=2.0)
    assert [int(take(store, tenant, rate)) for _ in range(5)] == [4, 3, 2, 1, 0]
    began, refused = time.monotonic(), 0
    while True:
        try:
            take(store, tenant, rate)
            break
        except RateLimited as limited:
            assert limited.facts["seconds"] == 1
            refused += 1
            assert time.monotonic() - began < 10
    assert refused > 0


def test_all_workers_count_together(store: Store, owner: Store, tenant: uuid.UUID) -> None:
    rate, granted, guard = Rate(burst=20, per_second=0.001), [], threading.Lock()

    def worker(of: Store) -> None:
        for _ in range(10):
            try:
                left = take(of, tenant, rate)
            except RateLimited:
                continue
            with guard:
                granted.append(left)

    threads = [threading.Thread(target=worker, args=(of,)) for of in (store, owner) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(granted) == 20
    assert len({int(left) for left in granted}) == 20


def test_beyond_the_limit_is_429_for_this_tenant_alone(
    bundle: ScoringBundle, ledger: Ledger, store: Store, owner: Store, empty_bank: uuid.UUID, supplier_key: str
) -> None:
    app = create_app(ServiceSettings(rate_burst=3, rate_per_second=0.01), bundle, ledger, store)
    first, second = (Client(app, Accept_Language="en", X_API_Key=create_api_key(owner, empty_bank, name)) for name in ("a", "b"))
    told = [first.get("/v1/models/current") for _ in range(2)]
    told += [second.get("/v1/models/current") for _ in range(28)]  # both keys draw on one bucket
    assert [answer.status_code for answer in told] == [200] * 3 + [429] * 27
    assert told[0].headers["ratelimit-policy"] == '"tenant";q=3;w=300'
    assert [answer.headers["ratelimit"].split(";")[1] for answer in told[:4]] == ["r=2", "r=1", "r=0", "r=0"]
    refused = told[3]
    assert refused.json()["type"] == "/docs#rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 100
    assert Client(app, X_API_Key=supplier_key).get("/v1/models/current").status_code == 200
    # a caller that is not known draws on nobody's bucket
    assert "ratelimit" not in Client(app, X_API_Key="lx_" + "0" * 12 + "_" + "A" * 43).get("/v1/models/current").headers
