from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from features.identity import utf8
from features.records import RECORDS, Records
from features.segment import (
    NO_LABELS,
    TABLES,
    Labels,
    Segment,
    arrange,
    by_supplier,
    concatenate,
    gather,
    merge,
    order_by,
    read_segment,
    write_segment,
)

ORDERS = TABLES.index("orders")


def records_of(table: str, suppliers: list[int], first: int = 0) -> Records:
    """Records told apart by their key, in the order given."""
    out = np.zeros(len(suppliers), dtype=RECORDS[table].dtype)
    out["supplier"], out["key"] = suppliers, np.arange(first, first + len(suppliers))
    return out


def labels_of(texts: list[str]) -> Labels:
    data, starts = utf8(texts)
    return Labels(data, starts)


def segment_of(suppliers: list[int], low: int, count: int, first: int = 0) -> Segment:
    """A segment with orders alone, each labelled with its key."""
    records = [records_of(table, suppliers if table == "orders" else [], first) for table in TABLES]
    keys = [f"订单{first + i}" for i in range(len(suppliers))]
    return by_supplier(records, [labels_of(keys if table == "orders" else []) for table in TABLES], low, count)


def keys(segment: Segment, supplier: int) -> list[int]:
    low, high = segment.offsets[ORDERS, supplier : supplier + 2]
    return [int(key) for key in segment.records[ORDERS]["key"][low:high]]


def test_rows_are_ordered_by_code_and_keep_their_order_within_one() -> None:
    codes = np.array([7, 5, 7, 6, 5, 7], dtype=np.int32)
    drawn = np.frombuffer(np.random.default_rng(4).bytes(RECORDS["orders"].dtype.itemsize * 6), dtype=RECORDS["orders"].dtype)
    by_code, starts = arrange(drawn, codes, 5, 4)
    assert starts.tolist() == [0, 2, 3, 6, 6]
    assert by_code.tolist() == drawn[[1, 4, 3, 0, 2, 5]].tolist()
    assert order_by(codes, 5, starts).tolist() == [1, 4, 3, 0, 2, 5]
    by_code, starts = arrange(drawn[:0], codes[:0], 0, 2)
    assert (len(by_code), starts.tolist(), order_by(codes[:0], 0, starts).tolist()) == (0, [0, 0, 0], [])


@pytest.mark.parametrize("table", TABLES)
def test_records_are_gathered_and_put_together_whole(table: str) -> None:
    rng = np.random.default_rng(3)
    drawn = np.frombuffer(rng.bytes(RECORDS[table].dtype.itemsize * 9), dtype=RECORDS[table].dtype)
    order = rng.permutation(9)
    assert gather(drawn, order).tolist() == drawn[order].tolist()
    assert gather(drawn[::2], np.array([4, 0])).tolist() == drawn[[8, 0]].tolist()
    assert concatenate([drawn[:4], drawn[4:4], drawn[4:]], drawn.dtype).tobytes() == drawn.tobytes()
    assert concatenate([], drawn.dtype).shape == (0,)


def test_labels_are_taken_row_by_row() -> None:
    labels = labels_of(["a", "", "订单", "dd"])
    taken = labels.take(np.array([2, 0, 2, 1]))
    assert [taken.of(row) for row in range(4)] == ["订单", "a", "订单", ""]
    assert NO_LABELS.take(np.zeros(0, dtype=np.int64)).starts.tolist() == [0]


def test_every_supplier_has_its_own_records_in_the_order_given() -> None:
    segment = segment_of([12, 10, 12, 13], 10, 5)
    assert segment.suppliers == 5
    assert [keys(segment, supplier) for supplier in range(5)] == [[1], [], [0, 2], [3], []]
    assert [segment.labels[ORDERS].of(row) for row in range(4)] == ["订单1", "订单0", "订单2", "订单3"]


def test_a_part_counts_from_its_first_supplier_and_has_room_beyond_the_last() -> None:
    segment = segment_of([0, 1, 1, 2], 0, 3)
    part = segment.part(1, 6)
    assert part.suppliers == 5
    assert [keys(part, supplier) for supplier in range(5)] == [[1, 2], [3], [], [], []]
    beyond = segment.part(3, 5)
    assert (beyond.suppliers, len(beyond.records[ORDERS])) == (2, 0)


def test_merged_segments_hold_the_older_records_first() -> None:
    older, newer = segment_of([0, 1, 1], 0, 2), segment_of([1, 0, 2], 0, 3, first=100)
    merged = merge([older, newer], 0, 4)
    assert [keys(merged, supplier) for supplier in range(4)] == [[0, 101], [1, 2, 100], [102], []]
    for supplier in range(4):
        assert keys(merge([older, newer], supplier, supplier + 1), 0) == keys(merged, supplier)
    assert keys(merge([older], 1, 2), 0) == [1, 2]


def test_records_cannot_be_changed_through_a_segment() -> None:
    for segment in (segment_of([0], 0, 1), segment_of([0], 0, 1).part(0, 1), merge([segment_of([0], 0, 1)] * 2, 0, 1)):
        with pytest.raises(ValueError, match="read-only"):
            segment.records[ORDERS]["key"] = 5


def parts() -> list[Segment]:
    return [segment_of([1, 0], 0, 2), segment_of([], 0, 0), segment_of([4, 2, 2], 2, 3, first=50)]


def test_a_written_segment_is_the_parts_behind_one_another(tmp_path: Path) -> None:
    write_segment(tmp_path / "s", iter(parts()))
    found = read_segment(tmp_path / "s")
    assert found.suppliers == 5
    assert [keys(found, supplier) for supplier in range(5)] == [[1], [0], [51, 52], [], [50]]
    assert [found.labels[ORDERS].of(row) for row in range(5)] == ["订单1", "订单0", "订单51", "订单52", "订单50"]


def test_a_segment_without_labels_or_suppliers_can_be_kept(tmp_path: Path) -> None:
    bare = by_supplier([records_of(table, [0, 1]) for table in TABLES], (), 0, 2)
    write_segment(tmp_path / "bare", iter([bare]))
    assert [len(labels.starts) for labels in read_segment(tmp_path / "bare").labels] == [1] * len(TABLES)
    write_segment(tmp_path / "none", iter([]))
    assert read_segment(tmp_path / "none").suppliers == 0


def test_a_segment_is_mapped_and_not_read(tmp_path: Path) -> None:
    write_segment(tmp_path / "s", iter(parts()))
    base: object = read_segment(tmp_path / "s").records[ORDERS]
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)


def test_a_folder_that_is_there_already_is_not_written_into(tmp_path: Path) -> None:
    write_segment(tmp_path / "s", iter(parts()))
    with pytest.raises(FileExistsError):
        write_segment(tmp_path / "s", iter(parts()))


def _rewrite(folder: Path, offsets: npt.NDArray[np.int64]) -> None:
    np.save(folder / "offsets.npy", offsets)


@pytest.mark.parametrize(
    "damage",
    [
        lambda o: o.astype(np.int32),
        lambda o: o[:-1],
        lambda o: o[..., None],
        lambda o: o[:, :0],
        lambda o: o[:, ::-1],
        lambda o: o + 1,
        lambda o: o - o[:, -1:],
        lambda o: np.concatenate([o, o[:, -1:] + 1], axis=1),
    ],
)
def test_offsets_that_do_not_fit_are_refused(tmp_path: Path, damage: object) -> None:
    write_segment(tmp_path / "s", iter(parts()))
    assert callable(damage)
    _rewrite(tmp_path / "s", damage(np.load(tmp_path / "s" / "offsets.npy")))
    with pytest.raises(ValueError, match=r"of another|out of order"):
        read_segment(tmp_path / "s")


@pytest.mark.parametrize("name", ["orders.records", "orders.starts", "orders.labels"])
@pytest.mark.parametrize("cut", [1, 8, 64])
def test_files_that_do_not_fit_together_are_refused(tmp_path: Path, name: str, cut: int) -> None:
    write_segment(tmp_path / "s", iter(parts()))
    file = tmp_path / "s" / name
    for content in (file.read_bytes()[:-cut], file.read_bytes() + bytes(cut), b""):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"of another length|multiple of"):
            read_segment(tmp_path / "s")
