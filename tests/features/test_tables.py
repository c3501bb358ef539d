"""The contract as data: thirteen tables, their keys and their words."""

import pytest

from features.columns import SQL_TYPES, Kind
from features.rules import RULES, USCC_ALPHABET, Dimension, uscc_check_digit
from features.tables import CONTRACT, REQUIRED_TABLES
from tests.features.folders import GOOD


def test_the_contract_has_thirteen_tables_of_which_four_are_required() -> None:
    assert len(CONTRACT) == 13
    assert REQUIRED_TABLES == ("suppliers", "orders", "fulfilments", "reviews")


@pytest.mark.parametrize("name", CONTRACT)
def test_every_table_declares_key_texts_and_recorded_at(name: str) -> None:
    table = CONTRACT[name]
    names = [column.name for column in table.columns]
    assert names[-1] == "recorded_at"
    assert len(set(names)) == len(names)
    assert set(table.key) <= set(names)
    assert all((table.row_zh, table.row_en, table.known_zh, table.known_en, table.distrust_zh, table.distrust_en))
    assert set(GOOD[name]) == set(names) - {"recorded_at"}


def test_every_rule_a_table_names_is_declared() -> None:
    named = {rule for table in CONTRACT.values() for _, _, rule in table.orderings}
    named |= {column.rule for table in CONTRACT.values() for column in table.columns if column.rule}
    assert named <= set(RULES)
    assert {rule.dimension for rule in RULES.values()} <= set(Dimension)


def test_a_closed_set_belongs_to_word_columns_only() -> None:
    for table in CONTRACT.values():
        for column in table.columns:
            assert bool(column.words) == (column.kind is Kind.WORD)
            assert column.kind in SQL_TYPES


def test_a_column_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="orders has no column status"):
        CONTRACT["orders"].column("status")


def test_a_check_digit_is_the_weighted_sum_by_hand() -> None:
    body = "9" + "1" * 16
    weights = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28]
    total = 9 * weights[0] + sum(weights[1:])
    assert uscc_check_digit(body) == USCC_ALPHABET[(31 - total % 31) % 31]


@pytest.mark.parametrize("body", ["", "9" * 16, "9" * 18, "I" + "1" * 16, "9" * 16 + "z"])
def test_a_body_of_another_form_has_no_check_digit(body: str) -> None:
    with pytest.raises(ValueError, match="17 characters"):
        uscc_check_digit(body)
