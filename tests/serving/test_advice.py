"""Every promised grade is reached, by the numbers named, and no smaller change would do."""

import json
from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray

from credit.errors import OutOfRange
from credit.policy import Policy
from features.build import FeatureMatrix, build_features, month_starts
from features.ledger import Ledger
from serving.advice.advise import Advice, Plan, advice_policy, advise, advise_supplier
from serving.advice.levers import LEVERS, lever_paths
from serving.advice.words import advice_document, advice_lines
from serving.assess import scored_features
from tests.training import drawn
from training.bundle import Calibration, ScoringBundle


@pytest.fixture(scope="module")
def policy() -> Policy:
    return advice_policy(date(2026, 7, 1))


@pytest.fixture(scope="module")
def matrix(bundle: ScoringBundle, ledger: Ledger) -> FeatureMatrix:
    latest = ledger.latest_as_of
    return build_features(ledger, month_starts(date(latest.year - 1, latest.month, 1), latest), features=scored_features(bundle.names))


@pytest.fixture(scope="module")
def advised(bundle: ScoringBundle, matrix: FeatureMatrix, policy: Policy) -> list[tuple[NDArray[np.float64], Advice]]:
    rows = matrix.values[:: max(len(matrix.values) // 300, 1)]
    return [(row, advise(bundle, row, policy)) for row in rows]


def plans_of(advised: list[tuple[NDArray[np.float64], Advice]]) -> list[tuple[NDArray[np.float64], Advice, Plan]]:
    return [(row, advice, plan) for row, advice in advised for plan in advice.plans]


def test_every_promised_grade_is_reached(bundle: ScoringBundle, advised: list[tuple[NDArray[np.float64], Advice]]) -> None:
    plans = plans_of(advised)
    assert len(advised) >= 300 and len(plans) >= 100
    assert {len(plan.steps) for _, _, plan in plans} >= {1, 2}
    scores = bundle.score(np.array([plan.row for _, _, plan in plans]))
    for (_, advice, plan), pd, points in zip(plans, scores.pd.tolist(), scores.points.tolist(), strict=True):
        assert pd < plan.target.pd_to
        assert plan.points == points and plan.grade == bundle.grades.grade(pd)
        assert plan.target.pd_to < advice.grade.pd_to


def test_the_changed_row_is_today_but_for_the_numbers_named(
    advised: list[tuple[NDArray[np.float64], Advice]], bundle: ScoringBundle
) -> None:
    for row, _, plan in plans_of(advised):
        named = {number.feature: number for step in plan.steps for number in step.numbers}
        for name, today, then in zip(bundle.names, row.tolist(), plan.row, strict=True):
            if name in named:
                assert np.array_equal([named[name].today, named[name].reach], [today, then], equal_nan=True)
            else:
                assert np.array_equal(today, then, equal_nan=True), name
        assert 1 <= len(plan.steps) <= 3
        assert plan.effort == pytest.approx(sum(step.effort for step in plan.steps))
        assert all(any(number.is_shown for number in step.numbers) for step in plan.steps)


def test_no_drawn_change_of_less_effort_reaches_the_grade(
    bundle: ScoringBundle, policy: Policy, advised: list[tuple[NDArray[np.float64], Advice]]
) -> None:
    generator = np.random.default_rng(11)
    tried = 0
    for row, _, plan in plans_of(advised)[::3]:
        paths = lever_paths(bundle.catalog, row, policy, plan.months)
        rows = []
        for _ in range(400):
            chosen = generator.choice(len(paths), min(int(generator.integers(1, 4)), len(paths)), replace=False)
            places = [int(generator.integers(1, len(paths[lever].efforts))) for lever in chosen]
            if sum(paths[lever].efforts[place] for lever, place in zip(chosen, places, strict=True)) >= plan.effort - 1e-9:
                continue
            changed = row.copy()
            for lever, place in zip(chosen, places, strict=True):
                changed[paths[lever].places] = paths[lever].values[:, place]
            rows.append(changed)
        if rows:
            tried += len(rows)
            assert bundle.score(np.array(rows)).pd.min() >= plan.target.pd_to * (1 - 1e-8)
    assert tried > 2000


def test_longer_plans_take_less_effort_and_unreached_grades_have_none(advised: list[tuple[NDArray[np.float64], Advice]]) -> None:
    for _, advice in advised:
        for target in {plan.target.name for plan in advice.plans}:
            efforts = [plan.effort for plan in advice.plans if plan.target.name == target]
            assert efforts == sorted(efforts, reverse=True) and len(set(efforts)) == len(efforts)
        assert not {grade.name for grade in advice.unreached} & {plan.target.name for plan in advice.plans}
        if advice.nearest is not None:
            assert advice.nearest.target in advice.unreached
            assert advice.nearest.points > advice.points and advice.nearest.points_lacking > -1e-6


def test_what_cannot_be_helped_is_said(advised: list[tuple[NDArray[np.float64], Advice]], bundle: ScoringBundle, policy: Policy) -> None:
    best = [advice for _, advice in advised if advice.grade == bundle.grades.grades[0]]
    missing = advise(bundle, np.full(len(bundle.names), np.nan), policy)
    assert missing.plans == () and missing.nearest is None
    said = advice_lines(missing, in_chinese=False)
    assert "No change within reach raises the score." in said if missing.unreached else "best grade" in said[0]
    for advice in best:
        assert not advice.plans and not advice.unreached and advice_lines(advice, in_chinese=False) == ["This is the best grade already."]


def test_another_bundle_is_asked_and_may_disagree(
    bundle: ScoringBundle, policy: Policy, advised: list[tuple[NDArray[np.float64], Advice]]
) -> None:
    text = bundle.content["model.txt"].decode()
    harsh = ScoringBundle.freeze(
        model_text=text,
        calibration=Calibration(slope=0.9, intercept=3.0),
        scale=bundle.scale,
        grades=bundle.grades,
        catalog=bundle.catalog,
        reference_values=np.array([row for row, _ in advised[:50]]),
        model=bundle.model,
    )
    row = plans_of(advised)[0][0]
    for plan in advise(bundle, row, policy, others=[(bundle, row), (harsh, row)]).plans:
        same, other = plan.holds
        assert same.holds and same.grade_then == plan.grade
        assert other.holds == (harsh.grades.grade(float(harsh.score(np.array([plan.row])).pd[0])).pd_to <= plan.target.pd_to)
        assert not other.holds


def test_words_are_a_suppliers_in_both_languages(advised: list[tuple[NDArray[np.float64], Advice]]) -> None:
    spoken = {True: "", False: ""}
    for _, advice in advised:
        for in_chinese in spoken:
            spoken[in_chinese] += "\n".join(advice_lines(advice, in_chinese=in_chinese))
            json.dumps(advice_document(advice, in_chinese=in_chinese), allow_nan=False)
    for word in ("SHAP", "model", "feature", "margin", "threshold", "nan", "_"):
        assert word not in spoken[False], word
    assert "模型" not in spoken[True] and "个月内达到" in spoken[True] and "需达到" in spoken[True]
    assert "to reach" in spoken[False] and "within 3 months" in spoken[False]


def test_one_supplier_from_the_ledger_is_advised_as_its_row_is(
    bundle: ScoringBundle, ledger: Ledger, policy: Policy, matrix: FeatureMatrix
) -> None:
    place = len(matrix.values) - 1
    supplier, as_of = str(matrix.supplier_ids[place]), matrix.as_of[place].astype(date)
    assert advise_supplier(bundle, ledger, supplier, as_of, policy) == advise(bundle, matrix.values[place], policy)


def test_rows_of_another_form_are_refused_and_models_without_levers_give_none(bundle: ScoringBundle, policy: Policy) -> None:
    with pytest.raises(OutOfRange, match="numbers of the bundle"):
        advise(bundle, np.zeros(3), policy)
    with pytest.raises(OutOfRange, match="infinit"):
        advise(bundle, np.full(len(bundle.names), np.inf), policy)
    assert {number.feature for lever in LEVERS for number in lever.numbers} & set(drawn.NAMES) == {
        "fulfilment_late_ratio_90d",
        "orders_buyer_hhi_180d",
    }
    row = drawn.rows(1, seed=3)[0][0]
    for plan in advise(drawn.bundle(), np.abs(row), policy).plans:
        assert {step.lever for step in plan.steps} <= {"lateness", "buyers"}
