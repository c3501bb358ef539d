import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from credit.errors import CannotWrite, UnknownSupplier
from features import arrow
from features.arrow import chunks
from features.buckets import Collected, parts_of
from features.collect import collect, supplier_codes
from features.identity import IdIndex, utf8
from features.read import RawTables
from features.record_columns import Codes, Columns, select_list, to_columns
from features.records import MISSING, RECORDS
from features.segment import TABLES, Segment
from tests.drawn import AS_OF, draw, tables_of

MIDNIGHT = datetime.combine(AS_OF, datetime.min.time())
MAX = 1 << 62


def platform(suppliers: int = 23, rows: int = 400) -> RawTables:
    """A platform whose rows come in no order, some of them told twice."""
    rng = np.random.default_rng(5)

    def at(i: int) -> datetime:
        return MIDNIGHT - timedelta(days=int(rng.integers(1, 300)), minutes=i)

    orders = [
        {"order_id": f"订单{i}", "supplier_id": f"S{rng.integers(suppliers):03d}", "buyer_id": f"B{rng.integers(9)}", "ordered_at": at(i),
         "amount": Decimal(i + 1), "recorded_at": None if i % 3 else at(i)}
        for i in range(rows)
    ]  # fmt: skip
    fulfilments = [
        {"fulfilment_id": f"{i % 2}", "order_id": o["order_id"], "supplier_id": o["supplier_id"], "delivered_at": at(i)}
        for i, o in enumerate(orders[::2])
    ]
    reviews = [
        {
            "review_id": f"r{i}",
            "supplier_id": f"S{rng.integers(suppliers):03d}",
            "reviewed_at": at(i),
            "rating": 4.0,
            "text": "好" * (i % 5),
        }
        for i in range(rows // 4)
    ]
    stock = [
        {"supplier_id": f"S{i % suppliers:03d}", "observed_at": at(i), "category": "鞋", "value": Decimal(i + 1)} for i in range(rows // 4)
    ]
    named = [{"supplier_id": f"S{i:03d}", "joined_at": at(i)} for i in range(suppliers)]
    return tables_of({"suppliers": named, "orders": orders, "fulfilments": fulfilments, "reviews": reviews, "inventory": stock})


@pytest.fixture(scope="module")
def tables() -> RawTables:
    return platform()


def told(collected: Collected) -> list[tuple[str, int, bytes, str]]:
    """Every record with the code of its supplier and its label, bucket after bucket."""
    out = []
    for low, segment in parts_of(collected):
        for t, table in enumerate(TABLES):
            for supplier in range(segment.suppliers):
                for row in range(*segment.offsets[t, supplier : supplier + 2].tolist()):
                    label = segment.labels[t].of(row) if len(segment.labels[t].starts) > 1 else ""
                    out.append((table, low + supplier, segment.records[t][row].tobytes(), label))
    collected.close()
    return sorted(out, key=lambda record: record[:2])


@pytest.fixture(scope="module")
def whole(tables: RawTables) -> list[tuple[str, int, bytes, str]]:
    return told(collect(tables.con, zone="Asia/Shanghai", tables=tables.present, memory=MAX, bucket_rows=MAX))


def test_every_row_is_told_once_under_its_supplier_with_its_label(tables: RawTables, whole: list[tuple[str, int, bytes, str]]) -> None:
    for table, column in (("orders", "order_id"), ("fulfilments", "order_id || '/' || fulfilment_id"), ("reviews", "review_id")):
        rows = tables.con.execute(f"SELECT supplier_id, {column} FROM {table}").fetchall()
        found = [(f"S{supplier:03d}", label) for name, supplier, _, label in whole if name == table]
        assert sorted(found) == sorted(rows)
    stock = {label for name, _, _, label in whole if name == "inventory"}
    assert all(label.endswith("/鞋") and label.startswith("2025-") for label in stock)


@pytest.mark.parametrize("memory", [0, 1, 9_000, MAX])
@pytest.mark.parametrize("bucket_rows", [1, 40, 300, MAX])
@pytest.mark.parametrize("batch", [37, 100_000])
def test_buckets_batches_and_spilling_change_nothing(
    tables: RawTables, whole: object, memory: int, bucket_rows: int, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow, "BATCH_ROWS", batch)
    collected = collect(tables.con, zone="Asia/Shanghai", tables=tables.present, memory=memory, bucket_rows=bucket_rows)
    assert (collected.buckets > 1) == (bucket_rows < MAX)
    assert told(collected) == whole


WORD, HALF = np.iinfo(np.int64), np.iinfo(np.int32)
SPANS = {
    "one byte": (5, 5 + 254, 10),
    "two bytes": (-3, 60_000, -3),
    "four bytes": (HALF.min + 1, HALF.max, HALF.min),
    "half a word and one more": (0, 1 << 32, -1),
    "all there are": (WORD.min + 1, WORD.max, WORD.min),
    "but one": (7, 7, 7),
    "none": (9, 9, 9),
}
"""Least and greatest value of a field, and what stands for none."""


@pytest.mark.parametrize("memory", [0, 2_000, MAX])
@pytest.mark.parametrize(("suppliers", "width"), [(1, 1), (7, 3), (700, 300)])
@pytest.mark.parametrize("span", SPANS)
def test_records_come_out_of_a_bucket_as_they_went_in(memory: int, suppliers: int, width: int, span: str) -> None:
    """Whatever a batch's records have in common: all, nothing, or a field in one batch that differs in the next."""
    drawn, dtype = np.random.default_rng(3), RECORDS["orders"].dtype
    low, high, missing = SPANS[span]
    codes = Codes(IdIndex(), IdIndex())
    data, starts = utf8([f"S{i}" for i in range(suppliers)])
    codes.suppliers.encode(data, starts, np.ones(suppliers, dtype=np.bool_))
    collected, given = Collected(codes, width), []
    for batch in range(4):
        values = drawn.integers(low, high, 50, dtype=np.int64, endpoint=True)
        values[:3] = low, high, missing if span != "but one" else 8
        wide, narrow = values.copy(), values.clip(HALF.min, HALF.max).astype(np.int32)
        common = np.zeros(1, dtype=dtype)
        common["amount"], common["ordered"] = missing, max(missing, HALF.min)
        fields: dict[str, np.ndarray[Any, Any]] = {
            "supplier": drawn.integers(0, suppliers, 50).astype(np.int32),
            "key": drawn.integers(-9, 9, 50),
            "recorded": np.full(50, batch),
            "promised": narrow[::-1].copy(),
            **({"ordered": narrow} if batch % 2 else {"amount": wide}),
        }
        rows = Columns("orders", common, fields)
        collected.add(rows, None, memory)
        given.append(rows.records())
    whole = np.concatenate(given)
    for first, segment in parts_of(collected):
        for supplier in range(segment.suppliers):
            own = slice(*segment.offsets[TABLES.index("orders"), supplier : supplier + 2].tolist())
            found = segment.records[TABLES.index("orders")][own]
            assert found.tobytes() == whole[whole["supplier"] == first + supplier].tobytes()
    collected.close()


def test_without_labels_the_records_are_the_same(tables: RawTables, whole: list[tuple[str, int, bytes, str]]) -> None:
    bare = told(collect(tables.con, zone="Asia/Shanghai", tables=tables.present, labels=False, memory=0, bucket_rows=50))
    assert {label for *_, label in bare} == {""}

    def without_moments(table: str, record: bytes) -> bytes:
        (told_of,) = np.frombuffer(record, dtype=RECORDS[table].dtype).copy()
        if table == "orders":
            told_of["ordered_at"] = MISSING
        return bytes(told_of.tobytes())

    key = 8
    expected = [(table, supplier, without_moments(table, record)[key:]) for table, supplier, record, _ in whole]
    assert [(*row[:2], row[2][key:]) for row in bare] == expected, "all but keys and moments nobody looks up"


def test_spilled_buckets_can_be_read_by_many_threads_at_once(tables: RawTables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow, "BATCH_ROWS", 16)
    collected = collect(tables.con, zone="UTC", tables=tables.present, memory=0, bucket_rows=30)

    def content(number: int) -> list[bytes]:
        _, segment = collected.bucket(number)
        return [*(table.tobytes() for table in segment.records), *(labels.data[: labels.starts[-1]].tobytes() for labels in segment.labels)]

    alone = [content(number) for number in range(collected.buckets)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert list(pool.map(content, range(collected.buckets))) == alone
    collected.close()


def test_what_was_spilled_is_removed(tables: RawTables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    collected = collect(tables.con, zone="UTC", tables=tables.present, memory=0, bucket_rows=30)
    assert list(tmp_path.iterdir())
    collected.close()
    collected.close()
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full_is_told_and_nothing_is_left(tables: RawTables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(FileIO):
        def write(self, content: Any, /) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("features.buckets.FileIO", Full)
    with pytest.raises(CannotWrite, match=r"No space left on device.*TMPDIR"):
        collect(tables.con, zone="UTC", tables=tables.present, memory=0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("spilled", ["orders.rows", "orders.starts", "orders.labels"])
def test_what_was_spilled_and_is_gone_is_told_and_nothing_made_of_it(
    tables: RawTables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spilled: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    collected = collect(tables.con, zone="UTC", tables=tables.present, memory=0, bucket_rows=30)
    (file,) = tmp_path.glob(f"*/{spilled}")
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size - 3)
    with pytest.raises(CannotWrite, match=r"cannot be read back.*shorter"):
        list(parts_of(collected))
    collected.close()


def test_a_disk_that_takes_a_piece_at_a_time_gets_the_whole(tables: RawTables, whole: object, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(FileIO):
        def write(self, content: Any, /) -> int:
            return super().write(content[:1000])

    monkeypatch.setattr("features.buckets.FileIO", Slow)
    assert told(collect(tables.con, zone="Asia/Shanghai", tables=tables.present, memory=0, bucket_rows=40)) == whole


ORPHANS = {
    "suppliers": "supplier_id | joined_at\nM | -9",
    "orders": "order_id | supplier_id | buyer_id | ordered_at | amount\na | Z | Li | -5 | 1\nb | A | Li | -5 | 1\nc | M | Li | -5 | 1",
}


def test_events_of_suppliers_without_a_row_of_their_own_are_kept() -> None:
    tables = draw(ORPHANS)
    collected = collect(tables.con, zone="UTC", tables=tables.present)
    assert collected.codes.suppliers.ids() == ["A", "M", "Z"]
    _, segment = collected.bucket(0)
    assert segment.offsets[TABLES.index("orders")].tolist() == [0, 1, 2, 3]
    assert collected.codes.parties.ids() == ["Li"]


def test_a_row_of_a_supplier_without_a_code_is_refused() -> None:
    tables = draw(ORPHANS)
    codes = Codes(supplier_codes(tables.con), IdIndex())
    (cells,) = chunks(tables.con.sql(f"SELECT {select_list(RECORDS['orders'])} FROM orders"))
    with pytest.raises(UnknownSupplier, match="orders names a supplier that does not stand in suppliers"):
        Collected(codes, 1).add(to_columns(RECORDS["orders"], cells, codes, "UTC"), None, MAX)


def test_no_row_at_all_is_one_empty_bucket() -> None:
    tables = draw({"suppliers": "supplier_id | joined_at"})
    collected = collect(tables.con, zone="UTC", tables=tables.present)
    assert collected.buckets == 1
    assert collected.bucket(0)[1].suppliers == 0


MOVED = {
    "suppliers": "supplier_id\nS\nT\nU",
    "invoices": """
        invoice_id | supplier_id | buyer_id | issued_at | due_at | amount | recorded_at
        i          | S           | Li       | -90       | -30    | 100    |
        i          | T           | Li       | -90       | -30    | 100    | -40
        i          | S           | Li       | -90       | -30    | 120    | -10
        kept       | U           | Li       | -80       | -20    | 7      | -70
        kept       | U           | Li       | -80       | -20    | 8      | -60
    """,
}


def moved(bucket_rows: int = MAX, *, labels: bool = True) -> list[list[tuple[int, bool]]]:
    """Day of recording of each invoice of each supplier, and whether the record is void."""
    tables = draw(MOVED)
    collected = collect(tables.con, zone="UTC", tables=tables.present, bucket_rows=bucket_rows, memory=0, labels=labels)
    out = []
    for _, segment in parts_of(collected):
        for supplier in range(segment.suppliers):
            rows = _invoices(segment, supplier)
            out.append(sorted((int(row["recorded_day"]), bool(row["amount"] == MISSING)) for row in rows))
    collected.close()
    return out


def _invoices(segment: Segment, supplier: int) -> Any:
    t = TABLES.index("invoices")
    return segment.records[t][slice(*segment.offsets[t, supplier : supplier + 2])]


@pytest.mark.parametrize("bucket_rows", [1, MAX])
@pytest.mark.parametrize("labels", [True, False])
def test_a_row_that_moved_is_void_with_every_supplier_it_ever_stood_with(bucket_rows: int, labels: bool) -> None:
    always, day = np.iinfo(np.int32).min, (AS_OF - datetime(1970, 1, 1).date()).days
    assert moved(bucket_rows, labels=labels) == [
        [(always, False), (day - 40, True), (day - 10, False)],
        [(always, True), (day - 40, False), (day - 10, True)],
        [(day - 70, False), (day - 60, False)],
    ]


def test_columns_that_nobody_asks_for_are_not_read(tables: RawTables) -> None:
    asked: list[str] = []

    def is_wanted(column: str) -> bool:
        asked.append(column)
        return column != "reviews.text"

    collected = collect(tables.con, zone="UTC", tables=tables.present, labels=False, is_wanted=is_wanted)
    _, segment = collected.bucket(0)
    reviews = segment.records[TABLES.index("reviews")]
    assert "reviews.text" in asked
    assert not reviews["text_length"].any()
    _, full = collect(tables.con, zone="UTC", tables=tables.present, labels=False).bucket(0)
    assert full.records[TABLES.index("reviews")]["text_length"].any()


def test_only_the_tables_asked_for_are_read(tables: RawTables) -> None:
    asked = replace(tables, present=frozenset({"suppliers", "reviews"}))
    _, segment = collect(tables.con, zone="UTC", tables=asked.present).bucket(0)
    assert {table for t, table in enumerate(TABLES) if len(segment.records[t])} == {"suppliers", "reviews"}
