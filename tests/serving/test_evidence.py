"""From a number of a score to its rows: all of them, page by page, as far as the caller may see, and they give the very number."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from features.columns import Tier
from features.facts import KINDS
from features.ledger import Ledger
from features.lineage import tier_of
from serving.access.tiers import feature_tiers
from serving.assess import scored_features
from serving.evidence.rows import kept_value
from serving.store import Store
from tests.serving.client import Client
from tests.serving.conftest import bank_with_consents
from training.bundle import ScoringBundle

Ask = Callable[..., Any]


def score(client: Client, supplier: str, **more: str) -> Any:
    body = {"supplier_id": supplier, "purpose": "credit_application"} | more
    answer = client.post("/v1/scores", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert answer.status_code == 201, answer.text
    return answer.json()


def pages(client: Client, url: str, limit: int = 200) -> tuple[Any, list[Any]]:
    """The first page, and the items of all."""
    first = page = client.get(f"{url}?limit={limit}").json()
    items = list(page["items"])
    while page["next"] is not None:
        page = client.get(f"{url}?limit={limit}&after={page['next']}").json()
        items += page["items"]
    return first, items


@pytest.mark.parametrize("as_of", [None, "2026-03-17"])
def test_the_rows_of_every_number_add_up_to_it(client: Client, ledger: Ledger, as_of: str | None) -> None:
    whole = added = 0
    told = score(client, str(ledger.supplier_ids[7]), **({"as_of": as_of} if as_of else {}))
    for part in told["contributions"]:
        first, items = pages(client, f"/v1/scores/{told['id']}/evidence/{part['feature']}")
        assert (first["value"], first["as_of"], first["known_at"]) == (part["value"], told["as_of"], told["known_at"])
        assert len(items) == first["total"]
        assert all(item["known_on"] < told["as_of"] and item["happened_on"] <= item["known_on"] for item in items)
        assert first["agrees"] is not False, part["feature"]
        whole += first["agrees"] is True
        for each in first["sums"]:
            own = [i for i in items if i["source"] == each["source"] and (each["from"] or "") <= i["happened_on"] < each["until"]]
            if each["column"] != "count":
                assert sum(item["values"][each["column"]] for item in own) == each["total"], part["feature"]
                added += 1
            elif first["sources"][each["source"]]["closed_by"] is None:
                assert len(own) == each["total"], part["feature"]
    assert whole > 100
    assert added > 100


def test_every_reason_leads_to_its_rows(client: Client, ledger: Ledger) -> None:
    led = 0
    for supplier in map(str, ledger.supplier_ids[:6]):
        for reason in score(client, supplier)["reasons"]:
            found = client.get(reason["evidence_url"])
            assert found.status_code == 200, found.text
            assert (found.json()["feature"], found.json()["value"]) == (reason["feature"], reason["value"])
            led += 1
    assert led > 4


def test_pages_hold_each_row_once(client: Client, supplier: str) -> None:
    url = f"/v1/scores/{score(client, supplier)['id']}/evidence/orders_amount_sum_365d"
    whole, by_three = pages(client, url)[1], pages(client, url, 3)[1]
    assert whole == by_three
    assert len({item["id"] for item in whole}) == len(whole) > 6


@pytest.mark.parametrize("tier", list(Tier))
def test_rows_above_the_tier_are_withheld(
    app: FastAPI, owner: Store, ledger: Ledger, bundle: ScoringBundle, supplier: str, tier: Tier
) -> None:
    client = Client(app, Accept_Language="en", X_API_Key=bank_with_consents(owner, ledger, f"rows {tier}", tier))
    told, kinds = score(client, supplier), {kind.name: kind for kind in KINDS}
    for feature in scored_features(bundle.names)[::4]:
        answer = client.get(f"/v1/scores/{told['id']}/evidence/{feature.name}")
        if not tier.allows(tier_of(feature)):
            assert (answer.status_code, answer.json()["type"]) == (403, "/docs#evidence_withheld")
            continue
        body = answer.json()
        for source in body["sources"]:
            hidden = set(source["withheld"])
            assert not hidden & {value["name"] for value in source["values"]}
            assert hidden == set() or tier is not Tier.RESTRICTED
            assert {value.name for value in kinds[source["kind"]].values} | {"counterparty"} >= hidden
        for item in body["items"]:
            source = body["sources"][item["source"]]
            assert set(item["values"]) == {value["name"] for value in source["values"]}
            assert item["counterparty"] is None or "counterparty" not in source["withheld"]
    assert tier is Tier.RESTRICTED or any(not tier.allows(found) for found in feature_tiers().values())


def test_a_look_at_rows_is_seen_and_needs_a_live_consent(
    app: FastAPI, client: Client, owner: Store, supplier: str, supplier_key: str
) -> None:
    login = Client(app, Accept_Language="en", X_API_Key=supplier_key)
    own = score(login, supplier, purpose="own_information")
    before = len(pages(login, "/v1/lookups")[1])
    assert login.get(f"/v1/scores/{own['id']}/evidence/orders_count_90d").status_code == 200
    assert len(pages(login, "/v1/lookups")[1]) == before + 1


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("{id}/evidence/no_such", 404, "feature_unknown"),
        ("{id}/evidence/<script>", 404, "feature_unknown"),
        ("354a741c-f4f1-437e-b3df-d40301751f42/evidence/orders_count_90d", 404, "score_unknown"),
        ("x/evidence/orders_count_90d", 404, "score_unknown"),
        ("{id}/evidence/orders_count_90d?after=-1", 422, "validation_failed"),
        ("{id}/evidence/orders_count_90d?limit=0", 422, "validation_failed"),
        ("{id}/evidence/orders_count_90d?limit=201", 422, "validation_failed"),
        ("{id}/evidence/orders_count_90d?after=9223372036854775807", 200, None),
    ],
)
def test_what_cannot_be_shown_is_said(client: Client, supplier: str, path: str, status: int, code: str | None) -> None:
    answer = client.get("/v1/scores/" + path.format(id=score(client, supplier)["id"]))
    assert answer.status_code == status
    if code:
        assert answer.json()["type"] == f"/docs#{code}"
        assert "script" not in answer.text
    else:
        assert (answer.json()["items"], answer.json()["next"]) == ([], None)


def test_the_value_is_the_one_that_was_scored(store: Store, client: Client, owner: Store, key: str, supplier: str) -> None:
    from serving.access.keys import authenticate

    told = score(client, supplier)
    record = store.read_record(authenticate(store, key), uuid.UUID(told["id"]))
    for part in told["contributions"][::9]:
        assert kept_value(record, part["feature"]) == part["value"] or part["value"] is None
