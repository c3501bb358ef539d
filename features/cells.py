"""How one cell becomes a value, and which rules it meets on the way: SQL for DuckDB, made from the contract.

A CSV cell arrives as text, a Parquet cell in the file's own type. Both go through the same rules; a type that already
carries the value (a timestamp, a date, an exact number) skips the reading of text. Empty text is a missing cell.
The connection's TimeZone must be the import's zone: a time without a zone is read in it. A local time that the clocks
skip is read with the offset before the gap; one that they show twice is the second of the two.
"""

from dataclasses import dataclass

from features.columns import Column, Kind
from features.rules import ISO_8601_DATE, ISO_8601_TIME, PLAIN_DECIMAL, USCC_ALPHABET

WHOLE_NUMBERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"}
)
FLOATS = frozenset({"FLOAT", "DOUBLE"})
LOCAL_TIMES = frozenset({"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"})
ZONED_TIMES = frozenset({"TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS", "TIMESTAMP_NS WITH TIME ZONE"})
DATES = frozenset({"DATE"})
SCALARS = WHOLE_NUMBERS | FLOATS | LOCAL_TIMES | ZONED_TIMES | DATES | {"VARCHAR", "BOOLEAN", "UUID", "TIME", '"NULL"'}

_DOMAINS = {
    "number_is_not_negative": "{v} < 0",
    "amount_is_positive": "{v} <= 0",
    "rating_from_1_to_5": "NOT ({v} BETWEEN 1 AND 5)",
    "utilisation_from_0_to_1": "NOT ({v} BETWEEN 0 AND 1)",
}


# Control, format and private-use characters, separators of lines, variation selectors, the replacement character; outer spaces.
_UNSEEN = r"[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\x{FE00}-\x{FE0F}\x{FFFD}]|^\p{Zs}|\p{Zs}$"


@dataclass(frozen=True, slots=True)
class Reading:
    """SQL that reads one column: the raw value, the parsed value, and each rule with what is true where it breaks.

    `broken` refers to the parsed value by the column's name and to the raw one as ``raw_<name>``.
    """

    raw: str
    parsed: str
    broken: tuple[tuple[str, str], ...]


def quoted(name: str) -> str:
    """A name as an SQL identifier.

    Examples
    --------
    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def text_literal(text: str) -> str:
    """A text as an SQL literal.

    Examples
    --------
    >>> text_literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def unreadable_as(column: Column, source_type: str) -> str | None:
    """Why a file's column type cannot hold this column at all, or None where its cells can be tried.

    Examples
    --------
    >>> from features.tables import CONTRACT
    >>> unreadable_as(CONTRACT["orders"].column("order_id"), "DOUBLE")
    'ids are stored as floating numbers, which change them; store them as text'
    """
    if source_type not in SCALARS and not source_type.startswith("DECIMAL"):
        return f"cells of type {source_type} are not single values; store one value per cell"
    if column.kind is Kind.ID and source_type in FLOATS:
        return "ids are stored as floating numbers, which change them; store them as text"
    if column.kind is Kind.ID and source_type == "BOOLEAN":
        return "ids are stored as true and false; store them as text"
    return None


def reading(column: Column, source_type: str) -> Reading:
    """The SQL that reads a column stored under `source_type` (VARCHAR for CSV)."""
    source = quoted(column.name)
    raw = f"NULLIF({source}, '')" if source_type == "VARCHAR" else source
    r = f"raw_{column.name}"
    v = column.name
    parsed, broken = _parsed(column, source_type, r, v)
    if column.required:
        broken.insert(0, ("required_cell_is_given", f"{r} IS NULL"))
    if column.rule is not None:
        broken.append((column.rule, _DOMAINS[column.rule].format(v=v)))
    return Reading(raw=raw, parsed=parsed, broken=tuple(broken))


def _parsed(column: Column, source_type: str, r: str, v: str) -> tuple[str, list[tuple[str, str]]]:
    """The parsed value in terms of the raw one, and the rules of its kind."""
    match column.kind:
        case Kind.TIME:
            return _time(source_type, r, v, planned=column.planned)
        case Kind.DATE:
            return _date(source_type, r, v, planned=column.planned)
        case Kind.MONEY:
            return _money(source_type, r, v)
        case Kind.NUMBER:
            return _number(source_type, r, v)
        case _:
            return f"CAST({r} AS VARCHAR)", _text_rules(column, v)


def _text_rules(column: Column, v: str) -> list[tuple[str, str]]:
    match column.kind:
        case Kind.ID:
            return [
                ("id_is_not_blank", f"trim({v}) = ''"),
                ("id_is_within_64_characters", f"length({v}) > 64"),
                ("id_has_no_control_characters", f"regexp_matches({v}, '{_UNSEEN}') AND trim({v}) <> ''"),
            ]
        case Kind.WORD:
            return [("word_is_listed", f"{v} NOT IN ({', '.join(text_literal(word) for word in column.words)})")]
        case Kind.CURRENCY:
            return [("currency_is_the_folders", f"{v} <> getvariable('currency')")]
        case Kind.USCC:
            return [("uscc_check_digit_holds", _uscc_broken(v))]
        case _:
            return [("text_is_utf8", f"contains({v}, chr(0)) OR contains({v}, chr(65533))")]


def _time(source_type: str, r: str, v: str, *, planned: bool) -> tuple[str, list[tuple[str, str]]]:
    if source_type in LOCAL_TIMES or source_type in DATES:
        instant = f"TRY_CAST(TRY_CAST({r} AS TIMESTAMP) AS TIMESTAMPTZ)"
    elif source_type in ZONED_TIMES:
        instant = f"CAST({r} AS TIMESTAMPTZ)"
    else:
        text = f"CAST({r} AS VARCHAR)"
        matches = f"regexp_full_match({text}, {text_literal(ISO_8601_TIME)})"
        instant = f"CASE WHEN {matches} THEN TRY_CAST({text} AS TIMESTAMPTZ) END"
    if source_type in LOCAL_TIMES | ZONED_TIMES | DATES:
        instant = f"CASE WHEN isfinite({r}) THEN {instant} END"
    broken = [
        ("time_is_iso_8601", f"{r} IS NOT NULL AND {v} IS NULL"),
        ("time_is_from_1900_to_2199", f"{v} < TIMESTAMP '1900-01-01' OR {v} >= TIMESTAMP '2200-01-01'"),
    ]
    if not planned:
        broken.append(("not_in_the_future", f"{v} > getvariable('now')"))
    return f"make_timestamp(epoch_us({instant}))", broken


def _date(source_type: str, r: str, v: str, *, planned: bool) -> tuple[str, list[tuple[str, str]]]:
    if source_type in DATES:
        value = f"CASE WHEN isfinite({r}) THEN {r} END"
    elif source_type in LOCAL_TIMES or source_type in ZONED_TIMES:
        local = f"CAST({r} AS TIMESTAMP)"
        value = f"CASE WHEN isfinite({r}) AND {local} = date_trunc('day', {local}) THEN CAST({local} AS DATE) END"
    else:
        text = f"CAST({r} AS VARCHAR)"
        value = f"CASE WHEN regexp_full_match({text}, {text_literal(ISO_8601_DATE)}) THEN TRY_CAST({text} AS DATE) END"
    broken = [
        ("date_is_iso_8601", f"{r} IS NOT NULL AND {v} IS NULL"),
        ("time_is_from_1900_to_2199", f"{v} < DATE '1900-01-01'"),
    ]
    if not planned:
        broken.append(("not_in_the_future", f"{v} > getvariable('today')"))
    return value, broken


def _money(source_type: str, r: str, v: str) -> tuple[str, list[tuple[str, str]]]:
    large = ("money_is_below_100_billion", f"abs({v}) >= 100000000000")
    exact = f"TRY_CAST({r} AS DECIMAL(18,2))"
    if source_type in WHOLE_NUMBERS:
        return exact, [("money_is_decimal", f"{r} IS NOT NULL AND {v} IS NULL"), large]
    text = f"CAST({r} AS VARCHAR)"
    plain = f"regexp_full_match({text}, {text_literal(PLAIN_DECIMAL)})"
    fine = f"regexp_matches({text}, '\\.\\d{{2}}\\d*[1-9]')"
    value = f"CASE WHEN {plain} AND NOT {fine} THEN TRY_CAST({text} AS DECIMAL(18,2)) END"
    return value, [
        ("money_is_decimal", f"{r} IS NOT NULL AND {v} IS NULL AND NOT ({plain} AND {fine})"),
        ("money_has_two_decimals", f"{plain} AND {fine}"),
        large,
    ]


def _number(source_type: str, r: str, v: str) -> tuple[str, list[tuple[str, str]]]:
    if source_type in FLOATS | WHOLE_NUMBERS or source_type.startswith("DECIMAL"):
        number = f"CAST({r} AS DOUBLE)"
    else:
        text = f"CAST({r} AS VARCHAR)"
        digits = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?"
        number = f"CASE WHEN regexp_full_match({text}, {text_literal(digits)}) THEN TRY_CAST({text} AS DOUBLE) END"
    # A negative zero would make equal rows differ in their bits.
    value = f"CASE WHEN {number} = 0 THEN 0.0 WHEN isfinite({number}) THEN {number} END"
    return value, [
        ("number_is_finite", f"{r} IS NOT NULL AND {v} IS NULL"),
        ("number_is_below_a_trillion", f"abs({v}) >= 1e12"),
    ]


def _uscc_broken(v: str) -> str:
    alphabet = text_literal(USCC_ALPHABET)
    total = " + ".join(f"{pow(3, i, 31)} * (strpos({alphabet}, substr({v}, {i + 1}, 1)) - 1)" for i in range(17))
    holds = f"substr({alphabet}, 1 + (31 - ({total}) % 31) % 31, 1) = substr({v}, 18, 1)"
    return f"NOT (regexp_full_match({v}, '[{USCC_ALPHABET}]{{18}}') AND {holds})"
