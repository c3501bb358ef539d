"""From rows a bank handed over to the ledger they make: the checks of every import, then the ledger of every score, of one supplier."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Final

import duckdb

from features.columns import Table
from features.ledger import Ledger, build_ledger
from features.quality import measure_quality
from features.read import FolderReading
from features.read_rows import Row, open_rows, read_rows
from features.rejects import Reject
from features.tables import CONTRACT
from serving.histories.bodies import MOST_FAULTS
from serving.http.refusals import FieldError, HistoryInvalid, HistoryTooSlow

SECONDS: Final = 20.0
"""So long a history may take from rows to ledger."""

MOST_VERSIONS: Final = 1000
"""Rows one key may have, the first and its corrections: each is weighed against all others."""

_AGAIN: Final = 0.05


@contextmanager
def open_history(
    rows: Mapping[str, Sequence[Row]], *, zone: str, currency: str, now: datetime, seconds: float = SECONDS
) -> Iterator[tuple[str, Ledger]]:
    """Yield the supplier's id and the ledger of its rows, which ends with the block.

    Raises
    ------
    HistoryInvalid
        Some row breaks a rule, or the rows are not of exactly one supplier: a history is taken whole or not at all.
    HistoryTooSlow
        It takes longer than the seconds given.
    NotEnoughHistory
        The rows hold not one dated event.
    """
    con = open_rows(zone=zone, currency=currency, now=now)
    try:
        with _stopped_after(con, seconds):
            found = read_rows(con, rows, zone=zone, currency=currency, now=now)
            _refuse_faults(found)
            ledger = build_ledger(found.tables, quality=measure_quality(found).shares, is_alone=True)
        try:
            yield str(rows["suppliers"][0]["supplier_id"]), ledger
        finally:
            ledger.profiles.close()
    finally:
        con.close()


def _refuse_faults(found: FolderReading) -> None:
    faults = [FieldError(_pointer(reject), reject.rule) for reject in islice(found.rejects, MOST_FAULTS)]
    if faults:
        raise HistoryInvalid(faults, found=len(found.rejects))
    suppliers = found.tables.con.execute("SELECT count(DISTINCT supplier_id) FROM suppliers").fetchall()[0][0]
    if suppliers != 1:
        raise HistoryInvalid([FieldError("/history/suppliers", "history_of_one_supplier")], found=1)
    corrected = [f"/history/{name}/{row - 1}" for name in sorted(found.readings) for row in _often_corrected(found, CONTRACT[name])]
    if corrected:
        raise HistoryInvalid([FieldError(pointer, "too_many_corrections") for pointer in corrected], found=len(corrected))


def _often_corrected(found: FolderReading, table: Table) -> list[int]:
    """Return the first row of each key that has more than `MOST_VERSIONS`."""
    if found.readings[table.name].rows <= MOST_VERSIONS:
        return []
    query = f"SELECT min(source_row) FROM {table.name} GROUP BY {', '.join(table.key)} HAVING count(*) > {MOST_VERSIONS} ORDER BY 1"
    return [row for (row,) in found.tables.con.execute(query).fetchall()]


def _pointer(reject: Reject) -> str:
    """Return where a fault stands in the body: the cell, or the row where a rule is of several cells."""
    column = f"/{reject.column}" if reject.column and "," not in reject.column else ""
    return f"/history/{reject.table}/{reject.row - 1}{column}"


@contextmanager
def _stopped_after(con: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupt whatever the database is at once the time is over, again and again until the block ends."""
    is_done, is_late = threading.Event(), threading.Event()

    def watch() -> None:
        if not is_done.wait(seconds):
            is_late.set()
            while not is_done.wait(_AGAIN):
                con.interrupt()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    except duckdb.InterruptException:
        raise HistoryTooSlow(seconds=seconds) from None
    finally:
        is_done.set()
        watcher.join()
    if is_late.is_set():
        raise HistoryTooSlow(seconds=seconds)
