"""Bodies that mean nothing, or more than one thing: each is a 4xx problem with a request id, and never comes back."""

import gzip
import json

import pytest
from fastapi import FastAPI

from serving.access.caller import SCOPES_OF, TenantKind
from serving.http.body import MAX_BYTES, parse_strictly
from serving.http.problems import PROBLEM_TYPE
from serving.http.refusals import BodyNotJson
from tests.serving.client import Client
from tests.serving.world import OPERATIONS

GOOD = {"supplier_id": "S000001", "purpose": "credit_application"}
MARK = "zqxjkv"  # stands in every horror that can carry it, so that an echo is seen


def with_value(value: str) -> bytes:
    """A good body with one more raw JSON value as its supplier."""
    return f'{{"supplier_id": {value}, "purpose": "credit_application"}}'.encode()


NOT_JSON: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "body_empty"),
    "blanks": (b" \n\t ", "body_empty"),
    "nan": (with_value("NaN"), "number_not_finite"),
    "infinity": (with_value("Infinity"), "number_not_finite"),
    "minus infinity": (with_value("-Infinity"), "number_not_finite"),
    "1e400": (with_value("1e400"), "number_not_finite"),
    "-1e400": (with_value("-1e400"), "number_not_finite"),
    "nan in an extra field": (b'{"zqxjkv": NaN}', "number_not_finite"),
    "10,000 digits": (with_value("9" * 10_000), "integer_too_long"),
    "20 digits": (with_value("1" * 20), "integer_too_long"),
    "lone high surrogate": (with_value('"zqxjkv\\ud800"'), "unwanted_character"),
    "lone low surrogate": (with_value('"\\udc00zqxjkv"'), "unwanted_character"),
    "surrogates the wrong way round": (with_value('"\\udc00\\ud800zqxjkv"'), "unwanted_character"),
    "surrogate as a key": (b'{"\\ud800zqxjkv": 1}', "unwanted_character"),
    "nul": (with_value('"zqxjkv\\u0000"'), "unwanted_character"),
    "escape": (with_value('"zqxjkv\\u001b[2J"'), "unwanted_character"),
    "delete": (with_value('"zqxjkv\\u007f"'), "unwanted_character"),
    "raw nul": (b'{"supplier_id": "zqxjkv\x00"}', "not_json"),
    "raw newline in a text": (b'{"supplier_id": "zqxjkv\n"}', "not_json"),
    "same key twice": (b'{"supplier_id": "S1", "supplier_id": "zqxjkv", "purpose": "credit_application"}', "key_twice"),
    "same key twice, escaped": (b'{"purpose": "own_information", "p\\u0075rpose": "zqxjkv"}', "key_twice"),
    "same key twice, deep": (b'{"a": [{"b": 1, "b": 2}]}', "key_twice"),
    "17 lists": (b"[" * 17 + b"]" * 17, "too_deep"),
    "20,000 lists": (b"[" * 20_000 + b"]" * 20_000, "too_deep"),
    "20,000 open objects": (b'{"a":' * 12_000, "too_deep"),
    "byte-order mark": (b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), "byte_order_mark"),
    "utf-16": (json.dumps(GOOD).encode("utf-16"), "byte_order_mark"),
    "utf-16 without a mark": (json.dumps(GOOD).encode("utf-16-le"), "not_json"),
    "latin-1": ('{"supplier_id": "é"}'.encode("latin-1"), "not_utf8"),
    "gb18030": ('{"supplier_id": "供应商"}'.encode("gb18030"), "not_utf8"),
    "overlong utf-8": (b'{"supplier_id": "\xc0\xaf"}', "not_utf8"),
    "encoded surrogate": (b'{"supplier_id": "\xed\xa0\x80"}', "not_utf8"),
    "cut short": (b'{"supplier_id": "zqxjkv', "not_json"),
    "trailing comma": (b'{"supplier_id": "zqxjkv",}', "not_json"),
    "comment": (b'{"supplier_id": "zqxjkv"} // no', "not_json"),
    "single quotes": (b"{'supplier_id': 'zqxjkv'}", "not_json"),
    "two documents": (b'{"supplier_id": "zqxjkv"}{}', "not_json"),
    "leading zero": (with_value("007"), "not_json"),
    "hexadecimal": (with_value("0x10"), "not_json"),
    "plus sign": (with_value("+1"), "not_json"),
    "bare word": (b"zqxjkv", "not_json"),
    "broken escape": (with_value('"\\uZZZZ"'), "not_json"),
    "form": (b"supplier_id=zqxjkv&purpose=credit_application", "not_json"),
}

INVALID: dict[str, tuple[bytes, str, str]] = {
    "null": (b"null", "", "model_type"),
    "number": (b"5", "", "model_type"),
    "text": (b'"zqxjkv"', "", "model_type"),
    "list": (b"[]", "", "model_type"),
    "no fields": (b"{}", "/supplier_id", "missing"),
    "extra field": (b'{"supplier_id": "S1", "purpose": "own_information", "zqxjkv": 1}', "", "extra_forbidden"),
    "score in the body": (b'{"supplier_id": "S1", "purpose": "own_information", "score": 900}', "", "extra_forbidden"),
    "true as an id": (with_value("true"), "/supplier_id", "string_type"),
    "number as an id": (with_value("1"), "/supplier_id", "string_type"),
    "negative zero": (with_value("-0"), "/supplier_id", "string_type"),
    "denormal": (with_value("5e-324"), "/supplier_id", "string_type"),
    "null as an id": (with_value("null"), "/supplier_id", "string_type"),
    "empty id": (with_value('""'), "/supplier_id", "string_too_short"),
    "65 characters": (with_value('"' + MARK + "x" * 59 + '"'), "/supplier_id", "string_too_long"),
    "a tab in an id": (with_value('"zqxjkv\\t"'), "/supplier_id", "string_pattern_mismatch"),
    "next line in an id": (with_value('"zqxjkv\\u0085"'), "/supplier_id", "string_pattern_mismatch"),
    "unknown purpose": (b'{"supplier_id": "S1", "purpose": "zqxjkv"}', "/purpose", "enum"),
    "purpose in capitals": (b'{"supplier_id": "S1", "purpose": "CREDIT_APPLICATION"}', "/purpose", "enum"),
    "a time as a date": (b'{"supplier_id": "S1", "purpose": "own_information", "as_of": "2026-01-01T00:00:00"}', "/as_of", "date"),
    "seconds as a date": (b'{"supplier_id": "S1", "purpose": "own_information", "as_of": 1767225600}', "/as_of", "date"),
    "30 February": (b'{"supplier_id": "S1", "purpose": "own_information", "as_of": "2026-02-30"}', "/as_of", "date"),
    "year 10000": (b'{"supplier_id": "S1", "purpose": "own_information", "as_of": "10000-01-01"}', "/as_of", "date"),
    "full-width digits": ('{"supplier_id": "S1", "purpose": "own_information", "as_of": "２０２６-01-01"}'.encode(), "/as_of", "date"),
}


def post(client: Client, body: bytes, **headers: str) -> tuple[int, dict[str, object]]:
    sent = {"Content-Type": "application/json", "Idempotency-Key": "horror"} | {k.replace("_", "-"): v for k, v in headers.items()}
    answer = client.post("/v1/scores", content=body, headers=sent)
    assert answer.headers["content-type"] == PROBLEM_TYPE
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert answer.json()["status"] == answer.status_code
    assert MARK not in answer.text
    return answer.status_code, answer.json()


@pytest.mark.parametrize("name", NOT_JSON)
def test_what_is_not_json_is_refused(client: Client, name: str) -> None:
    body, code = NOT_JSON[name]
    status, problem = post(client, body)
    assert status == 400
    assert [error["code"] for error in problem["errors"]] == [code]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", INVALID)
def test_json_of_another_form_is_refused(client: Client, name: str) -> None:
    body, pointer, code = INVALID[name]
    status, problem = post(client, body)
    assert status == 422
    assert (pointer, code) in [(error["pointer"], error["code"]) for error in problem["errors"]]  # type: ignore[attr-defined]


ANYWHERE = {name: told[0] for name, told in [*NOT_JSON.items(), *INVALID.items()] if name != "no fields"}
"""What no operation takes; one without a field is whole where none is asked for."""


@pytest.mark.parametrize("path", [path for method, path in OPERATIONS if method == "post"])
def test_no_post_takes_any_of_them(app: FastAPI, key: str, supplier_key: str, operator_key: str, path: str) -> None:
    operation = Client(app).get("/openapi.json").json()["paths"][path]["post"]
    wanted = {scope for way in operation.get("security", ()) for scopes in way.values() for scope in scopes}
    keys = {TenantKind.BANK: key, TenantKind.SUPPLIER: supplier_key, TenantKind.OPERATOR: operator_key}
    caller = next(keys[kind] for kind in keys if wanted <= SCOPES_OF[kind])
    examples = {each["name"]: each["example"] for each in operation.get("parameters", ()) if each["in"] == "path"}
    is_read = "application/json" in operation.get("requestBody", {}).get("content", {})
    client = Client(app, X_API_Key=caller, Content_Type="application/json", Idempotency_Key="horror")
    for name, body in ANYWHERE.items():
        answer = client.post(path.format(**examples) + ("?purpose=portfolio_review" if path == "/v1/batches" else ""), content=body)
        # What reads no body looks for the object in its path, which is not there; what takes a file or a form refuses the media type.
        refusals = (400, 422) if is_read else (404, 415)
        assert answer.status_code in refusals, (name, answer.text)
        assert answer.headers["content-type"] == PROBLEM_TYPE
        assert MARK not in answer.text, name


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "application/json; charset=gbk"}, 415),
        ({"Content-Type": "application/jsonp"}, 415),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Content-Encoding": "br"}, 415),
    ],
)
def test_another_media_type_is_refused(client: Client, headers: dict[str, str], status: int) -> None:
    body = json.dumps(GOOD).encode()
    sent = gzip.compress(body) if headers.get("Content-Encoding") == "gzip" else body
    assert post(client, sent, **headers)[0] == status


def test_a_body_that_is_too_long_is_refused(client: Client) -> None:
    assert post(client, b" " * (MAX_BYTES + 1) + json.dumps(GOOD).encode())[0] == 413
    assert post(client, with_value('"' + "x" * 10_000_000 + '"'))[0] == 413


def test_right_to_left_and_joiners_are_only_suppliers_without_consent(client: Client) -> None:
    for text in ("\u202egnp.exe", "a\u200db", "𝓢\U0001f600"):
        assert post(client, json.dumps(GOOD | {"supplier_id": text}).encode())[0] == 403


def test_a_paired_surrogate_is_a_character() -> None:
    assert parse_strictly(b'"\\ud83d\\ude00"') == "\U0001f600"


def test_brackets_inside_a_text_are_no_nesting() -> None:
    assert parse_strictly(json.dumps("[" * 100 + '\\"{').encode()) == "[" * 100 + '\\"{'
    with pytest.raises(BodyNotJson):
        parse_strictly(b'"' + b"[" * 100)
