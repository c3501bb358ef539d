"""Rounding that adds up, languages, settings, and evidence as text."""

import io
import json
import logging
import math
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from credit.errors import ServiceUnavailable
from credit.reason import shown_en, shown_zh
from credit.score import Contribution, Score
from features.evidence import Evidence, EvidenceRow
from features.facts import KINDS
from serving.database.opening import open_database
from serving.evidence.table import evidence_table
from serving.http.languages import Language, choose_language, words
from serving.http.logs import log_to
from serving.report.build import shown_points
from serving.rounding import round_to_sum
from serving.schemas import ContributionPart, ScoreBody, ScoreRequest
from serving.scoring import body_bytes
from serving.settings import ServiceSettings

POINTS = st.floats(-500, 500, allow_nan=False)


@given(st.lists(POINTS, min_size=1, max_size=120))
def test_rounded_values_add_up_to_the_rounded_sum(values: list[float]) -> None:
    total = Decimal(round(sum(values)))
    shown = round_to_sum(values, total)
    assert sum(shown) == total
    assert all(value == round(value, 1) for value in shown)


@given(st.lists(POINTS, min_size=20, max_size=120))
def test_no_value_moves_by_more_than_its_place(values: list[float]) -> None:
    shown = round_to_sum(values, Decimal(round(sum(values))))
    assert all(abs(float(after) - before) <= 0.2 for before, after in zip(values, shown, strict=True))


@given(st.lists(st.integers(-500_000, 500_000).map(lambda n: n / 1000), min_size=1, max_size=30, unique=True))
def test_order_of_size_is_kept(values: list[float]) -> None:
    shown = round_to_sum(sorted(values), Decimal(round(sum(values))))
    assert list(shown) == sorted(shown)


@given(st.lists(st.sampled_from([0.0, 0.004, -0.004, 0.05, -0.3, 12.34, -45.6]) | POINTS, min_size=1, max_size=120), POINTS)
def test_a_reports_points_add_up_and_nothing_stays_nothing(values: list[float], base: float) -> None:
    contributions = tuple(Contribution(f"f{i}", None, value) for i, value in enumerate(values))
    points = base + sum(values)
    shown_base, shown = shown_points(Score("S", date(2026, 1, 1), 0.1, points, base, contributions), round(points))
    assert shown_base + sum(shown) == round(points)
    if any(values):
        assert abs(float(shown_base) - base) <= 0.0501
        assert all(after == 0 for before, after in zip(values, shown, strict=True) if before == 0)
        assert all(abs(float(after) - before) <= 0.66 for before, after in zip(values, shown, strict=True))


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "zh-CN"),
        ("", "zh-CN"),
        ("fr", "zh-CN"),
        ("en", "en"),
        ("EN-us", "en"),
        ("zh-TW,en;q=0.5", "zh-CN"),
        ("en;q=0.2,zh;q=0.9", "zh-CN"),
        ("en;q=0", "zh-CN"),
        ("en;q=nan", "zh-CN"),
        ("en;q=9", "zh-CN"),
        (",;,=;q", "zh-CN"),
        ("*", "zh-CN"),
        ("x" * 100_000, "zh-CN"),
    ],
)
def test_the_best_liked_language_is_chosen(header: str | None, language: str) -> None:
    assert choose_language(header).value == language


def test_numbers_and_dates_are_in_the_form_of_the_language() -> None:
    english, chinese = words(Language.EN), words(Language.ZH_CN)
    assert english.money(Decimal("1234567.5")) == "CNY 1,234,567.50"
    assert chinese.money(Decimal("1234567.5")) == "1,234,567.50元"
    assert english.money(Decimal(31392)) == shown_en(31392.0, "cny") == "CNY 31,392"
    assert chinese.money(Decimal(31392)) == shown_zh(31392.0, "cny") == "31,392元"
    assert english.long_date(date(2026, 7, 1)) == "July 1, 2026"
    assert chinese.long_date(date(2026, 7, 1)) == "2026年7月1日"
    assert english.number(Decimal("-3.25"), digits=1, signed=True) == "-3.2"
    assert english.number(3.2, digits=1, signed=True) == "+3.2"
    assert english.number(0, digits=1, signed=True) == "0.0"
    with pytest.raises(KeyError):
        english.text("no.such.key")


def test_evidence_is_text_and_flags_are_left_out() -> None:
    row = EvidenceRow("F1", date(2026, 5, 4), date(2026, 5, 6), "B1", (5, 1, 19, 1))
    evidence = Evidence(
        "fulfilment_late_ratio_90d",
        "delivered",
        "交付",
        "Delivery",
        (("late_days", "days"), ("late", "count"), ("lead_days", "days"), ("promised", "count")),
        (row,),
        7,
    )
    table = evidence_table(evidence, Language.EN)
    assert table.headings == ("Id", "Date", "Counterparty", "Days late", "Days to deliver")
    assert table.rows == (("F1", "2026-05-04", "B1", "5", "19"),)
    assert table.total == 7


def test_settings_are_frozen_and_refuse_what_they_do_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANXIN_PORT", "9001")
    monkeypatch.setenv("DATABASE_URL", "postgresql://a:secret@h/d")
    settings = ServiceSettings()
    assert settings.port == 9001
    assert "secret" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.port = 1
    with pytest.raises(ValidationError):
        ServiceSettings(colour="red")  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        ServiceSettings(host="not an address")


@pytest.mark.parametrize("url", ["mysql://a:b@h/d", "sqlite://", "not a url", ""])
def test_only_postgresql_is_spoken(url: str) -> None:
    with pytest.raises(ServiceUnavailable, match="DATABASE_URL"), open_database(ServiceSettings(database_url=SecretStr(url)), print):
        pass


def test_an_external_server_that_is_not_there_is_said() -> None:
    settings = ServiceSettings(database_url=SecretStr("postgresql://a:b@127.0.0.1:1/d"))
    with pytest.raises(ServiceUnavailable, match="could not be brought up to date"), open_database(settings, print):
        pass


def test_every_kind_of_evidence_has_its_headings() -> None:
    known = words(Language.EN).keys()
    for kind in KINDS:
        named = tuple((value.name, value.unit) for value in kind.values)
        shown = evidence_table(Evidence("f", kind.name, kind.label_zh, kind.label_en, named, (), 0), Language.ZH_CN)
        assert all(shown.headings)
        assert f"table.{kind.table}" in known


def test_a_logged_failure_tells_where_and_never_quotes_what_was_sent() -> None:
    stream = io.StringIO()
    log_to(stream)
    try:
        ScoreRequest.model_validate({"supplier_id": "S1", "purpose": "secret-of-a-caller"})
    except ValueError:
        logging.getLogger("lianxin.service").exception("failure", extra={"request_id": "r1", "code": "internal"})
    line = json.loads(stream.getvalue())
    assert line["request_id"] == "r1"
    assert line["failure"]["kind"] == "ValidationError"
    assert any("test_small_parts.py" in place for place in line["failure"]["at"])
    assert "secret-of-a-caller" not in stream.getvalue()


_PARTS = st.builds(
    ContributionPart,
    st.sampled_from(["orders_count_90d", 'so "called"', "\\", "\u4e2d\u6587", '"contributions": []']),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["cny", "ratio", "\u5929"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
)


@given(st.lists(_PARTS, max_size=5), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_a_body_is_written_as_json_writes_it(parts: list[ContributionPart], request_id: str) -> None:
    given: dict[str, Any] = {"request_id": request_id + '"contributions": []', "base_points": 1e-7}
    body = ScoreBody.model_construct(contributions=parts, **given)
    whole = given | {"contributions": [asdict(part) for part in parts]}
    # As texts: so every number has its bits, and every field its place.
    assert json.dumps(json.loads(body_bytes(body, tier="open"))) == json.dumps(whole | {"tier": "open"})


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_no_body_holds_what_json_cannot_say(wrong: float) -> None:
    for part in (ContributionPart("a", wrong, "cny", 0.0), ContributionPart("a", 0.0, "cny", wrong)):
        with pytest.raises(ValueError, match="finite"):
            body_bytes(ScoreBody.model_construct(contributions=[part]))
