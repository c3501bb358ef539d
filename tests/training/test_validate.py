"""The whole dossier on a small simulated platform: the same again, the trainer's numbers again, and what is refused."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from credit.abstention import stand
from credit.errors import BundleInvalid, CannotWrite, NotEnoughHistory, PolicyInvalid, TableUnreadable
from credit.policy import PolicyHistory
from features.ledger import Ledger
from features.read import RawTables, read_tables
from lianxin import validate_command
from tests.browser.chromium import chromium
from tests.browser.looking import look
from tests.training import drawn
from training.bundle import ScoringBundle
from training.pipeline import TrainResult
from training.validate import Dossier, validate, write_dossier
from training.validation.challenger import challenge
from training.validation.document import canonical
from training.validation.limits import Limits, policy_in_force
from training.validation.page import SECTIONS, render
from training.validation.provenance import describe_data
from training.validation.words import words

pytestmark = pytest.mark.slow

GATED = {
    *("auc", "gini", "ks", "slope", "intercept", "brier", "log_loss", "ece", "psi.score", "psi.feature_max"),
    *("monotone.violations", "grades.red", "calibration.hl_p", "fairness.min_ratio"),
}


@dataclasses.dataclass
class World:
    folder: Path
    tables: RawTables
    ledger: Ledger
    result: TrainResult


@pytest.fixture(scope="module")
def world(platform: tuple[Path, RawTables, Ledger], trained: TrainResult) -> World:
    folder, _, ledger = platform
    # Read again: tests of the training write to the tables they share.
    tables, _ = read_tables(folder)
    return World(folder, tables, ledger, trained)


@pytest.fixture(scope="module")
def dossier(world: World) -> Dossier:
    return validate(world.result.bundle, world.tables, ledger=world.ledger)


def changed(bundle: ScoringBundle, **model: Any) -> ScoringBundle:
    return dataclasses.replace(bundle, model={**bundle.model, **model})


def test_the_bank_gets_the_same_hash_elsewhere_later_and_with_more_threads(world: World, dossier: Dossier, tmp_path: Path) -> None:
    shutil.copytree(world.folder, tmp_path / "copied" / "elsewhere")
    lianxin = Path(sys.executable).with_name("lianxin")
    environment = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "PYTHONHASHSEED": "7", "TZ": "America/New_York", "LC_ALL": "C"}
    done = subprocess.run(
        [str(lianxin), "validate", str(world.result.bundle_path), "copied/elsewhere", "--out", "out", "--allow-unsigned", "--json"],
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["sha256"] == dossier.sha256
    ours = write_dossier(dossier, tmp_path / "ours")
    for name in ("dossier.html", "dossier.json", "dossier.json.sha256"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "ours" / name).read_bytes()
    assert ours.sha256.read_text().split() == [dossier.sha256, "dossier.json"]
    text = ours.json.read_text(encoding="utf-8")
    assert str(world.folder.parent) not in text
    assert json.loads(text) == dossier.document


def test_the_page_is_read_in_a_browser(dossier: Dossier, tmp_path: Path) -> None:
    page_at = write_dossier(dossier, tmp_path).html.as_uri()
    with chromium() as browser:
        page = browser.new_page()
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url))
        page.on("console", lambda message: sent.append(message.text))
        page.goto(page_at)
        assert sent == [page_at]
        look(page, "dossier")


def test_the_trainers_own_numbers_come_out_again(world: World, dossier: Dossier) -> None:
    data, measures = dossier.document["data"], dossier.document["measures"]
    assert data["is_same_data"]
    assert data["is_reproduced"]
    assert data["is_ledger_of_these_files"]
    assert {one["name"] for one in data["recomputed"]} >= {"auc", "ks", "brier", "calibration_slope"}
    for ours, theirs in (("auc", "auc"), ("ks", "ks"), ("ece", "ece"), ("slope", "calibration_slope"), ("brier", "brier")):
        assert measures[ours]["value"] == pytest.approx(world.result.measures[theirs], rel=1e-8)
    assert measures["psi.score"]["value"] == pytest.approx(world.result.measures["score_psi"], abs=0.005)
    assert np.array_equal(dossier.sample.scores.points, world.result.scores.points)


def test_certainty_is_what_the_service_would_say_of_every_row(world: World, dossier: Dossier) -> None:
    """Counted again from the bundle's own answer, row by row."""
    found, sample, bundle = dossier.document["certainty"], dossier.sample, world.result.bundle
    assert bundle.intervals is not None
    assert (found["status"], found["level"]) == ("measured", bundle.intervals.policy.interval_level)
    said = []
    for pd, row in zip(sample.scores.pd.tolist(), sample.frame.values[sample.test].tolist(), strict=True):
        interval = bundle.intervals.around(pd, row)
        standing = stand(pd, interval, cutoff_pd=found["cutoff_pd"], is_thin=bundle.intervals.is_thin(row))
        said.append((standing.recommendation, bundle.grades.grade(pd).name, interval))
    by_stance = {one["label"]: one for one in found["stances"]}
    assert {label: one["rows"] for label, one in by_stance.items()} == Counter(stance for stance, _, _ in said)
    for one in found["groups"]["grade"]:
        of_grade = [(interval.low, interval.high) for _, grade, interval in said if grade == one["label"]]
        assert (one["mean_low"], one["mean_high"]) == pytest.approx(tuple(np.mean(of_grade, axis=0)), rel=1e-8)
        assert one["mean_low"] <= one["mean_pd"] <= one["mean_high"]
        assert one["is_beyond"] == (one["rate_high"] < one["mean_low"] or one["rate_low"] > one["mean_high"])
    assert sum(one["rows"] for one in found["groups"]["size"]) == len(said)
    without = validate(dataclasses.replace(bundle, intervals=None), world.tables, ledger=world.ledger)
    assert without.document["certainty"] == {"status": "not_in_bundle"}
    assert "no_intervals" in {one["code"] for one in without.document["findings"]}


def test_every_gated_measure_stands_in_its_shape(dossier: Dossier) -> None:
    measures = dossier.document["measures"]
    assert set(measures) >= GATED
    for name, measure in measures.items():
        assert set(measure) == {"value", "low", "high", "n"}, name
        assert (measure["low"] is None) == (measure["high"] is None)
        if measure["low"] is not None:
            assert measure["low"] <= measure["value"] <= measure["high"], name
    for name in ("auc", "slope", "ece", "log_loss", "psi.score"):
        assert measures[name]["low"] is not None, name
    assert measures["monotone.violations"]["value"] in (0, None)


def test_the_counts_agree_between_the_tables(dossier: Dossier) -> None:
    document = dossier.document
    whole = document["data"]["windows"]["test_whole"]
    assert whole["rows"] == len(dossier.sample.y)
    calibrated, compared = document["calibration"]["groups"], document["fairness"]["groups"]
    for groups in [document["calibration"]["grades"], *calibrated.values(), *compared.values()]:
        assert sum(group["rows"] for group in groups) == whole["rows"]
    for groups in calibrated.values():
        assert sum(group["bads"] for group in groups) == whole["bads"]
    red = sum(grade["light"] == "red" for grade in document["calibration"]["grades"])
    assert document["measures"]["grades.red"]["value"] == red
    said = [finding["numbers"]["grade"] for finding in document["findings"] if finding["code"] == "grade_empty"]
    assert said == [grade["grade"] for grade in document["calibration"]["grades"] if grade["rows"] == 0]
    used = {one["column"] for one in document["data_use"]["used"]}
    assert "suppliers.name" in document["data_use"]["not_used"]
    assert not used & {*document["data_use"]["not_used"], *document["data_use"]["outcome_only"]}
    assert not any(column.partition(".")[0] in ("loans", "repayments", "labels") for column in used)


def test_a_banks_own_policy_is_used_and_shown(world: World, dossier: Dossier) -> None:
    text = (files("credit.policies") / "validation.toml").read_text(encoding="utf-8").replace("value = 0.08,", "value = 0.5,")
    own = validate(world.result.bundle, world.tables, ledger=world.ledger, policy=PolicyHistory.parse(text))
    assert own.document["fairness"]["approval_rate"] > dossier.document["fairness"]["approval_rate"]
    assert own.sha256 != dossier.sha256
    shown = {one["name"]: one["value"] for one in own.document["policy"]["numbers"]}
    assert shown["approval_pd"] == 0.5
    with pytest.raises(PolicyInvalid, match="psi_watch"):
        validate(world.result.bundle, world.tables, ledger=world.ledger, policy=PolicyHistory.parse(text.replace("[psi_watch]", "[other]")))


def test_a_ledger_in_the_place_of_tables_is_told_where_it_belongs(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(TableUnreadable, match="--ledger"):
        validate_command.validate(tmp_path, tmp_path, out=tmp_path / "out")


def test_a_window_that_went_on_is_judged_whole_and_the_trained_one_apart(world: World) -> None:
    bundle = world.result.bundle
    tested = bundle.model["tested_on"]
    shorter = {**tested, "to": tested["from"]}
    document = validate(changed(bundle, tested_on=shorter), world.tables, ledger=world.ledger).document
    windows = document["data"]["windows"]
    assert windows["test"]["to"] == tested["from"]
    assert windows["test"]["rows"] < windows["test_whole"]["rows"] == tested["rows"]
    assert not document["data"]["is_reproduced"]
    assert "not_reproduced" in {finding["code"] for finding in document["findings"]}


def test_a_bank_whose_outcomes_the_pds_separate_fully_has_its_other_measures_compared(world: World, dossier: Dossier) -> None:
    sample = dossier.sample
    scores = dataclasses.replace(sample.scores, pd=np.where(sample.y == 1.0, 0.9, 0.01))
    data = describe_data(world.result.bundle, world.tables, world.ledger, dataclasses.replace(sample, scores=scores))
    assert {one["name"] for one in data["recomputed"]} == {"auc", "ks", "brier", "log_loss", "ece"}
    assert not data["is_reproduced"]


def test_a_bank_whose_rows_have_no_value_at_all_still_gets_its_challenger(world: World, dossier: Dossier) -> None:
    sample, bundle = dossier.sample, world.result.bundle
    values = sample.frame.values.copy()
    values[sample.test] = np.nan
    alike = dataclasses.replace(sample, frame=dataclasses.replace(sample.frame, values=values), scores=bundle.score(values[sample.test]))
    found = challenge(bundle, alike, Limits.from_policy(policy_in_force(sample.last_day)))
    assert found["points"]["correlation"] is None
    assert found["challenger"]["auc"] == 0.5
    page = render({**dossier.document, "challenger": canonical({"challenger": found})["challenger"]}, dossier.sha256)
    assert "Their scores correlate at –." in page


def test_a_bank_without_the_training_window_gets_no_challenger_and_is_told(world: World) -> None:
    bundle = world.result.bundle
    before = {**bundle.model["trained_on"], "from": "2010-01-01", "to": "2010-06-01"}
    document = validate(changed(bundle, trained_on=before), world.tables, ledger=world.ledger).document
    assert document["challenger"]["status"] == "no_training_rows"
    assert "no_challenger" in {finding["code"] for finding in document["findings"]}
    assert "challenger.auc_difference" not in document["measures"]
    assert "没有挑战者" in render(document, "0" * 64)


@pytest.mark.parametrize(
    ("model", "refusal", "says"),
    [
        ({"tested_on": None}, BundleInvalid, "trained_on and tested_on"),
        ({"tested_on": {"from": "soon", "to": "later"}}, BundleInvalid, "trained_on and tested_on"),
        ({"outcome": {"source": "loans"}}, BundleInvalid, "default_dpd"),
        ({"outcome": None}, BundleInvalid, "outcome"),
        ({"tested_on": {"from": "2031-01-01", "to": "2031-06-01", "rows": 1, "bads": 0}}, NotEnoughHistory, "test window from 2031-01-01"),
    ],
)
def test_a_bundle_that_does_not_say_its_windows_or_outcome_is_refused(
    world: World, model: Mapping[str, Any], refusal: type[Exception], says: str
) -> None:
    with pytest.raises(refusal, match=says):
        validate(changed(world.result.bundle, **model), world.tables, ledger=world.ledger)


def test_a_bundle_of_other_features_is_refused(world: World) -> None:
    model = world.result.bundle.model
    with pytest.raises(BundleInvalid, match="features of this catalogue"):
        validate(changed(drawn.bundle(), **model), world.tables, ledger=world.ledger)
    with pytest.raises(BundleInvalid, match="trained_on and tested_on"):
        validate(drawn.bundle(), world.tables, ledger=world.ledger)


def test_tables_without_outcomes_are_refused(world: World, tmp_path: Path) -> None:
    shutil.copytree(world.folder, tmp_path / "tables", ignore=shutil.ignore_patterns("loans.*"))
    tables, _ = read_tables(tmp_path / "tables")
    with pytest.raises(NotEnoughHistory, match="`loans`"):
        validate(world.result.bundle, tables, ledger=world.ledger)


def test_a_test_window_without_bads_is_refused(world: World) -> None:
    cursor = dataclasses.replace(world.tables, con=world.tables.con.cursor())
    cursor.con.execute("BEGIN")
    try:
        cursor.con.execute("UPDATE repayments SET paid_at = due_at, amount_paid = amount_due")
        with pytest.raises(NotEnoughHistory, match="two good and two bad rows, found 0 bad"):
            validate(world.result.bundle, cursor, ledger=world.ledger)
    finally:
        cursor.con.execute("ROLLBACK")


def test_a_folder_that_takes_no_files_is_refused(dossier: Dossier, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    with pytest.raises(CannotWrite, match="name a folder"):
        write_dossier(dossier, tmp_path / "file")


def test_the_page_fetches_nothing_runs_nothing_and_says_everything_twice(dossier: Dossier) -> None:
    page = render(dossier.document, dossier.sha256)
    assert render(dossier.document, dossier.sha256) == page
    for hook in ("<script", "<link", "<img", "<iframe", "@import", "url(", "javascript:", " on", "http:", "https:"):
        found = re.findall(re.escape(hook) + r"\w*=" if hook == " on" else re.escape(hook), page)
        assert not found, hook
    assert {target[1:] for target in re.findall(r'href="([^"]+)"', page)} == set(SECTIONS)
    assert set(re.findall(r'id="(\w+)"', page)) >= set(SECTIONS)
    assert page.count('lang="zh-CN">') > 300
    assert page.count('<span class="zh"') == page.count('<span class="en"')
    assert dossier.sha256 in page
    assert page.count("<svg") > 15
    for chart in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL):
        assert re.search(r'role="img" aria-labelledby="([\w-]+)"><title id="\1">[^<]+</title>', chart)
        assert "nan" not in chart


def test_what_a_platform_writes_stays_text(dossier: Dossier) -> None:
    hostile = '<img src=x onerror="alert(1)">{{ 7 * 7 }}'
    document = json.loads(json.dumps(dossier.document))
    for groups in (document["calibration"]["groups"], document["fairness"]["groups"]):
        groups["province"][0]["label"] = hostile
    document["findings"].append(
        {"code": "groups_outside", "severity": "yellow", "numbers": {"dimension": "province", "labels": [hostile], "of": 3}}
    )
    page = render(document, dossier.sha256)
    assert "<img" not in page
    assert "&lt;img src=x" in page
    assert "{{ 7 * 7 }}" in page


def test_every_finding_has_words_that_fill(dossier: Dossier) -> None:
    from training.validation.tables import sentence

    texts: Any = {"dimension": "province", "labels": ["large", "广东"], "names": ["a"], "label": "small", "grade": "BB", "table": "orders"}
    numbers = {name: 0.5 for zh, _ in words()["finding"].values() for name in re.findall(r"{(\w+)}", zh)} | texts
    for code in words()["finding"]:
        text = sentence({"code": code, "severity": "red", "numbers": numbers})
        assert text
        assert "{" not in text
    source = (Path(__file__).parents[2] / "training" / "validation" / "findings.py").read_text(encoding="utf-8")
    codes = {re.sub(r"{[^}]*}", ".*", code) for code in re.findall(r'_finding\(\s*f?"([^"]+)"', source)}
    assert len(codes) > 15
    for code in codes:
        assert any(re.fullmatch(code, known) for known in words()["finding"]), code


def test_both_languages_have_the_same_places_to_fill() -> None:
    for group, entries in words().items():
        for key, (zh, en) in entries.items():
            assert zh.strip() and en.strip(), (group, key)
            assert sorted(re.findall(r"{\w+}", zh)) == sorted(re.findall(r"{\w+}", en)), (group, key)
