import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.olist import delong
from benchmarks.text import arrow_pair, reviews_of, text_scores
from credit.errors import CannotWrite, LedgerUnreadable, OutOfRange
from features.simulate import simulate
from features.sources.olist import import_olist
from features.text import DOUBT, HIGHEST_SCORE, LEAST_REVIEWS, count_ngrams, labels_of_stars, learn, quarters_of_days, score_texts
from features.text_counts import TextCounts
from features.text_ngrams import BUCKETS, LONGEST, MOST_CHARACTERS, folded_characters
from features.text_weights import LARGEST_WEIGHT, SMOOTHING, log2_fixed, weigh
from tests.real_data import real_data
from tests.text_by_loop import buckets_plainly, read_plainly

WORDS = ("好", "很好", "Ótimo!", "não veio", "ruim", "差", "😀", "👎🏽", "质量稳定", "bom", "atrasou 30 dias", "準時")
NASTY = (
    b"", b" \t\n", b"\xff\xfe", b"\xe4\xbd", b"\xe4\xbd\xa0", b"\xf0\x9f\x98\x80", b"\xf0\x9f\x98", b"\xc0\xaf", b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf4\x8f\xbf\xbf", b"\xef\xbf\xbf", b"\x00", b"a\x00b", b"\xe2\x80\x8d",
    b"\xef\xbb\xbfok", "ＢＯＭ　！！".encode(), "İıſß".encode(), "e\u0301".encode(), b"\x80\x80", b"\xc3", "好".encode() * 1200,
)  # fmt: skip

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Table = tuple[list[bytes], list[int], list[int]]
"""Texts, labels, quarters."""


def pair(texts: Sequence[bytes]) -> tuple[Bytes, Ints]:
    return np.frombuffer(b"".join(texts), dtype=np.uint8), np.cumsum([0, *map(len, texts)], dtype=np.int64)


def counted(texts: Sequence[bytes], labels: Sequence[int], quarters: Sequence[int]) -> TextCounts:
    return count_ngrams(*pair(texts), np.array(labels, dtype=np.int8), np.array(quarters, dtype=np.int32))


def scored(counts: TextCounts, texts: Sequence[bytes], quarter: int) -> list[int]:
    result: list[int] = score_texts(learn(counts), *pair(texts), np.full(len(texts), quarter, dtype=np.int32)).tolist()
    return result


def same(a: TextCounts, b: TextCounts) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("quarters", "reviews", "starts", "buckets", "counts"))


def taught(good: str = "好", low: str = "差", reviews: int = 100) -> TextCounts:
    """Quarter 0 with so many good and low reviews of one text each."""
    return counted([good.encode()] * reviews + [low.encode()] * reviews, [1] * reviews + [0] * reviews, [0] * 2 * reviews)


def random_table(seed: int, rows: int = 400) -> Table:
    rng = np.random.default_rng(seed)
    texts = ["，".join(rng.choice(WORDS, rng.integers(0, 5))).encode() for _ in range(rows)]
    return texts, rng.integers(-1, 2, rows).tolist(), rng.integers(100, 104, rows).tolist()


@settings(deadline=None, max_examples=200)
@given(st.lists(st.binary(max_size=40) | st.text(max_size=20).map(str.encode) | st.sampled_from(NASTY), min_size=1, max_size=6))
@example(list(NASTY))
def test_any_bytes_are_counted_as_a_plain_loop_counts_them(texts: list[bytes]) -> None:
    counts = counted(texts, [i % 2 for i in range(len(texts))], [7] * len(texts))
    expected: dict[int, list[int]] = {}
    for i, text in enumerate(texts):
        for bucket in buckets_plainly(text):
            expected.setdefault(bucket, [0, 0])[i % 2] += 1
    assert dict(zip(counts.buckets.tolist(), counts.counts.tolist(), strict=True)) == expected
    shown = [sum(1 for i, text in enumerate(texts) if i % 2 == label and read_plainly(text)) for label in (0, 1)]
    assert counts.reviews.sum(axis=0).tolist() == shown


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.binary(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=5).map(lambda w: "".join(w).encode()), min_size=1, max_size=5
    )
)
def test_any_bytes_are_scored_as_a_plain_loop_scores_them(texts: list[bytes]) -> None:
    models = learn(counted(*random_table(1)))
    weights = models.weights[-1]
    for text, score in zip(texts, score_texts(models, *pair(texts), np.full(len(texts), 104, dtype=np.int32)).tolist(), strict=True):
        w = [int(weights[bucket]) for bucket in buckets_plainly(text)]
        below = sum(abs(x) + DOUBT for x in w)
        assert score == ((2 * sum(x * abs(x) for x in w) + 10 * below) // (20 * below) if w else 0)


def test_a_small_case_by_hand() -> None:
    # " 好 " has five n-grams: the space, in all reviews, weighs 0; four with 好, in all of 100 good reviews and in no low one, weigh
    # ln((100 / 0.5 + 2) / (0 / 0.5 + 2)) = ln 101 = 4.615. Score = 4 x 4.615^2 / (4 x 4.615 + 5 x 0.2) = 4.378.
    counts = taught()
    assert counts.reviews.tolist() == [[100, 100]]
    assert sorted(set(learn(counts).weights[0].tolist())) == [-4615, 0, 4615]
    assert scored(counts, ["好".encode(), "差".encode(), "好差".encode(), "無關".encode()], 1) == [438, -438, 0, 0]


def test_a_text_repeated_within_a_review_counts_once() -> None:
    once, often = counted([b"a b"], [1], [0]), counted([b"a b a b a b"], [1], [0])
    assert once.counts.max() == often.counts.max() == 1
    assert set(once.buckets.tolist()) < set(often.buckets.tolist())


@pytest.mark.parametrize("seed", range(5))
def test_rows_may_come_in_any_order_and_in_chunks_of_any_thread(seed: int) -> None:
    texts, labels, quarters = random_table(seed)
    whole = counted(texts, labels, quarters)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(texts))
    chunks = np.split(order, np.sort(rng.integers(0, len(texts), 3)))

    def part(rows: Ints) -> TextCounts:
        return counted([texts[i] for i in rows], [labels[i] for i in rows], [quarters[i] for i in rows])

    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(part, chunks))
    assert same(whole, part(order))
    assert same(whole, parts[0].merge(*parts[1:]))
    assert same(whole, parts[3].merge(parts[2]).merge(parts[1].merge(parts[0])))
    scores = score_texts(learn(whole), *pair(texts), np.array(quarters, dtype=np.int32))
    models = learn(parts[2].merge(*parts[:2], parts[3]))
    shuffled = score_texts(models, *pair([texts[i] for i in order]), np.array(quarters, dtype=np.int32)[order])
    assert np.array_equal(scores[order], shuffled)
    assert len(set(scores.tolist())) > 20


def test_reviews_of_the_same_or_a_later_quarter_change_no_score() -> None:
    texts, labels, quarters = random_table(3)
    data, offsets = pair(texts)
    past = [i for i, quarter in enumerate(quarters) if quarter < 102]
    early = counted([texts[i] for i in past], [labels[i] for i in past], [quarters[i] for i in past])
    whole = counted(texts, [label if quarter < 102 else 1 for label, quarter in zip(labels, quarters, strict=True)], quarters)
    when = np.array(quarters, dtype=np.int32)
    first, later = (score_texts(learn(counts), data, offsets, when) for counts in (early, whole))
    assert np.array_equal(first[when <= 102], later[when <= 102])
    assert first[when == 102].any()
    assert not np.array_equal(first[when == 103], later[when == 103])


def test_the_score_follows_the_quarter_it_is_asked_for() -> None:
    turned = counted(["差".encode(), "好".encode()] * 500, [1, 0] * 500, [5] * 1000)
    counts = taught().merge(turned)
    asked = ["差".encode()]
    assert [scored(counts, asked, q)[0] for q in (-3, 0, 1, 5)] == [0, 0, -438, -438]
    assert scored(counts, asked, 6)[0] > 0
    assert scored(counts, asked, 6) == scored(counts, asked, 900)


FEW = LEAST_REVIEWS - 1


@pytest.mark.parametrize(("good", "low", "models"), [(LEAST_REVIEWS, LEAST_REVIEWS, 1), (FEW, 500, 0), (500, FEW, 0)])
def test_there_is_no_model_before_enough_reviews_of_both_kinds(good: int, low: int, models: int) -> None:
    counts = counted([b"bom"] * good + [b"ruim"] * low, [1] * good + [0] * low, [0] * (good + low))
    assert len(learn(counts).quarters) == models
    assert (scored(counts, [b"bom"], 1)[0] > 0) == bool(models)


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000\xa0", "\u2060\ufeff", "\u200d"])
def test_a_text_of_nothing_visible_is_no_text(text: str) -> None:
    counts = counted([text.encode(), b"bom"], [0, 1], [0, 0])
    assert counts.reviews.tolist() == [[0, 1]]
    assert scored(taught(), [text.encode()], 1) == [0]


def test_unused_labels_are_not_counted_and_no_rows_are_no_counts() -> None:
    assert same(counted([b"bom", b"ruim"], [-1, 1], [0, 0]), counted([b"ruim"], [1], [0]))
    empty = counted([], [], [])
    assert len(empty.quarters) == len(empty.buckets) == 0
    assert same(empty.merge(taught()), taught())
    assert scored(empty, [b"bom"], 3) == [0]


@pytest.mark.parametrize(
    ("written", "read"), [("ＢＯＭ！", "bom!"), ("ÓTIMO", "ótimo"), ("a \t\n　b", "a b"), (" a ", "a"), ("a\u2060b", "ab"), ("ДА", "да")]
)
def test_what_differs_only_in_form_scores_the_same(written: str, read: str) -> None:
    assert same(counted([written.encode()], [1], [0]), counted([read.encode()], [1], [0]))


def test_emoji_count_as_characters() -> None:
    counts = taught("👍🏽", "👎")
    assert scored(counts, ["很 👍".encode(), "很 👎".encode()], 1)[0] > 0 > scored(counts, ["很 👎".encode()], 1)[0]


def test_a_huge_text_costs_and_says_what_its_first_characters_do() -> None:
    many = "".join(chr(0x4E00 + i) for i in range(20_000)) * 20
    counts = counted([many.encode()], [1], [0])
    assert len(counts.buckets) <= (MOST_CHARACTERS + 2) * LONGEST
    assert same(counts, counted([many[:MOST_CHARACTERS].encode()], [1], [0]))
    assert scored(taught(), [("好" + " " * 300_000 + "差").encode()], 1) == scored(taught(), ["好".encode()], 1)


def test_hashing_spreads_characters_over_the_buckets() -> None:
    words = [chr(0x4E00 + i).encode() for i in range(20_000)]
    counts = counted([b" ".join(words[i : i + 400]) for i in range(0, 20_000, 400)], [1] * 50, [0] * 50)
    # a space; of each character c: "c", " c", "c ", " c "; of neighbours c d within a review: "c d", " c d", "c d "
    grams = 1 + 4 * 20_000 + 3 * 19_950
    ideal = BUCKETS * (1 - np.exp(-grams / BUCKETS))
    assert len(counts.buckets) > 0.99 * ideal


def test_the_same_texts_give_the_same_integers_on_every_machine() -> None:
    texts = ["，".join((WORDS[i % 12], WORDS[i * i % 11], WORDS[i // 12 % 12])).encode() for i in range(600)]
    labels, quarters = [i * i % 7 % 2 for i in range(600)], [i // 200 for i in range(600)]
    counts = counted(texts, labels, quarters)
    scores = score_texts(learn(counts), *pair(texts), np.array(quarters, dtype=np.int32))
    digest = hashlib.sha256(b"".join(part.tobytes() for part in (counts.buckets, counts.counts, learn(counts).weights, scores)))
    assert digest.hexdigest() == "e1786144c4e93a808bf2a21b0e0f1f81d982d2c0253549733935b34a68b8ba8b"
    assert hashlib.sha256(folded_characters().tobytes()).hexdigest() == "913ebbe351be5faef69696b844d2ffe95fdbcbea2c7b1383d7441a794a473080"


def test_logarithms_of_whole_numbers() -> None:
    numbers = [1, 2, 3, 1000, 2**31 - 1, 2**31, 10**15, 2**62 + 1, 2**63 - 1]
    found = [log2_fixed(x) / 2**20 for x in numbers]
    assert np.all(np.abs(np.array(found) - np.log2(np.array(numbers, dtype=float))) < 2**-19)
    assert [log2_fixed(2**k) for k in range(63)] == [k << 20 for k in range(63)]


@settings(deadline=None)
@given(st.integers(2, 2**36), st.integers(1, 1000), st.booleans(), st.data())
def test_weights_are_the_smoothed_log_ratio(reviews: int, one_in: int, low_is_rare: bool, data: st.DataObject) -> None:
    rare = max(1, reviews // max(2, one_in))
    low, good = (rare, reviews - rare) if low_is_rare else (reviews - rare, rare)
    of_low, of_good = data.draw(st.integers(0, low)), data.draw(st.integers(0, good))
    weight = weigh(np.array([[of_low, of_good]]), np.array([low, good]))[0]
    exact = 1000 * np.log((of_good * reviews / good + SMOOTHING) / (of_low * reviews / low + SMOOTHING))
    assert abs(weight - np.clip(exact, -LARGEST_WEIGHT, LARGEST_WEIGHT)) < 1


def test_counts_are_stored_and_read_again(tmp_path: Path) -> None:
    counts = counted(*random_table(2))
    counts.save(tmp_path / "a.npz")
    TextCounts.load(tmp_path / "a.npz").save(tmp_path / "b.npz")
    assert same(counts, TextCounts.load(tmp_path / "b.npz"))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with pytest.raises(CannotWrite, match="cannot be written"):
        counts.save(tmp_path / "nowhere" / "c.npz")


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("settings", np.array([0, BUCKETS, LONGEST, MOST_CHARACTERS]), "settings"),
        ("buckets", np.array([BUCKETS], dtype=np.int32), "do not fit"),
        ("starts", np.array([0, 2]), "do not fit"),
        ("counts", np.zeros((1, 2)), "do not fit"),
        ("quarters", None, "KeyError"),
    ],
)
def test_stored_counts_that_are_not_ours_are_refused(tmp_path: Path, part: str, value: Ints | None, message: str) -> None:
    path = tmp_path / "counts.npz"
    TextCounts(*(np.array(x) for x in ([1], [[0, 1]], [0, 1], [5], [[0, 1]]))).save(path)
    with np.load(path) as stored:
        parts = {name: stored[name].astype(np.int32) if name in ("quarters", "buckets") else stored[name] for name in stored.files}
    np.savez(path, allow_pickle=False, **parts)
    assert TextCounts.load(path).counts.tolist() == [[0, 1]]
    changed = {name: array for name, array in {**parts, part: value}.items() if array is not None}
    np.savez(path, allow_pickle=False, **changed)
    with pytest.raises(LedgerUnreadable, match=message):
        TextCounts.load(path)


def test_a_damaged_file_of_counts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "counts.npz"
    with pytest.raises(LedgerUnreadable, match="cannot be read"):
        TextCounts.load(path)
    taught().save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(LedgerUnreadable, match="cannot be read"):
        TextCounts.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": np.zeros(3, np.int8)}, "data must be uint8"),
        ({"offsets": np.array([0, 1, 3], np.int32)}, "offsets must be int64"),
        ({"offsets": np.array([0, 2, 1])}, "offsets must ascend"),
        ({"offsets": np.array([-1, 1, 3])}, "offsets must ascend"),
        ({"offsets": np.array([0, 1, 4])}, "offsets must ascend"),
        ({"offsets": np.empty(0, np.int64)}, "offsets must ascend"),
        ({"label": np.array([1], np.int8)}, "label must be 2 whole numbers"),
        ({"label": np.array([1, 2], np.int8)}, "label must be 1"),
        ({"quarter": np.array([0.0, 1.0])}, "quarter must be 2 whole numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, npt.NDArray[np.generic]], message: str) -> None:
    fine = {
        "data": np.zeros(3, np.uint8),
        "offsets": np.array([0, 1, 3]),
        "label": np.array([0, 1], np.int8),
        "quarter": np.zeros(2, np.int32),
    }
    arguments: dict[str, npt.NDArray[np.generic]] = {**fine, **change}
    with pytest.raises(OutOfRange, match=message):
        count_ngrams(**arguments)  # type: ignore[arg-type]


def test_slices_of_a_longer_column_are_read_where_they_stand() -> None:
    data, offsets = arrow_pair(["差", "好", "差"])
    models = learn(taught())
    assert score_texts(models, data, offsets[1:3], np.array([1], dtype=np.int32)).tolist() == [438]


def test_quarters_and_labels() -> None:
    days = np.array(["2025-12-31", "2026-01-01", "2026-03-31", "2026-04-01", "1969-12-31"], "datetime64[D]").astype(np.int32)
    assert quarters_of_days(days).tolist() == [223, 224, 224, 225, -1]
    assert labels_of_stars(np.array([100, 250, 450])).tolist() == [0, -1, 1]


def test_simulated_chinese_is_told_apart(tmp_path: Path) -> None:
    simulate(tmp_path / "world", suppliers=50, months=24, seed=5)
    frame = reviews_of(tmp_path / "world" / "reviews.parquet")
    scores = text_scores(frame)
    assert np.abs(scores).max() <= HIGHEST_SCORE
    judged = ((scores != 0) & (frame["label"] >= 0)).to_numpy()
    assert judged.sum() > 200
    assert delong(frame["label"][judged], scores[judged])[0] > 0.99


@pytest.mark.real_data
def test_olists_portuguese_is_told_apart_in_every_quarter(tmp_path: Path) -> None:
    import_olist(real_data("olist"), tmp_path, outcome="late")
    frame = reviews_of(tmp_path / "reviews.parquet")
    scores = text_scores(frame)
    for quarter in range(189, 195):
        rows = ((frame["quarter"] == quarter) & (frame["label"] >= 0)).to_numpy()
        assert delong(frame["label"][rows], scores[rows])[0] > 0.95
    with duckdb.connect() as con:
        assert con.execute("SELECT count(*) FROM frame").fetchone() == (len(scores),)
