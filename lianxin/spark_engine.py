"""What the commands do with `--engine spark`: open accepted tables on Spark, or let a folder through the door first, and write parts."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from credit.errors import CannotWrite, NotEnoughHistory, OutOfRange
from lianxin.console import Progress

if TYPE_CHECKING:
    from features.spark import DataFrame, SparkTables


class Engine(StrEnum):
    """What brings together the rows of a supplier."""

    DUCKDB = "duckdb"
    SPARK = "spark"


EngineOption = Annotated[
    Engine,
    typer.Option("--engine", help="`spark` needs lianxin[spark] and Java 17; DIR holds tables then, and the result is a folder of parts."),
]


def write_features(folder: Path, dates: list[date], out: Path, zone: str | None, tell: Progress) -> tuple[int, int]:
    """Build features on Spark into a new folder; return how many rows and features there are."""
    from features.catalog import CATALOG

    with _tables_on_spark(folder, out, zone, tell) as tables:
        from features.spark import features_on_spark

        _refuse_later(tables, dates)
        tell("features", 0.5)
        return _write(features_on_spark(tables, dates), out, dates[-1]), len(CATALOG)


def write_scores(
    bundle: Path, folder: Path, as_of: date, out: Path, zone: str | None, tell: Progress, *, trusted_key: str | None, is_explained: bool
) -> int:
    """Score a platform on Spark into a new folder; return how many suppliers there are. `trusted_key` must have signed the bundle."""
    with _tables_on_spark(folder, out, zone, tell) as tables:
        from features.spark import features_on_spark
        from serving.assess import scored_features
        from training.bundle import ScoringBundle
        from training.spark_scores import score_on_spark

        _refuse_later(tables, [as_of])
        tell("scoring", 0.5)
        chosen = scored_features(ScoringBundle.load(bundle, trusted_key=trusted_key).names)
        scores = score_on_spark(bundle, features_on_spark(tables, [as_of], features=chosen), trusted_key=trusted_key)
        plain = scores.select("supplier_id", "as_of", "points", "grade", "pd_12m")
        return _write(scores if is_explained else plain, out, as_of)


@contextmanager
def _tables_on_spark(folder: Path, out: Path, zone: str | None, tell: Progress) -> "Iterator[SparkTables]":
    """Open a folder's tables on Spark until the block ends; tables that have not passed the door pass it first."""
    missing = [name for name in ("pyspark", "pyarrow", "pandas") if find_spec(name) is None]
    if missing:
        raise OutOfRange(f"--engine spark needs lianxin[spark]: pip install 'lianxin[spark]' (not found: {', '.join(missing)})")
    if out.exists():
        raise CannotWrite(f"{out} is there already; Spark writes a new folder of parts: name one that is not there")
    if (folder / "manifest.json").is_file():
        raise OutOfRange(f"{folder} is a ledger, which one machine reads; name the folder of its tables for --engine spark")
    from features.accepted import accepted_zone, write_accepted
    from features.spark import open_session, open_tables
    from lianxin.opening import read_checked

    with TemporaryDirectory(prefix="lianxin-") as work, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")  # said at every start, of pandas 3
        source, own_zone = folder, accepted_zone(folder)
        if own_zone is None:
            raw, _ = read_checked(folder, zone, tell)
            source, own_zone = Path(work) / "accepted", raw.zone
            write_accepted(raw, source)
            raw.close()
        tell("starting Spark", 0.4)
        spark = open_session(settings={"spark.ui.showConsoleProgress": "false"})
        try:
            yield open_tables(spark, str(source.absolute()), zone=zone or own_zone)
        finally:
            spark.stop()


def _refuse_later(tables: "SparkTables", dates: list[date]) -> None:
    """Refuse dates after the last one the tables can answer for."""
    from features.spark import latest_as_of

    latest = latest_as_of(tables)
    if dates[-1] > latest:
        raise OutOfRange(f"the data can answer up to {latest}; {dates[-1]} lies later: ask for {latest} at the latest")


def _write(frame: "DataFrame", out: Path, as_of: date) -> int:
    """Write a frame as a new folder of Parquet files, complete or not at all, and return its rows."""
    with TemporaryDirectory(prefix=f".{out.name}.", dir=_parent(out)) as draft:
        parts = Path(draft).absolute() / "parts"
        frame.write.parquet(str(parts))
        rows = int(frame.sparkSession.read.parquet(str(parts)).count())
        if not rows:
            raise NotEnoughHistory(f"nothing was known of any supplier before {as_of}; ask for a later date")
        parts.rename(out)
    return rows


def _parent(out: Path) -> Path:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"{out.parent} cannot be made ({error.strerror}); name a place that can be written") from error
    return out.parent
