import numpy as np
import pytest

from features.catalog import CATALOG
from features.evaluate import plan_of
from features.facts import KIND_INDEX, KINDS, column_index
from features.plan import LastDay, Need, Parties, Plan, Window, schedule

NEEDS: tuple[Need, ...] = (
    Parties("purchased", 180),
    Window("reviewed", "stars", 90),
    Window("order_placed", "amount", None),
    LastDay("reviewed"),
    Window("order_placed", "amount", 60, 30),
    Parties("order_placed", 90),
    Window("order_placed", "count", 30),
    Parties("order_placed", 30),
    LastDay("order_placed"),
    Window("order_placed", "amount", 30),
)


def test_each_need_stands_once_whatever_the_order() -> None:
    plan = Plan.of(NEEDS)
    assert Plan.of([*reversed(NEEDS), *NEEDS]) == plan
    assert {*plan.windows, *plan.last, *plan.parties} == set(NEEDS)
    assert [plan.windows[at] for at in plan.window_at.values()] == list(plan.windows)
    assert [need.window for need in plan.parties if need.kind == "order_placed"] == [30, 90], "ascending, as the walk goes"
    assert plan.tables == {"orders", "reviews", "purchases"}


def test_a_plan_of_nothing_is_empty_and_can_be_laid_out() -> None:
    plan = Plan.of(())
    laid = schedule(plan, (5, 9))
    assert (plan.tables, laid.bounds.tolist(), laid.windows.shape, laid.walks.shape) == (frozenset(), [5, 9], (0, 3), (0, 2))
    assert (laid.walk_at < 0).all()
    assert (laid.last == -1).all()


@pytest.mark.parametrize("as_of", [(20_000,), (20_000, 20_001), (-400, 0, 20_030, 20_060), (19_000, 40_000)])
def test_every_day_lies_in_the_bin_between_its_bounds(as_of: tuple[int, ...]) -> None:
    laid = schedule(Plan.of(NEEDS), as_of)
    assert (np.diff(laid.bounds) > 0).all()
    assert laid.bounds[-1] == as_of[-1]
    assert len(laid.bin_of_day) == laid.bounds[-1] - laid.bounds[0]
    for offset, found in enumerate(laid.bin_of_day.tolist()):
        day = laid.bounds[0] + offset
        assert laid.bounds[found - 1] <= day < laid.bounds[found]
    for d, day in enumerate(as_of):
        assert laid.bounds[laid.edge_at[d]].tolist() == [day - edge for edge in laid.edges.tolist()]


def test_windows_name_their_slot_and_edges() -> None:
    plan = Plan.of(NEEDS)
    laid = schedule(plan, (20_000,))
    for place, window in enumerate(plan.windows):
        slot, since, until = laid.windows[place].tolist()
        kind = KIND_INDEX[window.kind]
        assert laid.columns[kind] <= slot < laid.columns[kind + 1]
        assert laid.column_of[slot] == column_index(window.kind, window.column)
        assert (None if since < 0 else int(laid.edges[since])) == window.since
        assert laid.edges[until] == window.until
        assert laid.window_of_kind[kind] <= place < laid.window_of_kind[kind + 1]
    assert laid.columns[-1] == len(laid.column_of) == 3
    assert laid.edges[0] == 0, "the as-of date itself is the first edge"


def test_walked_kinds_are_those_with_a_last_day_or_counterparties() -> None:
    plan = Plan.of(NEEDS)
    laid = schedule(plan, (20_000,))
    assert {KINDS[kind].name for kind in np.flatnonzero(laid.walk_at >= 0)} == {"reviewed", "order_placed", "purchased"}
    assert [(KINDS[kind].name, int(laid.edges[edge])) for kind, edge in laid.walks.tolist()] == [
        (need.kind, need.window) for need in plan.parties
    ]
    assert {name: int(laid.last[KIND_INDEX[name]]) for name in ("order_placed", "reviewed", "purchased")} == {
        "order_placed": plan.last_at[LastDay("order_placed")],
        "reviewed": plan.last_at[LastDay("reviewed")],
        "purchased": -1,
    }


def test_facts_must_be_known_before_the_as_of_date_unless_another_day_is_named() -> None:
    plan = Plan.of(NEEDS)
    assert schedule(plan, (1, 5)).known.tolist() == [1, 5]
    assert schedule(plan, (1, 5), (3, 3)).known.tolist() == [3, 3]


def test_the_whole_catalogue_is_planned() -> None:
    plan = plan_of(CATALOG)
    needed = {need for feature in CATALOG for need in feature.formula.needs()}
    assert {*plan.windows, *plan.last, *plan.parties} == {need for need in needed if isinstance(need, Window | LastDay | Parties)}
    assert plan.has_network == any(not isinstance(need, Window | LastDay | Parties) for need in needed)
