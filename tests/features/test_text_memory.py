from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit.errors import LedgerUnreadable, OutOfRange
from features.build import build_features
from features.catalog import CATALOG
from features.collect import collect
from features.ledger import build_ledger
from features.read import RawTables
from features.record_columns import Score
from features.store import build_stored, open_ledger, save_ledger
from features.stream import stream_features
from features.text_memory import NO_QUARTER, TextMemory, asked_of, columns_without_texts, needs_scores
from tests.drawn import AS_OF, tables_of
from tests.reference import features_by_loop
from tests.text_by_loop import scores_by_loop

Row = dict[str, object]
WORDS = ("好", "很好", "Ótimo!", "质量稳定", "bom", "não veio", "ruim", "差", "迟了")
"""The first five are said with good marks, most of the time."""
NOW = datetime.combine(AS_OF, datetime.min.time())
ZONE = "Asia/Shanghai"


def reviews(seed: int, count: int = 400, days: tuple[int, int] = (1, 420)) -> list[Row]:
    """Reviews of three suppliers; a third is recorded late, a sixth is rewritten, a seventh has no words."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for number in range(count):
        at = NOW - timedelta(minutes=int(rng.integers(days[0] * 1440, days[1] * 1440)))
        recorded = at + timedelta(days=int(rng.integers(0, 120))) if rng.random() < 1 / 3 else None
        for version in range(1 + (rng.random() < 1 / 6)):
            stars = float(rng.choice((1, 2, 3, 4, 5)))
            said = WORDS if rng.random() < 0.2 else WORDS[:5] if stars > 3 else WORDS[5:]
            text = "，".join(rng.choice(said, int(rng.integers(1, 4)))) if rng.random() > 1 / 7 else None
            told = recorded if version == 0 else (recorded or at) + timedelta(days=int(rng.integers(1, 90)))
            rows.append(
                {
                    "review_id": f"r{number}",
                    "supplier_id": "STU"[number % 3],
                    "reviewed_at": at,
                    "rating": stars,
                    "text": text,
                    "recorded_at": told,
                }
            )
    return rows


def platform(rows: list[Row]) -> RawTables:
    suppliers: list[Row] = [{"supplier_id": name, "joined_at": NOW - timedelta(days=900)} for name in "STU"]
    return tables_of({"suppliers": suppliers, "reviews": rows}, zone=ZONE)


def known(row: Row) -> datetime:
    moments = [row["reviewed_at"], row["recorded_at"] or row["reviewed_at"]]
    return max(moment for moment in moments if isinstance(moment, datetime)) + timedelta(hours=8)


def quarter(row: Row) -> int:
    day = known(row)
    return (day.year - 1970) * 4 + (day.month - 1) // 3


def scores(rows: list[Row], score: Score) -> dict[tuple[object, ...], int]:
    """Score of each version, by its review and recording."""
    collected = collect(platform(rows).con, zone=ZONE, score=score, labels=True)
    _, segment = collected.bucket(0)
    collected.close()
    records, labels = segment.records[3], segment.labels[3]
    return {(labels.of(i), int(row["recorded"])): int(row["text_score"]) for i, row in enumerate(records)}


def learned(rows: list[Row]) -> TextMemory:
    return TextMemory().with_reviews(platform(rows).con, ZONE)


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_a_plain_loop(seed: int) -> None:
    rows = reviews(seed)
    by_loop = scores_by_loop([(str(row["text"]), float(str(row["rating"])), quarter(row)) for row in rows if row["text"]])
    found = scores(rows, learned(rows).scorer())
    assert len(found) == len(rows)
    expected = sorted(by_loop[str(row["text"]), quarter(row)] if row["text"] else 0 for row in rows)
    assert sorted(found.values()) == expected
    assert len(set(expected)) > 50, "too little was learned to compare"


def test_text_features_are_those_of_a_plain_loop() -> None:
    tables = platform(reviews(5))
    names = [feature.name for feature in CATALOG]
    at = [i for i, name in enumerate(names) if name.startswith("reviews_")]
    row = build_features(build_ledger(tables), [AS_OF], ["S"]).values[0]
    by_loop = features_by_loop(tables, "S", AS_OF)
    assert by_loop is not None
    assert row[at].tobytes() == by_loop[at].tobytes()
    assert abs(row[names.index("reviews_text_score_mean_90d")]) > 1


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_the_order_and_the_grouping_of_the_rows_make_no_difference(seed: int) -> None:
    rows = reviews(7)
    shuffled = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    assert scores(shuffled, learned(shuffled).scorer()) == scores(rows, learned(rows).scorer())


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.integers(-400, -1))
def test_what_becomes_known_later_changes_no_score(seed: int, day: int) -> None:
    rows = reviews(seed)
    cut = NOW + timedelta(days=day)
    before = [row for row in rows if known(row) < cut]
    alone, together = scores(before, learned(before).scorer()), scores(rows, learned(rows).scorer())
    assert {key: together[key] for key in alone} == alone


@pytest.mark.parametrize("cut", [-400, -280, -180, -93, -92, -91, -40])
def test_days_added_to_a_stored_memory_are_scored_as_in_a_rebuild(tmp_path: Path, cut: int) -> None:
    rows = sorted(reviews(11), key=known)
    whole = scores(rows, learned(rows).scorer())
    at = NOW + timedelta(days=cut)
    days = [[row for row in rows if known(row) < at]]
    for low in range(cut, 300, 37):
        day = NOW + timedelta(days=low), NOW + timedelta(days=low + 37)
        days.append([row for row in rows if day[0] <= known(row) < day[1]])
    memory = TextMemory()
    for number, added in enumerate(days):
        memory = memory.with_reviews(platform(added).con, ZONE)
        found = scores(added, memory.scorer())
        assert found == {key: whole[key] for key in found}
        folder = tmp_path / str(number)
        folder.mkdir()
        memory.save(folder)
        memory = TextMemory.load(folder)
        assert len(memory.counts.quarters) <= 2
    rebuilt = tmp_path / "rebuilt"
    rebuilt.mkdir()
    learned(rows).save(rebuilt)
    for file in rebuilt.iterdir():
        assert file.read_bytes() == (folder / file.name).read_bytes()


def test_a_text_of_a_quarter_already_passed_is_refused_with_what_to_do() -> None:
    memory = learned([row for row in reviews(1) if known(row) < NOW])
    late: Row = {"review_id": "x", "supplier_id": "S", "reviewed_at": NOW - timedelta(days=200), "rating": 5.0, "text": "好"}
    with pytest.raises(OutOfRange, match=r"2025 Q2.*2025 Q4.*recorded_at"):
        memory.with_reviews(platform([late]).con, ZONE)
    assert memory.with_reviews(platform([{**late, "text": None}]).con, ZONE).last == memory.last
    assert memory.with_reviews(platform([{**late, "recorded_at": NOW}]).con, ZONE).last == memory.last + 1


def test_one_engine_scores_as_the_other(tmp_path: Path) -> None:
    tables = platform(reviews(3))
    dates = [AS_OF, AS_OF - timedelta(days=100)]
    ledger = build_ledger(tables)
    whole = build_features(ledger, dates).values.tobytes()
    assert build_features(build_stored(tables, tmp_path / "stored"), dates).values.tobytes() == whole
    assert stream_features(tables, dates).values.tobytes() == whole
    save_ledger(ledger, tmp_path / "saved")
    opened = open_ledger(tmp_path / "saved")
    assert build_features(opened, dates).values.tobytes() == whole
    assert opened.texts().last == ledger.texts().last > NO_QUARTER
    only = tuple(feature for feature in CATALOG if feature.name == "reviews_text_score_mean_90d")
    place = [feature.name for feature in CATALOG].index(only[0].name)
    alone = stream_features(tables, dates, features=only).values[:, 0]
    assert alone.tobytes() == np.ascontiguousarray(build_features(ledger, dates).values[:, place]).tobytes()


def test_texts_are_read_only_where_a_feature_asks_for_them() -> None:
    columns = frozenset({"reviews.text", "reviews.rating"})
    by_name = {feature.name: (feature,) for feature in CATALOG}
    assert not needs_scores(by_name["reviews_rating_mean_90d"])
    assert not needs_scores(by_name["reviews_text_length_mean_365d"])
    assert needs_scores(by_name["reviews_text_score_change_90d"])
    assert columns_without_texts(by_name["reviews_rating_mean_90d"], columns) == {"reviews.rating"}
    for name in ("reviews_text_length_mean_365d", "reviews_with_text_share_365d", "reviews_text_score_mean_90d"):
        assert columns_without_texts(by_name[name], columns) == columns


@pytest.mark.parametrize("last", [np.array([10], np.int32), np.array([500], np.int64), np.zeros(2, np.int32)])
def test_a_damaged_memory_is_refused(tmp_path: Path, last: npt.NDArray[np.int32]) -> None:
    learned(reviews(1)).save(tmp_path)
    np.save(tmp_path / "texts-last.npy", last)
    with pytest.raises(LedgerUnreadable, match="build the ledger again"):
        TextMemory.load(tmp_path)
    (tmp_path / "texts-last.npy").write_bytes(b"")
    with pytest.raises(LedgerUnreadable, match="build the ledger again"):
        TextMemory.load(tmp_path)


def test_counterparties_are_read_only_where_something_counts_them() -> None:
    of_reviews = [feature for feature in CATALOG if feature.source_table == "reviews"]
    assert "reviews.buyer_id" not in asked_of(of_reviews)[0]
    assert "reviews.reviewed_at" in asked_of(of_reviews)[0]
    counted = [feature for feature in CATALOG if feature.name.startswith("orders_buyer")]
    assert "orders.buyer_id" in asked_of(counted)[0]
    assert {"orders.buyer_id", "invoices.buyer_id", "purchases.vendor_id"} <= asked_of(CATALOG)[0]
