"""Outcomes on Olist, which knows no loans: a seller goes silent, or delivers late.

As-ofs are the firsts of months from `FIRST_AS_OF` on, as long as the 90 days after one lie inside the days for which
the files have all orders. Counted are the accepted orders of the contract's tables, by civil day of the zone.

silent
    Of the sellers with at least 5 orders in [as_of - 180, as_of): ``bad`` if none was placed in [as_of, as_of + 90),
    else ``good``. Known at as_of + 90 days.
late
    Of the sellers with an order in [as_of - 180, as_of), over their orders placed in [as_of, as_of + 90) and delivered
    before as_of + 120: ``bad`` if 20 % or more were delivered on a later day than promised, else ``good``; none where
    fewer than 5 were delivered. Known at as_of + 120 days: the last orders get 30 days to arrive. An order that
    has not arrived by then is not counted either way.
"""

from datetime import date

from features.cells import text_literal

FIRST_AS_OF = date(2017, 2, 1)
ORDERS_COMPLETE_THROUGH = date(2018, 8, 29)
"""The last day with all its orders: from 30 August 2018 on single orders remain."""

HISTORY_DAYS = 180
WINDOW_DAYS = 90
LATE_KNOWN_AFTER_DAYS = 120
SILENT_MIN_ORDERS = 5
LATE_MIN_DELIVERED = 5
LATE_BAD_SHARE_PERCENT = 20


def label_rows(outcome: str, *, zone: str) -> str:
    """SQL over the contract's tables for the rows of ``labels``: supplier_id, as_of, outcome, recorded_at (UTC).

    One row per supplier and as-of that has an outcome.
    """
    return _with_days(zone) + (_SILENT if outcome == "silent" else _LATE)


def _with_days(zone: str) -> str:
    place = text_literal(zone)

    def day(column: str) -> str:
        return f"CAST(timezone({place}, timezone('UTC', {column})) AS DATE)"

    return f"""
    WITH as_ofs AS (
        SELECT CAST(day AS DATE) AS as_of FROM generate_series(
            TIMESTAMP '{FIRST_AS_OF}', TIMESTAMP '{ORDERS_COMPLETE_THROUGH}', INTERVAL 1 MONTH) t(day)
        WHERE CAST(day AS DATE) + {WINDOW_DAYS} - 1 <= DATE '{ORDERS_COMPLETE_THROUGH}'
    ), placed AS (
        SELECT o.supplier_id, o.order_id, {day("o.ordered_at")} AS ordered_on, {day("o.promised_at")} AS promised_on,
               {day("f.delivered_at")} AS delivered_on
        FROM orders o LEFT JOIN fulfilments f ON f.order_id = o.order_id AND f.supplier_id = o.supplier_id
    ), before AS (
        SELECT supplier_id, as_of, count(*) AS orders FROM placed JOIN as_ofs
        ON ordered_on >= as_of - {HISTORY_DAYS} AND ordered_on < as_of GROUP BY supplier_id, as_of
    ), after AS (
        SELECT supplier_id, as_of, count(*) AS orders,
               count(*) FILTER (delivered_on < as_of + {LATE_KNOWN_AFTER_DAYS}) AS delivered,
               count(*) FILTER (delivered_on < as_of + {LATE_KNOWN_AFTER_DAYS} AND delivered_on > promised_on) AS late
        FROM placed JOIN as_ofs ON ordered_on >= as_of AND ordered_on < as_of + {WINDOW_DAYS}
        GROUP BY supplier_id, as_of
    ), known AS (
        SELECT supplier_id, as_of,
               timezone({place}, CAST(as_of + {WINDOW_DAYS} AS TIMESTAMP)) AS silent_known_at,
               timezone({place}, CAST(as_of + {LATE_KNOWN_AFTER_DAYS} AS TIMESTAMP)) AS late_known_at,
               b.orders AS orders_before, coalesce(a.orders, 0) AS orders_after, a.delivered, a.late
        FROM before b LEFT JOIN after a USING (supplier_id, as_of)
    )
    """


_SILENT = f"""
    SELECT supplier_id, as_of, CASE WHEN orders_after = 0 THEN 'bad' ELSE 'good' END AS outcome,
           silent_known_at AS recorded_at
    FROM known WHERE orders_before >= {SILENT_MIN_ORDERS}
"""

_LATE = f"""
    SELECT supplier_id, as_of,
           CASE WHEN 100 * late >= {LATE_BAD_SHARE_PERCENT} * delivered THEN 'bad' ELSE 'good' END AS outcome,
           late_known_at AS recorded_at
    FROM known WHERE delivered >= {LATE_MIN_DELIVERED}
"""
