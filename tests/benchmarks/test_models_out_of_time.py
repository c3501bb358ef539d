"""The comparison out of time, on drawn rows of a few suppliers."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from benchmarks.ablation import Study
from benchmarks.models import AVERAGE, OURS, Judged, save, with_average
from benchmarks.models_out_of_time import UNDIRECTED, OutOfTime, describe, score_all, varying
from benchmarks.models_peers.peers import AVERAGED, _a_fifth, _bags, _folds
from features.catalog import CATALOG
from training.dataset import ModelFrame
from training.settings import TrainSettings
from training.split import SplitPolicy, split_out_of_time

SUPPLIERS, MONTHS = 150, 12
SCORERS = [OURS, UNDIRECTED, "LightGBM plain"]


def drawn() -> OutOfTime:
    generator = np.random.default_rng(4)
    rows = SUPPLIERS * MONTHS
    values = np.full((rows, len(CATALOG)), np.nan)
    values[:, :5] = generator.normal(size=(rows, 5))
    values[:, 5] = 1.0
    risk = values[:, 0] - values[:, 1] - 1.5
    as_of = np.repeat(np.arange("2024-01", "2025-01", dtype="datetime64[M]").astype("datetime64[D]"), SUPPLIERS)
    frame = ModelFrame(
        supplier_ids=np.tile([f"S{i:03d}" for i in range(SUPPLIERS)], MONTHS),
        as_of=as_of,
        mature_on=as_of + 1,
        names=tuple(feature.name for feature in CATALOG),
        values=values,
        y=(generator.random(rows) < 1 / (1 + np.exp(-risk))).astype(np.float64),
        default_on=np.full(rows, np.datetime64("NaT"), dtype="datetime64[D]"),
        counts={},
    )
    split = split_out_of_time(frame, SplitPolicy(min_bads=5))
    study = Study("drawn", frame, split, TrainSettings.in_force(date(2026, 1, 1)))
    return OutOfTime(study, varying(study), 1 / (1 + np.exp(-risk[split.test])))


ASKED = drawn()


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    return score_all(ASKED, SCORERS, tmp_path_factory.mktemp("kept") / "drawn.json").scores


def test_columns_that_do_not_vary_in_the_training_rows_are_left_out() -> None:
    assert ASKED.columns.tolist() == [0, 1, 2, 3, 4]
    assert ASKED.learnt.values.shape == (len(ASKED.study.split.train), 5)
    assert ASKED.asked.shape == (len(ASKED.y), 5)
    assert ASKED.learnt.directions == tuple(feature.direction for feature in CATALOG[:5])


def test_every_scorer_ranks_the_same_test_rows_and_the_true_pd_bounds_them(scores: dict[str, np.ndarray]) -> None:
    assert {name: len(found) for name, found in scores.items()} == dict.fromkeys(SCORERS, len(ASKED.y))
    assert ASKED.study.judge(scores[UNDIRECTED]) > ASKED.study.judge(scores["LightGBM plain"]) > 0.6
    lines = describe(ASKED, scores)
    assert lines[0] == f"drawn: learnt from {len(ASKED.study.split.train)} rows, 5 columns; judged {len(ASKED.y)}, {ASKED.y.mean():.1%} bad"
    assert "true PD" in lines[1]
    losses = [float(line.split("expected log loss ")[1].split()[0]) for line in lines[1:]]
    assert losses[0] == min(losses)
    assert "lianxin less it" in lines[-1]


def kept(path: Path, y: np.ndarray) -> Path:
    save(path, [Judged("drawn", y, np.zeros(len(y), dtype=np.intp), {OURS: np.arange(len(y), dtype=np.float64)})])
    return path


def test_what_was_kept_is_read_and_other_rows_are_refused(tmp_path: Path) -> None:
    path = kept(tmp_path / "kept.json", ASKED.y)
    assert score_all(ASKED, [OURS], path).scores[OURS][-1] == len(ASKED.y) - 1
    for other in (np.zeros(3), 1.0 - ASKED.y):
        kept(path, other)
        with pytest.raises(SystemExit, match="holds other rows than the"):
            score_all(ASKED, [OURS], path)


def test_the_average_needs_all_its_peers() -> None:
    found = {name: np.full(2, float(place)) for place, name in enumerate(AVERAGED)}
    judged = Judged("two", np.array([1.0, 0.0]), np.zeros(2, dtype=np.intp), found)
    assert with_average(judged).scores[AVERAGE].tolist() == [1.5, 1.5]
    assert AVERAGE not in with_average(replace(judged, scores={AVERAGED[0]: np.zeros(2)})).scores


def test_inner_splits_of_the_peers_keep_a_suppliers_rows_together() -> None:
    table = ASKED.learnt
    assert table.groups is not None
    learn, check = _a_fifth(table, 1)
    bags = _bags(table, 1, 2)
    assert bags is not None
    sides = [(learn, check), *_folds(table, 3, 1), *((np.flatnonzero(bag == 1), np.flatnonzero(bag == -1)) for bag in bags.T)]
    for one, other in sides:
        assert not set(table.groups[one]) & set(table.groups[other])
        assert len(one) + len(other) == len(table.y)
        assert 0 < table.y[other].mean() < 1
    alone = table.rows(np.arange(100))
    assert alone.groups is not None
    assert len(alone.groups) == 100
