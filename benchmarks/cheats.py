"""What a supplier who wants more points can do to a platform's tables, and what it costs: one cheat per entry of `CHEATS`.

A cheat is SQL over the contract's tables in one DuckDB, for the suppliers that `chosen` names for it; `known` holds its day of asking.
Costs are assumptions, stated beside each cheat in CNY: they set the order of magnitude, not the price of an agent in a given year.
What a cheat risks when it is found (fraud, deletion from the platform) is not priced.
"""

from dataclasses import dataclass

TABLES = ("orders", "fulfilments", "reviews", "invoices", "purchases", "inventory", "production")
"""Tables a cheat may touch; all others stay as they are."""

TAX_AND_FEES = 0.016
"""Of wash volume that is invoiced: 1 % VAT of small-scale taxpayers (MOF and STA announcement 19 of 2023) and 0.6 % payment fee."""
PER_ORDER = 10.0
"""A parcel that is sent empty and the agent who places the order."""
PER_REVIEW = 20.0
"""A buyer's reward for five stars."""
PER_SPLIT = 5.0
"""Handling of one more parcel."""


@dataclass(frozen=True)
class Cheat:
    """One way to cheat.

    Parameters
    ----------
    name : str
    what : str
        What is done, in a line.
    statements : tuple of str
        SQL; `{mine}` stands for the suppliers who do it, `{end}` for the last moment before the day of asking.
    cost : str
        SQL for `supplier_id, cny` of those whose cheat costs something, over `honest_*` and altered tables; empty where nothing is paid.
    """

    name: str
    what: str
    statements: tuple[str, ...]
    cost: str = ""


def _wash(name: str, what: str, *, share: float, days: int, buyer: str, mirrored: bool = False) -> Cheat:
    """Return wash trading: a share of the own orders of some days is placed once more by accomplices, and all goes well."""
    copied = f"""
        CREATE OR REPLACE TEMP TABLE wash AS
        SELECT o.* REPLACE (
            'W' || order_id AS order_id, {buyer} AS buyer_id,
            round(amount * (0.8 + 0.4 * (hash(order_id, 2) % 1000) / 1000), 2) AS amount,
            ordered_at + INTERVAL 7 HOUR AS ordered_at, ordered_at + INTERVAL 6 DAY AS promised_at,
            NULL AS cancelled_at, NULL AS recorded_at)
        FROM honest_orders o
        WHERE supplier_id IN {{mine}} AND recorded_at IS NULL
          AND ordered_at BETWEEN {{end}} - INTERVAL {days} DAY AND {{end}} - INTERVAL 8 DAY
          AND hash(order_id) % 1000 < {share * 1000:.0f}"""
    statements = [
        copied,
        "INSERT INTO orders SELECT * FROM wash",
        """INSERT INTO fulfilments BY NAME SELECT 'WF' || order_id AS fulfilment_id, order_id, supplier_id,
           ordered_at + INTERVAL 2 DAY AS shipped_at, ordered_at + INTERVAL 4 DAY AS delivered_at,
           ordered_at + INTERVAL 5 DAY AS accepted_at,
           quantity AS quantity_delivered, 0.0 AS quantity_rejected FROM wash""",
        """INSERT INTO invoices BY NAME SELECT 'WI' || order_id AS invoice_id, supplier_id, buyer_id, order_id,
           ordered_at + INTERVAL 5 DAY AS issued_at, ordered_at + INTERVAL 35 DAY AS due_at, amount,
           CASE WHEN ordered_at + INTERVAL 25 DAY < {end} THEN ordered_at + INTERVAL 25 DAY END AS paid_at,
           CASE WHEN ordered_at + INTERVAL 25 DAY < {end} THEN amount END AS paid_amount FROM wash""",
        """INSERT INTO reviews BY NAME SELECT 'WR' || order_id AS review_id, supplier_id, order_id, buyer_id,
           ordered_at + INTERVAL 6 DAY AS reviewed_at, 5.0 AS rating,
           (SELECT list(text) FROM praise)[(1 + hash(order_id, 3) % 200)::BIGINT] AS text FROM wash WHERE hash(order_id, 4) % 10 < 4""",
    ]
    if mirrored:
        statements.append(
            """INSERT INTO purchases BY NAME SELECT 'WP' || order_id AS purchase_id, supplier_id, buyer_id AS vendor_id,
               ordered_at + INTERVAL 3 HOUR AS purchased_at, round(amount * 0.99, 2) AS amount FROM wash"""
        )
    cost = f"SELECT supplier_id, sum(amount) * {TAX_AND_FEES} + count(*) * {PER_ORDER} AS cny FROM wash GROUP BY 1"
    return Cheat(name, what, tuple(statements), cost)


def _bought(name: str, what: str, *, count: int, days: int) -> Cheat:
    """Return bought reviews: five stars and copied praise, spread over some days, by buyers the supplier has."""
    statement = f"""
        INSERT INTO reviews BY NAME
        SELECT 'B{days}' || supplier_id || '-' || n AS review_id, supplier_id, NULL AS order_id,
               buyers[(1 + hash(supplier_id, n) % len(buyers))::BIGINT] AS buyer_id,
               {{end}} - INTERVAL 1 SECOND * (3600 + hash(n, supplier_id) % {days * 86400 - 7200}) AS reviewed_at, 5.0 AS rating,
               (SELECT list(text) FROM praise)[(1 + hash(supplier_id, n, 3) % 200)::BIGINT] AS text
        FROM (SELECT supplier_id, list(DISTINCT buyer_id ORDER BY buyer_id) AS buyers FROM honest_orders
              WHERE supplier_id IN {{mine}} GROUP BY 1), range({count}) r(n)"""
    return Cheat(name, what, (statement,), f"SELECT supplier_id, {count * PER_REVIEW} AS cny FROM chosen WHERE cheat = '{name}'")


def _split(parts: int) -> Cheat:
    """Return order splitting: every order of the year becomes several, with its deliveries and invoices."""
    within = "{end} - INTERVAL 365 DAY"
    recent = f"(SELECT DISTINCT order_id FROM honest_orders WHERE supplier_id IN {{mine}} AND ordered_at >= {within})"
    statements = []
    shares = (
        ("orders", "order_id", "amount = round(amount / {parts}, 2), quantity = quantity / {parts}"),
        ("fulfilments", "fulfilment_id", "quantity_delivered = quantity_delivered / {parts}, "
         "quantity_rejected = quantity_rejected / {parts}, return_amount = round(return_amount / {parts}, 2)"),
        ("invoices", "invoice_id", "amount = round(amount / {parts}, 2), paid_amount = round(paid_amount / {parts}, 2)"),
    )  # fmt: skip
    for table, key, smaller in shares:
        statements.append(
            f"UPDATE {table} SET {smaller.replace('{parts}', str(parts))} WHERE order_id IN {recent} AND supplier_id IN {{mine}}"
        )
        renamed = ", ".join(dict.fromkeys([f"{key} || '-' || n AS {key}", "order_id || '-' || n AS order_id"]))
        statements.append(
            f"INSERT INTO {table} BY NAME SELECT t.* REPLACE ({renamed}) FROM {table} t, range(2, {parts + 1}) r(n) "
            f"WHERE order_id IN {recent} AND supplier_id IN {{mine}}"
        )
    mine = f"FROM honest_orders WHERE supplier_id IN {{mine}} AND ordered_at >= {within}"
    cost = f"SELECT supplier_id, count(*) * {(parts - 1) * PER_SPLIT} AS cny {mine} GROUP BY 1"
    return Cheat("order splitting", f"every order of a year in {parts}", tuple(statements), cost)


def _withheld(name: str, what: str, orders: str, *besides: str) -> Cheat:
    """Return withheld orders: with all that hangs on them, and what is done besides."""
    hidden = f"CREATE OR REPLACE TEMP TABLE hidden AS SELECT DISTINCT order_id FROM ({orders})"
    drop = tuple(f"DELETE FROM {table} WHERE order_id IN (FROM hidden)" for table in ("orders", "fulfilments", "reviews", "invoices"))
    return Cheat(name, what, (hidden, *drop, *besides))


_PURCHASES_OF_HIDDEN = (
    """CREATE OR REPLACE TEMP TABLE kept AS
       SELECT supplier_id, 1 - coalesce(sum(amount) FILTER (order_id IN (FROM hidden)), 0) / sum(amount) AS share
       FROM honest_orders WHERE supplier_id IN {mine} AND ordered_at >= {end} - INTERVAL 365 DAY GROUP BY 1""",
    """DELETE FROM purchases USING kept WHERE purchases.supplier_id = kept.supplier_id
       AND purchased_at >= {end} - INTERVAL 365 DAY AND hash(purchase_id) % 1000 >= 1000 * kept.share""",
)
"""As many purchases as the hidden orders' share of the year's sales, so that the margin shows nothing."""

_LATE_OR_BAD = """
    SELECT o.order_id, o.supplier_id, o.ordered_at FROM honest_orders o LEFT JOIN honest_fulfilments f USING (order_id)
    WHERE o.supplier_id IN {mine} AND o.ordered_at >= {end} - INTERVAL 365 DAY
      AND (f.delivered_at > o.promised_at OR f.quantity_rejected > 0 OR f.returned_at IS NOT NULL OR o.cancelled_at IS NOT NULL
           OR (f.delivered_at IS NULL AND o.promised_at < {end}))"""

_WORST_MONTHS = f"""
    WITH bad AS ({_LATE_OR_BAD}),
    months AS (SELECT supplier_id, date_trunc('month', ordered_at) AS month, count(*) AS bads FROM bad GROUP BY 1, 2
               QUALIFY row_number() OVER (PARTITION BY supplier_id ORDER BY bads DESC, month) <= 3)
    SELECT order_id FROM honest_orders o JOIN months m ON o.supplier_id = m.supplier_id AND date_trunc('month', o.ordered_at) = m.month"""

_YEAR = "supplier_id IN {mine} AND observed_at >= {end} - INTERVAL 365 DAY"

CHEATS = (
    _wash("wash, front companies", "half the orders of 90 days again, by 3 new companies", share=0.5, days=90,
          buyer="'Q' || supplier_id || hash(order_id, 1) % 3"),
    _wash("wash, front companies, a year", "half the orders of a year again, by 3 new companies", share=0.5, days=365,
          buyer="'Q' || supplier_id || hash(order_id, 1) % 3"),
    _wash("wash, accomplices, a year", "half the orders of a year again, by 20 buyers of others", share=0.5, days=365,
          buyer="(SELECT list(buyer_id) FROM others)"
                "[(1 + hash(supplier_id, hash(order_id, 1) % 20) % (SELECT count(*) FROM others))::BIGINT]"),
    _wash("wash, ring, a year", "as front companies, the money back by purchases", share=0.5, days=365,
          buyer="'Q' || supplier_id || hash(order_id, 1) % 3", mirrored=True),
    _bought("bought reviews, burst", "20 in 20 days", count=20, days=20),
    _bought("bought reviews, drip", "100 over a year", count=100, days=365),
    _split(3),
    _withheld("withheld: bad orders", "a year's late, rejected, returned, cancelled", _LATE_OR_BAD),
    _withheld("withheld: bad, and purchases", "the same, and as large a share of the purchases", _LATE_OR_BAD, *_PURCHASES_OF_HIDDEN),
    _withheld("withheld: worst months", "the three months with most of them, whole", _WORST_MONTHS),
    Cheat("withheld: late invoices", "paid late, short, or overdue", (
        "DELETE FROM invoices WHERE supplier_id IN {mine} AND issued_at >= {end} - INTERVAL 365 DAY "
        "AND (coalesce(paid_at, {end}) > due_at OR paid_amount < amount)",)),
    Cheat("withheld: purchases", "a third of a year's", (
        "DELETE FROM purchases WHERE supplier_id IN {mine} AND purchased_at >= {end} - INTERVAL 365 DAY AND hash(purchase_id) % 3 = 0",)),
    Cheat("withheld: stock", "a year's inventory and production", (
        f"DELETE FROM inventory WHERE {_YEAR}", f"DELETE FROM production WHERE {_YEAR}")),
    Cheat("overstated stock", "a year's inventory reported half as high again", (
        f"UPDATE inventory SET value = value * 1.5, days_of_cover = days_of_cover * 1.5 WHERE {_YEAR}",)),
)  # fmt: skip
"""Every cheat that is tried."""
