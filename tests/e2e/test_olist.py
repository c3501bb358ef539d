"""The whole line on a real marketplace, out of time, beside the simple peer on the same rows."""

from pathlib import Path

import pytest

from benchmarks.olist_model import compare, paired
from features.sources.olist import import_olist
from tests.real_data import real_data

pytestmark = [pytest.mark.slow, pytest.mark.real_data]


def test_going_silent_is_not_behind_the_simple_peer_pair_by_pair(tmp_path: Path) -> None:
    import_olist(real_data("olist"), tmp_path / "olist", outcome="silent")
    rows = paired(tmp_path / "olist", tmp_path / "mlruns", "silent")
    found = compare(rows, "silent")
    assert len(rows) > 3000
    assert 0.86 < found["lightgbm"]["auc"] < 0.89
    assert found["lightgbm"]["difference"] >= -found["lightgbm"]["difference_error"]
    assert found["lianxin"]["auc"] >= 0.874 - found["lianxin"]["standard_error"]
