from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from benchmarks.features_peers.measured import SIDES, is_there, measure, sampled
from benchmarks.features_peers.platform import draw_platform
from benchmarks.features_peers.workload import EXACT, NAMES, Answer, as_of_dates, differences, epoch_days, load

SUPPLIERS, DATES = 40, 3
PEERS = [side for side in SIDES if side not in {"ours", "scan", "FastProp"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("platform")
    draw_platform(folder, orders=4000, suppliers=SUPPLIERS, seed=7)
    return folder


@pytest.fixture(scope="module")
def ours(folder: Path) -> Answer:
    from benchmarks.features_peers.ours import compute

    return compute(folder, as_of_dates(DATES))


def test_the_workload_has_a_row_per_supplier_and_date_and_84_features(ours: Answer) -> None:
    assert ours.values.shape == (SUPPLIERS * DATES, 84)
    assert ours.names == NAMES
    assert ours.as_of[:DATES].tolist() == [date(2025, 11, 1), date(2025, 12, 1), date(2026, 1, 1)]


def test_every_feature_has_values_to_be_compared(ours: Answer) -> None:
    assert (np.isfinite(ours.values).sum(axis=0) > 0).all()
    assert (np.nanmax(ours.values, axis=0) > 0).all()


@pytest.mark.parametrize("side", PEERS)
def test_a_peer_gives_what_we_give(folder: Path, ours: Answer, side: str, tmp_path: Path) -> None:
    if not is_there(side):
        pytest.skip(f"{side} is not installed: {', '.join(SIDES[side][2])} of the extra bench")
    found = measure(side, folder, tmp_path / "answer", as_ofs=DATES)
    assert differences(ours, load(tmp_path / "answer")) == []
    assert found.seconds > 0
    assert found.cells == ours.values.size


def test_fastprop_gives_what_we_give(folder: Path, ours: Answer, tmp_path: Path) -> None:
    if not is_there("FastProp"):
        pytest.skip("getml is not installed here; it needs an environment of its own")
    measure("FastProp", folder, tmp_path / "answer", as_ofs=DATES)
    assert differences(ours, load(tmp_path / "answer")) == []


def test_a_sample_of_dates_is_compared_with_its_rows(folder: Path, ours: Answer, tmp_path: Path) -> None:
    found = measure("DuckDB per date", folder, tmp_path / "answer", as_ofs=DATES, sample=1)
    assert found.dates == 1
    assert len(load(tmp_path / "answer").as_of) == SUPPLIERS
    assert differences(ours, load(tmp_path / "answer")) == []
    assert found.over(DATES) == pytest.approx(found.prepared + DATES * (found.seconds - found.prepared))


@pytest.mark.parametrize("name", ["orders_amount_sum_90d", "orders_buyer_hhi_365d"])
def test_one_wrong_cell_is_found(ours: Answer, name: str) -> None:
    column = NAMES.index(name)
    row = int(np.flatnonzero(ours.values[:, column] > 0)[0])
    for factor, told in ((1 + 1e-8, True), (1 + 1e-12, name.rpartition("_")[0] in EXACT), (np.nan, True)):
        values = ours.values.copy()
        values[row, column] *= factor
        assert [line.split(":")[0] for line in differences(ours, replace(ours, values=values))] == ([name] if told else [])


def test_rows_are_compared_by_supplier_and_date_and_all_suppliers_must_be_there(ours: Answer) -> None:
    backwards = replace(ours, supplier_ids=ours.supplier_ids[::-1], as_of=ours.as_of[::-1], values=ours.values[::-1])
    assert differences(ours, backwards) == []
    assert differences(ours, replace(ours, supplier_ids=ours.supplier_ids[::-1])) != []
    others = ours.supplier_ids.copy()
    others[0] = "S9"
    fewer = replace(ours, supplier_ids=ours.supplier_ids[:-1], as_of=ours.as_of[:-1], values=ours.values[:-1])
    for wrong in (replace(ours, supplier_ids=others), fewer):
        assert differences(ours, wrong) == ["rows: the suppliers and dates are not the same"]


def test_the_same_seed_draws_the_same_platform(folder: Path, tmp_path: Path) -> None:
    draw_platform(tmp_path / "same", orders=4000, suppliers=SUPPLIERS, seed=7)
    draw_platform(tmp_path / "other", orders=4000, suppliers=SUPPLIERS, seed=8)
    for table in ("suppliers", "orders", "fulfilments", "reviews"):
        first = (folder / f"{table}.parquet").read_bytes()
        assert first == (tmp_path / "same" / f"{table}.parquet").read_bytes()
        if table != "suppliers":
            assert first != (tmp_path / "other" / f"{table}.parquet").read_bytes()


def test_the_drawn_tables_meet_the_contract(folder: Path) -> None:
    from features.read import read_tables

    tables, rejects = read_tables(folder)
    assert rejects.counts == {}
    assert tables.present == {"suppliers", "orders", "fulfilments", "reviews"}
    tables.close()


def test_one_row_reads_as_fast_as_it_is_right(ours: Answer, tmp_path: Path) -> None:
    from benchmarks.features_peers.stored import row_microseconds

    spent = row_microseconds(ours, tmp_path, rounds=1, reads=100)
    assert set(spent) == {"file of rows", "SQLite"}


def test_one_supplier_from_the_stored_ledger_equals_the_batch(folder: Path, tmp_path: Path) -> None:
    from benchmarks.features_peers.stored import supplier_milliseconds

    assert len(supplier_milliseconds(folder, tmp_path / "ledger", as_of_dates(1)[0], suppliers=5)) == 5


def test_dates_are_the_first_days_of_months_and_samples_lie_among_them() -> None:
    dates = as_of_dates(24)
    assert (dates[0], dates[-1]) == (date(2024, 2, 1), date(2026, 1, 1))
    assert sampled(dates, 4) == [dates[3], dates[9], dates[15], dates[21]]
    assert sampled(dates, 0) == sampled(dates, 24) == dates
    assert epoch_days([date(1970, 1, 2)]).tolist() == [1]
