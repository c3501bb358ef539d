"""The simulator's promise: the same seed gives the same bytes, bad arguments are refused, a failure leaves nothing behind."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from credit.errors import LianxinError, OutOfRange, TableUnreadable
from features.simulate import World, simulate
from tests.features.simulate.conftest import small

FROZEN_DIGEST = "b4ae353b6023b2cbd6fc7d05e653819d7f91de97bd57f5a11a7854b3d7173ab8"
"""Of 200 suppliers, 24 months, seed 7. A change here is another world: every figure measured on it has to be measured again."""


def bytes_of(folder: Path) -> dict[str, str]:
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.rglob("*") if f.is_file()}


def test_the_world_is_the_frozen_one(tmp_path: Path) -> None:
    assert simulate(tmp_path / "world", suppliers=200, months=24, seed=7) == FROZEN_DIGEST


def test_the_same_seed_gives_the_same_bytes_of_every_file(small_world: Path, tmp_path: Path) -> None:
    small(tmp_path / "again")
    assert bytes_of(tmp_path / "again") == bytes_of(small_world)


def test_another_seed_gives_another_world(small_world: Path, tmp_path: Path) -> None:
    digest = simulate(tmp_path / "other", suppliers=120, months=26, seed=6)
    assert digest != json.loads((small_world / "truth" / "world.json").read_text())["digest"]


def test_an_altered_parameter_gives_another_world_and_is_recorded(small_world: Path, tmp_path: Path) -> None:
    small(tmp_path / "altered", world=replace(World(), cheat_share=0.2))
    record = json.loads((tmp_path / "altered" / "truth" / "world.json").read_text())
    assert record["world"]["cheat_share"] == 0.2
    assert bytes_of(tmp_path / "altered") != bytes_of(small_world)


def test_an_earlier_simulation_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "world"
    simulate(out, suppliers=60, months=24, seed=1)
    first = bytes_of(out)
    simulate(out, suppliers=60, months=24, seed=2)
    assert set(bytes_of(out)) == set(first)
    assert bytes_of(out) != first


@pytest.mark.parametrize(
    "change",
    [
        {"suppliers": 49},
        {"suppliers": 200_001},
        {"months": 23},
        {"months": 121},
        {"seed": -1},
        {"seed": True},
        {"world": replace(World(), downturn_months_before_end=0)},
        {"world": replace(World(), downturn_months_before_end=26)},
        {"world": replace(World(), truth_paths=2)},
        {"world": replace(World(), truth_paths=7)},
        {"world": replace(World(), cheat_share=1.5)},
        {"world": replace(World(), margin_drift_sd=-0.1)},
        {"world": replace(World(), cash_persistence=1.0)},
        {"world": replace(World(), hazard_log_level=float("nan"))},
    ],
)
def test_a_number_outside_its_domain_is_refused_and_nothing_is_written(change: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(OutOfRange, match=r"must be"):
        simulate(tmp_path / "world", **{"suppliers": 120, "months": 26, "seed": 5, **change})  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_folder_with_something_else_in_it_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(TableUnreadable, match="not an earlier simulation"):
        small(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("keep")
    with pytest.raises(LianxinError):
        small(target)
    assert target.read_text() == "keep"


def test_an_interrupted_run_leaves_nothing_half(tmp_path: Path) -> None:
    def interrupt(step: str, share: float) -> None:
        if step == "write":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small(tmp_path / "world", progress=interrupt)
    assert not list(tmp_path.iterdir())


def test_progress_rises_to_one(tmp_path: Path) -> None:
    told: list[float] = []
    small(tmp_path / "world", progress=lambda _step, share: told.append(share))
    assert told == sorted(told)
    assert told[-1] == 1.0
