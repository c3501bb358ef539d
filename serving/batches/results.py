"""A finished batch as CSV, JSON lines or Parquet: each number in the shortest form that reads back to the same bits.

A text cell that a spreadsheet would run as a formula gets an apostrophe in front of it (OWASP, "CSV Injection").
"""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from features.cells import text_literal

Page = Callable[[int], Sequence[tuple[int, bytes]]]
"""Returns the next rows after a number: numbers and bodies of scores, none at the end."""
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
COLUMNS = {
    "row": "INTEGER", "supplier_id": "VARCHAR", "as_of": "DATE", "score_id": "VARCHAR", "points": "DOUBLE", "grade": "VARCHAR",
    "pd_12m": "DOUBLE", "interval_low": "DOUBLE", "interval_high": "DOUBLE", "data_sufficiency": "VARCHAR", "reason_1": "VARCHAR",
    "reason_2": "VARCHAR", "reason_3": "VARCHAR", "reason_4": "VARCHAR", "warnings": "VARCHAR", "consent_ref": "VARCHAR",
    "audit_sequence": "BIGINT", "bundle_sha256": "VARCHAR",
}  # fmt: skip


def harmless(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula; numbers stay as they are.

    Examples
    --------
    >>> harmless("=cmd()"), harmless("S1"), harmless(-1.5)
    ("'=cmd()", 'S1', -1.5)
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def csv_lines(rows: Iterable[Sequence[object]], header: Sequence[str]) -> Iterator[bytes]:
    """Return CSV in pieces: UTF-8 with a mark, so that a spreadsheet reads Chinese, CRLF (RFC 4180), missing as an empty cell."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(header)
    yield b"\xef\xbb\xbf"
    for row in rows:
        writer.writerow([harmless(cell) for cell in row])
        if buffer.tell() > 1 << 16:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def json_lines(page: Page) -> Iterator[bytes]:
    """Return one JSON object a line: the row's number, and the score as a single request would have been answered, byte for byte."""
    for number, body in _all(page):
        yield f'{{"row": {number}, "score": '.encode() + body + b"}\n"


def flat_rows(page: Page) -> Iterator[tuple[object, ...]]:
    """Return the scores in the order of `COLUMNS`."""
    for number, body in _all(page):
        yield _flat(number, json.loads(body))


def parquet(page: Page) -> Iterator[bytes]:
    """Return a Parquet file in pieces."""
    with tempfile.TemporaryDirectory(prefix="lianxin-batch-") as folder, duckdb.connect() as con:
        lines, target = Path(folder) / "rows.jsonl", Path(folder) / "results.parquet"
        with lines.open("w", encoding="utf-8") as stream:
            for row in flat_rows(page):
                stream.write(json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) + "\n")
        types = ", ".join(f"{name}: '{kind}'" for name, kind in COLUMNS.items())
        read = f"read_json({text_literal(str(lines))}, format = 'newline_delimited', columns = {{{types}}})"
        con.execute("SET threads = 1")
        con.execute(f"COPY (FROM {read} ORDER BY row) TO {text_literal(str(target))} (FORMAT parquet)")
        with target.open("rb") as stream:
            while piece := stream.read(1 << 16):
                yield piece


def _all(page: Page) -> Iterator[tuple[int, bytes]]:
    after = 0
    while found := page(after):
        yield from found
        after = found[-1][0]


def _flat(number: int, body: dict[str, Any]) -> tuple[object, ...]:
    score, interval, known = body["score"], body["score"]["interval"] or {}, body["score"]["data_sufficiency"] or {}
    reasons = [reason["text"] for reason in body["reasons"]]
    return (
        number,
        body["subject"]["supplier_id"],
        body["as_of"],
        body["id"],
        score["points"],
        score["grade"],
        score["pd_12m"],
        interval.get("low"),
        interval.get("high"),
        known.get("grade"),
        *(reasons + [None] * 4)[:4],
        " ".join(warning["code"] for warning in body["warnings"]),
        body["consent_ref"],
        body["audit"]["sequence"],
        body["model"]["bundle_sha256"],
    )
