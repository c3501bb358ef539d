"""How are the rows behind a number shown? As a small table in the reader's language, amounts and dates in its form."""

from dataclasses import dataclass
from decimal import Decimal

from features.evidence import Evidence, EvidenceRow
from features.facts import KIND_INDEX, KINDS
from serving.http.languages import Language, Words, words

# A flag (a count of one) and the day of an event only repeat what stands beside them; the others mean nothing to a reader.
HIDDEN_UNITS = frozenset({"count", "civil_day", "cny_fen_days", "characters"})


@dataclass(frozen=True, slots=True)
class EvidenceTable:
    """Headings and cells as text; ``is_number`` says which columns are set to the right.

    ``table`` of the data contract the rows are of, and their ``keys`` in it.
    """

    title: tuple[str, str]
    headings: tuple[str, ...]
    is_number: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int
    table: str
    keys: tuple[str, ...]


def evidence_table(evidence: Evidence, language: Language, *, with_known: bool = False) -> EvidenceTable:
    """Lay out evidence; columns that hold nothing in any row, or nothing a reader could use, are left out.

    ``with_known`` adds the day a row became known as it stands.
    """
    spoken = words(language)
    shown = [(place, name, unit) for place, (name, unit) in enumerate(evidence.value_names) if unit not in HIDDEN_UNITS]
    has_party = any(row.party for row in evidence.rows)
    known = ["evidence.known_day"] if with_known else []
    fixed = ["evidence.key", "evidence.event_day", *known, *(["evidence.party"] if has_party else [])]
    return EvidenceTable(
        title=(evidence.label_zh, evidence.label_en),
        headings=(*(spoken.text(key) for key in fixed), *(spoken.text(f"evidence.{name}") for _, name, _ in shown)),
        is_number=(*(False for _ in fixed), *(True for _ in shown)),
        rows=tuple(_cells(row, shown, spoken, has_party=has_party, with_known=with_known) for row in evidence.rows),
        total=evidence.total,
        table=KINDS[KIND_INDEX[evidence.kind]].table,
        keys=tuple(row.key for row in evidence.rows),
    )


def _cells(row: EvidenceRow, shown: list[tuple[int, str, str]], spoken: Words, *, has_party: bool, with_known: bool) -> tuple[str, ...]:
    """Return one row as text."""
    party = [row.party or "–"] if has_party else []
    return (
        row.key,
        spoken.short_date(row.event_day),
        *([spoken.short_date(row.known_day)] if with_known else []),
        *party,
        *(shown_value(row.values[place], unit, spoken) for place, _, unit in shown),
    )


def shown_value(value: int, unit: str, spoken: Words) -> str:
    """Format one value by its unit."""
    match unit:
        case "cny_fen":
            return spoken.money(Decimal(value) / 100)
        case "cny_fen_days":
            return spoken.number(Decimal(value) / 100)
        case "stars_hundredths" | "cover_hundredths":
            return spoken.number(value / 100)
        case "utilisation_ten_thousandths":
            return spoken.percent(value / 10_000)
        case "quantity_thousandths":
            return spoken.number(value / 1000)
        case _:
            return spoken.number(value)
