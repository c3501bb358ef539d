"""Orders and their deliveries to facts: the join, deliveries in parts, what was overdue and when that was known.

Stands under `features.derive`. A fact that rests on an order and a delivery holds while both versions do.
"""

from typing import Final

import numpy as np

from features.civil import ALWAYS, NONE
from features.compiled import allocating, jit
from features.facts import KIND_INDEX, ROUND_FEN
from features.records import MISSING
from features.versions import FOREVER, NEVER, find, since_day, tell, until_day, valid_at, versions

_PLACED: Final = KIND_INDEX["order_placed"]
_CANCELLED: Final = KIND_INDEX["order_cancelled"]
_DUE: Final = KIND_INDEX["order_due"]
_CLOSED: Final = KIND_INDEX["order_closed"]
_DELIVERED: Final = KIND_INDEX["delivered"]
_INSPECTED: Final = KIND_INDEX["inspected"]
_RETURNED: Final = KIND_INDEX["returned"]


@allocating
def derive_orders(orders, fulfilments, facts, n):
    """Facts of orders and of their deliveries."""
    slots, following, is_first = versions(orders, True)
    _, f_following, f_is_first = versions(fulfilments)
    first_delivery, next_delivery = np.full(len(orders), -1, np.int32), np.full(len(fulfilments), -1, np.int32)
    _attach(orders, slots, fulfilments, f_is_first, first_delivery, next_delivery)
    scratch = np.empty((4, len(orders) + len(fulfilments)), np.int64)
    return _derive_each(orders, following, is_first, fulfilments, f_following, first_delivery, next_delivery, scratch, facts, n)


@jit
def _attach(orders, slots, fulfilments, f_is_first, first, following):
    """Fill the first delivery of each order and the one that follows each, as a list through the first versions of the fulfilments."""
    for f in range(len(fulfilments) - 1, -1, -1):  # so that the list keeps the rows' order, most often that of time
        if f_is_first[f]:
            i = find(orders, slots, fulfilments[f].order)
            if i >= 0:
                following[f], first[i] = first[i], f


@jit
def _derive_each(orders, following, is_first, fulfilments, f_following, first_delivery, next_delivery, scratch, facts, n):
    for i in range(len(orders)):
        since, until, party = since_day(orders, i), until_day(orders, following[i]), orders[i].party
        ordered, promised, amount = orders[i].ordered, orders[i].promised, orders[i].amount
        is_promised = promised != NONE
        term = promised - ordered if is_promised else 0
        n = tell(facts, n, _PLACED, ordered, since, until, party, i, amount, term, is_promised, amount % ROUND_FEN == 0)
        n = tell(facts, n, _CANCELLED, orders[i].cancelled, since, until, party, i, amount)
        if is_first[i]:
            f = first_delivery[i]
            if following[i] < 0 and _is_plain(orders, i, fulfilments, f, f_following, next_delivery):
                closed = NONE if f < 0 else _arrived(fulfilments[f], orders[i].quantity)
                n = _tell_due(orders, i, _earlier(closed, orders[i].cancelled), NEVER, FOREVER, facts, n)
                if f >= 0:
                    n = _tell_delivery(orders[i], fulfilments[f], f, ordered, FOREVER, facts, n)
                continue
            n = _derive_state(orders, i, following, fulfilments, f_following, f, next_delivery, scratch, facts, n)
            while f >= 0:
                n = _derive_delivery(orders, i, following, fulfilments, f, f_following, facts, n)
                f = next_delivery[f]
    return n


@jit
def _tell_due(orders, i, closed, since, until, facts, n):
    """An order past its promise, until it is closed; where it closed in time the two would cancel, and neither is told."""
    promised, party, amount = orders[i].promised, orders[i].party, orders[i].amount
    if promised == NONE or (closed != NONE and closed <= promised):
        return n
    n = tell(facts, n, _DUE, promised, since, until, party, i, amount)
    if closed != NONE:
        n = tell(facts, n, _CLOSED, closed, since, until, party, i, amount)
    return n


@jit
def _derive_state(orders, i, following, fulfilments, f_following, first_delivery, next_delivery, scratch, facts, n):
    """When the order was closed, as believed between each two recordings of it or of its deliveries."""
    moments, days = scratch[0], scratch[1]
    size = _moments(orders, i, following, fulfilments, f_following, first_delivery, next_delivery, moments, days)
    for m in range(size):
        o = valid_at(orders, following, i, moments[m])
        if o < 0:
            continue
        closed = _completed(fulfilments, f_following, first_delivery, next_delivery, moments[m], orders[o].quantity, scratch[2], scratch[3])
        until = days[m + 1] if m + 1 < size else FOREVER
        n = _tell_due(orders, o, _earlier(closed, orders[o].cancelled), days[m], until, facts, n)
    return n


@jit
def _is_plain(orders, i, fulfilments, f, f_following, next_delivery):
    """Whether nothing about the order was recorded but at its own time, and it came in one piece if at all: most orders."""
    return orders[i].recorded == ALWAYS and (f < 0 or (next_delivery[f] < 0 and f_following[f] < 0 and fulfilments[f].recorded == ALWAYS))


@jit
def _arrived(delivery, quantity):
    """Day on which one delivery alone completes the order."""
    amount = delivery.quantity_delivered
    is_enough = quantity == MISSING or amount >= quantity
    return delivery.delivered if is_enough or amount == MISSING else NONE


@jit
def _earlier(one, other):
    """The earlier of two days, either of which may be missing."""
    return other if one == NONE or (other != NONE and other < one) else one


@jit
def _moments(orders, i, following, fulfilments, f_following, first_delivery, next_delivery, moments, days):
    """Fill the moments at which anything about the order was recorded, ascending, and their days; return how many."""
    size, o, f = 0, i, first_delivery
    while o >= 0:
        size = _insert(moments, days, size, orders[o].recorded, since_day(orders, o))
        o = following[o]
    while f >= 0:
        v = f
        while v >= 0:
            size = _insert(moments, days, size, fulfilments[v].recorded, since_day(fulfilments, v))
            v = f_following[v]
        f = next_delivery[f]
    return size


@jit
def _insert(moments, days, size, moment, day):
    at = size
    while at > 0 and moments[at - 1] > moment:
        at -= 1
    if at > 0 and moments[at - 1] == moment:
        return size
    for j in range(size, at, -1):
        moments[j], days[j] = moments[j - 1], days[j - 1]
    moments[at], days[at] = moment, day
    return size + 1


@jit
def _completed(fulfilments, f_following, first_delivery, next_delivery, moment, quantity, days, amounts):
    """Day on which the delivered quantity reached the ordered one; any delivery will do where quantities are not known."""
    size, f = 0, first_delivery
    while f >= 0:
        v = valid_at(fulfilments, f_following, f, moment)
        if v >= 0 and fulfilments[v].delivered != NONE:
            at = size
            while at > 0 and days[at - 1] > fulfilments[v].delivered:
                days[at], amounts[at] = days[at - 1], amounts[at - 1]
                at -= 1
            days[at], amounts[at] = fulfilments[v].delivered, fulfilments[v].quantity_delivered
            size += 1
        f = next_delivery[f]
    running, is_counted = 0, False
    for j in range(size):
        if amounts[j] != MISSING:
            running, is_counted = running + amounts[j], True
        if quantity == MISSING or amounts[j] == MISSING or not is_counted or running >= quantity:
            return days[j]
    return NONE


@jit
def _derive_delivery(orders, i, following, fulfilments, f, f_following, facts, n):
    """Facts of one delivery beside each version of its order."""
    while f >= 0:
        o = i
        while o >= 0:
            is_later = fulfilments[f].recorded > orders[o].recorded
            begins = fulfilments[f].recorded if is_later else orders[o].recorded
            since = since_day(fulfilments, f) if is_later else since_day(orders, o)
            next_f, next_o = f_following[f], following[o]
            ends, until = np.iinfo(np.int64).max, FOREVER
            if next_f >= 0:
                ends, until = fulfilments[next_f].recorded, fulfilments[next_f].recorded_day
            if next_o >= 0 and orders[next_o].recorded < ends:
                ends, until = orders[next_o].recorded, orders[next_o].recorded_day
            if begins < ends:
                n = _tell_delivery(orders[o], fulfilments[f], f, max(since, orders[o].ordered), until, facts, n)
            o = next_o
        f = f_following[f]
    return n


@jit
def _tell_delivery(order, delivery, row, since, until, facts, n):
    is_promised = order.promised != NONE
    if delivery.delivered != NONE:
        late = max(delivery.delivered - order.promised, 0) if is_promised else 0
        lead = delivery.delivered - order.ordered
        n = tell(facts, n, _DELIVERED, delivery.delivered, since, until, order.party, row, late, late > 0, lead, is_promised)
    rejected = delivery.quantity_rejected
    if rejected != MISSING:
        seen = rejected if delivery.quantity_delivered == MISSING else delivery.quantity_delivered
        n = tell(facts, n, _INSPECTED, delivery.inspected, since, until, order.party, row, seen, rejected, rejected > 0)
    amount = 0 if delivery.return_amount == MISSING else delivery.return_amount
    return tell(facts, n, _RETURNED, delivery.returned, since, until, order.party, row, amount)
