"""Accepted tables as Spark sees them: a session, the tables with their types checked, and every row packed for one exchange.

Stands inside the second step of the walk. Spark SQL reads, projects as `features.record_columns.select_list` says, finds rows that moved
from one supplier to another, and groups by supplier; it computes nothing of its own, so that no engine has a second opinion on a number.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.types import DataType, DateType, DecimalType, DoubleType, StringType, TimestampNTZType, TimestampType

from credit.errors import LianxinError, TableUnreadable
from features.columns import SQL_TYPES, Column, Kind
from features.record_columns import select_list
from features.records import MOVABLE, RECORDS, RecordTable
from features.segment import TABLES
from features.spark_rows import PART, RECORDED, SUPPLIER, VOID, Layout
from features.tables import CONTRACT, REQUIRED_TABLES

_SPARK_TYPES: Final[Mapping[Kind, str]] = {
    kind: {Kind.TIME: "timestamp_ntz", Kind.DATE: "date", Kind.MONEY: "decimal(18,2)", Kind.NUMBER: "double"}.get(kind, "string")
    for kind in Kind
}


_LOOPBACK: Final = "127.0.0.1"
_CONFIGURED: Final = ("SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS", "SPARK_REMOTE", "MASTER")
"""Where one of these is set, somebody else says where Spark runs."""


class SparkUnavailable(LianxinError):
    """Spark could not be started: Java is missing, or the cluster does not answer."""


@dataclass(frozen=True, slots=True)
class SparkTables:
    """Accepted tables on Spark.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        By the contract's names; those the platform handed over.
    zone : str
        Civil days are days of this zone.
    """

    frames: Mapping[str, DataFrame]
    zone: str

    @property
    def present(self) -> frozenset[str]:
        """Contract tables the platform handed over."""
        return frozenset(self.frames)


def open_session(master: str | None = None, settings: Mapping[str, str] | None = None) -> SparkSession:
    """Return the session under way, or a new one.

    Parameters
    ----------
    master : str, optional
        Spark's master; by default the one Spark is configured with, else every core of this machine. A local one stays on loopback.
    settings : mapping of str to str, optional
        Spark's own, for a new session.

    Raises
    ------
    SparkUnavailable
        If there is no Java, or Spark does not start.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("lianxin")
    if master is None and not any(name in os.environ for name in _CONFIGURED):
        master = "local[*]"
    if master is not None:
        builder = builder.master(master)
    own = {"spark.ui.enabled": "false", "spark.log.level": "ERROR"}
    if master is not None and master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", _LOOPBACK)
        own |= {"spark.driver.bindAddress": _LOOPBACK, "spark.driver.host": _LOOPBACK}
    for name, value in (own | dict(settings or {})).items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate()
    except PySparkException as error:
        told = str(error).splitlines()[0]
        raise SparkUnavailable(f"Spark does not start ({told}); it needs Java 17 or later (JAVA_HOME) and a master that answers") from error


def open_tables(spark: SparkSession, source: str, *, zone: str, is_database: bool = False) -> SparkTables:
    """Open accepted tables.

    Parameters
    ----------
    spark : SparkSession
        The tables are read in a session of their own beside it, whose zone is UTC.
    source : str
        A folder with `<table>.parquet` (file or folder) each, at any address Spark reads, or a database of Spark's catalogue.
    zone : str
        Civil days are days of this zone.
    is_database : bool
        `source` is a database.

    Raises
    ------
    TableUnreadable
        If a required table or column is missing, or a column has another type than the contract's.
    """
    own = spark.newSession()
    own.conf.set("spark.sql.session.timeZone", "UTC")
    own.conf.set("spark.sql.parquet.inferTimestampNTZ.enabled", "true")
    frames = {}
    for name in TABLES:
        found = _frame(own, source, name, is_database=is_database)
        if found is not None:
            frames[name] = _typed(found, name)
        elif name in REQUIRED_TABLES:
            raise TableUnreadable(f"{source}: the required table {name} is missing; write accepted tables with `lianxin check --accepted`")
    return SparkTables(frames, zone)


def _frame(spark: SparkSession, source: str, name: str, *, is_database: bool) -> DataFrame | None:
    if is_database:
        return spark.table(f"{source}.{name}") if spark.catalog.tableExists(f"{source}.{name}") else None
    try:
        return spark.read.parquet(f"{source.rstrip('/')}/{name}.parquet")
    except AnalysisException as error:
        if error.getCondition() == "PATH_NOT_FOUND":
            return None
        raise TableUnreadable(f"{source}: {name}.parquet cannot be read ({str(error).splitlines()[0]}); write it again") from error


def _typed(frame: DataFrame, table: str) -> DataFrame:
    """Refuse a type that is not the contract's; columns the table may lack are added as missing."""
    types = {field.name: field.dataType for field in frame.schema.fields}
    columns = []
    for column in CONTRACT[table].columns:
        found = types.get(column.name)
        if found is None and column.required:
            raise TableUnreadable(f"{table}: the required column {column.name} is missing; write accepted tables again")
        if found is not None and not _is_of(column, found):
            raise TableUnreadable(
                f"{table}.{column.name}: the contract's type is {SQL_TYPES[column.kind]}, found {found.simpleString()}; "
                "write accepted tables with `lianxin check --accepted`"
            )
        columns.append(f.col(column.name) if found is not None else f.lit(None).cast(_SPARK_TYPES[column.kind]).alias(column.name))
    return frame.select(columns)


def _is_of(column: Column, found: DataType) -> bool:
    if column.kind is Kind.TIME:
        return isinstance(found, TimestampType | TimestampNTZType)
    if column.kind is Kind.MONEY:
        return isinstance(found, DecimalType) and found.scale <= 2 and found.precision - found.scale <= 16
    return isinstance(found, {Kind.DATE: DateType, Kind.NUMBER: DoubleType}.get(column.kind, StringType))


def is_corrected(frame: DataFrame) -> bool:
    """Return whether any row says when it was recorded; Parquet's own statistics answer for most files."""
    return not frame.select(RECORDED).where(f.col(RECORDED).isNotNull()).limit(1).isEmpty()


def layout_of(tables: SparkTables, named: frozenset[str], is_wanted: Callable[[str], bool], *, has_network: bool) -> Layout:
    """Return the layout of what is read of some tables: a key only where rows have versions, other columns as they are wanted."""
    columns = {}
    for name in (table for table in TABLES if table in named):
        spec = RECORDS[name]
        columns[name] = spec.columns_read(is_wanted, is_keyed=name == "orders" or is_corrected(tables.frames[name]))
    return Layout(Layout.of(columns).slots, has_network)


def packed(tables: SparkTables, layout: Layout) -> DataFrame:
    """Return the rows of all tables of a layout in its one form."""
    parts = []
    for name, slots in layout.slots.items():
        spec, frame = RECORDS[name], tables.frames[name]
        shown = frame.selectExpr(*select_list(spec, (SUPPLIER, RECORDED, *slots)).split(", "))
        parts.append(_pack(shown, spec, layout, TABLES.index(name)))
        if name in MOVABLE and spec.key[0] in slots:  # without versions nothing moves
            parts.append(_pack(_moved(frame, spec), spec, layout, TABLES.index(name) + VOID))
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.unionByName(part)
    return whole


def _moved(frame: DataFrame, spec: RecordTable) -> DataFrame:
    """Tell every supplier a row ever stood with when it was recorded with another."""
    key = spec.key[0]
    owners = frame.groupBy(key).agg(f.min(SUPPLIER).alias("first"), f.max(SUPPLIER).alias("last"))
    moved = owners.where("first <> last").select(key)
    rows = frame.select(SUPPLIER, key, RECORDED).join(moved, key)
    mine, others = rows.select(SUPPLIER, key), rows.select(f.col(SUPPLIER).alias("other"), key, RECORDED)
    return mine.join(others, key).where(f.col(SUPPLIER) != f.col("other")).select(SUPPLIER, key, RECORDED).distinct()


def _pack(frame: DataFrame, spec: RecordTable, layout: Layout, part: int) -> DataFrame:
    """Put a table's columns into their slots."""
    names = {slot: name for name, slot in layout.slots[spec.table].items() if name in frame.columns}
    values = {slot: number(spec.table, name) for slot, name in names.items()}
    return slotted(frame, layout, part, moment(RECORDED), values)


def slotted(frame: DataFrame, layout: Layout, part: int, recorded: SparkColumn, values: Mapping[str, SparkColumn]) -> DataFrame:
    """Return packed rows of a frame: the supplier, what kind of row it is, when it was recorded, and every slot."""
    columns = [f.col(SUPPLIER), f.lit(part).cast("tinyint").alias(PART), recorded.alias(RECORDED)]
    for slot in layout.every:
        kind = {"text": "string", "whole": "bigint", "number": "double"}[slot.rstrip("0123456789")]
        columns.append(values.get(slot, f.lit(None)).cast(kind).alias(slot))
    return frame.select(columns)


def number(table: str, name: str) -> SparkColumn:
    """A cell as the number a packed row holds: moments as microseconds UTC, dates as days, money as fen."""
    kind = CONTRACT[table].column(name).kind
    return moment(name) if kind is Kind.TIME else f.unix_date(f.col(name)) if kind is Kind.DATE else f.col(name)


def moment(name: str) -> SparkColumn:
    """A time as microseconds since 1970 in UTC, which is the session's zone."""
    return f.unix_micros(f.col(name).cast("timestamp"))
