"""A de-identified extract of a tier, written as docs/data-contract.md says, is read without a loss and gives the whole's features."""

import hashlib
import hmac
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest

from features.build import FeatureMatrix, build_features
from features.catalog import CATALOG
from features.catalog_words import STAND_IN
from features.columns import SQL_TYPES, Column, Tier
from features.ledger import build_ledger
from features.lineage import Extract, extract_of, id_columns
from features.read import read_folder
from features.simulate import simulate
from features.tables import CONTRACT

DAYS = (date(2026, 6, 1), date(2026, 7, 1))


def pseudonym(identity: str) -> str:
    """A keyed hash of an id."""
    return hmac.new(b"the platform's key", identity.encode(), hashlib.sha256).hexdigest()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("platform") / "tables"
    simulate(folder, suppliers=60, months=24, seed=3)
    return folder


def features_of(folder: Path) -> FeatureMatrix:
    found = read_folder(folder)
    assert list(found.rejects) == []
    return build_features(build_ledger(found.tables), DAYS)


def rows_of(matrix: FeatureMatrix) -> list[tuple[str, date]]:
    """Supplier and date of each row."""
    return list(zip(matrix.supplier_ids.tolist(), matrix.as_of.tolist(), strict=True))


def write_extract(platform: Path, extract: Extract, out: Path) -> None:
    """Write the tables and columns of an extract, ids replaced, withheld cells empty or stood in for."""
    con = duckdb.connect()
    con.create_function("pseudonym", pseudonym, ["VARCHAR"], "VARCHAR")
    out.mkdir()
    for table in dict.fromkeys(source.table for source in extract.columns):
        file = platform / f"{table}.parquet"
        if file.is_file():
            given = {row[0] for row in con.execute("SELECT name FROM parquet_schema(?)", [str(file)]).fetchall()}
            cells = ", ".join(_cell(table, column, extract) for column in CONTRACT[table].columns if column.name in given)
            con.execute(f"COPY (SELECT {cells} FROM '{file}') TO '{out / table}.parquet' (FORMAT parquet)")


def _cell(table: str, column: Column, extract: Extract) -> str:
    name = f"{table}.{column.name}"
    if name in extract.stand_ins:
        return f"'{STAND_IN}' AS {column.name}"
    if name not in {source.name for source in extract.columns}:
        return f"CAST(NULL AS {SQL_TYPES[column.kind]}) AS {column.name}"
    return f"pseudonym({column.name}) AS {column.name}" if name in id_columns() else column.name


@pytest.mark.parametrize("tier", [Tier.PLATFORM, Tier.CONSENT, Tier.RESTRICTED])
def test_an_extract_is_read_without_a_loss_and_gives_the_features_of_its_tier(tier: Tier, platform: Path, tmp_path: Path) -> None:
    extract = extract_of(tier, CATALOG)
    write_extract(platform, extract, tmp_path / "extract")
    whole, found = features_of(platform), features_of(tmp_path / "extract")
    place = {(pseudonym(name), day): at for at, (name, day) in enumerate(rows_of(whole))}
    rows = [place[row] for row in rows_of(found)]
    assert len(rows) == len(place) > 100
    columns = [whole.names.index(feature.name) for feature in extract.features]
    assert whole.values[np.ix_(rows, columns)].tobytes() == found.values[:, columns].tobytes()
    assert not np.isnan(found.values[:, columns]).all(axis=0).any(), "a feature is missing everywhere"


def test_nothing_of_an_extract_names_anybody(platform: Path, tmp_path: Path) -> None:
    write_extract(platform, extract_of(Tier.PLATFORM, CATALOG), tmp_path / "extract")
    con = duckdb.connect()
    known = {row[0] for row in con.execute(f"SELECT supplier_id FROM '{platform / 'suppliers.parquet'}'").fetchall()}
    known |= {row[0] for row in con.execute(f"SELECT DISTINCT buyer_id FROM '{platform / 'orders.parquet'}'").fetchall()}
    for file in sorted((tmp_path / "extract").iterdir()):
        cells = {cell for row in con.execute(f"SELECT * FROM '{file}'").fetchall() for cell in row}
        assert not cells & known, file.name
    names = con.execute(f"SELECT DISTINCT name, uscc FROM '{tmp_path / 'extract' / 'suppliers.parquet'}'").fetchall()
    assert names == [(None, None)]
    assert con.execute(f"SELECT DISTINCT buyer_id FROM '{tmp_path / 'extract' / 'orders.parquet'}'").fetchall() == [(STAND_IN,)]
