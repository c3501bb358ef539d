"""The straight way, on a small simulated platform and on labels a platform gave itself."""

import dataclasses
import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from credit.errors import LianxinError, NotEnoughHistory
from features.ledger import Ledger
from features.read import RawTables
from features.simulate import simulate
from tests.training.releases import NOW, dossier, promoted
from tests.training.settings import QUICK
from training import params, pipeline
from training.anchor import Anchor
from training.bundle import ScoringBundle
from training.disagreement import Disagreement, measure_disagreement
from training.hazard_candidate import learn_candidate, months_of_default
from training.measures import auc
from training.params import BoosterParams
from training.pipeline import TrainResult, train
from training.promotion import find_candidate
from training.reason_stability import GrownFrom
from training.term_structure import HazardModel, HazardScorer
from training.track import read_document

pytestmark = pytest.mark.slow


def test_the_recorded_bundle_scores_the_test_rows_as_they_were_judged(trained: TrainResult) -> None:
    bundle = ScoringBundle.load(trained.bundle_path)
    assert bundle.content_hash == trained.bundle.content_hash
    values = trained.frame.values[trained.split.test]
    assert bundle.score(values).points.tobytes() == trained.scores.points.tobytes()
    assert bundle.model["trained_on"]["rows"] == len(trained.split.train)
    assert bundle.model["measures"]["gini"] == trained.measures["gini"]
    assert set(bundle.model["digests"]) >= {"orders.parquet", "loans.parquet"}


def test_the_bundle_says_how_often_its_first_reasons_survive(trained: TrainResult) -> None:
    stability = trained.bundle.model["reason_stability"]
    assert stability["refits"] == 10
    family, feature = stability["first_family_survival"], stability["first_feature_survival"]
    assert 0 < feature["value"] <= family["value"] <= 1
    assert 0 <= family["low"] <= family["value"] <= family["high"] <= 1
    assert family["n"] > 100


def test_training_labels_were_mature_before_the_test_period(trained: TrainResult) -> None:
    frame, split = trained.frame, trained.split
    assert frame.mature_on[split.train].max() <= np.datetime64(split.test_from)


def test_training_twice_gives_the_same_hash_with_one_thread_and_two(
    platform: tuple[Path, RawTables, Ledger], trained: TrainResult, tmp_path: Path
) -> None:
    folder, tables, ledger = platform
    again = train(folder, home=tmp_path / "mlruns", settings=QUICK, tables=tables, ledger=ledger, threads=2)
    assert again.bundle.content_hash == trained.bundle.content_hash
    assert again.run_id != trained.run_id


def test_intervals_reasons_and_the_bundle_rest_on_the_parameters_the_folds_chose(
    platform: tuple[Path, RawTables, Ledger], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, tables, ledger = platform
    assert QUICK.params is not None
    deaf = dataclasses.replace(QUICK.params, prior_groups=1e6)
    monkeypatch.setattr(params, "CANDIDATES", (deaf, QUICK.params))
    used: list[BoosterParams] = []

    def disagreement(*args: Any, **named: Any) -> Disagreement:
        used.append(named["params"])
        return measure_disagreement(*args, **named)

    def grown(*args: Any) -> GrownFrom:
        used.append(args[4])
        return GrownFrom(*args)

    monkeypatch.setattr(pipeline, "measure_disagreement", disagreement)
    monkeypatch.setattr(pipeline, "GrownFrom", grown)
    settings = dataclasses.replace(QUICK, params=None)
    result = train(folder, home=tmp_path / "mlruns", settings=settings, tables=tables, ledger=ledger, refits=2)
    assert used == [QUICK.params] * 2
    assert result.fit.params == QUICK.params
    said = result.bundle.model
    assert said["params"].items() >= dataclasses.asdict(QUICK.params).items()
    assert [one["params"]["prior_groups"] for one in said["candidates"]] == [1e6, QUICK.params.prior_groups]
    assert said["candidates"][1]["rounds"] == said["params"]["rounds"] == result.fit.rounds
    assert said["candidates"][0]["log_loss"] is None or said["candidates"][0]["log_loss"] > said["candidates"][1]["log_loss"]


def test_a_training_beside_a_champion_is_compared_with_it_on_the_same_rows(
    platform: tuple[Path, RawTables, Ledger], trained: TrainResult, tmp_path: Path
) -> None:
    folder, tables, ledger = platform
    home = tmp_path / "mlruns"
    shutil.copytree(trained.bundle_path.parents[3], home)
    wanted = ["auc", "slope", "ece", "reasons", "fairness", "grades", "hosmer_lemeshow", "psi_score", "psi_feature"]
    promoted(home, trained.bundle, overrides=dict.fromkeys(wanted, "test"))
    again = train(folder, home=home, settings=QUICK, tables=tables, ledger=ledger, seed=8)
    document = json.loads(read_document(home, again.run_id, "against_champion.json") or b"{}")
    assert document["champion_sha256"] == trained.bundle.content_hash
    y = again.frame.y[again.split.test]
    expected = auc(y, again.scores.pd) - auc(y, trained.scores.pd)
    found = document["measures"]["auc"]
    assert found["value"] == pytest.approx(expected, abs=1e-12)
    assert found["low"] < found["value"] < found["high"]
    assert find_candidate(home, dossier=dossier(again.bundle, tmp_path / "d.json"), at=NOW).gates[-1].name == "champion_log_loss"


def test_a_banks_long_run_rate_moves_the_base_points_alone(
    platform: tuple[Path, RawTables, Ledger], trained: TrainResult, tmp_path: Path
) -> None:
    folder, tables, ledger = platform
    anchor = Anchor("all", long_run_rate=0.03, weight=1.0, since=date(2026, 1, 1), source="committee")
    settings = dataclasses.replace(QUICK, anchor=anchor)
    found = train(folder, home=tmp_path / "mlruns", settings=settings, tables=tables, ledger=ledger)
    assert found.bundle.intervals is not None
    assert found.bundle.intervals.pool_pd == pytest.approx(0.03)  # the mean PD of the training rows, out of fold
    assert found.bundle.model["anchor"]["rating_philosophy"] == "through_the_cycle"
    assert trained.bundle.model["anchor"]["rating_philosophy"] == "point_in_time"
    assert found.bundle.calibration.slope == trained.bundle.calibration.slope
    assert found.bundle.calibration.intercept != trained.bundle.calibration.intercept
    assert found.scores.contributions.tobytes() == trained.scores.contributions.tobytes()
    assert found.scores.base_points != trained.scores.base_points


def test_labels_that_were_given_train_too(platform: tuple[Path, RawTables, Ledger], trained: TrainResult, tmp_path: Path) -> None:
    _, tables, ledger = platform
    cursor = tables.con.cursor()
    cursor.execute("DELETE FROM labels")
    frame = trained.frame
    rows = [
        (supplier_id, as_of, "bad" if y else "good", mature_on)
        for supplier_id, as_of, y, mature_on in zip(
            frame.supplier_ids.tolist(), frame.as_of.tolist(), frame.y, frame.mature_on.tolist(), strict=True
        )
    ]
    cursor.executemany("INSERT INTO labels (supplier_id, as_of, outcome, recorded_at) VALUES (?, ?, ?, ?)", rows)
    result = train(tables.source, outcome="labels", home=tmp_path / "mlruns", settings=QUICK, tables=tables, ledger=ledger)
    assert result.bundle.model["outcome"]["source"] == "labels"
    assert result.split.train_to <= trained.split.train_to


def test_a_hazard_model_is_recorded_beside_the_challenger_and_changes_nothing_of_it(
    platform: tuple[Path, RawTables, Ledger], trained: TrainResult, tmp_path: Path
) -> None:
    folder, tables, ledger = platform
    home = tmp_path / "mlruns"
    found = train(folder, home=home, settings=QUICK, tables=tables, ledger=ledger, refits=0, with_hazard=True)
    assert {name for name, data in trained.bundle.content.items() if found.bundle.content[name] != data} == {"model.json"}  # no refits
    document = json.loads(read_document(home, found.run_id, "hazard.json") or b"{}")
    assert document["horizons"] == found.hazard
    frame, test = found.frame, found.split.test
    scores = HazardScorer(HazardModel.from_json(document["model"])).score(frame.values[test])
    assert found.hazard["12"]["hazard"]["auc"] == auc(frame.y[test], scores.pd_within(12))
    assert found.hazard["12"]["twelve_months_spread"]["auc"] == found.measures["auc"]
    within = (frame.default_on - frame.as_of)[test] < np.timedelta64(182, "D")
    assert found.hazard["6"]["bads"] == int(within.sum()) < found.hazard["12"]["bads"]
    assert found.hazard["6"]["hazard"]["log_loss"] < found.hazard["6"]["twelve_months_spread"]["log_loss"]
    assert trained.hazard == {}


def test_what_happens_from_the_test_period_on_changes_no_hazard_model_and_what_happened_before_does(trained: TrainResult) -> None:
    frame, split = trained.frame, trained.split
    learnt = learn_candidate(frame, split, QUICK, seed=1)
    opens = np.datetime64(split.test_from)
    later, before = frame.default_on >= opens, (frame.default_on < opens) & (frame.mature_on > opens)
    assert later.any() and before.any()
    for undone, is_same in ((later, True), (before, False)):
        other = dataclasses.replace(
            frame, y=np.where(undone, 0.0, frame.y), default_on=np.where(undone, np.datetime64("NaT", "D"), frame.default_on)
        )
        assert (learn_candidate(other, split, QUICK, seed=1) == learnt) is is_same


def test_a_hazard_model_without_days_of_default_is_refused(trained: TrainResult) -> None:
    dayless = dataclasses.replace(trained.frame, default_on=np.full(len(trained.frame.y), np.datetime64("NaT", "D")))
    with pytest.raises(NotEnoughHistory, match="the day of every default"):
        months_of_default(dayless, QUICK)


def test_a_hazard_model_of_given_labels_is_refused_before_any_work(platform: tuple[Path, RawTables, Ledger], tmp_path: Path) -> None:
    folder, tables, _ = platform
    with pytest.raises(NotEnoughHistory, match="given labels do not say"):
        train(folder, outcome="labels", home=tmp_path / "mlruns", tables=tables, with_hazard=True)
    assert not (tmp_path / "mlruns").exists()


def test_a_history_too_short_is_refused_and_nothing_recorded(tmp_path: Path) -> None:
    simulate(tmp_path / "young", suppliers=60, months=26, seed=3)
    with pytest.raises(NotEnoughHistory, match="bring a longer history"):
        train(tmp_path / "young", home=tmp_path / "mlruns")
    assert not (tmp_path / "mlruns").exists()


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LianxinError):
        train(tmp_path, home=tmp_path / "mlruns")


def test_the_bundle_is_text_and_json(trained: TrainResult) -> None:
    for part in trained.bundle_path.iterdir():
        text = part.read_text(encoding="utf-8")
        if part.suffix == ".json":
            json.loads(text)


def test_what_the_measures_say_can_be_counted_again(trained: TrainResult) -> None:
    y = trained.frame.y[trained.split.test]
    con = duckdb.connect()
    con.register("t", {"y": y, "pd": trained.scores.pd})
    won, pairs = con.execute(
        "SELECT sum(CASE WHEN b.pd > g.pd THEN 1.0 WHEN b.pd = g.pd THEN 0.5 ELSE 0 END), count(*) FROM t b, t g WHERE b.y = 1 AND g.y = 0"
    ).fetchone() or (0, 1)
    assert trained.measures["auc"] == pytest.approx(float(won) / pairs)
