"""Metrics: counts and times an operator reads, by route and status; no id, no key, no value of anybody."""

import re
import uuid

from fastapi import FastAPI

from serving.http.metrics import CONTENT_TYPE
from tests.serving.client import Client


def read(app: FastAPI, operator_key: str) -> str:
    answer = Client(app, X_API_Key=operator_key).get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == CONTENT_TYPE
    return answer.text


def value(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_requests_and_scores_are_counted(app: FastAPI, client: Client, operator_key: str, supplier: str) -> None:
    posted = 'lianxin_requests_total{method="POST",route="/v1/scores",status="201"}'
    before = read(app, operator_key)
    key = uuid.uuid4().hex
    for _ in range(2):  # the second is a replay
        client.post("/v1/scores", json={"supplier_id": supplier, "purpose": "credit_application"}, headers={"Idempotency-Key": key})
    after = read(app, operator_key)
    assert value(after, posted) - value(before, posted) == 2
    assert value(after, "lianxin_scores_total") - value(before, "lianxin_scores_total") == 1
    seconds = 'lianxin_request_seconds_count{route="/v1/scores"}'
    assert value(after, seconds) - value(before, seconds) == 2


def test_paths_and_methods_that_callers_make_up_add_no_series(app: FastAPI, client: Client, operator_key: str) -> None:
    def series(text: str) -> set[str]:
        return {line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")}

    client.get("/zqxjkv/0")
    client.request("ZQXJKV", "/v1/scores")
    before = series(read(app, operator_key))
    for number in range(20):
        client.get(f"/zqxjkv/{number}")
        client.request(f"ZQXJKV{number}", "/v1/scores")
    assert len(series(read(app, operator_key)) - before) <= 1


def test_metrics_hold_no_id_and_no_key(app: FastAPI, client: Client, operator_key: str, supplier: str, key: str, supplier_key: str) -> None:
    client.get(f"/v1/scores/{uuid.uuid4()}")
    text = read(app, operator_key)
    for word in (supplier, key.split("_")[1], supplier_key.split("_")[1], operator_key.split("_")[1], "zqxjkv"):
        assert word not in text
