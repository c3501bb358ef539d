"""A history handed over is scored as the platform's own would be, to the last bit, or refused with the place and the rule."""

import copy
import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from features.build import build_features, rests_on_others
from features.ledger import Ledger
from features.read import RawTables, read_tables
from features.rules import RULES
from serving.access.caller import Caller
from serving.access.keys import create_api_key
from serving.assess import scored_features
from serving.audit.anchors import verify_chains
from serving.audit.replay import replay
from serving.histories.bodies import MAX_BYTES, MAX_ROWS, TABLES, read_history
from serving.histories.example import history_request_example
from serving.histories.opening import open_history
from serving.http.languages import Language, words
from serving.http.refusals import HistoryTooSlow
from serving.schemas import KeptScore
from serving.store import Store
from tests.serving.client import Client
from tests.serving.test_body_horrors import NOT_JSON
from training.bundle import ScoringBundle

TODAY = datetime.now(UTC).date()
BASIS = {
    "kind": "contract",
    "reference": "FILE-1",
    "given_on": (TODAY - timedelta(days=3)).isoformat(),
    "expires_on": (TODAY + timedelta(days=30)).isoformat(),
}
MARK = "zqxjkv"
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def tables(parts: Path) -> Iterator[RawTables]:
    tables, _ = read_tables(parts / "tables")
    yield tables
    tables.close()


def rows_of(tables: RawTables, supplier: str) -> Rows:
    """A supplier's accepted rows as its bank would write them, times in UTC."""
    rows: Rows = {}
    for name in tables.present & TABLES.keys():
        columns = [(column.name, column.kind) for column in TABLES[name].columns]
        chosen = ", ".join(f"CAST({one} AS VARCHAR){chr(39).join((' || ', 'Z', '')) if kind == 'time' else ''}" for one, kind in columns)
        found = tables.con.cursor().execute(f"SELECT {chosen} FROM {name} WHERE supplier_id = ?", [supplier]).fetchall()
        rows[name] = [dict(zip((one for one, _ in columns), row, strict=True)) for row in found]
    return rows


@pytest.fixture(scope="module")
def example(app: FastAPI) -> dict[str, Any]:
    return history_request_example(app.state.service)


def post(client: Client, body: Any, **headers: str) -> httpx.Response:
    sent = {"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post("/v1/scores/history", content=raw, headers=sent | {k.replace("_", "-"): v for k, v in headers.items()})


def request(rows: Rows, as_of: date) -> dict[str, Any]:
    return {"basis": BASIS, "as_of": as_of.isoformat(), "purpose": "credit_application", "history": rows}


@pytest.mark.parametrize("place", [0, 5, 17, 33, 58])
def test_a_suppliers_own_rows_give_the_stored_ledgers_score_bit_for_bit(
    place: int, client: Client, tables: RawTables, ledger: Ledger, bundle: ScoringBundle
) -> None:
    supplier, as_of = str(ledger.supplier_ids[place]), ledger.latest_as_of
    row = build_features(ledger, [as_of], [supplier], features=scored_features(bundle.names)).values[0].copy()
    row[[rests_on_others(feature) for feature in scored_features(bundle.names)]] = np.nan
    expected = bundle.score_of(supplier, as_of, row)
    answer = post(client, request(rows_of(tables, supplier), as_of))
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["score"]["points"] == expected.points
    assert told["score"]["pd_12m"] == expected.pd
    assert told["base_points"] == expected.base_points
    kept = np.array([np.nan if part["value"] is None else part["value"] for part in told["contributions"]])
    assert kept.tobytes() == np.where(np.isnan(row), np.nan, row).tobytes()
    assert [part["points"] for part in told["contributions"]] == [part.points + 0.0 for part in expected.contributions]
    assert told["subject"]["supplier_id"] == supplier
    assert "others_missing" in {notice["code"] for notice in told["warnings"]}


def test_neither_the_order_of_rows_nor_numbers_for_texts_nor_cells_left_out_change_a_bit(
    client: Client, tables: RawTables, ledger: Ledger
) -> None:
    rows = rows_of(tables, str(ledger.supplier_ids[9]))
    first = post(client, request(rows, ledger.latest_as_of)).json()
    for table in rows.values():
        table.reverse()
        for row in table:
            for column in ("amount", "rating", "quantity", "return_amount"):
                if row.get(column) is not None:
                    row[column] = int(float(row[column])) if float(row[column]).is_integer() else float(row[column])
            for column in [name for name, cell in row.items() if cell is None]:
                del row[column]
    again = post(client, request(rows, ledger.latest_as_of)).json()
    assert [again[name] for name in ("score", "contributions", "reasons")] == [
        first[name] for name in ("score", "contributions", "reasons")
    ]


def test_what_was_not_handed_over_is_missing_and_named(client: Client, example: dict[str, Any], ledger: Ledger) -> None:
    told = post(client, example).json()
    KeptScore.model_validate_json(json.dumps(told))
    assert set(told["missing_tables"]) == set(TABLES) - set(example["history"])
    values = {part["feature"]: part["value"] for part in told["contributions"]}
    assert values["orders_count_90d"] == 3.0
    assert values["invoices_count_90d" if "invoices_count_90d" in values else "network_lone_share_365d"] is None
    assert values["network_lone_share_365d"] is None
    assert told["rights"] == {"report_url": None, "dispute_url": None, "human_review_url": None, "automated_only": True}
    assert told["consent_ref"] is None
    assert told["history"]["rows"] == {table: len(rows) for table, rows in example["history"].items()}
    assert told["data_quality"]["validity"] == 1.0
    later = example | {"as_of": TODAY.isoformat()}
    assert post(client, later).json()["as_of"] == TODAY.isoformat()


def broken(table: str, row: int, **cells: object) -> Callable[[Rows], None]:
    return lambda rows: rows[table][row].update(cells)


BROKEN: dict[str, tuple[Callable[[Rows], None], str, str]] = {
    "no amount": (broken("orders", 2, amount=None), "/history/orders/2/amount", "required_cell_is_given"),
    "nothing for an amount": (broken("orders", 2, amount=""), "/history/orders/2/amount", "required_cell_is_given"),
    "amount of zero": (broken("orders", 0, amount=0), "/history/orders/0/amount", "amount_is_positive"),
    "a third decimal": (broken("orders", 5, amount=Decimal("0.001")), "/history/orders/5/amount", "money_has_two_decimals"),
    "an exponent": (broken("orders", 5, amount="1e3"), "/history/orders/5/amount", "money_is_decimal"),
    "a formula": (broken("orders", 5, amount=f"=1+{MARK}"), "/history/orders/5/amount", "money_is_decimal"),
    "too large": (broken("orders", 1, amount=10**12), "/history/orders/1/amount", "money_is_below_100_billion"),
    "no time": (broken("orders", 1, ordered_at=f"1/2/2026 {MARK}"), "/history/orders/1/ordered_at", "time_is_iso_8601"),
    "30 February": (broken("orders", 1, promised_at="2026-02-30T00:00:00"), "/history/orders/1/promised_at", "time_is_iso_8601"),
    "the future": (
        broken("fulfilments", 3, delivered_at=(TODAY + timedelta(days=3)).isoformat()),
        "/history/fulfilments/3/delivered_at",
        "not_in_the_future",
    ),
    "before the order": (
        broken("fulfilments", 3, shipped_at="2020-01-01"),
        "/history/fulfilments/3/shipped_at",
        "shipped_not_before_ordered",
    ),
    "another's row": (broken("orders", 4, supplier_id=MARK), "/history/orders/4/supplier_id", "supplier_is_known"),
    "no such order": (broken("reviews", 0, order_id=MARK), "/history/reviews/0/order_id", "order_is_known"),
    "six stars": (broken("reviews", 0, rating=6), "/history/reviews/0/rating", "rating_from_1_to_5"),
    "another currency": (broken("orders", 0, currency="USD"), "/history/orders/0/currency", "currency_is_the_folders"),
    "a long id": (broken("orders", 3, buyer_id=MARK + "x" * 60), "/history/orders/3/buyer_id", "id_is_within_64_characters"),
    "a hidden character": (broken("orders", 3, buyer_id=f"{MARK}\u200b"), "/history/orders/3/buyer_id", "id_has_no_control_characters"),
    "no such word": (broken("suppliers", 0, kind=MARK), "/history/suppliers/0/kind", "word_is_listed"),
    "a wrong code": (broken("suppliers", 0, uscc="91350100M000100Y40"), "/history/suppliers/0/uscc", "uscc_check_digit_holds"),
    "twice": (lambda rows: rows["orders"].append(dict(rows["orders"][1])), "/history/orders/6", "key_is_unique"),
    "twice and different": (lambda rows: rows["orders"].append(rows["orders"][1] | {"amount": 3}), "/history/orders/1", "key_is_unique"),
    "two suppliers": (
        lambda rows: rows["suppliers"].append({"supplier_id": MARK}),
        "/history/suppliers",
        "history_of_one_supplier",
    ),
    "no supplier": (lambda rows: rows["suppliers"].clear(), "/history/orders/0/supplier_id", "supplier_is_known"),
    "nobody and nothing": (lambda rows: rows.update({name: [] for name in rows}), "/history/suppliers", "history_of_one_supplier"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_row_that_breaks_a_rule_is_named_with_its_remedy_and_not_repeated(client: Client, example: dict[str, Any], name: str) -> None:
    spoil, pointer, rule = BROKEN[name]
    sent = copy.deepcopy(example)
    spoil(sent["history"])
    answer = post(client, json.dumps(sent, default=float).encode())
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"] == "/docs#history_invalid"
    found = {(error["pointer"], error["code"]): error["detail"] for error in answer.json()["errors"]}
    assert (pointer, rule) in found
    if rule in RULES:
        assert RULES[rule].remedy_en in found[pointer, rule]
        zh = post(client, json.dumps(sent, default=float).encode(), Accept_Language="zh-CN").json()["errors"]
        assert any(RULES[rule].remedy_zh in error["detail"] for error in zh)
    assert MARK not in answer.text


def shaped(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def changed(body: dict[str, Any]) -> dict[str, Any]:
        change(body)
        return body

    return changed


SHAPES: dict[str, tuple[Callable[[dict[str, Any]], Any], str, str]] = {
    "null": (lambda body: None, "", "model_type"),
    "a list": (lambda body: [body], "", "model_type"),
    "no history": (shaped(lambda b: b.pop("history")), "/history", "missing"),
    "history of null": (shaped(lambda b: b.update(history=None)), "/history", "missing"),
    "history as a list": (shaped(lambda b: b.update(history=[])), "/history", "model_type"),
    "no orders": (shaped(lambda b: b["history"].pop("orders")), "/history/orders", "missing"),
    "orders of null": (shaped(lambda b: b["history"].update(orders=None)), "/history/orders", "list_type"),
    "orders as an object": (shaped(lambda b: b["history"].update(orders={MARK: []})), "/history/orders", "list_type"),
    "loans": (shaped(lambda b: b["history"].update(loans=[])), "/history", "extra_forbidden"),
    "no such table": (shaped(lambda b: b["history"].update({MARK: []})), "/history", "extra_forbidden"),
    "a row of null": (shaped(lambda b: b["history"]["orders"].append(None)), "/history/orders/6", "model_type"),
    "a row as a text": (shaped(lambda b: b["history"]["orders"].append(MARK)), "/history/orders/6", "model_type"),
    "no such column": (shaped(lambda b: b["history"]["orders"][2].update({MARK: 1})), "/history/orders/2", "extra_forbidden"),
    "a list as a cell": (shaped(lambda b: b["history"]["orders"][2].update(amount=[1])), "/history/orders/2/amount", "cell_type"),
    "an object as a cell": (shaped(lambda b: b["history"]["orders"][2].update(amount={})), "/history/orders/2/amount", "cell_type"),
    "true as an amount": (shaped(lambda b: b["history"]["orders"][2].update(amount=True)), "/history/orders/2/amount", "cell_type"),
    "a number as an id": (shaped(lambda b: b["history"]["orders"][2].update(order_id=7)), "/history/orders/2/order_id", "cell_type"),
    "seconds as a time": (
        shaped(lambda b: b["history"]["orders"][2].update(ordered_at=1.5e9)),
        "/history/orders/2/ordered_at",
        "cell_type",
    ),
    "no basis": (shaped(lambda b: b.pop("basis")), "/basis", "missing"),
    "another basis": (shaped(lambda b: b["basis"].update(kind=MARK)), "/basis/kind", "enum"),
    "no reference": (shaped(lambda b: b["basis"].update(reference="")), "/basis/reference", "string_too_short"),
    "a basis that ended": (shaped(lambda b: b["basis"].update(expires_on=TODAY.isoformat())), "/basis/expires_on", "expires"),
    "a basis for ever": (shaped(lambda b: b["basis"].update(expires_on="2999-01-01")), "/basis/expires_on", "expires"),
    "a basis to come": (
        shaped(lambda b: b["basis"].update(given_on=(TODAY + timedelta(days=2)).isoformat())),
        "/basis/given_on",
        "in_the_future",
    ),
    "for the supplier's own eyes": (shaped(lambda b: b.update(purpose="own_information")), "/purpose", "literal_error"),
    "another field": (shaped(lambda b: b.update({MARK: 1})), "", "extra_forbidden"),
    "a time as a date": (shaped(lambda b: b.update(as_of="2026-01-01T00:00:00")), "/as_of", "date"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_body_of_another_form_is_refused(client: Client, example: dict[str, Any], name: str) -> None:
    change, pointer, code = SHAPES[name]
    answer = post(client, change(copy.deepcopy(example)))
    assert answer.status_code == 422, answer.text
    assert (pointer, code) in {(error["pointer"], error["code"]) for error in answer.json()["errors"]}
    assert MARK not in answer.text


@pytest.mark.parametrize("name", NOT_JSON)
def test_what_is_not_json_is_refused(client: Client, name: str) -> None:
    body, code = NOT_JSON[name]
    answer = post(client, body)
    assert answer.status_code == 400
    assert [error["code"] for error in answer.json()["errors"]] == [code]


def test_an_as_of_to_come_or_before_everything_is_refused(client: Client, example: dict[str, Any]) -> None:
    answer = post(client, example | {"as_of": (TODAY + timedelta(days=2)).isoformat()})
    assert (answer.status_code, answer.json()["type"]) == (422, "/docs#as_of_out_of_range")
    answer = post(client, example | {"as_of": "2001-01-01"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/docs#not_enough_history")


def test_numbers_are_read_by_their_digits() -> None:
    body = b'{"basis": %s, "purpose": "portfolio_review", "history": {"suppliers": [], "orders": [{"amount": 9007199254740993.10}],'
    posted = read_history(body % json.dumps(BASIS).encode() + b' "fulfilments": [], "reviews": []}}')
    assert str(posted.rows["orders"][0]["amount"]) == "9007199254740993.10"


def test_the_same_key_brings_the_first_answer_and_another_body_is_refused(client: Client, example: dict[str, Any]) -> None:
    key = uuid.uuid4().hex
    first, again = (post(client, example, Idempotency_Key=key) for _ in range(2))
    assert (first.status_code, again.content, again.headers["idempotent-replayed"]) == (201, first.content, "true")
    other = post(client, example | {"purpose": "portfolio_review"}, Idempotency_Key=key)
    assert (other.status_code, other.json()["type"]) == (422, "/docs#idempotency_key_reused")
    assert client.get(f"/v1/scores/{first.json()['id']}").content == first.content


def test_it_can_be_replayed_and_its_audit_row_holds_digest_and_basis(
    client: Client, example: dict[str, Any], owner: Store, bank: Caller, bundle: ScoringBundle
) -> None:
    raw = json.dumps(example | {"basis": BASIS}).encode()
    told = post(client, raw).json()
    found = replay(owner, bundle, bank.tenant_id, told["audit"]["sequence"])
    assert (found.points, found.different) == (told["score"]["points"], ())
    with owner.begin(bank) as connection:
        from sqlalchemy import select

        from serving.database.tables import audit

        wanted = (audit.c.tenant_id == bank.tenant_id) & (audit.c.sequence == told["audit"]["sequence"])
        record = json.loads(connection.execute(select(audit.c.record).where(wanted)).scalar_one())
    assert record["history_sha256"] == told["history"]["request_sha256"] == hashlib.sha256(raw).hexdigest()
    assert {name: record[f"basis_{name}"] for name in BASIS} == BASIS
    assert [report.fault for report in verify_chains(owner, frozenset()) if report.tenant_id == bank.tenant_id] == [None]


def test_only_a_bank_may_and_a_supplier_of_that_id_on_the_platform_sees_nothing_of_it(
    app: FastAPI, client: Client, example: dict[str, Any], supplier: str, supplier_key: str, owner: Store, empty_bank: uuid.UUID
) -> None:
    assert post(Client(app, X_API_Key=supplier_key), example).status_code == 403
    named = json.loads(json.dumps(example).replace("WORKSHOP-7", supplier))
    score = post(client, named).json()["id"]
    theirs = Client(app, X_API_Key=supplier_key)
    assert score not in theirs.get("/v1/lookups?limit=200").text
    assert theirs.get(f"/v1/scores/{score}").status_code == 404
    stranger = Client(app, X_API_Key=create_api_key(owner, empty_bank, "stranger"))
    assert stranger.get(f"/v1/scores/{score}").status_code == 404
    assert post(stranger, example).status_code == 201


def test_a_history_is_bounded_in_rows_bytes_number_and_time(app: FastAPI, client: Client, example: dict[str, Any]) -> None:
    many = copy.deepcopy(example)
    many["history"]["orders"] = [{}] * (MAX_ROWS + 1)
    answer = post(client, many)
    assert ("/history", "too_many_rows") in {(error["pointer"], error["code"]) for error in answer.json()["errors"]}
    assert all(f"{MAX_ROWS:,}" in words(language).text("field.too_many_rows") for language in Language)
    assert post(client, b" " * (MAX_BYTES + 1)).status_code == 413
    slots = app.state.service.history_slots
    with slots.take(), slots.take():
        answer = post(client, example)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    assert post(client, example).status_code == 201
    with pytest.raises(HistoryTooSlow), open_history(
        example["history"], zone="Asia/Shanghai", currency="CNY", now=datetime.now(UTC), seconds=0.0
    ):  # fmt: skip
        pass


def test_every_fault_up_to_a_hundred_is_named_at_once(client: Client, example: dict[str, Any]) -> None:
    sent = copy.deepcopy(example)
    sent["history"]["orders"] += [{"order_id": f"X{n}", "amount": -1} for n in range(300)]
    told = post(client, sent).json()
    assert len(told["errors"]) == 100
    assert "1,200" in told["detail"]


def test_twenty_thousand_rows_and_a_thousand_corrections_of_one_order_are_worked_through(client: Client, example: dict[str, Any]) -> None:
    sent = copy.deepcopy(example)
    rows, start = sent["history"], datetime.fromisoformat(example["history"]["orders"][0]["ordered_at"])
    for n in range(6600):
        at = (start + timedelta(minutes=30 * n)).isoformat()
        own = {"order_id": f"N{n}", "supplier_id": "WORKSHOP-7"}
        rows["orders"].append(own | {"buyer_id": f"B{n % 97}", "ordered_at": at, "amount": f"{100 + n}.50", "promised_at": at})
        rows["fulfilments"].append(own | {"fulfilment_id": f"D{n}", "delivered_at": at})
        rows["reviews"].append(own | {"review_id": f"R{n}", "reviewed_at": at, "rating": 4})
    first = rows["orders"][0]
    rows["orders"] += [first | {"amount": str(1 + n), "recorded_at": (start + timedelta(minutes=n)).isoformat()} for n in range(1000)]
    answer = post(client, sent)
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [("/history/orders/0", "too_many_corrections")]
    del rows["orders"][-1]
    answer = post(client, sent)
    assert answer.status_code == 201, answer.text
    assert sum(answer.json()["history"]["rows"].values()) > 20_000
