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
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

from credit.errors import OutOfRange, TableUnreadable
from features.tables import CONTRACT

SUFFIXES = (".csv", ".csv.gz", ".parquet")
IMPORT_NOTE = "lianxin-import.json"
"""Written beside tables that an adapter made: their zone, currency and sources."""

MAX_LINE_BYTES = 64 << 20
"""A text file with a line longer than this is refused whole; DuckDB would have to hold several such lines at once."""

MAX_COLUMNS = 1000

_HEADER_BYTES = 1 << 20
_CHUNK = 1 << 20
_NOTE_BYTES = 1 << 20
_SMALL_UNPACKED = 256 << 20
_LARGEST_RATIO = 200
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
    """What stands in a folder under the tables' names, file or not, and the names of the other files.

    Raises
    ------
    TableUnreadable
        If `path` is not a folder that can be listed, or its name is not UTF-8.
    """
    try:
        entries = sorted(path.iterdir())
        plain = {entry for entry in entries if entry.is_file()}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise TableUnreadable(f"{shown(str(path))}: not a folder that can be read ({reason}); name the folder of the tables") from None
    if any("\ud800" <= one <= "\udfff" for one in str(path)):
        raise TableUnreadable(f"{shown(str(path))}: the folder's name is not UTF-8; give it another name")
    names = {table + suffix: table for table in CONTRACT for suffix in SUFFIXES}
    files: dict[str, tuple[Path, ...]] = {}
    others = []
    for entry in entries:
        table = names.get(entry.name)
        if table is None:
            if entry in plain:
                others.append(shown(entry.name))
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
    if not path.exists() and not path.is_symlink():
        return ImportNote()
    remedy = "import again, or remove it and name the zone"
    try:
        refuse_no_file(path)
        with path.open("rb") as stream:
            text = stream.read(_NOTE_BYTES + 1)
        if len(text) > _NOTE_BYTES:
            raise TableUnreadable(f"{path}: longer than {_NOTE_BYTES >> 20} MB, which no import writes; {remedy}")
        fields = json.loads(text.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise TableUnreadable(f"{path}: not readable as JSON ({str(error)[:200]}); {remedy}") from None
    texts = isinstance(fields, dict) and all(isinstance(fields.get(key), str | None) for key in ("zone", "currency"))
    if not texts:
        raise TableUnreadable(f"{path}: zone and currency must be texts in one JSON object; {remedy}")
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


def known_currency(currency: str) -> str:
    """The currency, if it is written as ISO 4217 writes one.

    Raises
    ------
    OutOfRange
        If it is not three capital letters.

    Examples
    --------
    >>> known_currency("CNY")
    'CNY'
    """
    if not re.fullmatch("[A-Z]{3}", currency):
        raise OutOfRange(f"currency: {currency!r} is not an ISO 4217 code; name one such as CNY")
    return currency


def digest_of(path: Path) -> str:
    """The SHA-256 of a file's bytes; what is packed or text is read to its end on the way, so that damage shows.

    Raises
    ------
    TableUnreadable
        If the file cannot be read, its gzip stream is damaged, cut short or swells beyond all measure, or a line of
        its text is longer than `MAX_LINE_BYTES`.
    """
    with readable(path):
        refuse_no_file(path)
        digest, lines = hashlib.sha256(), _Lines(path.name)
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                if path.name.endswith(".csv"):
                    lines.pass_over(chunk)
        if path.name.endswith(".gz"):
            allowed = most_unpacked(path)
            with gzip.open(path, "rb") as packed:
                while chunk := packed.read(_CHUNK):
                    lines.pass_over(chunk)
                    if packed.tell() > allowed:
                        raise unpacks_too_far(path.name, allowed)
    return digest.hexdigest()


def most_unpacked(path: Path) -> int:
    """Return how many bytes a file may unpack to."""
    return max(_SMALL_UNPACKED, _LARGEST_RATIO * path.stat().st_size)


def unpacks_too_far(file: str, allowed: int) -> TableUnreadable:
    """Return the refusal of a file that unpacks to more than is allowed."""
    return TableUnreadable(
        f"{file}: unpacks to more than {allowed >> 20} MB, over {_LARGEST_RATIO} times its size, as no table does; export the table again"
    )


class _Lines:
    """Text passing by in chunks, refused at a line that is too long."""

    def __init__(self, file: str) -> None:
        self._file, self._ended, self._length = file, 0, 0

    def pass_over(self, chunk: bytes) -> None:
        last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        if last < 0:
            self._length += len(chunk)
        else:
            self._ended += chunk.count(b"\n") or chunk.count(b"\r")
            self._length = len(chunk) - last - 1
        if self._length > MAX_LINE_BYTES:
            raise TableUnreadable(
                f"{self._file}: line {self._ended + 1} is longer than {MAX_LINE_BYTES >> 20} MB; "
                "look for line breaks that are missing, and export the table again"
            )


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file's bytes are read into a refusal.

    Raises
    ------
    TableUnreadable
        If the file cannot be opened, or its gzip stream is damaged or cut short.
    """
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TableUnreadable(f"{path.name}: the gzip file is damaged ({error}); pack it or copy it again") from None
    except OSError as error:
        raise TableUnreadable(f"{path.name}: cannot be opened ({error.strerror}); check the file and its rights") from None


def refuse_no_file(path: Path) -> None:
    """Refuse what only has a file's name: a folder, a pipe, a device, a link that leads nowhere. Nothing is opened.

    Raises
    ------
    TableUnreadable
        Saying which of these it is.
    """
    if path.is_file():
        return
    kinds = (("a folder", path.is_dir), ("a pipe", path.is_fifo), ("a device", path.is_char_device), ("a device", path.is_block_device))
    kind = next((name for name, holds in kinds if holds()), "a link that leads nowhere" if path.is_symlink() else "not a file")
    raise TableUnreadable(f"{path.name}: cannot be opened, it is {kind}; put the file itself there")


def shown(name: str) -> str:
    r"""A name as it can be printed: what cannot be seen, or is no text at all, as its escape.

    Examples
    --------
    >>> shown("order_id\u200b")
    'order_id\\u200b'
    """
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in name)


def csv_header(path: Path) -> tuple[str, ...]:
    """The column names of a CSV file as they stand, trimmed.

    Raises
    ------
    TableUnreadable
        If the file is empty, is not UTF-8, is really another format, begins with a line that is none of names, names
        more than `MAX_COLUMNS`, or one twice (case does not count).
    """
    with readable(path):
        refuse_no_file(path)
        with open_bytes(path) as stream:
            head = stream.read(_HEADER_BYTES)
    if not head.removeprefix(codecs.BOM_UTF8).strip():
        raise TableUnreadable(f"{path.name}: the file is empty; give it a header line with the contract's column names")
    _refuse_other_formats(path.name, head)
    head = head.removeprefix(codecs.BOM_UTF8)
    if len(head) > _HEADER_BYTES - 8 and b"\n" not in head and b"\r" not in head:
        raise TableUnreadable(
            f"{path.name}: the header line is longer than 1 MB; name at most {MAX_COLUMNS} columns, the contract's among them"
        )
    if head.startswith((b"\n", b"\r")):
        raise TableUnreadable(f"{path.name}: the first line is blank; the header line must come first, remove what stands above it")
    if head[:4].lower() == b"sep=":
        raise TableUnreadable(f"{path.name}: the first line is {head[:5].decode('latin-1')!r}, not the header; remove that line")
    try:
        record = next(csv.reader(io.StringIO(head.decode("utf-8", errors="surrogateescape"), newline=""), strict=True))
    except csv.Error as error:
        raise TableUnreadable(f"{path.name}: the header line cannot be read ({error}); write it without line breaks") from None
    if any("\udc80" <= character <= "\udcff" for name in record for character in name):
        raise TableUnreadable(encoding_remedy(path.name, "the header line is not UTF-8"))
    names = tuple(name.strip() or f"column {place + 1}" for place, name in enumerate(record))
    refuse_too_many(path.name, len(names))
    refuse_duplicates(path.name, names)
    return names


def open_bytes(path: Path) -> IO[bytes]:
    """A file's bytes, unpacked where it is gzip."""
    return gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def refuse_too_many(file: str, columns: int) -> None:
    """Refuse a table of more than `MAX_COLUMNS` columns.

    Raises
    ------
    TableUnreadable
        Saying how many there are.
    """
    if columns > MAX_COLUMNS:
        raise TableUnreadable(f"{file}: {columns} columns, more than {MAX_COLUMNS}; keep the contract's and leave out the others")


def refuse_duplicates(file: str, names: tuple[str, ...]) -> None:
    """Refuse a table that names a column twice, also if only the case differs.

    Raises
    ------
    TableUnreadable
        Naming the columns.
    """
    twice = sorted(name for name, count in Counter(name.lower() for name in names).items() if count > 1)
    if twice:
        raise TableUnreadable(f"{file}: column names repeat ({shown(', '.join(twice))[:300]}; case does not count); keep one of each")


def encoding_remedy(file: str, found: str) -> str:
    """What to tell a user whose text is not UTF-8."""
    return (
        f"{file}: {found}; it may be GB18030 (GBK) or another encoding: save it as UTF-8 "
        f"(in Excel: 'CSV UTF-8'), or convert it with: iconv -f GB18030 -t UTF-8"
    )


def _refuse_other_formats(file: str, head: bytes) -> None:
    if head.startswith(b"\x1f\x8b"):
        if file.endswith(".gz"):
            raise TableUnreadable(f"{file}: the file is packed twice; unpack it once")
        raise TableUnreadable(f"{file}: this is a gzip file; name it {file}.gz")
    if head.startswith((b"PAR1", b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise TableUnreadable(f"{file}: this is not text (a Parquet, zip or Excel file); save it as CSV or name it rightly")
    nulls = head[:4096].count(b"\0")
    if 0 < nulls < len(head[:4096]) / 8 and not head.startswith(_WIDE_MARKS):
        raise TableUnreadable(f"{file}: the text holds NUL bytes; the file was damaged or is no text, export it again as CSV in UTF-8")
    if nulls or head.startswith(_WIDE_MARKS):
        raise TableUnreadable(
            f"{file}: the text is UTF-16 or UTF-32, not UTF-8; save it as UTF-8, or convert it with: iconv -f UTF-16 -t UTF-8"
        )
