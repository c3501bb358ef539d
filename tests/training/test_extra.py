"""An environment without the extra `train` hears so at once."""

import importlib.util
from datetime import UTC, datetime
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from credit.errors import TrainingFailed
from training import extra
from training.pipeline import train
from training.promotion import find_candidate
from training.release import release, rollback

AT = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture
def core_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_extra(name: str) -> ModuleSpec | None:
        return None if name in ("matplotlib", "mlflow", "shap") else importlib.util.find_spec(name)

    monkeypatch.setattr(extra, "find_spec", without_extra)


@pytest.mark.usefixtures("core_only")
def test_training_names_the_missing_packages_before_it_reads_anything(tmp_path: Path) -> None:
    told: list[str] = []
    with pytest.raises(TrainingFailed, match=r"pip install 'lianxin\[train\]' \(not found: matplotlib, mlflow, shap\)"):
        train(tmp_path / "nowhere", home=tmp_path / "mlruns", progress=lambda step, _: told.append(step))
    assert told == []


@pytest.mark.usefixtures("core_only")
def test_promotion_and_release_name_mlflow_first(tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match=r"lianxin\[train\].*not found: mlflow\)"):
        find_candidate(tmp_path / "mlruns", dossier=None, at=AT)
    with pytest.raises(TrainingFailed, match=r"lianxin\[train\].*not found: mlflow\)"):
        rollback(tmp_path / "mlruns", tmp_path / "out", by="", why="", at=AT)
    with pytest.raises(TrainingFailed, match=r"lianxin\[train\].*not found: mlflow\)"):
        release(tmp_path / "mlruns", tmp_path / "out", at=AT)
    assert list(tmp_path.iterdir()) == []


def test_with_the_extra_nothing_is_said() -> None:
    extra.require_packages(extra.TO_TRAIN)
