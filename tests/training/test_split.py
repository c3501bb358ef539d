from datetime import date, timedelta

import numpy as np
import pytest

from credit.errors import NotEnoughHistory
from credit.period import first_of_month
from features.build import FeatureMatrix
from training.dataset import ModelFrame, assemble
from training.labels import Outcomes
from training.pipeline import outcome_as_ofs
from training.settings import TrainSettings
from training.split import SplitPolicy, split_out_of_time

POLICY = SplitPolicy()
SETTINGS = TrainSettings.in_force(date(2026, 1, 1))


def frame(as_ofs: list[date], *, horizon_days: int, suppliers: int = 100, bad_every: int = 5) -> ModelFrame:
    count = len(as_ofs) * suppliers
    y = (np.arange(count) % bad_every == 0).astype(np.float64)
    days = np.repeat(np.array(as_ofs, dtype="datetime64[D]"), suppliers)
    return ModelFrame(
        supplier_ids=np.tile(np.array([f"s{i}" for i in range(suppliers)]), len(as_ofs)),
        as_of=days,
        mature_on=np.asarray(days + np.timedelta64(horizon_days, "D"), dtype="datetime64[D]"),
        names=("x",),
        values=np.zeros((count, 1)),
        y=y,
        default_on=np.full(count, np.datetime64("NaT", "D")),
        counts={},
    )


def months(first: date, count: int) -> list[date]:
    return [first_of_month(first, index) for index in range(count)]


@pytest.mark.parametrize(("length", "train_months", "test_months"), [(48, 8, 6), (60, 17, 9), (72, 26, 12)])
def test_a_platform_of_some_years_is_divided(length: int, train_months: int, test_months: int) -> None:
    first = date(2021, 1, 1)
    last_day = first_of_month(first, length) - timedelta(days=1)
    as_ofs = outcome_as_ofs(first, last_day, SETTINGS)
    assert as_ofs[0] == date(2022, 1, 1)
    split = split_out_of_time(frame(as_ofs, horizon_days=365), POLICY)
    assert (split.train_to.year - split.train_from.year) * 12 + split.train_to.month - split.train_from.month + 1 == train_months
    assert (split.test_to.year - split.test_from.year) * 12 + split.test_to.month - split.test_from.month + 1 == test_months


def test_labels_of_ninety_days_leave_one_quarter_between() -> None:
    split = split_out_of_time(frame(months(date(2017, 3, 1), 15), horizon_days=91), POLICY)
    assert (split.train_from, split.train_to) == (date(2017, 3, 1), date(2017, 11, 1))
    assert (split.test_from, split.test_to) == (date(2018, 2, 1), date(2018, 5, 1))


def test_every_training_label_is_mature_before_the_test_period_begins() -> None:
    data = frame(months(date(2020, 1, 1), 40), horizon_days=365)
    split = split_out_of_time(data, POLICY)
    assert data.mature_on[split.train].max() <= np.datetime64(split.test_from)
    assert set(split.train).isdisjoint(split.test)


def test_rows_of_a_supplier_share_a_fold_and_keep_it_when_data_grow() -> None:
    small, large = frame(months(date(2020, 1, 1), 40), horizon_days=365), frame(months(date(2020, 1, 1), 50), horizon_days=365)
    folds = []
    for data in (small, large):
        split = split_out_of_time(data, POLICY)
        pairs = set(zip(data.supplier_ids[split.train].tolist(), split.fold.tolist(), strict=True))
        assert len(pairs) == 100
        folds.append(dict(pairs))
    assert folds[0] == folds[1]
    assert set(folds[0].values()) == set(range(POLICY.folds))


def test_too_short_a_history_is_refused_with_the_arithmetic() -> None:
    with pytest.raises(NotEnoughHistory, match=r"of 16 as-of dates .* newest 4 are the test period, from 2023-02-01; 1 older"):
        split_out_of_time(frame(months(date(2022, 2, 1), 16), horizon_days=365), POLICY)
    with pytest.raises(NotEnoughHistory, match="2 as-of dates have mature labels"):
        split_out_of_time(frame(months(date(2022, 1, 1), 2), horizon_days=365), POLICY)


def test_too_few_bads_are_refused() -> None:
    with pytest.raises(NotEnoughHistory, match=r"training side has 10 bad rows .* bring more suppliers or a longer history"):
        split_out_of_time(frame(months(date(2020, 1, 1), 40), horizon_days=365, suppliers=10, bad_every=20), POLICY)


def matrix(rows: list[tuple[str, date, float]]) -> FeatureMatrix:
    return FeatureMatrix(
        supplier_ids=np.array([row[0] for row in rows], dtype=np.str_),
        as_of=np.array([row[1] for row in rows], dtype="datetime64[D]"),
        names=("x",),
        values=np.array([row[2] for row in rows], dtype=np.float64).reshape(-1, 1),
    )


def outcomes(rows: list[tuple[str, date, str, date]], seen_until: date) -> Outcomes:
    y = {"good": 0.0, "bad": 1.0, "indeterminate": np.nan}
    return Outcomes(
        supplier_ids=np.array([row[0] for row in rows], dtype=np.str_),
        as_of=np.array([row[1] for row in rows], dtype="datetime64[D]"),
        status=np.array([row[2] for row in rows]),
        y=np.array([y[row[2]] for row in rows]),
        default_on=np.full(len(rows), np.datetime64("NaT", "D")),
        mature_on=np.array([row[3] for row in rows], dtype="datetime64[D]"),
        seen_until=seen_until,
        left_out={"already_default": 2},
    )


def test_features_meet_their_own_outcome_and_the_rest_is_counted() -> None:
    first, second = date(2024, 1, 1), date(2024, 2, 1)
    found = assemble(
        matrix([("s2", second, 22.0), ("s1", first, 11.0), ("s1", second, 12.0), ("s9", first, 99.0)]),
        outcomes(
            [
                ("s1", first, "good", second),
                ("s1", second, "bad", date(2024, 3, 1)),
                ("s2", second, "indeterminate", date(2024, 3, 1)),
                ("s3", first, "good", second),
                ("s2", first, "bad", date(2024, 3, 3)),
            ],
            seen_until=date(2024, 3, 1),
        ),
    )
    assert found.values.tolist() == [[11.0], [12.0]]
    assert found.y.tolist() == [0.0, 1.0]
    assert found.counts["labelled_indeterminate"] == 1
    assert found.counts["left_out_without_features"] == 2
    assert found.counts["left_out_not_mature"] == 1
    assert found.counts["unlabelled_already_default"] == 2


def test_a_bad_known_before_the_goods_of_its_date_is_left_out_and_counted() -> None:
    older, newest = date(2024, 1, 1), date(2024, 2, 1)
    found = assemble(
        matrix([("s1", older, 1.0), ("s1", newest, 2.0), ("s2", newest, 3.0)]),
        outcomes(
            [("s1", older, "good", newest), ("s1", newest, "bad", date(2024, 3, 1)), ("s2", newest, "bad", date(2024, 3, 2))],
            seen_until=date(2024, 2, 29),
        ),
    )
    assert found.values.tolist() == [[1.0], [2.0]]
    assert found.counts["left_out_not_mature"] == 1
    assert (found.counts["rows"], found.counts["bads"]) == (2, 1)


def test_no_row_at_all_is_refused() -> None:
    with pytest.raises(NotEnoughHistory, match="no row has both"):
        assemble(matrix([]), outcomes([("s1", date(2024, 1, 1), "good", date(2024, 2, 1))], date(2025, 1, 1)))
