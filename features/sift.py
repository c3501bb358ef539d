"""A day's rows beside a ledger's: which are new, which stand there already, and which contradict what stands there.

Stands under `features.update`. A row is told by its key and its `recorded_at`: the same again, as far as the ledger reads it, is a
repetition; anything else under them is a contradiction, and nobody can say which of the two is right. A row of purchases or of invoices
that is now told of another supplier ends the older version there: a void record says so to every supplier that ever had it. A text that
would have taught the scores of reviews already stored is set aside with its row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt

from features.arrow import chunks
from features.collect import labels_of
from features.ledger import Ledger
from features.lookup import Matches, Names, is_same, matches
from features.record_columns import Codes, select_list, to_records
from features.records import MISSING, MOVABLE, RECORDS, Records, RecordTable
from features.segment import Labels, concatenate, gather, joined
from features.text import quarters_of_days
from features.text_memory import TextMemory, counted, known_days

_NEW: Final = 0
_REPEATED: Final = 1
_CONTRADICTING: Final = 2

CONTRADICTS: Final = "key_is_unique"
"""The rule a row breaks that contradicts the ledger."""

LATE_TEXT: Final = "text_is_of_an_open_quarter"
"""The rule a review breaks whose text would have taught scores that are stored."""


@dataclass(frozen=True, slots=True)
class Sifted:
    """A day's rows of one table.

    Parameters
    ----------
    records : structured array (records,)
        The new rows, then the void records they bring.
    labels : Labels
    rows : int64 array (rows,)
        Numbers in the file of the new rows.
    aside : mapping of str to int64 array
        Numbers in the file of the rows set aside, by the rule they break.
    repeated : int
        Rows that stand in the ledger already.
    """

    records: Records
    labels: Labels
    rows: npt.NDArray[np.int64]
    aside: Mapping[str, npt.NDArray[np.int64]]
    repeated: int

    @property
    def added(self) -> int:
        """How many rows are new."""
        return len(self.rows)

    @property
    def lost(self) -> int:
        """How many rows were set aside."""
        return sum(len(rows) for rows in self.aside.values())


def sift(con: duckdb.DuckDBPyConnection, table: str, ledger: Ledger, codes: Codes, renamed: frozenset[int] = frozenset()) -> Sifted:
    """Compare the accepted rows of one of a day's tables with a ledger.

    Parameters
    ----------
    con : duckdb connection
        Holds the table under its name.
    table : str
    ledger : Ledger
    codes : Codes
        The ledger's, with the day's suppliers.
    renamed : frozenset of int
        Numbers of rows that contradict the ledger in what it keeps beside its records.
    """
    spec = RECORDS[table]
    records, labels, rows = _read(con, spec, codes, ledger.zone)
    called = Names(labels)
    known = matches(ledger.segments, table, records, called, is_movable=table in MOVABLE)
    told = records[known.places]
    is_version = known.records["recorded"] == told["recorded"]
    same = is_version & is_same(known.records, told, table)
    state = np.full(len(records), _NEW, dtype=np.int8)
    state[known.places[is_version]] = _CONTRADICTING
    state[known.places[same]] = _REPEATED
    state[np.isin(rows, list(renamed))] = _CONTRADICTING
    kept = np.flatnonzero(state == _NEW)
    parts, names = [gather(records, kept)], [labels.take(kept)]
    if table in MOVABLE:
        voids, places = _moved(parts[0], known, kept, called.codes)
        parts.append(voids)
        names.append(names[0].take(places))
    aside = {CONTRADICTS: rows[state == _CONTRADICTING]}
    return Sifted(concatenate(parts, spec.dtype), joined(names), rows[kept], aside, int((state == _REPEATED).sum()))


def _read(con: duckdb.DuckDBPyConnection, spec: RecordTable, codes: Codes, zone: str) -> tuple[Records, Labels, npt.NDArray[np.int64]]:
    """Records of a table's rows in the order of the file, their labels and numbers."""
    records, labels, rows = [], [], [np.empty(0, dtype=np.int64)]
    for cells in chunks(con.sql(f"SELECT {select_list(spec)}, source_row FROM {spec.table} ORDER BY source_row")):
        records.append(to_records(spec, cells, codes, zone))
        labels.append(labels_of(spec, cells))
        rows.append(cells["source_row"].numbers)
    return concatenate(records, spec.dtype), joined(labels), np.concatenate(rows)


def _moved(
    new: Records, known: Matches, kept: npt.NDArray[np.int64], names: npt.NDArray[np.int32]
) -> tuple[Records, npt.NDArray[np.int64]]:
    """Void records for suppliers that had a row which a version tells of another, and the place among the new of the row each is of."""
    is_kept = np.isin(known.places, kept)
    old, old_names, new_names = known.records[is_kept], names[known.places[is_kept]], names[kept]
    moved = _of_several(np.concatenate([old_names, new_names]), np.concatenate([old["supplier"], new["supplier"]]))
    voids: list[tuple[int, int, int, int, int]] = []
    for name in moved.tolist():
        places = np.flatnonzero(new_names == name)
        key = int(new["key"][places[0]])
        before = {(int(row["supplier"]), int(row["recorded"]), int(row["recorded_day"])) for row in old[old_names == name]}
        since = {(int(row["supplier"]), int(row["recorded"]), int(row["recorded_day"])) for row in new[places]}
        had, has = {supplier for supplier, _, _ in before}, {supplier for supplier, _, _ in since}
        ends = {(other, recorded, day) for supplier, recorded, day in since for other in had | has if other != supplier}
        ends |= {(other, recorded, day) for supplier, recorded, day in before for other in has - had}
        voids += [(other, key, recorded, day, int(places[0])) for other, recorded, day in sorted(ends)]
    out = np.zeros(len(voids), dtype=new.dtype)
    for name, values in zip(("supplier", "key", "recorded", "recorded_day"), zip(*(void[:4] for void in voids), strict=True), strict=False):
        out[name] = values
    out["amount"], out["party"] = MISSING, -1
    return out, np.array([void[4] for void in voids], dtype=np.int64)


def _of_several(names: npt.NDArray[np.int32], suppliers: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Names that stand with more than one supplier, ascending."""
    order = np.lexsort((suppliers, names))
    names, suppliers = names[order], suppliers[order]
    return np.unique(names[1:][(names[1:] == names[:-1]) & (suppliers[1:] != suppliers[:-1])])


def without_late_texts(con: duckdb.DuckDBPyConnection, reviews: Sifted, last: int, zone: str) -> Sifted:
    """Set aside the new reviews whose text became known in a quarter before the last one scored."""
    con.register("kept", {"source_row": reviews.rows})
    late = [np.empty(0, dtype=np.int64)]
    query = "SELECT source_row, reviewed_at, recorded_at FROM reviews JOIN kept USING (source_row) WHERE text <> ''"
    for cells in chunks(con.sql(query)):
        late.append(cells["source_row"].numbers[quarters_of_days(known_days(cells, zone)) < last])
    con.unregister("kept")
    is_late = np.isin(reviews.rows, np.concatenate(late))
    if not is_late.any():
        return reviews
    kept = np.flatnonzero(~is_late)
    aside = {**reviews.aside, LATE_TEXT: reviews.rows[is_late]}
    records, labels = gather(reviews.records, kept), reviews.labels.take(kept)
    return replace(reviews, records=records, labels=labels, rows=reviews.rows[kept], aside=aside)


def learn_texts(con: duckdb.DuckDBPyConnection, reviews: Sifted, memory: TextMemory, zone: str) -> tuple[Sifted, TextMemory]:
    """Count the texts of new reviews, late ones left out, and score them as a ledger built at once would."""
    con.register("kept", {"source_row": reviews.rows})
    told = "SELECT text, rating, reviewed_at, recorded_at FROM reviews JOIN kept USING (source_row)"
    learned = memory.with_counted(counted(cells, zone) for cells in chunks(con.sql(f"{told} WHERE text <> ''")))
    score, scores = learned.scorer(), [np.empty(0, dtype=np.int32)]
    for cells in chunks(con.sql(f"{told} ORDER BY source_row")):
        scores.append(score(cells["text"], known_days(cells, zone)))
    con.unregister("kept")
    records = reviews.records.copy()
    records["text_score"] = np.concatenate(scores)
    return replace(reviews, records=records), learned
