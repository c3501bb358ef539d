"""Where the real data sets are: under LIANXIN_REAL_DATA, else ``../shared/data`` beside the clone."""

import os
from pathlib import Path


def real_data_folder() -> Path:
    """Return the folder of the real data sets, whether or not it is there."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("LIANXIN_REAL_DATA") or beside)
