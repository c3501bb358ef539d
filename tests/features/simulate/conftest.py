"""Small simulated platforms, made once per test run."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from features.simulate import World, simulate


def small(out: Path, *, world: World = World(), progress: Callable[[str, float], None] | None = None) -> str:  # noqa: B008
    """Simulate the small platform of these tests into ``out``."""
    return simulate(out, suppliers=120, months=26, seed=5, world=world, progress=progress)


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small platform."""
    out = tmp_path_factory.mktemp("world") / "small"
    small(out)
    return out


@pytest.fixture(scope="session")
def middling_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a platform large enough to count defaults on."""
    out = tmp_path_factory.mktemp("world") / "middling"
    simulate(out, suppliers=1500, months=48, seed=6)
    return out


def rows(folder: Path, sql: str) -> list[tuple[object, ...]]:
    """Return the rows of ``sql``, in which every table of the folder stands under its name."""
    with duckdb.connect(config={"threads": 1}) as con:
        for file in [*folder.glob("*.parquet"), *folder.glob("truth/*.parquet")]:
            con.execute(f"CREATE VIEW {file.stem} AS SELECT * FROM '{file}'")
        return con.execute(sql).fetchall()
