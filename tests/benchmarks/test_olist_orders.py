from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.approval_columns import DIRECTIONS, approval_columns
from benchmarks.approved_orders import DAY, INSTANTS, NEVER, histories, read_orders
from benchmarks.olist_orders import INNER, PUBLISHED, ApprovedOrders, Split, approved_orders, describe, scores
from tests.real_data import real_data


def drawn(rows: int = 400) -> pd.DataFrame:
    """Orders of 300 days, in whole hours so that instants meet; one in twenty is never handed over, one in ten never delivered."""
    generator = np.random.default_rng(11)
    approved = np.sort(generator.integers(0, 300 * 24, rows)) * 3600 + 1_483_228_800
    handed = approved + generator.integers(-12, 200, rows) * 3600
    delivered = handed + generator.integers(0, 500, rows) * 3600
    state = np.array(["SP", "RJ", "AM"])
    return pd.DataFrame(
        {
            "order_id": [f"o{i}" for i in range(rows)],
            "seller_id": generator.choice(list("abcdef"), rows),
            "seller_state": generator.choice(state[:2], rows),
            "customer_state": generator.choice(state, rows),
            "customer_region": generator.choice(["01", "20", "69"], rows),
            "freight": generator.random(rows) * 50,
            "weight": generator.random(rows) * 3000,
            "purchased": approved - generator.integers(0, 40, rows) * 3600,
            "approved": approved,
            "shipping_limit": approved + 5 * DAY,
            "handed": np.where(generator.random(rows) < 0.05, NEVER, handed),
            "delivered": np.where(generator.random(rows) < 0.1, NEVER, delivered),
            "promised": approved + generator.integers(5, 30, rows) * DAY,
        }
    )


def with_another_future(orders: pd.DataFrame, now: int) -> pd.DataFrame:
    """The same orders until ``now``: later deliveries come later still, and sixfold orders of strangers' values follow."""
    known = orders[orders["approved"] <= now].copy()
    for instant in ("handed", "delivered"):
        known[instant] = known[instant].where(known[instant] < now, np.maximum(known[instant] // 2, now) + 7 * DAY)
    injected = pd.concat([orders[orders["approved"] > now]] * 6, ignore_index=True)
    for instant in INSTANTS[2:]:
        injected[instant] = injected["approved"] + 90 * DAY
    injected[["seller_id", "customer_region"]] = orders[["seller_id", "customer_region"]].iloc[0].tolist()
    return pd.concat([known, injected], ignore_index=True)


def cut_off(orders: pd.DataFrame, now: int) -> pd.DataFrame:
    """The orders as they stood: none approved later, nothing handed over or delivered from ``now`` on."""
    known = orders[orders["approved"] <= now].copy()
    for instant in ("handed", "delivered"):
        known[instant] = known[instant].where(known[instant] < now, NEVER)
    return known


def must_not_move(orders: pd.DataFrame, now: int) -> None:
    rows = int((orders["approved"] <= now).sum())
    assert 0 < rows < len(orders)
    expected = approval_columns(orders)[:rows]
    for world in (with_another_future(orders, now), cut_off(orders, now)):
        found = approval_columns(world)[:rows]
        assert found.to_numpy().tobytes() == expected.to_numpy().tobytes()


@pytest.mark.parametrize("row", [40, 200, 350])
def test_what_comes_after_an_approval_moves_no_row(row: int) -> None:
    orders = drawn()
    must_not_move(orders, int(orders["approved"][row]))


@pytest.mark.real_data
def test_injected_rows_of_the_future_move_no_real_row() -> None:
    orders = read_orders(real_data("olist"))
    must_not_move(orders, int(datetime(2017, 11, 24, 18, tzinfo=UTC).timestamp()))


def test_a_history_ends_before_the_instant_and_begins_with_its_first_day() -> None:
    hour, start = 3600, 1_500_000_000 // DAY * DAY
    orders = pd.DataFrame(
        {
            "approved": [start, start + hour, start + 40 * DAY],
            "shipping_limit": [start + DAY, start + DAY, start + 41 * DAY],
            "handed": [start + 2 * DAY, start + 12 * hour, NEVER],
            "delivered": [start + 10 * DAY, start + 30 * DAY, NEVER],
            "promised": [start + 20 * DAY, start + 20 * DAY, start + 60 * DAY],
        }
    )
    streams = histories(orders, np.zeros(3, dtype=np.int64))

    def seen(stream: str, at: int, days: int | None) -> list[float]:
        window = streams[stream].before(np.zeros(1, dtype=np.int64), np.array([at]), days)
        amount = next(iter(streams[stream].running), None)
        return [float(window.count[0]), *([float(window.mean(amount)[0])] if amount else [])]

    # The first is delivered after ten days, in time; the second's promise breaks on day 20, though it arrives on day 30.
    assert seen("settled", start + 20 * DAY, None) == [1.0, 0.0]
    assert seen("settled", start + 20 * DAY + 1, None) == [2.0, 0.5]
    assert seen("settled", start + 40 * DAY, 20) == [1.0, 1.0]
    assert seen("settled", start + 40 * DAY + 1, 20)[0] == 0.0
    assert seen("delivered", start + 10 * DAY, None)[0] == 0.0
    assert seen("delivered", start + 10 * DAY + 1, None) == [1.0, 10.0 * DAY]
    assert seen("handed", start + 2 * DAY, 3) == [1.0, 11.0 * hour]
    assert seen("approved", start, 30) == [0.0]
    delivered = streams["delivered"].before(np.zeros(1, dtype=np.int64), np.array([start + 40 * DAY]), 60)
    assert delivered.share_above("days", np.array([15 * DAY])).tolist() == [0.5]


def test_training_outcomes_are_known_before_the_judged_orders_come() -> None:
    orders = drawn()
    everything = orders[(orders["delivered"] < NEVER) & (orders["delivered"] > orders["approved"])]
    rows = ApprovedOrders(
        values=np.zeros((len(everything), len(DIRECTIONS))),
        y=np.zeros(len(everything)),
        sellers=np.zeros(len(everything), dtype=np.intp),
        approved=everything["approved"].to_numpy(),
        delivered=everything["delivered"].to_numpy(),
    )
    for split in (*INNER, PUBLISHED):
        learnt, judged = rows.between(split)
        assert len(learnt)
        if len(judged):
            assert rows.delivered[learnt].max() < rows.approved[judged].min()
        if split != PUBLISHED:
            assert split.judge_until <= PUBLISHED.learn_until


@pytest.mark.slow
@pytest.mark.real_data
def test_the_recipe_is_not_behind_its_peers_on_an_inner_split() -> None:
    source: Path = real_data("olist")
    orders = approved_orders(source)
    split: Split = INNER[1]
    lines = describe(orders, split, scores(orders, split))
    assert len(lines) == 6
    differences = [float(line.split()[4]) for line in lines[2:5]]
    assert min(differences) > 0.0, "\n".join(lines)
