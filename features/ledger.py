"""Tables to ledger: every fact that can be known about every supplier, sorted by supplier, each with the day it became known.

The second step of the walk and the only pass over all the events. A `Ledger` is a set of arrays with one total order; saved, it is a
folder of plain arrays that are mapped into memory and read for one supplier in microseconds, plus `facts.parquet` with the keys behind
the facts, for evidence.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import duckdb
import numpy as np
import numpy.typing as npt

from credit.errors import LedgerUnreadable, NotEnoughHistory, UnknownSupplier
from features.facts import COLUMNS, KIND_INDEX, KINDS, PLANNED_KINDS
from features.facts_sql import FACT_ORDER, FACTS, ORDER_DELIVERY, ORDER_STATE, spans, version_views
from features.read import RawTables

FORMAT: Final = 2
_ARRAYS: Final = {
    "kind": "i1",
    "event_day": "i4",
    "known_day": "i4",
    "party": "i4",
    "values": "i8",
    "offsets": "i8",
    "on_time": "i8",
    "party_counts": "i8",
    "known_from": "i4",
    "supplier_ids": "U",
    "span": "i4",
}
"""The stored arrays and their types."""
_EPOCH: Final = date(1970, 1, 1).toordinal()


def to_day(day: date) -> int:
    """Return a date as days since 1970-01-01.

    Examples
    --------
    >>> to_day(date(1970, 1, 2))
    1
    """
    return day.toordinal() - _EPOCH


def to_date(day: int) -> date:
    """Return days since 1970-01-01 as a date.

    Examples
    --------
    >>> to_date(1)
    datetime.date(1970, 1, 2)
    """
    return date.fromordinal(int(day) + _EPOCH)


@dataclass(frozen=True, slots=True)
class Profile:
    """Who a supplier is, as last known; None where the platform does not say."""

    name: str | None
    kind: str | None
    province: str | None
    industry: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """All facts, by supplier.

    Parameters
    ----------
    arrays : mapping of str to array
        `kind` int8, `event_day`, `known_day`, `party` int32 (facts,), `values` int64 (facts, COLUMNS); per supplier `offsets` int64
        (suppliers + 1,), `on_time` (end of the facts known on their own day), `party_counts`, `known_from` (first day anything was
        known of the supplier) and `supplier_ids`, ascending; `span` int32 (2,), the first and last day on which trade became known.
    zone : str
        Civil days are days of this zone.
    present : frozenset of str
        Contract tables the platform handed over; features of the others are missing.
    digests : mapping of str to str
        SHA-256 of each source file.
    evidence : duckdb connection
        With the views `facts` (supplier_id, kind, event_day, known_day, party, v0 .. v4, key) and `profiles` (supplier_id, name, kind,
        province, industry).
    quality : mapping of str to float or None
        The five shares of the import's quality report; empty where the tables were not checked.
    """

    arrays: Mapping[str, npt.NDArray[Any]]
    zone: str
    present: frozenset[str]
    digests: Mapping[str, str]
    evidence: duckdb.DuckDBPyConnection = field(repr=False)
    quality: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def supplier_ids(self) -> npt.NDArray[np.str_]:
        """Supplier ids, ascending."""
        return self.arrays["supplier_ids"]

    @property
    def last_known_day(self) -> date:
        """The last day on which something became known; a promise or due day that lies ahead does not count."""
        return to_date(self.arrays["span"][1])

    @property
    def first_day(self) -> date:
        """The first day on which trade became known of any supplier."""
        return to_date(self.arrays["span"][0])

    @property
    def latest_as_of(self) -> date:
        """The as-of date that sees everything the ledger knows."""
        return date.fromordinal(self.last_known_day.toordinal() + 1)

    def position(self, supplier_id: str) -> int:
        """Return the supplier's place in the arrays, or refuse with `UnknownSupplier`."""
        at = int(np.searchsorted(self.supplier_ids, supplier_id))
        if at == len(self.supplier_ids) or self.supplier_ids[at] != supplier_id:
            raise UnknownSupplier(
                f"supplier {supplier_id!r} does not stand in the ledger; check the id, or rebuild the ledger with its events"
            )
        return at

    def profile(self, supplier_id: str) -> "Profile":
        """Return who the supplier is, as last known, empty where it does not stand here: for headings, never for features."""
        found = self.evidence.cursor().execute("SELECT name, kind, province, industry FROM profiles WHERE supplier_id = ?", [supplier_id])
        return Profile(*(found.fetchall() or [(None, None, None, None)])[0])

    def save(self, path: Path) -> None:
        """Write the ledger to a folder, complete or not at all; an existing ledger there is replaced."""
        path = path.resolve()
        if path.exists() and not (path / "manifest.json").is_file():
            raise LedgerUnreadable(f"{path} exists and is not a ledger; name another folder or remove it")
        part = path.with_name(f".{path.name}.{uuid4().hex}.part")
        part.mkdir(parents=True)
        try:
            for name in _ARRAYS:
                np.save(part / f"{name}.npy", self.arrays[name], allow_pickle=False)
            for view in ("facts", "profiles"):
                target = str(part / f"{view}.parquet").replace("'", "''")
                self.evidence.cursor().execute(f"COPY (FROM {view}) TO '{target}' (FORMAT parquet, ROW_GROUP_SIZE 16384)")
            manifest = {
                "format": FORMAT,
                "zone": self.zone,
                "present": sorted(self.present),
                "digests": dict(sorted(self.digests.items())),
                "quality": dict(self.quality),
                "sha256": {file.name: _sha256(file) for file in sorted(part.iterdir())},
            }
            (part / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
            _swap(part, path)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def build_ledger(
    tables: RawTables, *, quality: Mapping[str, float | None] | None = None, progress: Callable[[str], None] | None = None
) -> Ledger:
    """Turn the accepted rows of the contract's tables into the ledger.

    Parameters
    ----------
    tables : RawTables
        As `features.read.read_tables` returns them.
    quality : mapping of str to float or None, optional
        The five shares of the import's quality report, to stand beside every score.
    progress : callable, optional
        Told the name of each stage as it begins.

    Returns
    -------
    Ledger
        Facts in one total order: the order of rows in the files does not matter.

    Raises
    ------
    NotEnoughHistory
        If the tables hold no fact at all.
    """
    say = progress or (lambda stage: None)
    con = tables.con.cursor()
    say("versions")
    for statement in [*version_views(tables.zone), ORDER_DELIVERY, ORDER_STATE]:
        con.execute(statement)
    say("facts")
    con.execute("CREATE OR REPLACE TEMP VIEW span AS " + " UNION ALL ".join(f"({query})" for query in spans(tables.zone)))
    con.execute(FACTS)
    say("sort")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE party AS SELECT supplier_id, party, "
        "(row_number() OVER (PARTITION BY supplier_id ORDER BY party) - 1)::INTEGER AS code "
        "FROM (SELECT DISTINCT supplier_id, party FROM facts)"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE supplier AS SELECT supplier_id, (row_number() OVER (ORDER BY supplier_id) - 1)::INTEGER AS supplier, "
        "count(*) AS facts, count(*) FILTER (WHERE NOT is_late) AS on_time, "
        f"coalesce(min(known_day) FILTER (WHERE kind <> {KIND_INDEX['supplier_registered']}), 2147483647) AS known_from, "
        "(SELECT count(*) FROM party p WHERE p.supplier_id = f.supplier_id) AS party_counts "
        "FROM facts f GROUP BY supplier_id ORDER BY supplier_id"
    )
    con.execute(
        "CREATE OR REPLACE TABLE ledger_facts AS SELECT s.supplier, f.*, p.code FROM facts f JOIN supplier s USING (supplier_id) "
        f"JOIN party p USING (supplier_id, party) ORDER BY {FACT_ORDER.replace('party', 'code')}"
    )
    con.execute("DROP TABLE facts")  # the unsorted ones
    if not con.execute("SELECT count(*) FROM ledger_facts").fetchall()[0][0]:
        raise NotEnoughHistory("the tables hold not one dated event; there is nothing to build a ledger from")
    arrays = _fetch(con)
    con.execute(
        "CREATE OR REPLACE VIEW facts AS SELECT supplier_id, kind, event_day, known_day, party, v0, v1, v2, v3, v4, key FROM ledger_facts"
    )
    con.execute(
        "CREATE OR REPLACE TABLE profiles AS SELECT supplier_id, name, kind, province, industry FROM suppliers "
        "QUALIFY row_number() OVER (PARTITION BY supplier_id ORDER BY recorded_at DESC NULLS LAST) = 1 ORDER BY supplier_id"
    )
    return Ledger(
        arrays=arrays, zone=tables.zone, present=tables.present, digests=tables.digests, evidence=con, quality=dict(quality or {})
    )


def _fetch(con: duckdb.DuckDBPyConnection) -> dict[str, npt.NDArray[Any]]:
    facts = con.execute("SELECT kind, event_day, known_day, code AS party, v0, v1, v2, v3, v4 FROM ledger_facts").fetchnumpy()
    suppliers = con.execute("FROM supplier ORDER BY supplier").fetchnumpy()
    planned = ", ".join(str(KIND_INDEX[kind]) for kind in PLANNED_KINDS)
    trade = ", ".join(str(i) for i, kind in enumerate(KINDS) if kind.table != "suppliers")
    span = con.execute(
        f"SELECT coalesce(min(known_day) FILTER (WHERE kind IN ({trade})), min(known_day)), max(known_day) FROM ledger_facts "
        f"WHERE kind NOT IN ({planned})"
    ).fetchall()[0]
    counts = np.asarray(suppliers["facts"], dtype=np.int64)
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
    return {
        "kind": np.ascontiguousarray(facts["kind"], dtype=np.int8),
        **{name: np.ascontiguousarray(facts[name], dtype=np.int32) for name in ("event_day", "known_day", "party")},
        "values": np.stack([np.asarray(facts[f"v{i}"], dtype=np.int64) for i in range(COLUMNS)], axis=1),
        "offsets": offsets,
        "on_time": offsets[:-1] + np.asarray(suppliers["on_time"], dtype=np.int64),
        "party_counts": np.asarray(suppliers["party_counts"], dtype=np.int64),
        "known_from": np.asarray(suppliers["known_from"], dtype=np.int32),
        "supplier_ids": np.asarray(suppliers["supplier_id"], dtype=np.str_),
        "span": np.asarray(span, dtype=np.int32),
    }


def open_ledger(path: Path, *, verify: bool = True) -> Ledger:
    """Open a stored ledger; its arrays are mapped into memory.

    Parameters
    ----------
    path : Path
    verify : bool
        Read every file once and compare its SHA-256 with the manifest (about a second per GB).

    Raises
    ------
    LedgerUnreadable
        If the folder is no ledger, of another format, or a file is missing or is not what was saved.
    """
    path = path.resolve()
    manifest = _read_manifest(path)
    if verify:
        _check_digests(path, manifest["sha256"])
    try:
        arrays = {name: np.load(path / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in _ARRAYS}
        con = duckdb.connect()
        for kind, name in (("VIEW", "facts"), ("TABLE", "profiles")):
            source = str(path / f"{name}.parquet").replace("'", "''")
            con.execute(f"CREATE {kind} {name} AS FROM read_parquet('{source}')")
    except (OSError, EOFError, ValueError, duckdb.Error) as error:
        raise LedgerUnreadable(f"{path} is damaged: {type(error).__name__} while opening its arrays; build it again") from error
    if not _fit_together(arrays):
        raise LedgerUnreadable(f"{path} is damaged: its arrays do not fit together; build it again")
    return Ledger(
        arrays=arrays,
        zone=manifest["zone"],
        present=frozenset(manifest["present"]),
        digests=manifest["digests"],
        evidence=con,
        quality=manifest["quality"],
    )


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        manifest = None
    if not isinstance(manifest, dict):
        raise LedgerUnreadable(f"{path} is not a ledger (no readable manifest.json); build one with `lianxin ledger build DIR OUT`")
    if manifest.get("format") != FORMAT:
        raise LedgerUnreadable(f"{path} has ledger format {manifest.get('format')}, this version reads {FORMAT}; build it again")
    kinds = {"zone": str, "present": list, "digests": dict, "quality": dict, "sha256": dict}
    wrong = [name for name, kind in kinds.items() if not isinstance(manifest.get(name), kind)]
    if wrong:
        raise LedgerUnreadable(f"{path} is damaged: its manifest lacks {', '.join(wrong)}; build it again")
    return manifest


def _check_digests(path: Path, digests: Mapping[str, str]) -> None:
    for name in sorted({*digests, *(f"{array}.npy" for array in _ARRAYS)}):
        try:
            found = _sha256(path / name)
        except OSError as error:
            raise LedgerUnreadable(f"{path} is damaged: {name} cannot be read; build it again") from error
        if found != digests.get(name):
            raise LedgerUnreadable(f"{path} is damaged: {name} is not what was saved; build it again")


def _fit_together(arrays: Mapping[str, npt.NDArray[Any]]) -> bool:
    """Whether types and lengths are those the kernel goes by: it reads without looking again."""
    facts, suppliers = len(arrays["kind"]), len(arrays["supplier_ids"])
    lengths = {"values": (facts, COLUMNS), "offsets": (suppliers + 1,), "span": (2,)}
    of_facts = ("kind", "event_day", "known_day", "party")
    for name, kind in _ARRAYS.items():
        array = arrays[name]
        if array.dtype.kind != kind[0] or (kind != "U" and array.dtype != np.dtype(kind)):
            return False
        if array.shape != lengths.get(name, (facts if name in of_facts else suppliers,)):
            return False
    low, middle, high = arrays["offsets"][:-1], arrays["on_time"], arrays["offsets"][1:]
    return bool(arrays["offsets"][0] == 0 and arrays["offsets"][-1] == facts and (low <= middle).all() and (middle <= high).all())


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _swap(part: Path, path: Path) -> None:
    """Put the finished folder in place; an older ledger is moved aside first, put back if that fails, and removed last."""
    old = path.with_name(f".{path.name}.{uuid4().hex}.old")
    had_older = path.exists()
    if had_older:
        os.replace(path, old)
    try:
        os.replace(part, path)
    except OSError:
        if had_older:
            os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)
