"""Raw tables to facts, in the engine's own language: scan, join, versions, all before any window is cut.

Stands inside the second step of the walk. Everything here is set-based SQL over the tables of the data contract: each statement says
"this was true between two recordings", and the last one turns that into a fact and, where a correction came, its taking back.

Versions. A row is valid from its `recorded_at` (from always, where that is missing) until the next version of its key. A fact that
rests on two tables is valid while both versions are. It is known on the later of its event day and the start of that validity.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

from features.facts import COLUMNS, KIND_INDEX

VALUES: Final = COLUMNS - 1


def civil_date(column: str, zone: str) -> str:
    """Return the SQL for the civil date in a zone of a timestamp held as UTC."""
    quoted = zone.replace("'", "''")
    return f"((({column}) AT TIME ZONE 'UTC') AT TIME ZONE '{quoted}')::DATE"


def day_of(column: str, zone: str) -> str:
    """Return the SQL for that civil date as days since 1970-01-01."""
    return f"({civil_date(column, zone)} - DATE '1970-01-01')::INTEGER"


def _versions(table: str, key: str, columns: str) -> str:
    return f"""
CREATE OR REPLACE TEMP TABLE {table}_v AS
SELECT {columns}, recorded_at AS valid_from,
       lead(recorded_at) OVER (PARTITION BY {key} ORDER BY recorded_at NULLS FIRST) AS valid_until
FROM {table}"""


def version_views(zone: str) -> list[str]:
    """Return the statements that give each table its versions, its civil days and its fixed-point values."""

    def day(column: str, name: str) -> str:
        return f"{day_of(column, zone)} AS {name}"

    fen = "(amount * 100)::BIGINT AS amount"
    return [
        _versions(
            "suppliers",
            "supplier_id",
            f"supplier_id, {day('joined_at', 'joined')}, (registered_on - DATE '1970-01-01')::INTEGER AS registered",
        ),
        _versions(
            "orders",
            "order_id, supplier_id",
            f"order_id, supplier_id, buyer_id, {day('ordered_at', 'ordered')}, {day('promised_at', 'promised')}, "
            f"{day('cancelled_at', 'cancelled')}, (quantity * 1000)::BIGINT AS quantity, {fen}",
        ),
        _versions(
            "fulfilments",
            "fulfilment_id, order_id, supplier_id",
            f"fulfilment_id, order_id, supplier_id, {day('delivered_at', 'delivered')}, {day('returned_at', 'returned')}, "
            f"{day('coalesce(accepted_at, delivered_at)', 'inspected')}, (quantity_delivered * 1000)::BIGINT AS quantity_delivered, "
            "(quantity_rejected * 1000)::BIGINT AS quantity_rejected, coalesce(return_amount * 100, 0)::BIGINT AS return_amount",
        ),
        _versions(
            "reviews",
            "review_id, order_id, supplier_id",
            f"review_id, order_id, supplier_id, coalesce(buyer_id, '') AS buyer_id, {day('reviewed_at', 'reviewed')}, "
            "(rating * 100)::BIGINT AS stars, coalesce(length(text), 0) AS text_length",
        ),
        _versions(
            "purchases",
            "purchase_id",
            f"purchase_id, supplier_id, vendor_id, {day('purchased_at', 'purchased')}, {day('cancelled_at', 'cancelled')}, {fen}",
        ),
        _versions(
            "invoices",
            "invoice_id",
            f"invoice_id, supplier_id, buyer_id, {day('issued_at', 'issued')}, {day('due_at', 'due')}, {day('paid_at', 'paid')}, "
            f"(coalesce(paid_amount, amount) * 100)::BIGINT AS paid_amount, {fen}",
        ),
    ]


ORDER_DELIVERY: Final = """
CREATE OR REPLACE TEMP VIEW order_delivery AS
SELECT o.supplier_id, o.order_id, o.buyer_id, o.ordered, o.promised, f.fulfilment_id, f.delivered, f.inspected, f.returned,
       f.quantity_delivered, f.quantity_rejected, f.return_amount,
       greatest(o.valid_from, f.valid_from) AS valid_from, least(o.valid_until, f.valid_until) AS valid_until
FROM fulfilments_v f JOIN orders_v o USING (order_id, supplier_id)
WHERE coalesce(greatest(o.valid_from, f.valid_from) < least(o.valid_until, f.valid_until), true)"""
"""Each delivery beside its order, while both versions were the last ones known."""

ORDER_STATE: Final = """
CREATE OR REPLACE TEMP TABLE order_state AS
WITH shape AS (
    SELECT o.order_id, o.supplier_id,
           o.versions > 1 OR coalesce(f.deliveries, 0) > 1 OR (o.cancelled > 0 AND f.deliveries > 0) AS is_several
    FROM (SELECT order_id, supplier_id, count(*) AS versions, count(cancelled) AS cancelled FROM orders_v GROUP BY ALL) o
    LEFT JOIN (SELECT order_id, supplier_id, count(*) AS deliveries FROM fulfilments_v GROUP BY ALL) f USING (order_id, supplier_id)),
plain AS (
    SELECT o.supplier_id, o.order_id, o.buyer_id, o.promised, o.amount,
           coalesce(o.cancelled, CASE WHEN coalesce(f.quantity_delivered >= o.quantity, true) THEN f.delivered END) AS closed,
           o.valid_from AS opened_from, greatest(o.valid_from, f.valid_from) AS valid_from, NULL::TIMESTAMP AS valid_until
    FROM orders_v o LEFT JOIN fulfilments_v f USING (order_id, supplier_id)
    SEMI JOIN (SELECT * FROM shape WHERE NOT coalesce(is_several, false)) s ON s.order_id = o.order_id AND s.supplier_id = o.supplier_id),
moment AS (
    SELECT order_id, supplier_id, moment_at, lead(moment_at) OVER (PARTITION BY order_id, supplier_id ORDER BY moment_at) AS next_at FROM (
        SELECT DISTINCT r.order_id, r.supplier_id, coalesce(r.valid_from, '-infinity'::TIMESTAMP) AS moment_at FROM (
            SELECT order_id, supplier_id, valid_from FROM orders_v
            UNION ALL SELECT order_id, supplier_id, valid_from FROM fulfilments_v) r
        SEMI JOIN (SELECT * FROM shape WHERE is_several) s ON s.order_id = r.order_id AND s.supplier_id = r.supplier_id)),
known AS (
    SELECT m.*, o.buyer_id, o.promised, o.amount, o.cancelled, o.quantity, f.delivered, f.quantity_delivered,
           sum(f.quantity_delivered) OVER (
               PARTITION BY m.order_id, m.supplier_id, m.moment_at ORDER BY f.delivered NULLS LAST, f.fulfilment_id) AS running
    FROM moment m
    JOIN orders_v o ON o.order_id = m.order_id AND o.supplier_id = m.supplier_id
        AND coalesce(o.valid_from <= m.moment_at, true) AND coalesce(o.valid_until > m.moment_at, true)
    LEFT JOIN fulfilments_v f ON f.order_id = m.order_id AND f.supplier_id = m.supplier_id AND f.delivered IS NOT NULL
        AND coalesce(f.valid_from <= m.moment_at, true) AND coalesce(f.valid_until > m.moment_at, true)),
several AS (
    SELECT supplier_id, order_id, any_value(buyer_id) AS buyer_id, any_value(promised) AS promised, any_value(amount) AS amount,
           least(any_value(cancelled), min(delivered) FILTER (
               WHERE coalesce(running >= quantity, true) OR quantity_delivered IS NULL)) AS closed,
           nullif(moment_at, '-infinity'::TIMESTAMP) AS opened_from,
           nullif(moment_at, '-infinity'::TIMESTAMP) AS valid_from, next_at AS valid_until
    FROM known GROUP BY supplier_id, order_id, moment_at, next_at)
SELECT * FROM plain UNION ALL BY NAME SELECT * FROM several"""
"""For each order and span of knowledge: its promised day and the day it was closed, by cancellation or by delivery in full.

Most orders have one version and at most one delivery (`plain`); the state at every recording is worked out only for the others.
"""


@dataclass(frozen=True, slots=True)
class _Span:
    """One kind of fact as a query: when it happened, between which recordings it was believed, and what it carries."""

    kind: str
    source: str
    event: str
    key: str
    values: tuple[str, ...] = ()
    party: str = "''"
    where: str = "true"
    since: str = "valid_from"
    own_day: str = "NULL::INTEGER"
    """The day of the row itself: a cell with an earlier day (a payment before its invoice) is told with the row."""

    def sql(self, zone: str) -> str:
        padded = (*self.values, *["0"] * (VALUES - len(self.values)))
        columns = ", ".join(f"({cell})::BIGINT AS v{i}" for i, cell in enumerate(padded, 1))
        return (
            f"SELECT supplier_id, {KIND_INDEX[self.kind]}::TINYINT AS kind, ({self.event})::INTEGER AS event_day, "
            f"greatest({day_of(self.since, zone)}, {self.own_day}) AS since, {day_of('valid_until', zone)} AS until, "
            f"{self.party} AS party, {columns}, "
            f"{self.key} AS key FROM {self.source} WHERE ({self.event}) IS NOT NULL AND ({self.where})"
        )


def spans(zone: str) -> list[str]:
    """Return one query per kind of fact."""
    opened, known = day_of("opened_from", zone), day_of("valid_from", zone)
    # An opening and a closing that become known on the same day say nothing: the order was never seen overdue.
    overdue = f"promised IS NOT NULL AND (closed IS NULL OR greatest(promised, {opened}) < greatest(promised, closed, {known}))"
    unpaid = f"paid IS NULL OR paid_amount < amount OR greatest(due, {known}) < greatest(due, paid, {known})"
    late, overdue_days = "greatest(delivered - promised, 0)", "greatest(paid - due, 0)"
    order = partial(_Span, source="orders_v", party="buyer_id", key="order_id")
    state = partial(_Span, source="order_state", party="buyer_id", key="order_id", where=overdue)
    delivery = partial(_Span, source="order_delivery", party="buyer_id", key="order_id || '/' || fulfilment_id", own_day="ordered")
    purchase = partial(_Span, source="purchases_v", party="vendor_id", key="purchase_id")
    invoice = partial(_Span, source="invoices_v", party="buyer_id", key="invoice_id", own_day="issued")
    every = [
        _Span("supplier_joined", "suppliers_v", "joined", "supplier_id"),
        _Span("supplier_registered", "suppliers_v", "registered", "supplier_id"),
        order("order_placed", event="ordered", values=("amount", "coalesce(promised - ordered, 0)", "promised IS NOT NULL")),
        order("order_cancelled", event="cancelled", values=("amount",)),
        state("order_due", event="promised", values=("amount",), since="opened_from"),
        state("order_closed", event="greatest(promised, closed) + 0 * closed", values=("amount",)),
        delivery("delivered", event="delivered", values=(late, f"{late} > 0", "delivered - ordered", "promised IS NOT NULL")),
        delivery(
            "inspected",
            event="inspected",
            values=("coalesce(quantity_delivered, quantity_rejected)", "quantity_rejected", "quantity_rejected > 0"),
            where="quantity_rejected IS NOT NULL",
        ),
        delivery("returned", event="returned", values=("return_amount",)),
        _Span(
            "reviewed",
            "reviews_v",
            "reviewed",
            "concat_ws('/', order_id, review_id)",
            values=("stars", "stars <= 200", "stars >= 500", "text_length"),
            party="buyer_id",
        ),
        purchase("purchased", event="purchased", values=("amount",)),
        purchase("purchase_cancelled", event="cancelled", values=("amount",)),
        invoice("invoiced", event="issued", values=("amount", "due - issued")),
        invoice("invoice_due", event="due", values=("amount",), where=unpaid),
        invoice("invoice_closed", event="greatest(due, paid) + 0 * paid", values=("least(paid_amount, amount)",), where=unpaid),
        invoice(
            "invoice_paid",
            event="paid",
            values=("paid_amount", overdue_days, f"{overdue_days} > 0", f"paid_amount * {overdue_days}"),
        ),
    ]
    return [span.sql(zone) for span in every]


_NEGATED: Final = ", ".join(f"-v{i} AS v{i}" for i in range(1, COLUMNS))
_PLAIN: Final = ", ".join(f"v{i}" for i in range(1, COLUMNS))
_SUMMED: Final = ", ".join(f"sum(v{i})::BIGINT AS v{i}" for i in range(COLUMNS))
_ANY: Final = " OR ".join(f"sum(v{i}) <> 0" for i in range(COLUMNS))

FACTS: Final = f"""
CREATE OR REPLACE TEMP TABLE facts AS
WITH told AS (SELECT *, greatest(event_day, since) AS known_day, greatest(event_day, until) AS back_day FROM span),
signed AS (
    SELECT supplier_id, kind, event_day, known_day, party, 1::BIGINT AS v0, {_PLAIN}, key
    FROM told WHERE until IS NULL OR back_day > known_day
    UNION ALL
    SELECT supplier_id, kind, event_day, back_day, party, -1::BIGINT, {_NEGATED}, key
    FROM told WHERE until IS NOT NULL AND back_day > known_day)
SELECT *, false AS is_late FROM signed WHERE known_day = event_day
UNION ALL
SELECT supplier_id, kind, event_day, known_day, party, {_SUMMED}, key, true AS is_late
FROM signed WHERE known_day > event_day
GROUP BY supplier_id, kind, event_day, known_day, party, key HAVING {_ANY}"""
"""Spans to facts: one when it became known, its negative when a correction was recorded; what cancels on one day is left out."""

FACT_ORDER: Final = f"supplier, is_late, kind, event_day, known_day, party, {_PLAIN}, key, v0"
"""The one total order of facts, so that sums, walks and files do not depend on the order of the rows that came in."""
