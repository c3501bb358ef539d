import dataclasses
from pathlib import Path

import numpy as np
import pytest

from benchmarks.models import OURS, Judged, describe, judge, not_run, outer_folds, paired_error, ranks, read, save, summary, with_average
from benchmarks.models_peers.peers import AVERAGED
from benchmarks.models_peers.tables import TABLES, CreditTable, credit_table
from tests.real_data import real_data
from training.measures import auc, log_loss


def drawn(rows: int = 400) -> CreditTable:
    generator = np.random.default_rng(5)
    values = generator.normal(size=(rows, 3))
    values[:, 2] = generator.integers(0, 4, rows)
    y = (generator.random(rows) < 1 / (1 + np.exp(1 - 1.5 * values[:, 0]))).astype(np.float64)
    values[0, 1] = np.nan
    return CreditTable(values, y, ("debt", "profit", "trade"), (1, -1, 0), (2,))


@pytest.fixture(scope="module")
def judged() -> Judged:
    return judge(not_run("drawn", drawn()), drawn(), [OURS, "lianxin directed", "LightGBM plain"])


def test_every_row_is_scored_once_by_a_model_that_did_not_see_it(judged: Judged) -> None:
    assert all(np.isfinite(scores).all() for scores in judged.scores.values())
    assert np.bincount(judged.fold).tolist() == [80] * 5
    by_fold = [judged.y[judged.fold == k].mean() for k in range(5)]
    assert max(by_fold) - min(by_fold) < 0.02
    # The booster as it comes learns its own rows by heart; what it says of rows it did not see is far worse.
    assert auc(judged.y, judged.scores["LightGBM plain"]) < 0.9
    assert judged.measures(OURS)["auc"].mean() > 0.7


def test_directions_are_all_that_sets_the_directed_recipe_apart(judged: Judged) -> None:
    table = dataclasses.replace(drawn(), directions=(0, 0, 0))
    plain = judge(not_run("drawn", table), table, [OURS, "lianxin directed"])
    assert plain.scores[OURS].tobytes() == plain.scores["lianxin directed"].tobytes() == judged.scores[OURS].tobytes()
    assert judged.scores["lianxin directed"].tobytes() != judged.scores[OURS].tobytes()


def two_scorers() -> Judged:
    y = np.tile([1.0, 0.0, 1.0, 0.0], 5)
    fold = np.repeat(np.arange(5), 4)
    good, poor = np.tile([2.0, 1.0, -1.0, -2.0], 5), np.tile([1.0, 2.0, -1.0, -2.0], 5)
    return Judged("two", y, fold, {OURS: good, "poor": poor})


def test_measures_and_ranks_by_hand() -> None:
    table = two_scorers()
    assert table.measures(OURS)["auc"].tolist() == [0.75] * 5
    assert table.measures("poor")["auc"].tolist() == [0.5] * 5
    pd = 1 / (1 + np.exp(-np.array([2.0, 1.0, -1.0, -2.0])))
    assert table.measures(OURS)["log_loss"] == pytest.approx([log_loss(np.array([1.0, 0.0, 1.0, 0.0]), pd)] * 5)
    assert ranks([table], "auc", [OURS, "poor"]) == ranks([table], "log_loss", [OURS, "poor"]) == {OURS: 1.0, "poor": 2.0}


def test_the_paired_error_is_that_of_the_mean_difference() -> None:
    assert paired_error(np.array([1.0, 2.0, 3.0])) == pytest.approx(1 / np.sqrt(3))
    assert paired_error(np.ones(3)) == 0.0
    assert np.isnan(paired_error(np.ones(1)))


def test_the_average_is_of_the_log_odds_and_needs_all_its_peers() -> None:
    table = two_scorers()
    assert with_average(table) is table
    peers = {name: np.full(20, float(place)) for place, name in enumerate(AVERAGED)}
    assert with_average(dataclasses.replace(table, scores=peers)).scores["average of four"].tolist() == [1.5] * 20


def test_scores_of_another_recipe_are_not_taken_for_ours(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    save(path, [two_scorers()])
    path.write_text(path.read_text(encoding="utf-8").replace("num_leaves=16", "num_leaves=12"), encoding="utf-8")
    with pytest.raises(SystemExit, match="holds lianxin's scores of two by another recipe"):
        read([path])
    save(path, [dataclasses.replace(two_scorers(), scores={"poor": np.zeros(20)})])
    path.write_text(path.read_text(encoding="utf-8").replace("num_leaves=16", "num_leaves=12"), encoding="utf-8")
    assert read([path])[0].scores["poor"].tolist() == [0.0] * 20


def test_saved_scorers_of_one_table_come_back_together(tmp_path: Path, judged: Judged) -> None:
    paths: list[Path] = []
    for scorer, values in judged.scores.items():
        paths.append(tmp_path / f"{len(paths)}.json")
        save(paths[-1], [dataclasses.replace(judged, scores={scorer: values})])
    (back,) = read(paths)
    assert back.y.tobytes() == judged.y.tobytes()
    assert {scorer: values.tobytes() for scorer, values in back.scores.items()} == {s: v.tobytes() for s, v in judged.scores.items()}
    assert describe(back) == describe(judged)
    assert any(line.startswith("mean rank of 2") for line in summary([back]))


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path: Path, judged: Judged) -> None:
    path = tmp_path / "stopped.json"
    half = np.where(judged.fold < 2, judged.scores["LightGBM plain"], np.nan)
    save(path, [dataclasses.replace(judged, scores={OURS: judged.scores[OURS], "LightGBM plain": half})])
    (stopped,) = read([path])
    assert stopped.missing("LightGBM plain") == [3, 4, 5]
    assert stopped.missing(OURS) == []
    assert describe(stopped)[3].endswith("without the folds [3, 4, 5], on which it has not been run")
    assert any(line.startswith("mean rank of 1") for line in summary([stopped]))

    kept: list[int] = []
    whole = judge(stopped, drawn(), ["LightGBM plain"], lambda so_far: kept.append(len(so_far.missing("LightGBM plain"))))
    assert kept == [2, 1, 0]
    assert whole.scores["LightGBM plain"].tobytes() == judged.scores["LightGBM plain"].tobytes()


def test_folds_of_one_scorer_may_lie_in_two_files(tmp_path: Path) -> None:
    table = two_scorers()
    for part, rows in (("a", table.fold < 2), ("b", table.fold >= 2)):
        scores = {scorer: np.where(rows, values, np.nan) for scorer, values in table.scores.items()}
        save(tmp_path / part, [dataclasses.replace(table, scores=scores)])
    (whole,) = read([tmp_path / "a", tmp_path / "b"])
    assert {scorer: values.tolist() for scorer, values in whole.scores.items()} == {s: v.tolist() for s, v in table.scores.items()}


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "rows", "bads", "columns"), [("taiwan", 30_000, 6636, 20), ("polish", 7027, 271, 64), ("sba", 2101, 686, 14)]
)
def test_the_tables_leave_out_what_gives_the_outcome_away(name: str, rows: int, bads: int, columns: int) -> None:
    table = credit_table(name, real_data("credit"))
    assert table.values.shape == (rows, columns)
    assert table.y.sum() == bads
    assert len(table.directions) == columns
    # One column alone that ranks nearly perfectly is the outcome in disguise.
    for column in range(columns):
        known = ~np.isnan(table.values[:, column])
        alone = auc(table.y[known], table.values[known, column])
        assert max(alone, 1 - alone) < 0.8, table.names[column]
    assert set(TABLES) == {"taiwan", "polish", "sba"}


def test_folds_do_not_move() -> None:
    assert outer_folds(np.tile([0.0, 0.0, 1.0], 10))[:10].tolist() == outer_folds(np.tile([0.0, 0.0, 1.0], 10))[:10].tolist()
