"""One simulated platform and one model trained on it, for every test that needs a whole training."""

from pathlib import Path

import pytest

from features.ledger import Ledger, build_ledger
from features.read import RawTables, read_tables
from features.simulate import simulate
from tests.training.settings import QUICK
from training.pipeline import TrainResult, train


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RawTables, Ledger]:
    folder = tmp_path_factory.mktemp("platform")
    simulate(folder, suppliers=250, months=48, seed=3)
    tables, _ = read_tables(folder)
    return folder, tables, build_ledger(tables)


@pytest.fixture(scope="session")
def trained(platform: tuple[Path, RawTables, Ledger], tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    folder, tables, ledger = platform
    home = tmp_path_factory.mktemp("home") / "mlruns"
    return train(folder, home=home, settings=QUICK, tables=tables, ledger=ledger)
