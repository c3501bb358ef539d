"""MLflow's home: what is recorded is found again, also after the folder was moved."""

import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    import pandas as pd

from credit.errors import BundleInvalid, BundleTampered, TrainingFailed
from tests.training import drawn
from tests.training.releases import NOW, approval, dossier, promoted, record
from training.bundle import ScoringBundle
from training.judge import draw
from training.keys import HOME_KEY, read_key
from training.promotion import promote
from training.release import release
from training.seal import public_key_hex
from training.track import CHALLENGER, record_run, version_at

BUNDLE = drawn.bundle()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("recorded") / "mlruns"
    bundle = BUNDLE
    values, y, _ = drawn.rows(400, seed=9)
    plots = draw(bundle, y, values, bundle.score(values))
    record_run(home, bundle, params={"seed": 1}, measures={"gini": 0.5}, documents={"digests": {}}, plots=plots)
    return home


@pytest.fixture
def home(recorded: Path, tmp_path: Path) -> Path:
    """A copy elsewhere and under another name: every test here is a test of a moved home."""
    shutil.copytree(recorded, tmp_path / "moved" / "runs")
    return tmp_path / "moved" / "runs"


def test_plain_mlflow_finds_everything_in_a_moved_home(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    shutil.copytree(recorded, tmp_path / "clone" / "mlruns")
    monkeypatch.chdir(tmp_path / "clone")
    uri = "sqlite:///mlruns/mlflow.db"
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    try:
        client = mlflow.MlflowClient(uri, uri)
        version = client.get_model_version_by_alias("lianxin-credit", "challenger")
        names = {item.path for item in client.list_artifacts(str(version.run_id))}
        plots = {item.path for item in client.list_artifacts(str(version.run_id), "plots")}
        model = mlflow.pyfunc.load_model("models:/lianxin-credit@challenger")
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])
    assert names == {"bundle", "digests.json", "plots"}
    assert plots == {f"plots/{name}.png" for name in ("roc_ks", "calibration", "score_distribution", "importance", "shap_beeswarm")}
    values = drawn.rows(5)[0]
    found = model.predict(frame_of(values))
    scores = BUNDLE.score(values)
    np.testing.assert_array_equal(found["points"], scores.points)


def frame_of(values: np.ndarray) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(values, columns=list(BUNDLE.names))


def test_the_champion_is_released_signed_from_a_moved_home(home: Path, tmp_path: Path) -> None:
    done = promoted(home, BUNDLE)
    out = release(home, tmp_path / "out", at=NOW)
    loaded = ScoringBundle.load(out.path, trusted_key=out.trusted_key)
    assert loaded.content_hash == out.content_hash == done.content_hash
    assert loaded.release["approved_by"] == "Wang Fang"
    assert loaded.release["approved_at"] == "2026-11-22T08:00:00+00:00"
    assert loaded.version == "1"
    assert stat.S_IMODE((home / "keys" / "release.pem").stat().st_mode) == 0o600
    again = release(home, tmp_path / "again", at=NOW)
    assert again.trusted_key == out.trusted_key


def test_a_recorded_bundle_is_signed_by_the_homes_key(home: Path) -> None:
    version = version_at(home, CHALLENGER)
    assert ScoringBundle.load(version.bundle).signed_by == public_key_hex(read_key(home / HOME_KEY).public_key())


def test_a_second_training_becomes_the_challenger_in_the_moved_home(home: Path) -> None:
    promoted(home, BUNDLE)
    record(home)
    second = version_at(home, CHALLENGER)
    assert second.version == "2"
    assert second.bundle.is_relative_to(home)


def test_a_promotion_needs_a_challenger(home: Path, tmp_path: Path) -> None:
    signed = approval(home, dossier(BUNDLE, tmp_path / "dossier.json"))
    promote(home, signed, at=NOW, dossier=tmp_path / "dossier.json")
    with pytest.raises(TrainingFailed, match="no model with the alias 'challenger'"):
        promote(home, signed, at=NOW)
    with pytest.raises(TrainingFailed, match="train one first"):
        promote(tmp_path / "nothing", signed, at=NOW)


def test_a_recorded_bundle_that_was_changed_is_neither_promoted_nor_released(home: Path) -> None:
    folder = version_at(home, CHALLENGER).bundle
    shutil.rmtree(folder)
    drawn.bundle(model={"name": "another"}).save(folder)
    with pytest.raises(BundleTampered, match="was recorded with the bundle"):
        promoted(home, BUNDLE)


def test_nothing_is_released_without_a_champion(home: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match="champion"):
        release(home, tmp_path / "out", at=NOW)


def test_a_signing_key_that_others_can_read_or_that_is_no_key_is_refused(home: Path, tmp_path: Path) -> None:
    promoted(home, BUNDLE)
    release(home, tmp_path / "first", at=NOW)
    key = home / "keys" / "release.pem"
    key.chmod(0o644)
    with pytest.raises(BundleInvalid, match="chmod 600"):
        release(home, tmp_path / "out", at=NOW, key=key)
    (tmp_path / "no.pem").touch(mode=0o600)
    with pytest.raises(BundleInvalid, match="Ed25519 private key"):
        release(home, tmp_path / "out", at=NOW, key=tmp_path / "no.pem")
