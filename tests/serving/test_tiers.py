"""Tiers of data: values, figures and rows above what a caller and a consent reach are withheld; the score is the same."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from features.columns import Tier
from features.evidence import evidence_tables
from features.ledger import Ledger
from features.lineage import tier_of
from serving.access.tiers import body_within, evidence_within, feature_tiers, reaches, report_within
from serving.assess import assess, scored_features
from serving.http.languages import Language
from serving.report.build import build_report
from serving.store import Store
from tests.serving.client import Client
from tests.serving.conftest import bank_with_consents
from training.bundle import ScoringBundle


@pytest.fixture(scope="module")
def answers(app: FastAPI, owner: Store, ledger: Ledger, supplier: str) -> Iterator[dict[Tier, Any]]:
    """The answer on one supplier to a bank of each tier."""
    found = {}
    for tier in Tier:
        client = Client(app, Accept_Language="en", X_API_Key=bank_with_consents(owner, ledger, f"tier {tier}", tier))
        body = {"supplier_id": supplier, "purpose": "credit_application"}
        answer = client.post("/v1/scores", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
        found[tier] = answer.json()
    yield found


def test_the_score_is_the_same_for_every_tier_and_adds_up(answers: dict[Tier, Any]) -> None:
    for told in answers.values():
        assert told["score"] == answers[Tier.RESTRICTED]["score"]
        total = told["base_points"] + sum(part["points"] for part in told["contributions"])
        assert abs(total - told["score"]["points"]) <= 1e-9


@pytest.mark.parametrize("tier", list(Tier))
def test_values_are_withheld_above_the_tier_and_only_there(answers: dict[Tier, Any], bundle: ScoringBundle, tier: Tier) -> None:
    whole = {part["feature"]: part["value"] for part in answers[Tier.RESTRICTED]["contributions"]}
    tiers = {feature.name: tier_of(feature) for feature in scored_features(bundle.names)}
    assert answers[tier]["tier"] == tier.value
    for part in answers[tier]["contributions"]:
        is_reached = tier.allows(tiers[part["feature"]])
        assert part["withheld"] is not is_reached
        assert part["value"] == (whole[part["feature"]] if is_reached else None)
    for part, plain in zip(answers[tier]["reasons"], answers[Tier.RESTRICTED]["reasons"], strict=True):
        if tier.allows(tiers[part["feature"]]):
            assert part | {"evidence_url": ""} == plain | {"evidence_url": ""}
            assert part["evidence_url"].endswith(f"/evidence/{part['feature']}")
        else:
            assert (part["withheld"], part["value"], part["reference"], part["evidence_url"]) == (True, None, None, None)
            assert not re.search(r"\d{2}", part["text"].split(" reads worse")[1])
            assert (part["code"], part["points"]) == (plain["code"], plain["points"])


def test_the_tiers_differ_at_all(answers: dict[Tier, Any]) -> None:
    withheld = [sum(part["withheld"] for part in answers[tier]["contributions"]) for tier in Tier]
    assert withheld[0] > withheld[1] > withheld[2] > withheld[3] == 0


def test_a_feature_nobody_declared_is_restricted() -> None:
    assert not reaches(Tier.CONSENT, "no_such_feature")
    assert reaches(Tier.RESTRICTED, "no_such_feature")


def test_rows_lose_the_counterparty_and_the_values_above_the_tier(bundle: ScoringBundle, ledger: Ledger, supplier: str) -> None:
    name = next(n for n in bundle.names if n.startswith("orders_amount") and feature_tiers()[n] is Tier.PLATFORM)
    (evidence,) = evidence_tables(ledger, name, supplier, ledger.latest_as_of, 10)
    assert any(row.party for row in evidence.rows)
    seen = evidence_within(evidence, Tier.PLATFORM)
    assert not any(row.party for row in seen.rows)
    assert [row.key for row in seen.rows] == [row.key for row in evidence.rows]
    assert evidence_within(evidence, Tier.CONSENT) == evidence
    opened = evidence_within(evidence, Tier.OPEN)
    assert opened.value_names == ()
    assert all(row.values == () for row in opened.rows)


def test_the_report_withholds_the_same(bundle: ScoringBundle, ledger: Ledger) -> None:
    for supplier in ledger.supplier_ids[:20]:
        report = build_report(bundle, ledger, assess(bundle, ledger, str(supplier), ledger.latest_as_of))
        assert report_within(report, Tier.RESTRICTED, bundle) is report
        seen = report_within(report, Tier.OPEN, bundle)
        assert [part.points for part in seen.parts] == [part.points for part in report.parts]
        labels = {part.label for part in seen.parts if part.value is not None}
        open_labels = {
            (str(entry["label_zh"]), str(entry["label_en"])) for entry in bundle.catalog if reaches(Tier.OPEN, str(entry["name"]))
        }
        assert labels <= open_labels
        for told, plain in zip(seen.reasons, report.reasons, strict=True):
            assert told.reason.points == plain.reason.points
            if not reaches(Tier.OPEN, plain.reason.feature):
                assert (told.reason.value, told.evidence) == (None, ())
                assert plain.reason.text_en not in told.reason.text_en


def test_both_languages_say_what_is_withheld(bundle: ScoringBundle, ledger: Ledger, supplier: str) -> None:
    from serving.explain import Occasion, score_body
    from serving.schemas import Purpose

    found = assess(bundle, ledger, supplier, ledger.latest_as_of)
    for language, words in ((Language.EN, "wider consent"), (Language.ZH_CN, "更大范围的授权")):
        body = score_body(bundle, ledger, found, Occasion(uuid.uuid4(), "r", Purpose.CREDIT_APPLICATION, language))
        hidden = [part for part in body_within(body, Tier.OPEN, bundle, language).reasons if part.withheld]
        assert hidden
        assert all(words in part.text for part in hidden)
