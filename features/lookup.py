"""What an update asks of a ledger before it adds to it: who and which orders are known, and which rows stand under a key.

Stands beside the second step of the walk.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt

from features.arrow import Cells, chunks
from features.identity import IdIndex
from features.ledger import Ids, Ledger
from features.record_columns import Codes
from features.records import MISSING, RECORDS, Records
from features.segment import TABLES, Labels, Segment, find_keys

_LATEST: Final = np.iinfo(np.int64).max


def index_of(ids: Ids) -> IdIndex:
    """Return the index that gives these ids their codes, and new ones the codes after them."""
    index = IdIndex()
    index.encode(ids.data, ids.starts, np.ones(len(ids), dtype=np.bool_))
    return index


@dataclass(frozen=True)
class Standing:
    """What a ledger knows of suppliers and orders, for the rules that a day's files are asked (`features.recall.Earlier`).

    Parameters
    ----------
    ledger : Ledger
    """

    ledger: Ledger
    codes: Codes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Make the ids searchable."""
        object.__setattr__(self, "codes", Codes(index_of(self.ledger.suppliers), index_of(self.ledger.parties)))

    @property
    def zone(self) -> str:
        """The zone of the ledger's civil days."""
        return self.ledger.zone

    @property
    def currency(self) -> str:
        """The currency of the ledger's amounts."""
        return self.ledger.currency

    @property
    def present(self) -> frozenset[str]:
        """The tables the ledger was made of."""
        return self.ledger.present

    def knows(self, named: duckdb.DuckDBPyRelation) -> npt.NDArray[np.bool_]:
        """Return whether each supplier of a relation of supplier_id stands here."""
        found = [self._codes_of(cells["supplier_id"]) >= 0 for cells in chunks(named)]
        return np.concatenate([np.empty(0, dtype=np.bool_), *found])

    def ordered_at(self, named: duckdb.DuckDBPyRelation) -> npt.NDArray[np.int64]:
        """Return when each order of a relation of order_id and supplier_id was placed, by its earliest version, in microseconds UTC;
        MISSING where that supplier has no such order here."""
        parts = [(cells["order_id"].hashes(), self._codes_of(cells["supplier_id"])) for cells in chunks(named)]
        keys = np.concatenate([np.empty(0, dtype=np.int64), *(keys for keys, _ in parts)])
        codes = np.concatenate([np.empty(0, dtype=np.int32), *(codes for _, codes in parts)])
        out = np.full(len(keys), _LATEST, dtype=np.int64)
        for segment in self.ledger.segments:
            rows, places = find_keys(segment, "orders", keys, codes)
            np.minimum.at(out, places, segment.records[TABLES.index("orders")]["ordered_at"][rows])
        return np.where(out == _LATEST, MISSING, out)

    def _codes_of(self, ids: Cells) -> npt.NDArray[np.int32]:
        return self.codes.suppliers.encode(ids.data, ids.offsets, ids.valid, grow=False)


class Names:
    """What the rows of a day are called, told apart byte by byte: two rows of one key may share its hash with another's.

    Parameters
    ----------
    labels : Labels
        Of the day's rows.

    Attributes
    ----------
    codes : int32 array (rows,)
        Equal where, and only where, two rows are called the same.
    """

    def __init__(self, labels: Labels) -> None:
        """Give each name a code."""
        self._index = IdIndex()
        self.codes = self._encode(labels, grow=True)

    def are(self, labels: Labels, rows: npt.NDArray[np.int64], places: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return whether each of some rows elsewhere is called as the day's row at its place."""
        return np.equal(self._encode(labels.take(rows), grow=False), self.codes[places])

    def _encode(self, labels: Labels, *, grow: bool) -> npt.NDArray[np.int32]:
        return self._index.encode(labels.data, labels.starts, np.ones(len(labels.starts) - 1, dtype=np.bool_), grow=grow)


@dataclass(frozen=True, slots=True)
class Matches:
    """Rows that a ledger has under the keys of a day's records.

    Parameters
    ----------
    places : int64 array (matches,)
        Which of the day's records.
    records : structured array (matches,)
        The ledger's records; void ones, which only end a version, are left out.
    """

    places: npt.NDArray[np.int64]
    records: Records


def matches(segments: Sequence[Segment], table: str, day: Records, names: Names, *, is_movable: bool) -> Matches:
    """Return all versions that segments hold of a day's rows, found by the hash of the key and told by the name; of any supplier's rows
    where the table `is_movable`."""
    t = TABLES.index(table)
    places, records = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=RECORDS[table].dtype)]
    keys, suppliers = np.ascontiguousarray(day["key"]), np.ascontiguousarray(day["supplier"])
    for segment in segments:
        rows, at = find_keys(segment, table, keys, None if is_movable else suppliers)
        if not len(rows):
            continue
        found = segment.records[t][rows]
        told = names.are(segment.labels[t], rows, at)
        if is_movable:
            told &= found["amount"] != MISSING
        places.append(at[told])
        records.append(found[told])
    return Matches(np.concatenate(places), np.concatenate(records))


def is_same(left: Records, right: Records, table: str) -> npt.NDArray[np.bool_]:
    """Return for each pair of records whether they say the same of the same supplier (rows,); scores, which are derived, are left out."""
    scored = {field.name for field in RECORDS[table].fields if field.kind == "score"}
    same = np.ones(len(left), dtype=np.bool_)
    for name in RECORDS[table].dtype.names or ():
        if name not in scored:
            same &= left[name] == right[name]
    return same
