"""Which files a folder holds for which table, and what their first bytes and headers say: the checks before any row.

A table is one file, ``<table>.csv``, ``<table>.csv.gz`` or ``<table>.parquet``. Text is UTF-8, with or without a byte
order mark, separated by commas. Whatever cannot be read at all is refused here with the remedy.
"""

import codecs
import csv
import gzip
import hashlib
import io
import json
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

from credit.errors import OutOfRange, TableUnreadable
from features.tables import CONTRACT

SUFFIXES = (".csv", ".csv.gz", ".parquet")
IMPORT_NOTE = "lianxin-import.json"
"""Written beside tables that an adapter made: their zone, currency and sources."""

_HEADER_BYTES = 1 << 20
_CHUNK = 1 << 20
_WIDE_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of a folder by table (none, one, or too many), and the names that belong to no table."""

    path: Path
    files: Mapping[str, tuple[Path, ...]]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportNote:
    """What an adapter wrote beside its tables, used where a reader names neither zone nor currency."""

    zone: str | None = None
    currency: str | None = None
    fields: Mapping[str, object] = field(default_factory=dict)


def find_files(path: Path) -> Folder:
    """The table files of a folder, by name.

    Raises
    ------
    TableUnreadable
        If `path` is not a folder that can be listed.
    """
    try:
        entries = sorted(entry for entry in path.iterdir() if entry.is_file())
    except OSError as error:
        raise TableUnreadable(f"{path}: not a folder that can be read ({error.strerror}); name the folder of the tables") from None
    names = {table + suffix: table for table in CONTRACT for suffix in SUFFIXES}
    files: dict[str, tuple[Path, ...]] = {}
    others = []
    for entry in entries:
        table = names.get(entry.name)
        if table is None:
            others.append(entry.name)
        else:
            files[table] = (*files.get(table, ()), entry)
    return Folder(path, files, tuple(name for name in others if name != IMPORT_NOTE))


def read_import_note(folder: Path) -> ImportNote:
    """The note beside the tables, or an empty one.

    Raises
    ------
    TableUnreadable
        If the note is there and is not a JSON object whose zone and currency are texts.
    """
    path = folder / IMPORT_NOTE
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ImportNote()
    except (OSError, ValueError) as error:
        raise TableUnreadable(f"{path}: not readable as JSON ({error}); import again, or remove it and name the zone") from None
    texts = isinstance(fields, dict) and all(isinstance(fields.get(key), str | None) for key in ("zone", "currency"))
    if not texts:
        raise TableUnreadable(f"{path}: zone and currency must be texts in one JSON object; import again, or remove it")
    return ImportNote(fields.get("zone"), fields.get("currency"), fields)


def known_zone(zone: str) -> str:
    """The zone's name, if it is one.

    Raises
    ------
    OutOfRange
        If the time zone database does not know it.

    Examples
    --------
    >>> known_zone("Asia/Shanghai")
    'Asia/Shanghai'
    """
    try:
        return ZoneInfo(zone).key
    except (KeyError, ValueError, OSError):
        raise OutOfRange(f"zone: {zone!r} is not an IANA time zone; name one such as Asia/Shanghai") from None


def digest_of(path: Path) -> str:
    """The SHA-256 of a file's bytes; a gzip file is read to its end on the way, so that damage shows.

    Raises
    ------
    TableUnreadable
        If the file cannot be read, or its gzip stream is damaged or cut short.
    """
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if path.name.endswith(".gz"):
            with gzip.open(path, "rb") as packed:
                while packed.read(_CHUNK):
                    pass
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TableUnreadable(f"{path.name}: the gzip file is damaged ({error}); pack it or copy it again") from None
    except OSError as error:
        raise TableUnreadable(f"{path.name}: cannot be opened ({error.strerror}); check the file and its rights") from None
    return digest


def csv_header(path: Path) -> tuple[str, ...]:
    """The column names of a CSV file as they stand, trimmed.

    Raises
    ------
    TableUnreadable
        If the file is empty, is not UTF-8, is really another format, or names a column twice (case does not count).
    """
    with open_bytes(path) as stream:
        head = stream.read(_HEADER_BYTES)
    if not head.strip():
        raise TableUnreadable(f"{path.name}: the file is empty; give it a header line with the contract's column names")
    _refuse_other_formats(path.name, head)
    head = head.removeprefix(codecs.BOM_UTF8)
    try:
        record = next(csv.reader(io.StringIO(head.decode("utf-8", errors="surrogateescape"), newline=""), strict=True))
    except csv.Error as error:
        raise TableUnreadable(f"{path.name}: the header line cannot be read ({error}); write it without line breaks") from None
    if any("\udc80" <= character <= "\udcff" for name in record for character in name):
        raise TableUnreadable(encoding_remedy(path.name, "the header line is not UTF-8"))
    names = tuple(name.strip() or f"column {place + 1}" for place, name in enumerate(record))
    refuse_duplicates(path.name, names)
    return names


def open_bytes(path: Path) -> IO[bytes]:
    """A file's bytes, unpacked where it is gzip."""
    return gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def refuse_duplicates(file: str, names: tuple[str, ...]) -> None:
    """Refuse a table that names a column twice, also if only the case differs.

    Raises
    ------
    TableUnreadable
        Naming the columns.
    """
    twice = sorted(name for name, count in Counter(name.lower() for name in names).items() if count > 1)
    if twice:
        raise TableUnreadable(f"{file}: column names repeat ({', '.join(twice)}; case does not count); keep one of each")


def encoding_remedy(file: str, found: str) -> str:
    """What to tell a user whose text is not UTF-8."""
    return (
        f"{file}: {found}; it may be GB18030 (GBK) or another encoding: save it as UTF-8 "
        f"(in Excel: 'CSV UTF-8'), or convert it with: iconv -f GB18030 -t UTF-8"
    )


def _refuse_other_formats(file: str, head: bytes) -> None:
    if head.startswith(b"\x1f\x8b"):
        raise TableUnreadable(f"{file}: this is a gzip file; name it {file}.gz")
    if head.startswith((b"PAR1", b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise TableUnreadable(f"{file}: this is not text (a Parquet, zip or Excel file); save it as CSV or name it rightly")
    if head.startswith(_WIDE_MARKS) or b"\0" in head[:4096]:
        raise TableUnreadable(
            f"{file}: the text is UTF-16 or UTF-32, not UTF-8; save it as UTF-8, or convert it with: iconv -f UTF-16 -t UTF-8"
        )
