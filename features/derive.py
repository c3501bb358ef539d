"""One supplier's records to its facts.

The one definition of every kind of fact, compiled, whoever calls it: the batch over all suppliers, a Spark worker, the service for one.
A fact does not depend on the order of the records. Orders and deliveries stand in `features.derive_orders`, versions in
`features.versions`. A void record (`MISSING` amount) ends the older version of its key: the row now stands with another supplier.
"""

from typing import Final

from features.civil import NONE
from features.compiled import allocating, jit
from features.derive_orders import derive_orders
from features.facts import EXPIRY_NOTICE_DAYS, KIND_INDEX, LONG_TERM_DAYS
from features.records import MISSING
from features.versions import following_of, since_day, tell, until_day

_JOINED: Final = KIND_INDEX["supplier_joined"]
_REGISTERED: Final = KIND_INDEX["supplier_registered"]
_REVIEWED: Final = KIND_INDEX["reviewed"]
_PURCHASED: Final = KIND_INDEX["purchased"]
_PURCHASE_CANCELLED: Final = KIND_INDEX["purchase_cancelled"]
_INVOICED: Final = KIND_INDEX["invoiced"]
_INVOICE_DUE: Final = KIND_INDEX["invoice_due"]
_INVOICE_CLOSED: Final = KIND_INDEX["invoice_closed"]
_INVOICE_AGED: Final = KIND_INDEX["invoice_aged"]
_INVOICE_AGED_CLOSED: Final = KIND_INDEX["invoice_aged_closed"]
_INVOICE_PAID: Final = KIND_INDEX["invoice_paid"]
_INVOICE_PAID_LATE: Final = KIND_INDEX["invoice_paid_late"]
_STOCK: Final = KIND_INDEX["stock_observed"]
_PRODUCTION: Final = KIND_INDEX["production_observed"]
_ISSUED: Final = KIND_INDEX["certificate_issued"]
_VERIFIED: Final = KIND_INDEX["certificate_verified"]
_EXPIRING: Final = KIND_INDEX["certificate_expiring"]
_EXPIRED: Final = KIND_INDEX["certificate_expired"]
_STARTED: Final = KIND_INDEX["cooperation_started"]
_ENDED: Final = KIND_INDEX["cooperation_ended"]

_REDUCED: Final = 2
_STOPPED: Final = 3
_QUALITY_FROM: Final = 3
"""Certificates from this place of the closed set on speak of quality; the two before are licences every business holds."""
_STRATEGIC: Final = 3
_DEEP_FROM: Final = 4
"""Contents of a cooperation from this place on share what a partner can do, not only what it sells."""


@jit
def derive_suppliers(rows, following, facts, n):
    """Facts of who the supplier is."""
    for i in range(len(rows)):
        since, until = since_day(rows, i), until_day(rows, following[i])
        n = tell(facts, n, _JOINED, rows[i].joined, since, until, -1, i)
        n = tell(facts, n, _REGISTERED, rows[i].registered, since, until, -1, i)
    return n


@jit
def derive_reviews(rows, following, facts, n):
    """Facts of reviews."""
    for i in range(len(rows)):
        since, until, stars, length = since_day(rows, i), until_day(rows, following[i]), rows[i].stars, rows[i].text_length
        n = tell(
            facts, n, _REVIEWED, rows[i].reviewed, since, until, rows[i].party, i,
            stars, stars <= 200, stars >= 500, length, length > 0, rows[i].text_score,
        )  # fmt: skip
    return n


@jit
def derive_purchases(rows, following, facts, n):
    """Facts of purchases."""
    for i in range(len(rows)):
        if rows[i].amount != MISSING:
            since, until = since_day(rows, i), until_day(rows, following[i])
            n = tell(facts, n, _PURCHASED, rows[i].purchased, since, until, rows[i].party, i, rows[i].amount)
            n = tell(facts, n, _PURCHASE_CANCELLED, rows[i].cancelled, since, until, rows[i].party, i, rows[i].amount)
    return n


@jit
def derive_invoices(rows, following, facts, n):
    """Facts of receivables."""
    for i in range(len(rows)):
        if rows[i].amount != MISSING:
            n = _tell_invoice(rows[i], i, max(since_day(rows, i), rows[i].issued), until_day(rows, following[i]), facts, n)
    return n


@jit
def _tell_invoice(row, i, since, until, facts, n):
    issued, due, paid, amount, party = row.issued, row.due, row.paid, row.amount, row.party
    received = amount if row.paid_amount == MISSING else row.paid_amount
    n = tell(facts, n, _INVOICED, issued, since, until, party, i, amount, due - issued, due - issued > LONG_TERM_DAYS)
    kept = min(received, amount)
    n = _tell_open(facts, n, _INVOICE_DUE, _INVOICE_CLOSED, due, paid, since, until, party, i, amount, kept)
    n = _tell_open(facts, n, _INVOICE_AGED, _INVOICE_AGED_CLOSED, issued + LONG_TERM_DAYS, paid, since, until, party, i, amount, kept)
    if paid != NONE:
        late, is_aged = max(paid - due, 0), paid - issued > LONG_TERM_DAYS
        n = tell(
            facts, n, _INVOICE_PAID, paid, since, until, party, i,
            received, late, late > 0, received * late, is_aged, amount, max(amount - received, 0),
        )  # fmt: skip
        if late > 0:
            n = tell(facts, n, _INVOICE_PAID_LATE, paid, since, until, party, i, received)
    return n


@jit
def _tell_open(facts, n, opened, closed, opens, paid, since, until, party, i, amount, kept):
    """What is open from a day until it is paid; where it was paid in time and in full the two would cancel, and neither is told."""
    if paid == NONE or paid > opens or kept < amount:
        n = tell(facts, n, opened, opens, since, until, party, i, amount)
        if paid != NONE:
            n = tell(facts, n, closed, max(opens, paid), since, until, party, i, kept)
    return n


@jit
def derive_inventory(inventory, following, facts, n):
    """Facts of stock."""
    for i in range(len(inventory)):
        cover = inventory[i].cover
        since, until = since_day(inventory, i), until_day(inventory, following[i])
        n = tell(
            facts, n, _STOCK, inventory[i].observed, since, until, -1, i,
            inventory[i].value, 0 if cover == MISSING else cover, cover != MISSING,
        )  # fmt: skip
    return n


@jit
def derive_production(production, following, facts, n):
    """Facts of production."""
    for i in range(len(production)):
        state = production[i].state
        since, until = since_day(production, i), until_day(production, following[i])
        n = tell(
            facts,
            n,
            _PRODUCTION,
            production[i].observed,
            since,
            until,
            -1,
            i,
            production[i].utilisation,
            state == _REDUCED,
            state == _STOPPED,
        )
    return n


@jit
def derive_certificates(certificates, following, facts, n):
    """Facts of certificates."""
    for i in range(len(certificates)):
        row = certificates[i]
        since, until = max(since_day(certificates, i), row.issued), until_day(certificates, following[i])
        is_quality = row.certificate >= _QUALITY_FROM
        n = tell(facts, n, _ISSUED, row.issued, since, until, -1, i, is_quality)
        n = tell(facts, n, _VERIFIED, row.verified, since, until, -1, i)
        if row.expires != NONE:
            n = tell(facts, n, _EXPIRING, max(row.issued, row.expires - EXPIRY_NOTICE_DAYS), since, until, -1, i)
            n = tell(facts, n, _EXPIRED, row.expires, since, until, -1, i, is_quality)
    return n


@jit
def derive_cooperations(cooperations, following, facts, n):
    """Facts of cooperations."""
    for i in range(len(cooperations)):
        row = cooperations[i]
        since, until = max(since_day(cooperations, i), row.started), until_day(cooperations, following[i])
        strategic, deep = row.level == _STRATEGIC, row.content >= _DEEP_FROM
        n = tell(facts, n, _STARTED, row.started, since, until, row.party, i, strategic, deep, row.started)
        n = tell(facts, n, _ENDED, row.ended, since, until, row.party, i, strategic, deep, row.started)
    return n


@allocating
def derive(tables, facts):
    """Facts of one supplier.

    Parameters
    ----------
    tables : tuple of structured arrays
        The supplier's records of each table, in the order of `features.records.RECORDS`.
    facts : Facts
        Room; what lies behind it is counted but not written.

    Returns
    -------
    int
        How many facts there are.
    """
    n = derive_suppliers(tables[0], following_of(tables[0]), facts, 0)
    n = derive_orders(tables[1], tables[2], facts, n)
    n = derive_reviews(tables[3], following_of(tables[3]), facts, n)
    n = derive_purchases(tables[4], following_of(tables[4]), facts, n)
    n = derive_invoices(tables[5], following_of(tables[5]), facts, n)
    n = derive_inventory(tables[6], following_of(tables[6]), facts, n)
    n = derive_production(tables[7], following_of(tables[7]), facts, n)
    n = derive_certificates(tables[8], following_of(tables[8]), facts, n)
    return derive_cooperations(tables[9], following_of(tables[9]), facts, n)


@allocating
def derive_at(tables, offsets, s, facts):
    """Facts of one of many suppliers: `offsets` (tables, suppliers + 1) says where each one's records begin; else as `derive`."""
    mine = (
        tables[0][offsets[0, s] : offsets[0, s + 1]],
        tables[1][offsets[1, s] : offsets[1, s + 1]],
        tables[2][offsets[2, s] : offsets[2, s + 1]],
        tables[3][offsets[3, s] : offsets[3, s + 1]],
        tables[4][offsets[4, s] : offsets[4, s + 1]],
        tables[5][offsets[5, s] : offsets[5, s + 1]],
        tables[6][offsets[6, s] : offsets[6, s + 1]],
        tables[7][offsets[7, s] : offsets[7, s + 1]],
        tables[8][offsets[8, s] : offsets[8, s + 1]],
        tables[9][offsets[9, s] : offsets[9, s + 1]],
    )
    return derive(mine, facts)
