"""In how many low and good reviews each n-gram stands: sparse, quarter by quarter, added up in any order, stored without pickle."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from credit.errors import CannotWrite, LedgerUnreadable
from features.text_ngrams import BUCKETS, LONGEST, MOST_CHARACTERS, Int32s, Ints

VERSION: Final = 1
"""Of the rules from bytes to buckets; stored counts of another version are refused."""

_SETTINGS: Final = np.array([VERSION, BUCKETS, LONGEST, MOST_CHARACTERS], dtype=np.int64)
_DTYPES: Final = {"quarters": np.int32, "reviews": np.int64, "starts": np.int64, "buckets": np.int32, "counts": np.int64}


@dataclass(frozen=True, slots=True)
class TextCounts:
    """In how many low and good reviews each n-gram stands, quarter by quarter; counts of other reviews can be merged.

    Attributes
    ----------
    quarters : int32 array (Q,)
        Quarters with labelled texts, ascending.
    reviews : int64 array (Q, 2)
        Labelled reviews with text: low, good.
    starts : int64 array (Q + 1,)
        Where each quarter's entries begin.
    buckets : int32 array (E,)
        Buckets seen, ascending within a quarter; at most `BUCKETS` a quarter, so that memory is bounded by the quarters.
    counts : int64 array (E, 2)
        Reviews with an n-gram of the bucket: low, good.
    """

    quarters: Int32s
    reviews: Ints
    starts: Ints
    buckets: Int32s
    counts: Ints

    def merge(self, *others: "TextCounts") -> "TextCounts":
        """Return the counts of all these reviews together; the order makes no difference."""
        parts = [part.of_quarter(i) for part in (self, *others) for i in range(len(part.quarters))]
        merged = []
        for quarter in sorted({part[0] for part in parts}):
            counts, reviews = np.zeros((BUCKETS, 2), np.int64), np.zeros(2, np.int64)
            for _, more, buckets, added in (part for part in parts if part[0] == quarter):
                reviews += more
                counts[buckets] += added
            merged.append((quarter, reviews, counts))
        return of_dense(merged)

    def of_quarter(self, i: int) -> tuple[int, Ints, Int32s, Ints]:
        """Return the i-th quarter, its reviews, its buckets and their counts."""
        entries = slice(self.starts[i], self.starts[i + 1])
        return int(self.quarters[i]), self.reviews[i], self.buckets[entries], self.counts[entries]

    def save(self, path: Path) -> None:
        """Write to an ``.npz`` file of plain arrays, the same bytes for the same counts.

        Raises
        ------
        CannotWrite
            If the file cannot be written.
        """
        parts: dict[str, Any] = {"settings": _SETTINGS, **{name: getattr(self, name) for name in _DTYPES}}
        try:
            with path.open("wb") as file:
                np.savez(file, allow_pickle=False, **parts)
        except OSError as error:
            raise CannotWrite(f"{path}: text counts cannot be written ({error.strerror}); choose a writable folder") from None

    @classmethod
    def load(cls, path: Path) -> "TextCounts":
        """Read what `save` wrote.

        Raises
        ------
        LedgerUnreadable
            If the file is missing, damaged, or of another version or setting.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                parts = {name: np.asarray(stored[name]) for name in ("settings", *_DTYPES)}
        except Exception as error:  # numpy raises zip, key, value and system errors alike
            raise LedgerUnreadable(f"{path}: text counts cannot be read ({type(error).__name__}); build the ledger again") from None
        _check_parts(path, parts)
        return cls(**{name: parts[name] for name in _DTYPES})


def _check_parts(path: Path, parts: Mapping[str, npt.NDArray[Any]]) -> None:
    """Refuse stored arrays of other settings, or that do not fit each other."""
    settings = parts["settings"].tolist()
    if settings != _SETTINGS.tolist():
        raise LedgerUnreadable(f"{path}: text counts of settings {settings}, here {_SETTINGS.tolist()}; build the ledger again")
    quarters, entries = parts["quarters"].size, parts["buckets"].size
    shapes = {"quarters": (quarters,), "reviews": (quarters, 2), "starts": (quarters + 1,), "buckets": (entries,), "counts": (entries, 2)}
    starts, buckets = parts["starts"], parts["buckets"]
    fits = all(parts[name].shape == shapes[name] and parts[name].dtype == kind for name, kind in _DTYPES.items())
    fits = fits and starts[0] == 0 and starts[-1] == entries and bool((np.diff(starts) >= 0).all())
    if not fits or (entries and not 0 <= buckets.min() <= buckets.max() < BUCKETS):
        raise LedgerUnreadable(f"{path}: the arrays of the text counts do not fit each other; build the ledger again")


def of_dense(quarters: Iterable[tuple[int, Ints, Ints]]) -> TextCounts:
    """Return counts from each quarter's reviews (2,) and counts (BUCKETS, 2), quarters ascending; one without a text is left out."""
    kept, reviews, buckets, counts = [], [], [], []
    for quarter, of_class, dense in quarters:
        if of_class.any():
            kept.append(quarter)
            reviews.append(of_class)
            buckets.append(np.flatnonzero(dense.any(axis=1)).astype(np.int32))
            counts.append(dense[buckets[-1]])
    return TextCounts(
        quarters=np.array(kept, dtype=np.int32),
        reviews=np.array(reviews, dtype=np.int64).reshape(-1, 2),
        starts=np.concatenate([[0], np.cumsum([len(part) for part in buckets])]).astype(np.int64),
        buckets=np.concatenate([np.empty(0, np.int32), *buckets]),
        counts=np.concatenate([np.empty((0, 2), np.int64), *counts]),
    )
