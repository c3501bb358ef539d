"""Tables to ledger: every row that was ever told of every supplier, by supplier, as the facts need it.

The second step of the walk. A `Ledger` holds segments of records (`features.segment`), the codes of suppliers and counterparties, and
for each supplier the first day anything was known of it. Stored, it is a folder of immutable segments and a manifest that names them;
`features.store` writes and opens it, `features.update` adds to it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt

from credit.errors import NotEnoughHistory, UnknownSupplier
from features.civil import to_date
from features.collect import collect
from features.compiled import allocating
from features.derive import derive, derive_at
from features.facts import KIND_INDEX, KINDS, PLANNED_KINDS, TELLING_KINDS, TRADE_TABLES
from features.identity import IdIndex, texts
from features.read import RawTables
from features.record_columns import Codes
from features.segment import TABLES, Segment, merge
from features.text_memory import TextMemory
from features.versions import EVENT, FOREVER, KIND, KNOWN, NEVER, PARTY, ROOM, ROW, VALUES, room

PROFILE: Final = "supplier_id, name, kind, province, industry"
_DATED: Final = np.array([kind.name not in PLANNED_KINDS for kind in KINDS])
_TRADE: Final = np.array([kind.table in TRADE_TABLES and kind.name not in PLANNED_KINDS for kind in KINDS])
_TELLS: Final = np.array([kind.name in TELLING_KINDS for kind in KINDS])
_TABLE_OF: Final = tuple(TABLES.index(kind.table) for kind in KINDS)


@dataclass(frozen=True, slots=True)
class Profile:
    """Who a supplier is, as last known; None where the platform does not say."""

    name: str | None
    kind: str | None
    province: str | None
    industry: str | None


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact of one supplier, as a reader sees it.

    Parameters
    ----------
    kind : str
    event_day, known_day : int
        Days since 1970-01-01.
    party, label : str
        The counterparty's id, empty where there is none, and the platform's id of the row.
    sign : int
        1 where it is told, -1 where it is taken back.
    values : tuple of int
        In the order and units of the kind's values, times the sign.
    """

    kind: str
    event_day: int
    known_day: int
    party: str
    label: str
    sign: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids by code: UTF-8 bytes and where each begins (ids + 1,)."""

    data: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Number of ids."""
        return len(self.starts) - 1

    def of(self, code: int) -> str:
        """Return the id of a code; empty for none (-1)."""
        return "" if code < 0 else texts(self.data, self.starts[code : code + 2])[0]

    def every(self) -> list[str]:
        """Return all ids by code."""
        return texts(self.data, self.starts)


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """All records, by supplier.

    Parameters
    ----------
    segments : tuple of Segment
        Oldest first; a supplier's records are those of all of them.
    suppliers, parties : Ids
        By code, the order in which they were met.
    days : int32 array (3, suppliers)
        By code: the first day anything was known of the supplier (FOREVER where nothing is dated), the first and the last day on which
        trade became known (FOREVER and NEVER where there is none).
    counts : int64 array (suppliers,)
        Facts of each supplier.
    zone : str
        Civil days are days of this zone.
    present : frozenset of str
        Contract tables the platform handed over; features of the others are missing.
    digests : mapping of str to str
        SHA-256 of each source file.
    profiles : duckdb connection
        With the view `profiles` (supplier_id, name, kind, province, industry).
    quality : mapping of str to float or None
        The five shares of the import's quality report; empty where the tables were not checked.
    texts : callable
        Returns what the reviews' texts have taught (`features.text_memory`), read from disk when asked for.
    currency : str
        ISO 4217 code of every amount.
    networks : dict of (months and known days) to int64 array (months, counterparties, totals)
        Totals of the buyer network (`features.network`): those it was stored with, then those added up since.
    kinds : dict
        What `kind_of` has read, empty before its first call.
    is_alone : bool
        It holds the history of one supplier without the platform around it: features that rest on other suppliers' rows are missing.
    """

    segments: tuple[Segment, ...]
    suppliers: Ids
    parties: Ids
    days: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int64]
    zone: str
    present: frozenset[str]
    digests: Mapping[str, str]
    profiles: duckdb.DuckDBPyConnection = field(repr=False)
    quality: Mapping[str, float | None] = field(default_factory=dict)
    texts: Callable[[], TextMemory] = field(default=TextMemory().itself, repr=False)
    currency: str = "CNY"
    networks: dict[tuple[int, ...], npt.NDArray[np.int64]] = field(default_factory=dict, repr=False)
    kinds: dict[str, tuple[str, ...] | npt.NDArray[np.int8]] = field(init=False, default_factory=dict, repr=False)
    is_alone: bool = False
    supplier_ids: npt.NDArray[np.str_] = field(init=False)
    supplier_codes: npt.NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        """Put the suppliers with a dated event in the order of their ids."""
        ids, codes = np.array(self.suppliers.every(), dtype=np.str_), np.flatnonzero(self.counts > 0)
        codes = codes[np.argsort(ids[codes], kind="stable")]
        object.__setattr__(self, "supplier_ids", ids[codes])
        object.__setattr__(self, "supplier_codes", codes)

    @property
    def facts(self) -> int:
        """Number of facts."""
        return int(self.counts.sum())

    @property
    def last_known_day(self) -> date:
        """The last day on which something became known; a promise or due day that lies ahead does not count."""
        return to_date(int(self.days[2].max()))

    @property
    def first_day(self) -> date:
        """The first day on which trade became known of any supplier."""
        trade = int(self.days[1].min())
        return to_date(trade if trade < FOREVER else int(self.days[0].min()))

    @property
    def latest_as_of(self) -> date:
        """The as-of date that sees everything the ledger knows."""
        return date.fromordinal(self.last_known_day.toordinal() + 1)

    @property
    def known_from(self) -> npt.NDArray[np.int32]:
        """First day anything was known of each supplier, in the order of `supplier_ids`."""
        return np.asarray(self.days[0][self.supplier_codes])

    def position(self, supplier_id: str) -> int:
        """Return the supplier's place in `supplier_ids`, or refuse with `UnknownSupplier`."""
        at = int(np.searchsorted(self.supplier_ids, supplier_id))
        if at == len(self.supplier_ids) or self.supplier_ids[at] != supplier_id:
            raise UnknownSupplier(
                f"supplier {supplier_id!r} does not stand in the ledger; check the id, or add its events with `lianxin ledger update`"
            )
        return at

    def records_of(self, supplier_id: str) -> Segment:
        """Return one supplier's records."""
        code = int(self.supplier_codes[self.position(supplier_id)])
        return merge(self.segments, code, code + 1)

    def profile(self, supplier_id: str) -> Profile:
        """Return who the supplier is, as last known, empty where it does not stand here: for headings, never for features."""
        found = self.profiles.cursor().execute("SELECT name, kind, province, industry FROM profiles WHERE supplier_id = ?", [supplier_id])
        return Profile(*(found.fetchall() or [(None, None, None, None)])[0])

    def kind_of(self, supplier_id: str) -> str | None:
        """Return the supplier's kind (enterprise, sole_trader), None where it is not said or not here; all are read once, a byte each."""
        if not self.kinds:
            told = self.profiles.cursor().execute("SELECT supplier_id, kind FROM profiles WHERE kind IS NOT NULL").fetchall()
            known = {name: place for place, name in enumerate(sorted({kind for _, kind in told}))}
            by_supplier = dict(told)
            codes = [known.get(by_supplier.get(name, ""), -1) for name in self.supplier_ids.tolist()]
            self.kinds.update(names=tuple(known), codes=np.array(codes, dtype=np.int8))
        at = int(np.searchsorted(self.supplier_ids, supplier_id))
        if at == len(self.supplier_ids) or self.supplier_ids[at] != supplier_id:
            return None
        code = int(self.kinds["codes"][at])
        return None if code < 0 else str(self.kinds["names"][code])

    def facts_of(self, supplier_id: str, kinds: tuple[str, ...] = ()) -> list[Fact]:
        """Return one supplier's facts of some kinds, of all by default, by kind, event day and known day."""
        code = int(self.supplier_codes[self.position(supplier_id)])
        records = merge(self.segments, code, code + 1).records
        facts = facts_in(records)
        wanted = [KIND_INDEX[kind] for kind in kinds]
        chosen = facts[np.isin(facts[:, KIND], wanted)] if kinds else facts
        chosen = chosen[np.lexsort((chosen[:, KNOWN], chosen[:, EVENT], chosen[:, KIND]))]
        return [self._fact(code, row) for row in chosen.tolist()]

    def _fact(self, code: int, row: list[int]) -> Fact:
        kind = KINDS[row[KIND]]
        values = tuple(row[VALUES + 1 : VALUES + 1 + len(kind.values)])
        label = self._label(_TABLE_OF[row[KIND]], code, row[ROW])
        return Fact(kind.name, row[EVENT], row[KNOWN], self.parties.of(row[PARTY]), label, row[VALUES], values)

    def _label(self, table: int, code: int, row: int) -> str:
        """The platform's id of one of a supplier's records."""
        if TABLES[table] == "suppliers":
            return self.suppliers.of(code)
        for segment in self.segments:
            if code < segment.suppliers:
                low, high = segment.offsets[table, code], segment.offsets[table, code + 1]
                if row < high - low:
                    return segment.labels[table].of(int(low) + row)
                row -= int(high - low)
        raise IndexError(f"a supplier has no record {row} more")


def facts_in(records: tuple[npt.NDArray[np.void], ...]) -> npt.NDArray[np.int64]:
    """Return the facts of one supplier's records (facts, WIDTH)."""
    facts = room(ROOM)
    n = derive(records, facts)
    if n > len(facts):
        facts = room(n)
        derive(records, facts)
    return facts[:n]


@allocating
def _survey(tables, offsets, facts, is_trade, days, counts):
    """Fill the known days and the number of facts of each supplier; return the largest number of facts of one."""
    largest = 0
    for s in range(len(counts)):
        n = derive_at(tables, offsets, s, facts)
        counts[s], largest = n, max(largest, n)
        days[0, s], days[1, s], days[2, s] = FOREVER, FOREVER, NEVER
        for i in range(min(n, len(facts))):
            kind, known = facts[i, KIND], facts[i, KNOWN]
            if is_trade[2, kind]:
                days[0, s] = min(days[0, s], known)
            if is_trade[0, kind]:
                days[1, s] = min(days[1, s], known)
            if is_trade[1, kind]:
                days[2, s] = max(days[2, s], known)
    return largest


def survey(segment: Segment) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Return the known days (3, suppliers) and the numbers of facts (suppliers,) of a segment, as `Ledger` holds them."""
    days, counts = np.empty((3, segment.suppliers), dtype=np.int32), np.empty(segment.suppliers, dtype=np.int64)
    facts, is_trade = room(ROOM), np.stack([_TRADE, _DATED, _TELLS])
    largest = _survey(segment.records, segment.offsets, facts, is_trade, days, counts)
    if largest > len(facts):
        _survey(segment.records, segment.offsets, room(largest), is_trade, days, counts)
    return days, counts


def build_ledger(
    tables: RawTables,
    *,
    quality: Mapping[str, float | None] | None = None,
    progress: Callable[[str], None] | None = None,
    is_alone: bool = False,
) -> Ledger:
    """Turn the accepted rows of the contract's tables into a ledger in memory.

    Parameters
    ----------
    tables : RawTables
        As `features.read.read_tables` returns them.
    quality : mapping of str to float or None, optional
        The five shares of the import's quality report, to stand beside every score.
    progress : callable, optional
        Told the name of each stage as it begins.
    is_alone : bool
        The tables are one supplier's, without the platform around it: nothing is learnt from its texts.

    Returns
    -------
    Ledger
        The order of rows in the files does not matter to anything that is computed from it.

    Raises
    ------
    NotEnoughHistory
        If the tables hold no dated event at all.
    """
    say = progress or (lambda stage: None)
    say("records")
    learned = TextMemory() if is_alone else TextMemory().with_reviews(tables.con, tables.zone)
    score = None if is_alone else learned.scorer()
    collected = collect(tables.con, zone=tables.zone, tables=tables.present, score=score, memory=1 << 62, bucket_rows=1 << 62)
    _, segment = collected.bucket(0)
    collected.close()
    say("facts")
    days, counts = survey(segment)
    refuse_empty(counts)
    found = ledger_of(tables, collected.codes, days, counts, learned, quality, segments=(segment,))
    return replace(found, is_alone=True) if is_alone else found


def ledger_of(
    tables: RawTables,
    codes: Codes,
    days: npt.NDArray[np.int32],
    counts: npt.NDArray[np.int64],
    texts: TextMemory,
    quality: Mapping[str, float | None] | None,
    *,
    segments: tuple[Segment, ...] = (),
) -> Ledger:
    """Return the ledger of tables whose records were collected; its segments may lie on disk and be opened later."""
    return Ledger(
        segments=segments,
        suppliers=ids_of(codes.suppliers),
        parties=ids_of(codes.parties),
        days=days,
        counts=counts,
        zone=tables.zone,
        present=tables.present,
        digests=tables.digests,
        profiles=profiles_of(tables.con),
        quality=dict(quality or {}),
        texts=texts.itself,
        currency=tables.currency,
    )


def refuse_empty(counts: npt.NDArray[np.int64]) -> None:
    """Refuse suppliers without one fact."""
    if not counts.any():
        raise NotEnoughHistory("the tables hold not one dated event; there is nothing to build a ledger from")


def ids_of(index: IdIndex) -> Ids:
    """Return an index's ids by code."""
    return Ids(*index.arrays())


def profiles_of(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Return a connection with each supplier's last known profile, in the view `profiles`."""
    cursor = con.cursor()
    cursor.execute(
        f"CREATE OR REPLACE TABLE profiles AS SELECT {PROFILE}, recorded_at FROM suppliers "
        "QUALIFY row_number() OVER (PARTITION BY supplier_id ORDER BY recorded_at DESC NULLS LAST) = 1 ORDER BY supplier_id"
    )
    return cursor
