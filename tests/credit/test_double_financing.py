"""One document has one fingerprint however it is written, and two documents never share one."""

import hmac
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.double_financing import Document, Fingerprint, canonical_code, canonical_number, fingerprint
from credit.errors import OutOfRange

SALT = bytes(range(32))
PLAIN: dict[str, Any] = {
    "document": Document.INVOICE,
    "issuer": "91110000MA01ABCD2X",
    "number": "AB-0012/3",
    "amount": 123_456,
    "dated_on": date(2026, 5, 20),
    "salt": SALT,
}


def of(**changes: Any) -> Fingerprint:
    return fingerprint(**{**PLAIN, **changes})


@pytest.mark.parametrize(
    "number",
    [
        "AB-0012/3",
        "ab-0012/3",
        "ＡＢ－００１２／３",
        "ＡＢ００１２３",
        " AB 0012 3 ",
        "AB\u00a00012\u30003",
        "AB\u200b0012\u20603",
        "AB–0012—3",
        "AB_0012.3",
        "No. AB0012-3",
        "№ AB00123",
        "NO：AB00123",
        "编号：AB00123",
        "号码 AB00123",
        "AB\t0012\n3",
        "\ufeffAB00123",
        "A\u00adB00123",
    ],
)
def test_variants_of_writing_are_one_document(number: str) -> None:
    assert of(number=number) == of()


@pytest.mark.parametrize("issuer", ["91110000ma01abcd2x", "９１１１００００ＭＡ０１ＡＢＣＤ２Ｘ", " 91110000 MA01 ABCD-2X "])
def test_variants_of_the_issuer_are_one_issuer(issuer: str) -> None:
    assert of(issuer=issuer) == of()


@pytest.mark.parametrize(
    "change",
    [
        {"number": "AB-0012/4"},
        {"number": "AB-012/3"},
        {"issuer": "91110000MA01ABCD3X"},
        {"amount": 123_457},
        {"dated_on": date(2026, 5, 21)},
        {"document": Document.ORDER},
        {"salt": bytes(32)},
        {"issuer": "91110000MA01ABCD2XA", "number": "B00123"},
    ],
)
def test_another_document_has_another_fingerprint(change: dict[str, Any]) -> None:
    assert of(**change).whole != of().whole


def test_the_same_number_with_another_amount_or_day_is_told_by_the_second_print() -> None:
    other = of(amount=999, dated_on=date(2026, 6, 1))
    assert other.whole != of().whole
    assert other.numbered == of().numbered
    assert of(number="X1").numbered != of().numbered


def test_a_fingerprint_is_the_keyed_hash_that_is_documented() -> None:
    parts = ("whole", "invoice", "91110000MA01ABCD2X", "AB00123", "123456", "2026-05-20")
    message = b"".join(len(part).to_bytes(4, "big") + part.encode() for part in parts)
    assert of().whole == hmac.new(SALT, message, "sha256").hexdigest()
    assert of().whole != of().numbered


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"salt": bytes(31)}, "at least 32 bytes"),
        ({"amount": 0}, "above 0"),
        ({"amount": True}, "whole fen"),
        ({"number": " -/ "}, "at least one letter or digit"),
        ({"issuer": ""}, "at least one letter or digit"),
        ({"number": "No."}, None),
    ],
)
def test_what_cannot_be_told_apart_is_refused(change: dict[str, Any], says: str | None) -> None:
    if says is None:
        assert of(**change)
    else:
        with pytest.raises(OutOfRange, match=says):
            of(**change)


@given(text=st.text(min_size=1, max_size=20), letter=st.sampled_from("A7中"))
def test_canonical_writing_is_stable_and_blind_to_case_width_and_marks(text: str, letter: str) -> None:
    number = canonical_number(text + letter)
    assert canonical_number(number) == number
    assert canonical_number(number.lower()) == number
    assert canonical_number("-".join(number)) == canonical_code("-".join(number)) or number != canonical_code(text + letter)
    assert canonical_code(" " + canonical_code(text + letter)) == canonical_code(text + letter)
