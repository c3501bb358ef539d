"""How are the rows behind a number shown? As a small table in the reader's language, amounts and dates in its form."""

from dataclasses import dataclass

from features.evidence import Evidence, EvidenceRow
from serving.languages import Language, Words, words

_HIDDEN_UNITS = frozenset({"cny_fen_days", "characters"})
_HIDDEN_NAMES = frozenset({"promised"})


@dataclass(frozen=True, slots=True)
class EvidenceTable:
    """Headings and cells as text; ``is_number`` says which columns are set to the right."""

    title: tuple[str, str]
    headings: tuple[str, ...]
    is_number: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int


def evidence_table(evidence: Evidence, language: Language) -> EvidenceTable:
    """Lay out evidence; columns that hold nothing in any row, or nothing a reader could use, are left out."""
    spoken = words(language)
    shown = [
        (place, name, unit)
        for place, (name, unit) in enumerate(evidence.value_names)
        if unit not in _HIDDEN_UNITS and name not in _HIDDEN_NAMES
    ]
    has_party = any(row.party for row in evidence.rows)
    fixed = ["evidence.key", "evidence.event_day", *(["evidence.party"] if has_party else [])]
    return EvidenceTable(
        title=(evidence.label_zh, evidence.label_en),
        headings=(*(spoken.text(key) for key in fixed), *(spoken.text(f"evidence.{name}") for _, name, _ in shown)),
        is_number=(*(False for _ in fixed), *(not _is_flag(name, unit) for _, name, unit in shown)),
        rows=tuple(_cells(row, shown, spoken, has_party=has_party) for row in evidence.rows),
        total=evidence.total,
    )


def _cells(row: EvidenceRow, shown: list[tuple[int, str, str]], spoken: Words, *, has_party: bool) -> tuple[str, ...]:
    """Return one row as text."""
    party = [row.party or "–"] if has_party else []
    return (
        row.key,
        spoken.short_date(row.event_day),
        *party,
        *(_cell(row.values[place], name, unit, spoken) for place, name, unit in shown),
    )


def _is_flag(name: str, unit: str) -> bool:
    """Tell whether the value only says yes or no."""
    return unit == "count"


def _cell(value: int, name: str, unit: str, spoken: Words) -> str:
    """Format one value by its unit."""
    if _is_flag(name, unit):
        return spoken.text("evidence.yes" if value else "evidence.no")
    match unit:
        case "cny_fen":
            return spoken.money(value / 100)
        case "stars_hundredths":
            return spoken.number(value / 100)
        case "quantity_thousandths":
            return spoken.number(value / 1000)
        case _:
            return spoken.number(value)
