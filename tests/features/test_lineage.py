"""Lineage is true: a column outside it never changes a feature, a column in it does; and an extract of a tier scores as the whole."""

import hashlib
import hmac
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from credit.errors import NotEnoughHistory
from features.build import FeatureMatrix, build_features
from features.catalog import CATALOG, Feature
from features.catalog_words import STAND_IN
from features.columns import SQL_TYPES, Column, Kind, Tier
from features.facts import KINDS
from features.ledger import build_ledger
from features.lineage import Role, contract_columns, extract_of, id_columns, row_columns, sources, tier_of, used_by
from features.read import RawTables
from features.records import RECORDS
from features.tables import CONTRACT
from tests.drawn import AS_OF, tables_of
from tests.features.whole_platform import whole_platform
from tests.properties.histories import History, histories

SEEDS = (1, 2)
DAYS = tuple(AS_OF - timedelta(days=back) for back in (0, 45, 130))
COLUMNS = tuple(source.name for source in contract_columns())
LINEAGE = {feature.name: {source.name for source in sources(feature)} for feature in CATALOG}
NAMES = tuple(feature.name for feature in CATALOG)

Found = dict[tuple[str, date], bytes]
"""Each row's values as bytes, 8 for every feature, by supplier and date."""


def rows_of(matrix: FeatureMatrix) -> Found:
    """Each row's bits by supplier and date; NaN is one value, since the engine writes but one."""
    keys = zip(matrix.supplier_ids.tolist(), matrix.as_of.tolist(), strict=True)
    return {(supplier, day): row.tobytes() for (supplier, day), row in zip(keys, matrix.values, strict=True)}


class Platform:
    """A generated platform whose columns can be taken away and put back."""

    def __init__(self, seed: int) -> None:
        """Generate it and keep a copy of every table."""
        self.tables = tables_of(whole_platform(seed))
        for table in CONTRACT:
            self.tables.con.execute(f"CREATE TABLE whole_{table} AS SELECT * FROM {table}")
        self.whole = self.features()

    def features(self, present: frozenset[str] = frozenset(CONTRACT)) -> Found:
        """Features of the tables as they are now."""
        tables = RawTables(
            con=self.tables.con,
            zone=self.tables.zone,
            currency="CNY",
            present=present,
            source=self.tables.source,
            digests=self.tables.digests,
        )
        return rows_of(build_features(build_ledger(tables), DAYS))

    def replace(self, table: str, cells: dict[str, str]) -> None:
        """Put other cells, as SQL, into columns of a table."""
        named = ", ".join(f"{sql} AS {column}" for column, sql in cells.items())
        chosen = f"* REPLACE ({named})" if cells else "*"
        self.tables.con.execute(f"DELETE FROM {table}")
        self.tables.con.execute(f"INSERT INTO {table} SELECT {chosen} FROM whole_{table} ORDER BY source_row")

    def changed(self, column: str, cells: str) -> set[str]:
        """Features of any row that stands in both that differ once a column holds other cells."""
        table, _, name = column.partition(".")
        self.replace(table, {name: cells})
        try:
            return differing(self.whole, self.features())
        finally:
            self.replace(table, {})


def differing(one: Found, other: Found, names: tuple[str, ...] = NAMES) -> set[str]:
    """Names of features whose bits differ in any row both have."""
    both = sorted(set(one) & set(other), key=str)
    assert len(both) >= len(one) / 2, "too few rows are left to compare"
    left, right = (np.frombuffer(b"".join(found[key] for key in both), dtype=np.int64).reshape(len(both), -1) for found in (one, other))
    return {name for name, is_changed in zip(names, (left != right).any(axis=0), strict=True) if is_changed}


@cache
def platform(seed: int) -> Platform:
    return Platform(seed)


def mutations(column: str) -> Iterator[str]:
    """Other cells for a column: none at all where it may be empty, and those of other rows."""
    table, _, name = column.partition(".")
    declared = CONTRACT[table].column(name)
    if not declared.required:
        yield f"CAST(NULL AS {SQL_TYPES[declared.kind]})"
    yield (f"(SELECT list({name} ORDER BY source_row) FROM whole_{table})[(source_row + 36) % (SELECT count(*) FROM whole_{table}) + 1]")


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_changes_the_features_that_name_it_and_no_other(column: str) -> None:
    named = {name for name, columns in LINEAGE.items() if column in columns}
    for cells in mutations(column):
        changed: set[str] = set()
        for seed in SEEDS:
            changed |= platform(seed).changed(column, cells)
            assert changed <= named, f"{sorted(changed - named)} do not name {column}"
            if changed == named:
                break
        assert changed == named, f"{sorted(named - changed)} name {column}, but {cells} in its place changes nothing"


def test_every_column_of_a_kind_of_fact_stands_in_the_contract_and_every_role_is_used() -> None:
    assert {column for kind in KINDS for column in kind.columns} <= set(COLUMNS)
    assert {role for feature in CATALOG for source in sources(feature) for role in source.roles} == set(Role)


def test_the_ids_and_the_recording_of_a_row_have_the_lowest_tier_of_their_table() -> None:
    for name, table in CONTRACT.items():
        lowest = min(column.tier.rank for column in table.columns)
        rows = row_columns(name) if name in RECORDS else table.key
        assert {table.column(column).tier.rank for column in (*rows, *table.key, "recorded_at")} == {lowest}


def test_a_features_tier_is_the_highest_of_its_columns() -> None:
    by_name = {feature.name: feature for feature in CATALOG}
    for name, tier in (
        ("supplier_age_days_all", Tier.OPEN),
        ("orders_count_30d", Tier.PLATFORM),
        ("orders_buyer_hhi_90d", Tier.CONSENT),
        ("invoices_late_ratio_90d", Tier.CONSENT),
        ("reviews_text_length_mean_365d", Tier.RESTRICTED),
    ):
        assert tier_of(by_name[name]) is tier
    assert used_by(CATALOG)["reviews.text"] == tuple(name for name in NAMES if "reviews.text" in LINEAGE[name])


def test_no_feature_rests_on_names_credit_or_outcomes() -> None:
    used = {column for columns in LINEAGE.values() for column in columns}
    assert not {column for column in used if column.partition(".")[0] in ("loans", "repayments", "labels")}
    assert not used & {"suppliers.name", "suppliers.uscc"}


@pytest.mark.parametrize("tier", Tier)
def test_an_extract_gives_the_features_of_its_tier_as_the_whole_does(tier: Tier) -> None:
    extract = extract_of(tier, CATALOG)
    held = {source.name for source in extract.columns}
    tables = {source.table for source in extract.columns}
    chosen = platform(SEEDS[0])
    try:
        for table in CONTRACT:
            withheld = {told.name: told for told in CONTRACT[table].columns if f"{table}.{told.name}" not in held}
            chosen.replace(table, {name: _withheld(table, told, extract.stand_ins) for name, told in withheld.items()})
            if table not in tables:
                chosen.tables.con.execute(f"DELETE FROM {table}")
        found = chosen.features(frozenset(tables))
    finally:
        for table in CONTRACT:
            chosen.replace(table, {})
    if not extract.is_readable:
        assert tier is Tier.OPEN
        assert (found, extract.features) == ({}, ())
        return
    assert set(found) <= set(chosen.whole)
    assert not differing(chosen.whole, found) & {feature.name for feature in extract.features}
    assert {feature.name for feature in extract.features} == {f.name for f in CATALOG if tier.allows(tier_of(f))}


def _withheld(table: str, column: Column, stand_ins: tuple[str, ...]) -> str:
    return f"'{STAND_IN}'" if f"{table}.{column.name}" in stand_ins else f"CAST(NULL AS {SQL_TYPES[column.kind]})"


def pseudonym(identity: object) -> str | None:
    """What docs/data-contract.md tells a platform to put in an id's place."""
    return None if identity is None else hmac.new(b"the platform's key", str(identity).encode(), hashlib.sha256).hexdigest()


def de_identified(history: History) -> History:
    """The history with every id of every table replaced."""
    ids = {tuple(column.split(".")) for column in id_columns()}
    return {
        table: [{name: pseudonym(cell) if (table, name) in ids else cell for name, cell in row.items()} for row in rows]
        for table, rows in history.items()
    }


def test_replacing_all_ids_one_to_one_changes_no_feature_of_the_whole_platform() -> None:
    found = rows_of(build_features(build_ledger(tables_of(de_identified(whole_platform(SEEDS[0])))), DAYS))
    assert found == {(pseudonym(supplier), day): row for (supplier, day), row in platform(SEEDS[0]).whole.items()}
    assert len(found) > len(DAYS)


@settings(max_examples=20, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(histories())
def test_replacing_all_ids_one_to_one_changes_no_feature(history: History) -> None:
    try:
        whole = rows_of(build_features(build_ledger(tables_of(history)), DAYS))
    except NotEnoughHistory:
        assume(False)
    found = rows_of(build_features(build_ledger(tables_of(de_identified(history))), DAYS))
    assert found == {(pseudonym(supplier), day): row for (supplier, day), row in whole.items()}


def test_a_pseudonym_is_an_id_the_contract_accepts() -> None:
    assert len(pseudonym("S1") or "") == 64
    assert all(CONTRACT[name.partition(".")[0]].column(name.partition(".")[2]).kind is Kind.ID for name in id_columns())


def test_a_feature_that_counts_names_no_amount_and_no_counterparty() -> None:
    by_name: dict[str, Feature] = {feature.name: feature for feature in CATALOG}
    assert LINEAGE["orders_count_30d"] == {f"orders.{name}" for name in ("order_id", "supplier_id", "ordered_at", "recorded_at")}
    assert "orders.amount" not in LINEAGE["orders_buyer_distinct_90d"]
    assert "orders.amount" in LINEAGE["orders_buyer_hhi_90d"]
    roles = {source.name: source.roles for source in sources(by_name["orders_buyer_hhi_90d"])}
    assert roles["orders.buyer_id"] == (Role.COUNTERPARTY,)
    assert roles["orders.supplier_id"] == (Role.ROW,)
    assert roles["orders.recorded_at"] == (Role.KNOWN,)
