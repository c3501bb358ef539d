"""A platform drawn from a seed by DuckDB, as Parquet: suppliers, orders, fulfilments and reviews with the contract's types.

Every random number is a hash of the row and the seed, so the rows do not depend on threads. Suppliers and buyers are skewed, half of a
supplier's orders come from its twelve regulars, one order in fifty is split between two suppliers, one in a hundred arrives in two
deliveries; some are cancelled, late, rejected, returned, never delivered, or lack a promise or an inspection.
"""

from pathlib import Path

import duckdb

BUYERS = 60_000
DAYS = 1096
"""Days of orders up to the last as-of date, three years."""

_DRAWS = ("u_supplier", "u_buyer", "u_regular", "u_time", "u_amount", "u_quantity", "u_lead", "u_fate", "u_late", "u_reject", "u_review")

ORDERS = """
CREATE OR REPLACE TEMP VIEW drawn AS
SELECT printf('O%010d', basket) AS order_id, printf('S%06d', supplier) AS supplier_id,
       printf('B%06d', CASE WHEN u_regular < 0.5 THEN hash(supplier * 12 + (pow(u_buyer, 2) * 12)::BIGINT % 12) % {buyers}
                            ELSE (pow(u_buyer, 2) * {buyers})::BIGINT % {buyers} END) AS buyer_id,
       TIMESTAMP '2023-01-01' - INTERVAL 8 HOUR + to_seconds((u_time * {days} * 86400)::BIGINT) AS ordered_at,
       (100 - ln(1 - u_amount) * 5000)::DECIMAL(18,2) AS amount, (1 + u_quantity * 200)::BIGINT::DOUBLE AS quantity,
       (5 + u_lead * 30)::INTEGER AS lead, u_fate, u_late, u_reject, u_review
FROM (SELECT * REPLACE (CASE WHEN is_split THEN (supplier + 1) % {suppliers} ELSE supplier END AS supplier) FROM (
    SELECT *, (pow(u_supplier, 2) * {suppliers})::BIGINT % {suppliers} AS supplier FROM (
        SELECT i, i % 50 = 49 AS is_split, i - (i % 50 = 49)::BIGINT AS basket, {draws} FROM range({orders}) r(i))))"""

TABLES = {
    "suppliers": """
SELECT printf('S%06d', i) AS supplier_id, 'enterprise' AS kind, NULL::DATE AS registered_on,
       TIMESTAMP '2022-01-01' + to_seconds(i * 31536000 // {suppliers}) AS joined_at, NULL::TIMESTAMP AS recorded_at
FROM range({suppliers}) r(i)""",
    "orders": """
SELECT order_id, supplier_id, buyer_id, ordered_at, amount, quantity,
       CASE WHEN u_quantity_given > 0.03 THEN ordered_at + to_days(lead) END AS promised_at,
       CASE WHEN u_fate < 0.05 THEN ordered_at + to_days(1 + (u_late * 6)::INTEGER) END AS cancelled_at, NULL::TIMESTAMP AS recorded_at
FROM (SELECT *, (quantity * 7 % 101) / 101 AS u_quantity_given FROM drawn) ORDER BY ordered_at, order_id, supplier_id""",
    "fulfilments": """
SELECT 'F' || order_id || part AS fulfilment_id, order_id, supplier_id,
       ordered_at + to_seconds(((0.6 + 0.6 * u_late) * lead * 86400)::BIGINT) + to_days(4 * part) AS delivered_at,
       CASE WHEN u_review > 0.05 THEN delivered_at + to_days(2) END AS accepted_at,
       CASE WHEN NOT is_parted THEN quantity WHEN part = 0 THEN floor(quantity / 2) ELSE quantity - floor(quantity / 2)
       END AS quantity_delivered,
       CASE WHEN u_review < 0.02 THEN NULL WHEN u_reject < 0.1 THEN floor(quantity_delivered * u_reject) ELSE 0 END AS quantity_rejected,
       CASE WHEN u_reject > 0.97 THEN delivered_at + to_days(10) END AS returned_at,
       CASE WHEN u_reject > 0.97 THEN (amount / 2)::DECIMAL(18,2) END AS return_amount, NULL::TIMESTAMP AS recorded_at
FROM (SELECT *, u_fate > 0.99 AS is_parted FROM drawn WHERE u_fate >= 0.06) JOIN range(2) p(part) ON part = 0 OR is_parted
ORDER BY delivered_at, fulfilment_id, supplier_id""",
    "reviews": """
SELECT 'R' || order_id AS review_id, order_id, supplier_id, buyer_id, ordered_at + to_days(lead + 5) AS reviewed_at,
       1 + floor(5 * sqrt(u_late))::DOUBLE AS rating, NULL::VARCHAR AS text, NULL::TIMESTAMP AS recorded_at
FROM drawn WHERE u_review > 0.7 ORDER BY reviewed_at, review_id, supplier_id""",
}
"""The query of each table over the drawn orders."""


def draw_platform(folder: Path, *, orders: int, suppliers: int, seed: int = 20261121, memory: str = "6GB") -> None:
    """Write the four tables as Parquet in order of time; a folder that has them is left as it is.

    Parameters
    ----------
    folder : Path
    orders, suppliers : int
        Rows of the two tables; fulfilments are 0.95, reviews 0.3 of the orders.
    seed : int
        The same seed gives the same rows.
    memory : str
        DuckDB's memory limit; sorting spills beside the folder.
    """
    if (folder / "reviews.parquet").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    # a split order shares its time and its buyer with the order it was split from
    basket, own = "i - (i % 50 = 49)::BIGINT", {"u_amount", "u_quantity"}
    draws = ", ".join(
        f"hash({'i' if name in own else basket}, {place}, {seed}) / 18446744073709551616 AS {name}" for place, name in enumerate(_DRAWS)
    )
    with duckdb.connect() as con:
        con.execute(f"SET memory_limit = '{memory}'; SET threads = 2; SET temp_directory = '{folder}/.spill'")
        con.execute(ORDERS.format(orders=orders, suppliers=suppliers, buyers=BUYERS, days=DAYS, draws=draws))
        for table, query in TABLES.items():
            part = folder / f".{table}.part"
            con.execute(f"COPY ({query.format(suppliers=suppliers)}) TO '{part}' (FORMAT parquet)")
            part.rename(folder / f"{table}.parquet")
