"""Open what a command was pointed at: a ledger folder as it is, or a folder of tables read and built on the way."""

from pathlib import Path

from credit.errors import BundleTampered, TableUnreadable
from features.ledger import Ledger, build_ledger
from features.quality import QualityReport, measure_quality
from features.read import RawTables, read_folder
from features.store import open_ledger
from lianxin.console import Progress
from training.bundle import ScoringBundle


def load_signed(bundle: Path, *, trusted_key: str | None, allow_unsigned: bool) -> ScoringBundle:
    """Return a verified bundle; one that nobody signed is refused unless that was allowed."""
    model = ScoringBundle.load(bundle, trusted_key=trusted_key)
    if model.signed_by is None and not allow_unsigned:
        raise BundleTampered(f"{bundle} is not signed; release it with `lianxin release`, or say --allow-unsigned")
    return model


def open_or_build(folder: Path, zone: str | None, tell: Progress) -> Ledger:
    """Return the ledger in a folder, or the one its tables give."""
    if (folder / "manifest.json").is_file():
        tell("opening the ledger", 0.5)
        return open_ledger(folder)
    tables, report = read_checked(folder, zone, tell)
    return build_ledger(tables, quality=report.shares, progress=tell)


def read_checked(folder: Path, zone: str | None, tell: Progress) -> tuple[RawTables, QualityReport]:
    """Read a folder's tables with their quality report, or refuse with everything that stops the import."""
    tell("reading", 0.0)
    found = read_folder(folder, zone=zone)
    report = measure_quality(found)
    if not report.passed:
        raise TableUnreadable("\n".join(report.problems))
    return found.tables, report
