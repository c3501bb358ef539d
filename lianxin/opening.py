"""Open what a command was pointed at: a ledger folder as it is, or a folder of tables read and built on the way."""

from pathlib import Path

from features.ledger import Ledger, build_ledger, open_ledger
from features.read import read_tables
from lianxin.console import Progress


def open_or_build(folder: Path, zone: str | None, tell: Progress) -> Ledger:
    """Return the ledger in a folder, or the one its tables give."""
    if (folder / "manifest.json").is_file():
        tell("opening the ledger", 0.5)
        return open_ledger(folder)
    tell("reading", 0.0)
    tables, _ = read_tables(folder, zone=zone)
    return build_ledger(tables, progress=tell)
