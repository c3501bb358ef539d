import shutil
from pathlib import Path

import pytest

from features.ledger import Ledger, build_ledger
from features.store import save_ledger
from tests.drawn import draw
from tests.features.stored import OTHER
from tests.features.test_ledger import TABLES_DRAWN


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return build_ledger(draw(TABLES_DRAWN))


@pytest.fixture(scope="module")
def other() -> Ledger:
    return build_ledger(draw(OTHER))


@pytest.fixture(scope="module")
def saved(ledger: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "ledger"
    save_ledger(ledger, folder)
    return folder


@pytest.fixture
def stored(saved: Path, tmp_path: Path) -> Path:
    """A stored ledger a test may damage."""
    return Path(shutil.copytree(saved, tmp_path / "ledger"))
