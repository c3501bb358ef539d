"""One partition of suppliers inside a Spark worker: rows of every table in, feature rows out, through Arrow.

Stands inside the second and third step of the walk. Rows arrive packed: one narrow layout for all tables, so that one exchange brings
together everything of a supplier. What a row means, what a fact is and how a window adds up is said elsewhere, once for every engine.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from credit.errors import UnknownSupplier
from features.arrow import Cells, chunks
from features.columns import Kind
from features.evaluate import Evaluator
from features.feature import Feature
from features.identity import IdIndex
from features.network import TOTALS, add_to_network
from features.record_columns import Codes, Score, to_records, void_columns
from features.records import RECORDS, Records
from features.segment import TABLES, Segment, by_supplier, concatenate
from features.tables import CONTRACT

PART: Final = "part"
SUPPLIER: Final = "supplier_id"
RECORDED: Final = "recorded_at"
VOID: Final = 64
"""Added to a table's number for rows that only end the older version of their key: they now stand with another supplier."""

NETWORK: Final = 32
"""The number of rows that carry a counterparty's totals in place of an event."""

TOTAL_SLOTS: Final = ("text0", *(f"whole{i}" for i in range(1 + TOTALS)))
"""Where such a row holds the counterparty, the place of the month, and the totals."""

_RUN_ROWS: Final = 200_000
_RUN_BYTES: Final = 64 << 20
_RUN_SUPPLIERS: Final = 1024
_Totals = tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int64]]
_SLOT_OF: Final[Mapping[Kind, str]] = {Kind.TIME: "whole", Kind.DATE: "whole", Kind.MONEY: "whole", Kind.NUMBER: "number"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each table's columns lie in a packed row.

    Parameters
    ----------
    slots : mapping of str to mapping of str to str
        By table and column: text0, whole0, number0 and so on. The supplier and `recorded_at` have columns of their own.
    has_network : bool
        Whether there is room for totals of counterparties.
    """

    slots: Mapping[str, Mapping[str, str]]
    has_network: bool = False

    @classmethod
    def of(cls, columns: Mapping[str, Iterable[str]]) -> "Layout":
        """Lay out the columns of each table.

        Examples
        --------
        >>> Layout.of({"purchases": ("supplier_id", "purchase_id", "amount", "recorded_at")}).slots
        {'purchases': {'purchase_id': 'text0', 'amount': 'whole0'}}
        """
        slots: dict[str, dict[str, str]] = {}
        for table, names in columns.items():
            used: dict[str, int] = {}
            slots[table] = {}
            for name in names:
                if name in (SUPPLIER, RECORDED):
                    continue
                kind = _SLOT_OF.get(CONTRACT[table].column(name).kind, "text")
                slots[table][name] = f"{kind}{used.get(kind, 0)}"
                used[kind] = used.get(kind, 0) + 1
        return cls(slots)

    @property
    def every(self) -> tuple[str, ...]:
        """All slots, in a fixed order."""
        slots = {slot for table in self.slots.values() for slot in table.values()}
        return tuple(sorted(slots | set(TOTAL_SLOTS if self.has_network else ())))

    def only(self, tables: tuple[str, ...]) -> "Layout":
        """Return the layout of some of the tables, without totals."""
        return Layout({name: slots for name, slots in self.slots.items() if name in tables})


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker computes.

    Parameters
    ----------
    layout : Layout
    features : tuple of Feature
    days : tuple of int
        As-of days, ascending.
    known : int, optional
        The day before which a fact must be known; each as-of day by default.
    zone : str
        Civil days are days of this zone.
    present : frozenset of str
        Contract tables the platform handed over.
    score : callable, optional
        Scores a review's text.
    """

    layout: Layout
    features: tuple[Feature, ...]
    days: tuple[int, ...]
    known: int | None
    zone: str
    present: frozenset[str]
    score: Score | None = None

    def rows(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the feature rows of one partition's suppliers: supplier_id, as_of, then one double per feature, null where missing."""
        yield from self.computed(*self.collected(batches))

    def computed(self, codes: Codes, segment: Segment, totals: list[_Totals]) -> Iterator[pa.RecordBatch]:
        """Yield the feature rows of what `collected` returned."""
        ids = pa.array(codes.suppliers.ids(), type=pa.string())
        evaluator = self._evaluator()
        network = evaluator.network(codes.parties.count)
        for party, month, numbers in totals:
            network.totals[month, party] = numbers
        for low in range(0, codes.suppliers.count, _RUN_SUPPLIERS):
            part = segment.part(low, min(low + _RUN_SUPPLIERS, codes.suppliers.count))
            found = evaluator.rows(part, codes.parties.count, network)
            if len(found.as_of):
                columns = [ids.take(pa.array(found.supplier + low)), pa.array(found.as_of, type=pa.int32()).cast(pa.date32())]
                columns += [pa.array(column, from_pandas=True) for column in np.ascontiguousarray(found.values.T)]
                yield pa.RecordBatch.from_arrays(columns, names=[SUPPLIER, "as_of", *(feature.name for feature in self.features)])

    def network_parts(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield what one partition's suppliers add to the totals of their counterparties, each beside one of these suppliers.

        The supplier is there to be hashed: it leads the totals of the whole platform back to this partition.
        """
        codes, segment, _ = self.collected(batches)
        if not codes.suppliers.count:
            return
        network = self._evaluator().network(codes.parties.count)
        add_to_network(network, segment)
        parties = pa.array(codes.parties.ids(), type=pa.string())
        own = pa.scalar(codes.suppliers.ids()[0], type=pa.string())
        for month, totals in enumerate(network.totals):
            met = np.flatnonzero(totals.any(axis=1))
            columns = [pa.repeat(own, len(met)), parties.take(pa.array(met)), pa.array(np.full(len(met), month))]
            columns += [pa.array(column) for column in np.ascontiguousarray(totals[met].T)]
            yield pa.RecordBatch.from_arrays(columns, names=[SUPPLIER, *TOTAL_SLOTS])

    def _evaluator(self) -> Evaluator:
        return Evaluator(self.features, self.days, self.present, self.known)

    def collected(self, batches: Iterable[pa.RecordBatch]) -> tuple[Codes, Segment, list[_Totals]]:
        """Read the partition once: its suppliers' and counterparties' codes, its records by supplier, and totals of counterparties."""
        codes, totals = Codes(IdIndex(), IdIndex()), []
        records: dict[str, list[Records]] = {table: [] for table in TABLES}
        for run in _runs(batches):
            for part in pc.unique(run[PART]).to_pylist():
                rows = run.filter(pc.equal(run[PART], part))
                if part == NETWORK:
                    totals += [_totals(cells, codes) for cells in chunks(rows.select(TOTAL_SLOTS))]
                    continue
                table = TABLES[part % VOID]
                slots = {SUPPLIER: SUPPLIER, RECORDED: RECORDED, **self.layout.slots[table]}
                for cells in chunks(rows.select(list(slots.values())).rename_columns(list(slots))):
                    records[table].append(self._records(table, cells, codes, is_void=part >= VOID))
        whole = [concatenate(records[table], RECORDS[table].dtype) for table in TABLES]
        return codes, by_supplier(whole, (), 0, codes.suppliers.count), totals

    def _records(self, table: str, cells: dict[str, Cells], codes: Codes, *, is_void: bool) -> Records:
        supplier = cells[SUPPLIER]
        if not supplier.valid.all():
            raise UnknownSupplier(f"{table} has a row without supplier_id; write the accepted tables with `lianxin check --accepted`")
        codes.suppliers.encode(supplier.data, supplier.offsets, supplier.valid)
        if is_void:
            return void_columns(RECORDS[table], cells, codes, self.zone).records()
        for name in self.layout.slots[table]:
            if CONTRACT[table].column(name).kind is Kind.DATE:
                cells[name] = replace(cells[name], is_date=True)
        return to_records(RECORDS[table], cells, codes, self.zone, self.score)


def _totals(cells: dict[str, Cells], codes: Codes) -> _Totals:
    party = cells[TOTAL_SLOTS[0]]
    numbers = [cells[slot].numbers for slot in TOTAL_SLOTS[1:]]
    return codes.parties.encode(party.data, party.offsets, party.valid), numbers[0], np.stack(numbers[1:], axis=1)


def _runs(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Join batches into runs that are worth a pass for each table and stay small."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(b.num_rows for b in held) >= _RUN_ROWS or sum(b.nbytes for b in held) >= _RUN_BYTES:
            yield pa.Table.from_batches(held).combine_chunks()
            held = []
    if held:
        yield pa.Table.from_batches(held).combine_chunks()
