"""Where the real data sets are, for tests marked ``real_data``; they skip where the sets are not."""

from pathlib import Path

import pytest

from benchmarks.real_data import real_data_folder


def real_data(name: str) -> Path:
    """The file or folder `name` of the real data: under LIANXIN_REAL_DATA, else ``../shared/data`` beside the clone."""
    path = real_data_folder() / name
    if not path.exists():
        pytest.skip(f"no real data at {path}; set LIANXIN_REAL_DATA to the folder that holds {name}")
    return path
