"""Accepted tables as files: what passed the door, in Parquet with the contract's types, for an engine that reads no other.

Stands between the first and the second step of the walk where the second runs on Spark.
"""

import json
import os
from pathlib import Path
from typing import Any, Final

import duckdb

from credit.errors import CannotWrite
from features.raw_files import IMPORT_NOTE, read_import_note
from features.read import RawTables
from features.tables import CONTRACT

_ACCEPTED: Final = "accepted"


def write_accepted(tables: RawTables, folder: Path) -> None:
    """Write every table the platform handed over to a new folder: its accepted rows and the contract's columns, typed.

    The folder is one of tables like any other; its import note, written last, says that its rows passed the door.

    Raises
    ------
    CannotWrite
        If the folder is there already, or cannot be written.
    """
    try:
        folder.mkdir(parents=True)
        for name in sorted(tables.present):
            columns = ", ".join(column.name for column in CONTRACT[name].columns)
            target = str(folder / f"{name}.parquet").replace("'", "''")
            tables.con.cursor().execute(f"COPY (SELECT {columns} FROM {name}) TO '{target}' (FORMAT parquet)")
        note: dict[str, Any] = {"zone": tables.zone, "currency": tables.currency, _ACCEPTED: True, "sources": dict(tables.digests)}
        part = folder / f".{IMPORT_NOTE}.part"
        part.write_text(json.dumps(note, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        os.replace(part, folder / IMPORT_NOTE)
    except FileExistsError:
        raise CannotWrite(f"{folder} is there already; name a new folder") from None
    except (OSError, duckdb.IOException) as error:
        told = str(error).splitlines()[0]
        raise CannotWrite(f"{folder}: accepted tables cannot be written ({told}); name a folder that can be made") from error


def accepted_zone(folder: Path) -> str | None:
    """Return the zone of a folder that `write_accepted` finished; None for any other.

    Raises
    ------
    TableUnreadable
        If the folder's import note cannot be read.
    """
    note = read_import_note(folder)
    return note.zone if note.fields.get(_ACCEPTED) is True else None
