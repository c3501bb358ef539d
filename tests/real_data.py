"""Where the real data sets are, for tests marked ``real_data``; they skip where the sets are not."""

import os
from pathlib import Path

import pytest


def real_data(name: str) -> Path:
    """The file or folder `name` of the real data: under LIANXIN_REAL_DATA, else ``../shared/data`` beside the clone."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("LIANXIN_REAL_DATA") or beside) / name
    if not path.exists():
        pytest.skip(f"no real data at {path}; set LIANXIN_REAL_DATA to the folder that holds {name}")
    return path
