"""From a decision to the ledger: the row as it should read, as a later version of itself, through the ledger's own update.

The row that was wrong stays; scores given before stay what they were. The version is recorded at the instant of the decision, so doing
it again finds it there and adds nothing.
"""

import csv
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Self

from credit.errors import LianxinError
from features.civil import to_date
from features.columns import Kind
from features.facts import KIND_INDEX, KINDS
from features.ledger import Ledger
from features.raw_files import IMPORT_NOTE
from features.records import RECORDS
from features.segment import TABLES
from features.tables import CONTRACT
from features.update import Update, preview_update, update_ledger
from serving.http.refusals import CorrectionRefused, RowUnknown

RECORDED_AT = "recorded_at"


@dataclass(frozen=True, slots=True)
class Correction:
    """A row of a contract table as it should read, cell by cell as text, and the instant it is recorded at."""

    table: str
    cells: Mapping[str, str]
    recorded_at: datetime

    @classmethod
    def of_row(cls, table: str, row_id: str, supplier_id: str, cells: Mapping[str, str], at: datetime) -> Self:
        """Take the cells of the row that is disputed.

        Raises
        ------
        CorrectionRefused
            A cell is of no column of the table, or it is another row's or another supplier's.
        """
        names = {column.name for column in CONTRACT[table].columns} - {RECORDED_AT}
        if not set(cells) <= names or cells.get("supplier_id") != supplier_id or not _is_named(table, row_id, cells):
            raise CorrectionRefused
        return cls(table, dict(cells), at)

    def to_json(self) -> bytes:
        """Return it as it is kept."""
        told = {"table": self.table, "cells": dict(self.cells), RECORDED_AT: self.recorded_at.isoformat()}
        return json.dumps(told, ensure_ascii=False, sort_keys=True).encode()

    @classmethod
    def from_json(cls, kept: bytes) -> Self:
        """Read what `to_json` wrote."""
        told = json.loads(kept)
        return cls(told["table"], told["cells"], datetime.fromisoformat(told[RECORDED_AT]))

    def write(self, folder: Path, zone: str, currency: str) -> None:
        """Write the row as a folder that the ledger's update reads."""
        cells = {**self.cells, RECORDED_AT: self.recorded_at.isoformat()}
        with (folder / f"{self.table}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(cells)
            writer.writerow(cells.values())
        (folder / IMPORT_NOTE).write_text(json.dumps({"zone": zone, "currency": currency}), encoding="utf-8")


def known_on(ledger: Ledger, supplier_id: str, table: str, row_id: str, before: date) -> date:
    """Return the day on which the row was first known of the supplier.

    Raises
    ------
    RowUnknown
        Nothing was known of such a row before the day.
    """
    kinds = tuple(kind.name for kind in KINDS if kind.table == table)
    facts = ledger.facts_of(supplier_id, kinds) if kinds else []
    days = [to_date(fact.known_day) for fact in facts if fact.label == row_id and KINDS[KIND_INDEX[fact.kind]].table == table]
    if not days or min(days) >= before:
        raise RowUnknown
    return min(days)


def refuse_unfit(ledger_path: Path, ledger: Ledger, correction: Correction) -> None:
    """Say now what the update would say later.

    Raises
    ------
    CorrectionRefused
        The ledger would set the row aside, or cannot read it.
    """
    try:
        with _folder_of(correction, ledger) as folder:
            told = preview_update(ledger_path, Path(folder), max_rejected_share=0.0)
            is_taken = _is_taken(told, correction)
    except LianxinError as error:
        raise CorrectionRefused(str(error)) from error
    if not is_taken:
        raise CorrectionRefused


def put_into_ledger(ledger_path: Path, ledger: Ledger, correction: Correction) -> None:
    """Add the corrected row to the stored ledger; where it stands there already nothing changes.

    Raises
    ------
    CorrectionRefused
        The ledger set the row aside.
    LedgerUnreadable, TableUnreadable, CannotWrite
        As `features.update.update_ledger`; somebody else may be writing to the ledger.
    """
    with _folder_of(correction, ledger) as folder:
        told = update_ledger(ledger_path, Path(folder), max_rejected_share=0.0)
        is_taken = _is_taken(told, correction)
    if not is_taken:
        raise CorrectionRefused


def has(ledger: Ledger, correction: Correction) -> bool:
    """Tell whether the ledger knows the corrected row: a record of the supplier's that was recorded at that instant."""
    moment = round(correction.recorded_at.timestamp() * 1_000_000)
    records = ledger.records_of(correction.cells["supplier_id"]).records[TABLES.index(correction.table)]
    return bool((records["recorded"] == moment).any())


def _is_named(table: str, row_id: str, cells: Mapping[str, str]) -> bool:
    """Tell whether the cells are of the row of that id; a time in an id is not compared, for it can be written in several ways."""
    kinds = {column.name: column.kind for column in CONTRACT[table].columns}
    shown = RECORDS[table].shown or ("supplier_id",)
    plain = [cells.get(name, "") for name in shown if kinds[name] not in (Kind.TIME, Kind.DATE)]
    if len(plain) == len(shown):
        return "/".join(cell for cell in plain if cell) == row_id
    return all(cell in row_id.split("/") for cell in plain if cell)


def _folder_of(correction: Correction, ledger: Ledger) -> tempfile.TemporaryDirectory[str]:
    """Return a folder with the corrected row in it."""
    made = tempfile.TemporaryDirectory(prefix="lianxin-correction-")
    correction.write(Path(made.name), ledger.zone, ledger.currency)
    return made


def _is_taken(told: Update, correction: Correction) -> bool:
    """Tell whether the row was added, or stood there already."""
    table = told.tables.get(correction.table)
    return table is not None and table.added + table.repeated == 1 and table.set_aside == 0
