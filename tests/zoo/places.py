"""What stands where a file should: folders, pipes, links to nowhere, two files for one, and notes that are none."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

from features.raw_files import IMPORT_NOTE
from tests.zoo.case import Case, orders_text, put, refused

_ITSELF = "put the file itself there"
_NOTE_REMEDY = "import again, or remove it"


def _both(first: Callable[[Path], object], second: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda folder: (first(folder), second(folder))


def _note(name: str, content: str | bytes, *said: str, command: bool = False) -> Case:
    return refused(name, _both(put("orders.csv", orders_text()), put(IMPORT_NOTE, content)), *said, command=command)


def _link(target: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "orders.csv").symlink_to(target)


_GZIP = gzip.compress(orders_text().encode())

CASES: tuple[Case, ...] = (
    refused("a link to a folder of another name", _link("."), "it is a folder", _ITSELF),
    refused("no file at all", lambda folder: None, "the required table orders is missing", "put orders.csv", command=True),
    refused(
        "a folder named like the file",
        lambda folder: (folder / "orders.csv").mkdir(),
        "orders.csv: cannot be opened, it is a folder",
        _ITSELF,
        command=True,
    ),
    refused(
        "a folder named like an optional file",
        lambda folder: (folder / "loans.parquet").mkdir(),
        "loans.parquet: cannot be opened, it is a folder",
        _ITSELF,
        table="loans",
    ),
    refused("a pipe", lambda folder: os.mkfifo(folder / "orders.csv"), "orders.csv: cannot be opened, it is a pipe", _ITSELF, command=True),
    refused(
        "a pipe named gzip", lambda folder: os.mkfifo(folder / "orders.csv.gz"), "orders.csv.gz: cannot be opened, it is a pipe", _ITSELF
    ),
    refused("an endless device", _link("/dev/zero"), "orders.csv: cannot be opened, it is a device", _ITSELF, command=True),
    refused(
        "a link to itself", _link("orders.csv"), "orders.csv: cannot be opened, it is a link that leads nowhere", _ITSELF, command=True
    ),
    refused("a link to a file that is gone", _link("gone.csv"), "it is a link that leads nowhere", _ITSELF),
    refused(
        "CSV and Parquet of one table",
        _both(put("orders.csv", orders_text()), put("orders.parquet", b"PAR1")),
        "orders.csv and orders.parquet are both there",
        "keep one file",
        command=True,
    ),
    refused(
        "CSV and gzip of one table", _both(put("orders.csv", orders_text()), put("orders.csv.gz", _GZIP)), "are both there", "keep one file"
    ),
    refused(
        "another spelling of the file's name", put("Orders.CSV", orders_text()), "the required table orders is missing", "put orders.csv"
    ),
    refused("a spreadsheet by the name of CSV", put("orders.csv", b"PK\x03\x04" + b"x" * 99), "Excel", "save it as CSV", command=True),
    refused("an old spreadsheet by the name of CSV", put("orders.csv", b"\xd0\xcf\x11\xe0" + b"x" * 99), "Excel", "save it as CSV"),
    refused("Parquet by the name of CSV", put("orders.csv", b"PAR1" + b"x" * 99), "Parquet", "name it rightly"),
    refused("gzip by the name of CSV", put("orders.csv", _GZIP), "this is a gzip file", "name it orders.csv.gz", command=True),
    refused("CSV by the name of gzip", put("orders.csv.gz", orders_text()), "the gzip file is damaged", "pack it or copy it again"),
    refused("gzip of gzip", put("orders.csv.gz", gzip.compress(_GZIP)), "the file is packed twice", "unpack it once", command=True),
    refused("gzip cut short", put("orders.csv.gz", _GZIP[:-12]), "the gzip file is damaged", "copy it again", command=True),
    refused("gzip with a wrong checksum", put("orders.csv.gz", _GZIP[:-8] + b"\0" * 8), "the gzip file is damaged", "copy it again"),
    refused(
        "gzip with a byte turned over",
        put("orders.csv.gz", _GZIP[:40] + bytes([_GZIP[40] ^ 0xFF]) + _GZIP[41:]),
        "the gzip file is damaged",
        "copy it again",
    ),
    refused("gzip with something behind it", put("orders.csv.gz", _GZIP + b"tail"), "the gzip file is damaged", "copy it again"),
    refused("gzip of nothing", put("orders.csv.gz", gzip.compress(b"")), "the file is empty", "give it a header line"),
    _note("a note that is no JSON", "{zone: Asia/Shanghai}", "not readable as JSON", _NOTE_REMEDY, command=True),
    _note("a note nested too deep", "[" * 100_000, "not readable as JSON", _NOTE_REMEDY, command=True),
    _note("a note that is too long", '{"zone": "' + "x" * (2 << 20) + '"}', "longer than 1 MB", _NOTE_REMEDY),
    _note("a note in GBK", '{"zone": "上海"}'.encode("gbk"), "not readable as JSON", _NOTE_REMEDY),
    _note("a note with a number of ten thousand digits", '{"zone": ' + "9" * 10_000 + "}", "not readable as JSON", _NOTE_REMEDY),
    _note("a zone that is none", '{"zone": "Mars/Olympus"}', "'Mars/Olympus' is not an IANA time zone", "name one such as", command=True),
    _note("a zone of the machine", '{"zone": "localtime"}', "zone: 'localtime' is not", "name one such as"),
    _note("a zone that is a path", '{"zone": "../../etc/passwd"}', "is not an IANA time zone", "name one such as"),
    _note("a zone that is no text", '{"zone": 8}', "zone and currency must be texts", _NOTE_REMEDY),
    _note(
        "a currency by its name",
        '{"currency": "人民币"}',
        "currency: '人民币' is not an ISO 4217 code",
        "name one such as CNY",
        command=True,
    ),
    _note("a currency that is half a character", '{"currency": "\\ud800"}', "is not an ISO 4217 code", "name one such as CNY"),
    refused(
        "a note that is a folder",
        _both(put("orders.csv", orders_text()), lambda folder: (folder / IMPORT_NOTE).mkdir()),
        "it is a folder",
        _ITSELF,
    ),
    refused(
        "a note that is a pipe",
        _both(put("orders.csv", orders_text()), lambda folder: os.mkfifo(folder / IMPORT_NOTE)),
        "it is a pipe",
        _ITSELF,
        command=True,
    ),
)
