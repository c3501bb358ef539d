"""The guide's worked example comes out as it is printed."""

import doctest
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "financing.md"


def test_the_worked_example_comes_out_as_printed() -> None:
    results = doctest.testfile(str(GUIDE), module_relative=False, encoding="utf-8")
    assert results.attempted > 15
    assert results.failed == 0
