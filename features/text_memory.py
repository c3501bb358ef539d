"""What the platform's reviews have taught so far, and the scores of their texts: where `features.text` meets the tables.

Every version of a review that carries a text counts once, in the quarter in which it became known: the day it was recorded or, where that
is not given, the day of the review. A corrected review said something twice, and both were said. So rows only add up: their order, their
grouping and the engine make no difference, and nobody has to know which version came first.

Building a ledger passes over the reviews twice, first to count and then to score. A stored ledger keeps what later quarters need and no
more: the counts of all quarters before the last one added up, and those of the last by themselves. A day's new reviews are then counted
and scored as a rebuild would:

    texts = ledger.texts().with_reviews(con, zone)   # refuses what a rebuild would score otherwise
    collect(con, ..., score=texts.scorer())
    Ledger(..., texts=texts.itself)                  # `features.store.write_names` saves it

A text that became known in a quarter before the last one scored would have taught the scores of reviews that are already stored. It is
refused here; an update sets its row aside before (`features.sift`), so that what it takes is scored as a rebuild of it would.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import numpy as np

from credit.errors import LedgerUnreadable, OutOfRange
from features.arrow import Cells, chunks
from features.facts import KIND_INDEX, KINDS, TELLING_KINDS
from features.feature import Feature
from features.plan import Elsewhere, Parties, Window
from features.record_columns import Score
from features.text import count_ngrams, labels_of_stars, learn, quarters_of_days, score_texts
from features.text_counts import TextCounts, of_dense
from features.text_ngrams import BUCKETS, Int32s, Ints

NO_QUARTER: Final = int(np.iinfo(np.int32).min)
"""A quarter before all others."""

TEXT_COLUMN: Final = "reviews.text"
_COUNTS: Final = "texts.npz"
_LAST: Final = "texts-last.npy"
_FROM_TEXT: Final = frozenset({"text_length", "with_text", "text_score"})
_NOTHING: Final = of_dense(())


@dataclass(frozen=True, slots=True)
class TextMemory:
    """Counts of the texts seen, and up to where they were scored.

    Parameters
    ----------
    counts : TextCounts
        By quarter; quarters before the last may be added up in one.
    last : int
        The last quarter in which a text became known, `NO_QUARTER` where there is none.
    """

    counts: TextCounts = _NOTHING
    last: int = NO_QUARTER

    def itself(self) -> "TextMemory":
        """Return this memory: what `features.ledger.Ledger` asks for."""
        return self

    def with_reviews(self, con: duckdb.DuckDBPyConnection, zone: str) -> "TextMemory":
        """Return what is known with the reviews of a connection added.

        Parameters
        ----------
        con : duckdb connection
            Holds the contract's table `reviews`, with exactly the rows that are added.
        zone : str
            Civil days are days of this zone.

        Raises
        ------
        OutOfRange
            If a text became known in a quarter before the last one scored.
        """
        cursor = con.cursor()
        cursor.execute("SET TimeZone = 'UTC'")
        rows = cursor.sql("SELECT text, rating, reviewed_at, recorded_at FROM reviews WHERE text <> ''")
        return self.with_counted(counted(cells, zone) for cells in chunks(rows))

    def with_counted(self, parts: Iterable[tuple[TextCounts, int, int]]) -> "TextMemory":
        """Return what is known with runs of reviews added, each as `counted` returns it; raises as `with_reviews` does.

        Memory is bounded by the quarters, 4 MB each, however many runs there are.
        """
        dense: dict[int, tuple[Ints, Ints]] = {}
        last = self.last
        for counts, first_of_part, last_of_part in parts:
            if first_of_part < self.last:
                raise OutOfRange(_late(first_of_part, self.last))
            last = max(last, last_of_part)
            _add(dense, counts)
        _add(dense, self.counts)
        return TextMemory(of_dense((quarter, *dense[quarter]) for quarter in sorted(dense)), last)

    def scorer(self) -> Score:
        """Return what scores texts that became known in the quarter `last` was before reviews were added, or later."""
        models = learn(self.counts)

        def score(texts: Cells, known: Int32s) -> Int32s:
            quarter = np.where(texts.valid, quarters_of_days(known), NO_QUARTER).astype(np.int32)
            return score_texts(models, texts.data, texts.offsets, quarter)

        return score

    def closed(self) -> "TextMemory":
        """Return what quarters from the last one on need: the quarters before it added up in one; at most 10 MB."""
        dense: dict[int, tuple[Ints, Ints]] = {}
        _add(dense, self.counts, before=self.last)
        return TextMemory(of_dense((quarter, *dense[quarter]) for quarter in sorted(dense)), self.last)

    def save(self, folder: Path) -> None:
        """Write `closed` to a folder, the same bytes for the same reviews; raises `CannotWrite`."""
        self.closed().counts.save(folder / _COUNTS)
        np.save(folder / _LAST, np.array([self.last], dtype=np.int32), allow_pickle=False)

    @staticmethod
    def load(folder: Path) -> "TextMemory":
        """Read what `save` wrote; raises `LedgerUnreadable`."""
        counts = TextCounts.load(folder / _COUNTS)
        try:
            last = np.load(folder / _LAST, allow_pickle=False)
        except (OSError, EOFError, ValueError) as error:
            raise LedgerUnreadable(f"{folder / _LAST} cannot be read ({type(error).__name__}); build the ledger again") from error
        if last.shape != (1,) or last.dtype != np.int32 or (counts.quarters > last[0]).any():
            raise LedgerUnreadable(f"{folder / _LAST} does not fit the text counts; build the ledger again")
        return TextMemory(counts, int(last[0]))


def counted(cells: dict[str, Cells], zone: str) -> tuple[TextCounts, int, int]:
    """Return the counts of a run of reviews with text, and the first and last quarter in which one of them became known.

    Parameters
    ----------
    cells : dict of str to Cells
        The columns text, rating, reviewed_at and recorded_at, at least one row.
    zone : str
    """
    texts = cells["text"]
    quarter = quarters_of_days(known_days(cells, zone))
    stars = np.rint(cells["rating"].numbers * 100).astype(np.int64)
    label = np.where(texts.valid, labels_of_stars(stars), -1).astype(np.int8)
    return count_ngrams(texts.data, texts.offsets, label, quarter), int(quarter.min()), int(quarter.max())


def known_days(cells: dict[str, Cells], zone: str) -> Int32s:
    """Return the day each of a run of reviews became known (rows,), from the columns reviewed_at and recorded_at."""
    return np.maximum(cells["recorded_at"].days(zone), cells["reviewed_at"].days(zone))


def asked_of(features: Sequence[Feature]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the columns (table.column) and the tables that features ask a reader for, with those that make a supplier known."""
    needs = [need for feature in features for need in feature.formula.needs()]
    has_network, of_parties = any(isinstance(need, Elsewhere) for need in needs), {need.kind for need in needs if isinstance(need, Parties)}
    kinds = (KINDS[KIND_INDEX[kind]] for feature in features for kind in feature.kinds)
    of_kinds = (column for kind in kinds for column in kind.columns if column != kind.party or has_network or kind.name in of_parties)
    columns = columns_without_texts(features, of_kinds)
    tables = {name for feature in features for name in feature.tables} | {column.partition(".")[0] for column in columns}
    return columns, frozenset(tables | {KINDS[KIND_INDEX[kind]].table for kind in TELLING_KINDS})


def columns_without_texts(features: Iterable[Feature], columns: Iterable[str]) -> frozenset[str]:
    """Return the columns less the reviews' texts where no feature reads them: they are the widest of all."""
    return frozenset(columns) - (frozenset() if _reads(features, _FROM_TEXT) else {TEXT_COLUMN})


def needs_scores(features: Iterable[Feature]) -> bool:
    """Return whether a feature rests on the texts' scores."""
    return _reads(features, frozenset({"text_score"}))


def _reads(features: Iterable[Feature], columns: frozenset[str]) -> bool:
    needs = (need for feature in features for need in feature.formula.needs())
    return any(isinstance(need, Window) and need.kind == "reviewed" and need.column in columns for need in needs)


def _add(dense: dict[int, tuple[Ints, Ints]], counts: TextCounts, before: int | None = None) -> None:
    """Add counts to dense ones by quarter; quarters before one stand for the quarter before it."""
    for i in range(len(counts.quarters)):
        quarter, reviews, buckets, added = counts.of_quarter(i)
        place = quarter if before is None else max(quarter, before - 1)
        if place not in dense:
            dense[place] = np.zeros(2, dtype=np.int64), np.zeros((BUCKETS, 2), dtype=np.int64)
        of_class, of_bucket = dense[place]
        of_class += reviews
        of_bucket[buckets] += added


def _late(quarter: int, last: int) -> str:
    named = (f"{1970 + q // 4} Q{q % 4 + 1}" for q in (quarter, last))
    return (
        "reviews: a text became known in {}, and texts of {} are already scored by what was learned before; give `recorded_at`, the day "
        "the platform recorded the review, or build the ledger again"
    ).format(*named)
