"""A day's events added to a stored ledger: new rows to the open segment of the month, closed segments untouched.

Stands beside the second step of the walk. What a supplier's facts are is derived from all its records, so nothing in older segments has to
change when a row is corrected, delivered, paid or moved; features from an updated ledger are bitwise those of one built at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt

from credit.errors import CannotWrite, LedgerUnreadable, TableUnreadable
from features.civil import to_date
from features.collect import supplier_codes
from features.ledger import PROFILE, Ledger, ids_of, survey
from features.lookup import Standing
from features.read import (
    DEFAULT_REJECTED_SHARE,
    RawTables,
    TableReading,
    loses_too_many,
    read_folder,
    refuse_another,
    too_many_lost,
)
from features.rejects import REJECTS_TABLE, VALUE_LENGTH, Rejects, create_rejects
from features.segment import NO_LABELS, TABLES, Segment, by_supplier, combine, take, write_segment
from features.sift import CONTRADICTS, LATE_TEXT, Sifted, learn_texts, sift, without_late_texts
from features.store import (
    check_digests,
    commit,
    manifest_of,
    networks_of,
    new_name,
    open_ledger,
    read_manifest,
    write_names,
    write_networks,
    writing,
)
from features.tables import CONTRACT
from features.text_memory import TextMemory
from features.totals import changed_totals, kept_months
from features.versions import FOREVER, NEVER

_RUN: Final = 4096
"""Suppliers whose facts are counted at a time."""


@dataclass(frozen=True, slots=True)
class TableUpdate:
    """What became of one table's rows: added to the ledger, found there already, set aside by a rule."""

    added: int
    repeated: int
    set_aside: int


@dataclass(frozen=True)
class Update:
    """What an update did.

    Parameters
    ----------
    tables : mapping of str to TableUpdate
        The tables of the day that the ledger reads.
    new_suppliers : int
    last_known_day : date
        Of the ledger as it is now.
    segments_before, segments_after : int
    has_changed : bool
        False where no row was new: then nothing was written.
    rejects : Rejects
        Each broken rule of each row set aside.
    """

    tables: Mapping[str, TableUpdate]
    new_suppliers: int
    last_known_day: date
    segments_before: int
    segments_after: int
    has_changed: bool
    rejects: Rejects = field(repr=False)


def update_ledger(
    path: Path,
    folder: Path,
    *,
    max_rejected_share: float = DEFAULT_REJECTED_SHARE,
    now: datetime | None = None,
    progress: Callable[[str], None] | None = None,
) -> Update:
    """Add a folder of what came in since to a stored ledger, or leave the ledger as it is.

    Parameters
    ----------
    path : Path
        The ledger.
    folder : Path
        Tables of the data contract, any of them; suppliers and orders that stand in the ledger need not be there again.
    max_rejected_share : float
        The largest share of a table's rows that may be set aside, in [0, 1]; above 0, `features.read.FEW_ROWS` may be in any case.
    now : datetime, optional
        The instant of the import, by default the clock.
    progress : callable, optional
        Told the name of each stage as it begins.

    Raises
    ------
    LedgerUnreadable
        If `path` is no ledger, is damaged, or another process is writing to it.
    TableUnreadable
        If the folder cannot be imported, holds no table, or is of another zone or currency than the ledger.
    CannotWrite
        If the ledger cannot be written.
    """
    read_manifest(path.resolve())
    with writing(path) as held:
        return _addition(held, folder, max_rejected_share, now, progress or (lambda stage: None)).run()


def preview_update(
    path: Path,
    folder: Path,
    *,
    max_rejected_share: float = DEFAULT_REJECTED_SHARE,
    now: datetime | None = None,
    progress: Callable[[str], None] | None = None,
) -> Update:
    """Say what `update_ledger` would do, and write nothing: neither it nor an update meanwhile is in the other's way.

    Raises as `update_ledger` does; `LedgerUnreadable`, too, where the ledger was replaced meanwhile.
    """
    held = path.resolve()
    before = read_manifest(held)
    try:
        return _addition(held, folder, max_rejected_share, now, progress or (lambda stage: None)).run(is_preview=True)
    except (LedgerUnreadable, duckdb.IOException) as error:
        if read_manifest(held) != before:
            raise LedgerUnreadable(f"{path} was written by another process meanwhile; ask again") from error
        if isinstance(error, duckdb.IOException):
            raise CannotWrite(f"the temporary folder cannot be written ({str(error).splitlines()[0]}); free space there") from error
        raise


def _addition(held: Path, folder: Path, share: float, now: datetime | None, say: Callable[[str], None]) -> "_Addition":
    """Open a ledger, and read a folder beside it."""
    say("opening the ledger")
    manifest, standing = _open(held)
    say("reading")
    found = read_folder(folder, max_rejected_share=share, now=now, earlier=standing)
    problems = list(found.problems)
    if not found.readings:
        problems.append(f"{folder}: no table of the data contract is there; put orders.csv, fulfilments.csv or another one there")
    if problems:
        found.tables.close()
        raise TableUnreadable("\n".join(problems))
    return _Addition(held, manifest, standing, found.tables, found.readings, share, say)


def update_stored(path: Path, tables: RawTables, *, progress: Callable[[str], None] | None = None) -> Update:
    """Add accepted rows to a stored ledger, or leave it as it is: what `update_ledger` does once a folder is read. Raises as it does."""
    read_manifest(path.resolve())
    with writing(path) as held:
        manifest, standing = _open(held)
        refuse_another(tables.source, tables.zone, tables.currency, standing)
        create_rejects(tables.con)
        return _Addition(held, manifest, standing, tables, {}, 1.0, progress or (lambda stage: None)).run()


def _open(held: Path) -> tuple[dict[str, Any], Standing]:
    """The ledger that is added to; what is read to be written again must be what was saved."""
    manifest = read_manifest(held)
    if len(manifest["months"]) != len(manifest["segments"]) or not manifest["segments"]:
        raise LedgerUnreadable(
            f"{held} is damaged: its manifest names other months than segments; build it again with `lianxin ledger build`"
        )
    closed = tuple(f"{name}/" for name in (manifest["segments"][:-1] if manifest["open"] else manifest["segments"]))
    check_digests(held, {name: digest for name, digest in manifest["sha256"].items() if not name.startswith(closed)})
    return manifest, Standing(open_ledger(held, verify=False))


@dataclass(frozen=True)
class _Addition:
    """One update under way."""

    held: Path
    manifest: dict[str, Any]
    standing: Standing
    tables: RawTables
    readings: Mapping[str, TableReading]
    share: float
    say: Callable[[str], None]

    @property
    def ledger(self) -> Ledger:
        """The ledger as it was."""
        return self.standing.ledger

    def run(self, *, is_preview: bool = False) -> Update:
        """Sift, write, and make it the ledger; a preview stops before it writes."""
        self.say("comparing")
        con = self.tables.con.cursor()
        con.execute("SET TimeZone = 'UTC'")
        sifted = self._sifted(con)
        for table, rows in sifted.items():
            self._set_aside(con, table, rows)
        before = len(self.manifest["segments"])
        if not any(rows.added for rows in sifted.values()) and self.tables.present <= self.ledger.present:
            return self._told(sifted, self.ledger, before)
        texts = self.ledger.texts
        if "reviews" in sifted and sifted["reviews"].added:
            sifted["reviews"], learned = learn_texts(con, sifted["reviews"], texts(), self.ledger.zone)
            texts = learned.itself
        count = self.standing.codes.suppliers.count
        empty = by_supplier([np.zeros(0, dtype=one.dtype) for one in self.ledger.segments[0].records], (), 0, count)
        records = [sifted[table].records if table in sifted else empty.records[t] for t, table in enumerate(TABLES)]
        day = by_supplier(records, [sifted[table].labels if table in sifted else NO_LABELS for table in TABLES], 0, count)
        self.say("facts")
        ledger = self._with(con, day, texts, sifted["suppliers"].rows if "suppliers" in sifted else np.empty(0, dtype=np.int64))
        closed, month = self._closed(ledger)
        if not is_preview:
            self.say("saving")
            self._commit(ledger, day, closed, month)
        return self._told(sifted, ledger, len(closed) + 1)

    def _sifted(self, con: duckdb.DuckDBPyConnection) -> dict[str, Sifted]:
        """The rows of each table of the day beside the ledger's."""
        named = [table for table in TABLES if table in self.tables.present]
        if named:
            supplier_codes(con, named, self.standing.codes.suppliers)
        renamed = {"suppliers": self._renamed(con)}
        sifted = {table: sift(con, table, self.ledger, self.standing.codes, renamed.get(table, frozenset())) for table in named}
        if "reviews" in sifted and sifted["reviews"].added:
            sifted["reviews"] = without_late_texts(con, sifted["reviews"], self.ledger.texts().last, self.ledger.zone)
        return sifted

    def _profiles(self) -> str:
        file = str(self.held / self.manifest["names"] / "profiles.parquet").replace("'", "''")
        return f"read_parquet('{file}')"

    def _renamed(self, con: duckdb.DuckDBPyConnection) -> frozenset[int]:
        """Rows of suppliers that give a known version of a profile other words."""
        words = [name.strip() for name in PROFILE.split(",")][1:]
        differs = " OR ".join(f"s.{name} IS DISTINCT FROM p.{name}" for name in words)
        query = f"""
            SELECT s.source_row FROM suppliers s JOIN {self._profiles()} p
            ON s.supplier_id = p.supplier_id AND s.recorded_at IS NOT DISTINCT FROM p.recorded_at WHERE {differs}"""
        return frozenset(row for (row,) in con.execute(query).fetchall())

    def _set_aside(self, con: duckdb.DuckDBPyConnection, table: str, sifted: Sifted) -> None:
        """Report the rows that cannot be added, and refuse a table that loses too many."""
        if not sifted.lost:
            return
        key, reading = CONTRACT[table].key, self.readings.get(table)
        columns = {CONTRADICTS: key, LATE_TEXT: ("recorded_at",)}
        for rule, rows in sifted.aside.items():
            value = " || ', ' || ".join(f"coalesce(CAST({name} AS VARCHAR), '')" for name in columns[rule])
            con.register("lost", {"source_row": rows})
            con.execute(
                f"""
                INSERT INTO {REJECTS_TABLE} SELECT '{table}', $file, source_row, '{", ".join(columns[rule])}', '{rule}',
                left({value}, {VALUE_LENGTH}) FROM {table} JOIN lost USING (source_row)""",
                {"file": reading.file if reading else table},
            )
            con.unregister("lost")
        if reading and loses_too_many(reading.rejected + sifted.lost, reading.rows, self.share):
            lost = (
                f"{reading.rejected + sifted.lost} of {reading.rows} rows were set aside, {sifted.lost} because of what the ledger has "
                f"already, more than the share of {self.share:.1%} allowed"
            )
            raise TableUnreadable(too_many_lost(con, table, reading.file, lost))

    def _with(
        self, con: duckdb.DuckDBPyConnection, day: Segment, texts: Callable[[], TextMemory], profiles: npt.NDArray[np.int64]
    ) -> Ledger:
        """The ledger with the day's records; facts are counted again of the suppliers they touch."""
        old, codes = self.ledger, self.standing.codes
        more = codes.suppliers.count - len(old.suppliers)
        fresh = np.repeat(np.array([[FOREVER], [FOREVER], [NEVER]], dtype=np.int32), more, axis=1)
        days, counts = np.concatenate([old.days, fresh], axis=1), np.concatenate([old.counts, np.zeros(more, dtype=np.int64)])
        touched = np.flatnonzero((np.diff(day.offsets, axis=1) > 0).any(axis=0))
        for low in range(0, len(touched), _RUN):
            run = touched[low : low + _RUN]
            days[:, run], counts[run] = survey(take((*old.segments, day), run))
        con.register("fresh", {"source_row": profiles})
        con.execute(
            f"""
            CREATE OR REPLACE TABLE profiles AS SELECT {PROFILE}, recorded_at FROM (
                SELECT {PROFILE}, recorded_at, 0 AS place FROM {self._profiles()} UNION ALL
                SELECT {PROFILE}, recorded_at, 1 FROM suppliers JOIN fresh USING (source_row))
            QUALIFY row_number() OVER (PARTITION BY supplier_id ORDER BY recorded_at DESC NULLS LAST, place) = 1 ORDER BY supplier_id"""
        )
        con.unregister("fresh")
        number = self.manifest["updates"] + 1
        digests = {f"update-{number:04d}/{file}": digest for file, digest in self.tables.digests.items()}
        return replace(
            old,
            suppliers=ids_of(codes.suppliers),
            parties=ids_of(codes.parties),
            days=days,
            counts=counts,
            present=old.present | self.tables.present,
            digests={**old.digests, **digests},
            profiles=con,
            texts=texts,
            networks={},
        )

    def _closed(self, ledger: Ledger) -> tuple[list[str], str]:
        """Segments that stay as they are, and the month of the one that is written after them."""
        manifest, month = self.manifest, f"{to_date(int(ledger.days[2].max())):%Y-%m}"
        stays = bool(manifest["open"]) and month <= manifest["months"][-1]
        return (manifest["segments"][:-1], manifest["months"][-1]) if stays else (manifest["segments"], month)

    def _commit(self, ledger: Ledger, day: Segment, closed: list[str], month: str) -> None:
        """Write what is new and swap the manifest."""
        manifest = self.manifest
        segment = new_name("segment", len(closed))
        parts = (*self.ledger.segments[len(closed) :], day)
        write_segment(self.held / segment, combine(parts, len(ledger.suppliers)))
        networks = self._networks(ledger, day)
        named = {
            **manifest_of(ledger, [*closed, segment], write_names(self.held, ledger), networks),
            "months": [*manifest["months"][: len(closed)], month],
            "open": True,
            "updates": manifest["updates"] + 1,
        }
        kept = tuple(f"{name}/" for name in (*closed, *networks.values()))
        commit(self.held, named, {name: digest for name, digest in manifest["sha256"].items() if name.startswith(kept)})

    def _networks(self, ledger: Ledger, day: Segment) -> dict[str, str]:
        """Folders of the buyer network's totals by month, written where the day changes them or begins the month."""
        stored = networks_of(self.manifest)
        before = {month: self.ledger.networks[month, month][0] for month in stored}
        changed = changed_totals(before, self.ledger.segments, day, ledger)
        stays = [month for month in kept_months(ledger) if month not in changed]
        return {**{to_date(month).isoformat(): stored[month] for month in stays}, **write_networks(self.held, changed)}

    def _told(self, sifted: Mapping[str, Sifted], ledger: Ledger, segments: int) -> Update:
        counts = {}
        for table, rows in sifted.items():
            lost = self.readings[table].rejected if table in self.readings else 0
            counts[table] = TableUpdate(rows.added, rows.repeated, lost + rows.lost)
        return Update(
            tables=counts,
            new_suppliers=len(ledger.suppliers) - len(self.ledger.suppliers),
            last_known_day=ledger.last_known_day,
            segments_before=len(self.manifest["segments"]),
            segments_after=segments,
            has_changed=ledger is not self.ledger,
            rejects=Rejects(self.tables.con),
        )
