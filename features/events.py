"""What is left of each event once corrections are taken off: between the ledger's facts and the rows shown behind a number."""

from collections.abc import Iterable
from typing import NamedTuple

from features.ledger import Fact


class Standing(NamedTuple):
    """An event as it stands; days since 1970-01-01, values in the order and units of the kind's."""

    kind: str
    label: str
    event: int
    known: int
    party: str
    values: tuple[int, ...]


def standing_events(facts: Iterable[Fact], as_of: int, since: int) -> list[Standing]:
    """Return what stands of the facts known before a day with an event in [since, as_of)."""
    told: dict[tuple[str, str, str, int], list[Fact]] = {}
    for fact in facts:
        if fact.known_day < as_of and since <= fact.event_day < as_of:
            told.setdefault((fact.kind, fact.label, fact.party, fact.event_day), []).append(fact)
    events = []
    for (kind, label, party, event), of_event in told.items():
        if sum(fact.sign for fact in of_event) > 0:
            values = tuple(sum(column) for column in zip(*(fact.values for fact in of_event), strict=True))
            events.append(Standing(kind, label, event, _known_as_it_stands(of_event), party, values))
    return events


def _known_as_it_stands(facts: list[Fact]) -> int:
    """Last day on which the sum of an event's facts changed: a cell that did not change keeps the day it was first known."""
    changes: dict[int, list[int]] = {}
    for fact in facts:
        change = changes.setdefault(fact.known_day, [0] * (len(fact.values) + 1))
        for place, value in enumerate((fact.sign, *fact.values)):
            change[place] += value
    return max((day for day, change in changes.items() if any(change)), default=max(fact.known_day for fact in facts))
