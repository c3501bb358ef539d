from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import identity
from features.identity import IdIndex, hash_ids, mix, texts, utf8, xxh64

PUBLISHED = {
    "": 0xEF46DB3751D8E999,
    "a": 0xD24EC4F1A98C6E5B,
    "abc": 0x44BC2CF5AD770999,
    "Nobody inspects the spammish repetition": 0xFBCEA83C8A378BF1,
}
P1, P2, P3, P4, P5 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
ALL_BITS = (1 << 64) - 1


def hashed(data: bytes) -> int:
    return int(xxh64(np.frombuffer(data + b"\0", dtype=np.uint8), 0, len(data))) & ALL_BITS


def specified(data: bytes) -> int:
    """XXH64, seed 0, step by step as the specification says it, on whole numbers."""

    def rotated(x: int, by: int) -> int:
        return ((x << by) | (x >> (64 - by))) & ALL_BITS

    def rounded(acc: int, lane: int) -> int:
        return rotated((acc + lane * P2) & ALL_BITS, 31) * P1 & ALL_BITS

    def lanes(size: int) -> Iterator[int]:
        nonlocal data
        while len(data) >= size:
            yield int.from_bytes(data[:size], "little")
            data = data[size:]

    length, acc = len(data), P5
    if length >= 32:
        accs = [(P1 + P2) & ALL_BITS, P2, 0, -P1 & ALL_BITS]
        while len(data) >= 32:
            for i in range(4):
                accs[i] = rounded(accs[i], int.from_bytes(data[8 * i : 8 * i + 8], "little"))
            data = data[32:]
        acc = sum(rotated(a, by) for a, by in zip(accs, (1, 7, 12, 18), strict=True)) & ALL_BITS
        for a in accs:
            acc = ((acc ^ rounded(0, a)) * P1 + P4) & ALL_BITS
    acc = (acc + length) & ALL_BITS
    for lane in lanes(8):
        acc = (rotated(acc ^ rounded(0, lane), 27) * P1 + P4) & ALL_BITS
    for lane in lanes(4):
        acc = (rotated(acc ^ (lane * P1 & ALL_BITS), 23) * P2 + P3) & ALL_BITS
    for lane in lanes(1):
        acc = rotated(acc ^ (lane * P5 & ALL_BITS), 11) * P1 & ALL_BITS
    acc = (acc ^ (acc >> 33)) * P2 & ALL_BITS
    acc = (acc ^ (acc >> 29)) * P3 & ALL_BITS
    return acc ^ (acc >> 32)


@pytest.mark.parametrize(("text", "published"), PUBLISHED.items())
def test_the_hash_is_xxh64(text: str, published: int) -> None:
    assert hashed(text.encode()) == published == specified(text.encode())


@pytest.mark.parametrize("length", range(100))
def test_every_length_is_hashed_as_specified(length: int) -> None:
    data = np.random.default_rng(length).integers(0, 256, length, dtype=np.uint8).tobytes()
    assert hashed(data) == specified(data)


def test_a_hash_does_not_depend_on_where_the_bytes_lie() -> None:
    data, offsets = utf8(["x", "供应商供应商供应商供应商", "", "供应商供应商供应商供应商"])
    out = np.empty(4, dtype=np.int64)
    hash_ids(data, offsets, np.array([True, True, True, True]), out)
    assert out[1] == out[3]
    assert int(out[2]) & ALL_BITS == PUBLISHED[""]
    hash_ids(data, offsets, np.array([True, False, True, True]), out)
    assert out[1] == 0


def test_the_order_of_the_parts_of_a_key_counts() -> None:
    one, other = np.array([1, 2, 0]), np.array([2, 1, 0])
    there, back = np.empty(3, dtype=np.int64), np.empty(3, dtype=np.int64)
    mix(one, other, there)
    mix(other, one, back)
    assert there[0] == back[1]
    assert there[0] != there[1]
    assert len({*there.tolist(), *one.tolist()}) == 6


def encode(index: IdIndex, ids: list[str | None], *, grow: bool = True) -> list[int]:
    data, offsets = utf8([text or "" for text in ids])
    found: npt.NDArray[np.int32] = index.encode(data, offsets, np.array([text is not None for text in ids], dtype=np.bool_), grow=grow)
    return [int(code) for code in found]


def test_codes_follow_the_order_in_which_ids_are_met() -> None:
    index = IdIndex()
    assert encode(index, ["b", "a", None, "b", ""]) == [0, 1, -1, 0, 2]
    assert encode(index, ["a", "new", "", None], grow=False) == [1, -2, 2, -1]
    assert (index.count, index.ids()) == (3, ["b", "a", ""])
    assert encode(index, ["new"]) == [3]
    assert encode(index, []) == []


ID = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(("S", "S1", "S10", "供应商", "x" * 64))
LONG = st.builds(
    lambda size, at: "x" * at + "y" + "x" * (size - at), st.sampled_from((7, 8, 9, 15, 16, 17, 18, 254, 255, 256, 300)), st.integers(0, 300)
)


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(st.lists(st.lists(ID | LONG, max_size=40), max_size=6))
def test_an_index_is_a_dictionary(runs: list[list[str]]) -> None:
    index, known = IdIndex(), dict[str, int]()
    for run in runs:
        assert encode(index, list(run)) == [known.setdefault(text, len(known)) for text in run]
    assert index.ids() == list(known)
    data, starts = index.arrays()
    assert texts(data, starts) == list(known)
    assert starts[-1] == len(data)


def test_ids_whose_hashes_are_equal_have_codes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled look-up run as plain Python, with a hash that knows three values alone."""

    def poor_hash(data: object, low: int, high: int, head: int, tail: int) -> int:
        return (high - low) % 3 - 1

    monkeypatch.setattr(identity, "_hash", poor_hash)
    for name in ("_ends", "_mark", "_is_middle_same", "_guess", "_find"):
        monkeypatch.setattr(identity, name, getattr(identity, name).py_func)
    monkeypatch.setattr(identity, "_encode", identity._encode.py_func)
    ids = [f"{i}" for i in range(300)] + ["", "x" * 12, "x" * 15]
    index = IdIndex()
    assert encode(index, [*ids, *reversed(ids)]) == [*range(303), *range(302, -1, -1)]
    assert encode(index, ["300", None, "x" * 18], grow=False) == [-2, -1, -2]
    assert index.ids() == ids


def test_an_index_grows_across_its_first_room_and_the_runs_it_encodes() -> None:
    index, ids = IdIndex(), [f"供应商-{i:07d}" for i in range(150_000)]
    assert encode(index, [*ids[:700], *ids[:700]]) == [*range(700), *range(700)]
    assert encode(index, list(ids)) == list(range(150_000))
    assert index.ids() == ids
    assert encode(index, ["供应商-0150000", ids[149_999]], grow=False) == [-2, 149_999]


def test_a_slice_of_a_column_is_encoded_from_where_it_begins() -> None:
    data, offsets = utf8(["skipped", "S1", "S2", "S1"])
    index = IdIndex()
    assert index.encode(data, offsets[1:], np.ones(3, dtype=np.bool_)).tolist() == [0, 1, 0]
    assert texts(data, offsets[2:4]) == ["S2"]
