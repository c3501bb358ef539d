import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.errors import CannotWrite, LedgerUnreadable, OutOfRange, UnknownSupplier
from features.matrix import FeatureMatrix
from features.online import open_online, write_online

IDS = ("S1", "S10", "供应商", "x" * 64)


def matrix(ids: tuple[str, ...] = IDS, *, columns: int = 3, seed: int = 1, day: str = "2026-01-01") -> FeatureMatrix:
    values = np.random.default_rng(seed).normal(size=(len(ids), columns))
    values[:, -1] = np.nan
    names = tuple(f"特征_{i}" for i in range(columns))
    return FeatureMatrix(np.array(ids), np.full(len(ids), np.datetime64(day, "D")), names, values)


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    write_online(matrix(), tmp_path / "rows")
    return tmp_path / "rows"


def test_each_row_comes_back_bit_for_bit(stored: Path) -> None:
    rows, expected = open_online(stored), matrix()
    for supplier, values in zip(IDS, expected.values, strict=True):
        assert rows.row(supplier).tobytes() == values.tobytes()
    assert (rows.names, rows.as_of, len(rows), tuple(rows)) == (expected.names, date(2026, 1, 1), 4, IDS)


@given(st.sets(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8), min_size=1, max_size=60))
def test_every_id_is_found_and_no_other(tmp_path_factory: pytest.TempPathFactory, ids: set[str]) -> None:
    drawn = matrix(tuple(sorted(ids)))
    path = tmp_path_factory.mktemp("rows") / "rows"
    write_online(drawn, path)
    rows = open_online(path)
    for supplier, values in zip(drawn.supplier_ids.tolist(), drawn.values, strict=True):
        assert rows.row(supplier).tobytes() == values.tobytes()
        for other in {supplier + "x", supplier + "\x00", supplier[:-1]} - ids:
            with pytest.raises(UnknownSupplier):
                rows.row(other)


def test_a_row_cannot_be_changed(stored: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        open_online(stored).row("S1")[0] = 1.0


@pytest.mark.parametrize("other", ["", "S", "S1\x00", "S100", "x" * 65, "\ud800"])
def test_an_unknown_supplier_is_refused(stored: Path, other: str) -> None:
    with pytest.raises(UnknownSupplier, match="has no row of 2026-01-01"):
        open_online(stored).row(other)


def test_a_read_row_outlives_the_file_that_replaces_it(stored: Path) -> None:
    rows = open_online(stored)
    old = rows.row("S1")
    write_online(matrix(seed=2), stored)
    assert old.tobytes() == matrix().values[0].tobytes() == rows.row("S1").tobytes()
    assert open_online(stored).row("S1").tobytes() == matrix(seed=2).values[0].tobytes()


def test_the_same_matrix_gives_the_same_file(stored: Path, tmp_path: Path) -> None:
    digest = write_online(matrix(), tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == stored.read_bytes()
    assert open_online(stored).content_hash == digest
    assert write_online(matrix(seed=2), tmp_path / "other") != digest


def test_every_changed_byte_is_noticed(stored: Path) -> None:
    whole = stored.read_bytes()
    for place in range(len(whole)):
        stored.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(LedgerUnreadable, match="write it again"):
            open_online(stored)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 8)


def _header_alone(path: Path) -> None:
    os.truncate(path, 60)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _other_format(path: Path) -> None:
    path.write_bytes(b"PAR1" + bytes(1000))


@pytest.mark.parametrize("damage", [_cut, _header_alone, _empty, _other_format, os.remove])
@pytest.mark.parametrize("verify", [True, False])
def test_a_file_that_is_none_is_refused(stored: Path, damage: Callable[[Path], None], verify: bool) -> None:
    damage(stored)
    with pytest.raises(LedgerUnreadable, match="write it again"):
        open_online(stored, verify=verify)


def test_a_damaged_table_of_rows_ends_in_a_refusal_even_unverified(stored: Path) -> None:
    whole = stored.read_bytes()
    table = slice(192, 256)  # behind the header and the three names, sixteen places of four bytes
    for filler in (b"\xff\xff\xff\xff", b"\x01\x00\x00\x00"):
        stored.write_bytes(whole[: table.start] + 16 * filler + whole[table.stop :])
        rows = open_online(stored, verify=False)
        with pytest.raises(UnknownSupplier):
            rows.row("nobody")


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (matrix(("S1", "S1")), "two rows"),
        (matrix(("",)), "empty"),
        (matrix(()), "0 as-of dates"),
        (
            FeatureMatrix(np.array(["S1", "S1"]), np.array(["2026-01-01", "2026-02-01"], "datetime64[D]"), ("f",), np.ones((2, 1))),
            "2 as-of",
        ),
    ],
)
def test_what_is_not_one_row_per_supplier_of_one_date_is_refused(tmp_path: Path, wrong: FeatureMatrix, found: str) -> None:
    with pytest.raises(OutOfRange, match=found):
        write_online(wrong, tmp_path / "rows")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_leaves_the_old_one(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = stored.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotWrite, match="No space left"):
        write_online(matrix(seed=2), stored)
    assert stored.read_bytes() == whole
    assert [path.name for path in stored.parent.iterdir()] == ["rows"]
