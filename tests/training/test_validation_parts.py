"""The dossier's parts on drawn rows: grades, groups, fairness, sensitivity, weak spots, stability, evidence, canonical JSON."""

import dataclasses
import hashlib
import json
from datetime import date
from typing import Any

import numpy as np
import pytest

from credit.errors import PolicyInvalid
from credit.grade import Grade, GradeScale
from tests.training import drawn
from training.bundle import ScoringBundle
from training.settings import packaged_policy
from training.validation.calibration import backtest_grades, calibrate_groups, fit_of_grades
from training.validation.discrimination import curve, distribution, overall
from training.validation.document import canonical, digest, encode
from training.validation.evidence import monotone_evidence, reason_evidence, survival
from training.validation.fairness import compare_groups
from training.validation.limits import Limits, policy_in_force
from training.validation.sensitivity import Rescorer, move_features, withhold_tables
from training.validation.stability import Drift, feature_bins, score_bins, shares, stability_of
from training.validation.tables import Column, cell
from training.validation.weak_spots import find_weak_spots

LIMITS = dataclasses.replace(Limits.from_policy(policy_in_force(date(2026, 1, 1))), bootstrap_draws=60)
SCALE = GradeScale((Grade("A", "低", "low", 0.0, 0.02), Grade("B", "中", "middle", 0.02, 0.1), Grade("C", "高", "high", 0.1, 1.0)))


def own(rows: int) -> np.ndarray:
    return np.arange(rows, dtype=np.intp)


def test_a_grade_by_hand() -> None:
    # 50 rows at 4 % with 3 bad: two expected; nobody in A; one row in C.
    y, pd = np.array([1.0] * 3 + [0.0] * 48), np.array([0.04] * 50 + [0.5])
    none, middle, high = backtest_grades(y, pd, own(51), SCALE, correlation=0.0, limits=LIMITS)
    assert (none.rows, none.light, none.mean_pd, none.is_small) == (0, None, None, True)
    assert (middle.rows, middle.bads, middle.design_effect) == (50, 3, 1.0)
    assert (middle.expected_bads, middle.bad_rate) == pytest.approx((2.0, 0.06))
    assert middle.tail == pytest.approx(1 - 0.96**50 - 50 * 0.04 * 0.96**49 - 1225 * 0.04**2 * 0.96**48)
    assert middle.tail_clustered == middle.tail
    assert (middle.light, middle.light_rows, middle.light_common_factor) == ("green", "green", "green")
    assert (high.rows, high.is_small) == (1, True)
    fit = fit_of_grades([none, middle, high])
    assert fit["degrees"] == 2
    assert fit["statistic"] == pytest.approx(1 / (50 * 0.04 * 0.96) + 0.25 / 0.25)


def test_a_pd_on_a_bound_is_tested_in_the_riskier_grade() -> None:
    tests = backtest_grades(np.array([0.0, 1.0]), np.array([0.02, 0.1]), own(2), SCALE, correlation=0.0, limits=LIMITS)
    assert [test.rows for test in tests] == [0, 1, 1]
    assert [SCALE.grade(0.02).name, SCALE.grade(0.1).name] == ["B", "C"]


def test_rows_of_one_supplier_soften_the_light_and_an_economy_softens_it_more() -> None:
    y, pd = np.repeat([1.0, 0.0], [30, 270]), np.full(300, 0.05)
    (_, grade, _) = backtest_grades(y, pd, np.repeat(own(75), 4), SCALE, correlation=0.7, limits=LIMITS)
    assert grade.design_effect == pytest.approx(1 + 3 * 0.7)
    assert grade.tail is not None
    assert grade.tail_clustered is not None
    assert grade.tail_common_factor is not None
    assert grade.tail < grade.tail_clustered < grade.tail_common_factor
    assert (grade.light_rows, grade.light) == ("red", "yellow")
    assert grade.suppliers == 75


def test_groups_come_in_their_order_and_few_bads_give_no_ranking() -> None:
    generator = np.random.default_rng(1)
    pd = generator.uniform(0.02, 0.5, 600)
    y = (generator.random(600) < pd).astype(float)
    labels = np.where(own(600) < 25, "small", np.where(own(600) < 400, "large", "middle"))
    groups = calibrate_groups(labels, y, pd, own(600), order=("small", "middle", "large"), correlation=0.0, limits=LIMITS)
    assert [group.label for group in groups] == ["small", "middle", "large"]
    assert groups[0].bads < 10
    assert (groups[0].auc, groups[0].slope) == (None, None)
    assert groups[2].auc is not None
    assert groups[2].auc_low is not None
    assert groups[2].auc_low < groups[2].auc
    assert not groups[2].is_outside
    assert groups[2].slope is not None
    assert groups[2].slope.low < 1 < groups[2].slope.high
    assert groups[2].ece_by_luck > 0


def test_pds_that_do_not_rank_a_group_have_no_slope_and_are_still_measured() -> None:
    y, pd = np.tile([1.0, 0.0], 50), np.tile([0.1, 0.4], 50)
    (group,) = calibrate_groups(np.full(100, "x"), y, pd, own(100), order=(), correlation=0.0, limits=LIMITS)
    assert (group.auc, group.slope) == (0.0, None)
    assert group.brier == pytest.approx((0.81 + 0.16) / 2)
    turned = np.where(np.arange(100) < 10, 1.0 - y, y)
    (group,) = calibrate_groups(np.full(100, "x"), turned, pd, own(100), order=(), correlation=0.0, limits=LIMITS)
    assert group.slope is not None
    assert group.slope.high < 0
    found = overall(y, pd, own(100), limits=LIMITS, seed=1)
    assert found["slope"].value is None
    assert found["auc"].value == 0.0
    slope = overall(turned, pd, own(100), limits=LIMITS, seed=1)["slope"]
    assert slope.value is not None
    assert slope.high is not None
    assert slope.high < 0


def test_approval_by_hand() -> None:
    # North: 40 suppliers, all approved. South: 32, half of them approved, all good.
    labels = np.repeat(["north", "south"], [40, 32])
    pd = np.concatenate([np.full(40, 0.03), np.full(16, 0.03), np.full(16, 0.3)])
    y = np.concatenate([np.repeat([1.0, 0.0], [4, 36]), np.zeros(32)])
    north, south = compare_groups(labels, y, pd, own(72), correlation=0.0, limits=LIMITS, seed=1)
    assert (north.is_reference, north.approval_rate, north.ratio) == (True, 1.0, 1.0)
    assert (south.approval_rate, south.ratio, south.ratio_of_goods) == (0.5, 0.5, 0.5)
    assert south.calibration_gap == pytest.approx(-(16 * 0.03 + 16 * 0.3) / 32)
    # No bad of 32: the upper end u of the rate solves (1 - u)^32 = 0.025.
    assert south.gap_high == pytest.approx(1 - 0.025 ** (1 / 32) - 0.165)
    assert south.gap_high < 0 < north.calibration_gap
    assert south.ratio_high is not None
    assert south.ratio_high < LIMITS.fairness_low
    assert not south.is_small


def test_a_pd_at_the_cut_off_passes_and_a_group_nobody_approves_compares_with_nothing() -> None:
    pd = np.array([LIMITS.approval_pd, np.nextafter(LIMITS.approval_pd, 1)])
    (group,) = compare_groups(np.full(2, "all"), np.array([0.0, 1.0]), pd, own(2), correlation=0.0, limits=LIMITS, seed=1)
    assert group.approval_rate == 0.5
    assert group.is_small
    refused = compare_groups(np.array(["a", "a", "b"]), np.zeros(3), np.full(3, 0.9), own(3), correlation=0.0, limits=LIMITS, seed=1)
    assert [one.ratio for one in refused] == [None, None]


def test_scores_anew_equal_the_bundles_and_a_move_with_the_risk_costs_points() -> None:
    bundle, values = drawn.bundle(), drawn.rows(400, seed=9)[0]
    rescorer = Rescorer(bundle)
    assert rescorer.points(values) == pytest.approx(bundle.score(values).points, abs=1e-8)
    moved = {one.name: one for one in move_features(rescorer, values, bundle.names)}
    late = moved["fulfilment_late_ratio_90d"]
    assert late.mean_up < 0 < late.mean_down
    assert late.largest >= abs(late.mean_up)
    assert max(moved, key=lambda name: abs(moved[name].mean_up)) == "fulfilment_late_ratio_90d"
    assert late.iqr == pytest.approx(np.subtract(*np.nanquantile(values[:, 0], [0.75, 0.25])))


def test_a_missing_table_is_scored_as_missing() -> None:
    bundle, (values, y, _) = drawn.bundle(), drawn.rows(400, seed=9)
    found = {one.table: one for one in withhold_tables(Rescorer(bundle), bundle, values, y)}
    without = values.copy()
    without[:, [1, 4, 5]] = np.nan
    change = bundle.score(without).points - bundle.score(values).points
    assert found["orders"].features == 3
    assert found["orders"].mean_change == pytest.approx(change.mean(), abs=1e-8)
    assert found["orders"].largest_loss == pytest.approx(-change.min(), abs=1e-8)
    assert found["orders"].auc is not None
    assert found["orders"].auc_with is not None
    assert found["orders"].auc < found["orders"].auc_with


def spots(*, hidden: float, seed: int) -> list[object]:
    generator = np.random.default_rng(seed)
    columns = {"stars": generator.normal(size=4000), "noise": generator.normal(size=4000)}
    columns["stars"][::9] = np.nan
    pd = np.full(4000, 0.1)
    y = (generator.random(4000) < np.where(columns["stars"] < -0.8, pd + hidden, pd)).astype(float)
    ids = np.array([f"s{number}" for number in range(4000)])
    return list(find_weak_spots(columns, y, pd, ids, own(4000), correlation=0.0, limits=LIMITS))


def test_a_planted_weak_spot_is_found_and_confirmed_on_others() -> None:
    from training.validation.weak_spots import WeakSpot

    worst = spots(hidden=0.2, seed=1)[0]
    assert isinstance(worst, WeakSpot)
    assert worst.is_confirmed
    cut = worst.conditions[0]
    assert (cut.name, cut.is_above) == ("stars", False)
    assert cut.bound == pytest.approx(-0.8, abs=0.15)
    assert worst.gap == pytest.approx(0.2, abs=0.06)


def test_a_weak_spot_of_missing_values_is_written_and_said() -> None:
    generator = np.random.default_rng(2)
    stars = np.where(own(2000) % 3 == 0, np.nan, generator.normal(size=2000))
    pd = np.full(2000, 0.1)
    y = (generator.random(2000) < np.where(np.isnan(stars), 0.5, pd)).astype(float)
    ids = np.array([f"供应商{number}" for number in range(2000)])
    found = find_weak_spots({"stars": stars}, y, pd, ids, own(2000), correlation=0.0, limits=LIMITS)
    written = json.loads(encode({"spots": found}))["spots"]
    assert written[0]["conditions"] == [{"name": "stars", "is_above": True, "bound": None, "with_missing": True}]
    assert written[0]["is_confirmed"]
    said = [str(cell(spot, Column("conditions", "conditions"))) for spot in written]
    assert "stars is missing" in said[0]
    assert "stars 缺失" in said[0]
    assert all("stars is known" in words for words in said[1:])


def test_where_nothing_is_wrong_hardly_anything_is_confirmed() -> None:
    confirmed = [any(getattr(spot, "is_confirmed", False) for spot in spots(hidden=0.0, seed=seed)) for seed in range(30)]
    assert np.mean(confirmed) <= 0.1


def test_stability_against_the_bundles_own_reference() -> None:
    values = drawn.rows(500)[0]
    bundle = drawn.bundle(reference_values=values)
    for column, distribution_then in enumerate(bundle.reference.distributions):
        then, place = feature_bins(values[:, column], distribution_then)
        assert shares(place, len(then)) == pytest.approx(then)
    then, place = score_bins(bundle.score(values).points, bundle.reference.points)
    assert shares(place, len(then)) == pytest.approx(then, abs=0.01)
    assert then.sum() == pytest.approx(1.0)


def test_a_shift_counts_only_beyond_chance() -> None:
    then, now = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.75, 0.0])
    big = stability_of("x", then, now, samples=(500, 500), missing=True, level=0.95, limits=LIMITS)
    small = stability_of("x", then, now, samples=(10, 10), missing=True, level=0.95, limits=LIMITS)
    assert big.psi == small.psi == pytest.approx(0.274653, abs=1e-6)
    assert (big.drift, small.drift) == (Drift.SHIFTED, Drift.STABLE)
    assert big.bins == 2
    gone = stability_of("x", np.array([0.9, 0.1]), np.array([0.6, 0.4]), samples=(500, 500), missing=True, level=0.95, limits=LIMITS)
    assert (gone.missing_then, gone.missing_now) == (0.1, 0.4)


def test_the_curve_and_the_distribution_by_hand() -> None:
    y, risk = np.array([1.0, 0.0, 1.0, 0.0]), np.array([4.0, 3.0, 2.0, 1.0])
    assert curve(y, risk, steps=2) == [{"goods": 0.0, "bads": 0.5}, {"goods": 0.5, "bads": 1.0}, {"goods": 1.0, "bads": 1.0}]
    bands = distribution(y, -risk, bins=2)
    assert [(band["goods"], band["bads"]) for band in bands] == [(0.5, 0.5), (0.5, 0.5)]
    assert len(distribution(y, np.zeros(4))) == 1


def with_content(**parts: object) -> ScoringBundle:
    bundle = drawn.bundle()
    return dataclasses.replace(
        bundle, content={**bundle.content, **{f"{name}.json": json.dumps(part).encode() for name, part in parts.items()}}
    )


def test_a_certificate_counts_only_for_this_very_model() -> None:
    sha256 = hashlib.sha256(drawn.bundle().content["model.txt"]).hexdigest()
    cases = [
        ({"verdict": "monotone", "violations": 0, "model_sha256": sha256}, "proved"),
        ({"verdict": "monotone", "violations": 2, "model_sha256": sha256}, "violated"),
        ({"verdict": "violated", "violations": 2, "model_sha256": sha256}, "violated"),
        ({"verdict": "undecided", "violations": 1, "model_sha256": sha256}, "undecided"),
        ({"verdict": "fine", "violations": 0, "model_sha256": sha256}, "not_proved"),
        ({"verdict": "monotone", "violations": 0, "model_sha256": "0" * 64}, "not_proved"),
        ({"verdict": "monotone", "violations": True, "model_sha256": sha256}, "not_proved"),
        ([1], "not_proved"),
    ]
    for document, status in cases:
        bundle = with_content(monotone=document)
        assert monotone_evidence(bundle)["status"] == status, document


def test_the_stability_of_reasons_is_read_or_said_to_be_missing() -> None:
    bundle = drawn.bundle()
    assert reason_evidence(bundle)["status"] == "not_measured"
    measured = {"value": 0.82, "low": 0.78, "high": 0.86, "n": 900}
    for found, status in (
        ({"first_family_survival": measured, "refits": 10}, "measured"),
        ({"first_family_survival": {"value": "high"}}, "not_measured"),
        ({"first_family_survival": 0.8}, "not_measured"),
        (None, "not_measured"),
        ([], "not_measured"),
    ):
        assert reason_evidence(dataclasses.replace(bundle, model={**bundle.model, "reason_stability": found}))["status"] == status
    known = survival({"first_family_survival": measured})
    assert known is not None
    assert dataclasses.asdict(known) == measured


def test_one_document_has_one_text() -> None:
    one = {"b": [np.float64(0.1) + 0.2, -0.0, None], "a": {"day": date(2026, 1, 2), "drift": Drift.WATCH, "yes": True, "n": 3}}
    other = {"a": {"n": 3, "yes": True, "drift": "watch", "day": "2026-01-02"}, "b": (0.3, 0.0, None)}
    assert encode(one) == encode(other)
    assert digest(one) == hashlib.sha256(encode(one)).hexdigest()
    assert canonical(canonical(one)) == canonical(one)
    assert canonical({"last digit": 1234567.8901234567}) == canonical({"last digit": 1234567.8901234569}) == {"last digit": 1234567.89}
    with pytest.raises(ValueError, match="JSON compliant"):
        encode({"a": float("nan")})


@pytest.mark.parametrize(
    ("name", "value"), [("interval_level", 1.0), ("light_red", 0.9), ("bootstrap_draws", 0), ("asset_correlation", 1.0), ("slope_low", 2.0)]
)
def test_limits_that_mean_nothing_are_refused(name: str, value: float) -> None:
    numbers: dict[str, Any] = {**dataclasses.asdict(LIMITS), name: value}
    with pytest.raises(PolicyInvalid, match=name):
        Limits(**numbers)


def test_every_limit_has_a_unit_two_languages_and_a_source() -> None:
    policy = packaged_policy("validation").on(date(2026, 1, 1))
    assert policy.id == "validation"
    assert {field.name for field in dataclasses.fields(Limits)} == set(policy.numbers)
    assert all(number.unit and number.source and number.zh and number.en for number in policy.numbers.values())
