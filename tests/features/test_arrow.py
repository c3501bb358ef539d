from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pytest

from features import arrow
from features.arrow import Cells, chunks
from features.civil import NONE

pa = pytest.importorskip("pyarrow")

EPOCH = datetime(1970, 1, 1)


def micros(at: datetime) -> int:
    return round((at - EPOCH).total_seconds() * 1_000_000)


def one(column: Any) -> Cells:
    """The cells of one column handed over as a table."""
    (columns,) = chunks(pa.table({"x": column}))
    return columns["x"]


def read(con: duckdb.DuckDBPyConnection, query: str) -> dict[str, Cells]:
    (columns,) = chunks(con.sql(query))
    return columns


def test_every_type_of_the_contract_comes_from_the_engine_of_tables() -> None:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        found = read(
            con,
            """SELECT * FROM (VALUES
                ('S1', TIMESTAMP '2025-12-31 16:00:00.000001', DATE '2025-12-31', 12345::BIGINT, 2.5::DOUBLE, 7::INTEGER),
                (NULL, NULL, NULL, NULL, NULL, NULL),
                ('供应商', TIMESTAMP '1969-12-31 23:59:59', DATE '1969-12-31', -1, -0.5, -7)) t(id, moment, day, fen, number, small)""",
        )
        assert found["id"].texts() == ["S1", None, "供应商"]
        assert found["id"].lengths().tolist() == [2, 0, 3]
        assert all(column.valid.tolist() == [True, False, True] for column in found.values())
        assert found["moment"].numbers[[0, 2]].tolist() == [micros(datetime(2025, 12, 31, 16, 0, 0, 1)), -1_000_000]
        assert found["moment"].days("Asia/Shanghai").tolist() == [20454, NONE, 0]
        assert found["moment"].texts() == ["2025-12-31 16:00:00.000001", None, "1969-12-31 23:59:59"]
        assert found["day"].days("Pacific/Kiritimati").tolist() == [20453, NONE, -1], "a date has no zone"
        assert found["day"].texts() == ["2025-12-31", None, "1969-12-31"]
        assert found["fen"].numbers[[0, 2]].tolist() == [12345, -1]
        assert found["number"].numbers[[0, 2]].tolist() == [2.5, -0.5]
        assert found["small"].numbers.dtype == np.int64
        assert found["fen"].hashes().tolist() == [12345, 0, -1]


def test_a_column_without_a_value_is_read_whatever_is_expected_of_it() -> None:
    cells = one(pa.nulls(3))
    assert (len(cells), cells.valid.tolist(), cells.texts()) == (3, [False] * 3, [None, None, None])
    assert (cells.hashes().tolist(), cells.lengths().tolist(), cells.words(("a",)).tolist()) == ([0] * 3, [0] * 3, [0] * 3)
    assert cells.days("UTC").tolist() == [NONE] * 3


@pytest.mark.parametrize("kind", ["string", "large_string", "binary", "large_binary"])
def test_texts_of_every_width_are_the_same_texts(kind: str) -> None:
    texts = [None, "", "中文", "a" * 40, None]
    cells = one(pa.array([text.encode() if text is not None and "binary" in kind else text for text in texts], getattr(pa, kind)()))
    assert cells.texts() == texts
    assert cells.lengths().tolist() == [0, 0, 2, 40, 0]


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "float32", "float64"])
def test_numbers_of_every_width_are_the_same_numbers(kind: str) -> None:
    cells = one(pa.array([3, None, -4], getattr(pa, kind)()))
    assert cells.valid.tolist() == [True, False, True]
    assert cells.numbers[[0, 2]].tolist() == [3, -4]
    assert cells.numbers.dtype in (np.int64, np.float64)


TYPED = {
    "text": pa.array([f"id{i}" if i % 3 else None for i in range(40)]),
    "moment": pa.array([datetime(2026, 1, 1, i % 24) if i % 5 else None for i in range(40)], pa.timestamp("us")),
    "day": pa.array([date(2026, 1, 1 + i % 28) if i % 7 else None for i in range(40)]),
    "number": pa.array([i / 4 if i % 2 else None for i in range(40)]),
}


@pytest.mark.parametrize(("low", "high"), [(0, 40), (1, 40), (7, 8), (8, 24), (9, 33), (39, 40), (40, 40)])
def test_a_slice_is_read_from_where_it_begins(low: int, high: int) -> None:
    whole = pa.table(TYPED)
    parts = {name: [cells for columns in chunks(whole.slice(low, high - low)) for cells in (columns[name],)] for name in TYPED}
    assert [text for cells in parts["text"] for text in cells.texts()] == TYPED["text"].to_pylist()[low:high]
    days = [int(day) for cells in parts["day"] for day in cells.days("UTC")]
    assert days == [NONE if day is None else (day - date(1970, 1, 1)).days for day in TYPED["day"].to_pylist()[low:high]]
    moments = [int(n) if ok else None for cells in parts["moment"] for n, ok in zip(cells.numbers, cells.valid, strict=True)]
    assert moments == [None if at is None else micros(at) for at in TYPED["moment"].to_pylist()[low:high]]
    numbers = [float(n) if ok else None for cells in parts["number"] for n, ok in zip(cells.numbers, cells.valid, strict=True)]
    assert numbers == TYPED["number"].to_pylist()[low:high]


def test_rows_cut_off_together_are_cut_off_every_column() -> None:
    rows = pa.StructArray.from_arrays(list(TYPED.values()), names=list(TYPED)).slice(5, 9)
    (columns,) = chunks(pa.chunked_array([rows]))
    assert columns["text"].texts() == TYPED["text"].to_pylist()[5:14]
    assert columns["number"].valid.tolist() == [n is not None for n in TYPED["number"].to_pylist()[5:14]]


def test_an_empty_batch_has_no_rows_and_an_empty_table_no_batch() -> None:
    empty = pa.record_batch([pa.array([], pa.string()), pa.array([], pa.int64())], names=["text", "number"])
    for columns in chunks(pa.Table.from_batches([empty])):
        assert columns["text"].texts() == []
        assert columns["text"].hashes().tolist() == columns["number"].hashes().tolist() == []
    with duckdb.connect() as con:
        assert sum(len(columns["x"]) for columns in chunks(con.sql("SELECT 'a' AS x WHERE false"))) == 0


def test_a_long_batch_is_handed_on_in_pieces_that_together_are_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    text, day = one(TYPED["text"]), one(TYPED["day"])
    monkeypatch.setattr(arrow, "BATCH_ROWS", 7)
    pieces = list(chunks(pa.table(TYPED)))
    assert [len(columns["text"]) for columns in pieces] == [7, 7, 7, 7, 7, 5]
    assert [text for columns in pieces for text in columns["text"].texts()] == TYPED["text"].to_pylist()
    whole = np.concatenate([columns["text"].hashes() for columns in pieces])
    assert whole.tolist() == text.hashes().tolist()
    assert np.concatenate([columns["day"].days("UTC") for columns in pieces]).tolist() == day.days("UTC").tolist()
    assert np.concatenate([columns["text"].lengths() for columns in pieces]).tolist() == text.lengths().tolist()


def test_bytes_that_are_no_utf_8_are_hashed_but_are_no_text() -> None:
    cells = one(pa.array([b"\xff\xfe", b"ok"], pa.binary()))
    assert len(set(cells.hashes().tolist())) == 2
    with pytest.raises(UnicodeDecodeError):
        cells.texts()


@pytest.mark.parametrize("unit", ["s", "ms", "ns"])
def test_times_in_another_unit_are_refused_and_not_misread(unit: str) -> None:
    with pytest.raises(TypeError, match="times in microseconds"):
        one(pa.array([datetime(2026, 1, 1)], pa.timestamp(unit)))


def test_a_type_the_contract_does_not_have_is_refused() -> None:
    for column in (pa.array([Decimal("1.5")]), pa.array([[1]]), pa.array(["a"]).dictionary_encode(), pa.array(["a"], pa.string_view())):
        with pytest.raises(TypeError, match="cannot be read"):
            one(column)


def test_a_word_is_its_place_in_the_closed_set() -> None:
    cells = one(pa.array(["stopped", None, "running"]))
    assert cells.words(("running", "reduced", "stopped")).tolist() == [3, 0, 1]
