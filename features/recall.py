"""A day's files beside what was known before: the rules that look into suppliers and orders, asked of both together.

Stands in the first step of the walk, under `features.accept`. Only the suppliers and orders that a table names are asked for.
"""

from typing import Any, Final, Protocol

import duckdb
import numpy as np
import numpy.typing as npt

_NAMED: Final = "work.named"


class Earlier(Protocol):
    """What was imported before."""

    @property
    def zone(self) -> str:
        """The zone of its civil days."""

    @property
    def currency(self) -> str:
        """The currency of its amounts."""

    @property
    def present(self) -> frozenset[str]:
        """The tables it was made of."""

    def knows(self, named: duckdb.DuckDBPyRelation) -> npt.NDArray[np.bool_]:
        """Return whether each supplier is known, given a relation of supplier_id."""

    def ordered_at(self, named: duckdb.DuckDBPyRelation) -> npt.NDArray[np.int64]:
        """Return when each order was placed, in microseconds UTC, given a relation of order_id and supplier_id; the least int64 where
        that supplier's order is not known."""


def begin_recall(con: duckdb.DuckDBPyConnection) -> None:
    """Make the tables that hold what was known before: none of it yet."""
    con.execute("CREATE OR REPLACE TABLE work.known_suppliers (supplier_id VARCHAR)")
    con.execute("CREATE OR REPLACE TABLE work.order_starts (order_id VARCHAR, supplier_id VARCHAR, ordered_at TIMESTAMP)")


def recall(con: duckdb.DuckDBPyConnection, earlier: Earlier, *, with_orders: bool) -> None:
    """Add the suppliers and, if asked for, the orders that ``work.read`` names to ``work.known_suppliers`` and ``work.order_starts``."""
    _number(con, "SELECT DISTINCT supplier_id FROM work.read WHERE supplier_id IS NOT NULL")
    _tell(con, {"is_known": earlier.knows(_named(con))})
    con.execute(f"CREATE OR REPLACE TABLE work.known_suppliers AS SELECT supplier_id FROM {_NAMED} JOIN told USING (place) WHERE is_known")
    if with_orders:
        _number(con, "SELECT DISTINCT order_id, supplier_id FROM work.read WHERE order_id IS NOT NULL AND supplier_id IS NOT NULL")
        at = earlier.ordered_at(_named(con))
        _tell(con, {"is_known": at != np.iinfo(np.int64).min, "moment": at})
        con.execute(
            f"""
            CREATE OR REPLACE TABLE work.order_starts AS
            SELECT order_id, supplier_id, min(ordered_at) AS ordered_at FROM (
                SELECT order_id, supplier_id, ordered_at FROM work.order_starts UNION ALL
                SELECT order_id, supplier_id, make_timestamp(moment) FROM {_NAMED} JOIN told USING (place) WHERE is_known)
            GROUP BY ALL
            """
        )
    con.unregister("told")
    con.execute(f"DROP TABLE {_NAMED}")


def _number(con: duckdb.DuckDBPyConnection, query: str) -> None:
    con.execute(f"CREATE OR REPLACE TABLE {_NAMED} AS SELECT *, row_number() OVER () - 1 AS place FROM ({query})")


def _named(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    return con.sql(f"FROM {_NAMED} ORDER BY place")


def _tell(con: duckdb.DuckDBPyConnection, columns: dict[str, npt.NDArray[Any]]) -> None:
    """Give the database numpy columns as the table ``told``, numbered by their place."""
    rows = len(next(iter(columns.values())))
    con.register("told", {"place": np.arange(rows, dtype=np.int64), **columns})
