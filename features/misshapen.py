"""Rows of a CSV file that cannot be split into cells: set aside, numbered among the good ones, and their lines counted.

DuckDB skips such rows and says where each began. It counts blank lines as rows there, though nowhere else, and cuts the
text it shows; so the file is read once more, line by line, where it has any. A quote that opens and never closes
takes all the lines up to the next one or the end of the file with it, and each of them counts as lost.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from credit.errors import TableUnreadable
from features.raw_files import encoding_remedy, open_bytes
from features.rejects import REJECTS_TABLE, VALUE_LENGTH

MOST_MISSHAPEN = 100_000
"""A file with more rows than this that cannot be split is refused whole: DuckDB holds each with its text until the end."""

_MOST_HELD = 300 << 20
_HELD_PER_ERROR = 1000

_SHAPE_RULES = {
    "MISSING COLUMNS": "row_has_the_headers_cells",
    "TOO MANY COLUMNS": "row_has_the_headers_cells",
    "UNQUOTED VALUE": "quotes_are_closed",
    "INVALID ENCODING": "text_is_utf8",
    "LINE SIZE OVER MAXIMUM": "row_is_within_16_megabytes",
}


@dataclass(slots=True)
class _Extent:
    """Where a misshapen row begins among a file's lines, and how many lines pass until its quotes are even again."""

    blank_before: int
    lines_before: int
    lines: int = 0
    odd_quotes: bool = False


class _Lines:
    """The lines of a file on their way to a reader of rows: how many since the last row, and their length and commas."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self.begin_row()

    def begin_row(self) -> None:
        self.count = self.length = self.commas = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.count += 1
            self.length += len(line)
            self.commas += line.count(",")
            yield line


def refuse_many_misshapen(path: Path, file: str, columns: int) -> None:
    """Refuse a file with more than `MOST_MISSHAPEN` rows that cannot be split, or fewer monstrous ones, before DuckDB collects them.

    DuckDB holds the text of a row once for each cell too many.

    Raises
    ------
    TableUnreadable
        Saying where the first of them stands and what is wrong with most.
    """
    found, undecodable, row, first, held = 0, 0, 0, 0, 0
    with open_bytes(path) as stream:
        lines = _Lines(io.TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape", newline=""))
        reader = csv.reader(lines, strict=True)
        while found <= MOST_MISSHAPEN and held <= _MOST_HELD:
            lines.begin_row()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                # Over several lines it is a quote that stays open, and the commas are inside.
                cells = [""] * (max(columns + 1, lines.commas) if lines.count == 1 else columns + 1)
            if not cells:
                continue
            row += 1
            text = "".join(cells)
            damaged = not text.isascii() and any("\udc80" <= one <= "\udcff" for one in text)
            if damaged or len(cells) != columns:
                first = first or row
                found += 1
                undecodable += damaged
                held += max(1, len(cells) - columns) * (_HELD_PER_ERROR + lines.length)
    if found <= MOST_MISSHAPEN:
        raise TableUnreadable(
            f"{file}: row {row - 1} has {len(cells):,} cells instead of {columns}, and with such rows before it is too large "
            "to be set aside; look for line breaks that are missing, and export the table again"
        )
    lost = f"more than {MOST_MISSHAPEN:,} rows cannot be split into the header's {columns} cells, the first is row {first - 1}"
    if undecodable > found / 2:
        raise TableUnreadable(encoding_remedy(file, lost + ", most are not UTF-8"))
    raise TableUnreadable(f"{file}: {lost}; write every row with the header's cells, quotes in pairs, and export the table again")


def set_misshapen_aside(con: duckdb.DuckDBPyConnection, table: str, path: Path) -> int:
    """Move what ``csv_errors`` holds to the rejects; return how many lines of text were lost.

    The numbers of these rows leave gaps in the numbers of the good ones: ``work.shifts`` gets how many misshapen rows
    stand before each stretch of good rows.
    """
    whens = " ".join(f"WHEN '{error}' THEN '{name}'" for error, name in _SHAPE_RULES.items())
    found = con.execute(
        f"""
        SELECT line, line_byte_position, coalesce(any_value(csv_line), ''), min(error_message),
               min(CASE CAST(error_type AS VARCHAR) {whens} ELSE 'row_is_readable' END)
        FROM csv_errors GROUP BY line, line_byte_position ORDER BY line, line_byte_position
        """
    ).fetchall()
    if not found:
        return 0
    texts = [text.lstrip("\r\n") for _, _, text, _, _ in found]
    # DuckDB counts bytes from one.
    starts = [row[1] - 1 + len(row[2]) - len(text) for row, text in zip(found, texts, strict=True)]
    extents, lines = _extents(path, starts)
    numbers = [row[0] - 1 - extent.blank_before for row, extent in zip(found, extents, strict=True)]
    good_before = [number - place for place, number in enumerate(numbers, 1)]
    con.execute(
        f"INSERT INTO {REJECTS_TABLE} SELECT $table, $file, unnest($rows), '', unnest($rules), unnest($values)",
        {
            "table": table,
            "file": path.name,
            "rows": numbers,
            "rules": [row[4] for row in found],
            "values": [(text or row[3])[:VALUE_LENGTH] for row, text in zip(found, texts, strict=True)],
        },
    )
    con.execute(
        "INSERT INTO work.shifts SELECT good_before, max(shift) FROM "
        "(SELECT unnest($good) AS good_before, unnest($shift) AS shift) GROUP BY good_before",
        {"good": good_before, "shift": [*range(1, len(numbers) + 1)]},
    )
    good = con.execute("SELECT count(*) FROM work.stage").fetchall()[0]
    return _lost(extents, lines, [*good_before, good[0]])


def _lost(extents: Sequence[_Extent], lines: int, good_before: Sequence[int]) -> int:
    """How many lines the misshapen rows took: up to even quotes, but never lines that good rows must have had."""
    lost = 0
    for place, extent in enumerate(extents):
        until = extents[place + 1].lines_before if place + 1 < len(extents) else lines
        left = until - extent.lines_before - (good_before[place + 1] - good_before[place])
        lost += max(1, min(extent.lines, left))
    return lost


def _extents(path: Path, starts: Sequence[int]) -> tuple[list[_Extent], int]:
    """The extent of each row that begins at a byte offset (ascending), and how many lines that are not blank there are."""
    extents: list[_Extent] = []
    running: list[_Extent] = []
    blank, filled, position, inside_quotes = 0, 0, 0, False
    with open_bytes(path) as stream:
        for line in stream:
            while len(extents) < len(starts) and starts[len(extents)] <= position:
                extents.append(_Extent(blank, filled))
                running.append(extents[-1])
            odd = line.count(b'"') % 2 == 1
            is_blank = not line.strip(b"\r\n")
            blank += is_blank and not inside_quotes
            filled += not is_blank
            inside_quotes ^= odd
            position += len(line)
            for extent in running:
                extent.lines += not is_blank
                extent.odd_quotes ^= odd
            running = [extent for extent in running if extent.odd_quotes]
    extents += [_Extent(blank, filled) for _ in range(len(starts) - len(extents))]
    return extents, filled
