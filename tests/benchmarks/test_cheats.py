"""What the cheats of the robustness benchmark do to the tables is what they say, and the contract takes it."""

from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest

from benchmarks.cheats import CHEATS, TABLES
from benchmarks.robust import cheat_on
from features.read import read_tables
from features.simulate import simulate

DAY = date(2026, 7, 1)
EACH = 3


@pytest.fixture(scope="module")
def cheated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, list[str]], dict[str, float]]:
    folder = tmp_path_factory.mktemp("cheats")
    simulate(folder / "honest", suppliers=60, months=24, seed=5)
    ids = [f"S{number:06d}" for number in range(60)]
    dealt = {cheat.name: ids[i * EACH : (i + 1) * EACH] for i, cheat in enumerate(CHEATS)}
    costs = cheat_on(folder / "honest", folder / "cheated", {name: np.array(mine) for name, mine in dealt.items()}, DAY)
    return folder / "honest", folder / "cheated", dealt, costs


def rows(folder: Path, table: str, suppliers: list[str], what: str = "count(*)", where: str = "TRUE") -> float:
    names = ", ".join(f"'{supplier}'" for supplier in suppliers)
    query = f"SELECT {what} FROM '{folder / table}.parquet' WHERE supplier_id IN ({names}) AND {where}"
    return float(duckdb.execute(query).fetchall()[0][0] or 0)


def test_the_contract_takes_every_row_a_cheat_writes(cheated: tuple[Path, Path, dict[str, list[str]], dict[str, float]]) -> None:
    tables, rejects = read_tables(cheated[1])
    assert dict(rejects.counts) == {}
    tables.close()


def test_suppliers_who_do_not_cheat_keep_their_rows(cheated: tuple[Path, Path, dict[str, list[str]], dict[str, float]]) -> None:
    honest, out, dealt, _ = cheated
    others = sorted({f"S{number:06d}" for number in range(60)} - {supplier for mine in dealt.values() for supplier in mine})
    assert others
    for table in TABLES:
        assert rows(out, table, others) == rows(honest, table, others)
        assert rows(honest, table, others) > 0


def test_each_cheat_does_what_it_says(cheated: tuple[Path, Path, dict[str, list[str]], dict[str, float]]) -> None:
    honest, out, dealt, costs = cheated
    assert costs["withheld: bad orders"] == costs["overstated stock"] == 0
    for name, mine in dealt.items():
        for table, added in (("orders", "W%"), ("fulfilments", "WF%"), ("invoices", "WI%"), ("reviews", "WR%")):
            key = f"{table[:-1]}_id LIKE '{added}'"
            assert (rows(out, table, mine, where=key) > 0) == name.startswith("wash")
    ring = dealt["wash, ring, a year"]
    assert rows(out, "purchases", ring) - rows(honest, "purchases", ring) == rows(out, "orders", ring, where="order_id LIKE 'W%'")
    drip = dealt["bought reviews, drip"]
    assert rows(out, "reviews", drip) - rows(honest, "reviews", drip) == 100 * EACH
    assert costs["bought reviews, drip"] == 2000
    split = dealt["order splitting"]
    year = f"ordered_at >= TIMESTAMP '{DAY}' - INTERVAL 365 DAY - INTERVAL 8 HOUR"
    assert rows(out, "orders", split, where=year) == 3 * rows(honest, "orders", split, where=year)
    assert rows(out, "orders", split, "sum(amount)") == pytest.approx(rows(honest, "orders", split, "sum(amount)"), rel=1e-4)
    hidden, bought = dealt["withheld: bad, and purchases"], f"purchased_at >= TIMESTAMP '{DAY}' - INTERVAL 365 DAY"
    sold, paid = ([rows(f, t, hidden, "sum(amount)", w) for f in (out, honest)] for t, w in (("orders", year), ("purchases", bought)))
    assert paid[0] / paid[1] == pytest.approx(sold[0] / sold[1], abs=0.1)
    for name in ("withheld: bad orders", "withheld: bad, and purchases", "withheld: worst months"):
        assert 0 < rows(out, "orders", dealt[name]) < rows(honest, "orders", dealt[name])
    assert rows(out, "orders", dealt["withheld: bad orders"], where=f"cancelled_at IS NOT NULL AND {year}") == 0
    assert rows(out, "invoices", dealt["withheld: late invoices"]) < rows(honest, "invoices", dealt["withheld: late invoices"])
    assert rows(out, "purchases", dealt["withheld: purchases"]) < rows(honest, "purchases", dealt["withheld: purchases"])
    assert rows(out, "inventory", dealt["withheld: stock"]) < rows(honest, "inventory", dealt["withheld: stock"])
    stock = dealt["overstated stock"]
    observed = f"observed_at >= TIMESTAMP '{DAY}' - INTERVAL 365 DAY - INTERVAL 8 HOUR"
    more, plain = (rows(folder, "inventory", stock, "sum(days_of_cover)", observed) for folder in (out, honest))
    assert more == pytest.approx(1.5 * plain, rel=1e-6)
