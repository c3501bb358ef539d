"""A program of formulas gives, in one row and in a thousand, the very bits that plain arithmetic on numbers gives."""

import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.formula import Sum
from features.plan import Plan
from features.program import BLOCK_ROWS, Aggregated, Program, Value

PLACED, DELIVERED = Sum("order_placed", "amount", 90), Sum("delivered", "count", 90)
PLAN = Plan.of([*PLACED.needs(), *DELIVERED.needs()])
WHOLE = st.integers(-(2**53), 2**53)


def _bits(values: Any) -> list[bytes]:
    return [struct.pack("<d", value) for value in values]


def _run(program: Program, left: list[int], right: list[int]) -> Any:
    windows = np.empty((2, len(left)), dtype=np.int64)
    windows[PLAN.window_at[PLACED.window]], windows[PLAN.window_at[DELIVERED.window]] = left, right
    nothing = np.zeros((0, len(left)))
    found = Aggregated(windows, nothing.astype(np.int32), nothing, nothing.astype(np.int64), np.zeros(len(left), dtype=np.int32))
    out = np.empty((len(left), program.width))
    program.run(found, out)
    return out


def _written() -> tuple[Program, list[str]]:
    """All operations on two sums a and b, under their names."""
    program = Program(PLAN)
    a, b = PLACED.on(program), DELIVERED.on(program)
    half, missing = b / 3.0, program.missing()
    told: dict[str, Value] = {
        "sum": a + b,
        "difference": a - b,
        "less": a - 0.1,
        "product": a * b,
        "share": a / 7.0,
        "quotient": a.over(b),
        "larger": half.at_least(0.0),
        "largest": a.at_least(b),
        "root": (a * a).root(),
        "sign": b.is_positive(),
        "known": a.where_known(b),
        "unknown": a.where_known(missing),
        "of nothing": missing.at_least(0.0),
    }
    program.ask(told.values())
    return program, list(told)


def _plain(a: float, b: float) -> list[float]:
    half = b / 3.0
    return [
        a + b,
        a - b,
        a - 0.1,
        a * b,
        a / 7.0,
        a / b if b > 0 else math.nan,
        half if half >= 0.0 else 0.0,
        max(a, b),
        math.sqrt(a * a),
        1.0 if b > 0 else 0.0,
        a,
        math.nan,
        math.nan,
    ]


@settings(deadline=None)
@given(st.lists(st.tuples(WHOLE, WHOLE), min_size=1, max_size=2 * BLOCK_ROWS + 3))
def test_every_operation_is_that_of_plain_numbers_alone_and_among_many(rows: list[tuple[int, int]]) -> None:
    program, names = _written()
    left, right = [a for a, _ in rows], [b for _, b in rows]
    many = _run(program, left, right)
    for row, (a, b) in enumerate(rows):
        assert dict(zip(names, _bits(many[row]), strict=True)) == dict(zip(names, _bits(_plain(float(a), float(b))), strict=True))
    assert _run(program, left[:1], right[:1]).tobytes() == many[:1].tobytes()


def test_what_formulas_have_in_common_is_one_step() -> None:
    program = Program(PLAN)
    first, second = PLACED.on(program) + DELIVERED.on(program), PLACED.on(program) + DELIVERED.on(program)
    assert first.place == second.place
    assert (PLACED.on(program) / 2.0).place != (PLACED.on(program) / 4.0).place
    assert (PLACED.on(program) - DELIVERED.on(program)).place != (DELIVERED.on(program) - PLACED.on(program)).place


def test_a_zero_is_not_the_other_zero() -> None:
    program = Program(PLAN)
    program.ask([DELIVERED.on(program).at_least(0.0), DELIVERED.on(program).at_least(-0.0)])
    assert [math.copysign(1.0, value) for value in _run(program, [0], [-1])[0]] == [1.0, -1.0]


def test_what_is_asked_for_later_comes_after() -> None:
    program = Program(PLAN)
    program.ask([PLACED.on(program)])
    assert _run(program, [3], [5]).tolist() == [[3.0]]
    program.ask([DELIVERED.on(program)])
    assert _run(program, [3], [5]).tolist() == [[3.0, 5.0]]


@pytest.mark.parametrize("size", [1, 2, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1])
def test_rows_stay_in_their_order(size: int) -> None:
    program = Program(PLAN)
    program.ask([PLACED.on(program) - DELIVERED.on(program)])
    assert _run(program, list(range(size)), [0] * size)[:, 0].tolist() == list(range(size))
