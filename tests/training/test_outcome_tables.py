"""Training refuses at once where the tables that say the outcome are missing, empty or say nothing."""

from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from credit.errors import NotEnoughHistory
from tests.training.loans import Loan, paid, unpaid
from tests.training.tables import raw_tables
from training.pipeline import OutcomeSource, train

LOAN = Loan("l1", "s1", date(2025, 1, 1), date(2025, 3, 1), [paid(date(2025, 3, 1))])


@pytest.mark.parametrize(
    ("source", "loans", "table"),
    [("labels", [LOAN], "labels"), ("loans", [], "loans"), ("loans", [replace(LOAN, instalments=[])], "repayments")],
)
@pytest.mark.parametrize(("state", "advice"), [("empty", "fill"), ("missing", "put")])
def test_a_table_of_outcomes_missing_or_empty_is_named(
    source: OutcomeSource, loans: list[Loan], table: str, state: str, advice: str, tmp_path: Path
) -> None:
    with closing(raw_tables(loans)) as tables:
        given = replace(tables, present=tables.present - {table}) if state == "missing" else tables
        with pytest.raises(NotEnoughHistory, match=f"need the table `{table}`.* it is {state}: {advice} {table}"):
            train(tmp_path, outcome=source, home=tmp_path / "mlruns", tables=given)
    assert not (tmp_path / "mlruns").exists()


@pytest.mark.parametrize("first_day", [date(2026, 6, 1), date(2022, 1, 1)])
def test_loans_without_any_outcome_are_refused_with_the_arithmetic(first_day: date, tmp_path: Path) -> None:
    """The history is too short for an as-of date; or long enough, and the only loan is too young."""
    young = Loan("l1", "s", date(2026, 6, 1), date(2026, 9, 1), [unpaid(date(2026, 9, 1))])
    with closing(raw_tables([young])) as tables:
        tables.con.execute("INSERT INTO suppliers (supplier_id, source_row) VALUES ('s', 1)")
        tables.con.execute(
            "INSERT INTO orders (order_id, supplier_id, buyer_id, ordered_at, amount, source_row) VALUES ('o2', 's', 'b', $day, 1, 2)",
            {"day": first_day},
        )
        with pytest.raises(
            NotEnoughHistory, match=f"12 months before.* 365 days after.* reach from {first_day} to 2026-06-30.*longer history"
        ):
            train(tmp_path, home=tmp_path / "mlruns", tables=tables)
